//! Streams file contents of an authenticated bundle, with memory use independent of file size.
//!
//! A file's stored bytes are hashed before any of them are decompressed. Because the bundle may
//! change meanwhile, they are hashed again during decompression. The content must not be used until
//! the copy has succeeded.

use std::io::{self, Write};

use super::authenticate::{AuthenticatedBundle, Stored as Member};
use super::contents::ContentError;
use crate::archive::gzip::{self, GzipError};
use crate::digest::Hasher;
use crate::entry_path::EntryPath;
use crate::format::manifest::Stored;
use crate::workers;

/// Error in copying a file's content.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum CopyError {
    /// Reading the content failed.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Writing the content failed.
    #[error("{path}: can't be written: {source}")]
    Write {
        /// Path of the file.
        path: EntryPath,
        /// Error from the operating system.
        source: io::Error,
    },
}

/// Time to decompress a byte, as a multiple of the time to hash it.
const INFLATING: u64 = 4;

impl AuthenticatedBundle<'_> {
    /// Verifies the content of every file, decompressing where needed. Returns the error of the
    /// first file by name.
    pub fn check_contents(&self) -> Result<(), ContentError> {
        self.content_faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// Like [`Self::check_contents`], but returns every file's error, for auditors.
    pub fn content_faults(&self) -> Vec<ContentError> {
        let files: Vec<(&EntryPath, &Member)> = self.files().iter().collect();
        let check = |(path, member): &(&EntryPath, &Member)| match member.file.stored {
            // The content equals the stored bytes, which authentication hashed.
            Stored::Raw => member.holds(path),
            Stored::Gzip => match self.inflate(path, member, |_| Ok(())) {
                Ok(()) => Ok(()),
                Err(CopyError::Content(error)) => Err(error),
                Err(CopyError::Write { path, source }) => Err(ContentError::Io { path, source }),
            },
        };
        workers::map(self.workers(), &files, |(_, member)| cost(member), check)
            .into_iter()
            .filter_map(Result::err)
            .collect()
    }

    /// Copies every file's content to the writer returned by `open`. The output must not be used
    /// unless the copy succeeds. Returns the error of the first file by name.
    pub fn copy_all<W: Write>(
        &self,
        open: impl Fn(&EntryPath) -> io::Result<W> + Sync,
    ) -> Result<(), CopyError> {
        let files: Vec<(&EntryPath, &Member)> = self.files().iter().collect();
        let copy = |(path, _): &(&EntryPath, &Member)| {
            let failed = |source| CopyError::Write {
                path: EntryPath::clone(path),
                source,
            };
            let mut out = open(path).map_err(failed)?;
            self.copy(path, &mut out)?;
            out.flush().map_err(failed)
        };
        workers::map(
            self.workers(),
            &files,
            |(_, member)| cost(member) + member.file.size,
            copy,
        )
        .into_iter()
        .collect()
    }

    /// Copies a file's content. The output must not be used unless the copy succeeds.
    pub fn copy(&self, path: &EntryPath, out: &mut impl Write) -> Result<(), CopyError> {
        let member = self
            .files()
            .get(path)
            .ok_or_else(|| ContentError::NotFound(path.clone()))?;
        match member.file.stored {
            Stored::Raw => self.copy_raw(path, member, out),
            Stored::Gzip => self.inflate(path, member, |piece| out.write_all(piece)),
        }
    }

    /// A file's size in bytes, if the release has it.
    pub fn size(&self, path: &EntryPath) -> Option<u64> {
        self.files().get(path).map(|member| member.file.size)
    }

    fn copy_raw(
        &self,
        path: &EntryPath,
        member: &Member,
        out: &mut impl Write,
    ) -> Result<(), CopyError> {
        let mut stored = self.archive().stored(&member.member);
        let copied = io::copy(&mut stored, out);
        let found = stored.finish().map_err(|source| ContentError::Io {
            path: path.clone(),
            source,
        })?;
        copied.map_err(|source| CopyError::Write {
            path: path.clone(),
            source,
        })?;
        if found != member.stored_sha256 {
            return Err(ContentError::Changed(path.clone()).into());
        }
        Ok(member.holds(path)?)
    }

    fn inflate(
        &self,
        path: &EntryPath,
        member: &Member,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), CopyError> {
        let (mut stored, mut hasher) = (self.archive().stored(&member.member), Hasher::default());
        let mut unwritten = None;
        let inflated = gzip::decompress_stream(&mut stored, member.file.size, |piece| {
            hasher.update(piece);
            take(piece).map_err(|error| {
                let kind = error.kind();
                unwritten = Some(error);
                kind.into()
            })
        });
        if let Some(source) = unwritten {
            return Err(CopyError::Write {
                path: path.clone(),
                source,
            });
        }
        // A changed bundle is reported as such, because its gzip errors mean nothing.
        let left = stored.left();
        let found = stored.finish().map_err(|source| ContentError::Io {
            path: path.clone(),
            source,
        })?;
        if found != member.stored_sha256 {
            return Err(ContentError::Changed(path.clone()).into());
        }
        let whole = inflated.and(if left == 0 {
            Ok(())
        } else {
            Err(GzipError::Trailing(left))
        });
        whole.map_err(|source| ContentError::Gzip {
            path: path.clone(),
            source,
        })?;
        if hasher.finish() != member.file.sha256 {
            return Err(ContentError::Content(path.clone()).into());
        }
        Ok(())
    }
}

impl Member {
    /// Checks that an uncompressed file has the signed size and content, by the digest of its
    /// stored bytes.
    fn holds(&self, path: &EntryPath) -> Result<(), ContentError> {
        let same = self.member.size == self.file.size && self.stored_sha256 == self.file.sha256;
        if same {
            Ok(())
        } else {
            Err(ContentError::Content(path.clone()))
        }
    }
}

fn cost(member: &Member) -> u64 {
    match member.file.stored {
        Stored::Raw => 0,
        Stored::Gzip => member.file.size.saturating_mul(INFLATING),
    }
}
