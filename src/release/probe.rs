//! Runs gates and probes: one SELECT, one row, as text.

use std::collections::BTreeMap;

use super::failure::{Context as _, Failure};
use super::question::{self, ColumnRelations, Question, QuestionError, Within};
use super::run_context::RunContext;
use super::{server_variables, settings};
use crate::bundle::AuthenticatedSql;
use crate::database::{DatabaseError, Session};
use pgseal_verify::format::expectation::Expectation;
use pgseal_verify::format::manifest::State;
use pgseal_verify::format::trust_document::GateRole;
use psql_script::Statement;

/// A row by column. NULL is `None`.
pub type Observed = BTreeMap<String, Option<String>>;

/// A column that differs from the expected state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub column: String,
    pub expected: Expectation,
    /// The value found; `None` if the probe has no such column.
    pub found: Option<Option<String>>,
    /// The value at the start, for a relative expectation.
    pub start: Option<Option<String>>,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |value: &Option<String>| value.as_deref().unwrap_or("NULL").to_owned();
        let found = match &self.found {
            None => "not a column of the probe".to_owned(),
            Some(value) => shown(value),
        };
        write!(f, "{} is {found}, expected {}", self.column, self.expected)?;
        match &self.start {
            Some(start) => write!(f, " (it was {} at the start)", shown(start)),
            None => Ok(()),
        }
    }
}

/// The answer to a question.
pub struct Answer {
    pub row: Observed,
    /// Names of the `boolean` columns.
    pub booleans: Vec<String>,
}

/// Executes a question inside a run's or rollback's transaction. Requires exactly one row.
pub fn ask(
    session: &mut dyn Session,
    sql: AuthenticatedSql<'_>,
    order: &RunContext<'_>,
    within: Within,
) -> Result<Answer, Failure> {
    let statement = question(session, sql, order)?;
    let (columns, table) = with_question(session, &statement, order, within, question::ask)?;
    let [row] = table.rows.as_slice() else {
        let found = if table.rows.is_empty() {
            "no row"
        } else {
            "more than one row"
        };
        return Err(Failure::refused(
            &statement,
            format!("it returned {found}, exactly one is an answer"),
        ));
    };
    let mut observed = Observed::new();
    for (column, value) in table.columns.iter().zip(row) {
        if observed.insert(column.clone(), value.clone()).is_some() {
            return Err(Failure::refused(
                &statement,
                format!("it returned two columns named {column:?}"),
            ));
        }
    }
    let booleans = columns
        .into_iter()
        .filter(|column| column.is_boolean)
        .map(|column| column.name)
        .collect();
    Ok(Answer {
        row: observed,
        booleans,
    })
}

/// The relations that each column of a question reads.
pub(super) fn relations(
    session: &mut dyn Session,
    sql: AuthenticatedSql<'_>,
    order: &RunContext<'_>,
    within: Within,
) -> Result<ColumnRelations, Failure> {
    let statement = question(session, sql, order)?;
    with_question(session, &statement, order, within, question::relations)
}

