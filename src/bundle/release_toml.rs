//! The syntax of `release.toml` (design of the format: README, "A release of your own").

use std::collections::BTreeMap;
use std::fmt::{self, Formatter};
use std::num::NonZeroU32;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::problem::Problem;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::database_pattern::{DatabasePattern, Databases};
use pgseal_verify::format::expectation::Expectation;
use pgseal_verify::format::manifest::{
    Audience, RehearsedWith, Release, ReleaseState, Target, Transaction, Variable, VerifyMode,
    default_search_path,
};
use pgseal_verify::format::name::{Name, VariableName, Version};
use pgseal_verify::format::path_pattern::PathPattern;
use pgseal_verify::format::release_range::ReleaseRange;
use pgseal_verify::format::release_source::ReleaseSource;
use pgseal_verify::format::run_limits::RunLimits;
use pgseal_verify::format::server_range::ServerRange;
use pgseal_verify::format::version::Format1;

/// The file's name in the release directory.
pub const FILE: &str = "release.toml";

/// The whole document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseToml {
    #[expect(dead_code, reason = "its type only admits 1")]
    format: Format1,
    /// Tables whose columns a rollback may leave in another order.
    #[serde(default)]
    pub reordered: Vec<String>,
    /// Whether a run needs the receipt of a rehearsal.
    #[serde(default)]
    pub require_rehearsal: bool,
    /// A run needs the definitions to be those of the newest signed receipt.
    #[serde(default)]
    pub require_no_drift: bool,
    /// Maximum age of that rehearsal in days.
    pub rehearsal_max_age_days: Option<Spanned<FromOne>>,
    /// `[release]`
    pub release: ReleaseInfoToml,
    /// `[source]`
    pub source: Option<ReleaseSource>,
    /// `[target]`
    pub target: TargetToml,
    /// `[variables.NAME]`
    #[serde(default)]
    pub variables: BTreeMap<VariableName, Spanned<VariableToml>>,
    /// `[[gate]]`
    #[serde(default)]
    pub gate: Vec<GateToml>,
    /// `[states.baseline]`, `[states.finalized]`, `[states.rolled_back]`
    pub states: StatesToml,
    /// Files of tiers in the order of their names.
    pub tiers: Option<Spanned<PathPattern>>,
    /// `[[tier]]`
    #[serde(default)]
    pub tier: Vec<TierToml>,
    /// `[[rollback]]`
    #[serde(default)]
    pub rollback: Vec<RollbackToml>,
    /// `[[verify]]`
    #[serde(default)]
    pub verify: Vec<VerifyToml>,
    /// `[[runbook]]`
    #[serde(default)]
    pub runbook: Vec<RunbookToml>,
    /// `[[stage]]`
    #[serde(default)]
    pub stage: Vec<StageToml>,
    /// `[limits]`
    #[serde(default)]
    pub limits: RunLimits,
    /// `[[acknowledge]]`
    #[serde(default)]
    pub acknowledge: Vec<AcknowledgeToml>,
}

/// `[release]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseInfoToml {
    pub name: Name,
    version: Version,
    sequence: u32,
    pub summary: String,
    /// Releases that must be in effect.
    #[serde(default)]
    pub requires: Vec<Spanned<ReleaseRange>>,
    /// Releases that must not be in effect.
    #[serde(default)]
    pub conflicts: Vec<Spanned<ReleaseRange>>,
}

impl ReleaseInfoToml {
    /// The manifest's form of the release.
    pub fn into_release(self) -> Release {
        Release {
            name: self.name,
            version: self.version,
            sequence: self.sequence,
            summary: self.summary,
        }
    }
}

/// A whole number of at least 1, with an error message for people.
#[derive(Clone, Copy, Debug)]
pub struct FromOne(pub NonZeroU32);

impl<'de> Deserialize<'de> for FromOne {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Whole;
        impl Visitor<'_> for Whole {
            type Value = FromOne;

            fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from 1 to {}", u32::MAX)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<FromOne, E> {
                let fits = u32::try_from(number).ok().and_then(NonZeroU32::new);
                fits.map(FromOne)
                    .ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
            }
        }
        from.deserialize_i64(Whole)
    }
}

/// `[[acknowledge]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeToml {
    /// Id of the warning's rule.
    pub rule: Spanned<Name>,
    /// File of the warning, or a pattern.
    pub file: Spanned<PathPattern>,
    /// Line of the warning; every line of the file if absent.
    pub line: Option<FromOne>,
    /// Justification of the acknowledgement.
    pub reason: Spanned<String>,
}

/// `[variables.NAME]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariableToml {
    #[serde(default)]
    required: bool,
    pattern: Option<String>,
    default: Option<String>,
    #[serde(default)]
    about: String,
    #[serde(default)]
    rehearsal: RehearsedWith,
}

impl VariableToml {
    /// The manifest's form of the variable.
    pub fn into_variable(self) -> Variable {
        Variable {
            required: self.required,
            pattern: self.pattern,
            default: self.default,
            about: self.about,
            rehearsal: self.rehearsal,
        }
    }
}

