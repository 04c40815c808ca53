//! One statement of a tier without transaction.

use std::io::Read as _;

use super::super::executor::{Executor, NamedScript, TransactionPosition};
use super::super::failure::{Context as _, Failure};
use super::super::generated;
use super::super::report::Halt;
use super::super::run_context::RunContext;
use super::super::{lock, reading, transaction};
use super::OURS;
use crate::bundle::refusal::refused_in_steps;
use crate::bundle::steps::{self, Step};
use crate::database::{DatabaseError, Session};
use crate::record::ledger::{self, Happened, NewStep};
use crate::release::rehearse::locks;
use pgseal_verify::digest::Digest;
use psql_script::{Copy, Inspection, Script, Statement};

/// A statement and its place in the ledger.
pub(in super::super) struct PendingStatement<'s> {
    pub tier: &'s str,
    /// From 1; settings of the session are not counted.
    pub number: u32,
    pub statement: &'s Statement,
    inspection: Inspection,
    /// `file:line:column`
    pub place: String,
    pub sha256: Digest,
    /// How it is run and recorded.
    pub step: Step,
}

impl<'s> PendingStatement<'s> {
    /// Judges a statement as packing did, whoever packed the release. `None` for one that does nothing.
    pub fn read(
        order: &RunContext<'_>,
        script: &'s NamedScript<'_>,
        statement: &'s Statement,
        number: u32,
    ) -> Result<Option<Self>, Failure> {
        let inspection = statement.inspect();
        if let Some((name, at)) = statement.undefined.first() {
            let unset = format!("variable {name:?} is not set: give it by -v {name}=VALUE");
            return Err(Failure {
                at: Some(at.to_string()),
                ..Failure::plain(unset)
            });
        }
        if let Some(refusal) = refused_in_steps(statement, &inspection) {
            return Err(Failure::refused(statement, refusal.why));
        }
        let acknowledged =
            generated::acknowledged(order.manifest(), &script.name, script.sql.path());
        if let Some(name) = generated::unnamed(&inspection, acknowledged) {
            let text = format!("{name} could reach outside of the database, and nobody named it");
            return Err(Failure::refused(statement, text));
        }
        if inspection.statements == 0 {
            return Ok(None);
        }
        Ok(Some(Self {
            tier: &script.name,
            number,
            place: statement.origin.at.to_string(),
            sha256: Digest::of(statement.sql.as_bytes()),
            step: steps::step(&statement.sql, &inspection),
            statement,
            inspection,
        }))
    }

    /// Like a command tag.
    pub fn verb(&self) -> &str {
        &self.inspection.verb
    }

    /// Whether it only changes the session, and so leaves nothing to record.
    pub fn is_setting(&self) -> bool {
        self.step == Step::Setting
    }

    /// Whether its data stand in the script.
    pub fn has_data(&self) -> bool {
        self.inspection.copy == Some(Copy::FromStdin)
    }

    /// Whether it may be sent again after it was refused: its data are read once, and what reached out of the database is
    /// not taken back.
    pub fn is_repeatable(&self) -> bool {
        !self.has_data() && self.inspection.dispatch.is_empty()
    }

    /// Its row in the ledger, without what happened.
    pub fn row<'a>(&'a self, sha256: &'a str) -> NewStep<'a> {
        NewStep {
            tier: Some(self.tier),
            statement: Some(self.number),
            place: Some(&self.place),
            verb: Some(self.verb()),
            sql_sha256: Some(sha256),
            ..NewStep::default()
        }
    }

    /// Goes over its data, where the script goes on behind them.
    pub fn skip(&self, source: &mut Script<'_>) -> Result<(), Failure> {
        if self.has_data() {
            let mut data = source.copy_data(self.statement)?;
            let mut buffer = [0; 8192];
            while data.read(&mut buffer).map_err(Failure::plain)? > 0 {}
        }
        Ok(())
    }

    /// Sends it; gives the rows that the server reports.
    pub fn send(&self, session: &mut dyn Session, source: &mut Script<'_>) -> Result<u64, Failure> {
        let failed = |error: DatabaseError| Failure::statement(self.statement, &error);
        let sql = &self.statement.sql;
        match self.inspection.copy {
            Some(Copy::FromStdin) => {
                let mut data = source.copy_data(self.statement)?;
                session.copy_in(sql, data.as_mut()).map_err(failed)
            }
            Some(Copy::ToStdout) => session.copy_out(sql).map(|_| 0).map_err(failed),
            _ => session.execute(sql).map_err(failed),
        }
    }
}

impl Executor<'_, '_> {
    /// Runs a statement in a transaction that also has its row: both happen, or neither.
    pub(super) fn in_transaction(
        &mut self,
        session: &mut dyn Session,
        source: &mut Script<'_>,
        one: &PendingStatement<'_>,
    ) -> Result<u64, Halt> {
        session
            .execute(transaction::BEGIN)
            .context("can't begin the transaction")?;
        lock::hold_in_transaction(session).map_err(Failure::plain)?;
        let transaction_id = transaction::transaction_id(session)?;
        let rows = one.send(session, source)?;
        session
            .execute("SET CONSTRAINTS ALL IMMEDIATE")
            .context("a deferred constraint does not hold")?;
        reading::check(session, one.statement, 0)?;
        if let Some(clone) = self.order.clone {
            locks::look_again(session, &self.order, clone)?;
        }
        session.batch(OURS).context("can't reset the session")?;
        let (run_id, by_run, sha256) = (
            self.ledger_run(),
            self.receipt.run_id.clone(),
            one.sha256.to_string(),
        );
        let step = NewStep {
            run_id: &run_id,
            by_run: &by_run,
            happened: Some(Happened::Done),
            rows: Some(rows),
            transaction_id: Some(&transaction_id),
            ..one.row(&sha256)
        };
        ledger::add_step(session, &step).context("can't write the ledger")?;
        self.commit(session, &transaction_id, TransactionPosition::Between)?;
        Ok(rows)
    }
}
