//! Findings for people: faults, notes and, in a small audit, valid files.

use std::collections::BTreeMap;

use crate::audit::cross_checks::{self, AttachedApprovals};
use crate::audit::file_facts::{ApprovalFacts, FileFacts, Quorum, Seen};
use crate::audit::report::Summary;
use crate::audit::{FaultKind, Finding, Kind, Report};
use crate::cli::approvals::for_runs;
use crate::cli::output::{Output, Paint, escape, optional};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::approval::Decision;
use pgseal_verify::format::receipt::{Action, Outcome};
use pgseal_verify::format::rehearsal::RehearsalOutcome;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::plural;

/// Maximum number of files that are all listed. In a larger audit only faults and notes are.
const FEW: usize = 100;

/// All lines except the sum.
pub fn lines(report: &Report, summary: &Summary, all: bool, out: Output) -> String {
    let every = all || report.findings.len() <= FEW;
    let mut text = String::new();
    let around = if every {
        Around::of(report)
    } else {
        Around::default()
    };
    for line in report
        .findings
        .iter()
        .flat_map(|finding| finding_lines(finding, every, &around, out))
    {
        text.push_str(&line);
        text.push('\n');
    }
    if summary.notes + summary.faults > FEW {
        for (what, kinds) in [
            ("faults", &summary.fault_kinds),
            ("notes", &summary.note_kinds),
        ] {
            let list: Vec<String> = kinds
                .iter()
                .map(|(kind, count)| format!("{kind} {count}"))
                .collect();
            if !list.is_empty() {
                text.push_str(&format!("{what}: {}\n", list.join(", ")));
            }
        }
    }
    text
}

/// `2 bundles, 1 receipt, 3 authentic, 0 faulty, 0 faults`
pub fn sum(summary: &Summary) -> String {
    let count = |kind: Kind| summary.kinds.get(&kind).copied().unwrap_or_default();
    let shown = Kind::ALL
        .into_iter()
        .filter(|kind| *kind == Kind::Bundle || count(*kind) > 0);
    let counted: Vec<String> = shown
        .map(|kind| plural::count(count(kind), kind.words()))
        .collect();
    let Summary {
        authentic,
        unsigned,
        faulty,
        ..
    } = summary;
    let unsigned = if *unsigned == 0 {
        String::new()
    } else {
        format!("{unsigned} not signed, ")
    };
    let faults = plural::count(summary.faults, "fault");
    format!(
        "{}, {authentic} authentic, {unsigned}{faulty} faulty, {faults}",
        counted.join(", ")
    )
}

fn finding_lines(finding: &Finding, every: bool, around: &Around<'_>, out: Output) -> Vec<String> {
    let path = escape(&finding.path);
    let mut lines = Vec::new();
    if let (Some(facts), false, true) = (&finding.facts, finding.is_faulty(), every) {
        // An unsigned receipt is not ok: `receipt verify` rejects it.
        let is_unsigned = finding.is_unsigned();
        let ok = if is_unsigned {
            out.paint(Paint::Bad, "unsigned")
        } else {
            out.paint(Paint::Good, "ok")
        };
        lines.push(format!("{ok} {path}: {}", said(finding.kind, facts)));
        lines.extend(
            facts
                .approvals
                .iter()
                .map(|said| format!("    {}", approval(said))),
        );
        if let (Kind::Bundle, Some(release)) = (finding.kind, &facts.release) {
            let beside = around.beside.get(&release.id).into_iter().flatten();
            for (path, said) in beside.filter(|(_, said)| said.shown == facts.shown) {
                let path = escape(path);
                lines.extend(
                    said.approvals
                        .iter()
                        .map(|said| format!("    {}: {path}", approval(said))),
                );
            }
            lines.extend(
                facts
                    .quorum
                    .iter()
                    .map(|counted| format!("    approvals{}", quorum(counted))),
            );
            let chain = around.chains.get(&release.id).into_iter().flatten();
            lines.extend(chain.map(|(.., line)| format!("    {line}")));
        }
        if facts.blocked {
            lines.push("    blocked by the trust root: it never runs again".to_owned());
        }
        if facts.then.authentic
            && let Some(why) = &facts.now.why_not
        {
            lines.push(format!("    not authentic now: {}", escape(why)));
        }
    }
    for fault in &finding.faults {
        let (bad, sentence) = (out.paint(Paint::Bad, "FAULT"), escape(&fault.sentence));
        lines.push(format!("{bad} {path}: {sentence} ({})", fault.kind));
    }
    // The first line has already reported the missing signature.
    for note in finding
        .notes
        .iter()
        .filter(|note| !every || note.kind != FaultKind::UnsignedReceipt)
    {
        lines.push(format!(
            "note {path}: {} ({})",
            escape(&note.sentence),
            note.kind
        ));
    }
    lines
}

