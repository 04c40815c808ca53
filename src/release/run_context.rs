//! The context of a command on a database: release, connection, values of variables, clock.

use std::collections::BTreeMap;
use std::path::Path;

use super::cancellation::CancellationToken;
use super::rehearse::ClonedDatabase;
use super::rehearse::standing::StandingClone;
use super::server_variables;
use crate::bundle::AuthenticatedSql;
use crate::bundle::{AuthenticatedBundle, BundleToRun};
use crate::database::Connect;
use crate::trust::TrustRoot;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::receipt::Operator;
use pgseal_verify::format::run_limits::RunLimits;
use pgseal_verify::format::timestamp::Timestamp;
use psql_script::{Statement, Step};

/// The context of commands on a database. Running a release takes a [`ContextToRun`].
#[derive(Clone, Copy)]
pub struct RunContext<'b, B = &'b AuthenticatedBundle<'b>> {
    pub bundle: B,
    pub connect: &'b dyn Connect,
    /// The role of the run, if gates and probes use another one.
    pub runs_as: Option<&'b str>,
    /// The clone that `connect` leads to; `None` for the target.
    pub clone: Option<CloneOf<'b>>,
    /// Directory of receipts, which prove runs on other databases and earlier definitions of this
    /// one. Without it nothing is proved.
    pub receipts: Option<&'b Path>,
    /// Values of the variables, as [`values`] resolved them.
    pub variables: &'b BTreeMap<String, String>,
    /// Time limits: those of the manifest, or lower ones.
    pub limits: &'b RunLimits,
    /// Maximum retries after a lock timeout or deadlock, if the transaction changed nothing.
    pub lock_retries: u32,
    pub operator: &'b Operator,
    /// Cancellation by the operator.
    pub stop: &'b CancellationToken,
    pub clock: &'b dyn Fn() -> Timestamp,
}

/// The kind of clone that a context leads to.
#[derive(Clone, Copy)]
pub enum CloneOf<'b> {
    /// Of this rehearsal, which runs the release on it. Only the maker of clones constructs one.
    Rehearsal(&'b ClonedDatabase),
    /// One that stays: it is asked and checked, and nothing runs on it.
    Standing(&'b StandingClone),
}

impl<'b> CloneOf<'b> {
    /// The database that the clone was made of; `None` for a dump.
    pub fn source(self) -> Option<&'b str> {
        match self {
            Self::Rehearsal(clone) => clone.source(),
            Self::Standing(clone) => clone.source(),
        }
    }
}

/// The context of a run.
pub type ContextToRun<'b> = RunContext<'b, &'b BundleToRun<'b>>;

impl<'b> ContextToRun<'b> {
    /// The same context for checks and rollbacks.
    pub fn authentic(self) -> RunContext<'b> {
        let Self {
            bundle,
            connect,
            runs_as,
            clone,
            receipts,
            variables,
            limits,
            lock_retries,
            operator,
            stop,
            clock,
        } = self;
        RunContext {
            bundle,
            connect,
            runs_as,
            clone,
            receipts,
            variables,
            limits,
            lock_retries,
            operator,
            stop,
            clock,
        }
    }
}

impl<'b> RunContext<'b> {
    /// The trust root that authenticates the release.
    pub fn root(&self) -> &'b TrustRoot {
        self.bundle.root()
    }

    /// The clone of the rehearsal in progress.
    pub fn rehearsal(&self) -> Option<&'b ClonedDatabase> {
        match self.clone {
            Some(CloneOf::Rehearsal(clone)) => Some(clone),
            Some(CloneOf::Standing(_)) | None => None,
        }
    }

    /// The release's manifest.
    pub fn manifest(&self) -> &'b Manifest {
        self.bundle.manifest()
    }

    /// Reads a script of the release with the values of this run, and passes on each statement with
    /// the number of its path. A script that can't be read has none.
    pub(super) fn walk(&self) -> impl FnMut(&EntryPath, &mut dyn FnMut(usize, Statement)) {
        let expected = server_variables::expected(self.manifest());
        move |file, visit| {
            let Ok(sql) = self.sql(file) else { return };
            sql.explore(self.variables, &expected, |way, step| {
                if let Ok((_, Step::Statement(statement))) = step {
                    visit(way, statement);
                }
            });
        }
    }

    /// A script of the release.
    pub fn sql(&self, path: &EntryPath) -> Result<AuthenticatedSql<'b>, MissingScript> {
        AuthenticatedSql::of(self.bundle, path).ok_or_else(|| MissingScript(path.clone()))
    }
}

/// Values for undoing or checking a run: its own, overridden by those that the operator gives.
pub fn inherit_variables(
    given: &BTreeMap<String, String>,
    run: Option<&BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let mut values = run.cloned().unwrap_or_default();
    values.extend(given.clone());
    values
}

/// A signed manifest names a file that the release does not contain; packing refuses such a
/// release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the release names the script {0}, which it does not contain")]
pub struct MissingScript(EntryPath);

/// Mismatches between values and a release's variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    #[error("the release has no variable {name:?}; it has {known}")]
    Unknown { name: String, known: String },
    #[error("variable {name:?} is required{}", .about.is_empty().then(String::new).unwrap_or_else(|| format!(": {about}")))]
    Missing {
        name: String,
        /// The manifest's description of the variable.
        about: String,
    },
    #[error("{value:?} does not match the pattern {pattern} of variable {name:?}")]
    Pattern {
        name: String,
        value: String,
        pattern: String,
        /// The manifest's description of the variable.
        about: String,
    },
}

/// Resolves `-v NAME=VALUE` against the declared variables.
///
/// `required` is false for rollbacks and checks: a script that needs a missing variable reports
/// that itself.
pub fn values(
    manifest: &Manifest,
    given: &BTreeMap<String, String>,
    required: bool,
) -> Result<BTreeMap<String, String>, VariableError> {
    let declared = &manifest.variables;
    if let Some(name) = given
        .keys()
        .find(|name| !declared.keys().any(|known| known.as_str() == *name))
    {
        let known: Vec<&str> = declared.keys().map(|known| known.as_str()).collect();
        let known = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        return Err(VariableError::Unknown {
            name: name.clone(),
            known,
        });
    }
    let mut values = BTreeMap::new();
    for (name, variable) in declared {
        let name = name.as_str().to_owned();
        let Some(value) = given.get(&name).or(variable.default.as_ref()) else {
            if variable.required && required {
                return Err(VariableError::Missing {
                    name,
                    about: variable.about.clone(),
                });
            }
            continue;
        };
        if !variable.accepts(value) {
            let pattern = variable.pattern.clone().unwrap_or_default();
            return Err(VariableError::Pattern {
                name,
                value: value.clone(),
                pattern,
                about: variable.about.clone(),
            });
        }
        values.insert(name, value.clone());
    }
    Ok(values)
}
