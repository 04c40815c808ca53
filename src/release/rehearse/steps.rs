//! A rehearsal, step by step. The first step that does not hold ends it; the clone goes in every case.

use super::blank::{blank, by};
use super::clone::{self, ClonedDatabase};
use super::load::{self, Given, Text};
use super::locks::Recorder;
use super::log::Log;
use super::server::Admin;
use super::trouble::Trouble;
use super::{ClonedFrom, Job, Rehearsed, Steps, compare, fill, reach};
use crate::database::Purpose;
use crate::digest::Digest;
use crate::format::fingerprint::{Fingerprint, Scope};
use crate::format::manifest::When;
use crate::format::receipt::{Action, ObservedTarget, Outcome};
use crate::format::rehearsal::{CloneApproval, CloneMethod, FingerprintOf, Rehearsal, RehearsalOutcome};
use crate::record::journal::Journal;
use crate::release::check::{self, Checked};
use crate::release::gate::{self, GateError};
use crate::release::order::Order;
use crate::release::preflight::{self, PreflightError};
use crate::release::report::Report;
use crate::release::rollback::{self, Found};
use crate::release::target;

/// Rehearses. An error is that there was no clone.
pub(super) fn rehearse(job: &Job<'_>, steps: &mut dyn Steps) -> Result<Rehearsed, Trouble> {
    let started = (job.clock)();
    let mut log = Log { steps, done: Vec::new() };
    // Whoever cancels what runs has to know that it was noticed.
    let stopped = |trouble| if job.stop.check().is_err() { Trouble::Interrupted } else { trouble };
    let mut admin = Admin::open(job.server.maintenance(), job.stop)?;
    admin.mark(job.rehearsal_id)?;
    let source = source_fingerprint(job, &mut admin, &mut log).map_err(stopped)?;
    let made = log.step("make the clone", |_| {
        let (clone, method) = fill::create(job, &mut admin)?;
        let detail = format!("{} by {}", clone.name(), by(method));
        Ok(((clone, method), detail))
    });
    let (clone, method) = made.map_err(stopped)?;
    // From here on the clone exists, and nothing may return before it is dropped.
    let connect = compare::watched(job, job.server.database(clone.name()));
    let order = Order {
        bundle: job.bundle,
        root: job.root,
        connect: &connect,
        clone: Some(&clone),
        variables: job.variables,
        limits: job.limits,
        lock_retries: job.lock_retries,
        operator: job.operator,
        stop: job.stop,
        clock: job.clock,
    };
    let mut receipt = blank(job, &clone, method, started);
    if let Some(source) = &source {
        receipt.fingerprints.insert(FingerprintOf::SourceBefore, source.sha256);
    }
    let mut going = Going {
        job,
        order,
        clone: &clone,
        log: &mut log,
        receipt,
        source: source.as_ref(),
        remarks: Vec::new(),
        runs: 0,
    };
    let mut trouble = going.all(&mut admin, method).err().map(stopped);
    let Going { mut receipt, mut remarks, .. } = going;
    drop(connect);
    let left = if job.keep { None } else { dropped(job, &clone, &mut log) };
    // It marks the clone as one in use.
    drop(admin);
    if trouble.is_none() && left.is_none() {
        trouble = source_again(job, source.as_ref(), &mut receipt, &mut remarks, &mut log).err().map(stopped);
    }
    receipt.steps = log.done;
    receipt.outcome = match &trouble {
        None if left.is_some() || receipt.steps.iter().any(|step| !step.ok) => RehearsalOutcome::Incomplete,
        None if *job.scope == Scope::All => RehearsalOutcome::Proved,
        None => RehearsalOutcome::Limited,
        Some(trouble) if trouble.is_of_the_release(has_run(&receipt)) => RehearsalOutcome::Failed,
        Some(_) => RehearsalOutcome::Incomplete,
    };
    receipt.kept = job.keep || left.is_some();
    receipt.finished = (job.clock)();
    Ok(Rehearsed { receipt, trouble, left, remarks })
}

