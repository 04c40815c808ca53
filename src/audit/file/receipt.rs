//! Audits `*.receipt.json`, `*.rehearsal.json`, `*.rollout.json` and `*.evidence.json` with their signature and timestamp files.

use std::collections::BTreeSet;

use std::io;
use std::path::Path;

use super::signatures::{not_counted, signature_kind, signer, token_kind};
use super::{Audited, not_authentic, unreadable};
use crate::audit::fault::{Fault, FaultKind};
use crate::audit::file_facts::{
    EvidenceFacts, FileFacts, ReceiptFacts, RehearsalFacts, ReleaseFacts, RestsOn, RolloutFacts,
    RolloutRun, Seen, Signer, Verdict,
};
use crate::audit::judge::Judge;
use crate::audit::place::{Found, Place, small};
use crate::record::receipt::{self, JournalCheck, Parts, ReceiptError};
use crate::record::{evidence, journal, rehearsal, rollout};
use crate::trust::KeyId;
use crate::trust::evidence::Evidence;
use crate::trust::root::name;
use pgseal_verify::archive::source::ByteSource;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::approval::APR_VARIABLE;
use pgseal_verify::format::evidence::SignedAnswer;
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::receipt::{Receipt, ReceiptStatement};
use pgseal_verify::format::rehearsal::Rehearsal;
use pgseal_verify::format::rollout::{Rollout, Tally, summary};
use pgseal_verify::format::statement::Subject;
use pgseal_verify::limits;

pub fn audit(place: &dyn Place, found: &Found, judge: &Judge<'_>) -> Result<Audited, Fault> {
    let (parts, sha256) = parts(place, found).map_err(unreadable)?;
    let read = match receipt::check(parts, judge.root, judge.then()) {
        Ok(read) => read,
        Err(error) => return Ok(refused(&error, judge)),
    };
    let journal = journal(place, found, &read.statement);
    let receipt = read.statement.predicate;
    let subject = &read.statement.subject;
    let facts = facts(judge, Some(&receipt.release), subject, read.signed);
    Ok(Audited {
        faults: journal.into_iter().collect(),
        ..authentic(FileFacts {
            receipt: Some(receipt_facts(receipt, sha256)),
            ..facts
        })
    })
}

pub fn audit_rehearsal(
    place: &dyn Place,
    found: &Found,
    judge: &Judge<'_>,
) -> Result<Audited, Fault> {
    let (parts, sha256) = parts(place, found).map_err(unreadable)?;
    let read = match rehearsal::check(parts, judge.root, judge.then()) {
        Ok(read) => read,
        Err(error) => return Ok(refused(&error, judge)),
    };
    let rehearsal = read.statement.predicate;
    let subject = &read.statement.subject;
    let facts = facts(judge, Some(&rehearsal.release), subject, read.signed);
    Ok(authentic(FileFacts {
        rehearsal: Some(rehearsal_facts(rehearsal, sha256)),
        ..facts
    }))
}

pub fn audit_rollout(
    place: &dyn Place,
    found: &Found,
    judge: &Judge<'_>,
) -> Result<Audited, Fault> {
    let (parts, sha256) = parts(place, found).map_err(unreadable)?;
    let read = match rollout::check(parts, judge.root, judge.then()) {
        Ok(read) => read,
        Err(error) => return Ok(refused(&error, judge)),
    };
    let said = read.statement.predicate;
    let subject = &read.statement.subject;
    let facts = facts(judge, Some(&said.release), subject, read.signed);
    Ok(authentic(FileFacts {
        rollout: Some(rollout_facts(said, sha256)),
        ..facts
    }))
}

