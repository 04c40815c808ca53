//! `[[stage]]`: the first tiers of a release, packed as a separate release. It has its own id,
//! hence its own approvals, and its own finalized state and rollback. It waits only for the gates
//! of its own tiers, and may start from a baseline of its own.
//!
//! The whole release starts from its baseline even after a stage was shipped: a stage never relaxes
//! its preflight. Packing, planning, approving and running a stage report the values that its
//! rollback takes back.

use std::collections::BTreeMap;

use toml::Spanned;

use super::checker::Checker;
use super::release_toml::StageToml;
use pgseal_verify::format::expectation::Expectation;
use pgseal_verify::format::manifest::{
    Manifest, Release, RollbackScript, Runbook, StageOf, State, Tier, Transaction, Variable,
    VerifyScript,
};
use pgseal_verify::format::name::{Name, NameError, VariableName};

/// A stage declared by a release.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The name in `release.toml`; the packed release is called `RELEASE-STAGE`.
    pub name: Name,
    /// One sentence for people.
    pub summary: String,
    /// Number of the release's tiers that it has, from the first on.
    pub tiers: usize,
    /// State in which the stage starts; that of the release if `None`.
    pub baseline: Option<State>,
    /// State of the database after the stage.
    pub finalized: State,
    /// State after the stage's rollback; derived from its baseline if `None`.
    pub rolled_back: Option<State>,
    /// Scripts that return to the baseline.
    pub rollback: Vec<RollbackScript>,
    /// Verify scripts of the release that hold after the stage.
    pub verify: Vec<Name>,
    pub runbooks: Vec<Runbook>,
    /// Variables of the release that it takes; all if `None`.
    pub variables: Option<Vec<VariableName>>,
}

/// The name of a packed stage.
pub fn release_name(release: &Name, stage: &Name) -> Result<Name, NameError> {
    format!("{release}-{stage}").parse()
}

impl Stage {
    /// Its own states.
    pub fn states(&self) -> impl Iterator<Item = &State> {
        let optional = self.baseline.iter().chain(&self.rolled_back);
        optional.chain([&self.finalized])
    }

    /// The manifest of the stage as a separate release.
    pub fn of(&self, whole: &Manifest) -> Result<Manifest, NameError> {
        let name = release_name(&whole.release.name, &self.name)?;
        let mut manifest = Manifest {
            release: Release {
                name,
                summary: self.summary.clone(),
                ..whole.release.clone()
            },
            stage_of: Some(StageOf {
                release: whole.release.name.clone(),
                stage: self.name.clone(),
            }),
            rollback: self.rollback.clone(),
            runbooks: self.runbooks.clone(),
            ..whole.clone()
        };
        manifest.stages.retain(|other| *other != self.name);
        manifest.tiers.truncate(self.tiers);
        let tiers = &manifest.tiers;
        manifest
            .gates
            .retain(|gate| tiers.iter().any(|tier| tier.gates.contains(&gate.name)));
        if let Some(baseline) = &self.baseline {
            manifest.states.baseline = baseline.clone();
        }
        manifest.states.finalized = self.finalized.clone();
        // That of the whole release undoes more than the stage did.
        manifest.states.rolled_back = self.rolled_back.clone();
        manifest
            .verify
            .retain(|script| self.verify.contains(&script.name));
        if let Some(wanted) = &self.variables {
            manifest.variables.retain(|name, _| wanted.contains(name));
        }
        let files: Vec<_> = manifest.paths().into_iter().cloned().collect();
        manifest
            .acknowledged
            .retain(|one| files.iter().any(|file| one.file.matches(file.as_str())));
        Ok(manifest)
    }
}

/// A value left by a stage that its baseline does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InTheWay<'m> {
    /// Column of the probes.
    pub column: &'m str,
    /// The stage's finalized value.
    pub left: &'m Expectation,
    /// The baseline's value.
    pub wanted: &'m Expectation,
}

/// Values of this stage that its rollback takes back.
pub fn in_the_way(stage: &Manifest) -> Vec<InTheWay<'_>> {
    if stage.stage_of.is_none() {
        return Vec::new();
    }
    let before = stage.states.baseline.expect.iter();
    let both = before.filter_map(|(column, wanted)| {
        let left = stage.states.finalized.expect.get(column)?;
        Some(InTheWay {
            column,
            left,
            wanted,
        })
    });
    both.filter(|one| !one.left.can_agree_with(one.wanted))
        .collect()
}

/// Validates the stages declared in `release.toml`.
pub(super) fn check(
    checker: &mut Checker<'_>,
    stages: Vec<StageToml>,
    release: &Name,
    tiers: &[Tier],
    verify: &[VerifyScript],
    variables: &BTreeMap<VariableName, Variable>,
) -> Vec<Stage> {
    let stages = stages.into_iter().map(|toml| {
        if let Err(error) = release_name(release, toml.name.get_ref()) {
            checker.problem(
                &toml.name,
                format!("the packed stage would have no fitting name: {error}"),
            );
        }
        if toml.summary.get_ref().trim().is_empty() {
            checker.problem(
                &toml.summary,
                "the summary is empty: say in one sentence what the stage does",
            );
        }
        let named = toml.tiers.get_ref();
        let is_beginning = named
            .iter()
            .map(Spanned::get_ref)
            .eq(tiers.iter().take(named.len()).map(|tier| &tier.name));
        if named.is_empty() || named.len() >= tiers.len() || !is_beginning {
            let first: Vec<&str> = tiers.iter().map(|tier| tier.name.as_str()).collect();
            let text = format!(
                "a stage has the first tiers of the release, in their order, and not all: {}",
                first.join(", ")
            );
            checker.problem(&toml.tiers, text);
        }
        if toml.rollback.get_ref().is_empty() {
            checker.problem(
                &toml.rollback,
                "the stage has no rollback: name the SQL that leads back to the baseline state",
            );
        }
        let known = |name: &Name| verify.iter().any(|script| script.name == *name);
        for name in toml.verify.iter().filter(|name| !known(name.get_ref())) {
            checker.undefined(name, "[[verify]]");
        }
        for name in toml.variables.iter().flatten() {
            if !variables.contains_key(name.get_ref()) {
                checker.undefined(name, "variable");
            }
        }
        let mut of_stage = tiers.iter().take(named.len());
        let commits_alone = of_stage.any(|tier| tier.transaction == Transaction::None);
        Stage {
            tiers: named.len(),
            name: toml.name.into_inner(),
            summary: toml.summary.into_inner(),
            baseline: toml.baseline.map(|state| checker.state(state)),
            finalized: checker.finalized(toml.finalized, commits_alone),
            rolled_back: toml.rolled_back.map(|state| checker.state(state)),
            rollback: checker.rollback(toml.rollback.into_inner()),
            verify: toml.verify.into_iter().map(Spanned::into_inner).collect(),
            runbooks: checker.runbooks(toml.runbook),
            variables: toml
                .variables
                .map(|names| names.into_iter().map(Spanned::into_inner).collect()),
        }
    });
    stages.collect()
}
