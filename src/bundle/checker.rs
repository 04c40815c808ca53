//! Checks `release.toml` against its directory: names are unique, files exist, references resolve.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Debug, Display};

use toml::Spanned;

use super::problem::Problem;
use super::release_toml::{self, FILE, ReleaseToml, line_and_column};
use super::source::Source;
use super::stage::{self, Stage};
use super::tier_files;
use crate::rules::{self, Severity};
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::{
    Acknowledgement, Gate, Manifest, RollbackScript, Runbook, State, States, Tier, Transaction,
    Variable, VerifyScript,
};
use pgseal_verify::format::name::Name;
use pgseal_verify::format::release_range::ReleaseRange;
use pgseal_verify::format::version::MINIMUM_PGSEAL;

/// The manifest and stages of the document; every violation becomes a problem.
pub(super) fn manifest(
    toml: ReleaseToml,
    text: &str,
    source: &Source,
    problems: &mut Vec<Problem>,
) -> (Manifest, Vec<Stage>) {
    Checker {
        text,
        source,
        problems,
    }
    .manifest(toml)
}

/// Whether a tier has no transaction.
pub(super) fn commits_alone(tiers: &[release_toml::TierToml]) -> bool {
    tiers
        .iter()
        .any(|tier| tier.transaction == Transaction::None)
}

/// Converts the document to a manifest and records every violation.
pub(super) struct Checker<'a> {
    text: &'a str,
    source: &'a Source,
    problems: &'a mut Vec<Problem>,
}

