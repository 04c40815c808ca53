//! The predicate of a release: what the signed statement says besides the list of files.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::expectation::Expectation;
use super::limits_of_run::RunLimits;
use super::name::{Name, VariableName, Version};
use super::server_range::ServerRange;
use super::timestamp::Timestamp;
use crate::digest::Digest;
use crate::entry_path::EntryPath;

/// The whole manifest. Every list keeps the order of `release.toml`, except `files`, which is ordered by path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The oldest pgseal that can read it.
    pub minimum_pgseal: String,
    /// `SOURCE_DATE_EPOCH` of the packing, if it was set. Nothing is decided by it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub created: Option<Timestamp>,
    /// Which release.
    pub release: Release,
    /// The release whose first tiers this is, when it is a stage that ships alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stage_of: Option<StageOf>,
    /// The stages that may have been shipped alone: of this release or, if it is a stage itself, the others of the same one.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub stages: Vec<Name>,
    /// Where it may run.
    pub target: Target,
    /// What the operator must or may say by `-v NAME=VALUE`.
    pub variables: BTreeMap<VariableName, Variable>,
    /// Questions that must all be answered READY.
    pub gates: Vec<Gate>,
    /// The database before (`baseline`) and after (`finalized`).
    pub states: States,
    /// The scripts, in the order in which they run.
    pub tiers: Vec<Tier>,
    /// The scripts that lead back to `baseline`, in the order in which they run.
    pub rollback: Vec<RollbackScript>,
    /// Scripts that check the database.
    pub verify: Vec<VerifyScript>,
    /// Instructions for people.
    pub runbooks: Vec<Runbook>,
    /// Time limits of a run.
    pub limits: RunLimits,
    /// Warnings of `lint` that somebody looked at and let stay.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub acknowledged: Vec<Acknowledgement>,
    /// Whether a run needs the receipt of a rehearsal of this very release.
    #[serde(skip_serializing_if = "is_false", default)]
    pub require_rehearsal: bool,
    /// How many days old that rehearsal may be; absent for any age. Of the release's and the trust root's limit the lower
    /// counts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rehearsal_max_age_days: Option<NonZeroU32>,
    /// Every file, by ascending path.
    pub files: Vec<File>,
}

pub(super) fn is_false(value: &bool) -> bool {
    !value
}

impl Manifest {
    /// Every file that it names outside of `files`.
    pub fn paths(&self) -> Vec<&EntryPath> {
        let probes = [&self.states.baseline.probe, &self.states.finalized.probe];
        let gates = self.gates.iter().map(|gate| &gate.file);
        let tiers = self.tiers.iter().map(|tier| &tier.file);
        let rollback = self.rollback.iter().map(|script| &script.file);
        let verify = self.verify.iter().map(|script| &script.file);
        let runbooks = self.runbooks.iter().map(|runbook| &runbook.file);
        probes.into_iter().chain(gates).chain(tiers).chain(rollback).chain(verify).chain(runbooks).collect()
    }
}

/// `[release]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// The name, the same over all versions.
    pub name: Name,
    /// The version, for people.
    pub version: Version,
    /// The order of the versions: a database never goes back to a lower one by running it.
    pub sequence: u32,
    /// One sentence for people.
    pub summary: String,
}

/// The whole of which a stage is the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageOf {
    /// The whole release's name; its version and sequence are the stage's.
    pub release: Name,
    /// The stage's name there.
    pub stage: Name,
}

/// `[target]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// `current_database()`.
    pub database: String,
    /// `server_version_num`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server: Option<ServerRange>,
    /// The schemas in which names without one are looked up, by every script and question of the release; whatever the
    /// role, the database or the caller have set. Default: `public`.
    #[serde(skip_serializing_if = "is_default_search_path", default = "default_search_path")]
    pub search_path: Vec<String>,
    /// `current_user`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<String>,
    /// `pg_control_system().system_identifier`: one cluster in the world.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub system_identifier: Option<String>,
}

