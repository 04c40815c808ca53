//! PKCS#11 URIs that name one key: `pkcs11:token=NAME;object=LABEL?module-path=/usr/lib/....so`, a
//! subset of RFC 7512. All other attributes are rejected, because an ignored attribute could select
//! another key.
//!
//! Compiled with and without the feature `pkcs11`, so that errors in a URI are always reported
//! first.

use std::fmt;
use std::path::PathBuf;

/// A key on a token, and the module that gives access to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUri {
    /// The vendor's module, a shared library. The path is absolute, because its code is loaded.
    pub module: PathBuf,
    pub token: Option<String>,
    /// The token's serial number.
    pub serial: Option<String>,
    pub object: Option<String>,
    pub id: Option<Vec<u8>>,
}

/// Error in a PKCS#11 URI. It never repeats a value, which may be a PIN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenUriError {
    #[error(
        "a key on a token is named by pkcs11:token=NAME;object=LABEL?module-path=/path/to/module.so"
    )]
    Scheme,
    #[error("the PKCS#11 URI holds a part that is not NAME=VALUE")]
    Part,
    #[error(
        "the PKCS#11 URI holds {0}: a PIN is never given by an argument, which others can read"
    )]
    Pin(&'static str),
    #[error(
        "the PKCS#11 URI holds an attribute that is not token, serial, object, id, type=private or module-path"
    )]
    Unknown,
    #[error("the PKCS#11 URI has {0} twice")]
    Twice(&'static str),
    /// A value with characters that must be escaped, or that is not text.
    #[error("the PKCS#11 URI's {0} holds a character that must be written as %XX (a space is %20)")]
    Escape(&'static str),
    #[error("the PKCS#11 URI lacks {0}")]
    Lacks(&'static str),
    /// A module path that is relative to the current directory.
    #[error("the PKCS#11 URI's module-path is not an absolute path")]
    Relative,
}

/// Accepted attributes of RFC 7512, section 2.3; then those with a PIN or its location.
const KNOWN: [&str; 6] = ["token", "serial", "object", "id", "type", "module-path"];
const PINS: [&str; 2] = ["pin-value", "pin-source"];

impl std::str::FromStr for TokenUri {
    type Err = TokenUriError;

    fn from_str(text: &str) -> Result<Self, TokenUriError> {
        let rest = text.strip_prefix("pkcs11:").ok_or(TokenUriError::Scheme)?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A PIN is reported before any other error.
        for part in path.split(';').chain(query.split('&')) {
            if let Some(pin) = PINS
                .into_iter()
                .find(|pin| part.split('=').next() == Some(pin))
            {
                return Err(TokenUriError::Pin(pin));
            }
        }
        let mut values: [Option<Vec<u8>>; 6] = Default::default();
        let parts = |text: &'_ str, by: char| text.split(by).map(str::to_owned).collect::<Vec<_>>();
        let query = if query.is_empty() {
            Vec::new()
        } else {
            parts(query, '&')
        };
        let path = parts(path, ';').into_iter().map(|part| (part, false));
        for (part, in_query) in path.chain(query.into_iter().map(|part| (part, true))) {
            let (name, value) = part.split_once('=').ok_or(TokenUriError::Part)?;
            let at = KNOWN
                .iter()
                .position(|known| *known == name && (*known == "module-path") == in_query);
            let at = at.ok_or(TokenUriError::Unknown)?;
            let value = decode(value, in_query).filter(|value| !value.is_empty());
            if values[at]
                .replace(value.ok_or(TokenUriError::Escape(KNOWN[at]))?)
                .is_some()
            {
                return Err(TokenUriError::Twice(KNOWN[at]));
            }
        }
        let [token, serial, object, id, kind, module] = values;
        if kind.is_some_and(|kind| kind != b"private") {
            return Err(TokenUriError::Unknown);
        }
        let module =
            text_of(module, "module-path")?.ok_or(TokenUriError::Lacks("?module-path="))?;
        if !module.starts_with('/') {
            return Err(TokenUriError::Relative);
        }
        let (token, serial) = (text_of(token, "token")?, text_of(serial, "serial")?);
        let object = text_of(object, "object")?;
        if token.is_none() && serial.is_none() {
            return Err(TokenUriError::Lacks("token= or serial="));
        }
        if object.is_none() && id.is_none() {
            return Err(TokenUriError::Lacks("object= or id="));
        }
        Ok(Self {
            module: module.into(),
            token,
            serial,
            object,
            id,
        })
    }
}

impl fmt::Display for TokenUri {
    /// Describes the token for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.token, &self.serial) {
            (Some(token), None) => write!(f, "PKCS#11 token {token:?}"),
            (Some(token), Some(serial)) => {
                write!(f, "PKCS#11 token {token:?} with the serial number {serial}")
            }
            (None, serial) => {
                write!(
                    f,
                    "PKCS#11 token with the serial number {}",
                    serial.as_deref().unwrap_or_default()
                )
            }
        }
    }
}

