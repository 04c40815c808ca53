//! Refusals before a run: the ledger and the baseline.

use super::authentic::CLOCK_HINT;
use super::{CliError, connection};
use crate::cli::kind::Kind;
use crate::record::ledger::Entry;
use crate::release::preflight::PreflightError;

impl From<PreflightError> for CliError {
    fn from(error: PreflightError) -> Self {
        let run = |row: &Entry| format!("run {} at {}, by {}", row.run_id, row.at, row.role);
        let (kind, text, hint) = match error {
            PreflightError::Ledger(error) => return connection(&error),
            PreflightError::Open(error) => return error.into(),
            PreflightError::Approvals(error) => return error.into(),
            PreflightError::ClockBehind { now, seen } => (
                Kind::ClockBehind,
                format!(
                    "this host's clock ({now}) is behind {seen}, the newest time in the ledger"
                ),
                CLOCK_HINT,
            ),
            PreflightError::NoTime(row) => (
                Kind::LedgerTime,
                format!(
                    "row {} of the ledger is dated {:?}, which is no time that pgseal writes",
                    row.id, row.at
                ),
                "ask the database's owner who changed the table pgseal.ledger",
            ),
            PreflightError::NotRunOn(database) => {
                let text = format!(
                    "the trust root wants this release to run on {database} first, and no signed receipt here is of such a run"
                );
                let hint = format!(
                    "run it on {database} first, and copy its signed receipt (.receipt.json and .receipt.sig) here, into the directory that --receipts names"
                );
                return Self::new(Kind::StagingMissing, text).hint(hint);
            }
            PreflightError::Receipts { path, source } => return Self::io(&path, &source),
            PreflightError::NotCompared(error) => return error.into(),
            PreflightError::Drift(drifted) => (
                Kind::Drift,
                drifted.to_string(),
                "`pgseal drift` names all of them; find out who changed them, and change them back; a run or rollback with --fingerprint and a receipt key keeps them anew",
            ),
            PreflightError::AlreadyApplied(row) => (
                Kind::AlreadyInEffect,
                format!(
                    "{} {} is already applied here: {}",
                    row.release,
                    row.version,
                    run(&row)
                ),
                "`pgseal check FILE` shows whether it still holds, `pgseal rollback FILE` undoes it",
            ),
            PreflightError::Downgrade(row) => (
                Kind::OlderSequence,
                format!(
                    "a later sequence ran here: {} {} (sequence {}) at {}",
                    row.release, row.version, row.sequence, row.at
                ),
                "`pgseal rollback` with the later bundle goes back to the release before it; one that never ran here is packed again with a higher sequence",
            ),
            PreflightError::SameSequence(row) => (
                Kind::SameSequence,
                format!(
                    "another release with sequence {} is in effect: {} {}, id {}",
                    row.sequence, row.release, row.version, row.release_id
                ),
                "a new version needs a higher sequence",
            ),
            PreflightError::Overlaps(row) => (
                Kind::Overlap,
                format!(
                    "{} {}, which has tiers of this release, is in effect here: {}",
                    row.release,
                    row.version,
                    run(&row)
                ),
                "nothing was changed; `pgseal rollback` with that release's bundle leads back to the baseline that this one starts from",
            ),
            PreflightError::Requires(unmet) => (
                Kind::Requires,
                format!("a required release is not in effect: {}", joined(&unmet)),
                "nothing was changed; run the required release first: `pgseal run REQUIRED FILE` runs both, in this order",
            ),
            PreflightError::Conflicts(conflicts) => (
                Kind::Conflicts,
                format!("a conflicting release is in effect: {}", joined(&conflicts)),
                "nothing was changed; `pgseal rollback` with the bundle of the other release undoes it",
            ),
            PreflightError::Unfinished(row) => (
                Kind::Unfinished,
                format!(
                    "{} {} stopped half way here: run {} of {}, by {}",
                    row.release, row.version, row.run_id, row.at, row.role
                ),
                "`pgseal status` shows how far it came; with its own bundle `pgseal run --resume FILE` goes on, `pgseal rollback FILE` goes back",
            ),
            PreflightError::NothingToResume => (
                Kind::NothingToResume,
                "no run stopped half way here, so there is none to go on with".to_owned(),
                "`pgseal status` shows what ran; leave out --resume to begin one",
            ),
            PreflightError::NothingInterrupted => (
                Kind::Usage,
                "--interrupted is given, and no statement of the unfinished run was interrupted"
                    .to_owned(),
                "nothing was run; leave out --interrupted",
            ),
            PreflightError::OtherValues(row) => {
                let values = row
                    .variables
                    .iter()
                    .map(|(name, value)| format!(" -v {name}={value}"));
                let values: String = values.collect();
                let values = if values.is_empty() { " none" } else { &values };
                (
                    Kind::OtherValues,
                    format!("the run that stopped half way was begun with other values:{values}"),
                    "leave out the values: `pgseal run --resume FILE` takes over those of the run",
                )
            }
            PreflightError::OtherRole(row) => (
                Kind::OtherRole,
                format!(
                    "the run that stopped half way was begun by the role {}",
                    row.role
                ),
                "connect as that role",
            ),
            PreflightError::NoRight => (
                Kind::LedgerCreateDenied,
                "the role may not make the ledger (schema pgseal) in this database".to_owned(),
                "a database owner: grant create on database DATABASE to ROLE",
            ),
            PreflightError::Probe(failure) if failure.cause.is_connection_lost() => (
                Kind::ConnectionLost,
                format!("the connection was lost while the baseline probe was asked: {failure}"),
                "nothing was changed; it may be tried again",
            ),
            PreflightError::Probe(failure) => (
                Kind::ProbeFailed,
                format!("the baseline probe failed: {failure}"),
                "",
            ),
            PreflightError::State(mismatches)
                if mismatches.iter().any(|one| one.found.is_none()) =>
            {
                (
                    Kind::NotBaseline,
                    format!(
                        "the release expects a column that its probe does not have: {}",
                        joined(&mismatches)
                    ),
                    "nothing was changed; the release is wrong: its author compares `expect` with the columns of the probe",
                )
            }
            PreflightError::State(mismatches) => (
                Kind::NotBaseline,
                format!(
                    "the database is not in the state \"baseline\": {}",
                    joined(&mismatches)
                ),
                "nothing was changed; the database is not as it was when the release was made: find out what changed there",
            ),
        };
        Self::new(kind, text).hint(hint)
    }
}

fn joined(all: &[impl ToString]) -> String {
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    all.join("; ")
}
