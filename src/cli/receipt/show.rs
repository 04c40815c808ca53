//! `pgseal receipt show FILE`

use std::path::{Path, PathBuf};

use super::super::approvals;
use super::super::args::{TrustArgs, now};
use super::super::error::authentic::receipt_exit;
use super::super::{CliError, Output, Paint, display_path, escape};
use super::super::{exit::Exit, recording, rehearse, table};
use crate::record::receipt::{self, ReceiptError};
use crate::record::rehearsal;
use crate::trust::evidence::Evidence;
use crate::trust::{JudgedAt, KeyId, TrustRoot};
use pgseal_verify::format::receipt::{
    Action, Asked, Outcome, Receipt, ReceiptStatement, SentRecord,
};
use pgseal_verify::format::rehearsal::{CloneMethod, Source};
use pgseal_verify::format::statement::title;
use pgseal_verify::plural::count;

/// Maximum number of slowest statements shown.
const SLOWEST: usize = 5;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The receipt: *.receipt.json, *.rehearsal.json
    file: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load_if_there()?;
    let wrong = |error: ReceiptError| {
        let this = CliError::new(
            receipt_exit(&error),
            format!("{}: {error}", display_path(&args.file)),
        );
        if this.exit == Exit::NotAuthentic {
            return this.hint("nothing of it is shown: it may have been changed");
        }
        this
    };
    if rehearsal::is_one(&args.file) {
        return of_rehearsal(args, root.as_ref(), wrong, out);
    }
    let (statement, signed) = match &root {
        Some(root) => {
            let read = receipt::read(&args.file, root, JudgedAt::AsOf(now())).map_err(wrong)?;
            (read.statement, read.signed)
        }
        None => (receipt::claimed(&args.file).map_err(wrong)?, None),
    };
    out.document(&serde_json::to_value(&statement).unwrap_or_default());
    person(&statement, out);
    proof(&args.file, &statement, root.as_ref(), signed, out);
    Ok(Exit::Done)
}

fn of_rehearsal(
    args: &Args,
    root: Option<&TrustRoot>,
    wrong: impl Fn(ReceiptError) -> CliError,
    out: Output,
) -> Result<Exit, CliError> {
    let (statement, signed) = match root {
        Some(root) => {
            let read = rehearsal::read(&args.file, root, JudgedAt::AsOf(now())).map_err(wrong)?;
            (read.statement, read.signed)
        }
        None => (rehearsal::claimed(&args.file).map_err(wrong)?, None),
    };
    out.document(&serde_json::to_value(&statement).unwrap_or_default());
    let rehearsal = &statement.predicate;
    rehearse::show(rehearsal, out);
    for (at, line) in rehearsal.error_lines().enumerate() {
        out.line(format!(
            "{}{}",
            if at == 0 { "because: " } else { "" },
            escape(line)
        ));
    }
    let id = statement
        .subject
        .first()
        .map(|subject| subject.digest.sha256.to_string())
        .unwrap_or_default();
    out.line(format!(
        "release id {id}, sequence {}",
        rehearsal.release.sequence
    ));
    let (id, operator) = (escape(&rehearsal.rehearsal_id), &rehearsal.operator);
    out.line(format!(
        "rehearsal {id}, {} to {}",
        rehearsal.started, rehearsal.finished
    ));
    let (user, host) = (escape(&operator.user), escape(&operator.host));
    out.line(format!(
        "by {user} on host {host}, PostgreSQL {}",
        escape(&rehearsal.clone.server_version)
    ));
    out.line(from(&rehearsal.source));
    if !rehearsal.variables.is_empty() {
        out.line(format!(
            "with {}",
            escape(&rehearsal::said(&rehearsal.variables))
        ));
    }
    if let Some(approval) = &rehearsal.approval {
        let (file, sha256) = (escape(&approval.file), approval.sha256);
        out.line(format!(
            "{file} ({sha256}) stood in for the people who open the gates, on the clone only"
        ));
    }
    is_signed(rehearsal.signer.is_some(), root, signed, out);
    Ok(Exit::Done)
}

