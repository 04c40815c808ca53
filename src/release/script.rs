//! Runs a script inside the current transaction.
//!
//! Statements that are provably plain are sent in batches, all others alone. Results are reported
//! in the script's order.

mod in_batches;

use super::batch::Batch;
use super::event::{Event, Observer};
use super::failure::{Context as _, Failure};
use super::run_context::RunContext;
use super::tier_log::{Sent, TierLog};
use super::{clamp, generated, reading, server_variables};
use crate::bundle::AuthenticatedSql;
use crate::bundle::lint::ROWS_UNREAD;
use crate::bundle::refusal::{Place, refused_everywhere};
use crate::database::{DatabaseError, Notice, Session, Table, UnsoundKind};
use pgseal_verify::format::receipt::TierRecord;
use pgseal_verify::limits::GENERATED_STATEMENTS;
use psql_script::{
    Copy, Inspection, Part, Script, Statement, Step, Then, is_single_select, parts, plain,
    rows_unread,
};
use std::collections::VecDeque;
use std::time::Instant;

/// Maximum rows that a SELECT of a verify script may return.
const ROWS_READ: usize = 100_000;

/// Runs a tier or rollback script.
pub fn run(
    session: &mut dyn Session,
    sql: AuthenticatedSql<'_>,
    order: &RunContext<'_>,
    name: &str,
    observer: &mut dyn Observer,
) -> Result<TierRecord, Failure> {
    let acknowledged = generated::acknowledged(order.manifest(), name, sql.path());
    let mut runner = Runner::new(session, observer, order, acknowledged, name);
    let started = Instant::now();
    runner.script(sql, order)?;
    Ok(runner.log.end(started.elapsed()))
}

/// Runs a verify script and passes on each table that one of its SELECTs returned.
pub fn read(
    session: &mut dyn Session,
    sql: AuthenticatedSql<'_>,
    order: &RunContext<'_>,
    mut table: impl FnMut(Table),
    observer: &mut dyn Observer,
) -> Result<(), Failure> {
    let mut runner = Runner::new(session, observer, order, &[], "");
    runner.tables = Some(&mut table);
    runner.script(sql, order)
}

/// A script in execution.
pub(super) struct Runner<'r> {
    pub session: &'r mut dyn Session,
    pub observer: &'r mut dyn Observer,
    order: &'r RunContext<'r>,
    pub log: TierLog,
    /// External effects that the manifest acknowledges for the tier.
    pub acknowledged: &'r [String],
    /// The receiver of rows. In a verify script the rows are the answer.
    tables: Option<&'r mut dyn FnMut(Table)>,
    /// The batch that is being filled.
    open: Batch,
    on_the_way: VecDeque<Batch>,
    /// Whether batches are allowed; queried from the server before the first batch.
    batches: Option<bool>,
    /// Rows of the last statement.
    rows: u64,
}

impl<'r> Runner<'r> {
    fn new(
        session: &'r mut dyn Session,
        observer: &'r mut dyn Observer,
        order: &'r RunContext<'r>,
        acknowledged: &'r [String],
        name: &str,
    ) -> Self {
        let (open, on_the_way) = (Batch::default(), VecDeque::new());
        Self {
            session,
            observer,
            order,
            log: TierLog::new(name),
            acknowledged,
            tables: None,
            open,
            on_the_way,
            batches: None,
            rows: 0,
        }
    }

    fn script(&mut self, sql: AuthenticatedSql<'_>, order: &RunContext<'_>) -> Result<(), Failure> {
        let special = server_variables::variables(self.session);
        let mut script = sql.script(order.variables, &special)?;
        let done = self.steps(&mut script);
        // The session cannot be used for anything else while answers are outstanding.
        while self.on_the_way.pop_front().is_some() && done.is_err() {
            let _ = self.session.receive_batch();
        }
        done
    }

    fn steps(&mut self, script: &mut Script<'_>) -> Result<(), Failure> {
        loop {
            match script.next_step() {
                Ok(None) => return self.settle(),
                Ok(Some(Step::Echo { text, .. })) => self.echo(text),
                Ok(Some(Step::Await)) => {
                    self.settle()?;
                    script.answered(Some(self.rows));
                }
                Ok(Some(Step::Statement(statement))) => self.statement(script, statement)?,
                Err(error) => {
                    // Statements before the error may have failed first.
                    self.settle()?;
                    return Err(error.into());
                }
            }
        }
    }

