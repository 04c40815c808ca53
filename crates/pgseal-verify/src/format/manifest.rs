//! The predicate of a release: the content of the signed statement apart from the list of files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::database_pattern::Databases;
use super::expectation::Expectation;
use super::name::{Name, VariableName, Version};
use super::path_pattern::PathPattern;
use super::release_range::ReleaseRange;
use super::release_source::ReleaseSource;
use super::run_limits::RunLimits;
use super::server_range::ServerRange;
use super::timestamp::Timestamp;
use super::version;
use crate::digest::Digest;
use crate::entry_path::EntryPath;

/// The whole manifest. Every list keeps the order of `release.toml`, except `files`, which is
/// ordered by path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The oldest pgseal that can read it.
    #[serde(deserialize_with = "version::program")]
    pub minimum_pgseal: String,
    /// `SOURCE_DATE_EPOCH` of the packing, if it was set. No decision depends on it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created: Option<Timestamp>,
    /// Name and version of the release.
    pub release: Release,
    /// For a stage that ships alone: the release of which it contains the first tiers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stage_of: Option<StageOf>,
    /// Stages that may have been shipped alone: of this release or, for a stage, the other stages
    /// of the same release.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub stages: Vec<Name>,
    /// Releases that must be in effect.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub requires: Vec<ReleaseRange>,
    /// Releases that must not be in effect.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub conflicts: Vec<ReleaseRange>,
    /// Where the files come from, as the packer states it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source: Option<ReleaseSource>,
    /// Database on which it may run.
    pub target: Target,
    /// Variables that the operator must or may set by `-v NAME=VALUE`.
    pub variables: BTreeMap<VariableName, Variable>,
    /// Gates that must all return READY.
    pub gates: Vec<Gate>,
    /// The database before (`baseline`) and after (`finalized`).
    pub states: States,
    /// The scripts in execution order.
    pub tiers: Vec<Tier>,
    /// The scripts that restore `baseline`, in execution order.
    pub rollback: Vec<RollbackScript>,
    /// Scripts that check the database.
    pub verify: Vec<VerifyScript>,
    /// Instructions for people.
    pub runbooks: Vec<Runbook>,
    /// Time limits of a run.
    pub limits: RunLimits,
    /// Warnings of `lint` that the author reviewed and accepted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub acknowledged: Vec<Acknowledgement>,
    /// Tables, `schema.table`, whose columns a rollback may leave in another order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub reordered: Vec<String>,
    /// True if a run needs a rehearsal receipt of this exact release.
    #[serde(skip_serializing_if = "is_false", default)]
    pub require_rehearsal: bool,
    /// True if a run needs the definitions to be those of the newest signed receipt of its database.
    #[serde(skip_serializing_if = "is_false", default)]
    pub require_no_drift: bool,
    /// Maximum age in days of that rehearsal; absent for no limit. The lower of the release's and
    /// the trust root's limit applies.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rehearsal_max_age_days: Option<NonZeroU32>,
    /// Every file, by ascending path.
    pub files: Vec<File>,
}

/// Reads a text that is not empty.
fn filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Err(D::Error::custom("the text is empty"));
    }
    Ok(text)
}

pub(super) fn is_false(value: &bool) -> bool {
    !value
}

impl Manifest {
    /// Every file that it names outside of `files`.
    pub fn paths(&self) -> Vec<&EntryPath> {
        let probes = self.states.iter().map(|state| &state.probe);
        let gates = self.gates.iter().map(|gate| &gate.file);
        let tiers = self.tiers.iter().map(|tier| &tier.file);
        let rollback = self.rollback.iter().map(|script| &script.file);
        let verify = self.verify.iter().map(|script| &script.file);
        let runbooks = self.runbooks.iter().map(|runbook| &runbook.file);
        probes
            .chain(gates)
            .chain(tiers)
            .chain(rollback)
            .chain(verify)
            .chain(runbooks)
            .collect()
    }
}

/// `[release]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The name, the same for all versions.
    pub name: Name,
    /// The version, for people.
    pub version: Version,
    /// The order of the versions: a run never takes a database back to a lower one.
    pub sequence: u32,
    /// One sentence for people.
    pub summary: String,
}

/// The whole release that a stage begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageOf {
    /// Name of the whole release; version and sequence are the stage's own.
    pub release: Name,
    /// Name of the stage in the whole release.
    pub stage: Name,
}

/// `[target]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Databases on which it may run.
    pub database: Databases,
    /// `server_version_num`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server: Option<ServerRange>,
    /// Search path of every script and guarded query of the release, independent of settings of the
    /// role, the database or the caller. Default: `public`.
    #[serde(
        skip_serializing_if = "is_default_search_path",
        default = "default_search_path"
    )]
    pub search_path: Vec<String>,
    /// `current_user`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<String>,
    /// Clusters on which it may run, by `pg_control_system().system_identifier`, which identifies
    /// one worldwide; empty: any.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub system_identifiers: Vec<String>,
}

/// Search path of a release without one.
pub fn default_search_path() -> Vec<String> {
    vec!["public".to_owned()]
}

fn is_default_search_path(path: &[String]) -> bool {
    path == ["public"]
}

impl Manifest {
    /// Whether a rehearsal with these values proves something about a run with those.
    pub fn is_rehearsed(
        &self,
        run: &BTreeMap<String, String>,
        rehearsal: &BTreeMap<String, String>,
    ) -> bool {
        let bound = |values: &BTreeMap<String, String>| -> BTreeMap<String, String> {
            let mut values = values.clone();
            for (name, variable) in &self.variables {
                if variable.rehearsal == RehearsedWith::Any {
                    values.remove(name.as_str());
                }
            }
            values
        };
        bound(run) == bound(rehearsal)
    }
}

