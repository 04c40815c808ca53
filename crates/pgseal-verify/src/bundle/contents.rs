//! File contents of an authenticated bundle. Digests are checked over the returned buffer, or over
//! the buffer that it is decompressed from. Swapping or truncating the file on disk can therefore
//! only cause an error.

use std::io;
use std::sync::Arc;

use super::authenticate::{AuthenticatedBundle, Stored as Member};
use crate::archive::gzip::{self, GzipError};
use crate::digest::Digest;
use crate::entry_path::EntryPath;
use crate::format::manifest::{File, Stored};

/// Error in reading a file's content.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum ContentError {
    /// The release has no file with this path.
    #[error("the release has no file {0}")]
    NotFound(EntryPath),
    /// Reading failed.
    #[error("{path}: can't read the bundle: {source}")]
    Io {
        /// Path of the file.
        path: EntryPath,
        /// Error from the operating system.
        source: io::Error,
    },
    /// The bundle was changed after it was authenticated.
    #[error("{0}: the bundle was changed while it was in use")]
    Changed(EntryPath),
    /// The stored bytes match their signature, but decompression fails.
    #[error("{path}: {source}")]
    Gzip {
        /// Path of the file.
        path: EntryPath,
        /// Error of the decompression.
        source: GzipError,
    },
    /// The stored bytes match their signature, but the content differs from the signed digest or
    /// size.
    #[error("{0}: its content is not the signed content")]
    Content(EntryPath),
}

impl AuthenticatedBundle<'_> {
    /// Reads a file's content into memory.
    /// ```
    /// use pgseal_verify::{AuthenticatedBundle, ContentError};
    ///
    /// /// The bytes are compared with their signed digest before they are returned.
    /// fn manual(bundle: &AuthenticatedBundle<'_>) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    ///     Ok(bundle.content(&"runbooks/operator.md".parse()?)?.to_vec())
    /// }
    /// # fn typed(error: ContentError) -> Box<dyn std::error::Error> { error.into() }
    /// ```
    pub fn content(&self, path: &EntryPath) -> Result<Arc<[u8]>, ContentError> {
        let (stored, bytes) = self.stored(path)?;
        let content = match stored.file.stored {
            Stored::Raw => bytes,
            Stored::Gzip => {
                gzip::decompress(&bytes, stored.file.size).map_err(|source| ContentError::Gzip {
                    path: path.clone(),
                    source,
                })?
            }
        };
        if content.len() as u64 != stored.file.size || Digest::of(&content) != stored.file.sha256 {
            return Err(ContentError::Content(path.clone()));
        }
        Ok(content.into())
    }

    /// Reads a file's stored bytes into memory and verifies their digest.
    fn stored(&self, path: &EntryPath) -> Result<(&Member, Vec<u8>), ContentError> {
        let stored = self
            .files()
            .get(path)
            .ok_or_else(|| ContentError::NotFound(path.clone()))?;
        let read = self.archive().read(&stored.member);
        let bytes = read.map_err(|source| ContentError::Io {
            path: path.clone(),
            source,
        })?;
        if Digest::of(&bytes) != stored.stored_sha256 {
            return Err(ContentError::Changed(path.clone()));
        }
        Ok((stored, bytes))
    }

    /// A file's signed description, with its verified stored bytes.
    pub fn stored_file(&self, path: &EntryPath) -> Result<(&File, Vec<u8>), ContentError> {
        self.stored(path)
            .map(|(member, bytes)| (&member.file, bytes))
    }

    /// A file's path and description, if the release has it.
    pub fn file(&self, path: &EntryPath) -> Option<(&EntryPath, &File)> {
        self.files()
            .get_key_value(path)
            .map(|(path, member)| (path, &member.file))
    }
}
