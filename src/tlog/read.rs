//! Reads checkpoints and proofs from files.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::stored::file_below;
use super::{CHECKPOINT, PROOF_ENDING};
use crate::durable::{open_regular, read_limited};
use pgseal_verify::tlog::checkpoint::{Checkpoint, CheckpointError};
use pgseal_verify::tlog::proof_file::{self, ProofFile, ProofFileError};
use pgseal_verify::trust::note;

/// Reads the checkpoint of the log in a directory; it must be a file of the directory itself, not a
/// link.
pub fn checkpoint_of(dir: &Path) -> Result<Checkpoint, CheckpointError> {
    parse(file_below(dir, CHECKPOINT)?)
}

/// Reads a checkpoint from any file, such as a kept copy.
pub fn checkpoint(path: &Path) -> Result<Checkpoint, CheckpointError> {
    parse(open_regular(path)?)
}

fn parse(file: File) -> Result<Checkpoint, CheckpointError> {
    let mut bytes = Vec::new();
    file.take(note::MOST_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Checkpoint::parse(&bytes)
}

pub fn proof(path: &Path) -> Result<ProofFile, ProofFileError> {
    ProofFile::parse(&read_limited(
        open_regular(path)?,
        proof_file::MOST_BYTES as u64,
    )?)
}

/// The path of a file's proof: the file's path with `.tlog-proof` appended.
pub fn proof_path(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(PROOF_ENDING);
    name.into()
}
