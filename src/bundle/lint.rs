//! What can be known about a release's scripts without a database.

use crate::entry_path::EntryPath;
use crate::format::manifest::{Manifest, VerifyMode};
use crate::sql::{Inspection, Position, Script, Statement, Step, Variables, rows_unread, single_select};

use super::problem::Problem;
use super::source::Source;

/// Reads every script as a run would, with a placeholder for each variable, and notes what can't run.
pub fn scripts(manifest: &Manifest, source: &Source, problems: &mut Vec<Problem>) {
    let mut lint = Lint { manifest, source, problems };
    for tier in &manifest.tiers {
        lint.script(&tier.file, &Role::Writes { dispatch: &tier.dispatch });
    }
    for rollback in &manifest.rollback {
        lint.script(&rollback.file, &Role::Writes { dispatch: &rollback.dispatch });
    }
    for verify in &manifest.verify {
        lint.script(&verify.file, &Role::Verifies(verify.mode));
    }
    for gate in &manifest.gates {
        lint.script(&gate.file, &Role::Asks("gate"));
    }
    for probe in [&manifest.states.baseline.probe, &manifest.states.finalized.probe] {
        lint.script(probe, &Role::Asks("probe"));
    }
}

/// What a script is for, and so what it may do.
enum Role<'a> {
    /// A tier or rollback script.
    Writes { dispatch: &'a [String] },
    /// A verify script.
    Verifies(VerifyMode),
    /// A gate or probe: one SELECT.
    Asks(&'static str),
}

struct Lint<'a> {
    manifest: &'a Manifest,
    source: &'a Source,
    problems: &'a mut Vec<Problem>,
}