/// `[variables.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// True if the operator must set it.
    pub required: bool,
    /// A regular expression that the whole value must match.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pattern: Option<String>,
    /// Value if the operator sets none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub default: Option<String>,
    /// Description for people.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub about: String,
    /// The values that a rehearsal may have used.
    #[serde(skip_serializing_if = "RehearsedWith::is_default", default)]
    pub rehearsal: RehearsedWith,
}

/// The values of a variable with which a rehearsal proves something about a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RehearsedWith {
    /// That of the run: a script can behave differently with others.
    #[default]
    Same,
    /// Any: the value only ends up in a row, such as the number of a ticket.
    Any,
}

impl RehearsedWith {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Variable {
    /// True if the whole value matches the pattern, or if there is none.
    pub fn accepts(&self, value: &str) -> bool {
        let Some(pattern) = &self.pattern else {
            return true;
        };
        regex_lite::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(value))
    }
}

/// `[[gate]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Name of the gate.
    pub name: Name,
    /// One SELECT.
    pub file: EntryPath,
}

/// `[states.*]`: a run is a step from `baseline` to `finalized`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct States {
    /// The state in which a run starts.
    pub baseline: State,
    /// The state in which a run ends.
    pub finalized: State,
    /// The state in which a rollback ends, if it is not the one that [`States::after_rollback`]
    /// derives from the baseline.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rolled_back: Option<State>,
}

impl States {
    /// The states that the release declares.
    pub fn iter(&self) -> impl Iterator<Item = &State> {
        let always = [&self.baseline, &self.finalized].into_iter();
        always.chain(&self.rolled_back)
    }

    /// The state in which a rollback ends. Default: the baseline without its relative values, which
    /// are about the start of a run.
    pub fn after_rollback(&self) -> Cow<'_, State> {
        match &self.rolled_back {
            Some(state) => Cow::Borrowed(state),
            None => {
                let mut state = self.baseline.clone();
                state.expect.retain(|_, expected| !expected.is_relative());
                Cow::Owned(state)
            }
        }
    }
}

/// A named set of expected values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// One SELECT that returns one row.
    pub probe: EntryPath,
    /// The expectation of each named column; other columns are shown, not compared.
    pub expect: BTreeMap<String, Expectation>,
}

impl State {
    /// The names of the columns that are compared with their values at the start of the run or
    /// rollback.
    pub fn relative(&self) -> impl Iterator<Item = &str> {
        let relative = self
            .expect
            .iter()
            .filter(|(_, expected)| expected.is_relative());
        relative.map(|(column, _)| column.as_str())
    }
}

/// `[[tier]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Name of the tier.
    pub name: Name,
    /// The psql script.
    pub file: EntryPath,
    /// Description for people.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub about: String,
    /// The gates that must be open.
    pub gates: Vec<Name>,
    /// Commit mode.
    pub transaction: Transaction,
    /// Acknowledged dispatches out of the database, which `plan` and `verify` show: `NOTIFY`,
    /// `dblink_exec`, ...
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dispatch: Vec<String>,
}

/// Commit mode of a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transaction {
    /// In the release's one transaction.
    Release,
    /// Statement by statement, outside of any transaction.
    None,
}

/// `[[rollback]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackScript {
    /// The psql script.
    pub file: EntryPath,
    /// Acknowledged dispatches out of the database.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dispatch: Vec<String>,
}

/// `[[verify]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyScript {
    /// Name of the verify script.
    pub name: Name,
    /// The psql script: rows of `name`, `ok` and `detail`, or an error.
    pub file: EntryPath,
    /// State in which it must succeed.
    pub state: ReleaseState,
    /// Whether it may write; its changes are always rolled back.
    pub mode: VerifyMode,
}

/// State in which a verify script must succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseState {
    /// Before a run and after a rollback.
    Baseline,
    /// After a run.
    Finalized,
    /// In every state.
    Any,
}

/// Execution mode of a verify script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerifyMode {
    /// In a read-only transaction.
    ReadOnly,
    /// In a transaction or after a savepoint, always rolled back.
    RolledBack,
}

/// `[[runbook]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    /// The text.
    pub file: EntryPath,
    /// The intended reader.
    pub audience: Audience,
}

/// Reader of a runbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Approver, without knowledge of SQL.
    Owner,
    /// Person who runs the release.
    Operator,
    /// Person who checks the release years later.
    Auditor,
    /// Program that runs the release unattended once the gate has opened.
    Agent,
}

/// `[[acknowledge]]`: an accepted warning of `lint`, and the reason. No decision on the host
/// depends on it; it is for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// Id of the rule. An unknown rule is accepted, since rules change between versions.
    pub rule: Name,
    /// Files that the warning is about.
    pub file: PathPattern,
    /// Line, from 1; absent for every line of the file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<NonZeroU32>,
    /// Reason in the words of the release's author.
    #[serde(deserialize_with = "filled")]
    pub reason: String,
}

/// A file of the release and its storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Path in the release; a member stored as gzip is named `PATH.gz`.
    pub path: EntryPath,
    /// Storage form of the member.
    pub stored: Stored,
    /// Size of the content in bytes.
    pub size: u64,
    /// Digest of the content.
    pub sha256: Digest,
}

/// Storage form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// The content itself.
    Raw,
    /// Exactly one gzip member (RFC 1952).
    Gzip,
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::Agent => "agent",
        })
    }
}

impl std::str::FromStr for Audience {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Owner, Self::Operator, Self::Auditor, Self::Agent];
        let found = all
            .into_iter()
            .find(|audience| audience.to_string() == text);
        found.ok_or_else(|| {
            format!("{text:?} is not an audience: owner, operator, auditor or agent")
        })
    }
}
