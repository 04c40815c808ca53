//! The lifecycle of a release, step by step, by the code of `run`, `check` and `rollback`.

use std::sync::Arc;

use super::error::RehearsalError;
use super::locks::Recorder;
use super::running::RunningRehearsal;
use super::{Steps, compare};
use crate::database::Purpose;

use crate::record::journal::Journal;
use crate::release::cancellation::CancellationToken;
use crate::release::check::{self, Checked};
use crate::release::gate::{self, GateError};
use crate::release::preflight::{self, PreflightError};
use crate::release::report::Report;
use crate::release::restored::Accepted;
use crate::release::rollback::{self, Found};
use crate::release::run_context::ContextToRun;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::fingerprint::Fingerprint;
use pgseal_verify::format::manifest::ReleaseState;
use pgseal_verify::format::receipt::{Action, Outcome};
use pgseal_verify::format::rehearsal::{CommitPoint, FingerprintOf, FromPoint};
use pgseal_verify::plural::count;

impl RunningRehearsal<'_, '_> {
    pub fn run(&mut self, name: &str, is_first: bool) -> Result<(), RehearsalError> {
        let (order, run_id) = (self.order, self.run_id());
        let journal = self.journal(Action::Run);
        let (report, observed) = self.log.step(name, |steps| {
            let mut recorder = Recorder::new(steps);
            let ready = gate::pass(order, &mut recorder)?.preflight(None)?;
            let report = ready.rehearsal(None)?.run(&run_id, journal?, &mut recorder);
            let report = committed(order.stop, report)?;
            let sentence = sentence(&report);
            Ok(((report, recorder.end()), sentence))
        })?;
        if is_first {
            self.receipt.gates = report.receipt.gates;
            self.receipt.tiers = report.receipt.tiers;
            self.receipt.verify = report.receipt.verify;
            self.receipt.locks = observed.locks;
            self.receipt.points = observed.points;
            self.receipt.more_points = observed.more_points;
        }
        Ok(())
    }

    /// Requires that a second run is refused because the release is applied. If a gate has closed meanwhile, the ledger alone
    /// is checked.
    pub fn refused(&mut self) -> Result<(), RehearsalError> {
        let order = self.order;
        self.log.step("run again", |steps| {
            let refusal = match gate::pass(order, steps) {
                Ok(gated) => gated.preflight(None).map(drop),
                Err(GateError::Blocked(_)) => {
                    let order = order.authentic();
                    let opened = gate::open(&order, order.root().policy(), Purpose::Read);
                    let (mut session, target) = opened.map_err(GateError::Open)?;
                    preflight::run(session.as_mut(), &order, &target, None).map(drop)
                }
                Err(error) => return Err(error.into()),
            };
            match refusal {
                Err(PreflightError::AlreadyApplied(row)) => Ok((
                    (),
                    format!("refused: it is applied already, by run {}", row.run_id),
                )),
                Err(error) => Err(error.into()),
                Ok(()) => Err(RehearsalError::NotRefused(
                    "a second run would not have been refused".to_owned(),
                )),
            }
        })
    }

    pub fn check(&mut self, name: &str) -> Result<(), RehearsalError> {
        let order = self.order;
        self.log.step(name, |steps| {
            let checked = check::run(&order.authentic(), steps)?;
            if !checked.holds() {
                return Err(RehearsalError::NotHeld(not_held(&checked)));
            }
            let state = match checked.state {
                ReleaseState::Finalized => "finalized",
                _ => "baseline",
            };
            let mut detail = format!("state {state}");
            for (record, _) in &checked.records {
                detail += &format!(", {} {}/{}", record.name, record.held, record.checks);
            }
            Ok(((), detail))
        })
    }

    pub fn roll_back(&mut self) -> Result<(), RehearsalError> {
        let (order, run_id) = (self.order, self.run_id());
        let journal = self.journal(Action::Rollback);
        let report = self.log.step("rollback", |steps| {
            let report = undo(order, &run_id, journal?, steps)?;
            let sentence = sentence(&report);
            Ok((report, sentence))
        })?;
        self.receipt.rollback = report.receipt.tiers;
        Ok(())
    }

    /// Stops a run behind each commit point, and rolls back from there.
    pub fn points(&mut self, before: &Fingerprint) -> Result<(), RehearsalError> {
        for at in 0..self.receipt.points.len() {
            let name = step_name(&self.receipt.points[at]);
            let done = self.point(&name, at as u32 + 1, before);
            self.receipt.points[at].rollback = match &done {
                Ok(()) => FromPoint::Restored,
                Err(_) if self.order.stop.is_requested() => FromPoint::Untried,
                Err(_) => FromPoint::Failed,
            };
            done?;
        }
        match self.receipt.more_points {
            0 => Ok(()),
            more => {
                let detail = format!("{more} more, which were not tried");
                self.log.report("commit points", detail)
            }
        }
    }