/// Whether the release was applied to the clone once.
fn has_run(receipt: &Rehearsal) -> bool {
    receipt.steps.iter().any(|step| step.name == "run" && step.ok)
}

fn source_fingerprint(job: &Job<'_>, admin: &mut Admin, log: &mut Log<'_>) -> Result<Option<Fingerprint>, Trouble> {
    let ClonedFrom::Database { name, .. } = job.from else { return Ok(None) };
    if admin.oid(name)?.is_none() {
        return Err(Trouble::Copy(format!("there is no database {name:?} on this server")));
    }
    log.step("fingerprint of the source", |_| {
        let taken = compare::take(job, job.server.database(name))?;
        let sentence = compare::sentence(&taken);
        Ok((Some(taken), sentence))
    })
}

/// The source may be written to by others meanwhile: what moved is told, and the rehearsal has no way to it.
fn source_again(
    job: &Job<'_>,
    before: Option<&Fingerprint>,
    receipt: &mut Rehearsal,
    remarks: &mut Vec<String>,
    log: &mut Log<'_>,
) -> Result<(), Trouble> {
    let (ClonedFrom::Database { name, .. }, Some(before)) = (job.from, before) else { return Ok(()) };
    log.step("fingerprint of the source again", |_| {
        let after = compare::take(job, job.server.database(name))?;
        receipt.fingerprints.insert(FingerprintOf::SourceAfter, after.sha256);
        let moved = compare::lines(before, &after);
        if moved.is_empty() {
            return Ok(((), "as before".to_owned()));
        }
        remarks.extend(moved.iter().map(|line| format!("the source was written to meanwhile: {line}")));
        Ok(((), format!("others wrote to it meanwhile: {}", moved.join("; "))))
    })
}

fn dropped(job: &Job<'_>, clone: &ClonedDatabase, log: &mut Log<'_>) -> Option<clone::CloneError> {
    let drop = log.step("drop the clone", |_| {
        clone::drop(job.server.maintenance(), clone)?;
        Ok(((), "it is gone".to_owned()))
    });
    match drop {
        Err(Trouble::Clone(error)) => Some(error),
        _ => None,
    }
}

/// A rehearsal that has its clone.
struct Going<'a, 'l> {
    job: &'a Job<'a>,
    order: Order<'a>,
    clone: &'a ClonedDatabase,
    log: &'a mut Log<'l>,
    receipt: Rehearsal,
    source: Option<&'a Fingerprint>,
    remarks: Vec<String>,
    runs: u32,
}

impl Going<'_, '_> {
    fn all(&mut self, admin: &mut Admin, method: CloneMethod) -> Result<(), Trouble> {
        self.fill(admin, method)?;
        self.approve()?;
        let before = self.fingerprint("fingerprint of the clone", FingerprintOf::Before)?;
        self.faithful(&before);
        self.run("run", true)?;
        self.refused()?;
        self.check("check")?;
        let after_run = self.fingerprint("fingerprint after the run", FingerprintOf::AfterRun)?;
        self.roll_back()?;
        self.restored(&before)?;
        self.check("check after the rollback")?;
        self.nothing_to_roll_back()?;
        self.run("run once more", false)?;
        let again = self.fingerprint("fingerprint after the second run", FingerprintOf::AfterSecondRun)?;
        let differ = compare::lines(&after_run, &again);
        self.remarks.extend(differ.into_iter().map(|line| format!("the second run differs from the first: {line}")));
        Ok(())
    }

    fn fill(&mut self, admin: &mut Admin, method: CloneMethod) -> Result<(), Trouble> {
        let (job, order, clone) = (self.job, self.order, self.clone);
        let (observed, remarks) = self.log.step("fill the clone", |steps| {
            let mut session = order.connect.connect(Purpose::Read)?;
            clone.check(session.as_mut())?;
            let observed: ObservedTarget = target::observe(session.as_mut())?;
            drop(session);
            reach::statements_alone(&order, clone)?;
            let inside = reach::acknowledged(&order)?;
            let mut remarks = fill::fill(job, admin, &order, clone, method, steps)?;
            remarks
                .extend(inside.into_iter().map(|way| format!("the release uses {way}, which nobody hears on a clone")));
            let own = reach::own_ways_out(&order)?;
            remarks
                .extend(own.into_iter().map(|way| format!("copied from the source, and able to reach others: {way}")));
            let detail = if remarks.is_empty() { "complete".to_owned() } else { remarks.join("; ") };
            Ok(((observed, remarks), detail))
        })?;
        self.receipt.clone = observed;
        self.remarks.extend(remarks);
        Ok(())
    }