/// `[[gate]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateToml {
    /// Unique among the gates.
    pub name: Spanned<Name>,
    /// A script with one SELECT.
    pub file: Spanned<EntryPath>,
}

/// `[states]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatesToml {
    /// State before a run.
    pub baseline: StateToml,
    /// State after a run.
    pub finalized: StateToml,
    /// State after a rollback; default: the baseline without its relative values.
    pub rolled_back: Option<StateToml>,
}

/// `[states.NAME]`
#[derive(Debug, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a state: { probe = \"FILE\", expect = { COLUMN = VALUE } }"
)]
pub struct StateToml {
    /// A script with one SELECT.
    pub probe: Spanned<EntryPath>,
    /// Expected values by column.
    pub expect: Spanned<BTreeMap<String, Expectation>>,
}

/// `[[tier]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierToml {
    /// Unique among the tiers.
    pub name: Spanned<Name>,
    pub file: Spanned<EntryPath>,
    #[serde(default)]
    pub about: String,
    /// Gates that must be open; all if absent.
    pub gate: Option<Spanned<Vec<Spanned<Name>>>>,
    pub transaction: Transaction,
    /// Acknowledged dispatches out of the database.
    #[serde(default)]
    pub dispatch: Vec<String>,
}

/// `[[stage]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageToml {
    /// Unique among the stages.
    pub name: Spanned<Name>,
    /// One sentence for people.
    pub summary: Spanned<String>,
    /// The first tiers of the release, by name.
    pub tiers: Spanned<Vec<Spanned<Name>>>,
    /// State in which the stage starts; default: that of the release.
    pub baseline: Option<StateToml>,
    /// State of the database after the stage.
    pub finalized: StateToml,
    /// State after the stage's rollback; default: its baseline without its relative values.
    pub rolled_back: Option<StateToml>,
    /// Scripts that return to the baseline.
    pub rollback: Spanned<Vec<RollbackToml>>,
    /// Verify scripts of the release that hold after the stage.
    #[serde(default)]
    pub verify: Vec<Spanned<Name>>,
    #[serde(default)]
    pub runbook: Vec<RunbookToml>,
    /// Variables that the stage takes; all if absent.
    pub variables: Option<Vec<Spanned<VariableName>>>,
}

/// `[[rollback]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackToml {
    pub file: Spanned<EntryPath>,
    /// Acknowledged dispatches out of the database.
    #[serde(default)]
    pub dispatch: Vec<String>,
}

/// `[[verify]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyToml {
    /// Unique among the verify scripts.
    pub name: Spanned<Name>,
    pub file: Spanned<EntryPath>,
    /// State in which it must hold.
    pub state: ReleaseState,
    pub mode: VerifyMode,
}

/// `[[runbook]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunbookToml {
    pub file: Spanned<EntryPath>,
    pub audience: Audience,
}

/// `[target]`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "WrittenTarget")]
pub struct TargetToml {
    databases: Databases,
    server: Option<ServerRange>,
    /// Schemas in which unqualified names are looked up.
    pub search_path: Option<Vec<Spanned<String>>>,
    role: Option<String>,
    system_identifiers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTarget {
    /// Instead of a list of one.
    database: Option<DatabasePattern>,
    #[serde(default)]
    databases: Vec<DatabasePattern>,
    server: Option<ServerRange>,
    search_path: Option<Vec<Spanned<String>>>,
    role: Option<String>,
    #[serde(default)]
    system_identifiers: Vec<String>,
}

impl TryFrom<WrittenTarget> for TargetToml {
    type Error = &'static str;

    fn try_from(written: WrittenTarget) -> Result<Self, Self::Error> {
        let databases = match written.database {
            Some(one) if written.databases.is_empty() => vec![one],
            Some(_) => return Err("write `database` or `databases`, not both"),
            None => written.databases,
        };
        let none = "no database: write database = \"app\", or databases = [\"app\", \"tenant_*\"]";
        Ok(Self {
            databases: Databases::new(databases).ok_or(none)?,
            server: written.server,
            search_path: written.search_path,
            role: written.role,
            system_identifiers: written.system_identifiers,
        })
    }
}

impl TargetToml {
    /// The manifest's form of the target.
    pub fn into_target(self) -> Target {
        let path = self
            .search_path
            .map(|path| path.into_iter().map(Spanned::into_inner).collect());
        Target {
            database: self.databases,
            server: self.server,
            search_path: path.unwrap_or_else(default_search_path),
            role: self.role,
            system_identifiers: self.system_identifiers,
        }
    }
}

/// Parses the document; the error has line and column.
pub fn parse(text: &str) -> Result<ReleaseToml, Problem> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map(|span| line_and_column(text, span.start));
        Problem {
            at,
            ..Problem::file(FILE, error.message().replace('\n', ", "))
        }
    })
}

/// Line and column, from 1, of a byte offset. Columns count characters.
pub fn line_and_column(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() as u32 + 1;
    let last = before.rsplit('\n').next().unwrap_or_default();
    (line, last.chars().count() as u32 + 1)
}
