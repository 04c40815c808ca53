//! Errors of an archive's log, with hints.

use super::super::Kind;
use super::CliError;
use super::authentic::signature_kind;
use crate::durable::is_link;
use crate::tlog::REMOVE_BEHIND;
use crate::tlog::append::LogError;
use crate::tlog::checkpoint::{CheckpointError, SignCheckpointError};
use crate::tlog::proof_file::ProofFileError;
use crate::trust::root::SignatureError;

/// Hint for a damaged log.
const VERIFY: &str = "`pgseal archive verify` tells all that is wrong with it; nothing was changed";

/// Hint for a symbolic link inside an archive.
pub const NO_LINK: &str = "the files of an archive lie in it, not elsewhere: put the file or directory itself in the link's place";

impl From<LogError> for CliError {
    fn from(error: LogError) -> Self {
        match &error {
            LogError::Exists(_) => Self::new(Kind::LogExists, error).hint("`pgseal archive add` takes more files into it"),
            LogError::NoLog(_) => Self::new(Kind::NoLog, error).hint(
                "`pgseal archive init DIR` begins one; where there was one, put back its `checkpoint` and `tile/` instead",
            ),
            LogError::Checkpoint { source: CheckpointError::Io(io), .. } | LogError::Io { source: io, .. } if is_link(io) => {
                Self::new(Kind::ArchiveLink, error).hint(NO_LINK)
            }
            LogError::Io { .. } | LogError::Checkpoint { source: CheckpointError::Io(_), .. } => {
                Self::new(Kind::Io, error)
            }
            LogError::Checkpoint { .. } => Self::new(Kind::Malformed, error).hint(VERIFY),
            LogError::Signature { source, .. } => Self::new(signature_kind(source), &error).hint(signature_hint(source)),
            LogError::Tile(_) | LogError::Broken { .. } | LogError::Entry(_) | LogError::Consistency(_) => {
                Self::new(Kind::LogBroken, error).hint(VERIFY)
            }
            LogError::Behind(_) => Self::new(Kind::LogBehind, error).hint(REMOVE_BEHIND),
            LogError::Entries(_) => Self::new(Kind::Usage, error),
            LogError::Sign(SignCheckpointError::Origin(_)) => Self::new(Kind::Usage, error),
            LogError::Sign(SignCheckpointError::Signer(_)) => Self::new(Kind::SignerFailed, error).hint("nothing was signed"),
        }
    }
}

fn signature_hint(error: &SignatureError) -> &'static str {
    match error {
        SignatureError::Invalid(_) => "the checkpoint was changed after it was signed",
        SignatureError::Threshold { why, .. } if why.iter().any(|(_, _, why)| why.is_revoked()) => {
            "whoever has the revoked key may have written this log: compare it with checkpoints that were kept, and begin a new log"
        }
        SignatureError::Threshold { .. } | SignatureError::UnknownKey(_) => {
            "checkpoints are signed by keys of the role log: is this the right trust root (--trust)?"
        }
    }
}

impl From<ProofFileError> for CliError {
    fn from(error: ProofFileError) -> Self {
        match &error {
            ProofFileError::Io(io) if io.kind() != std::io::ErrorKind::InvalidInput => Self::new(Kind::Io, error),
            ProofFileError::Io(_) | ProofFileError::Form(_) | ProofFileError::Checkpoint(_) => {
                Self::new(Kind::Malformed, error).hint("a proof is what `pgseal archive prove DIR FILE` writes")
            }
            ProofFileError::Signature(signature) => {
                Self::new(signature_kind(signature), &error).hint(signature_hint(signature))
            }
            ProofFileError::Proof(_) | ProofFileError::Entry(_) => Self::new(Kind::ProofInvalid, error)
                .hint("the proof is damaged or of another log: `pgseal archive prove DIR FILE` makes a fresh one"),
        }
    }
}
