//! Verify scripts: each row of a SELECT with a column `ok` is a check; a script without such rows is one check, which
//! holds when no statement of it fails.

use super::event::{Event, Observer, Silent};
use super::failure::Failure;
use super::order::Order;
use super::{script, settings};
use crate::database::{Session, Table};
use crate::format::manifest::{VerifyMode, VerifyScript, When};
use crate::format::receipt::VerifyRecord;

/// Failed checks that a receipt names, of one script.
const FAILED_KEPT: usize = 100;

/// The scripts that must hold in a state.
pub fn in_state<'b>(order: &Order<'b>, state: When) -> impl Iterator<Item = &'b VerifyScript> {
    order.manifest().verify.iter().filter(move |script| script.state == state || script.state == When::Any)
}

/// Runs a verify script behind a savepoint inside the current transaction, and rolls back to it.
pub fn inside(
    session: &mut dyn Session,
    verify: &VerifyScript,
    order: &Order<'_>,
    observer: &mut dyn Observer,
) -> Result<VerifyRecord, Failure> {
    let step = |error| Failure::database("can't set a savepoint", &error);
    session.execute("SAVEPOINT pgseal_verify").map_err(step)?;
    if verify.mode == VerifyMode::ReadOnly {
        session.execute("SET LOCAL transaction_read_only = on").map_err(step)?;
    }
    let record = ask(session, verify, order)?;
    session.execute("ROLLBACK TO SAVEPOINT pgseal_verify").map_err(step)?;
    session.execute("RELEASE SAVEPOINT pgseal_verify").map_err(step)?;
    observer.event(Event::Verified(&record));
    Ok(record)
}

/// Runs a verify script in a transaction of its own, which is always rolled back.
pub fn alone(
    session: &mut dyn Session,
    verify: &VerifyScript,
    order: &Order<'_>,
    observer: &mut dyn Observer,
) -> Result<VerifyRecord, Failure> {
    let begin = match verify.mode {
        VerifyMode::ReadOnly => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        VerifyMode::RolledBack => "BEGIN READ WRITE",
    };
    session.execute(begin).map_err(|error| Failure::database("can't begin", &error))?;
    let record = ask(session, verify, order);
    let ended = session.execute("ROLLBACK").map_err(|error| Failure::database("can't roll back", &error));
    let record = record?;
    ended?;
    observer.event(Event::Verified(&record));
    Ok(record)
}

fn ask(session: &mut dyn Session, verify: &VerifyScript, order: &Order<'_>) -> Result<VerifyRecord, Failure> {
    let sql = order.sql(&verify.file).map_err(Failure::plain)?;
    let path = settings::use_release_path(session, order.manifest());
    path.map_err(|error| Failure::database("can't set the search path", &error))?;
    let mut record = VerifyRecord { name: verify.name.clone(), held: 0, checks: 0, failed: Vec::new() };
    // What a verify script echoes is for people who run it by psql; its rows are the answer.
    script::read(session, sql, order, |table| count(&mut record, &table), &mut Silent)?;
    if record.checks == 0 {
        (record.checks, record.held) = (1, 1);
    }
    Ok(record)
}

fn count(record: &mut VerifyRecord, table: &Table) {
    let column = |name: &str| table.columns.iter().position(|column| column == name);
    let Some(ok) = column("ok") else { return };
    if table.columns.iter().filter(|column| *column == "ok").count() > 1 {
        record.checks += 1;
        record.failed.push("a check has two columns named ok: which one counts is not known".to_owned());
        return;
    }
    let (name, detail) = (column("name"), column("detail"));
    for row in &table.rows {
        record.checks += 1;
        let text = |at: Option<usize>| at.and_then(|at| row[at].as_deref()).unwrap_or_default();
        if row[ok].as_deref() == Some("t") {
            record.held += 1;
        } else if record.failed.len() < FAILED_KEPT {
            record.failed.push(format!("{}: {}", text(name), text(detail)));
        }
    }
}

/// `26/26`, and what does not hold.
pub fn sentence(record: &VerifyRecord) -> String {
    let counts = format!("{} {}/{}", record.name, record.held, record.checks);
    if record.failed.is_empty() { counts } else { format!("{counts}: {}", record.failed.join("; ")) }
}
