//! The plan's query for names of databases, asked like a gate: read-only, one SELECT, by a role that
//! may only read, with the checks of side effects.

use crate::database::{Connect, DatabaseError, Purpose, Session};
use crate::release::failure::Failure;
use crate::release::gate::{GateError, OpenError};
use crate::release::gate_role;
use crate::release::question::{self, Question, QuestionError, Within};
use crate::release::settings;
use pgseal_verify::format::name::Name;
use pgseal_verify::format::run_limits::RunLimits;
use pgseal_verify::format::trust_document::GateRole;

/// The names that a query returns in its first column, in its order.
pub fn names(
    connect: &dyn Connect,
    (sql, name): (&str, &Name),
    limits: &RunLimits,
    gate_role: GateRole,
) -> Result<Vec<String>, GateError> {
    let open = |error| GateError::Open(OpenError::Connect(error));
    let mut session = connect.connect(Purpose::Ask).map_err(open)?;
    settings::reset(session.as_mut(), limits).map_err(open)?;
    let roles = gate_role::check(session.as_mut(), gate_role, None, None).map_err(open)?;
    if let Some(too_much) = roles.too_much {
        return Err(GateError::Open(OpenError::Role(too_much)));
    }
    let unanswered = |failure| GateError::Unanswered(name.clone(), Box::new(failure));
    answer(session.as_mut(), sql, limits).map_err(unanswered)
}

fn answer(
    session: &mut dyn Session,
    sql: &str,
    limits: &RunLimits,
) -> Result<Vec<String>, Failure> {
    let lost = |error: DatabaseError| Failure::database("it could not be asked", &error);
    // One row with all names, because a question has one row.
    let sql = sql.trim().trim_end_matches(';');
    let sql = format!(
        "select pg_catalog.json_agg(q.pgseal_name::pg_catalog.text)::pg_catalog.text from ({sql}\n) as q(pgseal_name)"
    );
    let question = Question {
        sql: &sql,
        path: &["pg_temp".to_owned()],
        limits,
        within: Within::OwnTransaction,
    };
    session.batch_ahead(question::BEGIN).map_err(lost)?;
    let (_, table) = question::ask(session, &question).map_err(|error| match error {
        QuestionError::Database(error) => lost(error),
        refused => Failure::plain(refused),
    })?;
    session.execute("ROLLBACK").map_err(lost)?;
    let Some(names) = table.single() else {
        return Ok(Vec::new());
    };
    let names: Vec<Option<String>> = serde_json::from_str(names).map_err(Failure::plain)?;
    let null = || Failure::plain("it returned NULL as the name of a database");
    names
        .into_iter()
        .map(|name| name.ok_or_else(null))
        .collect()
}