pub fn audit_evidence(
    place: &dyn Place,
    found: &Found,
    judge: &Judge<'_>,
) -> Result<Audited, Fault> {
    let (parts, sha256) = parts(place, found).map_err(unreadable)?;
    let read = match evidence::check(parts, judge.root, judge.then()) {
        Ok(read) => read,
        Err(error) => return Ok(refused(&error, judge)),
    };
    let said = read.statement.predicate;
    let subject = &read.statement.subject;
    let facts = facts(judge, said.release.as_ref(), subject, Some(read.signed));
    Ok(authentic(FileFacts {
        evidence: Some(evidence_facts(said, sha256)),
        ..facts
    }))
}

/// The fault of a receipt's journal, if any. A missing journal is no fault.
fn journal(place: &dyn Place, found: &Found, statement: &ReceiptStatement) -> Option<Fault> {
    let journal = Found {
        path: receipt::journal_path(&found.path),
        bytes: None,
        ..found.clone()
    };
    let read = place.open(&journal).and_then(|source| {
        if source.size() > limits::JOURNAL_BYTES {
            return Ok(None);
        }
        let mut bytes = vec![0; source.size() as usize];
        source.read_exact_at(&mut bytes, 0)?;
        Ok(journal::chain(bytes))
    });
    match read.map(|chain| receipt::compare(chain.as_ref(), statement)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Fault::new(
            FaultKind::Unreadable,
            format!("the journal beside it can't be read: {error}"),
        )),
        Ok(JournalCheck::Differs(why)) => {
            let text = format!("the journal beside it does not agree: {why}");
            Some(Fault::new(FaultKind::JournalDiffers, text))
        }
        Ok(_) => None,
    }
}

/// The document with its sibling files, and its digest.
fn parts(place: &dyn Place, found: &Found) -> io::Result<(Parts, Digest)> {
    let source: Box<dyn ByteSource> = place.open(found)?;
    let document = small(source.as_ref())?;
    let sha256 = Digest::of(&document);
    let name = Path::new(found.path.file_name().unwrap_or_default());
    let beside = |extension: &str| place.sibling(found, &name.with_extension(extension));
    Ok((
        Parts {
            document,
            signature: beside("sig")?,
            token: beside("tsr")?,
        },
        sha256,
    ))
}

fn refused(error: &ReceiptError, judge: &Judge<'_>) -> Audited {
    let signers = match error {
        ReceiptError::Signature(error) => not_counted(judge, error),
        _ => Vec::new(),
    };
    let facts = (!signers.is_empty()).then(|| FileFacts {
        signers,
        ..FileFacts::refused(error)
    });
    Audited {
        facts,
        ..Audited::fault(not_authentic(kind(error), error))
    }
}

fn kind(error: &ReceiptError) -> FaultKind {
    match error {
        ReceiptError::Io(_) => FaultKind::Unreadable,
        ReceiptError::Document(_) | ReceiptError::Subject | ReceiptError::SignatureLength(_) => {
            FaultKind::Malformed
        }
        ReceiptError::Stripped { .. } => FaultKind::Stripped,
        ReceiptError::Signature(error) => signature_kind(error),
        ReceiptError::Token(error) => token_kind(error),
    }
}

fn facts(
    judge: &Judge<'_>,
    release: Option<&Release>,
    subject: &[Subject],
    signed: Option<(KeyId, Evidence)>,
) -> FileFacts {
    let (then, now) = match signed {
        None => {
            let no = Verdict::no("it is not signed");
            (no.clone(), no)
        }
        Some((key, evidence)) => {
            let proven = Seen::from(evidence).proven();
            let role = name("receipt");
            let today = judge.root.counts_since(&key, &role, judge.now(), proven);
            let now = Verdict::of(today.map_err(|why| format!("its key {why}")));
            (Verdict::yes(), now)
        }
    };
    let signers: Vec<Signer> = signed
        .map(|(key, evidence)| signer(judge, key, evidence, None))
        .into_iter()
        .collect();
    // Reading the receipt checked that it has exactly one subject: the release, if it names one.
    let id = subject.first().map(|subject| subject.digest.sha256);
    let release = release.zip(id);
    FileFacts {
        release: release.map(|(release, id)| ReleaseFacts::new(release, id)),
        signers,
        blocked: id.is_some_and(|id| judge.root.policy().blocked_releases.contains(&id)),
        ..FileFacts::new(then, now)
    }
}

