//! A state's expectation of one column of its probe.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// `210`, `true`, `"absent"`, or bounds: `{ min = 1 }`, `{ max = 0 }`, `{ min = 1, max = 3 }`.
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
}

impl Expectation {
    /// True if one value could satisfy both expectations.
    pub fn can_agree_with(&self, other: &Self) -> bool {
        match (self, other) {
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

    /// True if a value in PostgreSQL's text form satisfies the expectation. `None` is SQL's NULL,
    /// which satisfies none.
    pub fn accepts(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return false };
        match self {
            Self::Integer(expected) => integer(value) == Some(*expected),
            Self::Bool(expected) => boolean(value) == Some(*expected),
            Self::Text(expected) => value == expected,
            Self::Range { min, max } => integer(value).is_some_and(|value| {
                min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max)
            }),
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
        }
    }
}

impl Serialize for Expectation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(n) => serializer.serialize_i64(*n),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Text(text) => serializer.serialize_str(text),
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
        f.write_str("an integer, a boolean, a string, or { min = N, max = N }; write other numbers as strings")
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

    fn visit_str<E>(self, text: &str) -> Result<Expectation, E> {
        Ok(Expectation::Text(text.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expectation, A::Error> {
        let (mut min, mut max) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            let bound = match key.as_str() {
                "min" => &mut min,
                "max" => &mut max,
                _ => return Err(A::Error::unknown_field(&key, &["min", "max"])),
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
    fn spelling() {
        for text in ["210", "true", "\"absent\"", "{\"max\":3,\"min\":1}"] {
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
        ] {
            assert!(
                serde_json::from_str::<Expectation>(wrong).is_err(),
                "{wrong}"
            );
        }
    }
}
