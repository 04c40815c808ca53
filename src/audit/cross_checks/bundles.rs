//! Compares approvals, receipts, rehearsals, rollouts and signed answers with the bundle of their release.

use std::collections::{BTreeMap, BTreeSet};

use super::archive::Archive;
use super::{Answer, Coverage, Severity};
use crate::audit::fault::FaultKind;
use crate::audit::file_facts::ReleaseFacts;
use crate::audit::finding::Finding;
use crate::audit::kind::Kind;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::file_name;
use pgseal_verify::format::rehearsal::RehearsalOutcome;

/// Reports missing and differing bundles. A missing bundle is a fault only if the archive has any
/// bundle: an archive of receipts alone is complete.
pub fn check(archive: &Archive<'_>) -> Vec<Answer> {
    let mut named = BTreeMap::new();
    for (at, release) in archive.bundles.values().flatten() {
        named
            .entry((&release.name, &release.version))
            .or_insert(*at);
    }
    let has_bundles = archive.has_bundles();
    let ran: BTreeSet<Digest> = archive.runs().map(|run| run.release.id).collect();
    let mut answers = Vec::new();
    for (at, finding) in archive.findings.iter().enumerate() {
        let Some((without, differs)) = words(finding.kind) else {
            continue;
        };
        // A file with approvals of several releases has no single bundle, and has its fault
        // already.
        if !finding.is_sound() {
            continue;
        }
        let Some((facts, about)) = finding.of_release() else {
            continue;
        };
        let severity = Severity::fault_if(!finding.is_unsigned());
        let same = archive
            .bundles
            .get(&about.id)
            .and_then(|bundles| bundles.first());
        match (same, named.get(&(&about.name, &about.version))) {
            (Some((bundle, release)), _) if *release == about => {
                if finding.kind == Kind::Approval && archive.shows_another(facts, *bundle) {
                    let text = format!(
                        "it shows another target or summary than {}",
                        archive.path(*bundle)
                    );
                    answers.push(Answer::new(at, severity, differs, text));
                }
            }
            (Some((bundle, release)), _) => {
                let (says, is) = (said(about), said(release));
                let text = format!(
                    "it says that its release is {says}; in {} it is {is}",
                    archive.path(*bundle)
                );
                answers.push(Answer::new(at, severity, differs, text));
            }
            (None, Some(bundle)) if !archive.claimed.contains_key(&about.id) => {
                let (title, id, path) = (about.title(), about.id, archive.path(*bundle));
                let text = format!("it is about another {title} ({id}) than the one in {path}");
                // Releases are rehearsed, mended and packed again until they ship.
                answers.push(if let Some(rehearsal) = &facts.rehearsal {
                    let text = format!("{text}: {}", draft(rehearsal.outcome));
                    Answer::note(at, differs, text)
                } else {
                    Answer::new(at, severity, differs, text)
                });
            }
            (None, _) if archive.extent == Coverage::Whole => {
                let (title, id, lost) = (about.title(), about.id, lost(archive, finding, about));
                let mut text = format!("the bundle of its release, {title} ({id}), {lost}");
                let mut is_fault = has_bundles;
                // Without a run it permitted nothing, and neither did a failed one.
                if let Some(rehearsal) = &facts.rehearsal
                    && !(rehearsal.outcome == RehearsalOutcome::Proved && ran.contains(&about.id))
                {
                    is_fault = false;
                    text = format!("{text}: {}", draft(rehearsal.outcome));
                }
                let severity = if is_fault { severity } else { Severity::Note };
                answers.push(Answer::new(at, severity, without, text));
            }
            (None, _) => {}
        }
    }
    answers
}

/// The end of a sentence about a rehearsal whose bundle is not here.
fn draft(outcome: RehearsalOutcome) -> &'static str {
    match outcome {
        RehearsalOutcome::Proved | RehearsalOutcome::Limited => "a draft that was rehearsed",
        RehearsalOutcome::Failed => "a draft whose rehearsal failed",
        RehearsalOutcome::Incomplete => "a draft whose rehearsal was not complete",
    }
}

/// Describes a missing bundle. A bundle that is not authentic may be the missing one, by its
/// claimed id or by its name.
fn lost(archive: &Archive<'_>, finding: &Finding, about: &ReleaseFacts) -> String {
    if let Some(bundle) = archive.claimed.get(&about.id) {
        return format!(
            "is here, and is damaged or not authentic: {}",
            archive.path(*bundle)
        );
    }
    let (dir, name) = finding
        .path
        .split_at(finding.path.rfind('/').map_or(0, |slash| slash + 1));
    let stem = [
        ".approval",
        ".receipt.json",
        file_name::REHEARSAL,
        file_name::ROLLOUT,
        file_name::EVIDENCE,
    ]
    .iter()
    .find_map(|end| name.strip_suffix(end));
    // A receipt is named after its run; a bundle usually after its release.
    let of_release = format!("{}-{}", about.name, about.version);
    let names: Vec<String> = stem
        .into_iter()
        .chain([of_release.as_str()])
        .map(|stem| format!("{stem}.pgseal"))
        .collect();
    match archive.doubtful(dir, &names) {
        Some(Finding {
            path,
            claimed_id: None,
            facts: None,
            ..
        }) => {
            format!("is not here, or is {path}, which can't be read")
        }
        Some(Finding { path, .. }) => {
            format!("is not here, or is {path}, which is damaged or not authentic")
        }
        None => "is not here".to_owned(),
    }
}

/// The faults for a missing bundle and for a differing one.
fn words(kind: Kind) -> Option<(FaultKind, FaultKind)> {
    match kind {
        Kind::Approval => Some((FaultKind::ApprovalWithoutBundle, FaultKind::ApprovalDiffers)),
        Kind::Receipt | Kind::Rollout => {
            Some((FaultKind::ReceiptWithoutBundle, FaultKind::ReceiptDiffers))
        }
        Kind::Rehearsal => Some((FaultKind::RehearsalWithoutBundle, FaultKind::ReceiptDiffers)),
        Kind::Evidence => Some((FaultKind::EvidenceWithoutBundle, FaultKind::ReceiptDiffers)),
        Kind::Bundle | Kind::TrustRoot | Kind::Tar | Kind::Directory | Kind::Log => None,
    }
}

fn said(release: &ReleaseFacts) -> String {
    format!("{}, sequence {}", release.title(), release.sequence)
}
