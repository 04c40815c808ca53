//! Questions: one SELECT, one row, as text. Gates and probes are both asked here.

use std::collections::BTreeMap;

use super::failure::Failure;
use super::order::Order;
use super::question::{self, Question, QuestionError, Within};
use super::{settings, special};
use crate::bundle::AuthenticatedSql;
use crate::database::{DatabaseError, Session};
use pgseal_verify::format::expectation::Expectation;
use pgseal_verify::format::manifest::State;
use pgseal_verify::format::trust_document::GateRole;
use psql_script::Statement;

/// A row by column. NULL is `None`.
pub type Observed = BTreeMap<String, Option<String>>;

/// A column that is not what a state expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The column.
    pub column: String,
    /// What it should be.
    pub expected: Expectation,
    /// What it is; `None` where the probe has no such column.
    pub found: Option<Option<String>>,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let found = match &self.found {
            None => "not a column of the probe",
            Some(None) => "NULL",
            Some(Some(value)) => value,
        };
        write!(f, "{} is {found}, expected {}", self.column, self.expected)
    }
}

/// The answer to a question.
pub struct Answer {
    /// Its row.
    pub row: Observed,
    /// The columns whose type is `boolean`.
    pub booleans: Vec<String>,
}

/// Asks a question inside the transaction of a run or rollback. Exactly one row, or it is not an answer.
pub fn ask(
    session: &mut dyn Session,
    sql: AuthenticatedSql<'_>,
    order: &Order<'_>,
    within: Within,
) -> Result<Answer, Failure> {
    let statement = question(session, sql, order)?;
    let path = settings::question_path(order.manifest());
    let asked = Question { sql: &statement.sql, path: &path, limits: order.limits, within };
    let asked = question::ask(session, &asked).map_err(|error| match error {
        QuestionError::Database(error) => Failure::statement(&statement, &error),
        ref refused @ (QuestionError::Literals(ref error) | QuestionError::Hidden(ref error, _)) => {
            Failure { message: refused.to_string(), sqlstate: None, ..Failure::statement(&statement, error) }
        }
        refused => Failure::refused(&statement, refused),
    });
    let (columns, table) = asked?;
    let [row] = table.rows.as_slice() else {
        let found = if table.rows.is_empty() { "no row" } else { "more than one row" };
        return Err(Failure::refused(&statement, format!("it returned {found}, exactly one is an answer")));
    };
    let mut observed = Observed::new();
    for (column, value) in table.columns.iter().zip(row) {
        if observed.insert(column.clone(), value.clone()).is_some() {
            return Err(Failure::refused(&statement, format!("it returned two columns named {column:?}")));
        }
    }
    let booleans = columns.into_iter().filter(|column| column.is_boolean).map(|column| column.name).collect();
    Ok(Answer { row: observed, booleans })
}

/// How the questions of a run are asked: on a clone, and where the trust root allows any role, whoever owns what they read.
pub fn within_run(order: &Order<'_>) -> Within {
    let trusts_owners = order.clone.is_some() || order.root().policy().gate_role == GateRole::Any;
    if trusts_owners { Within::TrustingRun } else { Within::Run }
}

fn question(session: &dyn Session, sql: AuthenticatedSql<'_>, order: &Order<'_>) -> Result<Statement, Failure> {
    let special = special::variables(session);
    let statement = sql.single_statement(order.variables, &special).map_err(|error| Failure::script(&error))?;
    let not_one = || Failure { at: Some(sql.path().to_string()), ..Failure::plain("a question is one statement") };
    let statement = statement.ok_or_else(not_one)?;
    match statement.undefined.first() {
        None => Ok(statement),
        Some((name, at)) => {
            let unset = format!("variable {name:?} is not set: give it by -v {name}=VALUE");
            Err(Failure { at: Some(at.to_string()), ..Failure::plain(unset) })
        }
    }
}

/// Compares a row with a state. Columns that the state doesn't name are not compared.
pub fn compare(state: &State, observed: &Observed) -> Vec<Mismatch> {
    let differs = |(column, expected): (&String, &Expectation)| {
        let found = observed.get(column);
        let fits = found.is_some_and(|value| expected.accepts(value.as_deref()));
        let mismatch = || Mismatch { column: column.clone(), expected: expected.clone(), found: found.cloned() };
        (!fits).then(mismatch)
    };
    state.expect.iter().filter_map(differs).collect()
}

/// Asks a question in a read-only transaction of its own, which is always rolled back. A transaction id that was
/// assigned meanwhile is an alarm (its absence proves nothing).
pub fn ask_read_only(
    session: &mut dyn Session,
    sql: AuthenticatedSql<'_>,
    order: &Order<'_>,
    within: Within,
) -> Result<Answer, Failure> {
    // Each query has a snapshot of its own. An older one than the locks of its tables would show a table as empty that was
    // truncated or rewritten meanwhile, and would hide what was created (PostgreSQL manual, 13.6 "Caveats").
    let begin = session.batch_ahead(question::BEGIN);
    begin.map_err(|error| Failure::database("can't begin", &error))?;
    let observed = ask(session, sql, order, within).and_then(|observed| {
        let assigned = session.query("select pg_catalog.pg_current_xact_id_if_assigned()::text", &[]);
        match assigned.map_err(|error| Failure::database("can't ask for the transaction id", &error))?.single() {
            None => Ok(observed),
            Some(_) => {
                Err(Failure::plain(format!("{}: the question was given a transaction id: it wrote", sql.path())))
            }
        }
    });
    match session.execute("ROLLBACK") {
        Err(error @ DatabaseError::Connection(_)) if observed.is_ok() => {
            Err(Failure::database("the connection was lost", &error))
        }
        _ => observed,
    }
}
