//! A release by name and range of versions, that another release requires or conflicts with.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::{Name, Version};
use crate::digest::string_conversions;

/// `one-roof`, `one-roof >= 1.0.0`, `one-roof < 2`, both joined by a comma, or `one-roof = 1.0.0`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseRange {
    release: Name,
    versions: Versions,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Versions {
    /// Any version, or those within the bounds.
    Within {
        at_least: Option<Version>,
        below: Option<Version>,
    },
    Exactly(Version),
}

/// Reason why a text is not a range of releases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum ReleaseRangeError {
    /// Not the grammar.
    #[error(
        "{0:?} is not a release: write \"one-roof\", \"one-roof >= 1.0.0\", \"one-roof >= 1.0.0, < 2\" or \"one-roof = 1.0.0\""
    )]
    Grammar(String),
    /// A bound that has no order.
    #[error("{0:?} can't be ordered: a version after >= or < is numbers joined by dots")]
    Unordered(String),
    /// No version is within the bounds.
    #[error("{0:?} has no version: the lower bound is not below the upper one")]
    Empty(String),
}

impl ReleaseRange {
    /// Name of the release.
    pub fn release(&self) -> &Name {
        &self.release
    }

    /// True if every version is in the range.
    pub fn is_any(&self) -> bool {
        let any = Versions::Within {
            at_least: None,
            below: None,
        };
        self.versions == any
    }

    /// Whether the range contains a version. `None` if the version has no order, so that nobody
    /// knows: a requirement is then not met, and a conflict exists.
    pub fn contains(&self, version: &str) -> Option<bool> {
        match &self.versions {
            Versions::Exactly(exact) => {
                let order = compare(version, exact.as_str());
                Some(order.map_or(version == exact.as_str(), Ordering::is_eq))
            }
            Versions::Within { at_least, below } => {
                let against = |bound: &Option<Version>, fits: fn(Ordering) -> bool| match bound {
                    Some(bound) => compare(version, bound.as_str()).map(fits),
                    None => Some(true),
                };
                let (from, to) = (
                    against(at_least, Ordering::is_ge)?,
                    against(below, Ordering::is_lt)?,
                );
                Some(from && to)
            }
        }
    }
}

/// Compares versions that are numbers joined by dots; missing numbers are 0. `None` if one is not.
fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (mut a, mut b) = (numbers(a)?, numbers(b)?);
    let length = a.len().max(b.len());
    a.resize(length, "");
    b.resize(length, "");
    // Without leading zeros, the longer number is the greater one.
    let keys = |all: Vec<&str>| -> Vec<(usize, String)> {
        all.into_iter()
            .map(|number| (number.len(), number.to_owned()))
            .collect()
    };
    Some(keys(a).cmp(&keys(b)))
}

/// The numbers of a version, without leading zeros.
fn numbers(version: &str) -> Option<Vec<&str>> {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let mut parts = version.split('.');
    parts
        .clone()
        .all(number)
        .then(|| parts.by_ref().map(|part| part.trim_start_matches('0')))
        .map(Iterator::collect)
}

impl FromStr for ReleaseRange {
    type Err = ReleaseRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = || text.chars().take(120).collect::<String>();
        let grammar = || ReleaseRangeError::Grammar(shown());
        let text = text.trim();
        let end = text.find(|c: char| c.is_whitespace() || ">=<".contains(c));
        let (name, bounds) = text.split_at(end.unwrap_or(text.len()));
        let release: Name = name.parse().map_err(|_| grammar())?;
        let (mut at_least, mut below) = (None, None);
        if bounds.is_empty() {
            let versions = Versions::Within { at_least, below };
            return Ok(Self { release, versions });
        }
        let version = |text: &str| text.trim().parse::<Version>().map_err(|_| grammar());
        if let Some(exact) = bounds.trim().strip_prefix('=') {
            let versions = Versions::Exactly(version(exact)?);
            return Ok(Self { release, versions });
        }
        for part in bounds.split(',').map(str::trim) {
            let (bound, number) = match (part.strip_prefix(">="), part.strip_prefix('<')) {
                (Some(number), _) => (&mut at_least, number),
                (_, Some(number)) => (&mut below, number),
                _ => return Err(grammar()),
            };
            let number = version(number)?;
            if numbers(number.as_str()).is_none() {
                return Err(ReleaseRangeError::Unordered(shown()));
            }
            if bound.replace(number).is_some() {
                return Err(grammar());
            }
        }
        if let (Some(from), Some(to)) = (&at_least, &below)
            && compare(from.as_str(), to.as_str()).is_none_or(Ordering::is_ge)
        {
            return Err(ReleaseRangeError::Empty(shown()));
        }
        let versions = Versions::Within { at_least, below };
        Ok(Self { release, versions })
    }
}

