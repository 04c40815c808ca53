//! Cells with evidence from signed documents: the file, its signatures, approvals, the rehearsal.

use super::super::cell::{Cell, CellStatus, Proof, ProofOf, Row};
use super::super::facts::{Approver, Facts, Kept, ReleaseFacts, Signer};
use super::super::human_time::{count, day_and_time, listed, sentence};
use super::super::rehearsed::why;
use super::REHEARSAL_SECONDS;
use crate::record::rehearsal::said;
use crate::trust::policy::{Tally, is_behind};
use pgseal_verify::format::manifest::{Manifest, ReleaseState};
use pgseal_verify::format::rehearsal::{Rehearsal, RehearsalOutcome, Source};
use pgseal_verify::format::timestamp::Timestamp;

pub(super) fn files(facts: &Facts, release: &ReleaseFacts) -> Cell {
    let files = release.files;
    let says = format!("{files} of {files} files are exactly the signed ones.");
    Cell::new(Row::Files, CellStatus::Go, says)
        .dated(facts.now, None)
        .proved([bundle(facts, release)])
}

pub(super) fn signatures(facts: &Facts, release: &ReleaseFacts) -> Cell {
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

pub(super) fn approvals(facts: &Facts, release: &ReleaseFacts) -> Cell {
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
    if let Some(kept) = release.receipt_in_effect() {
        let counted = kept.document.approvals.len() as u64;
        let says = format!("{} counted when it ran.", count(counted, "approval"));
        let cell =
            Cell::new(Row::Approvals, CellStatus::Go, says).dated(kept.document.started, None);
        return cell.proved([receipt_proof(kept)]).proved(proofs);
    }
    let list = |tally: &Tally| format!("{} of {} from {}", tally.counted, tally.needed, tally.role);
    let tallies: Vec<String> = release.tallies.iter().map(list).collect();
    let is_met = release.tallies.iter().all(Tally::is_met);
    let mark = if is_met {
        CellStatus::Go
    } else {
        CellStatus::NoGo
    };
    let says = format!(
        "{}: {}.",
        if is_met {
            "Enough people said yes"
        } else {
            "Not enough yet"
        },
        tallies.join(", ")
    );
    let why = release
        .tallies
        .iter()
        .flat_map(|tally| &tally.why)
        .map(|why| format!("Does not count: {why}"));
    let cell = Cell::new(Row::Approvals, mark, says)
        .details(why.collect())
        .dated(newest, until);
    let cell = cell.proved([trust(release)]).proved(proofs);
    match release.tallies.iter().find(|tally| !tally.is_met()) {
        None => cell,
        Some(short) => {
            let command = facts.known.approve(short.role.as_str(), &release.manifest);
            cell.way_out(missing(&release.tallies), Some(command))
        }
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

pub(super) fn rehearsal(facts: &Facts, release: &ReleaseFacts) -> Cell {
    let command = || facts.known.command("rehearse", &release.manifest);
    let Some(kept) = release.newest_rehearsal() else {
        return Cell::unknown(
            Row::Rehearsal,
            "No signed rehearsal of this very release is here.",
        )
        .way_out(
            "An operator rehearses it on a copy of the database.",
            command(),
        );
    };
    let rehearsal = &kept.document;
    let at = rehearsal.finished;
    // For a release in effect, the rehearsal is history and does not become stale.
    let max = release
        .rehearsal_max_age_days
        .map_or(REHEARSAL_SECONDS, |days| i64::from(days.get()) * DAY);
    let until = release
        .in_effect()
        .is_none()
        .then(|| later(at, max))
        .flatten();
    let steps = rehearsal.steps.iter().map(|step| {
        let verdict = if step.ok { "held" } else { "did not hold" };
        format!("{}: {verdict}: {}", step.name, step.detail)
    });
    let values =
        (!rehearsal.variables.is_empty()).then(|| format!("with {}", said(&rehearsal.variables)));
    let steps = values
        .into_iter()
        .chain(rehearsal.source.dump())
        .chain(steps);
    let cell = |mark, says: String| {
        let excerpt = rehearsal.error_lines().skip(1).map(str::to_owned).collect();
        let cell = Cell {
            excerpt,
            ..Cell::new(Row::Rehearsal, mark, says)
        };
        cell.details(steps.collect())
            .dated(at, until)
            .proved([rehearsal_proof(kept)])
    };
    if rehearsal.outcome == RehearsalOutcome::Failed {
        let says = sentence(&format!(
            "The rehearsal on {} failed{}",
            copied(&rehearsal.source),
            why(rehearsal)
        ));
        return cell(CellStatus::Stop(FAILED), says).way_out(
            "The release has to be mended, packed and signed anew, and rehearsed again.",
            None,
        );
    }
    if rehearsal.outcome == RehearsalOutcome::Incomplete {
        let says = sentence(&format!(
            "The last rehearsal did not come to its end{}",
            why(rehearsal)
        ));
        return cell(CellStatus::Unknown, says).way_out(
            "An operator rehearses it on a copy of the database.",
            command(),
        );
    }
    if rehearsal.outcome == RehearsalOutcome::Limited {
        let says = "The last rehearsal did not compare all rows, so nobody knows whether the way back restores the data.";
        return cell(CellStatus::Unknown, says.to_owned()).way_out(
            "An operator rehearses it with all rows, without --schema-only and --tables.",
            command(),
        );
    }
    // A rehearsal proves nothing about other values. Once the release is in effect, the ledger has
    // the run's values.
    let others = release
        .values
        .as_ref()
        .filter(|values| **values != rehearsal.variables);
    if others.is_some() && release.in_effect().is_none() {
        let says = format!(
            "It was rehearsed with other values: {}.",
            said(&rehearsal.variables)
        );
        return cell(CellStatus::Unknown, says).way_out(
            "An operator rehearses it with the values of the run.",
            command(),
        );
    }
    if is_behind(facts.now, at) {
        return cell(
            CellStatus::Unknown,
            format!(
                "The rehearsal ended at {}, which is in the future by this host's clock.",
                day_and_time(at)
            ),
        );
    }
    if rehearsal
        .source
        .database
        .as_deref()
        .is_some_and(|source| source != database(release))
    {
        let says = format!(
            "It was rehearsed on {}, and the release is for another database.",
            copied(&rehearsal.source)
        );
        return cell(CellStatus::Unknown, says).way_out(
            "An operator rehearses it on a copy of the database.",
            command(),
        );
    }
    if until.is_some_and(|until| facts.now > until) {
        let says =
            "The last rehearsal held, and is too old to count: the database has gone on living.";
        return cell(CellStatus::Unknown, says.to_owned()).way_out(
            "An operator rehearses it again on a fresh copy of the database.",
            command(),
        );
    }
    let says = format!(
        "It ran on {}, was undone there, and every step held.",
        copied(&rehearsal.source)
    );
    cell(CellStatus::Go, says)
}

/// Exit code of a failed `run` that left the database unchanged.
const FAILED: u8 = 30;

fn copied(source: &Source) -> String {
    match &source.database {
        Some(database) => format!("a copy of {database}"),
        None => "a copy made from a dump".to_owned(),
    }
}

/// Length of a day in seconds.
const DAY: i64 = 24 * 60 * 60;

/// The release's target database.
pub(super) fn database(release: &ReleaseFacts) -> &str {
    &release.manifest.target.database
}

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

fn bundle(facts: &Facts, release: &ReleaseFacts) -> Proof {
    let keys = release.signers.iter().map(|signer| signer.key).collect();
    let at = release.signers.iter().filter_map(|signer| signer.at).max();
    Proof {
        of: ProofOf::Bundle,
        name: facts.file.clone(),
        sha256: Some(release.release_id),
        keys,
        at,
    }
}

fn trust(release: &ReleaseFacts) -> Proof {
    let name = format!("version {} of the trust root", release.trust.version);
    Proof {
        of: ProofOf::TrustRoot,
        name,
        sha256: Some(release.trust.sha256),
        keys: Vec::new(),
        at: None,
    }
}

fn approval(said: &Approver) -> Proof {
    let apr = said
        .apr
        .as_ref()
        .map(|apr| format!(", {apr}"))
        .unwrap_or_default();
    let name = format!("{} as {}{apr}", said.owner, said.role);
    Proof {
        of: ProofOf::Approval,
        name,
        sha256: None,
        keys: vec![said.key],
        at: Some(said.at),
    }
}

fn rehearsal_proof(kept: &Kept<Rehearsal>) -> Proof {
    let (name, at) = (kept.name.clone(), Some(kept.document.finished));
    Proof {
        of: ProofOf::Rehearsal,
        name,
        sha256: Some(kept.sha256),
        keys: vec![kept.key],
        at,
    }
}

pub(super) fn receipt_proof(kept: &Kept<pgseal_verify::format::receipt::Receipt>) -> Proof {
    let (name, at) = (kept.name.clone(), Some(kept.document.finished));
    Proof {
        of: ProofOf::Receipt,
        name,
        sha256: Some(kept.sha256),
        keys: vec![kept.key],
        at,
    }
}