    fn approve(&mut self) -> Result<(), Trouble> {
        let Some(approval) = self.job.approval else { return Ok(()) };
        let (order, clone) = (self.order, self.clone);
        self.log.step("approval on the clone", |steps| {
            let given = Given { name: approval.file, text: Text::Bytes(approval.bytes), variables: order.variables };
            let run = load::run(&order, clone, &given, steps);
            let statements = run.map_err(|failure| Trouble::Script(Box::new(failure)))?;
            Ok(((), format!("{}: {statements} statements, in place of the people who open the gates", approval.file)))
        })?;
        let sha256 = Digest::of(approval.bytes);
        self.receipt.approval = Some(CloneApproval { file: approval.file.to_owned(), sha256 });
        Ok(())
    }

    fn fingerprint(&mut self, name: &str, of: FingerprintOf) -> Result<Fingerprint, Trouble> {
        let (job, connect) = (self.job, self.job.server.database(self.clone.name()));
        let taken = self.log.step(name, |_| {
            let taken = compare::take(job, connect)?;
            let sentence = compare::sentence(&taken);
            Ok((taken, sentence))
        })?;
        self.receipt.fingerprints.insert(of, taken.sha256);
        Ok(taken)
    }

    /// Where the clone differs from its source before anything ran on it, somebody wrote meanwhile, or the copy is not whole.
    fn faithful(&mut self, clone: &Fingerprint) {
        if let (Some(source), None) = (self.source, self.job.approval) {
            let differ = compare::lines(source, clone);
            self.remarks.extend(differ.into_iter().map(|line| format!("the clone differs from its source: {line}")));
        }
    }

    fn run(&mut self, name: &str, is_first: bool) -> Result<(), Trouble> {
        let (order, run_id) = (self.order, self.run_id());
        let journal = self.journal(Action::Run);
        let (report, locks) = self.log.step(name, |steps| {
            let mut recorder = Recorder::new(steps);
            let ready = gate::pass(order, &mut recorder)?.preflight()?;
            let report = ready.rehearse(&run_id, journal?, &mut recorder)?;
            let report = committed(&order, report)?;
            let sentence = sentence(&report);
            Ok(((report, recorder.locks()), sentence))
        })?;
        if is_first {
            self.receipt.gates = report.receipt.gates;
            self.receipt.tiers = report.receipt.tiers;
            self.receipt.verify = report.receipt.verify;
            self.receipt.locks = locks;
        }
        Ok(())
    }

    /// A second run has to be refused because the release is applied; a gate that closed meanwhile is not asked why.
    fn refused(&mut self) -> Result<(), Trouble> {
        let order = self.order;
        self.log.step("run again", |steps| {
            let refusal = match gate::pass(order, steps) {
                Ok(gated) => gated.preflight().map(drop),
                Err(GateError::Blocked(_)) => {
                    let opened = gate::open(&order, order.root.policy(), Purpose::Read);
                    let (mut session, _) = opened.map_err(GateError::Open)?;
                    preflight::run(session.as_mut(), &order).map(drop)
                }
                Err(error) => return Err(error.into()),
            };
            match refusal {
                Err(PreflightError::AlreadyApplied(row)) => {
                    Ok(((), format!("refused: it is applied already, by run {}", row.run_id)))
                }
                Err(error) => Err(error.into()),
                Ok(()) => Err(Trouble::NotRefused("a second run would not have been refused".to_owned())),
            }
        })
    }

