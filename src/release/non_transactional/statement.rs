//! A statement of a non-transactional tier.

use std::io::Read as _;

use crate::bundle::refusal::refused_in_steps;
use crate::bundle::steps::{self, Step};
use crate::database::{DatabaseError, Session};
use crate::record::ledger::NewStep;
use crate::release::executor::NamedScript;
use crate::release::failure::Failure;
use crate::release::generated;
use crate::release::resume::{Progress, UnfinishedRun};
use crate::release::run_context::RunContext;
use pgseal_verify::digest::Digest;
use psql_script::{Copy, Inspection, Script, Statement};

/// A statement and its place in the ledger.
pub(super) struct PendingStatement<'s> {
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
    /// Classifies a statement as packing did, independently of the packer. `None` for a statement
    /// without effect.
    pub fn read(
        order: &RunContext<'_>,
        script: &'s NamedScript<'_>,
        statement: &'s Statement,
        number: u32,
    ) -> Result<Option<Self>, Failure> {
        let inspection = statement.inspect();
        if let Some(undefined) = Failure::undefined(statement) {
            return Err(undefined);
        }
        if let Some(refusal) = refused_in_steps(statement, &inspection) {
            return Err(Failure::refused(statement, refusal.why));
        }
        let acknowledged =
            generated::acknowledged(order.manifest(), &script.name, script.sql.path());
        if let Some(name) = generated::unnamed(&inspection, acknowledged) {
            let text = format!(
                "{name} could reach outside of the database, and the release does not name it"
            );
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

    /// Whether its COPY data are part of the script.
    pub fn has_data(&self) -> bool {
        self.inspection.copy == Some(Copy::FromStdin)
    }

    /// Whether it may be sent again after a refusal: its data can be read only once, and effects
    /// outside of the database stay.
    pub fn is_repeatable(&self) -> bool {
        !self.has_data() && self.inspection.dispatch.is_empty()
    }

    /// Its row in the ledger, without what happened.
    pub fn row<'a>(&'a self, sha256: &'a str, step: NewStep<'a>) -> NewStep<'a> {
        NewStep {
            tier: Some(self.tier),
            statement: Some(self.number),
            place: Some(&self.place),
            verb: Some(self.verb()),
            sql_sha256: Some(sha256),
            ..step
        }
    }

    /// Its progress in an unfinished run. `None` if the ledger has another statement in its place.
    pub fn progress(&self, run: &UnfinishedRun) -> Option<Progress> {
        run.progress(self.tier, self.number, &self.sha256)
    }

    /// Skips its data in the script.
    pub fn skip(&self, source: &mut Script<'_>) -> Result<(), Failure> {
        if self.has_data() {
            let mut data = source.copy_data(self.statement)?;
            let mut buffer = [0; 8192];
            while data.read(&mut buffer).map_err(Failure::plain)? > 0 {}
        }
        Ok(())
    }

    /// Sends it; returns the number of rows that the server reports.
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