/// Where names are looked up when the release doesn't say.
pub fn default_search_path() -> Vec<String> {
    vec!["public".to_owned()]
}

fn is_default_search_path(path: &[String]) -> bool {
    path == ["public"]
}

/// `[variables.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Whether the operator must set it.
    pub required: bool,
    /// A regular expression that the whole value must match.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pattern: Option<String>,
    /// The value when the operator sets none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub default: Option<String>,
    /// What it is, for people.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub about: String,
}

impl Variable {
    /// Whether a value matches the whole pattern, if there is one.
    pub fn accepts(&self, value: &str) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        regex_lite::Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|regex| regex.is_match(value))
    }
}

/// `[[gate]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Its name.
    pub name: Name,
    /// One SELECT.
    pub file: EntryPath,
}

/// `[states.*]`: both are needed, since a run is a step from one to the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct States {
    /// The state a run starts from, and a rollback ends in.
    pub baseline: State,
    /// The state a run ends in.
    pub finalized: State,
}

/// A named set of expected values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// One SELECT that returns one row.
    pub probe: EntryPath,
    /// What each named column must be; columns that are not named are shown, not compared.
    pub expect: BTreeMap<String, Expectation>,
}

/// `[[tier]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Its name.
    pub name: Name,
    /// The psql script.
    pub file: EntryPath,
    /// What it does, for people.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub about: String,
    /// The gates it waits for.
    pub gates: Vec<Name>,
    /// How it is committed.
    pub transaction: Transaction,
    /// Acknowledged ways out of the database, as `plan` and `verify` then show: `NOTIFY`, `dblink_exec`, ...
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dispatch: Vec<String>,
}

/// How a tier is committed.
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
    /// Acknowledged ways out of the database.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub dispatch: Vec<String>,
}

/// `[[verify]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyScript {
    /// Its name.
    pub name: Name,
    /// The psql script: rows of `name`, `ok` and `detail`, or an error.
    pub file: EntryPath,
    /// In which state it must hold.
    pub state: When,
    /// Whether it may write to what is then rolled back.
    pub mode: VerifyMode,
}

/// The state in which a verify script must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Before a run and after a rollback.
    Baseline,
    /// After a run.
    Finalized,
    /// Always.
    Any,
}

/// How a verify script is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerifyMode {
    /// In a read-only transaction.
    ReadOnly,
    /// In a transaction, or behind a savepoint, that is always rolled back.
    RolledBack,
}

/// `[[runbook]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runbook {
    /// The text.
    pub file: EntryPath,
    /// Its reader.
    pub audience: Audience,
}

/// Who reads a runbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Who says yes, without knowing SQL.
    Owner,
    /// Who runs it.
    Operator,
    /// Who checks it years later.
    Auditor,
}

/// `[[acknowledge]]`: a warning of `lint` that stays, and why. Nothing is decided by it on the host; people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// The rule's id. One that this program doesn't know is no fault: rules come and go.
    pub rule: Name,
    /// The file that the warning is about.
    pub file: EntryPath,
    /// The line, from 1; every line of the file when absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub line: Option<NonZeroU32>,
    /// Why it may stay, in the words of the release's author.
    pub reason: String,
}

/// A file of the release and how it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its path in the release; the member is called `PATH.gz` when it is stored as gzip.
    pub path: EntryPath,
    /// How the member holds it.
    pub stored: Stored,
    /// The size of its content, in bytes.
    pub size: u64,
    /// The digest of its content.
    pub sha256: Digest,
}

/// How a member holds its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// As it is.
    Raw,
    /// As exactly one gzip member (RFC 1952).
    Gzip,
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        })
    }
}

impl std::str::FromStr for Audience {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Owner, Self::Operator, Self::Auditor];
        let found = all.into_iter().find(|audience| audience.to_string() == text);
        found.ok_or_else(|| format!("{text:?} is not an audience: owner, operator or auditor"))
    }
}
