//! Scripts of the operator: the approval script, which opens gates in place of people, and a dump as SQL. Both run only on the
//! clone, each in one transaction, by the same reader of psql scripts as a release.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use super::clone::PATIENCE;
use super::{ClonedDatabase, locks};
use crate::database::Purpose;
use crate::release::event::Observer;
use crate::release::failure::Failure;
use crate::release::run_context::RunContext;
use crate::release::{server_variables, settings};
use psql_script::{Copy, FileError, Files, Inspection, Script, Statement, Step, Then, Variables};

/// A script of the operator.
pub(super) struct SetupScript<'a> {
    /// Name in errors.
    pub name: &'a str,
    pub text: Text<'a>,
    pub variables: &'a BTreeMap<String, String>,
}

/// Location of a script's text.
pub(super) enum Text<'a> {
    Bytes(&'a [u8]),
    /// A dump may be larger than memory.
    File(&'a Path),
}

/// One file, which includes no other.
struct OneScript<'a>(&'a SetupScript<'a>);

/// The script's name in [`OneScript`].
const NAME: &str = "script.sql";

impl Files for OneScript<'_> {
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, FileError> {
        if path != NAME {
            return Err(FileError::NotFound);
        }
        match self.0.text {
            Text::Bytes(bytes) => Ok(Box::new(Cursor::new(bytes))),
            Text::File(path) => match std::fs::File::open(path) {
                Ok(file) => Ok(Box::new(std::io::BufReader::new(file))),
                Err(error) => Err(FileError::Other(Box::new(error))),
            },
        }
    }
}

/// Runs a script on the clone and commits. Returns the number of statements.
pub(super) fn run(
    order: &RunContext<'_>,
    clone: &ClonedDatabase,
    given: &SetupScript<'_>,
    observer: &mut dyn Observer,
) -> Result<u64, Failure> {
    let failed = |failure: Failure| renamed(failure, given.name);
    let doing = |what: &'static str| move |error| Failure::database(what, &error);
    let mut session = order
        .connect
        .connect(Purpose::Write)
        .and_then(|mut session| clone.check(session.as_mut()).map(|()| session))
        .map_err(doing("can't connect to the clone"))?;
    // Without a time limit: a dump's statements build indexes.
    settings::reset(session.as_mut(), order.limits)
        .and_then(|()| session.batch("SET statement_timeout = 0"))
        .map_err(doing("can't set up the session"))?;
    session.set_patience(PATIENCE);
    let mut variables = Variables::default();
    let of_session = server_variables::variables(session.as_ref());
    for (name, value) in given.variables.iter().chain(&of_session) {
        let set = variables.set(name, value.clone());
        set.map_err(|_| Failure::plain(format!("{name:?} can't be the name of a variable")))?;
    }
    session.execute("BEGIN").map_err(doing("can't begin"))?;
    clone
        .check_inside(session.as_mut())
        .map_err(doing("not on the clone"))?;
    settings::use_release_path(session.as_mut(), order.manifest())
        .map_err(doing("can't set the search path"))?;
    let files = OneScript(given);
    let mut script =
        Script::open(&files, NAME, variables).map_err(|error| failed(Failure::script(&error)))?;
    let mut statements = 0;
    loop {
        match script
            .next_step()
            .map_err(|error| failed(Failure::script(&error)))?
        {
            None => break,
            Some(Step::Statement(statement)) => {
                let rows = send(session.as_mut(), &mut script, &statement).map_err(failed)?;
                script.answered(Some(rows));
                statements += 1;
            }
            Some(Step::Echo { .. } | Step::Await) => {}
        }
    }
    // Deferred triggers run now, so that their locks and changes are checked too.
    session
        .execute("SET CONSTRAINTS ALL IMMEDIATE")
        .map_err(doing("a deferred constraint does not hold"))?;
    locks::look(session.as_mut(), order, clone, given.name, observer)?;
    session
        .execute("COMMIT")
        .map_err(doing("COMMIT was refused"))?;
    Ok(statements)
}

fn send(
    session: &mut dyn crate::database::Session,
    script: &mut Script<'_>,
    statement: &Statement,
) -> Result<u64, Failure> {
    let inspection = statement.inspect();
    if let Some(why) = refusal(statement, &inspection) {
        return Err(Failure::refused(statement, why));
    }
    let failed = |error| Failure::statement(statement, &error);
    match (&statement.then, inspection.copy) {
        (Then::Store { .. }, _) => {
            let table = session.rows(&statement.sql, 2).map_err(failed)?;
            let stored = script.store(statement, &table.columns, &table.rows);
            stored.map_err(|error| Failure::script(&error))?;
            Ok(table.rows.len() as u64)
        }
        (_, Some(Copy::FromStdin)) => {
            let mut data = script
                .copy_data(statement)
                .map_err(|error| Failure::script(&error))?;
            session
                .copy_in(&statement.sql, data.as_mut())
                .map_err(failed)
        }
        (_, Some(Copy::ToStdout)) => session.copy_out(&statement.sql).map(|_| 0).map_err(failed),
        _ if inspection.statements == 0 => Ok(0),
        _ => match &statement.parameters {
            Some(parameters) => session
                .execute_with(&statement.sql, parameters)
                .map_err(failed),
            None => session.execute(&statement.sql).map_err(failed),
        },
    }
}

/// The reason to refuse a statement that could leave the transaction or the clone.
fn refusal(statement: &Statement, inspection: &Inspection) -> Option<String> {
    if let Some((name, _)) = statement.undefined.first() {
        return Some(format!(
            "variable {name:?} is not set: give it by -v {name}=VALUE"
        ));
    }
    if let Some(control) = inspection.transaction_control {
        return Some(format!(
            "transaction control ({control}): the script runs in one transaction"
        ));
    }
    if inspection.statements > 1 {
        return Some("statements joined by \\;".to_owned());
    }
    let command = statement.command();
    if let Some(other) = command.filter(|command| !["gset", "bind"].contains(command)) {
        return Some(format!("\\{other} is not for such a script"));
    }
    // Defining a function does not run its body; `reach::own_ways_out` reports the clone's own definitions. Tables and
    // materialized views made of a query do run it.
    let defines = [
        "CREATE FUNCTION",
        "CREATE PROCEDURE",
        "CREATE TRIGGER",
        "CREATE EXTENSION",
    ]
    .contains(&inspection.verb.as_str());
    let mut ways = inspection.dispatch.iter().map(|way| way.name.as_str());
    ways.find(|way| !defines && !super::reach::stays_inside(way))
        .map(|way| format!("{way} could reach outside of the clone"))
}

/// Replaces the script's internal name in a failure's place by the operator's.
fn renamed(failure: Failure, name: &str) -> Failure {
    let at = failure.at.as_ref().map(|at| at.replacen(NAME, name, 1));
    Failure { at, ..failure }
}
