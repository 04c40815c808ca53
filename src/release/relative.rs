//! Values at the start of a run or rollback, for the columns that are compared with them.
//!
//! At READ COMMITTED the probe before COMMIT also sees rows that others committed meanwhile. So the
//! tables of these columns, and of no others, are locked against writers before the first probe.

// docs/decisions/076

use std::collections::BTreeSet;

use super::failure::Failure;
use super::probe::{self, Observed};
use super::question::{self, QuestionError, Within};
use super::run_context::RunContext;
use crate::database::Session;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::{Manifest, State};
use pgseal_verify::format::receipt::Action;

/// Asks for the values at the start, in the transaction that will be compared with them. Empty if
/// the state has no relative columns.
///
/// A column of a run is that of the baseline's probe where this has it, because the probe of the
/// finalized state may name objects that do not exist yet.
pub(super) fn at_start(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    action: Action,
    state: &State,
    within: Within,
) -> Result<Observed, Failure> {
    let mut columns: BTreeSet<&str> = state.relative().collect();
    let mut start = Observed::new();
    for path in probes(order.manifest(), action, state) {
        if columns.is_empty() {
            break;
        }
        let sql = order.sql(path)?;
        let known = probe::relations(session, sql, order, within)?;
        let (mut here, mut read) = (Vec::new(), BTreeSet::new());
        for column in &columns {
            let Some(relations) = known.of_column(column) else {
                continue;
            };
            lock(session, path, column, relations)?;
            here.push(*column);
            read.extend(relations);
        }
        if here.is_empty() {
            continue;
        }
        // Names can mean other tables by now.
        let now = probe::relations(session, sql, order, within)?;
        for column in &here {
            if !now
                .of_column(column)
                .is_some_and(|now| now.is_subset(&read))
            {
                let why = format!("the tables of column {column} changed meanwhile; try again");
                return Err(Failure::plain(why).at(path));
            }
        }
        let mut row = probe::ask(session, sql, order, within)?.row;
        for column in here {
            start.extend(row.remove_entry(column));
            columns.remove(column);
        }
    }
    match columns.first() {
        None => Ok(start),
        Some(column) => {
            let why = format!("the probe has no column {column}, whose value is compared");
            Err(Failure::plain(why).at(&state.probe))
        }
    }
}

/// The probes that may have the columns at the start.
fn probes<'m>(
    manifest: &'m Manifest,
    action: Action,
    state: &'m State,
) -> impl Iterator<Item = &'m EntryPath> {
    let baseline = Some(&manifest.states.baseline.probe);
    let baseline = baseline.filter(|path| action == Action::Run && **path != state.probe);
    baseline.into_iter().chain([&state.probe])
}

fn lock(
    session: &mut dyn Session,
    path: &EntryPath,
    column: &str,
    relations: &BTreeSet<u32>,
) -> Result<(), Failure> {
    let failed = |error| match error {
        QuestionError::Database(error) => {
            let doing = format!("cannot lock the tables of column {column}");
            Failure::database(&doing, &error)
        }
        error => Failure::plain(error),
    };
    match question::lock_against_writers(session, relations).map_err(failed)? {
        None => Ok(()),
        Some(name) => {
            let why = format!(
                "column {column} is compared with its value at the start, but this role cannot keep others from writing to {name} meanwhile"
            );
            let hint = "Grant it UPDATE on the table, or write bounds in the place of the relative value; catalogs, sequences and materialized views cannot be locked";
            Err(Failure::plain(why).at(path).hint(hint))
        }
    }
}
