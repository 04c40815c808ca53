//! The content of an authentic bundle, piece by piece: files of any size, in memory that does not depend on it.
//!
//! A file's stored bytes were hashed before anything of it is decompressed. The bundle may change under us, so the bytes
//! that are decompressed are hashed once more; whoever gets the content must not use it before this has ended well.

use std::io::{self, Write};

use super::authenticate::{AuthenticatedBundle, Stored as Member};
use super::contents::ContentError;
use crate::archive::gzip::{self, GzipError};
use crate::digest::Hasher;
use crate::entry_path::EntryPath;
use crate::format::manifest::Stored;
use crate::workers;

/// Why a file's content could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// It can't be had.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Writing it failed.
    #[error("{path}: can't be written: {source}")]
    Write {
        /// The file.
        path: EntryPath,
        /// What the system says.
        source: io::Error,
    },
}

/// Inflating takes as long as hashing so many times the content.
const INFLATING: u64 = 4;

impl AuthenticatedBundle<'_> {
    /// Checks the content of every file, decompressing what is compressed. The error is that of the first
    /// file in the order of names.
    pub fn check_contents(&self) -> Result<(), ContentError> {
        self.content_faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// As [`Self::check_contents`], with every file whose content is not the signed content, for auditors.
    pub fn content_faults(&self) -> Vec<ContentError> {
        let files: Vec<(&EntryPath, &Member)> = self.files().iter().collect();
        let check = |(path, member): &(&EntryPath, &Member)| match member.file.stored {
            // Its content is what is stored, and that was hashed to authenticate it.
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

    /// Copies the content of every file to the writer that `open` gives for it. Only when this has ended
    /// well is any of it the release's. The error is that of the first file in the order of names.
    pub fn copy_all<W: Write>(&self, open: impl Fn(&EntryPath) -> io::Result<W> + Sync) -> Result<(), CopyError> {
        let files: Vec<(&EntryPath, &Member)> = self.files().iter().collect();
        let copy = |(path, _): &(&EntryPath, &Member)| {
            let failed = |source| CopyError::Write { path: EntryPath::clone(path), source };
            let mut out = open(path).map_err(failed)?;
            self.copy(path, &mut out)?;
            out.flush().map_err(failed)
        };
        workers::map(self.workers(), &files, |(_, member)| cost(member) + member.file.size, copy).into_iter().collect()
    }

    /// Copies a file's content. Only when this has ended well is it the release's.
    pub fn copy(&self, path: &EntryPath, out: &mut impl Write) -> Result<(), CopyError> {
        let member = self.files().get(path).ok_or_else(|| ContentError::NotFound(path.clone()))?;
        match member.file.stored {
            Stored::Raw => self.copy_raw(path, member, out),
            Stored::Gzip => self.inflate(path, member, |piece| out.write_all(piece)),
        }
    }

    /// Its size, in bytes, if the release has it.
    pub fn size(&self, path: &EntryPath) -> Option<u64> {
        self.files().get(path).map(|member| member.file.size)
    }

    fn copy_raw(&self, path: &EntryPath, member: &Member, out: &mut impl Write) -> Result<(), CopyError> {
        let mut stored = self.archive().stored(&member.member);
        let copied = io::copy(&mut stored, out);
        let found = stored.finish().map_err(|source| ContentError::Io { path: path.clone(), source })?;
        copied.map_err(|source| CopyError::Write { path: path.clone(), source })?;
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
            return Err(CopyError::Write { path: path.clone(), source });
        }
        // A bundle that was changed says anything; what it says of gzip is worth nothing.
        let left = stored.left();
        let found = stored.finish().map_err(|source| ContentError::Io { path: path.clone(), source })?;
        if found != member.stored_sha256 {
            return Err(ContentError::Changed(path.clone()).into());
        }
        let whole = inflated.and(if left == 0 { Ok(()) } else { Err(GzipError::Trailing(left)) });
        whole.map_err(|source| ContentError::Gzip { path: path.clone(), source })?;
        if hasher.finish() != member.file.sha256 {
            return Err(ContentError::Content(path.clone()).into());
        }
        Ok(())
    }
}

impl Member {
    /// Whether a file that is stored as it is has the signed size and content; its stored bytes have their digest.
    fn holds(&self, path: &EntryPath) -> Result<(), ContentError> {
        let same = self.member.size == self.file.size && self.stored_sha256 == self.file.sha256;
        if same { Ok(()) } else { Err(ContentError::Content(path.clone())) }
    }
}

fn cost(member: &Member) -> u64 {
    match member.file.stored {
        Stored::Raw => 0,
        Stored::Gzip => member.file.size.saturating_mul(INFLATING),
    }
}
