//! Locations of archives: directories, tar files, and other stores that can list and open.

pub mod directory;
mod left_over;
#[cfg(feature = "object-store")]
pub mod objects;
pub mod tar_file;

use std::io;
use std::path::{Path, PathBuf};

use super::fault::FaultKind;
use super::kind::Kind;
use pgseal_verify::archive::source::ByteSource;
use pgseal_verify::format::timestamp::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The path as reported: `archive/a.pgseal`, `2025.tar/a.pgseal`, `s3://bucket/a.pgseal`.
    pub path: PathBuf,
    pub kind: Kind,
    /// Size in bytes, if the listing has it.
    pub bytes: Option<u64>,
    /// Time of writing, if the listing has it.
    pub modified: Option<Timestamp>,
}

#[derive(Debug)]
pub struct Unlisted {
    pub path: PathBuf,
    pub kind: Kind,
    pub fault: FaultKind,
    pub error: io::Error,
    pub is_note: bool,
}

impl Unlisted {
    pub fn unreadable(path: &Path, kind: Kind, error: io::Error) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            fault: FaultKind::Unreadable,
            error,
            is_note: false,
        }
    }

    /// A path that may hold files and was skipped.
    pub fn passed_over(path: &Path, kind: Kind, why: &str) -> Self {
        Self {
            fault: FaultKind::PassedOver,
            is_note: true,
            ..Self::unreadable(path, kind, io::Error::other(why))
        }
    }
}

/// A location of files. Listing streams: only the current entry is in memory.
pub trait Place: Send + Sync {
    /// Reports every file of a known kind, in a fixed order, and every path that can't be listed.
    /// Errors do not end the listing.
    fn list(&self, tell: &mut dyn FnMut(Result<Found, Unlisted>));

    /// Concurrent readers. Places with high latency take more readers than there are cores.
    fn readers(&self) -> usize {
        1
    }

    /// Opens a listed file, once.
    fn open(&self, found: &Found) -> io::Result<Box<dyn ByteSource>>;

    /// Reads a small sibling of a listed file, by its path relative to the same directory:
    /// `a.receipt.sig`, `trust.json.sigs/2.KEYID.sig`. `None` if it does not exist; an error if it
    /// is larger than [`pgseal_verify::limits::DOCUMENT_BYTES`].
    fn sibling(&self, found: &Found, name: &Path) -> io::Result<Option<Vec<u8>>>;
}

/// Reads a document-sized file; larger ones are an error.
pub fn small(source: &dyn ByteSource) -> io::Result<Vec<u8>> {
    if source.size() > pgseal_verify::limits::DOCUMENT_BYTES {
        let text = "not a regular file of the size of a document";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let mut bytes = vec![0; source.size() as usize];
    source.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
