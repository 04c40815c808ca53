//! Checks of a release's scripts that need no database.

use std::collections::HashSet;

use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::{Manifest, Transaction, VerifyMode};
use psql_script::{
    self, Inspection, OF_THE_CONNECTION, Position, Statement, Step, Then, Variables, explore,
    rows_unread, single_select,
};

use super::problem::Problem;
use super::refusal::{Place, Refusal, refused_everywhere, refused_in_steps, refused_to_wait};
use super::source::Source;
use super::undecided::is_empty_on_purpose;

/// Reads every script as a run would, with a placeholder for each variable, and reports statements
/// that can't run. `whole` is the release itself, or the one of which it is a stage.
pub fn scripts(
    manifest: &Manifest,
    whole: &Manifest,
    source: &Source,
    problems: &mut Vec<Problem>,
) {
    let mut lint = Lint {
        manifest,
        whole,
        source,
        problems,
    };
    let mut writes = |file, place, dispatch| lint.script(file, &Role::Writes { place, dispatch });
    for tier in &manifest.tiers {
        let place = match tier.transaction {
            Transaction::Release => Place::Tier,
            Transaction::None => Place::Steps,
        };
        writes(&tier.file, place, &tier.dispatch);
    }
    for rollback in &manifest.rollback {
        writes(&rollback.file, Place::Rollback, &rollback.dispatch);
    }
    for verify in &manifest.verify {
        lint.script(&verify.file, &Role::Verifies(verify.mode));
    }
    for gate in &manifest.gates {
        lint.script(&gate.file, &Role::Asks("gate"));
    }
    for state in manifest.states.iter() {
        lint.script(&state.probe, &Role::Asks("probe"));
    }
}

/// Purpose of a script, which limits its statements.
enum Role<'a> {
    /// A tier or rollback script.
    Writes {
        place: Place,
        dispatch: &'a [String],
    },
    Verifies(VerifyMode),
    /// A gate or probe: one SELECT.
    Asks(&'static str),
}

impl Role<'_> {
    fn place(&self) -> Place {
        match self {
            Self::Writes { place, .. } => *place,
            Self::Verifies(_) | Self::Asks(_) => Place::Question,
        }
    }
}

struct Lint<'a> {
    manifest: &'a Manifest,
    whole: &'a Manifest,
    source: &'a Source,
    problems: &'a mut Vec<Problem>,
}

