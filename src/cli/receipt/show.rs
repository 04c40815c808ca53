//! `pgseal receipt show FILE`

use std::path::PathBuf;

use super::super::approvals;
use super::super::args::{TrustArgs, now};
use super::super::error::authentic::receipt_exit;
use super::super::rollout::Shown;
use super::super::{CliError, Exit, Output, Paint, escape, optional};
use super::super::{gate, recording, rehearse};
use super::{Signed, Statement};
use crate::record::receipt;
use crate::trust::{JudgedAt, TrustRoot};
use pgseal_verify::format::evidence::EvidenceStatement;
use pgseal_verify::format::receipt::{Action, Asked, Receipt, SentRecord, TierRecord};
use pgseal_verify::format::rehearsal::Rehearsal;
use pgseal_verify::format::rollout::{Rollout, Shard, summary};
use pgseal_verify::plural::count;
use pgseal_verify::words::records;

/// Maximum number of slowest statements shown.
const SLOWEST: usize = 5;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The receipt: *.receipt.json, *.rehearsal.json, *.rollout.json, *.evidence.json
    file: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load_if_there()?;
    let trust = root.as_ref().map(|root| (root, JudgedAt::AsOf(now())));
    let (statement, signed) = Statement::read(&args.file, trust).map_err(|error| {
        let this = CliError::new(receipt_exit(&error), &error).about(&args.file);
        match this.exit {
            Exit::NotAuthentic => this.hint("nothing of it is shown: it may have been changed"),
            _ => this,
        }
    })?;
    let id = optional("", statement.release_id().as_ref());
    let claims = match &statement {
        Statement::Run(statement) => {
            show_json(statement, out);
            show_run(&statement.predicate, &id, root.as_ref(), out);
            statement.predicate.signer.is_some()
        }
        Statement::Rehearsal(statement) => {
            show_json(statement, out);
            show_rehearsal(&statement.predicate, &id, out);
            statement.predicate.signer.is_some()
        }
        Statement::Rollout(statement) => {
            show_json(statement, out);
            show_rollout(&statement.predicate, &id, out);
            statement.predicate.signer.is_some()
        }
        Statement::Answer(statement) => {
            show_json(statement, out);
            show_answer(statement, out);
            true
        }
    };
    show_signature(claims, root.as_ref(), signed, out);
    if let Statement::Run(statement) = &statement {
        out.line(match receipt::journal_of(&args.file, statement) {
            Ok(journal) => super::verify::journal_line(&journal),
            Err(error) => format!("the journal beside it can't be read: {error}"),
        });
    }
    Ok(Exit::Done)
}

/// `rollout of small 1.0.0: 498 of 500 done; 2 failed before COMMIT, unchanged`
pub fn rollout_headline(rollout: &Rollout) -> String {
    let title = escape(&Shown::of(rollout, None).headline());
    format!("{title}: {}", summary(&rollout.databases))
}

fn show_rollout(rollout: &Rollout, id: &str, out: Output) {
    Shown::of(rollout, None).show(out);
    out.line(format!(
        "release id {id}, sequence {}",
        rollout.release.sequence
    ));
    let (rollout_id, started, finished) = (
        escape(&rollout.rollout_id),
        rollout.started,
        rollout.finished,
    );
    out.line(format!(
        "rollout {rollout_id}, {started} to {finished}, {}",
        rollout.extent()
    ));
    let (user, host) = (
        escape(&rollout.operator.user),
        escape(&rollout.operator.host),
    );
    out.line(format!("by {user} on host {host}"));
    if let Some(resumed) = &rollout.resumes {
        out.line(format!("goes on with rollout {}", escape(resumed)));
    }
    if let Some(plan) = &rollout.plan_sha256 {
        out.line(format!("plan {plan}"));
    }
    for Shard {
        sha256,
        plan_sha256,
    } in &rollout.shards
    {
        out.line(format!("merged from {sha256}, plan {plan_sha256}"));
    }
    if let Some(why) = &rollout.stopped {
        out.line(format!("no further database was begun: {}", escape(why)));
    }
}

/// Prints the stored document itself, so that its schema holds.
fn show_json(statement: &impl serde::Serialize, out: Output) {
    if out.json {
        out.json_line(statement);
    }
}

