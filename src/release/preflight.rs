//! Checks before the first statement: the ledger does not have the release, and the database is
//! `baseline`.

use std::io;
use std::path::PathBuf;

use super::approvals::Uses;
use super::dependencies::{Conflict, Dependencies, Unmet};
use super::drift::{self, DriftError, Drifted};
use super::failure::Failure;
use super::gate::{self, OpenError};
use super::probe::{self, Mismatch, Observed};
use super::question::Within;
use super::run_context::RunContext;
use crate::bundle::{Admission, stage};
use crate::database::{DatabaseError, Session};
use crate::record::ledger::{self, Entry};
use crate::trust::policy::{PolicyError, is_behind};
use pgseal_verify::format::database_pattern::DatabasePattern;
use pgseal_verify::format::manifest::{Manifest, State};
use pgseal_verify::format::receipt::ObservedTarget;
use pgseal_verify::format::timestamp::Timestamp;

/// Reasons for a run not to begin. The database is untouched.
#[derive(Debug)]
pub enum PreflightError {
    /// The ledger cannot be read.
    Ledger(DatabaseError),
    /// The host's clock is behind the ledger.
    ClockBehind {
        now: Timestamp,
        /// The newest time in the ledger.
        seen: Timestamp,
    },
    /// A ledger row has no time to compare with.
    NoTime(Box<Entry>),
    /// This very release is in effect.
    AlreadyApplied(Box<Entry>),
    /// A later version is in effect, or has run here and this one never did.
    Downgrade(Box<Entry>),
    /// Another release of the same name and sequence is in effect.
    SameSequence(Box<Entry>),
    /// A stage of this release, or the release of which it is a stage, is in effect.
    Overlaps(Box<Entry>),
    /// Required releases are not in effect.
    Requires(Vec<Unmet>),
    /// Releases in effect that must not be.
    Conflicts(Vec<Conflict>),
    /// A run is unfinished: resume it or roll it back first.
    Unfinished(Box<Entry>),
    /// No unfinished run to resume.
    NothingToResume,
    /// A decision about an interrupted statement, and no statement of the run was interrupted.
    NothingInterrupted,
    /// The unfinished run was begun with other values of its variables.
    OtherValues(Box<Entry>),
    /// The unfinished run was begun by another role.
    OtherRole(Box<Entry>),
    /// The approvals are used by earlier runs on this database.
    Approvals(PolicyError),
    /// The role may not create the ledger.
    NoRight,
    /// No session for the probe.
    Open(OpenError),
    Probe(Box<Failure>),
    /// No receipt proves a run on a database on which the trust root wants one first.
    NotRunOn(DatabasePattern),
    /// The directory of receipts cannot be read.
    Receipts {
        path: PathBuf,
        source: io::Error,
    },
    /// The definitions cannot be compared with those of the newest signed receipt.
    NotCompared(DriftError),
    /// Definitions changed since the newest signed receipt, and the release demands that they did
    /// not.
    Drift(Drifted),
    /// The database is not in the release's baseline state.
    State(Vec<Mismatch>),
}

/// Checks the ledger, then the baseline probe. Returns the probe's row, and the uses of approvals.
/// A rehearsal has no admission.
pub(super) fn run(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    target: &ObservedTarget,
    admission: Option<&Admission<'_>>,
) -> Result<(Observed, Uses), PreflightError> {
    let uses = check_ledger(session, order, target, admission)?;
    let observed = before(order)?;
    check_state(order, &observed)?;
    Ok((observed, uses))
}

/// Compares the baseline probe's row with the baseline.
pub(super) fn check_state(
    order: &RunContext<'_>,
    observed: &Observed,
) -> Result<(), PreflightError> {
    let mismatches = probe::compare(&order.manifest().states.baseline, observed, None);
    if mismatches.is_empty() {
        return Ok(());
    }
    Err(PreflightError::State(mismatches))
}

/// Runs the baseline probe before a run.
pub fn before(order: &RunContext<'_>) -> Result<Observed, PreflightError> {
    let (mut session, within) =
        gate::open_to_ask(order, order.root().policy()).map_err(PreflightError::Open)?;
    let baseline = &order.manifest().states.baseline;
    seen(session.as_mut(), order, baseline, within).map_err(PreflightError::Probe)
}