    fn check(&mut self, name: &str) -> Result<(), Trouble> {
        let order = self.order;
        self.log.step(name, |steps| {
            let checked = check::run(&order, steps)?;
            if !checked.holds() {
                return Err(Trouble::NotHeld(not_held(&checked)));
            }
            let counts =
                checked.records.iter().map(|(record, _)| format!("{} {}/{}", record.name, record.held, record.checks));
            let mut said =
                vec![format!("state {}", if checked.state == When::Finalized { "finalized" } else { "baseline" })];
            said.extend(counts);
            Ok(((), said.join(", ")))
        })
    }

    fn roll_back(&mut self) -> Result<(), Trouble> {
        let (order, run_id) = (self.order, self.run_id());
        let journal = self.journal(Action::Rollback);
        let report = self.log.step("rollback", |steps| {
            let Found::Applied(applied) = rollback::find(order, steps)? else {
                return Err(Trouble::NotHeld(vec!["the ledger does not have the run that was committed".to_owned()]));
            };
            let report = applied.rollback(&run_id, journal?, steps).map_err(|error| Trouble::Run(error.into()))?;
            let report = committed(&order, report)?;
            let sentence = sentence(&report);
            Ok((report, sentence))
        })?;
        self.receipt.rollback = report.receipt.tiers;
        Ok(())
    }

    fn restored(&mut self, before: &Fingerprint) -> Result<(), Trouble> {
        let after = self.fingerprint("fingerprint after the rollback", FingerprintOf::AfterRollback)?;
        let compared = compare::restored(before, &after);
        // No rollback gives back what a sequence gave out, and nobody may rely on its values following each other.
        self.remarks.extend(compared.values.iter().map(|line| format!("a sequence went on: {line}")));
        self.log.step("compare", |_| match compared.differ {
            differ if !differ.is_empty() => Err(Trouble::NotRestored(differ)),
            _ if compared.values.is_empty() => Ok(((), "the rollback restored everything".to_owned())),
            _ => {
                let values = compared.values.join("; ");
                Ok(((), format!("the rollback restored everything but what sequences gave out: {values}")))
            }
        })
    }

    fn nothing_to_roll_back(&mut self) -> Result<(), Trouble> {
        let order = self.order;
        self.log.step("rollback again", |steps| match rollback::find(order, steps)? {
            Found::Nothing(_) => Ok(((), "nothing to do".to_owned())),
            Found::Applied(_) => {
                Err(Trouble::NotHeld(vec!["after a rollback the ledger still has the release in effect".to_owned()]))
            }
        })
    }

    fn run_id(&mut self) -> String {
        self.runs += 1;
        let digest = Digest::of(format!("{} {}", self.job.rehearsal_id, self.runs).as_bytes()).to_string();
        digest.chars().take(self.job.rehearsal_id.len()).collect()
    }

    fn journal(&self, action: Action) -> Result<Journal, Trouble> {
        let stem = format!("{}-{}", self.runs, action.as_str());
        Journal::create(self.job.scratch, &stem).map_err(Trouble::Journal)
    }
}

/// The run is over, and what comes next may be stopped again.
fn committed(order: &Order<'_>, report: Report) -> Result<Report, Trouble> {
    order.stop.anew();
    match (&report.receipt.outcome, &report.unproved) {
        (Outcome::Committed, None) => Ok(report),
        (Outcome::Committed, Some(doubt)) => Err(Trouble::NotHeld(vec![doubt.clone()])),
        _ => Err(Trouble::Report(Box::new(report))),
    }
}

fn sentence(report: &Report) -> String {
    let statements: u64 = report.receipt.tiers.iter().map(|tier| tier.statements).sum();
    let milliseconds: u64 = report.receipt.tiers.iter().map(|tier| tier.milliseconds).sum();
    format!("{} scripts, {statements} statements, {milliseconds} ms", report.receipt.tiers.len())
}

fn not_held(checked: &Checked) -> Vec<String> {
    let mismatches = checked.mismatches.iter().map(ToString::to_string);
    let failed = checked.records.iter().flat_map(|(record, _)| {
        record.failed.iter().map(|failed| format!("verify {}: {failed}", record.name)).collect::<Vec<_>>()
    });
    mismatches.chain(failed).collect()
}
