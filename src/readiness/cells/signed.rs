//! Cells with evidence from signed documents: the file, its signatures, approvals, the rehearsal.

use super::super::cell::{Cell, CellStatus, Proof, ProofOf, Row};
use super::super::facts::{Approver, Kept, ReadinessFacts, ReleaseFacts, Signer};
use super::super::human_time::{count, day_and_time, listed, sentence};
use super::super::rehearsed::why;
use super::REHEARSAL_SECONDS;
use crate::record::ledger::Entry;
use crate::record::rehearsal::said;
use crate::trust::policy::{Tally, is_behind};
use pgseal_verify::format::manifest::{Manifest, ReleaseState};
use pgseal_verify::format::receipt::Receipt;
use pgseal_verify::format::rehearsal::{Rehearsal, RehearsalOutcome, Source};
use pgseal_verify::format::timestamp::Timestamp;

pub(super) fn files(facts: &ReadinessFacts, release: &ReleaseFacts) -> Cell {
    let files = release.files;
    let says = format!("{files} of {files} files are exactly the signed ones.");
    Cell::new(Row::Files, CellStatus::Go, says)
        .dated(facts.now, None)
        .proved([bundle(facts, release)])
}

pub(super) fn signatures(facts: &ReadinessFacts, release: &ReleaseFacts) -> Cell {
    let who: Vec<&str> = release
        .signers
        .iter()
        .map(|signer| signer.owner.as_str())
        .collect();
    let says = format!(
        "Signed by {}, as the trust root of this host asks for.",
        listed(&who)
    );
    let line = |signer: &Signer| {
        let since = signer
            .at
            .map(|at| format!(", {} {}", signer.evidence, day_and_time(at)))
            .unwrap_or_default();
        format!("{} (key {}){since}", signer.owner, signer.key.short())
    };
    Cell::new(Row::Signatures, CellStatus::Go, says)
        .details(release.signers.iter().map(line).collect())
        .dated(facts.now, Some(release.trust_expires))
        .proved([bundle(facts, release), trust(release)])
}

pub(super) fn approvals(facts: &ReadinessFacts, release: &ReleaseFacts) -> Cell {
    let counting: Vec<&Approver> = release
        .approvers
        .iter()
        .filter(|said| said.why_not.is_none())
        .collect();
    let proofs = counting.iter().map(|said| approval(said));
    let newest = counting
        .iter()
        .map(|said| said.at)
        .max()
        .unwrap_or(facts.now);
    let until = counting
        .iter()
        .filter_map(|said| said.expires)
        .chain([release.trust_expires])
        .min();
    if release.tallies.is_empty() {
        let says = "The trust root of this host asks for no approval.";
        return Cell::new(Row::Approvals, CellStatus::NotNeeded, says)
            .dated(facts.now, until)
            .proved([trust(release)]);
    }
    if let Some(row) = release.in_effect() {
        return approvals_of_the_run(row, release).proved(proofs);
    }
    let list = |tally: &Tally| format!("{} of {} from {}", tally.counted, tally.needed, tally.role);
    let here = release
        .answers()
        .and_then(|answers| answers.too_few.as_ref());
    let counted = here.map_or(&release.tallies, |(tallies, _)| tallies);
    let is_used = here.is_some_and(|(_, is_used)| *is_used);
    let tallies: Vec<String> = counted.iter().map(list).collect();
    let is_met = counted.iter().all(Tally::is_met);
    let (mark, enough) = match (is_met, is_used) {
        (true, _) => (CellStatus::Go, "Enough people said yes"),
        (false, false) => (CellStatus::NoGo, "Not enough yet"),
        (false, true) => (
            CellStatus::Held,
            "The runs that people approved are used here",
        ),
    };
    let says = format!("{enough}: {}.", tallies.join(", "));
    let why = counted
        .iter()
        .flat_map(|tally| &tally.why)
        .map(|why| format!("Does not count: {why}"));
    let cell = Cell::new(Row::Approvals, mark, says)
        .details(why.collect())
        .dated(newest, until);
    let cell = cell.proved([trust(release)]).proved(proofs);
    match counted.iter().find(|tally| !tally.is_met()) {
        None => cell,
        Some(short) => {
            let command = facts.known.approve(short.role.as_str(), &release.manifest);
            cell.way_out(missing(counted), Some(command))
        }
    }
}

