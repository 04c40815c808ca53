//! The steps on an existing clone: filling, approval, and the release's lifecycle.

use super::error::RehearsalError;
use super::load::{self, SetupScript, Text};
use super::log::Log;
use super::server::Admin;
use super::{ClonedDatabase, Job, compare, fill, reach};
use crate::database::Purpose;
use crate::release::run_context::ContextToRun;
use crate::release::target;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::fingerprint::Fingerprint;
use pgseal_verify::format::receipt::ObservedTarget;
use pgseal_verify::format::rehearsal::{CloneApproval, CloneMethod, FingerprintOf, Rehearsal};
use pgseal_verify::plural::count;

/// Name of the step that reports changes by the approval script.
const CHANGED_BY_APPROVAL: &str = "changed by the approval, or by others meanwhile";

/// Maximum changes in that report.
const MAX_CHANGES: usize = 20;

/// A rehearsal with its clone.
pub(super) struct RunningRehearsal<'a, 'l> {
    pub job: &'a Job<'a>,
    pub order: ContextToRun<'a>,
    pub clone: &'a ClonedDatabase,
    pub log: &'a mut Log<'l>,
    pub receipt: Rehearsal,
    pub source: Option<&'a Fingerprint>,
    pub remarks: Vec<String>,
    pub runs: u32,
}

impl RunningRehearsal<'_, '_> {
    /// Every step on the clone, in order, up to the first failure.
    pub fn all(&mut self, admin: &mut Admin, method: CloneMethod) -> Result<(), RehearsalError> {
        self.fill(admin, method)?;
        self.approve()?;
        let before = self.fingerprint("fingerprint of the clone", FingerprintOf::Before)?;
        self.faithful(&before)?;
        self.run("run", true)?;
        self.refused()?;
        self.check("check")?;
        let after_run = self.fingerprint("fingerprint after the run", FingerprintOf::AfterRun)?;
        self.roll_back().map_err(RehearsalError::of_rollback)?;
        self.restored(&before)?;
        self.check("check after the rollback")
            .map_err(RehearsalError::of_rollback)?;
        self.nothing_to_roll_back()
            .map_err(RehearsalError::of_rollback)?;
        self.points(&before)?;
        self.run("run once more", false)?;
        let again = self.fingerprint(
            "fingerprint after the second run",
            FingerprintOf::AfterSecondRun,
        )?;
        let differ = compare::lines(&after_run, &again);
        self.remarks.extend(
            differ
                .into_iter()
                .map(|line| format!("the second run differs from the first: {line}")),
        );
        Ok(())
    }

    fn fill(&mut self, admin: &mut Admin, method: CloneMethod) -> Result<(), RehearsalError> {
        let (job, order, clone) = (self.job, self.order.authentic(), self.clone);
        let (observed, remarks) = self.log.step("fill the clone", |steps| {
            let mut session = order.connect.connect(Purpose::Read)?;
            clone.check(session.as_mut())?;
            let observed: ObservedTarget = target::observe(session.as_mut())?;
            drop(session);
            reach::statements_alone(&order, clone)?;
            let inside = reach::acknowledged(&order)?;
            let mut remarks = fill::fill(job, admin, &order, clone, method, steps)?;
            remarks.extend(
                inside
                    .into_iter()
                    .map(|way| format!("the release uses {way}, which has no listener on a clone")),
            );
            let own = reach::own_ways_out(&order)?;
            remarks.extend(
                own.into_iter()
                    .map(|way| format!("copied from the source, and able to reach others: {way}")),
            );
            let detail = if remarks.is_empty() {
                "complete".to_owned()
            } else {
                remarks.join("; ")
            };
            Ok(((observed, remarks), detail))
        })?;
        self.receipt.clone = observed;
        self.remarks.extend(remarks);
        Ok(())
    }

    fn approve(&mut self) -> Result<(), RehearsalError> {
        let Some(approval) = self.job.approval else {
            return Ok(());
        };
        let (order, clone) = (self.order.authentic(), self.clone);
        self.log.step("approval on the clone", |steps| {
            let given = SetupScript {
                name: approval.file,
                text: Text::Bytes(approval.bytes),
                variables: order.variables,
            };
            let statements = count(load::run(&order, clone, &given, steps)?, "statement");
            Ok((
                (),
                format!(
                    "{}: {statements}, in place of the people who open the gates",
                    approval.file
                ),
            ))
        })?;
        let sha256 = Digest::of(approval.bytes);
        self.receipt.approval = Some(CloneApproval {
            file: approval.file.to_owned(),
            sha256,
        });
        Ok(())
    }

    pub fn fingerprint(
        &mut self,
        name: &str,
        of: FingerprintOf,
    ) -> Result<Fingerprint, RehearsalError> {
        let (job, connect) = (self.job, self.job.server.database(self.clone.name()));
        let taken = self.log.step(name, |_| {
            let taken = compare::take(job, connect)?;
            let sentence = compare::sentence(&taken);
            Ok((taken, sentence))
        })?;
        self.receipt.fingerprints.insert(of, taken.sha256);
        Ok(taken)
    }

    /// Compares the clone with its source, and reports the changes by the approval script. Without
    /// that script, a difference means writes to the source meanwhile, or an incomplete copy.
    fn faithful(&mut self, clone: &Fingerprint) -> Result<(), RehearsalError> {
        let Some(source) = self.source else {
            return Ok(());
        };
        let differ = compare::lines(source, clone);
        if self.job.approval.is_none() {
            self.remarks.extend(
                differ
                    .into_iter()
                    .map(|line| format!("the clone differs from its source: {line}")),
            );
        } else if !differ.is_empty() {
            // For the receipt: a script that opens a gate must not prepare the database otherwise.
            let more = differ.len().saturating_sub(MAX_CHANGES);
            let mut changes = differ;
            changes.truncate(MAX_CHANGES);
            if more > 0 {
                changes.push(format!("and {more} more"));
            }
            self.log.report(CHANGED_BY_APPROVAL, changes.join("; "))?;
        }
        Ok(())
    }
}