fn with_question<T>(
    session: &mut dyn Session,
    statement: &Statement,
    order: &RunContext<'_>,
    within: Within,
    work: impl FnOnce(&mut dyn Session, &Question<'_>) -> Result<T, QuestionError>,
) -> Result<T, Failure> {
    let path = settings::question_path(order.manifest());
    let asked = Question {
        sql: &statement.sql,
        path: &path,
        limits: order.limits,
        within,
    };
    work(session, &asked).map_err(|error| match error {
        QuestionError::Database(error) => Failure::statement(statement, &error),
        ref
        refused @ (QuestionError::Literals(ref error) | QuestionError::Hidden(ref error, _)) => {
            Failure::statement(statement, error)
                .refusal()
                .message(refused.to_string())
        }
        refused => Failure::refused(statement, refused),
    })
}

/// The mode of questions in a run. Owners of objects are trusted on a clone, and if the trust root
/// allows any gate role.
pub fn within_run(order: &RunContext<'_>) -> Within {
    let trusts_owners =
        order.rehearsal().is_some() || order.root().policy().gate_role == GateRole::Any;
    if trusts_owners {
        Within::TrustingRun
    } else {
        Within::Run
    }
}

fn question(
    session: &dyn Session,
    sql: AuthenticatedSql<'_>,
    order: &RunContext<'_>,
) -> Result<Statement, Failure> {
    let special = server_variables::variables(session);
    let statement = sql.single_statement(order.variables, &special)?;
    let not_one = || Failure::plain("a question is one statement").at(sql.path());
    let statement = statement.ok_or_else(not_one)?;
    Failure::undefined(&statement).map_or(Ok(statement), Err)
}

/// Compares a row with a state. Columns that the state does not name are ignored. Relative ones are
/// compared with the values at the `start`, or not at all if there was none.
pub fn compare(state: &State, observed: &Observed, start: Option<&Observed>) -> Vec<Mismatch> {
    let differs = |(column, expected): (&String, &Expectation)| {
        let found = observed.get(column);
        let start = start.filter(|_| expected.is_relative());
        let at_start = start.and_then(|start| start.get(column));
        let fits = found.is_some_and(|value| match (start, at_start) {
            (None, _) => expected.accepts(value.as_deref()),
            (Some(_), None) => false,
            (_, Some(start)) => expected.accepts_after(start.as_deref(), value.as_deref()),
        });
        let mismatch = || Mismatch {
            column: column.clone(),
            expected: expected.clone(),
            found: found.cloned(),
            start: at_start.cloned(),
        };
        (!fits).then(mismatch)
    };
    state.expect.iter().filter_map(differs).collect()
}

/// The columns that [`compare`] does not compare without the values at the start.
pub fn not_compared(state: &State, observed: &Observed) -> BTreeMap<String, Expectation> {
    let is_open = |(column, expected): &(&String, &Expectation)| {
        expected.is_relative() && observed.contains_key(*column)
    };
    let columns = state.expect.iter().filter(is_open);
    columns
        .map(|(column, expected)| (column.clone(), expected.clone()))
        .collect()
}

/// Executes a question in its own read-only transaction, which is always rolled back.
///
/// A transaction id that was assigned meanwhile is an error: the question wrote. Its absence proves
/// nothing.
pub fn ask_read_only(
    session: &mut dyn Session,
    sql: AuthenticatedSql<'_>,
    order: &RunContext<'_>,
    within: Within,
) -> Result<Answer, Failure> {
    // READ COMMITTED gives each query its own snapshot. A snapshot older than the table locks would
    // show a table as empty that was truncated or rewritten meanwhile. It would also hide newly
    // created objects (PostgreSQL manual, 13.6 "Caveats").
    let begin = session.batch_ahead(question::BEGIN);
    begin.context("can't begin")?;
    let observed = ask(session, sql, order, within).and_then(|observed| {
        let assigned = session.query(
            "select pg_catalog.pg_current_xact_id_if_assigned()::text",
            &[],
        );
        match assigned
            .context("can't ask for the transaction id")?
            .single()
        {
            None => Ok(observed),
            Some(_) => Err(Failure::plain(format!(
                "{}: the question was given a transaction id: it wrote",
                sql.path()
            ))),
        }
    });
    match session.execute("ROLLBACK") {
        Err(error @ DatabaseError::Connection(_)) if observed.is_ok() => {
            Err(Failure::database("the connection was lost", &error))
        }
        _ => observed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_column_needs_its_value_at_the_start() {
        let state = State {
            probe: "verify/probe.sql".parse().unwrap(),
            expect: BTreeMap::from([("rows".to_owned(), Expectation::Change(3))]),
        };
        let row = |value: &str| Observed::from([("rows".to_owned(), Some(value.to_owned()))]);
        let wrong = |start: Option<&Observed>| compare(&state, &row("5"), start).len();
        assert_eq!(wrong(Some(&row("2"))), 0);
        assert_eq!(wrong(Some(&row("3"))), 1);
        assert_eq!(wrong(Some(&Observed::new())), 1);
        assert_eq!(wrong(None), 0);
        assert_eq!(not_compared(&state, &row("5")), state.expect);
        assert!(not_compared(&state, &Observed::new()).is_empty());
    }
}
