//! Counts the runs of each approval on each database.

use std::collections::{BTreeMap, BTreeSet};

use super::archive::{Archive, ReceiptRecord};
use super::{Answer, Severity};
use crate::audit::fault::FaultKind;
use crate::trust::KeyId;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::receipt::Outcome;

/// System identifier and database, key and digest of an approval.
type Use<'a> = (Option<&'a str>, &'a str, KeyId, Digest);

/// Reports the runs beyond the number that an approval allows on one database.
///
/// They are notes if the server did not report its system identifier, if the outcome of a run is
/// unknown, if only a receipt of `--resume` names the approvals, which may be newer than those of the
/// run, or if the timeline changed: a restored database has lost runs.
pub fn check(archive: &Archive<'_>) -> Vec<Answer> {
    let mut runs = archive.signed_receipts();
    runs.retain(ReceiptRecord::is_run);
    let begun = runs.iter().filter(|run| run.receipt.resumes.is_none());
    let begun: BTreeSet<&str> = begun.map(|run| run.receipt.run_id.as_str()).collect();
    let mut uses = BTreeMap::<Use<'_>, BTreeMap<&str, ReceiptRecord<'_>>>::new();
    for run in &runs {
        let receipt = run.receipt;
        let run_id = receipt.resumes.as_ref().unwrap_or(&receipt.run_id);
        // A resumed run goes on by the approvals of the run that it resumes.
        if receipt.resumes.is_some() && begun.contains(run_id.as_str()) {
            continue;
        }
        let (system, database) = run.database();
        for on in &receipt.approvals {
            let on = (system, database, on.key_id, on.sha256);
            let of_run = uses.entry(on).or_default();
            of_run.entry(run_id).or_insert(*run);
        }
    }
    let beyond = uses.into_iter().flat_map(|(on, runs)| {
        let runs: Vec<_> = runs.into_values().collect();
        let allowed = allowed(archive, &on, &runs);
        beyond(on, runs, allowed)
    });
    beyond.collect()
}

/// The number of runs that the signed approval allows; if it is not in the archive, the lowest that
/// a receipt names.
fn allowed(archive: &Archive<'_>, on: &Use<'_>, runs: &[ReceiptRecord<'_>]) -> usize {
    let (_, _, key, sha256) = on;
    let signed = runs
        .iter()
        .filter_map(|run| archive.approvals.get(&run.release.id))
        .flatten()
        .find(|approval| approval.key_id == *key && approval.sha256 == *sha256)
        .map(|approval| approval.runs);
    let named = runs
        .iter()
        .flat_map(|run| &run.receipt.approvals)
        .filter(|named| named.key_id == *key && named.sha256 == *sha256)
        .map(|named| named.runs);
    let runs = signed.or(named.min()).map_or(1, std::num::NonZeroU32::get);
    usize::try_from(runs).unwrap_or(usize::MAX)
}

fn beyond(
    (system, database, key, _): Use<'_>,
    mut runs: Vec<ReceiptRecord<'_>>,
    allowed: usize,
) -> Vec<Answer> {
    runs.sort_by_key(|run| (run.receipt.started, &run.receipt.run_id));
    let is_certain = |run: &ReceiptRecord<'_>| {
        run.receipt.resumes.is_none() && run.receipt.outcome != Outcome::Unknown
    };
    let answer = |(at, run): (usize, &ReceiptRecord<'_>)| {
        let on_timeline = |other: &&ReceiptRecord<'_>| {
            is_certain(other) && other.receipt.timeline == run.receipt.timeline
        };
        let certain = runs[..=at].iter().filter(on_timeline).count();
        let severity = Severity::fault_if(system.is_some() && is_certain(run) && certain > allowed);
        let text = format!(
            "{} ran on {database:?} {} times by one approval of key {key}, which allows {allowed}",
            run.release.title(),
            at + 1
        );
        Answer::new(run.at, severity, FaultKind::ApprovalsUsed, text)
    };
    runs.iter().enumerate().skip(allowed).map(answer).collect()
}
