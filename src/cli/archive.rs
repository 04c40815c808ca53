//! `pgseal archive`: one file per subcommand.

mod add;
mod checkpoint;
mod comparing;
pub(super) mod consistency;
mod foreseen;
mod init;
mod prove;
mod verify;

use std::io::ErrorKind;
use std::path::Path;

use clap::Subcommand;

pub(super) use comparing::Comparing;

use super::args::now;
use super::error::CliError;
use super::exit::Exit;
use super::kind::Kind;
use super::output::{Output, display_path};
use crate::tlog::append::LogError;
use crate::tlog::stored::TileFault;
use crate::tlog::{Checkpoint, Lost, REPAIR_BOTH, REPAIR_CHECKPOINT, REPAIR_TILES};
use crate::trust::root::name;
use crate::trust::{JudgedAt, PublicKey, TrustRoot};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: ArchiveCommand,
}

#[derive(Subcommand, Debug)]
enum ArchiveCommand {
    /// Begin the log of a directory
    Init(init::Args),
    /// Take bundles, approvals, receipts and trust roots into an archive, and log them
    Add(add::Args),
    /// The log's checkpoint, after its signature was checked: keep it elsewhere
    Checkpoint(checkpoint::Args),
    /// The proof that a file is in the log, to travel with the file
    Prove(prove::Args),
    /// Whether the log only grew since a checkpoint that was kept
    Consistency(consistency::Args),
    /// Whether every logged file is there and the same, every file logged, and the log itself whole
    Verify(verify::Args),
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    match &args.command {
        ArchiveCommand::Init(args) => init::run(args, out),
        ArchiveCommand::Add(args) => add::run(args, out),
        ArchiveCommand::Checkpoint(args) => checkpoint::run(args, out),
        ArchiveCommand::Prove(args) => prove::run(args, out),
        ArchiveCommand::Consistency(args) => consistency::run(args, out),
        ArchiveCommand::Verify(args) => verify::run(args, out),
    }
}

/// Checks that a key may sign checkpoints now.
fn check_role(root: &TrustRoot, key: &PublicKey) -> Result<(), CliError> {
    root.counts(&key.id(), &name("log"), JudgedAt::At(now()))
        .map_err(|reason| {
            CliError::new(
                Kind::KeyRole,
                format!(
                    "key {} {reason}: checkpoints are signed by keys of the role log",
                    key.id()
                ),
            )
            .hint(
                "nothing was signed; `pgseal trust add-key` with --role log makes a new key count",
            )
        })
}

/// Converts an error about an unusable log. Names the missing part, if there is one, and its
/// repair.
fn unusable(dir: &Path, error: LogError) -> CliError {
    let is_about_loss = match &error {
        LogError::NoLog(_) | LogError::Exists(_) => true,
        LogError::Tile(tile) => {
            matches!(&tile.reason, TileFault::Io(io) if io.kind() == ErrorKind::NotFound)
        }
        _ => false,
    };
    let (what, repair) = match Lost::of(dir).filter(|_| is_about_loss) {
        Some(Lost::Checkpoint) => (
            "the log's checkpoint is gone, its entries are there",
            REPAIR_CHECKPOINT,
        ),
        Some(Lost::Tiles) => (
            "the log's entries (tile/) are gone, its checkpoint is there",
            REPAIR_TILES,
        ),
        Some(Lost::Both) => (
            "the log is gone: what is left by its names has no checkpoint and no entries",
            REPAIR_BOTH,
        ),
        // No hint to create a log: a new log would hide the loss of the old one.
        None if matches!(error, LogError::NoLog(_)) => {
            return CliError::new(Exit::Usage, error).hint(
                "if there was one, put back its `checkpoint` and `tile/` from a copy; \
                 `pgseal archive verify DIR --since CHECKPOINT` tells what a checkpoint that was kept says of it",
            );
        }
        None => return error.into(),
    };
    CliError::new(Exit::NotAuthentic, format!("{}: {what}", display_path(dir))).hint(repair)
}

/// A checkpoint for `--json`.
fn document(checkpoint: &Checkpoint) -> serde_json::Value {
    serde_json::json!({
        "origin": checkpoint.origin(), "size": checkpoint.size(), "root_sha256": checkpoint.root(),
        "note": checkpoint.to_string(),
    })
}