/// Origin of the clone.
fn from(source: &Source) -> String {
    let name = source.database.as_deref().map(escape).unwrap_or_default();
    let bytes = source
        .dump_bytes
        .map(|bytes| format!(", {bytes} bytes"))
        .unwrap_or_default();
    let dump = source
        .dump_sha256
        .map(|digest| format!(" {digest}{bytes}"))
        .unwrap_or_default();
    match source.method {
        CloneMethod::Template => format!("from the database {name}, copied as a template"),
        CloneMethod::DumpRestore => format!("from the database {name}, by pg_dump and pg_restore"),
        CloneMethod::Dump => format!("from the dump{dump}"),
    }
}

/// `run of one-roof 1.0.0 on shop: committed`.
pub fn headline(receipt: &Receipt) -> String {
    let outcome = match receipt.outcome {
        Outcome::Committed => "committed",
        Outcome::Unchanged => "failed, the database is as before",
        Outcome::Partial => "stopped half way",
        Outcome::Unknown => "nobody could say whether it was committed",
    };
    let title = escape(&title(&receipt.release.name, &receipt.release.version));
    format!(
        "{} of {title} on {}: {outcome}",
        receipt.action.as_str(),
        escape(&receipt.target.database)
    )
}

fn person(statement: &ReceiptStatement, out: Output) {
    let receipt = &statement.predicate;
    out.line(headline(receipt));
    if let Some(error) = &receipt.error {
        out.line(format!("because: {}", escape(error)));
    }
    let target = &receipt.target;
    let known = [
        target
            .system_identifier
            .as_ref()
            .map(|id| format!(", system {}", escape(id))),
        target
            .timeline
            .map(|timeline| format!(", timeline {timeline}")),
    ];
    let known: String = known.into_iter().flatten().collect();
    let id = statement
        .subject
        .first()
        .map(|subject| subject.digest.sha256.to_string())
        .unwrap_or_default();
    let operator = &receipt.operator;
    out.line(format!(
        "release id {id}, sequence {}",
        receipt.release.sequence
    ));
    out.line(format!(
        "run {}, {} to {}",
        escape(&receipt.run_id),
        receipt.started,
        receipt.finished
    ));
    out.line(format!(
        "by {} on host {} as role {}, PostgreSQL {}{known}, pgseal {}",
        escape(&operator.user),
        escape(&operator.host),
        escape(&target.role),
        escape(&target.server_version),
        escape(&receipt.pgseal),
    ));
    if let Some(resumed) = &receipt.resumes {
        out.line(format!("goes on with run {}", escape(resumed)));
    }
    if let Some(transaction) = &receipt.transaction_id {
        out.line(format!("transaction {}", escape(transaction)));
    }
    if let Some(schema) = &receipt.schema {
        out.line(format!("definitions before {}", schema.before));
        match schema.after {
            Some(after) if after == schema.before => out.line("definitions after: the same"),
            Some(after) => out.line(format!("definitions after {after}")),
            None => {}
        }
    }
    if receipt.retries > 0 {
        out.line(format!(
            "begun anew {}, because a lock could not be had in time",
            count(receipt.retries, "time")
        ));
    }
    for (name, value) in &receipt.variables {
        out.line(format!("variable {} = {}", escape(name), escape(value)));
    }
    out.line(format!(
        "judged by version {} of the trust root, {}",
        receipt.trust.version, receipt.trust.sha256
    ));
    receipt
        .signers
        .iter()
        .for_each(|key| out.line(format!("release signed by key {key}")));
    for approval in &receipt.approvals {
        let apr = approval
            .apr
            .as_ref()
            .map(|apr| format!(", {apr}"))
            .unwrap_or_default();
        let (key, role, at) = (approval.key_id, &approval.role, approval.at);
        out.line(format!(
            "approved by key {key} as {role}{apr}, {} {at}",
            escape(&approval.evidence)
        ));
    }
    gates(receipt, out);
    scripts(receipt, out);
    if receipt.before.is_some() || receipt.after.is_some() {
        out.line(recording::states(
            receipt.before.as_ref(),
            receipt.after.as_ref(),
        ));
    }
}