    fn statement(&mut self, script: &mut Script<'_>, statement: Statement) -> Result<(), Failure> {
        let shown = statement.command().is_none() && statement.copy.is_none();
        if shown
            && self.tables.is_none()
            && statement.undefined.is_empty()
            && let Some(verb) = plain(&statement.sql)
            && !clamp::may_change(&statement.sql)
            && self.may_batch()?
        {
            self.goes_nowhere(&statement, &statement.inspect())?;
            if self.open.has_no_room_for(&statement.sql) {
                self.send_batch()?;
            }
            self.open.push(statement, verb);
            return Ok(());
        }
        self.settle()?;
        if let Some(undefined) = Failure::undefined(&statement) {
            return Err(undefined);
        }
        self.alone(script, &statement)
    }

    /// Refuses external effects that are not acknowledged. Packing checked for them too, but a
    /// value may have been inserted since, or another path was taken.
    fn goes_nowhere(
        &mut self,
        statement: &Statement,
        inspection: &Inspection,
    ) -> Result<(), Failure> {
        let Some(name) = generated::unnamed(inspection, self.acknowledged) else {
            return Ok(());
        };
        self.settle()?;
        Err(Failure::refused(
            statement,
            format!("{name} could reach outside of the database, and the release does not name it"),
        ))
    }

    /// Runs one statement, or several that `\;` joined, and handles the answer like psql.
    fn alone(&mut self, script: &mut Script<'_>, statement: &Statement) -> Result<(), Failure> {
        let inspection = statement.inspect();
        // Forbidden statements are refused here too, because a bundle may be packed by another
        // program.
        if let Some(refusal) = refused_everywhere(Place::Tier, &statement.sql, &inspection) {
            return Err(Failure::refused(statement, refusal.why));
        }
        // The rest of a file after its last statement, such as comments, does nothing when psql
        // sends it.
        if inspection.statements == 0 {
            return Ok(());
        }
        self.goes_nowhere(statement, &inspection)?;
        if self.tables.is_some() && matches!(statement.then, Then::Describe | Then::Prepare { .. })
        {
            return Err(Failure::refused(statement, ROWS_UNREAD));
        }
        // Text that is assembled at run time may create an object that reads messages.
        let hidden = statement.then == Then::Execute
            || inspection.verb == "CALL"
            || server_variables::may_make_something(&statement.sql);
        if hidden || server_variables::looks_at_messages(&statement.sql) {
            self.batches = Some(false);
        }
        self.observer.event(Event::Statement {
            at: &statement.origin.at,
            verb: &inspection.verb,
        });
        let joined = inspection.statements > 1;
        let (started, before) = (Instant::now(), self.log.rows());
        let (verb, statements) = (inspection.verb.clone(), inspection.statements as u64);
        let parts = if joined {
            parts(&statement.sql)
        } else {
            vec![Part {
                sql: &statement.sql,
                before: 0,
                inspection,
            }]
        };
        let done = self.parts(script, statement, &parts);
        let rows = self.log.rows() - before;
        let at = &statement.origin.at;
        self.log.sent(Sent {
            at,
            verb: &verb,
            statements,
            rows,
            took: started.elapsed(),
            evidence: None,
        });
        self.notices(statement);
        done?;
        self.keep_limits(statement, &statement.sql)
    }

    /// Restores the time limits, if a text of this statement could have raised one.
    pub fn keep_limits(&mut self, statement: &Statement, sql: &str) -> Result<(), Failure> {
        if !clamp::may_change(sql) {
            return Ok(());
        }
        let kept = clamp::put_back(
            self.session,
            self.order,
            &statement.origin.at,
            self.observer,
        );
        kept.context("can't keep the release's time limits")
    }