fn authentic(facts: FileFacts) -> Audited {
    let mut notes = Vec::new();
    if facts.signers.is_empty() {
        let text = "it is not signed: its author is unknown";
        notes.push(Fault::new(FaultKind::UnsignedReceipt, text));
    }
    Audited {
        facts: Some(facts),
        notes,
        ..Audited::default()
    }
}

/// Maximum characters of the changed values; an archive has many receipts.
const VALUES: usize = 400;

/// `gap 210 -> 0, ownership 0 -> 210`: the values that differ.
fn changed(said: &Receipt) -> String {
    let (Some(before), Some(after)) = (&said.before, &said.after) else {
        return String::new();
    };
    let shown = |value: Option<&Option<String>>| match value {
        None => "?".to_owned(),
        Some(None) => "NULL".to_owned(),
        Some(Some(value)) => value.clone(),
    };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let pairs = names
        .into_iter()
        .map(|name| (name, before.get(name), after.get(name)));
    let changed: Vec<String> = pairs
        .filter(|(_, before, after)| before != after)
        .map(|(name, before, after)| format!("{name} {} -> {}", shown(before), shown(after)))
        .collect();
    let text = changed.join(", ");
    match text.char_indices().nth(VALUES) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text,
    }
}

fn receipt_facts(said: Receipt, sha256: Digest) -> ReceiptFacts {
    ReceiptFacts {
        values: changed(&said),
        sha256,
        run_id: said.run_id,
        action: said.action,
        outcome: said.outcome,
        resumes: said.resumes,
        started: said.started,
        finished: said.finished,
        user: said.operator.user,
        host: said.operator.host,
        database: said.target.database,
        system_identifier: said.target.system_identifier,
        timeline: said.target.timeline,
        apr: said.variables.get(APR_VARIABLE).cloned(),
        approvals: said
            .approvals
            .into_iter()
            .map(|approval| RestsOn {
                key_id: KeyId::claimed(approval.key_id),
                sha256: approval.sha256,
                role: approval.role,
                runs: approval.runs,
            })
            .collect(),
        trust: said.trust,
        journal_sha256: said.journal_sha256,
        transaction: said.transaction_id.and_then(|id| id.parse().ok()),
        schema: said.schema,
    }
}

fn rehearsal_facts(said: Rehearsal, sha256: Digest) -> RehearsalFacts {
    RehearsalFacts {
        sha256,
        rehearsal_id: said.rehearsal_id,
        outcome: said.outcome,
        started: said.started,
        finished: said.finished,
        database: said.source.database,
    }
}

fn evidence_facts(said: SignedAnswer, sha256: Digest) -> EvidenceFacts {
    EvidenceFacts {
        sha256,
        evidence_id: said.evidence_id,
        kind: said.kind,
        at: said.at,
        exit: said.exit,
        user: said.operator.user,
        host: said.operator.host,
        database: said.target.map(|target| target.database),
    }
}

fn rollout_facts(said: Rollout, sha256: Digest) -> RolloutFacts {
    let tally = Tally::of(&said.databases);
    let summary = summary(&said.databases);
    let runs = said.databases.into_iter().filter_map(|one| {
        Some(RolloutRun {
            database: one.database,
            run_id: one.run_id?,
            sha256: one.receipt_sha256?,
        })
    });
    RolloutFacts {
        sha256,
        rollout_id: said.rollout_id,
        action: said.action,
        started: said.started,
        finished: said.finished,
        user: said.operator.user,
        host: said.operator.host,
        databases: tally.databases as u64,
        done: tally.done as u64,
        failed: tally.failed as u64,
        left: tally.left as u64,
        summary,
        runs: runs.collect(),
    }
}
