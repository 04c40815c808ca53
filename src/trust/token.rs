//! Keys held by a PKCS#11 token (PKCS#11 3.0; OASIS): smart cards, HSMs, SoftHSM. Requires the
//! feature `pkcs11`, because it loads a vendor's code into the process; a host that only runs
//! releases does not need it.
//!
//! The secret half never leaves the token: pgseal requests `CKM_EDDSA` over the document's
//! encoding. The token is trusted with its key but not with its answers: every signature is
//! verified with the public key.

use std::fmt;
use std::io;
use std::path::PathBuf;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use zeroize::Zeroizing;

use super::note::NoteText;
use super::pae::pre_authentication_encoding;
use super::public_key::{PublicKey, PublicKeyError};
use super::signer::{Signer, SignerError};
use super::token_uri::TokenUri;
use pgseal_verify::plural::count;

/// A token's key, in a session that is logged in. Dropping it closes the session, which logs out.
///
/// The module stays initialized until the process ends, because `C_Finalize` would also end the
/// sessions of other keys.
pub struct TokenKey {
    session: Session,
    key: ObjectHandle,
    public: PublicKey,
    name: String,
}

/// Error in using a token's key.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The module can't be loaded, or is not a PKCS#11 module.
    #[error("{path}: not a PKCS#11 module that works here: {reason}", path = path.display())]
    Module {
        path: PathBuf,
        /// Error of the loader or the module.
        reason: String,
    },
    #[error("the module sees {}, of which {found} are the {token}", count(*all, "token"))]
    Token {
        token: String,
        found: usize,
        /// Number of all tokens.
        all: usize,
    },
    #[error("{token}: {found} Ed25519 {half} keys are called so, one is needed")]
    Key {
        token: String,
        /// `secret` or `public`.
        half: &'static str,
        found: usize,
    },
    #[error("{token}: no PIN: {reason}")]
    NoPin {
        token: String,
        /// Reason for its absence.
        reason: String,
    },
    /// The PIN is wrong, or locked after too many failures.
    #[error("{token}: the token refuses the PIN{}", if *.locked { ": it is locked" } else { "" })]
    Pin {
        token: String,
        /// Whether the PIN is locked.
        locked: bool,
    },
    #[error("{token}: the key's CKA_EC_POINT: {source}")]
    Point {
        token: String,
        source: PublicKeyError,
    },
    #[error("{token}: {reason}")]
    Said { token: String, reason: String },
}

impl TokenKey {
    /// Loads the module, finds the token, logs in and finds the key. Asks for the PIN only if the
    /// token requires one from the host, and not from its own PIN pad.
    pub fn open(
        uri: &TokenUri,
        pin: impl FnOnce() -> io::Result<Zeroizing<String>>,
    ) -> Result<Self, TokenError> {
        let name = uri.to_string();
        let failed = |error| failed(uri, &error);
        let module = load(uri)?;
        let slot = slot(&module, uri)?;
        let session = module.open_ro_session(slot).map_err(failed)?;
        let info = module.get_token_info(slot).map_err(failed)?;
        if info.login_required() {
            if info.user_pin_locked() {
                return Err(TokenError::Pin {
                    token: name,
                    locked: true,
                });
            }
            let pin = match info.protected_authentication_path() {
                true => None,
                false => Some(pin().map_err(|error| TokenError::NoPin {
                    token: name.clone(),
                    reason: error.to_string(),
                })?),
            };
            log_in(&session, pin, &name)?;
        }
        let (key, id) = secret_half(&session, uri)?;
        let public = public_half(&session, uri, id)?;
        Ok(Self {
            session,
            key,
            public,
            name,
        })
    }

    /// Signs a message and verifies the signature.
    fn checked(&self, message: &[u8]) -> Result<[u8; 64], SignerError> {
        let holder = || self.name.clone();
        // PKCS#11 3.0, section 2.3.14: without parameters, this is Ed25519 of RFC 8032, without
        // context or prehash.
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let signature = self.session.sign(&mechanism, self.key, message);
        let signature = signature.map_err(|error| SignerError::Refused {
            holder: holder(),
            reason: reason(&error),
        })?;
        match <[u8; 64]>::try_from(signature) {
            Ok(signature) if self.public.verifies(message, &signature) => Ok(signature),
            _ => Err(SignerError::Invalid { holder: holder() }),
        }
    }
}

impl Signer for TokenKey {
    fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    fn sign(&self, payload_type: &str, body: &[u8]) -> Result<[u8; 64], SignerError> {
        self.checked(&pre_authentication_encoding(payload_type, body))
    }

    fn sign_note(&self, text: &NoteText) -> Result<[u8; 64], SignerError> {
        self.checked(text.as_bytes())
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({} on {})", self.public.id(), self.name)
    }
}

fn load(uri: &TokenUri) -> Result<Pkcs11, TokenError> {
    let wrong = |error: Error| TokenError::Module {
        path: uri.module.clone(),
        reason: reason(&error),
    };
    let module = Pkcs11::new(&uri.module).map_err(wrong)?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // Another key of this module is already open in this process.
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(module),
        Err(error) => Err(wrong(error)),
    }
}