    fn parts(
        &mut self,
        script: &mut Script<'_>,
        statement: &Statement,
        parts: &[Part<'_>],
    ) -> Result<(), Failure> {
        let Some((last, before)) = parts.split_last() else {
            return Ok(());
        };
        if statement.parameters.is_some() && (statement.then != Then::Show || !before.is_empty()) {
            return Err(Failure::refused(
                statement,
                "\\bind is for one statement whose answer is shown",
            ));
        }
        for part in before {
            self.show(script, statement, part)?;
            reading::check(self.session, statement, part.before)?;
        }
        let done = self.last(script, statement, last);
        // Statements that `\gexec` generated are checked one by one. Otherwise a changed reading
        // explains an unreadable answer better.
        if statement.then != Then::Execute {
            reading::check(self.session, statement, last.before)?;
        }
        done
    }

    /// Runs the last part of a statement.
    fn last(
        &mut self,
        script: &mut Script<'_>,
        statement: &Statement,
        last: &Part<'_>,
    ) -> Result<(), Failure> {
        let failed = |error: DatabaseError| Failure::part(statement, last.before, &error);
        match &statement.then {
            Then::Show => self.show(script, statement, last)?,
            Then::Store { .. } => {
                let table =
                    self.session
                        .rows(last.sql, ROWS_STORED)
                        .map_err(|error| match error {
                            DatabaseError::Unsound(e) if e.kind == UnsoundKind::TooManyRows => {
                                Failure::refused(
                                    statement,
                                    "\\gset: more than one row returned, one is expected",
                                )
                            }
                            error => failed(error),
                        })?;
                self.count(table.rows.len() as u64);
                if self.tables.is_some() && table.columns.iter().any(|column| column == "ok") {
                    return Err(Failure::refused(statement, ROWS_UNREAD));
                }
                let stored = script.store(statement, &table.columns, &table.rows);
                stored.map_err(|error| match Failure::script(&error) {
                    failure if failure.at.is_none() => failure.at(&statement.origin),
                    failure => failure,
                })?;
            }
            Then::Execute => {
                let table = self
                    .session
                    .rows(last.sql, GENERATED_STATEMENTS)
                    .map_err(failed)?;
                self.count(table.rows.len() as u64);
                self.notices(statement);
                reading::check(self.session, statement, last.before)?;
                generated::run(self, statement, &table)?;
            }
            Then::Describe | Then::Prepare { .. } => {
                self.session.analyse(last.sql).map_err(failed)?;
                self.count(0);
            }
        }
        Ok(())
    }

    /// Runs a statement and shows its rows.
    fn show(
        &mut self,
        script: &mut Script<'_>,
        statement: &Statement,
        part: &Part<'_>,
    ) -> Result<(), Failure> {
        let failed = |error: DatabaseError| Failure::part(statement, part.before, &error);
        if part.inspection.copy == Some(Copy::FromStdin) {
            let mut data = script.copy_data(statement)?;
            let rows = self
                .session
                .copy_in(part.sql, data.as_mut())
                .map_err(failed)?;
            self.count(rows);
            return Ok(());
        }
        let Some(parameters) = &statement.parameters else {
            return self
                .send(part.sql, &part.inspection)
                .map_err(|unsent| match unsent {
                    Unsent::Database(error) => failed(error),
                    Unsent::Refused(why) => Failure::refused(statement, why),
                });
        };
        // With parameters it cannot be opened as a cursor, and an unread check would count as held.
        if self.tables.is_some() {
            return Err(Failure::refused(statement, ROWS_UNREAD));
        }
        let rows = self
            .session
            .execute_with(part.sql, parameters)
            .map_err(failed)?;
        self.count(rows);
        Ok(())
    }

    /// Sends one statement by the extended protocol: the server decides where the statement ends,
    /// and refuses two.
    ///
    /// Rows are dropped in a tier and read in a verify script.
    pub fn send(&mut self, sql: &str, inspection: &Inspection) -> Result<(), Unsent> {
        if let Some(tables) = &mut self.tables {
            if is_single_select(sql) {
                let rows = self.session.select(sql, ROWS_READ + 1)?;
                if rows.rows.len() > ROWS_READ {
                    return Err(Unsent::Refused(format!(
                        "a check returned more than {ROWS_READ} rows"
                    )));
                }
                self.rows = rows.rows.len() as u64;
                tables(rows);
                return Ok(());
            }
            if rows_unread(sql) {
                return Err(Unsent::Refused(ROWS_UNREAD.to_owned()));
            }
        }
        let rows = match inspection.copy {
            Some(Copy::ToStdout) => self.session.copy_out(sql).map(|_| 0)?,
            _ => self.session.execute(sql)?,
        };
        self.count(rows);
        Ok(())
    }

    /// Counts a completed statement.
    fn count(&mut self, rows: u64) {
        self.rows = rows;
        self.log.count(1, rows);
    }

    /// Reports the notices received since, for a statement that was sent alone.
    pub fn notices(&mut self, statement: &Statement) {
        for notice in self.session.notices() {
            self.notice(statement, &notice);
        }
    }

    fn notice(&mut self, statement: &Statement, notice: &Notice) {
        self.log.notice(&statement.origin.at, notice, self.observer);
    }
}

/// Reasons why a statement has no effect.
pub(super) enum Unsent {
    /// The server refused it.
    Database(DatabaseError),
    Refused(String),
}

impl From<DatabaseError> for Unsent {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

/// Rows fetched for `\gset`, which takes exactly one: two are enough to detect more.
const ROWS_STORED: usize = 2;
