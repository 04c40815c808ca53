//! The commands of a report, apart from the sentences for owners.

use crate::readiness::{ReadinessFacts, Verdict, command};

/// A complete command line.
pub struct Command {
    pub purpose: &'static str,
    pub line: String,
}

/// Commands that sentences of the verdict contain, with their purposes.
const ACTIONS: [(&str, &str); 3] = [
    ("run", "Run it"),
    ("check", "Check it again"),
    ("rollback", BACK),
];

/// Purpose of a rollback.
pub const BACK: &str = "Take it back";

/// All commands of the verdict in order.
pub fn commands(facts: &ReadinessFacts, verdict: &Verdict) -> Vec<Command> {
    let missing = verdict.missing.iter().filter_map(|one| {
        Some(Command {
            purpose: one.row.title(),
            line: one.command.clone()?,
        })
    });
    let is_named = |line: &str| verdict.then.iter().any(|text| text.contains(line));
    let then = ACTIONS.iter().filter_map(|(name, purpose)| {
        let line = command(facts, name);
        is_named(&format!("`{line}`")).then_some(Command { purpose, line })
    });
    missing.chain(then).collect()
}

/// The sentence with the names of its commands alone: `pgseal run`.
pub fn shortened(facts: &ReadinessFacts, text: &str) -> String {
    ACTIONS.iter().fold(text.to_owned(), |text, (name, _)| {
        let line = command(facts, name);
        text.replace(&format!("`{line}`"), &format!("`pgseal {name}`"))
    })
}