fn gates(receipt: &Receipt, out: Output) {
    for answer in &receipt.gates {
        let asked = match answer.asked {
            Asked::Before => "on a connection of its own",
            Asked::First => "first in the transaction",
            Asked::Last => "last before COMMIT",
        };
        let verdict = if answer.ready { "READY" } else { "BLOCKED" };
        out.line(format!(
            "gate {}, asked {asked}: {verdict}: {}",
            answer.name,
            escape(&answer.reason)
        ));
        for (column, value) in &answer.evidence {
            out.line(format!(
                "    {} = {}",
                escape(column),
                escape(value.as_deref().unwrap_or("NULL"))
            ));
        }
    }
}

fn scripts(receipt: &Receipt, out: Output) {
    if !receipt.tiers.is_empty() {
        let what = match receipt.action {
            Action::Run => "tier",
            Action::Rollback => "script",
        };
        let rows = receipt.tiers.iter().map(|tier| {
            let numbers =
                [tier.statements, tier.rows, tier.milliseconds].map(|number| number.to_string());
            let transaction = tier.transaction_id.clone().unwrap_or_default();
            std::iter::once(tier.name.clone())
                .chain(numbers)
                .chain([transaction])
                .collect()
        });
        out.line(table::render(
            &[what, "statements", "rows", "ms", "transaction"],
            rows.collect(),
        ));
    }
    let mut sent: Vec<&SentRecord> = receipt.tiers.iter().flat_map(|tier| &tier.sent).collect();
    sent.sort_by_key(|sent| std::cmp::Reverse(sent.microseconds));
    if !sent.is_empty() {
        let row = |sent: &&SentRecord| {
            let several = sent
                .statements
                .map(|count| format!(" and {} more", count.saturating_sub(1)));
            let verb = format!("{}{}", sent.verb, several.unwrap_or_default());
            let milliseconds = format!(
                "{}.{:03}",
                sent.microseconds / 1_000,
                sent.microseconds % 1_000
            );
            vec![
                milliseconds,
                sent.at.clone(),
                verb,
                sent.rows.to_string(),
                sent.evidence.clone().unwrap_or_default(),
            ]
        };
        let rows = sent.iter().take(SLOWEST).map(row).collect();
        out.line(table::render(
            &["slowest ms", "at", "statement", "rows", "evidence"],
            rows,
        ));
    }
    for warning in receipt.tiers.iter().flat_map(|tier| &tier.warnings) {
        out.line(format!("warning: {}", escape(warning)));
    }
    for verify in &receipt.verify {
        out.line(format!(
            "verify script {}: {} of {} checks held",
            verify.name, verify.held, verify.checks
        ));
        verify
            .failed
            .iter()
            .for_each(|failed| out.line(format!("    {}", escape(failed))));
    }
}

/// Shows the evidence: the signature and the sibling journal.
fn proof(
    file: &Path,
    statement: &ReceiptStatement,
    root: Option<&TrustRoot>,
    signed: Option<(KeyId, Evidence)>,
    out: Output,
) {
    is_signed(statement.predicate.signer.is_some(), root, signed, out);
    match receipt::journal_of(file, statement) {
        Ok(beside) => super::verify::said(&beside)
            .into_iter()
            .for_each(|line| out.line(line)),
        Err(error) => out.line(format!("the journal beside it can't be read: {error}")),
    }
}

fn is_signed(
    claims: bool,
    root: Option<&TrustRoot>,
    signed: Option<(KeyId, Evidence)>,
    out: Output,
) {
    match (root, signed) {
        (Some(root), Some((key, evidence))) => {
            let (ok, owner) = (
                out.paint(Paint::Good, "authentic"),
                escape(root.owner(&key)),
            );
            out.line(format!(
                "{ok}: signed by {owner} ({key}){}",
                approvals::since(evidence)
            ));
        }
        (None, _) if claims => {
            out.line(format!(
                "{}: no trust root is named (--trust)",
                out.paint(Paint::Bad, "not authenticated")
            ));
        }
        _ => {
            let not = out.paint(Paint::Bad, "not signed");
            out.line(format!(
                "{not}: anybody can have written it, so it proves nothing"
            ));
        }
    }
}
