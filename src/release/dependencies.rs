//! Releases that a release requires or conflicts with, compared with those in effect.
//!
//! The ledger has these lists of every run, so a check knows both sides: the release that is about
//! to run, and the releases that are in effect.

use std::fmt::{self, Formatter};

use super::preflight::PreflightError;
use crate::database::DatabaseError;
use crate::record::ledger::{self, Entry};
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::release_range::ReleaseRange;
use pgseal_verify::format::statement::title;

/// A requirement that no release in effect meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// Name and version of the release that has the requirement.
    pub by: String,
    pub requires: ReleaseRange,
    /// The version of the required release that is in effect.
    pub found: Option<String>,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (by, requires) = (&self.by, &self.requires);
        write!(f, "{by} requires {requires}, and ")?;
        let name = requires.release();
        let Some(found) = &self.found else {
            return write!(f, "no {name} is in effect");
        };
        write!(f, "{name} {found} is in effect")?;
        match requires.contains(found) {
            None => f.write_str(", a version without an order"),
            Some(_) => Ok(()),
        }
    }
}

/// A release in effect beside which the release must not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Name and version of the release in effect.
    pub with: String,
    pub reason: Reason,
}

/// The side that names the conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The release conflicts with the one in effect.
    Conflicts(ReleaseRange),
    /// The one in effect conflicts with the release.
    Excludes(ReleaseRange),
    /// The one in effect requires another version of the release.
    Requires(ReleaseRange),
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let with = &self.with;
        match &self.reason {
            Reason::Conflicts(range) => {
                write!(
                    f,
                    "{with} is in effect, and this release conflicts with {range}"
                )
            }
            Reason::Excludes(range) => {
                write!(f, "{with}, which is in effect, conflicts with {range}")
            }
            Reason::Requires(range) => write!(f, "{with}, which is in effect, requires {range}"),
        }
    }
}

/// What stands between a release and its run, by the rows of the ledger.
pub(super) struct Dependencies {
    pub unmet: Vec<Unmet>,
    pub conflicts: Vec<Conflict>,
}

impl Dependencies {
    pub fn of(manifest: &Manifest, rows: &[Entry]) -> Result<Self, DatabaseError> {
        let (name, version) = (&manifest.release.name, manifest.release.version.as_str());
        let current = ledger::current(rows);
        let this = title(name, &manifest.release.version);
        let unmet = unmet(&this, &manifest.requires, &current);
        let mut conflicts = Vec::new();
        for row in &current {
            let mut add = |reason| {
                let with = with_version(row);
                conflicts.push(Conflict { with, reason });
            };
            let ours = manifest.conflicts.iter();
            let excluded = ours.filter(|range| range.release().as_str() == row.release);
            excluded
                .filter(|range| range.contains(&row.version) != Some(false))
                .for_each(|range| add(Reason::Conflicts(range.clone())));
            if row.release == name.as_str() {
                // The run takes its place.
                continue;
            }
            let about_this = |list: &'_ [ReleaseRange]| -> Vec<ReleaseRange> {
                let mut list = list.to_vec();
                list.retain(|range| range.release() == name);
                list
            };
            let (requires, excludes) = lists(row)?;
            about_this(excludes)
                .into_iter()
                .filter(|range| range.contains(version) != Some(false))
                .for_each(|range| add(Reason::Excludes(range)));
            about_this(requires)
                .into_iter()
                .filter(|range| range.contains(version) != Some(true))
                .for_each(|range| add(Reason::Requires(range)));
        }
        Ok(Self { unmet, conflicts })
    }

    /// The errors of a run, in order.
    pub fn errors(self) -> impl Iterator<Item = PreflightError> {
        let Self { unmet, conflicts } = self;
        let unmet = (!unmet.is_empty()).then_some(PreflightError::Requires(unmet));
        let conflicts = (!conflicts.is_empty()).then_some(PreflightError::Conflicts(conflicts));
        unmet.into_iter().chain(conflicts)
    }
}

/// Unmet requirements of the releases in effect, and of a run that stopped half way. A list that
/// can't be read counts as empty.
pub fn unmet_here(rows: &[Entry]) -> Vec<Unmet> {
    let current = ledger::current(rows);
    let of_row = |row: &Entry| {
        let requires = row.requires.as_deref().unwrap_or_default();
        unmet(&with_version(row), requires, &current)
    };
    let all = current.iter().copied().chain(ledger::unfinished(rows));
    all.flat_map(of_row).collect()
}

/// Requirements of other releases that are no longer met once a run is rolled back.
pub(super) fn unmet_without(rows: &[Entry], run: &Entry) -> Vec<Unmet> {
    let mut rest = rows.to_vec();
    rest.retain(|row| row.id != run.id);
    let mut unmet = unmet_here(&rest);
    unmet.retain(|one| one.requires.release().as_str() == run.release);
    unmet
}

fn unmet(by: &str, requires: &[ReleaseRange], current: &[&Entry]) -> Vec<Unmet> {
    let missing = requires.iter().filter_map(|range| {
        let found = current
            .iter()
            .find(|row| row.release == range.release().as_str());
        let is_met = found.is_some_and(|row| range.contains(&row.version) == Some(true));
        (!is_met).then(|| Unmet {
            by: by.to_owned(),
            requires: range.clone(),
            found: found.map(|row| row.version.clone()),
        })
    });
    missing.collect()
}

fn with_version(row: &Entry) -> String {
    format!("{} {}", row.release, row.version)
}

/// The lists of a row in effect. A list that can't be read could name this release.
fn lists(row: &Entry) -> Result<(&[ReleaseRange], &[ReleaseRange]), DatabaseError> {
    match (&row.requires, &row.conflicts) {
        (Some(requires), Some(conflicts)) => Ok((requires, conflicts)),
        _ => Err(DatabaseError::ledger(format!(
            "row {} of the ledger names required or conflicting releases in a form that pgseal does not write",
            row.id
        ))),
    }
}
