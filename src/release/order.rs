//! What the operator ordered: a release, a database, values for its variables, a clock.

use std::collections::BTreeMap;

use super::rehearse::ClonedDatabase;
use super::stop::Stop;
use crate::bundle::AuthenticatedSql;
use crate::bundle::{AuthenticatedBundle, BundleToRun};
use crate::database::Connect;
use crate::trust::TrustRoot;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::limits_of_run::RunLimits;
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::receipt::Operator;
use pgseal_verify::format::timestamp::Timestamp;

/// An order. Everything that acts on a database takes one; what runs a release takes a [`RunOrder`].
#[derive(Clone, Copy)]
pub struct Order<'b, B = &'b AuthenticatedBundle<'b>> {
    /// The release.
    pub bundle: B,
    /// The database.
    pub connect: &'b dyn Connect,
    /// The role that runs, where gates and probes are asked as another one.
    pub runs_as: Option<&'b str>,
    /// The clone that it is rehearsed on, which `connect` leads to; a release that is meant has none. Nothing but the maker of
    /// clones can name one.
    pub clone: Option<&'b ClonedDatabase>,
    /// The variables' values, as [`values`] resolved them.
    pub variables: &'b BTreeMap<String, String>,
    /// The time limits: those of the manifest, or lower ones.
    pub limits: &'b RunLimits,
    /// How often a transaction may be tried again that could not have a lock in time and changed nothing.
    pub lock_retries: u32,
    /// Who ordered it.
    pub operator: &'b Operator,
    /// Stops it.
    pub stop: &'b Stop,
    /// The host's clock.
    pub clock: &'b dyn Fn() -> Timestamp,
}

/// An order to run.
pub type RunOrder<'b> = Order<'b, &'b BundleToRun<'b>>;

impl<'b> RunOrder<'b> {
    /// The same for what looks and undoes.
    pub fn authentic(self) -> Order<'b> {
        let Self { bundle, connect, runs_as, clone, variables, limits, lock_retries, operator, stop, clock } = self;
        Order { bundle, connect, runs_as, clone, variables, limits, lock_retries, operator, stop, clock }
    }
}

impl<'b> Order<'b> {
    /// The trust root by which the release is authentic.
    pub fn root(&self) -> &'b TrustRoot {
        self.bundle.root()
    }

    /// What the release is.
    pub fn manifest(&self) -> &'b Manifest {
        self.bundle.manifest()
    }

    /// A script of the release.
    pub fn sql(&self, path: &EntryPath) -> Result<AuthenticatedSql<'b>, MissingScript> {
        AuthenticatedSql::of(self.bundle, path).ok_or_else(|| MissingScript(path.clone()))
    }
}

/// The values of a run that is being undone or checked, where the operator gives no others.
pub fn with_those_of_the_run(
    given: &BTreeMap<String, String>,
    run: Option<&BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    let mut values = run.cloned().unwrap_or_default();
    values.extend(given.clone());
    values
}

/// A signed manifest that names a file it doesn't list; packing refuses to make one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the release names the script {0}, which it does not contain")]
pub struct MissingScript(EntryPath);

/// Why values don't fit a release's variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// Nothing of that name is declared.
    #[error("the release has no variable {name:?}; it has {known}")]
    Unknown {
        /// The name.
        name: String,
        /// The declared ones.
        known: String,
    },
    /// A required one is missing.
    #[error("variable {name:?} is required: {about}")]
    Missing {
        /// The name.
        name: String,
        /// What it is.
        about: String,
    },
    /// A value outside its pattern.
    #[error("{value:?} does not match the pattern {pattern} of variable {name:?}")]
    Pattern {
        /// The name.
        name: String,
        /// The value.
        value: String,
        /// The pattern.
        pattern: String,
    },
}

/// Resolves `-v NAME=VALUE` against the declared variables. `required` is false for what undoes or only looks: a script
/// that does need a variable says so itself.
pub fn values(
    manifest: &Manifest,
    given: &BTreeMap<String, String>,
    required: bool,
) -> Result<BTreeMap<String, String>, VariableError> {
    let declared = &manifest.variables;
    if let Some(name) = given.keys().find(|name| !declared.keys().any(|known| known.as_str() == *name)) {
        let known: Vec<&str> = declared.keys().map(|known| known.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(VariableError::Unknown { name: name.clone(), known });
    }
    let mut values = BTreeMap::new();
    for (name, variable) in declared {
        let name = name.as_str().to_owned();
        let Some(value) = given.get(&name).or(variable.default.as_ref()) else {
            if variable.required && required {
                return Err(VariableError::Missing { name, about: variable.about.clone() });
            }
            continue;
        };
        if !variable.accepts(value) {
            let pattern = variable.pattern.clone().unwrap_or_default();
            return Err(VariableError::Pattern { name, value: value.clone(), pattern });
        }
        values.insert(name, value.clone());
    }
    Ok(values)
}
