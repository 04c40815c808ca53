//! Receipts, rehearsals and signed answers as text.

use super::approvals;
use super::escape::{escape, optional};
use crate::digest::Digest;
use crate::format::evidence::EvidenceStatement;
use crate::format::receipt::{Outcome, Receipt, SchemaDigests};
use crate::format::rehearsal::{CloneMethod, Rehearsal, RehearsalOutcome, Source};
use crate::format::statement::title;
use crate::plural::count;
use crate::record::rehearsal as proved;
use crate::trust::{KeyId, TrustRoot};

/// `run of one-roof 1.0.0 on shop: committed`.
pub fn run_headline(receipt: &Receipt) -> String {
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

/// The circumstances of a run, one a line; the first is its headline.
pub fn run(receipt: &Receipt, id: &str, root: Option<&TrustRoot>) -> Vec<String> {
    let mut lines = vec![run_headline(receipt)];
    let because = receipt.error.iter().map(|error| escape(error));
    lines.extend(because.map(|error| format!("because: {error}")));
    lines.extend(place(receipt, id));
    lines.extend(receipt.schema.iter().flat_map(definitions));
    if receipt.retries > 0 {
        lines.push(format!(
            "begun anew {}, because a lock could not be had in time",
            count(receipt.retries, "time")
        ));
    }
    lines.extend(receipt.waited.iter().map(|waited| {
        let (seconds, kind) = (waited.seconds, escape(&waited.condition));
        format!("waited {seconds} s for {kind}")
    }));
    let variables = receipt.variables.iter();
    lines.extend(variables.map(|(name, value)| {
        let (name, value) = (escape(name), escape(value));
        format!("variable {name} = {value}")
    }));
    lines.extend(rests_on(receipt, root));
    lines
}

/// Where and when it ran, and by whom.
fn place(receipt: &Receipt, id: &str) -> Vec<String> {
    let (target, operator) = (&receipt.target, &receipt.operator);
    let system = optional(", system ", target.system_identifier.as_ref());
    let timeline = optional(", timeline ", target.timeline.as_ref());
    let (run, started, finished) = (escape(&receipt.run_id), receipt.started, receipt.finished);
    let mut lines = vec![
        format!("release id {id}, sequence {}", receipt.release.sequence),
        format!("run {run}, {started} to {finished}"),
        format!(
            "by {} on host {} as role {}, PostgreSQL {}{system}{timeline}, pgseal {}",
            escape(&operator.user),
            escape(&operator.host),
            escape(&target.role),
            escape(&target.server_version),
            escape(&receipt.pgseal),
        ),
    ];
    let resumed = receipt.resumes.iter().map(|run| escape(run));
    lines.extend(resumed.map(|run| format!("goes on with run {run}")));
    let transaction = receipt.transaction_id.iter().map(|id| escape(id));
    lines.extend(transaction.map(|id| format!("transaction {id}")));
    lines
}

fn definitions(schema: &SchemaDigests) -> Vec<String> {
    let before = format!("definitions before {}", schema.before);
    let after = schema.after.map(|after| match after == schema.before {
        true => "definitions after: the same".to_owned(),
        false => format!("definitions after {after}"),
    });
    [Some(before), after].into_iter().flatten().collect()
}

/// The trust root, the signers and the approvals.
fn rests_on(receipt: &Receipt, root: Option<&TrustRoot>) -> Vec<String> {
    let (version, sha256) = (receipt.trust.version, receipt.trust.sha256);
    let mut lines = vec![format!(
        "judged by version {version} of the trust root, {sha256}"
    )];
    let owner = |key: Digest| approvals::owner(root, KeyId::claimed(key));
    let signers = receipt.signers.iter().map(|key| owner(*key));
    lines.extend(signers.map(|owner| format!("release signed by {owner}")));
    lines.extend(receipt.approvals.iter().map(|approval| {
        let apr = optional(", ", approval.apr.as_ref());
        let (owner, role, at) = (owner(approval.key_id), &approval.role, approval.at);
        let (evidence, runs) = (
            escape(&approval.evidence),
            approvals::for_runs(approval.runs),
        );
        format!("approved by {owner} as {role}{apr}, {evidence} {at}{runs}")
    }));
    lines
}

/// `rehearsal of one-roof 1.0.0 on a clone of directus: proved`
pub fn rehearsal_headline(rehearsal: &Rehearsal, outcome: &str) -> String {
    let title = escape(&title(&rehearsal.release.name, &rehearsal.release.version));
    let source = match &rehearsal.source.database {
        Some(database) => format!("a clone of {}", escape(database)),
        None => "a clone of a dump".to_owned(),
    };
    format!("rehearsal of {title} on {source}: {outcome}")
}

/// The outcome in words, and whether it is a good one.
pub fn rehearsal_outcome(rehearsal: &Rehearsal) -> (bool, &'static str) {
    match rehearsal.outcome {
        RehearsalOutcome::Proved => (true, "proved"),
        RehearsalOutcome::Limited if rehearsal.untried_points() > 0 => (
            false,
            "held, but not behind every commit point, so it does not prove the rollback",
        ),
        RehearsalOutcome::Limited => (
            false,
            "held, but not all rows were compared, so it proves nothing about data",
        ),
        RehearsalOutcome::Failed => (false, "failed"),
        RehearsalOutcome::Incomplete => (false, "not rehearsed to the end"),
    }
}

/// The circumstances of a rehearsal, one a line, without its headline.
pub fn rehearsal(rehearsal: &Rehearsal, id: &str) -> Vec<String> {
    let because = rehearsal.error_lines().enumerate().map(|(at, line)| {
        let because = if at == 0 { "because: " } else { "" };
        format!("{because}{}", escape(line))
    });
    let mut lines: Vec<String> = because.collect();
    let sequence = rehearsal.release.sequence;
    lines.push(format!("release id {id}, sequence {sequence}"));
    let (id, started, finished) = (
        escape(&rehearsal.rehearsal_id),
        rehearsal.started,
        rehearsal.finished,
    );
    lines.push(format!("rehearsal {id}, {started} to {finished}"));
    let (user, host) = (
        escape(&rehearsal.operator.user),
        escape(&rehearsal.operator.host),
    );
    let version = escape(&rehearsal.clone.server_version);
    lines.push(format!("by {user} on host {host}, PostgreSQL {version}"));
    lines.push(origin(&rehearsal.source));
    if !rehearsal.variables.is_empty() {
        let variables = proved::said(&rehearsal.variables);
        lines.push(format!("with {}", escape(&variables)));
    }
    if let Some(approval) = &rehearsal.approval {
        let (file, sha256) = (escape(&approval.file), approval.sha256);
        lines.push(format!(
            "{file} ({sha256}) stood in for the people who open the gates, on the clone only"
        ));
    }
    lines
}

/// Origin of the clone.
fn origin(source: &Source) -> String {
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

/// `gate of one-roof 1.0.0: exit 20`
pub fn answer_headline(statement: &EvidenceStatement) -> String {
    let said = &statement.predicate;
    let about = optional("", statement.subject.first().map(|subject| &subject.name));
    format!("{} of {about}: exit {}", said.kind.as_str(), said.exit)
}

/// The circumstances of a signed answer, one a line; the first is its headline.
pub fn answer(statement: &EvidenceStatement) -> Vec<String> {
    let said = &statement.predicate;
    let mut lines = vec![answer_headline(statement)];
    let what = match said.release {
        Some(_) => "release id",
        None => "content",
    };
    let subjects = statement.subject.iter();
    lines.extend(subjects.map(|subject| format!("{what} {}", subject.digest.sha256)));
    let (id, at) = (escape(&said.evidence_id), said.at);
    lines.push(format!("answer {id}, {at}"));
    let (user, host) = (escape(&said.operator.user), escape(&said.operator.host));
    lines.push(format!("by {user} on host {host}"));
    lines.extend(said.target.iter().map(|target| {
        let (database, version) = (escape(&target.database), escape(&target.server_version));
        format!("database {database}, PostgreSQL {version}")
    }));
    lines
}
