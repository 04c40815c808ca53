//! Errors of an archive and its log, with hints.

use std::path::Path;

use super::super::Kind;
use super::super::args::open_error;
use super::CliError;
use super::authentic::{receipt_exit, signature_kind};
use crate::archiving::{AddError, FileError};
use crate::durable::is_link;
use crate::tlog::REMOVE_BEHIND;
use crate::tlog::append::LogError;
use crate::tlog::checkpoint::{CheckpointError, SignCheckpointError};
use crate::tlog::proof_file::ProofFileError;
use crate::trust::root::SignatureError;

/// Hint for a damaged log.
const VERIFY: &str = "`pgseal archive verify` tells all that is wrong with it; nothing was changed";

/// Hint for a symbolic link inside an archive.
const NO_LINK: &str = "the files of an archive lie in it, not elsewhere: put the file or directory itself in the link's place";

/// Hint for files that are not added.
pub const NOTHING_ADDED: &str = "nothing was added";

impl From<LogError> for CliError {
    fn from(error: LogError) -> Self {
        match &error {
            LogError::Exists(_) => Self::new(Kind::LogExists, error).hint("`pgseal archive add` takes more files into it"),
            LogError::NoLog(_) => Self::new(Kind::NoLog, error).hint(
                "`pgseal archive init DIR --key KEY` begins one; where there was one, put back its `checkpoint` and `tile/` instead",
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

impl From<AddError> for CliError {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Log(error) => error.into(),
            AddError::Trust(error) => error.into(),
            AddError::File { path, source } => not_added(&path, source),
            AddError::Io { ref source, .. } if is_link(source) => Self::new(Kind::Usage, error).hint(NO_LINK),
            AddError::Io { .. } => Self::new(Kind::Io, error),
            AddError::List { .. } => Self::new(Kind::Internal, error),
            AddError::Several(first, others) => {
                let mut this = Self::from(*first);
                this.lines
                    .extend(others.into_iter().flat_map(|other| Self::from(other).lines));
                this.hint(NOTHING_ADDED)
            }
            AddError::SignaturesMissing(error) => Self::from(*error).hint(
                "where an `archive add` was killed, its signatures are not here yet: repeat the command that named this file \
                 where it came from, and they are put beside it; where none was, move the file away",
            ),
            AddError::Pending(error) => Self::from(*error).hint(
                "its entry stands behind the log's checkpoint, and comes first: put the file back as it was, or begin a new log",
            ),
        }
    }
}

/// Error for a file that is not added to an archive.
fn not_added(path: &Path, error: FileError) -> CliError {
    let (kind, hint) = match error {
        FileError::Open(error) => return open_error(path, &error),
        FileError::Malformed(error) => return CliError::from(error).about(path),
        FileError::Authenticate(error) => return CliError::from(error).about(path),
        FileError::Receipt(ref error) => (receipt_exit(error).into(), ""),
        FileError::Io(_) => (Kind::Io, ""),
        FileError::Name => (
            Kind::Usage,
            "it takes *.pgseal, *.approval, *.receipt.json, *.rehearsal.json, and a trust root's *.json",
        ),
        FileError::NotUtf8 | FileError::Path(_) => (Kind::Usage, ""),
        FileError::Sibling => (
            Kind::Usage,
            "it is taken with the receipt or trust root that it stands beside: add that",
        ),
        FileError::Unsigned => (
            Kind::Unsigned,
            "a host with --receipt-key signs its receipts",
        ),
        FileError::Journal(_) => (
            Kind::NotAuthentic,
            "the receipt is authentic, the journal is not its own: find the right one, or add a copy of the receipt without it",
        ),
        FileError::NoRelease => (Kind::NotAuthentic, ""),
        FileError::SeveralReleases => (
            Kind::NotAuthentic,
            "give each release an approval file of its own",
        ),
        FileError::Rotation(_) => (
            Kind::NotAuthentic,
            "a version after the next is added when the one before it is the trust root (--trust)",
        ),
        FileError::UnknownVersion { .. } => (
            Kind::NotAuthentic,
            "the versions between them prove it: they lie in FILE.sigs beside the trust root; add them with it",
        ),
        FileError::Changed => (Kind::NotAuthentic, "add it again"),
        FileError::Ambiguous | FileError::OtherLogged | FileError::OtherPresent => (
            Kind::Usage,
            "an archive keeps what it has: give the other file another name, or add what came later (approvals) as files of their own",
        ),
        FileError::OtherPending => (
            Kind::NotAuthentic,
            "`pgseal archive verify` tells all that is wrong",
        ),
        FileError::PendingLost { .. } => (
            Kind::NotAuthentic,
            "entries behind the checkpoint come first: name this file too, and it is put back; or begin a new log",
        ),
    };
    CliError::new(kind, error).about(path).hint(hint)
}
