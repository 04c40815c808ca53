//! Runs a script inside the current transaction, statement by statement.

use std::time::Instant;

use super::event::{Event, Observer};
use super::failure::Failure;
use super::order::Order;
use crate::bundle::contents::AuthenticatedSql;
use crate::bundle::lint::{ROWS_UNREAD, refused_everywhere};
use crate::database::{DatabaseError, Session, Table};
use crate::format::receipt::TierRecord;
use crate::sql::{Copy, Inspection, Script, Statement, Step, is_single_select, rows_unread};

/// Warnings that a receipt keeps of one script.
const WARNINGS_KEPT: usize = 100;

/// Rows of one SELECT that a verify script may return.
const ROWS_READ: usize = 100_000;

/// Runs a tier or rollback script.
pub fn run(
    session: &mut dyn Session,
    sql: AuthenticatedSql<'_>,
    order: &Order<'_>,
    name: &str,
    observer: &mut dyn Observer,
) -> Result<TierRecord, Failure> {
    let started = Instant::now();
    let mut record =
        TierRecord { name: name.to_owned(), statements: 0, rows: 0, milliseconds: 0, warnings: Vec::new() };
    each_statement(sql, order, observer, |script, statement, inspection, observer| {
        observer.event(Event::Statement { at: &statement.origin.at, verb: &inspection.verb });
        let sent = send(session, script, statement, inspection);
        notices(session, statement, observer, &mut record.warnings);
        record.rows += sent.map_err(|error| Failure::statement(statement, &error))?;
        record.statements += 1;
        Ok(())
    })?;
    record.milliseconds = started.elapsed().as_millis() as u64;
    Ok(record)
}

/// Runs a verify script and gives each table that a SELECT of it returned.
pub fn read(
    session: &mut dyn Session,
    sql: AuthenticatedSql<'_>,
    order: &Order<'_>,
    mut table: impl FnMut(Table),
    observer: &mut dyn Observer,
) -> Result<(), Failure> {
    each_statement(sql, order, observer, |script, statement, inspection, observer| {
        let failed = |error: DatabaseError| Failure::statement(statement, &error);
        if is_single_select(&statement.sql) {
            let rows = session.select(&statement.sql, ROWS_READ + 1).map_err(failed)?;
            if rows.rows.len() > ROWS_READ {
                return Err(Failure::refused(statement, format!("a check returned more than {ROWS_READ} rows")));
            }
            table(rows);
        } else if rows_unread(&statement.sql) {
            return Err(Failure::refused(statement, ROWS_UNREAD));
        } else {
            send(session, script, statement, inspection).map_err(failed)?;
        }
        notices(session, statement, observer, &mut Vec::new());
        Ok(())
    })
}

/// Pulls the statements of a script one by one; what must not be sent is refused here too, whoever packed the release.
fn each_statement(
    sql: AuthenticatedSql<'_>,
    order: &Order<'_>,
    observer: &mut dyn Observer,
    mut each: impl FnMut(&mut Script<'_>, &Statement, &Inspection, &mut dyn Observer) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut script = sql.script(order.variables).map_err(|error| Failure::script(&error))?;
    while let Some(step) = script.next_step().map_err(|error| Failure::script(&error))? {
        match step {
            Step::Echo { text, .. } => observer.event(Event::Echo(&text)),
            Step::Await => script.answered(None),
            Step::Complaint(error) => return Err(Failure::script(&error)),
            Step::Statement(statement) => {
                let inspection = statement.inspect();
                if let Some((why, _)) = refused_everywhere(&inspection) {
                    return Err(Failure::refused(&statement, why));
                }
                if let Some((name, at)) = statement.undefined.first() {
                    let unset = format!("variable {name:?} is not set: give it by -v {name}=VALUE");
                    return Err(Failure { at: Some(at.to_string()), ..Failure::plain(unset) });
                }
                // What is left of a file after its last statement, comments say, does nothing when psql sends it.
                if inspection.statements > 0 {
                    each(&mut script, &statement, &inspection, observer)?;
                }
            }
        }
    }
    Ok(())
}

/// Alone, by the extended protocol: where the statement ends is then the server's decision, and two are refused.
fn send(
    session: &mut dyn Session,
    script: &mut Script<'_>,
    statement: &Statement,
    inspection: &Inspection,
) -> Result<u64, DatabaseError> {
    match (inspection.copy, &statement.copy) {
        (Some(Copy::FromStdin), _) => {
            let mut data = script.copy_data(statement).map_err(|error| DatabaseError::Unsound(error.to_string()))?;
            session.copy_in(&statement.sql, data.as_mut())
        }
        (Some(Copy::ToStdout), _) => session.copy_out(&statement.sql).map(|_| 0),
        _ => session.execute(&statement.sql),
    }
}

fn notices(session: &mut dyn Session, statement: &Statement, observer: &mut dyn Observer, kept: &mut Vec<String>) {
    let at = &statement.origin.at;
    for notice in session.notices() {
        observer.event(Event::Notice { at, severity: &notice.severity, message: &notice.message });
        if notice.severity == "WARNING" && kept.len() < WARNINGS_KEPT {
            kept.push(format!("{at}: {}", notice.message));
        }
    }
}
