//! A rehearsal from its first step to its last: makes the clone, runs the release on it
//! ([`RunningRehearsal`]), and drops the clone in every case.

use std::sync::Arc;

use super::blank::{blank, by};
use super::clone::{self, ClonedDatabase};
use super::error::RehearsalError;
use super::log::Log;
use super::running::RunningRehearsal;
use super::server::Admin;
use super::standing::{self, Mark, Signer, StandingClone};
use super::{ClonedFrom, Job, MARKED, Rehearsed, Steps, compare, fill};
use crate::fingerprint;
use crate::release::run_context::{CloneOf, ContextToRun};
use pgseal_verify::format::clone_marker::ClonedRelease;
use pgseal_verify::format::fingerprint::{Fingerprint, Scope};
use pgseal_verify::format::rehearsal::{FingerprintOf, Rehearsal, RehearsalOutcome};

/// Rehearses. Fails only if the clone could not be made.
pub(super) fn rehearse(job: &Job<'_>, steps: &mut dyn Steps) -> Result<Rehearsed, RehearsalError> {
    let started = (job.order.clock)();
    let mut log = Log {
        steps,
        done: Vec::new(),
    };
    // After a cancellation, other errors are its consequence.
    let stopped = |error| match job.order.stop.check() {
        Err(_) => RehearsalError::Interrupted,
        Ok(()) => error,
    };
    let mut admin = Admin::open(job.order.connect, job.order.stop)?;
    admin.mark(job.rehearsal_id)?;
    let source = source_fingerprint(job, &mut admin, &mut log).map_err(stopped)?;
    let made = log.step("make the clone", |_| {
        let (clone, method) = fill::create(job, &mut admin)?;
        let detail = format!("{} by {}", clone.name(), by(method));
        Ok(((clone, method), detail))
    });
    let (clone, method) = made.map_err(stopped)?;
    // From here on the clone exists: no early return before it is dropped.
    let connect = compare::cancellable(job, job.server.database(clone.name()));
    let order = ContextToRun {
        connect: &connect,
        clone: Some(CloneOf::Rehearsal(&clone)),
        ..job.order
    };
    let mut receipt = blank(job, &clone, method, started);
    if let Some(source) = &source {
        receipt
            .fingerprints
            .insert(FingerprintOf::SourceBefore, source.sha256);
    }
    let mut going = RunningRehearsal {
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
    let RunningRehearsal {
        mut receipt,
        mut remarks,
        ..
    } = going;
    drop(connect);
    let left = if job.keep {
        None
    } else {
        dropped(job, &clone, &mut log)
    };
    if job.keep {
        let marked = clone::mark_kept(job.order.connect, &clone, &(job.order.clock)().to_string());
        remarks.extend(
            marked
                .err()
                .map(|error| format!("the next rehearsal will call the clone left-over: {error}")),
        );
    }
    // Its lock marks the clone as in use.
    drop(admin);
    if let Some(signer) = job.signer.as_ref()
        && job.keep
        && trouble.is_none()
    {
        // The rehearsal is over: without a marker the clone is one for looking at.
        match mark(job, &clone, &receipt, signer) {
            Ok(marked) => {
                let detail = format!("{} is a standing clone", marked.name());
                trouble = log.report(MARKED, detail).err();
            }
            Err(error) => remarks.push(format!("the kept clone is no standing clone: {error}")),
        }
    }
    if trouble.is_none() && left.is_none() {
        trouble = source_again(job, source.as_ref(), &mut receipt, &mut remarks, &mut log)
            .err()
            .map(stopped);
    }
    receipt.steps = log.done;
    receipt.outcome = match &trouble {
        None if left.is_some() || receipt.steps.iter().any(|step| !step.ok) => {
            RehearsalOutcome::Incomplete
        }
        None => held(job.scope, receipt.untried_points()),
        Some(trouble) if trouble.is_of_the_release(has_run(&receipt)) => RehearsalOutcome::Failed,
        Some(_) => RehearsalOutcome::Incomplete,
    };
    receipt.kept = job.keep || left.is_some();
    receipt.finished = (job.order.clock)();
    Ok(Rehearsed {
        receipt,
        trouble,
        left,
        remarks,
    })
}

/// Makes the kept clone a standing one, by a signed marker.
fn mark(
    job: &Job<'_>,
    clone: &ClonedDatabase,
    receipt: &Rehearsal,
    signer: &Signer<'_>,
) -> Result<StandingClone, String> {
    let connect = job.server.database(clone.name());
    // Once more, because its comment was changed.
    let taken = fingerprint::take(
        &compare::cancellable(job, Arc::clone(&connect)),
        job.scope,
        job.workers,
        (job.order.clock)(),
        &|_| (),
    );
    let taken = taken.map_err(|error| error.to_string())?;
    let order = job.order.authentic();
    let release = &order.manifest().release;
    let source_sha256 = receipt.fingerprints.get(&FingerprintOf::SourceBefore);
    let mark = Mark {
        source: receipt.source.clone(),
        source_sha256: source_sha256.copied(),
        taken: &taken,
        release: Some(ClonedRelease {
            name: release.name.clone(),
            version: release.version.clone(),
            id: order.bundle.release_id(),
        }),
        clone_id: job.rehearsal_id,
        operator: order.operator,
    };
    let marked = standing::sign(connect.as_ref(), clone, mark, job.order.clock, signer);
    marked.map_err(|error| error.to_string())
}

/// The outcome of a rehearsal whose every step held.
fn held(scope: &Scope, untried_points: u64) -> RehearsalOutcome {
    match (scope, untried_points) {
        (Scope::All, 0) => RehearsalOutcome::Proved,
        _ => RehearsalOutcome::Limited,
    }
}

/// Whether the release was applied to the clone once.
fn has_run(receipt: &Rehearsal) -> bool {
    receipt
        .steps
        .iter()
        .any(|step| step.name == "run" && step.ok)
}

fn source_fingerprint(
    job: &Job<'_>,
    admin: &mut Admin,
    log: &mut Log<'_>,
) -> Result<Option<Fingerprint>, RehearsalError> {
    let ClonedFrom::Database { name, .. } = job.from else {
        return Ok(None);
    };
    if admin.oid(name)?.is_none() {
        return Err(RehearsalError::no_source(name));
    }
    log.step("fingerprint of the source", |_| {
        let taken = compare::take(job, job.server.database(name))?;
        let sentence = compare::sentence(&taken);
        Ok((Some(taken), sentence))
    })
}

/// Reports changes of the source since the first fingerprint. Others made them: the rehearsal cannot
/// write to the source.
fn source_again(
    job: &Job<'_>,
    before: Option<&Fingerprint>,
    receipt: &mut Rehearsal,
    remarks: &mut Vec<String>,
    log: &mut Log<'_>,
) -> Result<(), RehearsalError> {
    let (ClonedFrom::Database { name, .. }, Some(before)) = (job.from, before) else {
        return Ok(());
    };
    log.step("fingerprint of the source again", |_| {
        let after = compare::take(job, job.server.database(name))?;
        receipt
            .fingerprints
            .insert(FingerprintOf::SourceAfter, after.sha256);
        let moved = compare::lines(before, &after);
        if moved.is_empty() {
            return Ok(((), "as before".to_owned()));
        }
        remarks.extend(
            moved
                .iter()
                .map(|line| format!("the source was written to meanwhile: {line}")),
        );
        Ok((
            (),
            format!("others wrote to it meanwhile: {}", moved.join("; ")),
        ))
    })
}

fn dropped(job: &Job<'_>, clone: &ClonedDatabase, log: &mut Log<'_>) -> Option<clone::CloneError> {
    let drop = log.step("drop the clone", |_| {
        clone::drop(job.order.connect, clone)?;
        Ok(((), "it is gone".to_owned()))
    });
    match drop {
        Err(RehearsalError::Clone(error)) => Some(error),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_tried_is_not_proved() {
        assert_eq!(held(&Scope::All, 0), RehearsalOutcome::Proved);
        assert_eq!(held(&Scope::All, 1), RehearsalOutcome::Limited);
        assert_eq!(held(&Scope::Schema, 0), RehearsalOutcome::Limited);
    }
}