fn text_of(value: Option<Vec<u8>>, name: &'static str) -> Result<Option<String>, TokenUriError> {
    let text = value
        .map(String::from_utf8)
        .transpose()
        .map_err(|_| TokenUriError::Escape(name))?;
    // A NUL would end a path or a label early inside the module.
    if text.as_ref().is_some_and(|text| text.contains('\0')) {
        Err(TokenUriError::Escape(name))
    } else {
        Ok(text)
    }
}

/// Decodes `%XX`. Returns `None` for characters that RFC 7512 (pk11-pchar, pk11-qchar) requires to
/// be escaped.
fn decode(text: &str, in_query: bool) -> Option<Vec<u8>> {
    let plain: &[u8] = if in_query {
        b"-._~:[]@!$'()*+,=/?|"
    } else {
        b"-._~:[]@!$'()*+,=&"
    };
    let (mut out, mut bytes) = (Vec::new(), text.bytes());
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                out.push((digit()? * 16 + digit()?) as u8);
            }
            byte if byte.is_ascii_alphanumeric() || plain.contains(&byte) => out.push(byte),
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_is_named() {
        let uri: TokenUri =
            "pkcs11:token=Our%20HSM;object=release?module-path=/usr/lib/softhsm/libsofthsm2.so"
                .parse()
                .expect("a plain URI");
        assert_eq!(uri.module, PathBuf::from("/usr/lib/softhsm/libsofthsm2.so"));
        assert_eq!(
            (uri.token.as_deref(), uri.object.as_deref()),
            (Some("Our HSM"), Some("release"))
        );
        let uri: TokenUri = "pkcs11:id=%01%ff;serial=a1;type=private?module-path=/m.so"
            .parse()
            .expect("the other attributes");
        assert_eq!(
            (uri.id, uri.serial.as_deref()),
            (Some(vec![1, 255]), Some("a1"))
        );
    }

    #[test]
    fn what_names_no_key_is_refused() {
        use TokenUriError::*;
        for (text, error) in [
            ("release.key", Scheme),
            ("PKCS11:token=a;object=b?module-path=/m", Scheme),
            ("pkcs11:", Part),
            ("pkcs11:?module-path=/m", Part),
            ("pkcs11:token;object=b?module-path=/m", Part),
            ("pkcs11:token=a;object=b;?module-path=/m", Part),
            ("pkcs11:token=a;object=b", Lacks("?module-path=")),
            ("pkcs11:object=b?module-path=/m", Lacks("token= or serial=")),
            ("pkcs11:token=a?module-path=/m", Lacks("object= or id=")),
            ("pkcs11:token=a;object=b?module-path=m.so", Relative),
            ("pkcs11:token=a;object=b;module-path=/m", Unknown),
            ("pkcs11:object=b?module-path=/m&token=a", Unknown),
            ("pkcs11:token=a;slot-id=1;object=b?module-path=/m", Unknown),
            (
                "pkcs11:token=a;object=b;type=public?module-path=/m",
                Unknown,
            ),
            ("pkcs11:token=a;object=b?module-name=m", Unknown),
            (
                "pkcs11:token=a;token=a;object=b?module-path=/m",
                Twice("token"),
            ),
            ("pkcs11:token=a b;object=b?module-path=/m", Escape("token")),
            ("pkcs11:token=;object=b?module-path=/m", Escape("token")),
            ("pkcs11:token=a%2;object=b?module-path=/m", Escape("token")),
            ("pkcs11:token=a%+1;object=b?module-path=/m", Escape("token")),
            ("pkcs11:token=a%ff;object=b?module-path=/m", Escape("token")),
            (
                "pkcs11:token=a;object=b?module-path=/m%00.so",
                Escape("module-path"),
            ),
            (
                "pkcs11:token=a;object=b?module-path=/m#x",
                Escape("module-path"),
            ),
            (
                "pkcs11:token=a;object=b?module-path=/m&pin-value=1234",
                Pin("pin-value"),
            ),
            ("pkcs11:token;pin-source=file:/pin", Pin("pin-source")),
        ] {
            assert_eq!(text.parse::<TokenUri>(), Err(error), "{text}");
        }
    }

    #[test]
    fn no_error_repeats_a_value() {
        let error = "pkcs11:token=a;object=b?module-path=/m&pin-value=1234"
            .parse::<TokenUri>()
            .expect_err("a PIN");
        assert!(!error.to_string().contains("1234") && !format!("{error:?}").contains("1234"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,80}") {
            let _ = text.parse::<TokenUri>();
            let _ = format!("pkcs11:token={text};object=b?module-path=/m").parse::<TokenUri>();
        }
    }
}
