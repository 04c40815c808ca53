//! Databases that a release or a trust root names.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::receipt::ObservedTarget;
use super::wildcard;
use crate::digest::string_conversions;

/// `app`, `tenant_*`, or `app@7301234567890123456`: the name of a database, in which `*` stands for
/// any characters, and optionally the system identifier of its cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatabasePattern {
    name: String,
    /// `pg_control_system().system_identifier`: identifies one cluster worldwide.
    system_identifier: Option<String>,
}

/// Reason why a text names no database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} names no database: write a name of 1 to 63 bytes, * for any characters, and @ before the system identifier of its cluster if only that one is meant"
)]
pub struct DatabasePatternError {
    found: String,
}

/// Maximum bytes of a name (PostgreSQL, `NAMEDATALEN - 1`).
const NAME_BYTES: usize = 63;

impl DatabasePattern {
    /// Whether it means the database of this name, on any cluster.
    pub fn has_name(&self, database: &str) -> bool {
        wildcard::matches(&self.name, database)
    }

    /// Whether it means this database. An unknown system identifier is never the one that is
    /// named.
    pub fn matches(&self, target: &ObservedTarget) -> bool {
        self.is_database(&target.database, target.system_identifier.as_deref())
    }

    /// Like [`Self::matches`], for a name and a system identifier.
    pub fn is_database(&self, name: &str, system_identifier: Option<&str>) -> bool {
        let wanted = self.system_identifier.as_deref();
        self.has_name(name) && (wanted.is_none() || wanted == system_identifier)
    }

    /// Whether a database can be meant by both.
    fn overlaps(&self, other: &Self) -> bool {
        let is_one_cluster = match (&self.system_identifier, &other.system_identifier) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        let has_one_name = match (self.single(), other.single()) {
            (Some(name), _) => other.has_name(name),
            (None, Some(name)) => self.has_name(name),
            (None, None) => {
                let (first, last) = self.ends();
                let (other_first, other_last) = other.ends();
                (first.starts_with(other_first) || other_first.starts_with(first))
                    && (last.ends_with(other_last) || other_last.ends_with(last))
            }
        };
        is_one_cluster && has_one_name
    }

    /// The text before the first `*`, and that after the last.
    fn ends(&self) -> (&str, &str) {
        let first = self.name.split('*').next().unwrap_or_default();
        let last = self.name.rsplit('*').next().unwrap_or_default();
        (first, last)
    }

    /// The name, if it is one of a single database.
    fn single(&self) -> Option<&str> {
        (!self.name.contains('*')).then_some(&self.name)
    }
}

impl FromStr for DatabasePattern {
    type Err = DatabasePatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_identifier = |digits: &&str| {
            !digits.is_empty() && digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit())
        };
        let split = text.rsplit_once('@').filter(|(_, id)| is_identifier(id));
        let (name, system_identifier) = match split {
            Some((name, id)) => (name, Some(id.to_owned())),
            None => (text, None),
        };
        if name.is_empty() || name.len() > NAME_BYTES || name.contains(char::is_control) {
            return Err(DatabasePatternError {
                found: text.chars().take(80).collect(),
            });
        }
        Ok(Self {
            name: name.to_owned(),
            system_identifier,
        })
    }
}

impl fmt::Display for DatabasePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.system_identifier {
            Some(id) => write!(f, "@{id}"),
            None => Ok(()),
        }
    }
}

string_conversions!(DatabasePattern);

/// The databases of a release, at least one. A single one is written as a string, more as a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Databases(Vec<DatabasePattern>);

impl Databases {
    /// `None` for an empty list.
    pub fn new(list: Vec<DatabasePattern>) -> Option<Self> {
        (!list.is_empty()).then_some(Self(list))
    }

    /// Whether one of them has this name.
    pub fn has_name(&self, database: &str) -> bool {
        self.0.iter().any(|one| one.has_name(database))
    }

    /// Whether one of them is this database.
    pub fn matches(&self, target: &ObservedTarget) -> bool {
        self.0.iter().any(|one| one.matches(target))
    }

    /// Whether a pattern can mean one of them.
    pub fn overlap(&self, pattern: &DatabasePattern) -> bool {
        self.0.iter().any(|one| one.overlaps(pattern))
    }

    /// The first one that is a name and no pattern.
    pub fn first_name(&self) -> Option<&str> {
        self.0.iter().find_map(DatabasePattern::single)
    }
}

/// Formats as `app, tenant_*`.
impl fmt::Display for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&all.join(", "))
    }
}

impl Serialize for Databases {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Databases {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrSeveral)
    }
}

struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = Databases;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a database, or a list of databases")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Databases, E> {
        let one = text.parse().map_err(E::custom)?;
        Ok(Databases(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Databases, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            all.push(one);
        }
        Databases::new(all).ok_or_else(|| A::Error::custom("no database is named"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> DatabasePattern {
        text.parse().unwrap()
    }

    #[test]
    fn patterns_that_overlap() {
        let overlap = [
            ("app", "app"),
            ("app@7", "app"),
            ("tenant_*", "tenant_1@7"),
            ("tenant_1", "*_1"),
            ("a*c", "ab*"),
            ("*", "x*y"),
        ];
        let apart = [
            ("app", "apps"),
            ("app@7", "app@8"),
            ("tenant_*", "tenant"),
            ("a*c", "b*"),
            ("*_a", "x*_b"),
        ];
        for (one, other) in overlap {
            assert!(pattern(one).overlaps(&pattern(other)), "{one} {other}");
            assert!(pattern(other).overlaps(&pattern(one)), "{other} {one}");
        }
        for (one, other) in apart {
            assert!(!pattern(one).overlaps(&pattern(other)), "{one} {other}");
            assert!(!pattern(other).overlaps(&pattern(one)), "{other} {one}");
        }
    }

    #[test]
    fn names_and_patterns() {
        let fits = [
            ("app", "app"),
            ("tenant_*", "tenant_"),
            ("tenant_*", "tenant_1"),
            ("*", "x"),
            ("a*b*c", "a--b--c"),
            ("a*b*c", "abc"),
            ("*_x", "a_x_x"),
        ];
        let differs = [
            ("app", "apps"),
            ("app", "App"),
            ("tenant_*", "tenant"),
            ("a*b*c", "acb"),
            ("ab*ba", "aba"),
            ("a*b*c", "a--c--b"),
            ("app@7", "app@7"),
        ];
        for (text, name) in fits {
            assert!(pattern(text).has_name(name), "{text} {name}");
        }
        for (text, name) in differs {
            assert!(!pattern(text).has_name(name), "{text} {name}");
        }
    }

    #[test]
    fn spellings() {
        for text in ["app", "app@7301234567890123456", "a@b", "*"] {
            assert_eq!(pattern(text).to_string(), text);
        }
        let long = "x".repeat(64);
        for wrong in ["", "@7", "a\nb", &long] {
            assert!(wrong.parse::<DatabasePattern>().is_err(), "{wrong}");
        }
        let read = |json: &str| serde_json::from_str::<Databases>(json);
        let written = |json: &str| serde_json::to_string(&read(json).unwrap()).unwrap();
        assert_eq!(written(r#""app""#), r#""app""#);
        assert_eq!(written(r#"["app"]"#), r#""app""#);
        assert_eq!(written(r#"["app","b_*"]"#), r#"["app","b_*"]"#);
        assert!(read("[]").is_err());
        assert!(read("7").is_err());
    }
}