/// The approvals of a release in effect: those of its run count, by its receipt or else by the
/// ledger.
fn approvals_of_the_run(row: &Entry, release: &ReleaseFacts) -> Cell {
    let Some(used) = &release.used else {
        let says = "The ledger's row does not say which approvals counted when it ran.";
        return Cell::unknown(Row::Approvals, says);
    };
    let says = format!(
        "{} counted when it ran.",
        count(used.len() as u64, "approval")
    );
    let cell = Cell::new(Row::Approvals, CellStatus::Go, says);
    match release.receipt_in_effect() {
        Some(kept) => cell
            .dated(kept.document.started, None)
            .proved([receipt_proof(kept)]),
        None => {
            let proof = ledger_row(row);
            Cell {
                at: proof.at,
                ..cell
            }
            .proved([proof])
        }
    }
}

/// A row of the ledger as evidence.
pub(super) fn ledger_row(row: &Entry) -> Proof {
    let name = format!("run {}, transaction {}", row.run_id, row.transaction_id);
    Proof {
        at: row.at.parse().ok(),
        ..Proof::new(ProofOf::LedgerRow, name)
    }
}

/// `2 people of the role l2 and 1 person of the role l4 still have to approve it.`
fn missing(tallies: &[Tally]) -> String {
    let role = |tally: &Tally| {
        let short = usize::from(tally.needed).saturating_sub(tally.counted);
        let people = if short == 1 {
            "1 person".to_owned()
        } else {
            format!("{short} people")
        };
        (short > 0).then(|| format!("{people} of the role {}", tally.role))
    };
    let roles: Vec<String> = tallies.iter().filter_map(role).collect();
    let one = matches!(&roles[..], [only] if only.starts_with("1 person"));
    format!(
        "{} still {} to approve it.",
        listed(&roles),
        if one { "has" } else { "have" }
    )
}

pub(super) fn rehearsal(facts: &ReadinessFacts, release: &ReleaseFacts) -> Cell {
    let command = facts.known.command("rehearse", &release.manifest);
    let Some(kept) = release.newest_rehearsal() else {
        let says = "No signed rehearsal of this very release is here.";
        return Cell::unknown(Row::Rehearsal, says).way_out(ON_A_COPY, command);
    };
    let rehearsal = &kept.document;
    let at = rehearsal.finished;
    // For a release in effect, the rehearsal is history and does not become stale.
    let max = release
        .rehearsal_max_age_days
        .map_or(REHEARSAL_SECONDS, |days| i64::from(days.get()) * DAY);
    let until = match release.in_effect() {
        None => later(at, max),
        Some(_) => None,
    };
    let steps = rehearsal.steps.iter().map(|step| {
        let verdict = if step.ok { "held" } else { "did not hold" };
        format!("{}: {verdict}: {}", step.name, step.detail)
    });
    let values =
        (!rehearsal.variables.is_empty()).then(|| format!("with {}", said(&rehearsal.variables)));
    let details = values.into_iter().chain(rehearsal.source.dump());
    let (mark, says, way_out) = rehearsed(facts, release, rehearsal, until);
    let cell = Cell {
        excerpt: rehearsal.error_lines().skip(1).map(str::to_owned).collect(),
        command: command.filter(|_| way_out.is_some_and(|text| text != MEND)),
        way_out: way_out.map(str::to_owned),
        ..Cell::new(Row::Rehearsal, mark, says)
    };
    cell.details(details.chain(steps).collect())
        .dated(at, until)
        .proved([kept.proof(ProofOf::Rehearsal, at)])
}

const ON_A_COPY: &str = "An operator rehearses it on a copy of the database.";
const MEND: &str = "The release has to be mended, packed and signed anew, and rehearsed again.";

