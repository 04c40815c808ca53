//! A state's expectation of one column of its probe.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `210`, `true`, `"absent"`, bounds: `{ min = 1 }`, `{ max = 0 }`, `{ min = 1, max = 3 }`, or
/// relative to the start of a run or rollback: `"unchanged"`, `"+210"`, `"-210"`. A text that only
/// looks relative is written `{ text = "+210" }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// An integer; `210` and `210.00` are the same number.
    Integer(i64),
    /// A boolean.
    Bool(bool),
    /// A text, compared byte by byte.
    Text(String),
    /// An integer within bounds, both inclusive.
    Range {
        /// The lower bound, if any.
        min: Option<i64>,
        /// The upper bound, if any.
        max: Option<i64>,
    },
    /// The value at the start, compared byte by byte; NULL equals NULL.
    Unchanged,
    /// An integer that differs from the integer at the start by this number.
    Change(i64),
}

impl Expectation {
    /// True if one value could satisfy both expectations.
    pub fn can_agree_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unchanged | Self::Change(_), _) | (_, Self::Unchanged | Self::Change(_)) => true,
            (
                Self::Range {
                    min: least,
                    max: most,
                },
                Self::Range { min, max },
            ) => {
                let least = (*least).max(*min).unwrap_or(i64::MIN);
                let (one, two) = (most.unwrap_or(i64::MAX), max.unwrap_or(i64::MAX));
                least <= one.min(two)
            }
            (Self::Range { .. }, one) => self.accepts(Some(&one.to_string())),
            (one, _) => other.accepts(Some(&one.to_string())),
        }
    }

    /// Whether it needs a value from the start of the run or rollback.
    pub fn is_relative(&self) -> bool {
        matches!(self, Self::Unchanged | Self::Change(_))
    }

    /// True if a value in PostgreSQL's text form satisfies the expectation, given the value at the
    /// start. `None` is SQL's NULL.
    pub fn accepts_after(&self, start: Option<&str>, value: Option<&str>) -> bool {
        match self {
            Self::Unchanged => value == start,
            Self::Change(by) => {
                let start = start.and_then(integer);
                let expected = start.and_then(|start| start.checked_add(*by));
                expected.is_some() && value.and_then(integer) == expected
            }
            _ => self.accepts(value),
        }
    }

    /// True if a value in PostgreSQL's text form satisfies the expectation. `None` is SQL's NULL,
    /// which satisfies none. Relative expectations accept every value: there is no start to compare
    /// with.
    pub fn accepts(&self, value: Option<&str>) -> bool {
        if self.is_relative() {
            return true;
        }
        let Some(value) = value else { return false };
        match self {
            Self::Integer(expected) => integer(value) == Some(*expected),
            Self::Bool(expected) => boolean(value) == Some(*expected),
            Self::Text(expected) => value == expected,
            Self::Range { min, max } => integer(value).is_some_and(|value| {
                min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max)
            }),
            Self::Unchanged | Self::Change(_) => true,
        }
    }
}

/// Parses an integer as `integer`, `bigint` or `numeric` prints it.
fn integer(value: &str) -> Option<i64> {
    let whole = match value.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole,
        Some(_) => return None,
        None => value,
    };
    whole.parse().ok()
}

/// The word for a value that stays as it is.
const UNCHANGED: &str = "unchanged";

/// Whether a text in `release.toml` means a relative expectation: `unchanged`, or a sign and digits.
fn looks_relative(text: &str) -> bool {
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    text == UNCHANGED || text.strip_prefix(['+', '-']).is_some_and(is_number)
}

fn boolean(value: &str) -> Option<bool> {
    match value {
        "t" | "true" => Some(true),
        "f" | "false" => Some(false),
        _ => None,
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(n) => write!(f, "{n}"),
            Self::Bool(b) => write!(f, "{b}"),
            Self::Text(text) => f.write_str(text),
            Self::Range {
                min: Some(min),
                max: Some(max),
            } => write!(f, "{min} to {max}"),
            Self::Range {
                min: Some(min),
                max: None,
            } => write!(f, ">= {min}"),
            Self::Range {
                min: None,
                max: Some(max),
            } => write!(f, "<= {max}"),
            Self::Range {
                min: None,
                max: None,
            } => f.write_str("any integer"),
            Self::Unchanged => f.write_str(UNCHANGED),
            Self::Change(by) => write!(f, "{by:+}"),
        }
    }
}

impl Serialize for Expectation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(n) => serializer.serialize_i64(*n),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Text(text) if looks_relative(text) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("text", text)?;
                map.end()
            }
            Self::Text(text) => serializer.serialize_str(text),
            Self::Unchanged | Self::Change(_) => serializer.collect_str(self),
            Self::Range { min, max } => {
                let mut map = serializer.serialize_map(None)?;
                if let Some(max) = max {
                    map.serialize_entry("max", max)?;
                }
                if let Some(min) = min {
                    map.serialize_entry("min", min)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Expectation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ExpectationVisitor)
    }
}

