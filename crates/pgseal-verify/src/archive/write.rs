//! Writer of the canonical archive.

use std::io::{self, Write};

use super::{BLOCK, header, padding};
use crate::entry_path::EntryPath;

/// Writes members in sequence; the caller provides their order.
pub struct ArchiveWriter<W: Write> {
    out: W,
}

impl<W: Write> ArchiveWriter<W> {
    /// Begins an archive.
    pub fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes a member from memory.
    pub fn member(&mut self, path: &EntryPath, bytes: &[u8]) -> io::Result<()> {
        self.begin(path, bytes.len() as u64)?;
        self.piece(bytes)?;
        self.end(bytes.len() as u64)
    }

    /// Begins a member of `size` bytes. Write them by [`Self::piece`], then call [`Self::end`].
    pub fn begin(&mut self, path: &EntryPath, size: u64) -> io::Result<()> {
        self.out.write_all(&header::encode(path, size))
    }

    /// Writes a piece of the current member.
    pub fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Pads the current member.
    pub fn end(&mut self, size: u64) -> io::Result<()> {
        self.out.write_all(&[0; BLOCK][..padding(size)])
    }

    /// Ends the archive with exactly two zero blocks.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()?;
        Ok(self.out)
    }
}
