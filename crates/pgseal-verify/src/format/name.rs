//! Names as types, each with one strict grammar.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::string_conversions;

/// Reason why a text is not a name of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no {kind}: {allowed}")]
pub struct NameError {
    kind: &'static str,
    allowed: &'static str,
    found: String,
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal, $allowed:literal, $test:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let test: fn(&str) -> bool = $test;
                if test(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    let found = text.chars().take(80).collect();
                    Err(NameError { kind: $kind, allowed: $allowed, found })
                }
            }
        }

        string_conversions!($type);

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name!(
    /// The name of a release, tier, gate, state, verify script or role.
    Name,
    "name",
    "1 to 40 of a-z, 0-9, '-' and '_', beginning with a letter or a digit",
    |text| fits(text, 40, |b| b.is_ascii_lowercase() || b.is_ascii_digit(), b"-_")
);

name!(
    /// The version of a release, for people; releases are ordered by their sequence, never by this
    /// text.
    Version,
    "version",
    "1 to 40 of A-Z, a-z, 0-9, '.', '+', '-' and '_', beginning with a letter or a digit",
    |text| fits(text, 40, |b| b.is_ascii_alphanumeric(), b".+-_")
);

name!(
    /// The name of a psql variable.
    VariableName,
    "variable name",
    "1 to 63 of A-Z, a-z, 0-9 and '_', beginning with a letter",
    |text| text.starts_with(|c: char| c.is_ascii_alphabetic()) && fits(text, 63, |b| b.is_ascii_alphanumeric(), b"_")
);

name!(
    /// The code of a ratified proposal.
    AprCode,
    "APR code",
    "1 to 100 of A-Z, a-z, 0-9, '.', '_', ':', '/', '#' and '-', beginning with a letter or a digit",
    |text| fits(text, 100, |b| b.is_ascii_alphanumeric(), b"._:/#-")
);

fn fits(text: &str, most: usize, first: fn(u8) -> bool, also: &[u8]) -> bool {
    let rest = |b: u8| first(b) || also.contains(&b);
    text.len() <= most && text.bytes().next().is_some_and(first) && text.bytes().all(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammars() {
        assert!("one-roof".parse::<Name>().is_ok());
        assert!("2026-06.b+1".parse::<Version>().is_ok());
        assert!("ratified_apr".parse::<VariableName>().is_ok());
        for wrong in ["", "-a", "A", "a b", "a\u{1b}[31m", "é", &"a".repeat(41)] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?}");
        }
        assert!("1a".parse::<VariableName>().is_err());
    }
}
