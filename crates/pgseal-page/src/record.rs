//! Receipts of runs and rehearsals, and signed answers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use crate::bundle::is_unchecked;
use crate::files::Files;
use crate::finding::{Finding, Table, Verdict};
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::receipt::{Asked, GateAnswer, TierRecord};
use pgseal_verify::format::rehearsal::RehearsalStep;
use pgseal_verify::format::statement::{Subject, title};
use pgseal_verify::words::escape::{escape, optional};
use pgseal_verify::words::{approvals, records as words};
use pgseal_verify::{
    Evidence, JudgedAt, KeyId, Parts, ReceiptError, Timestamp, TrustRoot, check_answer,
    check_receipt, check_rehearsal,
};

type Values = BTreeMap<String, Option<String>>;

/// The receipt of a run or a rollback.
pub fn run(files: &Files<'_>, file: usize, root: &TrustRoot, now: Timestamp) -> Finding {
    let read = parts(files, file).and_then(|parts| check_receipt(parts, root, JudgedAt::AsOf(now)));
    let read = match read {
        Ok(read) => read,
        Err(error) => return refused(&error),
    };
    let said = &read.statement.predicate;
    let id = id(&read.statement.subject);
    let lines = words::run(said, &id, Some(root));
    let mut finding = signed(words::run_headline(said), lines, read.signed, root);
    about(&mut finding, Some(&said.release), &read.statement.subject);
    let tables = [
        values(said.before.as_ref(), said.after.as_ref()),
        gates(&said.gates),
        tiers("Scripts", &said.tiers),
    ];
    finding.tables.extend(tables.into_iter().flatten());
    finding
}

/// The receipt of a rehearsal.
pub fn rehearsal(files: &Files<'_>, file: usize, root: &TrustRoot, now: Timestamp) -> Finding {
    let read =
        parts(files, file).and_then(|parts| check_rehearsal(parts, root, JudgedAt::AsOf(now)));
    let read = match read {
        Ok(read) => read,
        Err(error) => return refused(&error),
    };
    let said = &read.statement.predicate;
    let (_, outcome) = words::rehearsal_outcome(said);
    let headline = words::rehearsal_headline(said, outcome);
    let mut lines = vec![headline.clone()];
    lines.extend(words::rehearsal(said, &id(&read.statement.subject)));
    let mut finding = signed(headline, lines, read.signed, root);
    about(&mut finding, Some(&said.release), &read.statement.subject);
    let tables = [
        steps(&said.steps),
        gates(&said.gates),
        tiers("Scripts of the first run", &said.tiers),
        tiers("Scripts of the rollback", &said.rollback),
    ];
    finding.tables.extend(tables.into_iter().flatten());
    finding
}

/// The signed answer of a command that only reads.
pub fn answer(files: &Files<'_>, file: usize, root: &TrustRoot, now: Timestamp) -> Finding {
    let read = parts(files, file).and_then(|parts| check_answer(parts, root, JudgedAt::AsOf(now)));
    let read = match read {
        Ok(read) => read,
        Err(error) => return refused(&error),
    };
    let said = &read.statement.predicate;
    let mut lines = words::answer(&read.statement);
    let answer = serde_json::to_string_pretty(&said.answer).unwrap_or_default();
    lines.extend(answer.lines().map(escape));
    let headline = words::answer_headline(&read.statement);
    let mut finding = signed(headline, lines, Some(read.signed), root);
    about(&mut finding, said.release.as_ref(), &read.statement.subject);
    finding
}

/// The document with the files beside it.
fn parts(files: &Files<'_>, file: usize) -> Result<Parts, ReceiptError> {
    let name = Path::new(files.path(file)).file_name().unwrap_or_default();
    let beside = |extension: &str| -> io::Result<Option<Vec<u8>>> {
        let path = Path::new(name).with_extension(extension);
        files
            .beside(file, &path)
            .map(|at| files.small(at))
            .transpose()
    };
    Ok(Parts {
        document: files.small(file)?,
        signature: beside("sig")?,
        token: beside("tsr")?,
    })
}