    /// Stops a run behind one commit point, counted from 1, and rolls back from there.
    fn point(
        &mut self,
        name: &str,
        number: u32,
        before: &Fingerprint,
    ) -> Result<(), RehearsalError> {
        let (job, order) = (self.job, self.order);
        let run_id = self.run_id();
        let journal = self.journal(Action::Run);
        let undo_id = self.run_id();
        let undo_journal = self.journal(Action::Rollback);
        let connect = job.server.database(self.clone.name());
        self.log.step(name, |steps| {
            let mut recorder = Recorder::new(steps);
            let ready = gate::pass(order, &mut recorder)?.preflight(None)?;
            let rehearsal = ready.rehearsal(Some(number))?;
            let report = rehearsal.run(&run_id, journal?, &mut recorder);
            order.stop.anew();
            let is_there = recorder.points() == u64::from(number);
            if report.receipt.outcome != Outcome::Partial || !is_there {
                return Err(RehearsalError::Report(Box::new(report)));
            }
            let back = || {
                let report = undo(order, &undo_id, undo_journal?, steps)?;
                let after = compare::take(job, Arc::clone(&connect))?;
                let accepted = Accepted::by(&order.authentic());
                let differ = compare::restored(before, &after, &accepted).differ;
                if differ.is_empty() {
                    Ok(((), format!("restored: {}", sentence(&report))))
                } else {
                    let differ = compare::explained(job, connect, before, &after, &differ);
                    Err(RehearsalError::NotRestored(differ))
                }
            };
            back().map_err(RehearsalError::of_rollback)
        })
    }

    pub fn restored(&mut self, before: &Fingerprint) -> Result<(), RehearsalError> {
        let after = self.fingerprint(
            "fingerprint after the rollback",
            FingerprintOf::AfterRollback,
        )?;
        let accepted = Accepted::by(&self.order.authentic());
        let compared = compare::restored(before, &after, &accepted);
        let left = compared.left.iter();
        self.remarks.extend(
            left.map(|line| format!("the rollback leaves behind, as acknowledged: {line}")),
        );
        let accepted = compared.accepted.iter();
        self.remarks
            .extend(accepted.map(|line| format!("the release accepts this: {line}")));
        // Sequences are not transactional, and their values may have gaps.
        self.remarks.extend(
            compared
                .values
                .iter()
                .map(|line| format!("a sequence went on: {line}")),
        );
        let (job, connect) = (self.job, self.job.server.database(self.clone.name()));
        self.log.step("compare", |_| {
            if !compared.differ.is_empty() {
                let differ = compare::explained(job, connect, before, &after, &compared.differ);
                return Err(RehearsalError::NotRestored(differ));
            }
            let mut detail = "the rollback restored everything".to_owned();
            if !compared.left.is_empty() {
                detail += " but what it leaves behind: ";
                detail += &compared.left.join("; ");
            }
            if !compared.values.is_empty() {
                detail += " but what sequences gave out: ";
                detail += &compared.values.join("; ");
            }
            Ok(((), detail))
        })
    }

    pub fn nothing_to_roll_back(&mut self) -> Result<(), RehearsalError> {
        let order = self.order;
        self.log.step("rollback again", |steps| {
            match rollback::find(order.authentic(), steps)? {
                Found::Nothing(_) => Ok(((), "nothing to do".to_owned())),
                Found::Applied(_) => Err(RehearsalError::NotHeld(vec![
                    "after a rollback the ledger still has the release in effect".to_owned(),
                ])),
            }
        })
    }

    fn run_id(&mut self) -> String {
        self.runs += 1;
        let digest =
            Digest::of(format!("{} {}", self.job.rehearsal_id, self.runs).as_bytes()).to_string();
        digest.chars().take(self.job.rehearsal_id.len()).collect()
    }

    fn journal(&self, action: Action) -> Result<Journal, RehearsalError> {
        let stem = format!("{}-{}", self.runs, action.as_str());
        Journal::create(self.job.scratch, &stem).map_err(RehearsalError::Journal)
    }
}

/// Rolls the release back, from wherever its run is.
fn undo(
    order: ContextToRun<'_>,
    run_id: &str,
    journal: Journal,
    steps: &mut dyn Steps,
) -> Result<Report, RehearsalError> {
    let Found::Applied(applied) = rollback::find(order.authentic(), steps)? else {
        return Err(RehearsalError::NotHeld(vec![
            "the ledger does not have the run that was committed".to_owned(),
        ]));
    };
    let report = applied
        .rollback(run_id, None, journal, steps)
        .map_err(|error| RehearsalError::Run(error.into()))?;
    committed(order.stop, report)
}

/// `stop behind tiers/index.sql:1:1, roll back`
fn step_name(point: &CommitPoint) -> String {
    let place = match &point.at {
        Some(at) => at.clone(),
        None if point.tier.is_empty() => "the first transaction".to_owned(),
        None => format!("the transaction of tier {}", point.tier),
    };
    format!("stop behind {place}, roll back")
}

/// Requires a committed run, and makes the next one cancellable again.
fn committed(stop: &CancellationToken, report: Report) -> Result<Report, RehearsalError> {
    stop.anew();
    match (&report.receipt.outcome, &report.unproved) {
        (Outcome::Committed, None) => Ok(report),
        (Outcome::Committed, Some(doubt)) => Err(RehearsalError::NotHeld(vec![doubt.clone()])),
        _ => Err(RehearsalError::Report(Box::new(report))),
    }
}

fn sentence(report: &Report) -> String {
    let tiers = &report.receipt.tiers;
    let statements: u64 = tiers.iter().map(|tier| tier.statements).sum();
    let milliseconds: u64 = tiers.iter().map(|tier| tier.milliseconds).sum();
    let (scripts, statements) = (count(tiers.len(), "script"), count(statements, "statement"));
    format!("{scripts}, {statements}, {milliseconds} ms")
}

fn not_held(checked: &Checked) -> Vec<String> {
    let mismatches = checked.mismatches.iter().map(ToString::to_string);
    let failed = checked.records.iter().flat_map(|(record, _)| {
        let failed = record.failed.iter();
        failed.map(|failed| format!("verify {}: {failed}", record.name))
    });
    mismatches.chain(failed).collect()
}
