//! Versions of the format and of the program that can read it.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// Version of the running pgseal.
pub const PGSEAL: &str = env!("CARGO_PKG_VERSION");

/// The oldest pgseal that can read this version's documents. It rises only when a document gains a
/// field that an older reader would refuse.
pub const MINIMUM_PGSEAL: &str = "0.1.0";

/// Reads a version of pgseal: three numbers joined by dots, of at most nine digits, without leading zeros. Anything else has no
/// order, so that no program could decide whether it is too old.
pub fn program<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number = |part: &str| {
        let plain = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        plain && part.len() <= 9 && (part == "0" || !part.starts_with('0'))
    };
    if text.split('.').count() == 3 && text.split('.').all(number) {
        Ok(text)
    } else {
        let shown: String = text.chars().take(40).collect();
        Err(D::Error::custom(format!(
            "{shown:?} is no version of pgseal"
        )))
    }
}

/// The version of a document's format; only 1 exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Format1;

/// A document with a version unknown to this program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("format {found} is not known to pgseal {PGSEAL}, which reads format 1")]
pub struct UnknownFormat {
    found: u32,
}

impl TryFrom<u32> for Format1 {
    type Error = UnknownFormat;

    fn try_from(found: u32) -> Result<Self, Self::Error> {
        if found == 1 {
            Ok(Self)
        } else {
            Err(UnknownFormat { found })
        }
    }
}

impl From<Format1> for u32 {
    fn from(_: Format1) -> Self {
        1
    }
}

impl fmt::Display for Format1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("1")
    }
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn a_program_has_three_numbers() {
        let read = |text: &str| program(serde_json::Value::from(text)).is_ok();
        assert!(["0.1.0", "99.0.0", "1.20.300"].into_iter().all(read));
        for other in [
            "",
            "1",
            "0.1",
            "0.1.0.0",
            "0.1.x",
            "0.01.0",
            "0.1.0 ",
            "+0.1.0",
            "0..1",
            "0.0.1234567890",
        ] {
            assert!(!read(other), "{other}");
        }
    }
}