impl fmt::Display for ReleaseRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.release.fmt(f)?;
        match &self.versions {
            Versions::Exactly(exact) => write!(f, " = {exact}"),
            Versions::Within { at_least, below } => {
                let at_least = at_least.iter().map(|version| format!(" >= {version}"));
                let below = below.iter().map(|version| format!(" < {version}"));
                f.write_str(&at_least.chain(below).collect::<Vec<_>>().join(","))
            }
        }
    }
}

string_conversions!(ReleaseRange);

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> ReleaseRange {
        text.parse().expect(text)
    }

    #[test]
    fn spellings() {
        for (written, canonical) in [
            ("one-roof", "one-roof"),
            (" one-roof>=1.0.0 ", "one-roof >= 1.0.0"),
            ("a <2 , >= 1", "a >= 1, < 2"),
            ("a = 1.0-rc1", "a = 1.0-rc1"),
        ] {
            assert_eq!(range(written).to_string(), canonical);
            assert_eq!(range(canonical), range(written));
        }
        for wrong in [
            "",
            ">= 1",
            "A",
            "a b",
            "a 1",
            "a > 1",
            "a <= 1",
            "a >=",
            "a >= 1,",
            "a >= 1, >= 2",
            "a = 1, < 2",
            "a == 1",
            "a >= 1 2",
            "a,",
        ] {
            let error = wrong.parse::<ReleaseRange>().unwrap_err();
            assert!(matches!(error, ReleaseRangeError::Grammar(_)), "{wrong}");
        }
        for wrong in ["a >= 1.0-rc1", "a < x", "a < 1..2", "a >= 1."] {
            let error = wrong.parse::<ReleaseRange>().unwrap_err();
            assert!(matches!(error, ReleaseRangeError::Unordered(_)), "{wrong}");
        }
        for wrong in ["a >= 2, < 1", "a >= 1, < 1.0"] {
            let error = wrong.parse::<ReleaseRange>().unwrap_err();
            assert!(matches!(error, ReleaseRangeError::Empty(_)), "{wrong}");
        }
    }

    #[test]
    fn order() {
        let is_in = |text: &str, version: &str| range(text).contains(version);
        assert_eq!(is_in("a", "any-text"), Some(true));
        for (text, inside, outside) in [
            ("a >= 1.9", "1.10", "1.8.99"),
            ("a >= 1.0.0", "1", "0.9"),
            ("a < 2", "1.99.99", "2.0"),
            ("a >= 1, < 2", "01.5", "2"),
            ("a = 1.0", "1.0.0", "1.0.1"),
            ("a = 1.0-rc1", "1.0-rc1", "1.0"),
            ("a = 1.0", "1", "1.0-rc1"),
            (
                "a >= 99999999999999999999999999999999999998",
                "99999999999999999999999999999999999999",
                "99999999999999999999999999999999999997",
            ),
        ] {
            assert_eq!(is_in(text, inside), Some(true), "{text}: {inside}");
            assert_eq!(is_in(text, outside), Some(false), "{text}: {outside}");
        }
        for unordered in ["2.0-rc1", "v2", "2026-06-01", "2.", ""] {
            assert_eq!(is_in("a >= 1", unordered), None, "{unordered}");
            assert_eq!(is_in("a < 1", unordered), None, "{unordered}");
        }
    }
}
