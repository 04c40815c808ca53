//! `pgseal rollout merge RECEIPT...`

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::document::Shown;
use crate::cli::args::{TrustArgs, now};
use crate::cli::error::authentic::receipt_exit;
use crate::cli::evidence;
use crate::cli::host::operator;
use crate::cli::progress::Notifier;
use crate::cli::recording::ReceiptArgs;
use crate::cli::{CliError, Exit, Kind, Output, ResultExt as _, display_path};
use crate::record::rollout;
use crate::trust::{JudgedAt, TrustRoot};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::rollout::{Rollout, Shard, Tally};
use pgseal_verify::format::version::PGSEAL;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Receipts of rollouts: *.rollout.json
    #[arg(value_name = "RECEIPT", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    receipts: ReceiptArgs,
}

/// A receipt to merge.
struct Part {
    rollout: Rollout,
    release_id: Digest,
    sha256: Digest,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let key = args.receipts.key()?;
    let root = args.trust.load()?;
    let parts = args.files.iter().map(|file| read(file, &root));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    check(&parts, &args.files)?;
    let Some(Part {
        rollout: first,
        release_id,
        ..
    }) = parts.first()
    else {
        return Err(CliError::usage("name the receipts"));
    };
    let release_id = *release_id;
    args.receipts.warn(&root, &Notifier::plain(out));
    let mut prepared =
        args.receipts
            .prepare_release(key, &root, &first.release, "rollout-merged")?;
    prepared.reserve_rollout()?;
    let shards = parts
        .iter()
        .flat_map(|part| match part.rollout.plan_sha256 {
            Some(plan_sha256) => vec![Shard {
                sha256: part.sha256,
                plan_sha256,
            }],
            None => part.rollout.shards.clone(),
        });
    let stopped = parts.iter().find_map(|part| part.rollout.stopped.clone());
    let databases = parts.iter().flat_map(|part| part.rollout.databases.clone());
    let started = parts.iter().map(|part| part.rollout.started).min();
    let merged = Rollout {
        rollout_id: prepared.run_id.clone(),
        action: first.action,
        resumes: None,
        operator: operator(),
        started: started.unwrap_or_else(now),
        finished: now(),
        pgseal: PGSEAL.to_owned(),
        release: first.release.clone(),
        trust: evidence::trust(&root),
        plan_sha256: None,
        shards: shards.collect(),
        stopped,
        databases: databases.collect(),
        signer: None,
    };
    let path = prepared.store_rollout(release_id, merged.clone())?;
    let shown = Shown::of(&merged, Some(release_id));
    out.document(&shown.document("ended", Some(&path)));
    shown.show(out);
    out.line(format!("receipt: {}", display_path(&path)));
    let tally = Tally::of(&merged.databases);
    match tally.done == tally.databases && tally.failed == 0 {
        true => Ok(Exit::Done),
        false => Ok(Exit::Partial),
    }
}

/// Reads an authentic receipt.
fn read(file: &PathBuf, root: &TrustRoot) -> Result<Part, CliError> {
    let read = rollout::read(file, root, JudgedAt::AsOf(now()))
        .map_err(|error| CliError::new(receipt_exit(&error), &error).about(file))?;
    if read.signed.is_none() {
        return Err(
            CliError::new(Kind::Unsigned, "it is not signed: it proves nothing").about(file),
        );
    }
    let subject = read.statement.subject.first();
    let subject = subject.ok_or_else(|| CliError::internal("a receipt has a subject"))?;
    Ok(Part {
        release_id: subject.digest.sha256,
        sha256: Digest::of(&std::fs::read(file).at(file)?),
        rollout: read.statement.predicate,
    })
}

/// Refuses receipts of several releases, one that is named twice, and one that another continues.
fn check(parts: &[Part], files: &[PathBuf]) -> Result<(), CliError> {
    let mut known = BTreeSet::new();
    for (at, (part, file)) in parts.iter().zip(files).enumerate() {
        let (rollout, first) = (&part.rollout, &parts[0]);
        if part.release_id != first.release_id || rollout.action != first.rollout.action {
            let text = "it is of another release or action than the first one";
            return Err(CliError::usage(text).about(file));
        }
        if parts[..at].iter().any(|other| other.sha256 == part.sha256) {
            return Err(CliError::usage("it is named twice").about(file));
        }
        let mut databases = part.rollout.databases.iter().map(|one| &one.database);
        if let Some(twice) = databases.find(|database| !known.insert(*database)) {
            let text = format!("the database {twice:?} is in several of them");
            return Err(CliError::usage(text)
                .about(file)
                .hint("it would be counted twice: of one rollout, name only the last receipt"));
        }
        let continues = |other: &Part| other.rollout.resumes.as_ref() == Some(&rollout.rollout_id);
        if let Some(later) = parts.iter().position(continues) {
            let text = format!("{} continues it", display_path(&files[later]));
            return Err(CliError::usage(text)
                .about(file)
                .hint("name only the last one of each rollout"));
        }
    }
    Ok(())
}