/// FileFacts from other files, by release id.
#[derive(Default)]
struct Around<'a> {
    chains: Chains<'a>,
    beside: AttachedApprovals<'a>,
}

impl<'a> Around<'a> {
    fn of(report: &'a Report) -> Self {
        Self {
            chains: chains(report),
            beside: cross_checks::approval_files(&report.findings),
        }
    }
}

/// Actions on each release, by its id: time, whether it is a rollback, and a line about it.
type Chains<'a> = BTreeMap<&'a Digest, Vec<(Timestamp, bool, String)>>;

/// Collects signed runs, rehearsals and rollouts in chronological order. In the same second a run precedes
/// its rollback.
fn chains(report: &Report) -> Chains<'_> {
    let mut chains = Chains::new();
    for finding in report
        .findings
        .iter()
        .filter(|finding| !finding.is_faulty() && !finding.is_unsigned())
    {
        let Some(facts) = &finding.facts else {
            continue;
        };
        let Some(release) = &facts.release else {
            continue;
        };
        let path = escape(&finding.path);
        if let Some(said) = &facts.receipt {
            let (action, outcome) = (said.action.as_str(), ended(said.outcome));
            let line = format!(
                "{action} on {}, {}, {outcome}: {path}",
                escape(&said.database),
                said.started
            );
            chains.entry(&release.id).or_default().push((
                said.started,
                said.action == Action::Rollback,
                line,
            ));
        }
        if let Some(said) = &facts.evidence {
            let line = format!(
                "{}, {}, exit {}: {path}",
                said.kind.as_str(),
                said.at,
                said.exit
            );
            let chain = chains.entry(&release.id).or_default();
            chain.push((said.at, false, line));
        }
        if let Some(said) = &facts.rollout {
            let (action, at) = (said.action.as_str(), said.started);
            let line = format!("rollout ({action}), {at}, {}: {path}", said.summary);
            let chain = chains.entry(&release.id).or_default();
            chain.push((at, said.action == Action::Rollback, line));
        }
        if let Some(said) = &facts.rehearsal {
            let outcome = match said.outcome {
                RehearsalOutcome::Proved => "proved",
                RehearsalOutcome::Limited => "not all rows were compared",
                RehearsalOutcome::Failed => "failed",
                RehearsalOutcome::Incomplete => "did not come to its end",
            };
            let line = format!("rehearsal, {}, {outcome}: {path}", said.started);
            chains
                .entry(&release.id)
                .or_default()
                .push((said.started, false, line));
        }
    }
    chains.values_mut().for_each(|chain| chain.sort());
    chains
}

/// The outcome, in words.
pub fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Committed => "committed",
        Outcome::Unchanged => "nothing changed",
        Outcome::Partial => "stopped half way",
        Outcome::Unknown => "outcome unknown",
    }
}