fn refused(error: &ReceiptError) -> Finding {
    let why = escape(&format!("not authentic: {error}"));
    match error {
        ReceiptError::Token(token) if is_unchecked(token) => Finding::unchecked(why),
        _ => Finding::fault(why),
    }
}

fn signed(
    headline: String,
    mut lines: Vec<String>,
    signed: Option<(KeyId, Evidence)>,
    root: &TrustRoot,
) -> Finding {
    let Some((key, evidence)) = signed else {
        let note = "it is not signed: anybody can have written it, so it proves nothing";
        return Finding {
            verdict: Verdict::Unsigned,
            notes: vec![note.to_owned()],
            ..Finding::authentic(headline, lines)
        };
    };
    let (owner, since) = (escape(root.owner(&key)), approvals::since(evidence));
    lines.push(format!("signed by {owner} ({key}){since}"));
    Finding {
        signers: vec![owner],
        ..Finding::authentic(headline, lines)
    }
}

fn about(finding: &mut Finding, release: Option<&Release>, subject: &[Subject]) {
    let Some(release) = release else { return };
    finding.release = Some(escape(&title(&release.name, &release.version)));
    finding.release_id = Some(id(subject));
}

fn id(subject: &[Subject]) -> String {
    optional("", subject.first().map(|subject| &subject.digest.sha256))
}

/// The probes before and after, side by side.
fn values(before: Option<&Values>, after: Option<&Values>) -> Option<Table> {
    before.or(after)?;
    let (empty, empty2) = (Values::new(), Values::new());
    let (before, after) = (before.unwrap_or(&empty), after.unwrap_or(&empty2));
    let columns: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let cell = |row: &Values, column: &String| match row.get(column) {
        None => String::new(),
        Some(None) => "NULL".to_owned(),
        Some(Some(value)) => escape(value),
    };
    let row = |column: &String| vec![escape(column), cell(before, column), cell(after, column)];
    Some(Table {
        caption: "Values",
        head: vec!["value", "before", "after"],
        rows: columns.into_iter().map(row).collect(),
    })
}

fn gates(gates: &[GateAnswer]) -> Option<Table> {
    let row = |answer: &GateAnswer| {
        let asked = match answer.asked {
            Asked::Before => "on a connection of its own",
            Asked::First => "first in the transaction",
            Asked::Last => "last before COMMIT",
        };
        let verdict = if answer.ready { "READY" } else { "BLOCKED" };
        let name = escape(&answer.name.to_string());
        vec![
            name,
            asked.to_owned(),
            verdict.to_owned(),
            escape(&answer.reason),
        ]
    };
    table(
        "Gates",
        &["gate", "asked", "answer", "reason"],
        gates.iter().map(row).collect(),
    )
}

fn tiers(caption: &'static str, tiers: &[TierRecord]) -> Option<Table> {
    let row = |tier: &TierRecord| {
        vec![
            escape(&tier.name),
            tier.statements.to_string(),
            tier.rows.to_string(),
            tier.milliseconds.to_string(),
        ]
    };
    table(
        caption,
        &["script", "statements", "rows", "ms"],
        tiers.iter().map(row).collect(),
    )
}

fn steps(steps: &[RehearsalStep]) -> Option<Table> {
    let row = |step: &RehearsalStep| {
        let ok = if step.ok { "ok" } else { "FAILED" };
        let (name, detail) = (escape(&step.name), escape(&step.detail));
        vec![name, ok.to_owned(), step.milliseconds.to_string(), detail]
    };
    table(
        "Steps",
        &["step", "result", "ms", "detail"],
        steps.iter().map(row).collect(),
    )
}

fn table(caption: &'static str, head: &[&'static str], rows: Vec<Vec<String>>) -> Option<Table> {
    let head = head.to_vec();
    (!rows.is_empty()).then_some(Table {
        caption,
        head,
        rows,
    })
}
