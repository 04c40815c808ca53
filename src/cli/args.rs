//! Arguments shared by several commands, and their evaluation.

mod connection;
mod database;
mod files;
mod keys;

pub use connection::{ConnectionArgs, shown as connection_shown};
pub use database::{DatabaseArgs, LimitArgs, RetryArgs, VariableArgs};
pub use files::{ApprovalArgs, BundleArgs, OnlyArgs, TrustArgs, authenticate, open, open_error};
pub use keys::{OpenedKey, PassphraseArgs, public_key, small_text};

use pgseal_verify::format::run_limits::TimeLimit;
use pgseal_verify::format::timestamp::Timestamp;

/// The host's clock.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_seconds(since.as_secs() as i64)
        .unwrap_or_else(|| Timestamp::from_seconds(0).expect("the epoch"))
}

/// Parses a time or a date.
pub fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::from_time_or_date(text).map_err(|error| error.to_string())
}

/// Parses a time, or a duration from now on as `[limits]` writes it.
pub fn until(text: &str) -> Result<Timestamp, String> {
    let now = now();
    if let Ok(limit) = text.parse::<TimeLimit>() {
        let seconds = i64::from(limit.milliseconds().div_ceil(1000));
        return Timestamp::from_seconds(now.seconds() + seconds)
            .ok_or_else(|| "it is too far away".to_owned());
    }
    time(text).map_err(|error| format!("{error}; or a duration from \"1s\" to \"24h\": 5min"))
}

/// Parses `NAME=VALUE`.
pub fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