fn said(kind: Kind, facts: &FileFacts) -> String {
    let signers = facts
        .signers
        .iter()
        .filter(|signer| signer.why_not.is_none());
    let signers: Vec<String> = signers
        .map(|signer| format!("{}{}", escape(&signer.owner), since(signer.evidence)))
        .collect();
    let signers = signers.join(", ");
    let title = facts
        .release
        .as_ref()
        .map(|release| escape(&release.title()))
        .unwrap_or_default();
    let receipt = |what: &str| match signers.as_str() {
        "" => format!("{title}, a {what} that anybody can have written: it proves nothing"),
        signers => format!("{title}, a {what} signed by {signers}"),
    };
    match kind {
        Kind::Approval => format!("{title}, approvals beside the bundle"),
        Kind::Receipt => receipt("receipt"),
        Kind::Rehearsal => receipt("rehearsal receipt"),
        Kind::Rollout => {
            let summary = facts.rollout.as_ref().map(|said| said.summary.as_str());
            format!(
                "{}: {}",
                receipt("rollout receipt"),
                summary.unwrap_or_default()
            )
        }
        Kind::Evidence => {
            let Some(said) = &facts.evidence else {
                return format!("an answer signed by {signers}");
            };
            let database = optional("", said.database.as_ref());
            let about = if title.is_empty() { &database } else { &title };
            let (kind, exit) = (said.kind.as_str(), said.exit);
            format!("{about}, an answer of {kind} (exit {exit}) signed by {signers}")
        }
        Kind::TrustRoot => {
            let version = facts.trust_root.as_ref().map_or(0, |root| root.version);
            format!("version {version} of a trust root, signed by {signers}")
        }
        Kind::Log => {
            let (origin, entries, compared) = facts.log.as_ref().map_or(("", 0, 0), |log| {
                (log.origin.as_str(), log.entries, log.compared)
            });
            let kept = match compared {
                0 => "; compared with no checkpoint that was kept elsewhere".to_owned(),
                _ => format!(
                    "; leads on from {} kept elsewhere",
                    plural::count(compared, "checkpoint")
                ),
            };
            format!(
                "log {}, {}, signed by {signers}{kept}",
                escape(origin),
                plural::count(entries, "entry")
            )
        }
        Kind::Bundle | Kind::Tar | Kind::Directory => {
            format!(
                "{title}, {}, signed by {signers}",
                plural::count(facts.files, "file")
            )
        }
    }
}

/// The time since which a signature exists, if there is evidence of one.
fn since(evidence: Seen) -> String {
    evidence
        .at
        .map(|_| format!(", {evidence}"))
        .unwrap_or_default()
}

fn approval(said: &ApprovalFacts) -> String {
    let what = match said.decision {
        Decision::Approve => "approved by",
        Decision::Withdraw => "approval withdrawn by",
    };
    let apr = said
        .apr
        .as_ref()
        .map(|apr| format!(", {apr}"))
        .unwrap_or_default();
    let until = said
        .expires
        .map(|expires| format!(", until {expires}"))
        .unwrap_or_default();
    let why = match &said.why_not {
        Some(reason) if said.decision == Decision::Approve => {
            format!("; does not count: it {}", escape(reason))
        }
        _ => String::new(),
    };
    let reason = said
        .reason
        .as_deref()
        .map(|reason| format!(" ({})", escape(reason)))
        .unwrap_or_default();
    let (owner, role, evidence) = (escape(&said.owner), &said.role, said.evidence);
    let runs = for_runs(said.runs);
    format!("{what} {owner} as {role}{apr}, {evidence}{until}{runs}{reason}{why}")
}

/// `: l2 1 of 1`
pub fn quorum(quorum: &Quorum) -> String {
    let roles = quorum
        .roles
        .iter()
        .map(|role| format!("{} {} of {}", role.role, role.counted, role.needed));
    let code = quorum
        .apr
        .as_ref()
        .map(|code| format!(" for {code}"))
        .unwrap_or_default();
    format!("{code}: {}", roles.collect::<Vec<_>>().join(", "))
}