impl Lint<'_> {
    fn script(&mut self, file: &EntryPath, role: &Role<'_>) {
        if self.source.get(file).is_none() {
            return; // noted where release.toml names it
        }
        match self.steps(file, role) {
            Ok(0) => self.problems.push(Problem::file(file, "the script has no statement").rule("empty-script")),
            Ok(1) => {}
            Ok(n) => {
                if let Role::Asks(what) = role {
                    let text = format!("a {what} is one SELECT, this file has {n} statements");
                    self.problems.push(Problem::file(file, text).rule("not-one-select"));
                }
            }
            Err(error) => self.problems.push(Problem::script(file.as_str(), &error)),
        }
        if matches!(role, Role::Asks(_))
            && let Err(error) = self.bare_variables(file)
        {
            self.problems.push(Problem::script(file.as_str(), &error));
        }
    }

    /// A plain `:name` puts the operator's text into the question itself: `1=1` would open a gate.
    fn bare_variables(&mut self, file: &EntryPath) -> Result<(), crate::sql::ScriptError> {
        let mut script = Script::open(self.source, file.as_str(), Variables::default())?;
        while let Some(step) = script.next_step()? {
            let Step::Statement(statement) = step else { continue };
            for (name, at) in &statement.undefined {
                let declared = self.manifest.variables.keys().any(|known| known.as_str() == name);
                if declared && self.is_bare(at) {
                    let problem = Problem::at(at, format!("a plain :{name} in a question")).rule("unsafe-variable");
                    self.problems.push(problem.hint(format!("write :'{name}', which is always a value")));
                }
            }
        }
        Ok(())
    }

    /// Whether no quote follows the colon at a place.
    fn is_bare(&self, at: &Position) -> bool {
        let bytes = at.file.parse::<EntryPath>().ok().and_then(|file| self.source.get(&file));
        let text = bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
        let line = text.lines().nth(at.line as usize - 1).unwrap_or_default();
        let mut rest = line.chars().skip(at.column as usize - 1).skip_while(|c| *c == ':');
        !matches!(rest.next(), Some('\'' | '"'))
    }

    fn steps(&mut self, file: &EntryPath, role: &Role<'_>) -> Result<usize, crate::sql::ScriptError> {
        let mut script = Script::open(self.source, file.as_str(), self.placeholders())?;
        let mut statements = 0;
        while let Some(step) = script.next_step()? {
            if let Step::Statement(statement) = step {
                statements += statement.inspect().statements;
                self.statement(&statement, role);
            }
        }
        Ok(statements)
    }

    /// A value for every declared variable, so that only undeclared ones are undefined.
    fn placeholders(&self) -> Variables {
        let mut variables = Variables::default();
        for (name, variable) in &self.manifest.variables {
            let value = variable.default.clone().unwrap_or_else(|| "0".to_owned());
            // The manifest's grammar of variable names is narrower than psql's.
            let _ = variables.set(name.as_str(), value);
        }
        variables
    }

    fn statement(&mut self, statement: &Statement, role: &Role<'_>) {
        let inspection = statement.inspect();
        for (name, position) in &statement.undefined {
            let problem = Problem::at(position, format!("variable {name:?} is not set")).rule("unset-variable");
            let hint = format!("declare it as [variables.{name}] in release.toml, or \\set it before");
            self.problems.push(problem.hint(hint));
        }
        if let Some(refusal) = refused_everywhere(&inspection) {
            let rule = refusal_rule(&inspection);
            self.problems.push(Problem::at(&statement.origin.at, refusal.0).hint(refusal.1).rule(rule));
        }
        match role {
            Role::Writes { dispatch } => self.dispatch(statement, &inspection, dispatch),
            Role::Verifies(mode) => {
                self.dispatch(statement, &inspection, &[]);
                if rows_unread(&statement.sql) {
                    let problem = Problem::at(&statement.origin.at, ROWS_UNREAD).rule("rows-unread");
                    self.problems.push(problem.hint("write the data first, then read it by a plain SELECT"));
                }
                if *mode == VerifyMode::ReadOnly && inspection.copy.is_some() {
                    let problem = Problem::at(&statement.origin.at, "COPY in a read-only verify script");
                    let problem = problem.rule("copy-in-read-only");
                    self.problems.push(problem.hint("use SELECT, or mode = \"rolled-back\""));
                }
            }
            Role::Asks(what) => {
                self.dispatch(statement, &inspection, &[]);
                if let Err(error) = single_select(&statement.sql) {
                    let at = statement.locate(error.at);
                    let problem = Problem::at(&at, format!("a {what} is one SELECT and nothing else: {error}"));
                    self.problems.push(problem.rule("not-one-select"));
                }
            }
        }
    }

    fn dispatch(&mut self, statement: &Statement, inspection: &Inspection, acknowledged: &[String]) {
        for dispatch in &inspection.dispatch {
            if acknowledged.iter().any(|name| name.eq_ignore_ascii_case(&dispatch.name)) {
                continue;
            }
            let at = statement.locate(dispatch.at);
            let message = format!("{} could reach outside of the database", dispatch.name);
            let hint = format!("if that is meant, name it in the tier: dispatch = [\"{}\"]", dispatch.name);
            self.problems.push(Problem::at(&at, message).hint(hint).rule("dispatch"));
        }
    }
}

/// Why a verify script has no `INSERT ... RETURNING`, `SELECT ... FOR UPDATE`, `EXECUTE` and the like.
pub const ROWS_UNREAD: &str = "a statement of a verify script that returns rows and is no plain SELECT";

/// The rule by which [`refused_everywhere`] refuses, in its order.
fn refusal_rule(inspection: &Inspection) -> &'static str {
    match inspection {
        Inspection { transaction_control: Some(_), .. } => "transaction-control",
        Inspection { outside_transaction: Some(_), .. } => "outside-transaction",
        Inspection { statements: 2.., .. } => "joined-statements",
        _ => "session-change",
    }
}

/// What no script of a release may do, as a sentence and what to do instead.
pub fn refused_everywhere(inspection: &Inspection) -> Option<(String, &'static str)> {
    if let Some(control) = inspection.transaction_control {
        let hint = "a release is one transaction that pgseal begins and ends; remove the statement";
        return Some((format!("transaction control ({control}) in a transactional script"), hint));
    }
    if let Some(what) = inspection.outside_transaction {
        let hint = "run it apart from the release; this version of pgseal has no non-transactional tiers";
        return Some((format!("{what} can't run inside a transaction"), hint));
    }
    if inspection.statements > 1 {
        let hint = "end each statement with a plain semicolon";
        return Some(("statements joined by \\; can't be sent one by one".to_owned(), hint));
    }
    if let Some(change) = inspection.session_change.filter(|change| change.is_refused()) {
        let hint = "pgseal and the server would no longer agree on what runs, or as whom";
        return Some((format!("{change} in a script"), hint));
    }
    None
}