impl Checker<'_> {
    fn manifest(mut self, mut toml: ReleaseToml) -> (Manifest, Vec<Stage>) {
        tier_files::list(&mut self, &mut toml);
        self.release(&toml);
        let (requires, conflicts) = self.dependencies(&toml.release);
        if let (Some(days), false) = (&toml.rehearsal_max_age_days, toml.require_rehearsal) {
            self.problem(
                days,
                "rehearsal_max_age_days limits nothing without require_rehearsal = true",
            );
        }
        self.unique(toml.gate.iter().map(|gate| &gate.name), "gate");
        self.unique(toml.tier.iter().map(|tier| &tier.name), "tier");
        self.unique(
            toml.verify.iter().map(|script| &script.name),
            "verify script",
        );
        self.unique(toml.stage.iter().map(|stage| &stage.name), "stage");
        let variables: BTreeMap<_, _> = toml
            .variables
            .into_iter()
            .map(|(name, variable)| (name, self.variable(variable)))
            .collect();
        let gates: Vec<Gate> = toml
            .gate
            .iter()
            .map(|gate| Gate {
                name: gate.name.get_ref().clone(),
                file: self.file(&gate.file),
            })
            .collect();
        let states = States {
            baseline: self.state(toml.states.baseline),
            finalized: self.finalized(toml.states.finalized, commits_alone(&toml.tier)),
            rolled_back: toml.states.rolled_back.map(|state| self.state(state)),
        };
        let tiers: Vec<Tier> = toml
            .tier
            .into_iter()
            .map(|tier| self.tier(tier, &gates))
            .collect();
        let waits = |name: &Name| tiers.iter().any(|tier| tier.gates.contains(name));
        for name in toml.gate.iter().map(|gate| &gate.name) {
            let gate = name.get_ref();
            if !waits(gate) {
                let text = format!("no tier waits for gate {gate:?}, so it would never be asked");
                self.problem(name, text);
            }
        }
        let rollback = self.rollback(toml.rollback);
        let verify = toml.verify.into_iter().map(|script| VerifyScript {
            file: self.file(&script.file),
            name: script.name.into_inner(),
            state: script.state,
            mode: script.mode,
        });
        let verify: Vec<VerifyScript> = verify.collect();
        let runbooks = self.runbooks(toml.runbook);
        let acknowledged = toml
            .acknowledge
            .into_iter()
            .map(|acknowledged| self.acknowledged(acknowledged))
            .collect();
        let stages: Vec<Stage> = stage::check(
            &mut self,
            toml.stage,
            &toml.release.name,
            &tiers,
            &verify,
            &variables,
        );
        let manifest = Manifest {
            minimum_pgseal: MINIMUM_PGSEAL.to_owned(),
            created: None,
            release: toml.release.into_release(),
            stage_of: None,
            stages: stages.iter().map(|stage| stage.name.clone()).collect(),
            requires,
            conflicts,
            source: toml.source,
            target: toml.target.into_target(),
            variables,
            gates,
            states,
            tiers,
            rollback,
            verify,
            runbooks,
            limits: toml.limits,
            acknowledged,
            reordered: toml.reordered,
            require_rehearsal: toml.require_rehearsal,
            require_no_drift: toml.require_no_drift,
            rehearsal_max_age_days: toml.rehearsal_max_age_days.map(|days| days.into_inner().0),
            files: Vec::new(),
        };
        (manifest, stages)
    }

    pub(super) fn state(&mut self, state: release_toml::StateToml) -> State {
        if state.expect.get_ref().is_empty() {
            self.problem(
                &state.expect,
                "a state that expects nothing tells no two databases apart",
            );
        }
        State {
            probe: self.file(&state.probe),
            expect: state.expect.into_inner(),
        }
    }

    /// A state after tiers, of which one may have no transaction.
    pub(super) fn finalized(
        &mut self,
        state: release_toml::StateToml,
        commits_alone: bool,
    ) -> State {
        let expect = &state.expect;
        let relative = expect
            .get_ref()
            .iter()
            .find(|(_, expected)| expected.is_relative());
        if let (Some((column, expected)), true) = (relative, commits_alone) {
            let text = format!(
                "{column} = \"{expected}\" compares the begin and the end of one transaction, and a tier of this release has none"
            );
            self.problem(expect, text);
        }
        self.state(state)
    }

    pub(super) fn rollback(
        &mut self,
        scripts: Vec<release_toml::RollbackToml>,
    ) -> Vec<RollbackScript> {
        scripts
            .into_iter()
            .map(|r| RollbackScript {
                file: self.file(&r.file),
                dispatch: r.dispatch,
            })
            .collect()
    }

    pub(super) fn runbooks(&mut self, runbooks: Vec<release_toml::RunbookToml>) -> Vec<Runbook> {
        runbooks
            .into_iter()
            .map(|r| Runbook {
                file: self.text_file(&r.file),
                audience: r.audience,
            })
            .collect()
    }

    fn release(&mut self, toml: &ReleaseToml) {
        for schema in toml
            .target
            .search_path
            .iter()
            .flatten()
            .filter(|schema| schema.get_ref() == "$user")
        {
            let text = "\"$user\" in target.search_path is another schema for every role";
            let problem = Problem::file(FILE, text).hint("name the schemas that are meant");
            self.add(schema, problem);
        }
        for (is_missing, message, hint) in [
            (
                toml.tier.is_empty(),
                "the release has no [[tier]]",
                "a tier is one SQL script that the release runs",
            ),
            (
                toml.rollback.is_empty(),
                "the release has no [[rollback]]",
                "write the SQL that leads back to the baseline state",
            ),
            (
                toml.release.summary.trim().is_empty(),
                "release.summary is empty",
                "say in one sentence what the release does; approvers read it",
            ),
        ] {
            if is_missing {
                self.problems.push(Problem::file(FILE, message).hint(hint));
            }
        }
    }

    /// The releases that the release requires, and those that it conflicts with.
    fn dependencies(
        &mut self,
        release: &release_toml::ReleaseInfoToml,
    ) -> (Vec<ReleaseRange>, Vec<ReleaseRange>) {
        for list in [&release.requires, &release.conflicts] {
            let mut seen = BTreeSet::new();
            for one in list {
                let name = one.get_ref().release();
                if !seen.insert(name) {
                    let text = format!("{name} is named twice: join the bounds by a comma");
                    self.problem(one, text);
                }
            }
        }
        for one in release
            .conflicts
            .iter()
            .filter(|one| one.get_ref().is_any())
        {
            let name = one.get_ref().release();
            let mut required = release.requires.iter();
            if required.any(|required| required.get_ref().release() == name) {
                let text = format!("the release requires {name} and conflicts with every version");
                self.problem(one, text);
            }
        }
        let plain = |list: &[Spanned<ReleaseRange>]| -> Vec<ReleaseRange> {
            list.iter().map(Spanned::get_ref).cloned().collect()
        };
        (plain(&release.requires), plain(&release.conflicts))
    }

    fn variable(&mut self, spanned: Spanned<release_toml::VariableToml>) -> Variable {
        let place = Spanned::new(spanned.span(), ());
        let variable = spanned.into_inner().into_variable();
        let accepts_default = || {
            let default = variable.default.as_deref();
            default.is_none_or(|value| variable.accepts(value))
        };
        match variable.pattern.as_deref().map(regex_lite::Regex::new) {
            Some(Err(error)) => {
                let text = format!("the pattern is not a regular expression: {error}");
                self.problem(&place, text);
            }
            Some(Ok(_)) if !accepts_default() => {
                self.problem(&place, "the default does not match the pattern");
            }
            _ => {}
        }
        if variable.required && variable.default.is_some() {
            self.problem(
                &place,
                "a required variable has no default: the operator must say it",
            );
        }
        variable
    }

    fn tier(&mut self, tier: release_toml::TierToml, gates: &[Gate]) -> Tier {
        if let Some(empty) = tier
            .gate
            .as_ref()
            .filter(|gates| gates.get_ref().is_empty())
        {
            let problem = Problem::file(FILE, "a tier that waits for no gate")
                .hint("leave the key out: the tier then waits for all gates");
            self.add(empty, problem);
        }
        let named = tier
            .gate
            .map(Spanned::into_inner)
            .into_iter()
            .flatten()
            .map(|name| {
                if !gates.iter().any(|gate| gate.name == *name.get_ref()) {
                    self.undefined(&name, "[[gate]]");
                }
                name.into_inner()
            });
        let named: Vec<Name> = named.collect();
        let all = || gates.iter().map(|gate| gate.name.clone()).collect();
        Tier {
            file: self.file(&tier.file),
            name: tier.name.into_inner(),
            about: tier.about,
            gates: if named.is_empty() { all() } else { named },
            transaction: tier.transaction,
            dispatch: tier.dispatch,
        }
    }

    fn acknowledged(&mut self, toml: release_toml::AcknowledgeToml) -> Acknowledgement {
        let rule = toml.rule.get_ref();
        let file = |text: String| Problem::file(FILE, text);
        match rules::find(rule.as_str()) {
            None => {
                let problem = file(format!("there is no lint rule {rule:?}"));
                self.add(&toml.rule, problem.hint("`pgseal lint --rules` lists them"));
            }
            Some(found) if found.severity == Severity::Error => {
                let hint = "only warnings can be acknowledged; errors are to be repaired";
                self.add(&toml.rule, file(format!("{rule} is an error")).hint(hint));
            }
            Some(found) if found.id == "stale-acknowledgement" => {
                let text = "an acknowledgement that matches nothing is removed, not acknowledged";
                self.problem(&toml.rule, text);
            }
            Some(_) => {}
        }
        if toml.reason.get_ref().trim().is_empty() {
            let problem = Problem::file(FILE, "the reason is empty")
                .hint("approvers read it: say why the warning may stay");
            self.add(&toml.reason, problem);
        }
        // A pattern that means no file is a stale acknowledgement, a warning.
        if let Some(path) = toml.file.get_ref().single() {
            self.file(&Spanned::new(toml.file.span(), path));
        }
        Acknowledgement {
            file: toml.file.into_inner(),
            rule: toml.rule.into_inner(),
            line: toml.line.map(|line| line.0),
            reason: toml.reason.into_inner(),
        }
    }

    fn unique<'n>(&mut self, names: impl Iterator<Item = &'n Spanned<Name>>, what: &str) {
        let mut seen = BTreeSet::new();
        for name in names {
            if !seen.insert(name.get_ref()) {
                let text = format!("there are two {what}s named {:?}", name.get_ref());
                self.problem(name, text);
            }
        }
    }

    fn file(&mut self, path: &Spanned<EntryPath>) -> EntryPath {
        if !self.source.contains(path.get_ref()) {
            let text = format!(
                "there is no file {:?} in the release directory",
                path.get_ref()
            );
            let problem = Problem::file(FILE, text).rule("missing-file");
            self.add(path, problem.hint("paths count from the release directory"));
        }
        path.get_ref().clone()
    }

    fn text_file(&mut self, path: &Spanned<EntryPath>) -> EntryPath {
        let file = self.file(path);
        let bytes = self.source.get(&file).ok().flatten();
        if bytes.is_some_and(|bytes| std::str::from_utf8(&bytes).is_err()) {
            let problem = Problem::file(FILE, format!("{file} is not UTF-8"));
            self.add(path, problem.rule("encoding"));
        }
        file
    }

    pub(super) fn source(&self) -> &'_ Source {
        self.source
    }

    pub(super) fn problem<T>(&mut self, place: &Spanned<T>, message: impl Display) {
        self.add(place, Problem::file(FILE, message));
    }

    fn add<T>(&mut self, place: &Spanned<T>, problem: Problem) {
        let at = Some(line_and_column(self.text, place.span().start));
        self.problems.push(Problem { at, ..problem });
    }

    /// Reports a reference to a name that the document does not define.
    pub(super) fn undefined<T: Debug>(&mut self, name: &Spanned<T>, kind: &str) {
        self.problem(
            name,
            format!("there is no {kind} named {:?}", name.get_ref()),
        );
    }
}
