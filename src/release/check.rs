//! The verify scripts now: which state the ledger says, and whether it holds.

use super::event::Observer;
use super::failure::Failure;
use super::gate::{self, OpenError};
use super::order::{Order, with_those_of_the_run};
use super::preflight;
use super::probe::{self, Mismatch, Observed};
use super::settings;
use super::verify;
use crate::database::{DatabaseError, Purpose};
use crate::format::manifest::{VerifyMode, When};
use crate::format::receipt::VerifyRecord;
use crate::format::trust_document::Policy;
use crate::record::ledger::{self, Entry};

/// What was checked.
pub struct Checked {
    /// `finalized` where the ledger has the release in effect, else `baseline`.
    pub state: When,
    /// What the state's probe saw.
    pub observed: Observed,
    /// What differs from the state.
    pub mismatches: Vec<Mismatch>,
    /// The scripts, in the order of the manifest.
    pub records: Vec<(VerifyRecord, Option<Failure>)>,
}

impl Checked {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        let script =
            |(record, failure): &(VerifyRecord, Option<Failure>)| failure.is_none() && record.held == record.checks;
        self.mismatches.is_empty() && self.records.iter().all(script)
    }
}

/// Why nothing could be checked.
#[derive(Debug)]
pub enum CheckError {
    /// No session, or not to this target.
    Open(OpenError),
    /// The server did not answer.
    Database(DatabaseError),
    /// Another release of this name is in effect.
    OtherApplied(Box<Entry>),
    /// A run of it stopped half way: it is in neither state.
    HalfWay(Box<Entry>),
    /// The probe gave no answer.
    Probe(Box<Failure>),
}

/// Runs the probe and every verify script of the state that the ledger says. Nothing stays: each runs read-only or is
/// rolled back, each on a session of its own.
pub fn run(order: &Order<'_>, observer: &mut dyn Observer) -> Result<Checked, CheckError> {
    let (mut session, _) = gate::open(order, &Policy::default(), Purpose::Read).map_err(CheckError::Open)?;
    let rows = ledger::of_release(session.as_mut(), &order.manifest().release.name).map_err(CheckError::Database)?;
    let id = order.bundle.release_id().to_string();
    if let Some(open) = ledger::unfinished(&rows) {
        return Err(CheckError::HalfWay(Box::new(open.clone())));
    }
    let standing = ledger::in_effect(&rows);
    let top = standing.last().copied();
    let applied = top.filter(|top| top.release_id == id);
    // On top of an earlier release this one's baseline may be there; under another nothing of it can be judged.
    match top {
        Some(top) if top.release_id != id && top.sequence >= order.manifest().release.sequence => {
            return Err(CheckError::OtherApplied(Box::new(top.clone())));
        }
        _ => {}
    }
    let variables = with_those_of_the_run(order.variables, applied.map(|run| &run.variables));
    let order = &Order { variables: &variables, ..*order };
    let states = &order.manifest().states;
    let (when, state) =
        if applied.is_some() { (When::Finalized, &states.finalized) } else { (When::Baseline, &states.baseline) };
    let observed = preflight::state(session.as_mut(), order, state).map_err(CheckError::Probe)?;
    let mismatches = probe::compare(state, &observed);
    let mut records = Vec::new();
    for script in verify::in_state(order, when) {
        let purpose = match script.mode {
            VerifyMode::ReadOnly => Purpose::Read,
            VerifyMode::RolledBack => Purpose::Write,
        };
        let mut session = order.connect.connect(purpose).map_err(CheckError::Database)?;
        settings::reset(session.as_mut(), order.limits).map_err(CheckError::Database)?;
        records.push(match verify::alone(session.as_mut(), script, order, observer) {
            Ok(record) => (record, None),
            Err(failure) => {
                let failed = vec![failure.to_string()];
                let record = VerifyRecord { name: script.name.clone(), held: 0, checks: 1, failed };
                (record, Some(failure))
            }
        });
    }
    Ok(Checked { state: when, observed, mismatches, records })
}
