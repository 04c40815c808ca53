//! Errors in adding files to an archive.

use std::io;
use std::path::{Path, PathBuf};

use crate::bundle::AuthenticateError;
use crate::bundle::untrusted::MalformedError;
use crate::record::receipt::ReceiptError;
use crate::tlog::append::LogError;
use crate::trust::rotation::RotationError;
use crate::trust::store::StoreError;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::log_entry::{ArchivePathError, LogKind};

/// Error in adding files.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    /// A directory whose files cannot be listed.
    #[error("{path}: {source}", path = path.display())]
    List {
        path: PathBuf,
        source: walkdir::Error,
    },
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Trust(#[from] StoreError),
    /// A file that is not added; its path as given, or below the archive.
    #[error("{path}: {source}", path = path.display())]
    File { path: PathBuf, source: FileError },
    /// Several files that are not added.
    #[error("{first}; {more} more files are not added", first = .0, more = .1.len())]
    Several(#[source] Box<Self>, Vec<Self>),
    /// An error about a file in the archive without its signatures: a killed add may have renamed
    /// only some of its files into place.
    #[error(transparent)]
    SignaturesMissing(Box<Self>),
    /// An error about the file of an entry after the checkpoint.
    #[error(transparent)]
    Pending(Box<Self>),
}

/// Reason why a file is not added.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("by its name not a file that an archive takes")]
    Name,
    #[error("its name is not UTF-8")]
    NotUtf8,
    #[error(transparent)]
    Path(#[from] ArchivePathError),
    /// A signature or journal without the file that it belongs to.
    #[error("is nothing by itself")]
    Sibling,
    #[error(transparent)]
    Io(io::Error),
    /// A bundle or approval file that cannot be opened.
    #[error(transparent)]
    Open(io::Error),
    #[error(transparent)]
    Malformed(#[from] MalformedError),
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    #[error("it is not signed, so it proves nothing")]
    Unsigned,
    #[error("the journal beside it: {0}")]
    Journal(String),
    #[error("it is about no release")]
    NoRelease,
    #[error("its approvals are of different releases")]
    SeveralReleases,
    #[error(transparent)]
    Rotation(#[from] RotationError),
    #[error("version {version} is none that version {installed} of the trust root goes back to")]
    UnknownVersion { version: u32, installed: u32 },
    #[error("it changed while it was added")]
    Changed,
    #[error("two different files would have this name in the archive")]
    Ambiguous,
    #[error("another file was logged by this name")]
    OtherLogged,
    #[error("another file is there by this name")]
    OtherPresent,
    #[error("not the file of the entry behind the checkpoint")]
    OtherPending,
    /// The missing file of an entry after the checkpoint.
    #[error("gone, and its entry stands behind the checkpoint: {} {sha256}", kind.as_str())]
    PendingLost { kind: LogKind, sha256: Digest },
}

impl AddError {
    /// Whether the only reason is that nobody signed the receipt.
    pub(super) fn is_unsigned(&self) -> bool {
        matches!(
            self,
            Self::File {
                source: FileError::Unsigned,
                ..
            }
        )
    }

    /// Converts an I/O error about a file.
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        |source| Self::Io {
            path: path.to_owned(),
            source,
        }
    }
}

impl FileError {
    /// Adds the path of the file.
    pub(super) fn about(self, path: impl AsRef<Path>) -> AddError {
        AddError::File {
            path: path.as_ref().to_owned(),
            source: self,
        }
    }
}