struct ExpectationVisitor;

impl<'de> Visitor<'de> for ExpectationVisitor {
    type Value = Expectation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an integer, a boolean, a string, \"unchanged\", \"+N\", \"-N\", { min = N, max = N } or { text = \"...\" }; write other numbers as strings",
        )
    }

    fn visit_i64<E>(self, n: i64) -> Result<Expectation, E> {
        Ok(Expectation::Integer(n))
    }

    fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<Expectation, E> {
        i64::try_from(n)
            .map(Expectation::Integer)
            .map_err(|_| E::custom("the integer is too large"))
    }

    fn visit_bool<E>(self, b: bool) -> Result<Expectation, E> {
        Ok(Expectation::Bool(b))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Expectation, E> {
        if text == UNCHANGED {
            return Ok(Expectation::Unchanged);
        }
        if !looks_relative(text) {
            return Ok(Expectation::Text(text.to_owned()));
        }
        text.parse()
            .map(Expectation::Change)
            .map_err(|_| E::custom("the change is too large"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expectation, A::Error> {
        let (mut min, mut max) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            if key == "text" && min.is_none() && max.is_none() {
                let text = map.next_value()?;
                return match map.next_key::<String>()? {
                    None => Ok(Expectation::Text(text)),
                    Some(_) => Err(A::Error::custom("text stands alone")),
                };
            }
            let bound = match key.as_str() {
                "min" => &mut min,
                "max" => &mut max,
                _ => return Err(A::Error::unknown_field(&key, &["min", "max", "text"])),
            };
            if bound.replace(map.next_value::<i64>()?).is_some() {
                return Err(A::Error::custom(format!("duplicate key {key}")));
            }
        }
        match (min, max) {
            (None, None) => Err(A::Error::custom("expected min or max")),
            (Some(min), Some(max)) if min > max => {
                Err(A::Error::custom("min is above max, so nothing fits"))
            }
            _ => Ok(Expectation::Range { min, max }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_the_servers_text_form() {
        let at_least_one = Expectation::Range {
            min: Some(1),
            max: None,
        };
        for (expectation, value, fits) in [
            (Expectation::Integer(210), Some("210"), true),
            (Expectation::Integer(210), Some("210.00"), true),
            (Expectation::Integer(210), Some("210.5"), false),
            (Expectation::Integer(0), None, false),
            (Expectation::Bool(true), Some("t"), true),
            (Expectation::Bool(true), Some("yes"), false),
            (Expectation::Text("absent".into()), Some("absent"), true),
            (at_least_one.clone(), Some("1"), true),
            (at_least_one.clone(), Some("0"), false),
            (at_least_one, Some("x"), false),
        ] {
            assert_eq!(expectation.accepts(value), fits, "{expectation} {value:?}");
        }
    }

    #[test]
    fn values_compared_with_the_start() {
        let (unchanged, more) = (Expectation::Unchanged, Expectation::Change(210));
        for (expectation, start, value, fits) in [
            (&unchanged, Some("7"), Some("7"), true),
            (&unchanged, Some("7"), Some("8"), false),
            (&unchanged, None, None, true),
            (&unchanged, None, Some(""), false),
            (&more, Some("0"), Some("210"), true),
            (&more, Some("0.0"), Some("210.00"), true),
            (&more, Some("1"), Some("210"), false),
            (&more, None, Some("210"), false),
            (&more, Some("x"), Some("x"), false),
            (&more, Some("9223372036854775807"), None, false),
            (&Expectation::Change(-1), Some("1"), Some("0"), true),
            (&Expectation::Integer(3), Some("9"), Some("3"), true),
        ] {
            let found = expectation.accepts_after(start, value);
            assert_eq!(found, fits, "{expectation} {start:?} {value:?}");
        }
    }

    #[test]
    fn spelling() {
        for text in [
            "210",
            "true",
            "\"absent\"",
            "{\"max\":3,\"min\":1}",
            "\"unchanged\"",
            "\"+210\"",
            "\"-210\"",
            "\"+0\"",
            "\"+ 1\"",
            "\"+1.5\"",
            "{\"text\":\"+210\"}",
            "{\"text\":\"unchanged\"}",
        ] {
            let expectation: Expectation = serde_json::from_str(text).expect(text);
            assert_eq!(serde_json::to_string(&expectation).expect("json"), text);
        }
        for wrong in [
            "1.5",
            "{}",
            "{\"min\":2,\"max\":1}",
            "{\"least\":1}",
            "null",
            "[]",
            "\"+9223372036854775808\"",
            "{\"text\":\"a\",\"min\":1}",
            "{\"min\":1,\"text\":\"a\"}",
        ] {
            assert!(
                serde_json::from_str::<Expectation>(wrong).is_err(),
                "{wrong}"
            );
        }
    }
}
