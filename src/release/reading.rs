//! Stops a script when one of its statements changed how the server reads the next one.
//!
//! Functions, `DO` blocks and triggers can do so. `bundle/refusal.rs` refuses changes that show in
//! the text; the server's reports reveal the rest.

use super::failure::{self, Failure};
use crate::database::Session;
use psql_script::Statement;

/// Fails if the session's reading of SQL text has changed since its begin. `before` is the number
/// of the statement's characters before the part that was sent last.
pub(super) fn check(
    session: &dyn Session,
    statement: &Statement,
    before: u32,
) -> Result<(), Failure> {
    let at = match before {
        0 => statement.origin.to_string(),
        _ => failure::place(statement, before.saturating_add(1)),
    };
    changed(session, "this statement").map_err(|failure| failure.at(at))
}

/// Like [`check`], for a statement that `\gexec` generated, by its number.
pub(super) fn check_generated(
    session: &dyn Session,
    statement: &Statement,
    number: u64,
) -> Result<(), Failure> {
    check(session, statement, 0).map_err(|failure| Failure {
        generated: Some(number),
        ..failure
    })
}

/// Like [`check`], for batches from `first` to `last`: the server reports once, after a batch.
pub(super) fn check_between(
    session: &dyn Session,
    first: &Statement,
    last: &Statement,
) -> Result<(), Failure> {
    if first.origin == last.origin {
        return check(session, first, 0);
    }
    let culprit = format!("a statement between this one and {}", last.origin.at);
    changed(session, &culprit).map_err(|failure| failure.at(&first.origin))
}

fn changed(session: &dyn Session, culprit: &str) -> Result<(), Failure> {
    let Some(changed) = session.changed_reading() else {
        return Ok(());
    };
    let (setting, from, to) = (changed.setting, changed.from, changed.to);
    let hint = format!(
        "leave the change out, or give it to the function that needs it: CREATE FUNCTION ... SET {setting}"
    );
    let text =
        format!("cannot send the next statement: {culprit} changed {setting} from {from} to {to}");
    Err(Failure::plain(text).hint(hint))
}