impl Lint<'_> {
    fn script(&mut self, file: &EntryPath, role: &Role<'_>) {
        if !self.source.contains(file) {
            return; // noted where release.toml names it
        }
        // Number of statements on each execution path through conditions that only a run decides.
        // Paths share problems.
        let mut ways: Vec<usize> = Vec::new();
        let (mut found, mut last, mut asserts) = (Vec::new(), None, false);
        let mut lint = Lint {
            problems: &mut found,
            ..*self
        };
        explore(
            self.source,
            file.as_str(),
            &declared(self.manifest),
            |way, step| {
                ways.resize(way, 0);
                match step {
                    Ok((_, Step::Statement(statement))) => {
                        ways[way - 1] += statement.inspect().statements;
                        lint.statement(&statement, role);
                        asserts |=
                            statement.then == Then::Execute || psql_script::asserts(&statement.sql);
                        last = Some(statement.origin.at);
                    }
                    Err(error) => {
                        ways[way - 1] = 1;
                        lint.problems.push(Problem::script(file.as_str(), &error));
                    }
                    Ok((_, Step::Await)) if role.place() == Place::Steps => {
                        lint.problems
                            .extend(last.as_ref().map(|at| refusal(at, refused_to_wait())));
                    }
                    Ok((_, Step::Echo { .. } | Step::Await)) => {}
                }
            },
        );
        match (ways.iter().max().unwrap_or(&0), role) {
            (0, Role::Writes { .. }) if is_empty_on_purpose(self.source, file) => {}
            (0, _) => {
                found.push(Problem::file(file, "the script has no statement").rule("empty-script"))
            }
            (_, Role::Asks(what)) if ways.len() > 1 => {
                let text = format!(
                    "a {what} with \\if over a value that only the operator or the server knows"
                );
                let problem = Problem::file(file, text).rule("unsafe-variable");
                found.push(problem.hint("compare it in the SELECT, as :'name'"));
            }
            (n, Role::Asks(what)) if *n > 1 => {
                let text = format!("a {what} is one SELECT, this file has {n} statements");
                found.push(Problem::file(file, text).rule("not-one-select"));
            }
            (_, Role::Verifies(_)) if !asserts && found.is_empty() => {
                let problem = Problem::file(
                    file,
                    "nothing in this verify script can fail: no column ok that may be false",
                );
                let hint =
                    "return a column ok (boolean), or raise an error where something is wrong";
                found.push(problem.rule("verify-asserts-nothing").hint(hint));
            }
            _ => {}
        }
        let mut seen = HashSet::new();
        self.problems.extend(
            found
                .into_iter()
                .filter(|problem| seen.insert(problem.to_string())),
        );
    }

    /// A hint for an unset variable. A stage has only those variables of the release that it takes.
    fn declaring(&self, name: &str) -> String {
        let mut of_whole = self.whole.variables.keys();
        match &self.manifest.stage_of {
            Some(of) if of_whole.any(|known| known.as_str() == name) => format!(
                "stage {:?} doesn't take it: name it in variables = [...] of this [[stage]]",
                of.stage.as_str()
            ),
            _ => format!("declare it as [variables.{name}] in release.toml, or \\set it before"),
        }
    }

    fn statement(&mut self, statement: &Statement, role: &Role<'_>) {
        let inspection = statement.inspect();
        for (name, position) in &statement.undefined {
            let problem = Problem::at(position, format!("variable {name:?} is not set"))
                .rule("unset-variable");
            self.problems.push(problem.hint(self.declaring(name)));
        }
        let refused = match role.place() {
            Place::Steps => refused_in_steps(statement, &inspection),
            place => refused_everywhere(place, &statement.sql, &inspection),
        };
        self.problems
            .extend(refused.map(|refused| refusal(&statement.origin.at, refused)));
        match role {
            Role::Writes { dispatch, .. } => self.dispatch(statement, &inspection, dispatch),
            Role::Verifies(mode) => {
                self.dispatch(statement, &inspection, &[]);
                let at = &statement.origin.at;
                if *mode == VerifyMode::ReadOnly && inspection.copy.is_some() {
                    let problem = Problem::at(at, "COPY in a read-only verify script")
                        .hint("use SELECT, or mode = \"rolled-back\"");
                    self.problems.push(problem.rule("copy-in-read-only"));
                } else if leaves_rows_unread(statement) {
                    let problem = Problem::at(at, ROWS_UNREAD)
                        .hint("write the data first, then read it by a plain SELECT");
                    self.problems.push(problem.rule("rows-unread"));
                }
            }
            Role::Asks(what) => {
                self.dispatch(statement, &inspection, &[]);
                self.bare_variables(statement);
                if statement.command().is_some() {
                    let problem =
                        format!("a {what} ends with a semicolon: its answer is READY or BLOCKED");
                    self.problems
                        .push(Problem::at(&statement.origin.at, problem).rule("not-one-select"));
                }
                if let Err(error) = single_select(&statement.sql) {
                    let text = format!("a {what} is one SELECT and nothing else: {error}");
                    let problem = Problem::at(&statement.locate(error.at), text);
                    self.problems.push(problem.rule("not-one-select"));
                }
            }
        }
    }

    /// Rejects a plain `:name`, which inserts the operator's text as SQL: `1=1` would open a gate.
    fn bare_variables(&mut self, statement: &Statement) {
        for (name, at) in &statement.bare {
            let problem =
                Problem::at(at, format!("a plain :{name} in a question")).rule("unsafe-variable");
            self.problems
                .push(problem.hint(format!("write :'{name}', which is always a value")));
        }
    }

    fn dispatch(
        &mut self,
        statement: &Statement,
        inspection: &Inspection,
        acknowledged: &[String],
    ) {
        for dispatch in &inspection.dispatch {
            let name = &dispatch.name;
            if acknowledged
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
            {
                continue;
            }
            let message = format!("{name} could reach outside of the database");
            let hint = format!("if that is meant, name it in the tier: dispatch = [\"{name}\"]");
            let problem = Problem::at(&statement.locate(dispatch.at), message);
            self.problems.push(problem.hint(hint).rule("dispatch"));
        }
    }
}

fn refusal(at: &Position, refusal: Refusal) -> Problem {
    Problem::at(at, refusal.why)
        .rule(refusal.rule)
        .hint(refusal.hint)
}

/// The reason why a verify script can't have `INSERT ... RETURNING`, `SELECT ... FOR UPDATE`,
/// `EXECUTE` and the like.
pub const ROWS_UNREAD: &str =
    "a statement of a verify script that returns rows and is no plain SELECT";

/// Whether a statement of a verify script could return a check result that is not read.
fn leaves_rows_unread(statement: &Statement) -> bool {
    let names_ok = || {
        statement
            .sql
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| word == "ok")
    };
    let not_shown = match statement.then {
        Then::Describe | Then::Prepare { .. } => true,
        Then::Store { .. } => names_ok(),
        Then::Execute => false,
        // Bound parameters, and whatever else takes the result.
        Then::Show => statement.command().is_some(),
    };
    not_shown || rows_unread(&statement.sql)
}

/// The variables of a release when it is packed. Their values, and those of the connection, are
/// known only in a run.
pub fn declared(manifest: &Manifest) -> Variables {
    let mut variables = Variables::default();
    // The manifest allows fewer variable names than psql.
    for (name, variable) in &manifest.variables {
        // `check` and `rollback` may omit a required one.
        let _ = variables.set_unknown(name.as_str(), variable.default.is_some());
    }
    for name in OF_THE_CONNECTION {
        let _ = variables.set_unknown(name, true);
    }
    variables
}
