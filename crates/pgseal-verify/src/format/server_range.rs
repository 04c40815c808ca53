//! Range of server versions that a release supports.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::string_conversions;

/// `>=13`, `>=15.4`, `<18`, or both joined by a comma: `>=13, <19`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerRange {
    at_least: Option<u32>,
    below: Option<u32>,
}

/// Reason why a text is not a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a range of server versions: write \">=13\", \"<19\" or \">=13, <19\"")]
pub struct ServerRangeError {
    found: String,
}

impl ServerRange {
    /// True if the range contains a server's `server_version_num` (150018 is 15.18).
    pub fn contains(&self, server_version_num: u32) -> bool {
        self.at_least
            .is_none_or(|least| server_version_num >= least)
            && self.below.is_none_or(|below| server_version_num < below)
    }
}

impl FromStr for ServerRange {
    type Err = ServerRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ServerRangeError {
            found: text.chars().take(40).collect(),
        };
        let mut range = Self {
            at_least: None,
            below: None,
        };
        for part in text.split(',').map(str::trim) {
            let (bound, version) = match (part.strip_prefix(">="), part.strip_prefix('<')) {
                (Some(version), _) => (&mut range.at_least, version),
                (_, Some(version)) => (&mut range.below, version),
                _ => return Err(error()),
            };
            if bound
                .replace(version_num(version.trim()).ok_or_else(error)?)
                .is_some()
            {
                return Err(error());
            }
        }
        Ok(range)
    }
}

/// Converts `15.4` to `server_version_num` (PostgreSQL 10 and later: major * 10000 + minor).
fn version_num(version: &str) -> Option<u32> {
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    let number = |text: &str| {
        text.parse::<u32>()
            .ok()
            .filter(|n| text.len() <= 3 && n.to_string() == text)
    };
    Some(number(major)?.checked_mul(10_000)? + number(minor)?)
}

impl fmt::Display for ServerRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = |num: u32| match (num / 10_000, num % 10_000) {
            (major, 0) => major.to_string(),
            (major, minor) => format!("{major}.{minor}"),
        };
        let at_least = self.at_least.map(|num| format!(">={}", version(num)));
        let below = self.below.map(|num| format!("<{}", version(num)));
        f.write_str(
            &[at_least, below]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", "),
        )
    }
}

string_conversions!(ServerRange);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        let range: ServerRange = ">=13.2,<18".parse().expect("range");
        assert_eq!(range.to_string(), ">=13.2, <18");
        assert!(range.contains(130_002) && range.contains(170_009));
        assert!(!range.contains(130_001) && !range.contains(180_000));
        for wrong in ["", "13", "=13", ">=x", ">=13,>=14", ">=013", "<", ">=13,"] {
            assert!(wrong.parse::<ServerRange>().is_err(), "{wrong}");
        }
    }
}
