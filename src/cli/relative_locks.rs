//! Locks of relative values, as `plan` shows them, and the warning of `run` about them.

use serde_json::{Value, json};

use super::{Output, escape};
use crate::lint::modes::Mode;
use crate::release::relative::PlannedLocks;

const MODE: Mode = Mode::ShareRowExclusiveLock;

/// JSON object of the locks.
pub fn document(locks: &PlannedLocks) -> Value {
    let denied = locks.rollback_denied.as_ref();
    json!({
        "mode": MODE.as_str(), "run": locks.run, "rollback": locks.rollback,
        "rollback_denied": denied.map(|failure| &failure.message),
    })
}

/// Prints the locks; nothing without relative values.
pub fn show(locks: &PlannedLocks, out: Output) {
    for (action, tables) in [("run", &locks.run), ("rollback", &locks.rollback)] {
        if !tables.is_empty() {
            let (mode, tables) = (MODE.as_str(), escape(&tables.join(", ")));
            out.line(format!(
                "relative values: a {action} locks until COMMIT, so that writers wait: {mode} {tables}"
            ));
        }
    }
    if let Some(warning) = warning(locks) {
        out.warning(warning);
    }
}

/// The warning of a rollback that this role could not do, although it can run.
pub fn warning(locks: &PlannedLocks) -> Option<String> {
    let (None, Some(denied)) = (&locks.run_denied, &locks.rollback_denied) else {
        return None;
    };
    let why = escape(&denied.message);
    Some(format!(
        "this role can run, but a rollback by it would be refused: {why}"
    ))
}
