//! Moments: RFC 3339, UTC, whole seconds, one spelling each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::string_conversions;

/// Seconds since 1970-01-01T00:00:00Z, written `2026-11-21T07:00:00Z`; up to 9999-12-30T22:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// Reason why a text is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is not a time: write YYYY-MM-DDTHH:MM:SSZ (UTC), or YYYY-MM-DD where a date is enough"
)]
pub struct TimestampError {
    found: String,
}

/// 9999-12-30T22:00:00Z: the last second in the year 9999 everywhere on Earth that jiff writes.
const LAST: i64 = 253_402_207_200;

impl Timestamp {
    /// Converts seconds since the epoch; `None` outside the years 1970 to 9999.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        (0..=LAST).contains(&seconds).then_some(Self(seconds))
    }

    /// The last representable moment; represents "no end".
    pub fn last() -> Self {
        Self(LAST)
    }

    /// Seconds since the epoch.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// Parses input by people: a full time, or a date alone, which means its first second.
    pub fn from_time_or_date(text: &str) -> Result<Self, TimestampError> {
        if text.len() == 10 {
            format!("{text}T00:00:00Z").parse()
        } else {
            text.parse()
        }
        .map_err(|_| TimestampError {
            found: text.chars().take(40).collect(),
        })
    }

    /// `20261121T070000Z`, for file names.
    pub fn compact(self) -> String {
        self.to_string().replace(['-', ':'], "")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_second(self.0).map_err(|_| fmt::Error)?;
        write!(f, "{}", moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let moment = text
            .parse::<jiff::Timestamp>()
            .ok()
            .and_then(|t| Self::from_seconds(t.as_second()));
        // The library parses leniently (offsets, fractions, lower case), so the spelling is
        // compared.
        let exact = moment.filter(|moment| moment.to_string() == text);
        exact.ok_or_else(|| TimestampError {
            found: text.chars().take(40).collect(),
        })
    }
}

string_conversions!(Timestamp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        let text = "2026-11-21T07:00:00Z";
        assert_eq!(
            text.parse::<Timestamp>().map(|t| t.to_string()),
            Ok(text.to_owned())
        );
        for wrong in [
            "2026-11-21T07:00:00.5Z",
            "2026-11-21T07:00:00+00:00",
            "2026-11-21t07:00:00z",
            "2026-11-21",
            "",
        ] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
        assert_eq!(Timestamp::last().to_string(), "9999-12-30T22:00:00Z");
        assert_eq!(
            Timestamp::from_seconds(Timestamp::last().seconds() + 1),
            None
        );
        assert_eq!(
            Timestamp::from_time_or_date("1970-01-02").map(Timestamp::seconds),
            Ok(86_400)
        );
    }
}