/// The mark of a rehearsal, its sentence, and the advice if it does not count.
fn rehearsed(
    facts: &ReadinessFacts,
    release: &ReleaseFacts,
    rehearsal: &Rehearsal,
    until: Option<Timestamp>,
) -> (CellStatus, String, Option<&'static str>) {
    let (at, source) = (rehearsal.finished, copied(&rehearsal.source));
    let unknown = |says: String, way_out| (CellStatus::Unknown, says, Some(way_out));
    match rehearsal.outcome {
        RehearsalOutcome::Failed => {
            let says = format!("The rehearsal on {source} failed{}", why(rehearsal));
            return (CellStatus::Stop(FAILED), sentence(&says), Some(MEND));
        }
        RehearsalOutcome::Incomplete => {
            let says = format!(
                "The last rehearsal did not come to its end{}",
                why(rehearsal)
            );
            return unknown(sentence(&says), ON_A_COPY);
        }
        RehearsalOutcome::Limited if rehearsal.untried_points() > 0 => {
            return unknown(
                "The last rehearsal did not roll back from every point where a run can stop, so it is not known whether the rollback works there.".to_owned(),
                "Its author moves statements that can run in a transaction into tiers with one.",
            );
        }
        RehearsalOutcome::Limited => {
            return unknown(
                "The last rehearsal did not compare all rows, so it is not known whether the rollback restores the data.".to_owned(),
                "An operator rehearses it with all rows, without --schema-only and --tables.",
            );
        }
        RehearsalOutcome::Proved => {}
    }
    let has_other_values = release
        .values
        .as_ref()
        .is_some_and(|run| !release.manifest.is_rehearsed(run, &rehearsal.variables));
    let database_of_source = rehearsal.source.database.as_deref();
    // A rehearsal proves nothing about other values. Once the release is in effect, the ledger has
    // the run's values.
    if has_other_values && release.in_effect().is_none() {
        unknown(
            format!(
                "It was rehearsed with other values: {}.",
                said(&rehearsal.variables)
            ),
            "An operator rehearses it with the values of the run.",
        )
    } else if is_behind(facts.now, at) {
        let at = day_and_time(at);
        let says =
            format!("The rehearsal ended at {at}, which is in the future by this host's clock.");
        (CellStatus::Unknown, says, None)
    } else if database_of_source
        .is_some_and(|source| !release.manifest.target.database.has_name(source))
    {
        unknown(
            format!("It was rehearsed on {source}, and the release is for another database."),
            ON_A_COPY,
        )
    } else if until.is_some_and(|until| facts.now > until) {
        unknown(
            "The last rehearsal held, and is too old to count: the database has gone on living."
                .to_owned(),
            "An operator rehearses it again on a fresh copy of the database.",
        )
    } else {
        let says = format!("It ran on {source}, was undone there, and every step held.");
        (CellStatus::Go, says, None)
    }
}

/// Exit code of a `run` that is refused because the newest rehearsal failed.
const FAILED: u8 = 11;

fn copied(source: &Source) -> String {
    match &source.database {
        Some(database) => format!("a copy of {database}"),
        None => "a copy made from a dump".to_owned(),
    }
}

const DAY: i64 = 24 * 60 * 60;

/// The moment this many seconds later; `None` beyond the last representable one.
pub(super) fn later(at: Timestamp, seconds: i64) -> Option<Timestamp> {
    Timestamp::from_seconds(at.seconds().saturating_add(seconds))
}

/// The number of a release's verify scripts for a state.
pub(super) fn scripts_of(manifest: &Manifest, state: ReleaseState) -> usize {
    manifest
        .verify
        .iter()
        .filter(|script| script.state == ReleaseState::Any || script.state == state)
        .count()
}

fn bundle(facts: &ReadinessFacts, release: &ReleaseFacts) -> Proof {
    Proof {
        sha256: Some(release.release_id),
        keys: release.signers.iter().map(|signer| signer.key).collect(),
        at: release.signers.iter().filter_map(|signer| signer.at).max(),
        ..Proof::new(ProofOf::Bundle, facts.file.as_str())
    }
}

fn trust(release: &ReleaseFacts) -> Proof {
    let name = format!("version {} of the trust root", release.trust.version);
    Proof {
        sha256: Some(release.trust.sha256),
        ..Proof::new(ProofOf::TrustRoot, name)
    }
}

fn approval(approver: &Approver) -> Proof {
    let apr = approver.apr.as_ref().map(|apr| format!(", {apr}"));
    let apr = apr.unwrap_or_default();
    let name = format!("{} as {}{apr}", approver.owner, approver.role);
    Proof {
        keys: vec![approver.key],
        at: Some(approver.at),
        ..Proof::new(ProofOf::Approval, name)
    }
}

pub(super) fn receipt_proof(kept: &Kept<Receipt>) -> Proof {
    kept.proof(ProofOf::Receipt, kept.document.finished)
}