fn slot(module: &Pkcs11, uri: &TokenUri) -> Result<Slot, TokenError> {
    let failed = |error| failed(uri, &error);
    let (mut found, mut all) = (Vec::new(), 0);
    for slot in module.get_slots_with_token().map_err(failed)? {
        // SoftHSM always lists one additional, uninitialized token. An unreadable card is skipped.
        let Ok(info) = module.get_token_info(slot) else {
            continue;
        };
        let is = |wanted: &Option<String>, has: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == has)
        };
        if info.token_initialized() {
            all += 1;
            found.extend(
                (is(&uri.token, info.label()) && is(&uri.serial, info.serial_number()))
                    .then_some(slot),
            );
        }
    }
    match found[..] {
        [slot] => Ok(slot),
        _ => Err(TokenError::Token {
            token: uri.to_string(),
            found: found.len(),
            all,
        }),
    }
}

fn log_in(
    session: &Session,
    pin: Option<Zeroizing<String>>,
    token: &str,
) -> Result<(), TokenError> {
    // Both copies are wiped when dropped. From a &str the library makes exactly one copy, of exact
    // length.
    let pin = pin.map(|pin| AuthPin::from(pin.as_str()));
    let refused = |locked| {
        Err(TokenError::Pin {
            token: token.to_owned(),
            locked,
        })
    };
    match session.login(UserType::User, pin.as_ref()) {
        // A login applies to the whole process: another key of this token is already open.
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
        Err(Error::Pkcs11(
            RvError::PinIncorrect | RvError::PinLenRange | RvError::PinInvalid,
            _,
        )) => refused(false),
        Err(Error::Pkcs11(RvError::PinLocked, _)) => refused(true),
        Err(error) => Err(failed(&token, &error)),
    }
}

/// The one secret key that the URI names, and its id.
fn secret_half(session: &Session, uri: &TokenUri) -> Result<(ObjectHandle, Vec<u8>), TokenError> {
    let failed = |error| failed(uri, &error);
    let mut template = vec![
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::EC_EDWARDS),
    ];
    template.extend(
        uri.object
            .as_ref()
            .map(|label| Attribute::Label(label.clone().into_bytes())),
    );
    template.extend(uri.id.clone().map(Attribute::Id));
    let found = session.find_objects(&template).map_err(failed)?;
    let [key] = found[..] else {
        return Err(TokenError::Key {
            token: uri.to_string(),
            half: "secret",
            found: found.len(),
        });
    };
    let attributes = session
        .get_attributes(key, &[AttributeType::Id])
        .map_err(failed)?;
    let id = attributes
        .into_iter()
        .find_map(|attribute| match attribute {
            Attribute::Id(id) => Some(id),
            _ => None,
        });
    Ok((key, id.unwrap_or_default()))
}

/// The public key with the same id (PKCS#11 gives both halves one), or with the same label if there
/// is no id.
fn public_half(session: &Session, uri: &TokenUri, id: Vec<u8>) -> Result<PublicKey, TokenError> {
    let failed = |error| failed(uri, &error);
    let mut template = vec![
        Attribute::Class(ObjectClass::PUBLIC_KEY),
        Attribute::KeyType(KeyType::EC_EDWARDS),
    ];
    match (id.is_empty(), &uri.object) {
        (true, Some(label)) => template.push(Attribute::Label(label.clone().into_bytes())),
        _ => template.push(Attribute::Id(id)),
    }
    let mut points = Vec::new();
    for key in session.find_objects(&template).map_err(failed)? {
        for attribute in session
            .get_attributes(key, &[AttributeType::EcPoint])
            .map_err(failed)?
        {
            if let Attribute::EcPoint(point) = attribute {
                points.push(point);
            }
        }
    }
    let [point] = &points[..] else {
        return Err(TokenError::Key {
            token: uri.to_string(),
            half: "public",
            found: points.len(),
        });
    };
    key_of_point(point).map_err(|source| TokenError::Point {
        token: uri.to_string(),
        source,
    })
}

/// Parses `CKA_EC_POINT`: a DER OCTET STRING of the 32 bytes of RFC 8032, or, with some modules,
/// the bare 32 bytes.
fn key_of_point(point: &[u8]) -> Result<PublicKey, PublicKeyError> {
    let bytes = match point {
        [0x04, 0x20, bytes @ ..] if bytes.len() == 32 => bytes,
        bytes => bytes,
    };
    let bytes = bytes.try_into();
    PublicKey::from_bytes(
        bytes.map_err(|_| PublicKeyError::NotEd25519(format!("it has {} bytes", point.len())))?,
    )
}

fn failed(token: &impl fmt::Display, error: &Error) -> TokenError {
    TokenError::Said {
        token: token.to_string(),
        reason: reason(error),
    }
}

/// The error's name. The library's own messages are paragraphs of the specification.
fn reason(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("{function:?}: {code:?}"),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::SecretKey;

    #[test]
    fn a_point_is_wrapped_or_raw() {
        let key = SecretKey::generate().expect("random").public_key();
        let wrapped = [&[0x04, 0x20], &key.as_bytes()[..]].concat();
        assert_eq!(key_of_point(&wrapped).expect("a key"), key);
        assert_eq!(key_of_point(key.as_bytes()).expect("a key"), key);
        let long = [&wrapped[..], b"x"].concat();
        for point in [&[][..], &wrapped[..33], &wrapped[1..], &long, &[4; 57]] {
            assert!(key_of_point(point).is_err(), "{point:?}");
        }
    }

    #[test]
    fn what_is_no_module_is_told() {
        let missing = "pkcs11:token=a;object=b?module-path=/nonexistent/module.so"
            .parse()
            .expect("a plain URI");
        let error = TokenKey::open(&missing, || unreachable!("no PIN is asked for"))
            .expect_err("there is none");
        assert!(
            error
                .to_string()
                .starts_with("/nonexistent/module.so: not a PKCS#11 module"),
            "{error}"
        );
    }
}
