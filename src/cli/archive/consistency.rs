//! `pgseal archive consistency DIR --since CHECKPOINT`

use std::path::{Path, PathBuf};

use super::super::args::TrustArgs;
use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::output::{Output, Paint, display_path, escape};
use crate::tlog::append::{self, LogError};
use crate::tlog::checkpoint::Checkpoint;
use crate::tlog::proof::{ProofError, check_consistency, consistency};
use crate::tlog::read;
use crate::tlog::stored::Stored;
use crate::tlog::{Lost, TrustedHead};
use pgseal_verify::plural::count;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The archive
    dir: PathBuf,
    /// A checkpoint of it that was kept elsewhere
    #[arg(long, value_name = "CHECKPOINT")]
    since: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load()?;
    let kept = kept(&args.since)?;
    let before = kept.authenticate(&root).map_err(|error| {
        CliError::new(Exit::NotAuthentic, format!("{}: {error}", display_path(&args.since)))
            .hint("it proves nothing: was it kept by the trust root's log, and is this the right trust root (--trust)?")
    })?;
    let unusable = |error| super::unusable(&args.dir, error);
    let (checkpoint, now) = append::head(&args.dir, &root).map_err(|error| match error {
        LogError::NoLog(_) if Lost::of(&args.dir).is_none() => gone(&args.dir, &before),
        error => unusable(error),
    })?;
    let fork = |why: String| {
        CliError::new(Exit::Faults, format!("{}: {why}", display_path(&args.dir)))
            .hint("keep both checkpoints: two that are signed and don't fit together prove that the log was changed")
    };
    if before.origin() != now.origin() {
        let (since, kept, is) = (
            display_path(&args.since),
            escape(before.origin()),
            escape(now.origin()),
        );
        let text = format!("{since}: a checkpoint of another log, {kept}; this is {is}");
        return Err(CliError::new(Exit::Faults, text).hint(format!(
            "give a checkpoint of {is}; but if this archive was {kept} once, its log was begun anew: keep both checkpoints"
        )));
    }
    if before.size() > now.size() {
        let (kept, is) = (count(before.size(), "entry"), now.size());
        return Err(fork(format!(
            "the log was of {kept} and is of {is}: entries were taken away"
        )));
    }
    let stored = Stored::new(&args.dir, now.size());
    // A log that did not grow needs no proof, but its tiles are checked in any case.
    append::check_tiles(&args.dir, &stored, &now).map_err(unusable)?;
    let proof =
        consistency(&stored, before.size(), now.size()).map_err(|error| unusable(error.into()))?;
    check_consistency((before.size(), before.root()), (now.size(), now.root()), &proof).map_err(
        |error| match error {
            ProofError::Root => fork(format!(
                "the log does not begin with what it was at {}: entries were changed, or its tiles are damaged",
                count(before.size(), "entry")
            )),
            error => fork(error.to_string()),
        },
    )?;
    out.document(&serde_json::json!({
        "archive": args.dir.to_string_lossy(), "since": super::document(&kept),
        "checkpoint": super::document(&checkpoint), "proof": proof,
    }));
    let ok = out.paint(Paint::Good, "consistent");
    let (origin, entries) = (escape(now.origin()), count(before.size(), "entry"));
    out.line(match now.size() - before.size() {
        0 => format!("{ok}: {origin} did not grow since, it has {entries}"),
        more => format!(
            "{ok}: {origin} grew from {entries} by {}",
            count(more, "entry")
        ),
    });
    Ok(Exit::Done)
}

/// Error for a missing log of which only a saved checkpoint is known.
fn gone(dir: &Path, kept: &TrustedHead) -> CliError {
    let (origin, entries) = (escape(kept.origin()), count(kept.size(), "entry"));
    let text = format!(
        "{}: there is no log; a checkpoint of {origin} with {entries} was kept",
        display_path(dir)
    );
    CliError::new(Exit::Faults, text)
        .hint("if this is the directory, the log was taken away: put back its `checkpoint` and `tile/` from a copy, and keep the checkpoint")
}

/// Reads a saved checkpoint.
pub fn kept(path: &Path) -> Result<Checkpoint, CliError> {
    use crate::tlog::checkpoint::CheckpointError;
    read::checkpoint(path).map_err(|error| {
        let exit = if matches!(error, CheckpointError::Io(_)) {
            Exit::Internal
        } else {
            Exit::Malformed
        };
        CliError::new(exit, format!("{}: {error}", display_path(path)))
            .hint("a checkpoint is what `pgseal archive checkpoint DIR` prints")
    })
}
