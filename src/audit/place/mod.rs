//! Where archives are: directories, tar files, and whatever else can list and open.

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

/// A file that an audit is to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is, as it is told: `archive/a.pgseal`, `2025.tar/a.pgseal`, `s3://bucket/a.pgseal`.
    pub path: PathBuf,
    /// What it is, by its name.
    pub kind: Kind,
    /// How many bytes it has, where listing tells.
    pub bytes: Option<u64>,
    /// When it was written, where listing tells.
    pub modified: Option<Timestamp>,
}

/// What could not be listed.
#[derive(Debug)]
pub struct Unlisted {
    /// Where.
    pub path: PathBuf,
    /// What it would be.
    pub kind: Kind,
    /// The word for it.
    pub word: FaultKind,
    /// What the system says, or what is wrong with it.
    pub error: io::Error,
    /// Whether it is only worth a note.
    pub is_note: bool,
}

impl Unlisted {
    /// What can't be read.
    pub fn unreadable(path: &Path, kind: Kind, error: io::Error) -> Self {
        Self { path: path.to_owned(), kind, word: FaultKind::Unreadable, error, is_note: false }
    }

    /// What is not of the format that its name promises.
    pub fn malformed(path: &Path, kind: Kind, error: io::Error) -> Self {
        Self { path: path.to_owned(), kind, word: FaultKind::Malformed, error, is_note: false }
    }

    /// What may hold files and is not looked into.
    pub fn passed_over(path: &Path, kind: Kind, why: &str) -> Self {
        Self { word: FaultKind::PassedOver, is_note: true, ..Self::unreadable(path, kind, io::Error::other(why)) }
    }
}

/// Where files are. Listing streams: nothing but what is being told is in memory.
pub trait Place: Send + Sync {
    /// Tells every file whose name is that of a kind, in one order; and what can't be listed, which stops nothing else.
    fn list(&self, tell: &mut dyn FnMut(Result<Found, Unlisted>));

    /// How many may wait for it at once: more than there are cores, where waiting is most of it.
    fn readers(&self) -> usize {
        1
    }

    /// Opens a file that this place has listed, once.
    fn open(&self, found: &Found) -> io::Result<Box<dyn ByteSource>>;

    /// A small file beside one that this place has listed, by its path from the same directory: `a.receipt.sig`,
    /// `trust.json.sigs/2.KEYID.sig`. `None` where there is none; an error where it has more than
    /// [`pgseal_verify::limits::DOCUMENT_BYTES`].
    fn beside(&self, found: &Found, name: &Path) -> io::Result<Option<Vec<u8>>>;
}

/// The bytes of something small; an error for what is not.
pub fn small(source: &dyn ByteSource) -> io::Result<Vec<u8>> {
    if source.size() > pgseal_verify::limits::DOCUMENT_BYTES {
        let text = "not a regular file of the size of a document";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let mut bytes = vec![0; source.size() as usize];
    source.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}
