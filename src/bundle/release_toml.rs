//! `release.toml` as people write it (design of the format: README, "A release of your own").

use std::collections::BTreeMap;
use std::fmt::{self, Formatter};
use std::num::NonZeroU32;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::problem::Problem;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::expectation::Expectation;
use pgseal_verify::format::limits_of_run::RunLimits;
use pgseal_verify::format::manifest::{
    Audience, Release, Target, Transaction, Variable, VerifyMode, When, default_search_path,
};
use pgseal_verify::format::name::{Name, VariableName};
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
    /// Whether a run needs the receipt of a rehearsal.
    #[serde(default)]
    pub require_rehearsal: bool,
    /// How many days old that rehearsal may be.
    pub rehearsal_max_age_days: Option<Spanned<FromOne>>,
    /// `[release]`
    pub release: Release,
    /// `[target]`
    pub target: TargetToml,
    /// `[variables.NAME]`
    #[serde(default)]
    pub variables: BTreeMap<VariableName, Spanned<VariableToml>>,
    /// `[[gate]]`
    #[serde(default)]
    pub gate: Vec<GateToml>,
    /// `[states.baseline]`, `[states.finalized]`
    pub states: StatesToml,
    /// `[[tier]]`
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

/// A whole number that is at least 1; an error says so in people's words.
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
                fits.map(FromOne).ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
            }
        }
        from.deserialize_i64(Whole)
    }
}

/// `[[acknowledge]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeToml {
    /// Which warning.
    pub rule: Spanned<Name>,
    /// Where.
    pub file: Spanned<EntryPath>,
    /// The line; every line of the file when absent.
    pub line: Option<FromOne>,
    /// Why it may stay.
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
}

impl VariableToml {
    /// As the manifest has it.
    pub fn to_variable(&self) -> Variable {
        let Self { required, pattern, default, about } = self;
        Variable { required: *required, pattern: pattern.clone(), default: default.clone(), about: about.clone() }
    }
}

/// `[[gate]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GateToml {
    /// Its name.
    pub name: Spanned<Name>,
    /// One SELECT.
    pub file: Spanned<EntryPath>,
}

/// `[states]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatesToml {
    /// Before a run.
    pub baseline: StateToml,
    /// After a run.
    pub finalized: StateToml,
}

/// `[states.NAME]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateToml {
    /// One SELECT.
    pub probe: Spanned<EntryPath>,
    /// Column = value.
    pub expect: Spanned<BTreeMap<String, Expectation>>,
}

/// `[[tier]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierToml {
    /// Its name.
    pub name: Spanned<Name>,
    /// The psql script.
    pub file: Spanned<EntryPath>,
    /// For people.
    #[serde(default)]
    pub about: String,
    /// The gates it waits for; all when absent.
    pub gate: Option<Spanned<Vec<Spanned<Name>>>>,
    /// How it is committed.
    pub transaction: Transaction,
    /// Acknowledged ways out of the database.
    #[serde(default)]
    pub dispatch: Vec<String>,
}

/// `[[stage]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageToml {
    /// Its name.
    pub name: Spanned<Name>,
    /// One sentence for people.
    pub summary: Spanned<String>,
    /// The first tiers of the release, by name.
    pub tiers: Spanned<Vec<Spanned<Name>>>,
    /// The database after it.
    pub finalized: StateToml,
    /// The way back to the baseline.
    pub rollback: Spanned<Vec<RollbackToml>>,
    /// Verify scripts of the release that hold after it.
    #[serde(default)]
    pub verify: Vec<Spanned<Name>>,
    /// Instructions for people.
    #[serde(default)]
    pub runbook: Vec<RunbookToml>,
    /// The variables that it takes; all when absent.
    pub variables: Option<Vec<Spanned<VariableName>>>,
}

/// `[[rollback]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollbackToml {
    /// The psql script.
    pub file: Spanned<EntryPath>,
    /// Acknowledged ways out of the database.
    #[serde(default)]
    pub dispatch: Vec<String>,
}

/// `[[verify]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyToml {
    /// Its name.
    pub name: Spanned<Name>,
    /// The psql script.
    pub file: Spanned<EntryPath>,
    /// When it must hold.
    pub state: When,
    /// How it is run.
    pub mode: VerifyMode,
}

/// `[[runbook]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunbookToml {
    /// The text.
    pub file: Spanned<EntryPath>,
    /// Its reader.
    pub audience: Audience,
}

/// `[target]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetToml {
    /// `current_database()`.
    pub database: String,
    server: Option<ServerRange>,
    /// The schemas of names without one.
    pub search_path: Option<Vec<Spanned<String>>>,
    role: Option<String>,
    system_identifier: Option<String>,
}

impl TargetToml {
    /// As the manifest has it.
    pub fn into_target(self) -> Target {
        let path = self.search_path.map(|path| path.into_iter().map(Spanned::into_inner).collect());
        Target {
            database: self.database,
            server: self.server,
            search_path: path.unwrap_or_else(default_search_path),
            role: self.role,
            system_identifier: self.system_identifier,
        }
    }
}

/// Reads the document; the error says line and column.
pub fn parse(text: &str) -> Result<ReleaseToml, Problem> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().map(|span| line_and_column(text, span.start));
        Problem { at, ..Problem::file(FILE, error.message().replace('\n', ", ")) }
    })
}

/// Line and column, from 1, of a byte of a text. Columns count characters.
pub fn line_and_column(text: &str, at: usize) -> (u32, u32) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() as u32 + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u32 + 1;
    (line, column)
}
