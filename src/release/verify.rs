//! Verify scripts. Each row of a SELECT with a column `ok` is a check.
//!
//! A script without such rows is one check, which holds when none of its statements fails.

use super::event::{Event, Observer, Silent};
use super::failure::{Context as _, Failure};
use super::run_context::RunContext;
use super::{script, settings};
use crate::database::{DatabaseError, Session, Table};
use pgseal_verify::format::manifest::{ReleaseState, VerifyMode, VerifyScript};
use pgseal_verify::format::receipt::VerifyRecord;

/// Maximum failed checks of a script that a receipt names.
pub(super) const FAILED_KEPT: usize = 100;

/// Maximum checks of a script that `check` reports one by one.
const ROWS_KEPT: usize = 1_000;

/// The scripts that must hold in a state.
pub fn in_state<'b>(
    order: &RunContext<'b>,
    state: ReleaseState,
) -> impl Iterator<Item = &'b VerifyScript> {
    order
        .manifest()
        .verify
        .iter()
        .filter(move |script| script.state == state || script.state == ReleaseState::Any)
}

/// Runs a verify script behind a savepoint in the current transaction, then rolls back to it.
pub fn inside(
    session: &mut dyn Session,
    verify: &VerifyScript,
    order: &RunContext<'_>,
    observer: &mut dyn Observer,
) -> Result<VerifyRecord, Failure> {
    const DOING: &str = "can't set a savepoint";
    let begin = match verify.mode {
        VerifyMode::ReadOnly => "SAVEPOINT pgseal_verify; SET LOCAL transaction_read_only = on",
        VerifyMode::RolledBack => "SAVEPOINT pgseal_verify",
    };
    session.batch(begin).context(DOING)?;
    let record = ask(session, verify, order)?.record;
    session
        .batch("ROLLBACK TO SAVEPOINT pgseal_verify; RELEASE SAVEPOINT pgseal_verify")
        .context(DOING)?;
    observer.event(Event::Verified(&record));
    Ok(record)
}

/// The result of a verify script.
pub struct Asked {
    /// Number of checks, and of those that held.
    pub record: VerifyRecord,
    /// The checks, in order; at most the first `ROWS_KEPT`.
    pub rows: Vec<Row>,
}

/// A check that was made.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// The subject, from the script's column `name`.
    pub name: String,
    pub ok: bool,
    /// The script's column `detail`.
    pub detail: String,
}

/// Runs a verify script in a transaction of its own, which is always rolled back. Calls `look`
/// before the rollback.
pub fn alone<T>(
    session: &mut dyn Session,
    verify: &VerifyScript,
    order: &RunContext<'_>,
    look: impl FnOnce(&mut dyn Session) -> Result<T, DatabaseError>,
) -> Result<(Asked, T), Failure> {
    let begin = match verify.mode {
        // As inside a run. A single snapshot would be older than the locks of later statements. It
        // would show a table as empty that was truncated or rewritten meanwhile (PostgreSQL manual,
        // 13.6 "Caveats").
        VerifyMode::ReadOnly => "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
        VerifyMode::RolledBack => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
    };
    session.execute(begin).context("can't begin")?;
    let asked = ask(session, verify, order).and_then(|asked| {
        let looked = look(session).context("can't ask what the script did")?;
        Ok((asked, looked))
    });
    let ended = session.execute("ROLLBACK").context("can't roll back");
    let asked = asked?;
    ended?;
    Ok(asked)
}

fn ask(
    session: &mut dyn Session,
    verify: &VerifyScript,
    order: &RunContext<'_>,
) -> Result<Asked, Failure> {
    let sql = order.sql(&verify.file)?;
    let path = settings::use_release_path(session, order.manifest());
    path.context("can't set the search path")?;
    let record = VerifyRecord {
        name: verify.name.clone(),
        held: 0,
        checks: 0,
        failed: Vec::new(),
    };
    let mut asked = Asked {
        record,
        rows: Vec::new(),
    };
    // Echoes are for people who run the script with psql; the rows are the answer.
    script::read(
        session,
        sql,
        order,
        |table| count(&mut asked, &table),
        &mut Silent,
    )?;
    if asked.record.checks == 0 {
        (asked.record.checks, asked.record.held) = (1, 1);
        asked.rows.push(Row {
            name: verify.name.to_string(),
            ok: true,
            detail: "nothing in it failed".to_owned(),
        });
    }
    Ok(asked)
}

fn count(Asked { record, rows }: &mut Asked, table: &Table) {
    let column = |name: &str| table.columns.iter().position(|column| column == name);
    let Some(ok) = column("ok") else { return };
    if table.columns.iter().filter(|name| *name == "ok").count() > 1 {
        record.checks += 1;
        let detail = "a check has two columns named ok: which one counts is not known".to_owned();
        record.failed.push(detail.clone());
        rows.push(Row {
            name: record.name.to_string(),
            ok: false,
            detail,
        });
        return;
    }
    let (name, detail) = (column("name"), column("detail"));
    for row in &table.rows {
        record.checks += 1;
        let text = |at: Option<usize>| at.and_then(|at| row[at].as_deref()).unwrap_or_default();
        let ok = row[ok].as_deref() == Some("t");
        if ok {
            record.held += 1;
        } else if record.failed.len() < FAILED_KEPT {
            record
                .failed
                .push(format!("{}: {}", text(name), text(detail)));
        }
        if rows.len() < ROWS_KEPT {
            rows.push(Row {
                name: text(name).to_owned(),
                ok,
                detail: text(detail).to_owned(),
            });
        }
    }
}

/// `26/26`, and the failed checks.
pub fn sentence(record: &VerifyRecord) -> String {
    let counts = format!("{} {}/{}", record.name, record.held, record.checks);
    if record.failed.is_empty() {
        counts
    } else {
        format!("{counts}: {}", record.failed.join("; "))
    }
}