/// Runs a state's probe in a read-only transaction, as the session's role.
pub(super) fn seen(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    state: &State,
    within: Within,
) -> Result<Observed, Box<Failure>> {
    let sql = order
        .sql(&state.probe)
        .map_err(|error| Box::new(Failure::plain(error)))?;
    probe::ask_read_only(session, sql, order, within)
        .map(|answer| answer.row)
        .map_err(Box::new)
}

/// Reads the ledger; fails if this host's clock is behind it.
pub(super) fn check_clock(
    session: &mut dyn Session,
    order: &RunContext<'_>,
) -> Result<Vec<Entry>, PreflightError> {
    let all = ledger::entries(session).map_err(PreflightError::Ledger)?;
    let now = (order.clock)();
    for row in &all {
        match row.at.parse::<Timestamp>() {
            Ok(seen) if is_behind(now, seen) => {
                return Err(PreflightError::ClockBehind { now, seen });
            }
            Ok(_) => {}
            Err(_) => return Err(PreflightError::NoTime(Box::new(row.clone()))),
        }
    }
    Ok(all)
}

/// Checks that the ledger has neither this release nor one in its way, that required releases are in
/// effect, and that the approvals of the admission have runs left. Returns the uses of all
/// approvals.
pub(super) fn check_ledger(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    target: &ObservedTarget,
    admission: Option<&Admission<'_>>,
) -> Result<Uses, PreflightError> {
    let (uses, obstacles) = survey_ledger(session, order, target, admission)?;
    obstacles.into_iter().next().map_or(Ok(uses), Err)
}

/// Like [`check_ledger`], with every obstacle that another release or people can remove. An error is
/// one beside which nothing else is judged.
pub(super) fn survey_ledger(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    target: &ObservedTarget,
    admission: Option<&Admission<'_>>,
) -> Result<(Uses, Vec<PreflightError>), PreflightError> {
    let release = &order.manifest().release;
    let all = check_clock(session, order)?;
    if let Some(open) = ledger::unfinished(&all) {
        return Err(PreflightError::Unfinished(Box::new(open.clone())));
    }
    if let Some(other) = overlapping(order.manifest(), &all) {
        return Err(PreflightError::Overlaps(Box::new(other)));
    }
    let dependencies = Dependencies::of(order.manifest(), &all);
    let uses = Uses::of(&all, None, target);
    let last = all.last().cloned();
    let mut rows = all;
    rows.retain(|row| row.release == release.name.as_str());
    let id = order.bundle.release_id().to_string();
    let standing = ledger::in_effect(&rows);
    let is_standing = |row: &Entry| standing.iter().any(|other| other.id == row.id);
    // Once it and the later ones are rolled back, nothing else leads to where it led.
    let ran = rows.iter().any(|row| row.release_id == id);
    let mut later = rows.iter().filter(|row| row.sequence > release.sequence);
    if let Some(later) = later.find(|row| !ran || is_standing(row)) {
        return Err(PreflightError::Downgrade(Box::new(later.clone())));
    }
    if let Some(same) = standing.iter().find(|row| row.release_id == id) {
        return Err(PreflightError::AlreadyApplied(Box::new((*same).clone())));
    }
    if let Some(other) = standing.iter().find(|row| row.sequence == release.sequence) {
        return Err(PreflightError::SameSequence(Box::new((*other).clone())));
    }
    let dependencies = dependencies.map_err(PreflightError::Ledger)?;
    let mut obstacles: Vec<PreflightError> = dependencies.errors().collect();
    let uses = uses?;
    if let Some(admission) = admission {
        let left = uses.left(admission).err();
        obstacles.extend(left.map(PreflightError::Approvals));
    }
    if !ledger::may_be_made(session).map_err(PreflightError::Ledger)? {
        obstacles.push(PreflightError::NoRight);
    }
    obstacles.extend(drift::check(order, target, last.as_ref()).err());
    Ok((uses, obstacles))
}

/// A release in effect that shares tiers with this one: a stage and its whole begin with the same
/// tiers.
fn overlapping(manifest: &Manifest, all: &[Entry]) -> Option<Entry> {
    let whole = manifest.stage_of.as_ref().map(|of| &of.release);
    let of = whole.unwrap_or(&manifest.release.name);
    let stages = manifest
        .stages
        .iter()
        .filter_map(|one| stage::release_name(of, one).ok());
    stages.chain(whole.cloned()).find_map(|name| {
        let rows = all.iter().filter(|row| row.release == name.as_str());
        ledger::in_effect(rows).last().map(|row| (*row).clone())
    })
}
