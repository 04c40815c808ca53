//! The report as a JSON document: `schemas/output/report.schema.json`.

use serde_json::{Value, json};

use super::{Report, owner};
use crate::readiness::{
    Approver, Cell, CellStatus, Database, Kept, ReleaseFacts, Signer, timeline, values,
};

/// Builds the document.
pub fn value(report: &Report) -> Value {
    let verdict = &report.verdict;
    let release = report.facts.release.as_deref();
    json!({
        "word": verdict.status,
        "exit": verdict.exit,
        "sentence": verdict.sentence,
        "owner": release.map(owner::questions).unwrap_or_default().into_iter().map(|(question, answer)| {
            json!({ "question": question, "answer": answer })
        }).collect::<Vec<_>>(),
        "missing": verdict.missing,
        "then": verdict.then,
        "made": report.facts.now,
        "file": report.facts.file,
        "release": release.map(|release| &release.manifest.release),
        "release_id": release.map(|release| release.release_id),
        "source": release.and_then(|release| release.manifest.source.as_ref()),
        "target": release.and_then(|release| release.answers()).map(|answers| &answers.target),
        "database": release.map(|release| match &release.database {
            Database::NotAsked => "not asked",
            Database::Silent => "silent",
            Database::Answered(_) => "answered",
        }),
        "in_effect": release.is_some_and(|release| release.in_effect().is_some()),
        "matrix": report.matrix.cells.iter().map(|one| cell(report, one)).collect::<Vec<_>>(),
        "timeline": release.map(timeline).unwrap_or_default(),
        "values": release.map(values).unwrap_or_default(),
        "signers": release.map(|release| release.signers.iter().map(signer).collect::<Vec<_>>()).unwrap_or_default(),
        "approvals": release.map(|release| release.approvers.iter().map(approver).collect::<Vec<_>>()).unwrap_or_default(),
        "rehearsal": release.and_then(ReleaseFacts::newest_rehearsal).map(|kept| json!({
            "outcome": kept.document.outcome, "finished": kept.document.finished, "steps": kept.document.steps,
            "paper": paper(kept),
        })),
        "receipt": release.and_then(ReleaseFacts::newest_receipt).map(paper),
        "uncounted": release.map(|release| {
            let one = |(name, why): &(String, String)| json!({ "name": name, "why": why });
            release.uncounted.iter().map(one).collect::<Vec<_>>()
        }).unwrap_or_default(),
    })
}

fn cell(report: &Report, cell: &Cell) -> Value {
    let (answer, exit) = match cell.mark {
        CellStatus::Go => ("go", None),
        CellStatus::NotNeeded => ("not-needed", None),
        CellStatus::NoGo => ("no-go", None),
        CellStatus::Held => ("held", None),
        CellStatus::Stop(exit) => ("stop", Some(exit)),
        CellStatus::Unknown => ("unknown", None),
    };
    json!({
        "row": cell.row,
        "answer": answer,
        "exit": exit,
        "says": cell.says,
        "excerpt": cell.excerpt,
        "details": cell.details,
        "at": cell.at,
        "age_seconds": cell.at.map(|at| (report.facts.now.seconds() - at.seconds()).max(0)),
        "counts_until": cell.until,
        "is_stale": cell.until.is_some_and(|until| report.facts.now > until),
        "proofs": cell.proofs,
    })
}

fn signer(signer: &Signer) -> Value {
    json!({ "key_id": signer.key, "owner": signer.owner, "at": signer.at, "evidence": signer.evidence })
}

fn approver(approver: &Approver) -> Value {
    json!({
        "key_id": approver.key, "owner": approver.owner, "role": approver.role, "apr": approver.apr, "at": approver.at,
        "expires": approver.expires, "evidence": approver.evidence, "counts": approver.why_not.is_none(),
        "why_not": approver.why_not,
    })
}

fn paper<T>(kept: &Kept<T>) -> Value {
    json!({ "name": kept.name, "sha256": kept.sha256, "key_id": kept.key, "owner": kept.owner })
}
