//! The lines of `--events`: a name and fields for each event.

use serde_json::{Value, json};

use super::write;
use crate::cli::Kind;
use crate::release::Event;
use crate::release::waiting::Blocked;
use pgseal_verify::format::rollout::RolloutDatabase;

/// Writes the line of an event.
pub fn event(event: &Event<'_>) {
    let (name, fields) = described(event);
    write(name, fields);
}

/// Writes the line of a statement that waits for a lock.
pub fn blocked(by: &Blocked) {
    write("blocked", json!({ "by": by.to_string() }));
}

/// Writes a condition that a wait lacks.
pub fn waiting(kind: Kind, text: &str) {
    write("waiting", json!({ "kind": kind.as_str(), "message": text }));
}

/// Writes that a condition of a wait is there.
pub fn arrived(kind: Kind) {
    write("arrived", json!({ "kind": kind.as_str() }));
}

/// Writes the line of a rollout's wave that begins.
pub fn wave(number: u32, of: u32, databases: usize) {
    write(
        "wave",
        json!({ "number": number, "of": of, "databases": databases }),
    );
}

/// Writes the line of a database whose command ended.
pub fn database(ended: &RolloutDatabase) {
    write("database", json!(ended));
}

/// Writes the answer of a database to the soak question.
pub fn soak(database: &str, ready: bool, reason: &str) {
    write(
        "soak",
        json!({ "database": database, "ready": ready, "reason": reason }),
    );
}

fn described(event: &Event<'_>) -> (&'static str, Value) {
    match event {
        Event::Gate(answer) => (
            "gate",
            json!({ "name": answer.name, "ready": answer.ready, "reason": answer.reason }),
        ),
        Event::Transaction => ("transaction", json!({})),
        Event::Begin(number, of, name) => {
            ("tier", json!({ "number": number, "of": of, "name": name }))
        }
        Event::OnTheWay {
            from,
            to,
            statements,
        } => (
            "sent",
            json!({ "from": from.to_string(), "to": to.to_string(), "statements": statements }),
        ),
        Event::Statement { at, verb } => (
            "statement",
            json!({ "position": at.to_string(), "command": verb }),
        ),
        Event::Echo(text) => ("echo", json!({ "text": text })),
        Event::Notice { at, notice } => (
            "notice",
            json!({
                "position": at.to_string(), "severity": notice.severity, "message": notice.message,
                "detail": notice.detail, "hint": notice.hint,
            }),
        ),
        Event::Done(number, of, record) => (
            "tier-done",
            json!({
                "number": number, "of": of, "name": record.name, "statements": record.statements,
                "rows": record.rows, "milliseconds": record.milliseconds,
            }),
        ),
        Event::Locked { tier, held } => ("locks", json!({ "tier": tier, "held": held })),
        Event::Verified(record) => (
            "verified",
            json!({ "name": record.name, "held": record.held, "checks": record.checks }),
        ),
        Event::Found { at, again, how } => (
            "found",
            json!({ "position": at.to_string(), "again": again, "how": how }),
        ),
        Event::StillRunning { at, why } => (
            "still-running",
            json!({ "position": at.to_string(), "why": why }),
        ),
        Event::Cleaning { at, what } => (
            "cleaning",
            json!({ "position": at.to_string(), "what": what }),
        ),
        Event::LockHeld { by, again, pause } => (
            "lock-held",
            json!({ "by": by, "again": again, "pause_ms": milliseconds(*pause) }),
        ),
        Event::Retrying {
            failure,
            reason,
            retry,
            of,
            pause,
        } => (
            "retrying",
            json!({
                "failure": failure.headline(), "reason": reason, "retry": retry, "of": of,
                "pause_ms": milliseconds(*pause),
            }),
        ),
        Event::Limited { at, setting, limit } => (
            "limited",
            json!({
                "position": at.to_string(), "setting": setting, "limit": limit.to_string(),
            }),
        ),
        Event::Commit => ("commit", json!({})),
        Event::Committed => ("committed", json!({})),
        Event::CommitPoint { tier, at } => (
            "commit-point",
            json!({ "tier": tier, "position": at.map(ToString::to_string) }),
        ),
        Event::Resolving(attempt, why) => ("resolving", json!({ "attempt": attempt, "why": why })),
    }
}

fn milliseconds(pause: std::time::Duration) -> u64 {
    u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)
}
