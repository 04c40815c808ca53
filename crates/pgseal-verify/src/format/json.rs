//! Strict JSON. Writing follows RFC 8785 (JCS) without floating point numbers. Reading requires
//! exactly the bytes that writing the result produces: this fixes white space, key order, escapes
//! and number spellings, and excludes duplicate keys. The types refuse unknown keys.

use std::io::Write;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::version::PGSEAL;
use crate::limits;

/// Largest integer without loss of precision in other readers (RFC 8785 section 3.2.2.3, RFC 7493).
const MOST: i64 = (1 << 53) - 1;

/// Reason why a text is not a document.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum JsonError {
    /// Nesting deeper than [`limits::JSON_DEPTH`].
    #[error("JSON is nested deeper than {}", limits::JSON_DEPTH)]
    TooDeep,
    /// Not JSON, or not this document: an unknown, missing or duplicate key, or a value outside its
    /// grammar.
    #[error("{0}")]
    Shape(#[from] serde_json::Error),
    /// JSON, but not its one canonical spelling.
    #[error("JSON is not canonical (RFC 8785): it differs at byte {0}")]
    NotCanonical(usize),
    /// A version of the format that this program does not know.
    #[error("format {found} is not known to pgseal {PGSEAL}, which reads format 1; {} reads it",
        .program.as_ref().map_or("a newer pgseal".to_owned(), |version| format!("pgseal {version}")))]
    NewerFormat {
        /// The version of the format.
        found: u64,
        /// The version of pgseal that the document names.
        program: Option<String>,
    },
    /// A number without an exact spelling.
    #[error("number {0} is not an integer of at most 53 bits")]
    Number(String),
}

/// The canonical bytes of a document.
pub fn to_canonical<T: Serialize>(document: &T) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::new();
    write_value(&serde_json::to_value(document)?, &mut out)?;
    Ok(out)
}

/// Reads a document from its canonical bytes.
pub fn from_canonical<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    // docs/decisions/016
    check_depth(bytes)?;
    let document: T = serde_json::from_slice(bytes)?;
    let again = to_canonical(&document)?;
    if again == bytes {
        return Ok(document);
    }
    let same = again.iter().zip(bytes).take_while(|(a, b)| a == b).count();
    Err(JsonError::NotCanonical(same))
}

fn write_value(value: &Value, out: &mut Vec<u8>) -> Result<(), JsonError> {
    match value {
        Value::Null | Value::Bool(_) => write!(out, "{value}").map_err(serde_json::Error::io)?,
        Value::Number(number) => {
            let exact = number.as_i64().filter(|n| (-MOST..=MOST).contains(n));
            let exact = exact.ok_or_else(|| JsonError::Number(number.to_string()))?;
            write!(out, "{exact}").map_err(serde_json::Error::io)?;
        }
        // serde_json writes strings as RFC 8785 section 3.2.2.2 requires: the short escapes,
        // lower-case \u00xx.
        Value::String(text) => serde_json::to_writer(out, text)?,
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_value(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(entries) => {
            let mut keys: Vec<&String> = entries.keys().collect();
            // RFC 8785 section 3.2.3: by UTF-16 code units.
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (at, key) in keys.into_iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, key)?;
                out.push(b':');
                write_value(&entries[key], out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// Refuses nesting beyond the limit, before any parser sees the text.
pub fn check_depth(bytes: &[u8]) -> Result<(), JsonError> {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limits::JSON_DEPTH {
            return Err(JsonError::TooDeep);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Map = BTreeMap<String, i64>;

    #[test]
    fn rfc_8785_orders_by_utf_16() {
        let map: Map = [("\u{10000}", 1), ("\u{e000}", 2), ("a", 3)]
            .map(|(k, v)| (k.to_owned(), v))
            .into();
        let bytes = to_canonical(&map).expect("integers");
        assert_eq!(bytes, "{\"a\":3,\"\u{10000}\":1,\"\u{e000}\":2}".as_bytes());
        assert_eq!(from_canonical::<Map>(&bytes).expect("canonical"), map);
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "{\"a\": 1}",
            "{\"b\":1,\"a\":2}",
            "{\"a\":1,\"a\":1}",
            "{\"\\u0061\":1}",
            "{\"a\":1}\n",
            "{\"a\":01}",
        ] {
            assert!(from_canonical::<Map>(text.as_bytes()).is_err(), "{text}");
        }
        assert!(from_canonical::<Value>(b"1.5").is_err());
        assert!(from_canonical::<Value>(b"9007199254740992").is_err());
        assert!(matches!(
            from_canonical::<Value>(&[b'['; 4000]),
            Err(JsonError::TooDeep)
        ));
    }

    proptest! {
        #[test]
        fn reading_undoes_writing(map: BTreeMap<String, String>) {
            let bytes = to_canonical(&map).expect("strings");
            prop_assert_eq!(from_canonical::<BTreeMap<String, String>>(&bytes).expect("canonical"), map);
        }
    }
}
