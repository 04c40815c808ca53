//! The content of an authentic bundle. Each file's digests are checked over the very buffer that is given out, or that it
//! is unpacked from, so that swapping or truncating the file on disk changes nothing but the error.

use std::io;
use std::sync::Arc;

use super::authenticate::{AuthenticatedBundle, Stored as Member};
use crate::archive::gzip::{self, GzipError};
use crate::digest::Digest;
use crate::entry_path::EntryPath;
use crate::format::manifest::{File, Stored};

/// Why a file's content can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// No file of the release has this path.
    #[error("the release has no file {0}")]
    NotFound(EntryPath),
    /// Reading failed.
    #[error("{path}: can't read the bundle: {source}")]
    Io {
        /// The file.
        path: EntryPath,
        /// What the system says.
        source: io::Error,
    },
    /// The bundle was changed after it was authenticated.
    #[error("{0}: the bundle was changed while it was in use")]
    Changed(EntryPath),
    /// The stored bytes are signed, but don't hold the signed content.
    #[error("{path}: {source}")]
    Gzip {
        /// The file.
        path: EntryPath,
        /// What is wrong.
        source: GzipError,
    },
    /// The stored bytes are signed, but their content has another digest or size than signed.
    #[error("{0}: its content is not the signed content")]
    Content(EntryPath),
}

impl AuthenticatedBundle<'_> {
    /// A file's content.
    pub fn content(&self, path: &EntryPath) -> Result<Arc<[u8]>, ContentError> {
        let (stored, bytes) = self.stored(path)?;
        let content = match stored.file.stored {
            Stored::Raw => bytes,
            Stored::Gzip => gzip::decompress(&bytes, stored.file.size)
                .map_err(|source| ContentError::Gzip { path: path.clone(), source })?,
        };
        if content.len() as u64 != stored.file.size || Digest::of(&content) != stored.file.sha256 {
            return Err(ContentError::Content(path.clone()));
        }
        Ok(content.into())
    }

    /// A file's stored bytes, in memory, with the signed digest.
    fn stored(&self, path: &EntryPath) -> Result<(&Member, Vec<u8>), ContentError> {
        let stored = self.files().get(path).ok_or_else(|| ContentError::NotFound(path.clone()))?;
        let read = self.archive().read(&stored.member);
        let bytes = read.map_err(|source| ContentError::Io { path: path.clone(), source })?;
        if Digest::of(&bytes) != stored.stored_sha256 {
            return Err(ContentError::Changed(path.clone()));
        }
        Ok((stored, bytes))
    }

    /// A file's signed description and its stored bytes, whose signed digest holds.
    pub fn stored_file(&self, path: &EntryPath) -> Result<(&File, Vec<u8>), ContentError> {
        self.stored(path).map(|(member, bytes)| (&member.file, bytes))
    }

    /// A file's description and its path, if the release has it.
    pub fn file(&self, path: &EntryPath) -> Option<(&EntryPath, &File)> {
        self.files().get_key_value(path).map(|(path, member)| (path, &member.file))
    }
}
