//! Verify scripts and probe of the state that the ledger reports, run outside a release run.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::event::{Event, Observer};
use super::failure::Failure;
use super::gate::{self, OpenError};
use super::preflight;
use super::probe::{self, Mismatch, Observed};
use super::question::Within;
use super::residue::{Before, Residue, Traces};
use super::run_context::{RunContext, inherit_variables};
use super::settings;
use super::target;
use super::verify::{self, Asked, FAILED_KEPT, Row};
use crate::database::{DatabaseError, Purpose};
use crate::record::ledger::{self, Entry};
use pgseal_verify::format::expectation::Expectation;
use pgseal_verify::format::manifest::{ReleaseState, VerifyMode, VerifyScript};
use pgseal_verify::format::receipt::{Action, VerifyRecord};
use pgseal_verify::format::trust_document::Policy;

/// The result of a check.
pub struct Checked {
    /// `finalized` if the ledger has the release in effect, else `baseline`.
    pub state: ReleaseState,
    /// The row of the state's probe.
    pub observed: Observed,
    /// Columns that differ from the state.
    pub mismatches: Vec<Mismatch>,
    /// Columns whose expectation is relative to a start, which is over.
    pub not_compared: BTreeMap<String, Expectation>,
    /// Records of the scripts, in the order of the manifest.
    pub records: Vec<(VerifyRecord, Option<Failure>)>,
    /// Further results of each script, in the same order.
    pub scripts: Vec<Seen>,
}

/// Results of a script that its record does not hold.
pub struct Seen {
    pub mode: VerifyMode,
    /// The script's checks; empty if it failed.
    pub rows: Vec<Row>,
    /// Residue of the script. Its record counts residue as one failed check.
    pub residue: Residue,
}

impl Checked {
    /// Whether the state matches and all checks hold.
    pub fn holds(&self) -> bool {
        let script = |(record, failure): &(VerifyRecord, Option<Failure>)| {
            failure.is_none() && record.held == record.checks
        };
        self.mismatches.is_empty() && self.records.iter().all(script)
    }
}

/// Errors that prevent a check.
#[derive(Debug)]
pub enum CheckError {
    /// No session, or a session to another target.
    Open(OpenError),
    /// The server did not answer.
    Database(DatabaseError),
    /// Another release of this name is in effect.
    OtherApplied(Box<Entry>),
    /// A run of the release is unfinished, so it is in neither state.
    HalfWay(Box<Entry>),
    Probe(Box<Failure>),
}

/// A release in effect, with its `finalized` probe.
pub struct InEffect {
    pub entry: Entry,
    /// The probe's row.
    pub observed: Observed,
    /// Columns that differ from `finalized`.
    pub mismatches: Vec<Mismatch>,
    /// Columns whose expectation is relative to the start of the run.
    pub not_compared: BTreeMap<String, Expectation>,
}

/// Finds out whether this very release is in effect and no run stopped half way, and runs its
/// `finalized` probe with the values of its run.
pub fn in_effect(order: &RunContext<'_>) -> Result<Option<InEffect>, CheckError> {
    let policy = order.root().policy();
    let (mut session, _) = gate::open(order, policy, Purpose::Read).map_err(CheckError::Open)?;
    // A standby may not know of a rollback yet.
    target::check_primary(session.as_ref())
        .map_err(|error| CheckError::Open(OpenError::Target(error)))?;
    let mut rows = ledger::entries(session.as_mut()).map_err(CheckError::Database)?;
    if ledger::unfinished(&rows).is_some() {
        return Ok(None);
    }
    rows.retain(|row| row.release == order.manifest().release.name.as_str());
    let id = order.bundle.release_id().to_string();
    let top = ledger::in_effect(&rows).last().copied();
    let Some(entry) = top.filter(|top| top.release_id == id) else {
        return Ok(None);
    };
    let order = &RunContext {
        variables: &entry.variables,
        ..*order
    };
    let state = &order.manifest().states.finalized;
    let (mut asking, _) = gate::open_to_ask(order, policy).map_err(CheckError::Open)?;
    let observed = preflight::seen(asking.as_mut(), order, state, Within::OwnTransaction)
        .map_err(CheckError::Probe)?;
    Ok(Some(InEffect {
        mismatches: probe::compare(state, &observed, None),
        not_compared: probe::not_compared(state, &observed),
        observed,
        entry: entry.clone(),
    }))
}

