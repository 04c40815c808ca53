//! `missing-lock-timeout`: long timeouts in `[limits]`, which has no "unlimited", and scripts that
//! set their own.

use serde::Deserialize;
use toml::Spanned;

use super::scripts::place;
use super::search_path::setting;
use crate::bundle::problem::Problem;
use crate::bundle::release_toml::{FILE, line_and_column};
use pgseal_verify::format::run_limits::{RunLimits, TimeLimit};
use psql_script::{Statement, Tokens};

const RULE: &str = "missing-lock-timeout";

/// Longest acceptable lock wait in milliseconds: a waiting statement blocks every session behind
/// it, so more is an outage.
const SANE: u32 = 60_000;

#[derive(Deserialize)]
struct Toml {
    limits: Option<Limits>,
}

#[derive(Deserialize)]
struct Limits {
    lock_timeout: Option<Spanned<String>>,
}

/// Checks `[limits]` of release.toml.
pub fn limits(limits: &RunLimits, release_toml: &str) -> Option<Problem> {
    if limits.lock_timeout.milliseconds() <= SANE {
        return None;
    }
    let toml = toml::from_str::<Toml>(release_toml).ok();
    let span = toml
        .and_then(|toml| toml.limits?.lock_timeout)
        .map(|value| value.span());
    let at = span.map(|span| line_and_column(release_toml, span.start));
    let text = format!(
        "statements may wait {} for a lock, and everybody else behind them",
        limits.lock_timeout
    );
    Some(Problem {
        at,
        ..Problem::file(FILE, text).rule(RULE)
    })
}

/// Checks `SET [LOCAL] lock_timeout` in a script, which must not exceed this limit.
pub fn set_in(head: &Tokens<'_>, statement: &Statement) -> Option<Problem> {
    let i = setting(head);
    let sets = head.is(0, "set") && head.is(i, "lock_timeout");
    let resets = head.is(0, "reset") && head.is(1, "lock_timeout");
    if !sets && !resets {
        return None;
    }
    let value = head.text(i + 2).trim_matches('\'');
    if sets && milliseconds(value).is_some_and(|ms| (1..=SANE).contains(&ms)) {
        return None;
    }
    let text = "the script sets lock_timeout itself, and not to a minute or less";
    Some(Problem::at(&place(statement, head.start(0)), text).rule(RULE))
}

/// The value of a PostgreSQL setting; `None` if it can't be parsed.
fn milliseconds(value: &str) -> Option<u32> {
    let plain = value.parse().ok();
    plain.or_else(|| {
        value
            .replace(' ', "")
            .parse()
            .ok()
            .map(TimeLimit::milliseconds)
    })
}
