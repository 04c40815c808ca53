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
use crate::record::rehearsal;
use crate::trust::{JudgedAt, KeyId, TrustRoot};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::evidence::EvidenceStatement;
use pgseal_verify::format::receipt::{Action, Asked, Outcome, Receipt, SentRecord, TierRecord};
use pgseal_verify::format::rehearsal::{CloneMethod, Rehearsal, Source};
use pgseal_verify::format::rollout::{Rollout, Shard, summary};
use pgseal_verify::format::statement::title;
use pgseal_verify::plural::count;

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

/// `gate of one-roof 1.0.0: exit 20`
pub fn answer_headline(statement: &EvidenceStatement) -> String {
    let said = &statement.predicate;
    let about = optional("", statement.subject.first().map(|subject| &subject.name));
    format!("{} of {about}: exit {}", said.kind.as_str(), said.exit)
}

fn show_answer(statement: &EvidenceStatement, out: Output) {
    let said = &statement.predicate;
    out.line(answer_headline(statement));
    for subject in &statement.subject {
        let what = if said.release.is_some() {
            "release id"
        } else {
            "content"
        };
        out.line(format!("{what} {}", subject.digest.sha256));
    }
    let (id, at) = (escape(&said.evidence_id), said.at);
    out.line(format!("answer {id}, {at}"));
    let (user, host) = (escape(&said.operator.user), escape(&said.operator.host));
    out.line(format!("by {user} on host {host}"));
    if let Some(target) = &said.target {
        let (database, version) = (escape(&target.database), escape(&target.server_version));
        out.line(format!("database {database}, PostgreSQL {version}"));
    }
    let answer = serde_json::to_string_pretty(&said.answer).unwrap_or_default();
    answer.lines().for_each(|line| out.line(escape(line)));
}

fn show_rehearsal(rehearsal: &Rehearsal, id: &str, out: Output) {
    rehearse::show(rehearsal, out);
    for (at, line) in rehearsal.error_lines().enumerate() {
        let because = if at == 0 { "because: " } else { "" };
        out.line(format!("{because}{}", escape(line)));
    }
    out.line(format!(
        "release id {id}, sequence {}",
        rehearsal.release.sequence
    ));
    let (id, started, finished) = (
        escape(&rehearsal.rehearsal_id),
        rehearsal.started,
        rehearsal.finished,
    );
    out.line(format!("rehearsal {id}, {started} to {finished}"));
    let (user, host) = (
        escape(&rehearsal.operator.user),
        escape(&rehearsal.operator.host),
    );
    let version = escape(&rehearsal.clone.server_version);
    out.line(format!("by {user} on host {host}, PostgreSQL {version}"));
    out.line(from(&rehearsal.source));
    if !rehearsal.variables.is_empty() {
        let variables = rehearsal::said(&rehearsal.variables);
        out.line(format!("with {}", escape(&variables)));
    }
    if let Some(approval) = &rehearsal.approval {
        let (file, sha256) = (escape(&approval.file), approval.sha256);
        out.line(format!(
            "{file} ({sha256}) stood in for the people who open the gates, on the clone only"
        ));
    }
}

/// Origin of the clone.
fn from(source: &Source) -> String {
    let name = optional("", source.database.as_ref());
    let bytes = source
        .dump_bytes
        .map_or(String::new(), |bytes| format!(", {bytes} bytes"));
    let dump = source
        .dump_sha256
        .map_or(String::new(), |digest| format!(" {digest}{bytes}"));
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
        Outcome::Unknown => "it is unknown whether it was committed",
    };
    let title = escape(&title(&receipt.release.name, &receipt.release.version));
    format!(
        "{} of {title} on {}: {outcome}",
        receipt.action.as_str(),
        escape(&receipt.target.database)
    )
}

/// Prints the stored document itself, so that its schema holds.
fn show_json(statement: &impl serde::Serialize, out: Output) {
    if out.json {
        out.json_line(statement);
    }
}

fn show_run(receipt: &Receipt, id: &str, root: Option<&TrustRoot>, out: Output) {
    out.line(headline(receipt));
    if let Some(error) = &receipt.error {
        out.line(format!("because: {}", escape(error)));
    }
    let (target, operator) = (&receipt.target, &receipt.operator);
    let system = optional(", system ", target.system_identifier.as_ref());
    let timeline = optional(", timeline ", target.timeline.as_ref());
    out.line(format!(
        "release id {id}, sequence {}",
        receipt.release.sequence
    ));
    let (run, started, finished) = (escape(&receipt.run_id), receipt.started, receipt.finished);
    out.line(format!("run {run}, {started} to {finished}"));
    out.line(format!(
        "by {} on host {} as role {}, PostgreSQL {}{system}{timeline}, pgseal {}",
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
    for waited in &receipt.waited {
        let (seconds, kind) = (waited.seconds, escape(&waited.condition));
        out.line(format!("waited {seconds} s for {kind}"));
    }
    for (name, value) in &receipt.variables {
        out.line(format!("variable {} = {}", escape(name), escape(value)));
    }
    let (version, sha256) = (receipt.trust.version, receipt.trust.sha256);
    out.line(format!(
        "judged by version {version} of the trust root, {sha256}"
    ));
    let owner = |key: Digest| approvals::owner(root, KeyId::claimed(key));
    for key in &receipt.signers {
        out.line(format!("release signed by {}", owner(*key)));
    }
    for approval in &receipt.approvals {
        let apr = optional(", ", approval.apr.as_ref());
        let (owner, role, at) = (owner(approval.key_id), &approval.role, approval.at);
        let (evidence, runs) = (
            escape(&approval.evidence),
            approvals::for_runs(approval.runs),
        );
        out.line(format!(
            "approved by {owner} as {role}{apr}, {evidence} {at}{runs}"
        ));
    }
    gates(receipt, out);
    scripts(receipt, out);
    let (before, after) = (receipt.before.as_ref(), receipt.after.as_ref());
    if before.or(after).is_some() {
        out.line(recording::states(before, after));
    }
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