fn show_answer(statement: &EvidenceStatement, out: Output) {
    show_lines(records::answer(statement), out);
    let answer = serde_json::to_string_pretty(&statement.predicate.answer).unwrap_or_default();
    answer.lines().for_each(|line| out.line(escape(line)));
}

fn show_rehearsal(rehearsal: &Rehearsal, id: &str, out: Output) {
    rehearse::show(rehearsal, out);
    show_lines(records::rehearsal(rehearsal, id), out);
}

fn show_run(receipt: &Receipt, id: &str, root: Option<&TrustRoot>, out: Output) {
    show_lines(records::run(receipt, id, root), out);
    gates(receipt, out);
    scripts(receipt, out);
    let (before, after) = (receipt.before.as_ref(), receipt.after.as_ref());
    if before.or(after).is_some() {
        out.line(recording::states(before, after));
    }
}

fn show_lines(lines: Vec<String>, out: Output) {
    lines.into_iter().for_each(|line| out.line(line));
}

fn gates(receipt: &Receipt, out: Output) {
    for answer in &receipt.gates {
        let asked = match answer.asked {
            Asked::Before => "on a connection of its own",
            Asked::First => "first in the transaction",
            Asked::Last => "last before COMMIT",
        };
        let verdict = match answer.ready {
            true => out.paint(Paint::Good, "READY"),
            false => out.paint(Paint::Bad, "BLOCKED"),
        };
        let (name, reason) = (&answer.name, escape(&answer.reason));
        out.line(format!("gate {name}, asked {asked}: {verdict}: {reason}"));
        gate::show_evidence(answer, out);
    }
}

fn scripts(receipt: &Receipt, out: Output) {
    if !receipt.tiers.is_empty() {
        let what = match receipt.action {
            Action::Run => "tier",
            Action::Rollback => "script",
        };
        let row = |tier: &TierRecord| {
            vec![
                tier.name.clone(),
                tier.statements.to_string(),
                tier.rows.to_string(),
                tier.milliseconds.to_string(),
                tier.transaction_id.clone().unwrap_or_default(),
            ]
        };
        let head = [what, "statements", "rows", "ms", "transaction"];
        out.table(&head, receipt.tiers.iter().map(row).collect());
    }
    let mut sent: Vec<&SentRecord> = receipt.tiers.iter().flat_map(|tier| &tier.sent).collect();
    sent.sort_by_key(|sent| std::cmp::Reverse(sent.microseconds));
    if !sent.is_empty() {
        let row = |sent: &&SentRecord| {
            let more = sent.statements.map(|count| count.saturating_sub(1));
            let more = more.map_or(String::new(), |more| format!(" and {more} more"));
            let verb = format!("{}{more}", sent.verb);
            let (milliseconds, rest) = (sent.microseconds / 1_000, sent.microseconds % 1_000);
            let milliseconds = format!("{milliseconds}.{rest:03}");
            vec![
                milliseconds,
                sent.at.clone(),
                verb,
                sent.rows.to_string(),
                sent.evidence.clone().unwrap_or_default(),
            ]
        };
        let rows = sent.iter().take(SLOWEST).map(row).collect();
        let head = ["slowest ms", "at", "statement", "rows", "evidence"];
        out.table(&head, rows);
    }
    for warning in receipt.tiers.iter().flat_map(|tier| &tier.warnings) {
        out.line(format!("warning: {}", escape(warning)));
    }
    for verify in &receipt.verify {
        let (name, held, checks) = (&verify.name, verify.held, verify.checks);
        out.line(format!(
            "verify script {name}: {held} of {} held",
            count(checks, "check")
        ));
        for failed in &verify.failed {
            out.line(format!("    {}", escape(failed)));
        }
    }
}

fn show_signature(claims: bool, root: Option<&TrustRoot>, signed: Signed, out: Output) {
    out.line(match (root, signed) {
        (Some(root), Some((key, evidence))) => {
            let ok = out.paint(Paint::Good, "authentic");
            let (owner, since) = (escape(root.owner(&key)), approvals::since(evidence));
            format!("{ok}: signed by {owner} ({key}){since}")
        }
        (None, _) if claims => {
            let not = out.paint(Paint::Bad, "not authenticated");
            format!("{not}: no trust root is named (--trust)")
        }
        _ => {
            let not = out.paint(Paint::Bad, "not signed");
            format!("{not}: anybody can have written it, so it proves nothing")
        }
    });
}