/// Runs the probe and every verify script of the state that the ledger reports. Each script is
/// read-only or rolled back, on its own session. Residue is searched for and reported.
pub fn run(order: &RunContext<'_>, observer: &mut dyn Observer) -> Result<Checked, CheckError> {
    let (mut session, _) =
        gate::open(order, &Policy::default(), Purpose::Read).map_err(CheckError::Open)?;
    let rows = ledger::of_release(session.as_mut(), &order.manifest().release.name)
        .map_err(CheckError::Database)?;
    let id = order.bundle.release_id().to_string();
    if let Some(open) = ledger::unfinished(&rows) {
        return Err(CheckError::HalfWay(Box::new(open.clone())));
    }
    let standing = ledger::in_effect(&rows);
    let top = standing.last().copied();
    let applied = top.filter(|top| top.release_id == id);
    // Above an earlier release, this release's baseline can hold. Below a release of the same or a
    // later sequence, neither state can be judged.
    match top {
        Some(top) if top.release_id != id && top.sequence >= order.manifest().release.sequence => {
            return Err(CheckError::OtherApplied(Box::new(top.clone())));
        }
        _ => {}
    }
    let variables = inherit_variables(order.variables, applied.map(|run| &run.variables));
    let order = &RunContext {
        variables: &variables,
        ..*order
    };
    let states = &order.manifest().states;
    let was_rolled_back = rows
        .iter()
        .any(|row| row.release_id == id && row.action == Action::Rollback.as_str());
    let (when, state) = match applied {
        Some(_) => (ReleaseState::Finalized, Cow::Borrowed(&states.finalized)),
        None if was_rolled_back => (ReleaseState::Baseline, states.after_rollback()),
        None => (ReleaseState::Baseline, Cow::Borrowed(&states.baseline)),
    };
    drop(session);
    let (mut asking, _) = gate::open_to_ask(order, &Policy::default()).map_err(CheckError::Open)?;
    let observed = preflight::seen(asking.as_mut(), order, &state, Within::OwnTransaction)
        .map_err(CheckError::Probe)?;
    drop(asking);
    let mismatches = probe::compare(&state, &observed, None);
    let not_compared = probe::not_compared(&state, &observed);
    let (mut records, mut scripts) = (Vec::new(), Vec::new());
    for script in verify::in_state(order, when) {
        let (asked, residue) = match one(script, order)? {
            Ok(asked) => asked,
            Err(failure) => {
                let failed = vec![failure.to_string()];
                let record = VerifyRecord {
                    name: script.name.clone(),
                    held: 0,
                    checks: 1,
                    failed,
                };
                records.push((record, Some(failure)));
                scripts.push(Seen {
                    mode: script.mode,
                    rows: Vec::new(),
                    residue: Residue::default(),
                });
                continue;
            }
        };
        let mut record = asked.record;
        if !residue.left.is_empty() {
            record.checks += 1;
            record.failed.insert(
                0,
                format!("it left something behind: {}", residue.left.join("; ")),
            );
            record.failed.truncate(FAILED_KEPT);
        }
        observer.event(Event::Verified(&record));
        records.push((record, None));
        scripts.push(Seen {
            mode: script.mode,
            rows: asked.rows,
            residue,
        });
    }
    Ok(Checked {
        state: when,
        observed,
        mismatches,
        not_compared,
        records,
        scripts,
    })
}

/// Runs a script on its own session and searches for residue.
fn one(
    script: &VerifyScript,
    order: &RunContext<'_>,
) -> Result<Result<(Asked, Residue), Failure>, CheckError> {
    let purpose = match script.mode {
        VerifyMode::ReadOnly => Purpose::Read,
        VerifyMode::RolledBack => Purpose::Write,
    };
    let before = match script.mode {
        VerifyMode::ReadOnly => None,
        VerifyMode::RolledBack => Some(Before::remember(order).map_err(CheckError::Database)?),
    };
    let mut session = order
        .connect
        .connect(purpose)
        .map_err(CheckError::Database)?;
    settings::reset(session.as_mut(), order.limits).map_err(CheckError::Database)?;
    let asked = verify::alone(session.as_mut(), script, order, Traces::ask);
    Ok(asked.and_then(|(asked, traces)| {
        let residue = match before {
            Some(before) => before.compare(session.as_mut(), &traces, order)?,
            None => {
                let wrote = |id: &str| {
                    format!("it is read-only, and was given the transaction id {id}: it wrote")
                };
                Residue {
                    left: traces.transaction().map(wrote).into_iter().collect(),
                    ..Residue::default()
                }
            }
        };
        Ok((asked, residue))
    }))
}
