//! Time limits of a release's run.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::string_conversions;

/// A time limit: an integer and `ms`, `s`, `min` or `h`, from 1 ms to 24 h. There is no
/// "unlimited".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeLimit(u32);

/// Reason why a text is not a time limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is not a time limit: write an integer and ms, s, min or h, from \"1ms\" to \"24h\""
)]
pub struct TimeLimitError {
    found: String,
}

const DAY: u32 = 24 * 60 * 60 * 1000;

impl TimeLimit {
    /// The limit in milliseconds.
    pub fn milliseconds(self) -> u32 {
        self.0
    }
}

impl FromStr for TimeLimit {
    type Err = TimeLimitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let unit = match &text[digits..] {
            "ms" => Some(1),
            "s" => Some(1_000),
            "min" => Some(60_000),
            "h" => Some(3_600_000),
            _ => None,
        };
        let number = text[..digits].parse::<u32>().ok();
        let limit = number
            .zip(unit)
            .and_then(|(number, unit)| number.checked_mul(unit));
        let limit = limit.filter(|ms| (1..=DAY).contains(ms));
        limit.map(Self).ok_or_else(|| TimeLimitError {
            found: text.chars().take(40).collect(),
        })
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ms if ms % 3_600_000 == 0 => write!(f, "{}h", ms / 3_600_000),
            ms if ms % 60_000 == 0 => write!(f, "{}min", ms / 60_000),
            ms if ms % 1_000 == 0 => write!(f, "{}s", ms / 1_000),
            ms => write!(f, "{ms}ms"),
        }
    }
}

string_conversions!(TimeLimit);

/// `[limits]`: PostgreSQL's own session settings, set before the first statement of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunLimits {
    /// `lock_timeout`: maximum wait of a statement for a lock before the run gives up. Default 5 s.
    pub lock_timeout: TimeLimit,
    /// `statement_timeout`: maximum duration of one statement. Default 5 min.
    pub statement_timeout: TimeLimit,
    /// `idle_in_transaction_session_timeout`: maximum time that the transaction waits for pgseal.
    /// Default 1 min.
    pub idle_timeout: TimeLimit,
    /// `transaction_timeout`: maximum duration of a whole transaction, on servers that support it
    /// (PostgreSQL 17 and later). Default 1 h.
    #[serde(skip_serializing_if = "is_default_transaction_timeout")]
    pub transaction_timeout: TimeLimit,
}

const TRANSACTION_TIMEOUT: TimeLimit = TimeLimit(3_600_000);

fn is_default_transaction_timeout(limit: &TimeLimit) -> bool {
    *limit == TRANSACTION_TIMEOUT
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            lock_timeout: TimeLimit(5_000),
            statement_timeout: TimeLimit(300_000),
            idle_timeout: TimeLimit(60_000),
            transaction_timeout: TRANSACTION_TIMEOUT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling() {
        for (text, ms) in [
            ("1ms", 1),
            ("5s", 5_000),
            ("90s", 90_000),
            ("5min", 300_000),
            ("24h", DAY),
        ] {
            assert_eq!(
                text.parse::<TimeLimit>().map(TimeLimit::milliseconds),
                Ok(ms)
            );
        }
        assert_eq!(TimeLimit(90_000).to_string(), "90s");
        for wrong in [
            "",
            "0s",
            "5",
            "s",
            "5 s",
            "25h",
            "1.5s",
            "-1s",
            "4294967296ms",
            "é",
        ] {
            assert!(wrong.parse::<TimeLimit>().is_err(), "{wrong}");
        }
    }
}
