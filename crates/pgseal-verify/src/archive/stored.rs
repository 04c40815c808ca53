//! Streaming reader of a member's stored bytes, with the digest of exactly the bytes that it
//! returned.

use std::io::{self, BufRead, Read};

use super::read::{Archive, Member};
use super::source::ByteSource;
use crate::digest::{Digest, Hasher};

/// Bytes per read. Every reading thread has a buffer of this size.
pub const PIECE: usize = 256 << 10;

/// Bytes to prefetch from a file that is not in memory.
const AHEAD: u64 = 4 << 20;

/// The bytes of one member, in order.
pub struct StoredReader<'a> {
    source: &'a dyn ByteSource,
    at: u64,
    end: u64,
    /// End of the prefetched bytes.
    asked: u64,
    buffer: Vec<u8>,
    used: usize,
    hasher: Hasher,
    failed: Option<io::Error>,
}

impl Archive {
    /// Opens a member for reading.
    pub fn stored(&self, member: &Member) -> StoredReader<'_> {
        let (at, end) = (member.offset, member.offset + member.size);
        let buffer = Vec::with_capacity(member.size.min(PIECE as u64) as usize);
        let (source, hasher) = (self.source(), Hasher::default());
        StoredReader {
            source,
            at,
            end,
            asked: at,
            buffer,
            used: 0,
            hasher,
            failed: None,
        }
    }

    /// The digest of a member's stored bytes.
    pub fn digest(&self, member: &Member) -> io::Result<Digest> {
        if let Some(bytes) = self.in_memory(member) {
            return Ok(Digest::of(bytes));
        }
        self.stored(member).finish()
    }

    /// Passes a member's stored bytes to `take`, piece by piece.
    pub fn pieces(
        &self,
        member: &Member,
        mut take: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut stored = self.stored(member);
        while stored.next_piece()? {
            take(&stored.buffer)?;
        }
        Ok(())
    }

    fn in_memory(&self, member: &Member) -> Option<&[u8]> {
        let start = usize::try_from(member.offset).ok()?;
        let end = start.checked_add(usize::try_from(member.size).ok()?)?;
        self.source().bytes()?.get(start..end)
    }
}

impl StoredReader<'_> {
    /// Reads the rest, and returns the digest of the whole member. Reports a read error, also an
    /// earlier one.
    pub fn finish(mut self) -> io::Result<Digest> {
        while self.failed.is_none() && self.next_piece()? {}
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.hasher.finish()),
        }
    }

    /// Number of bytes not returned yet.
    pub fn left(&self) -> u64 {
        self.end - self.at + (self.buffer.len() - self.used) as u64
    }

    /// Fills the buffer; false at the end.
    fn next_piece(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        self.used = 0;
        let length = (self.end - self.at).min(PIECE as u64) as usize;
        if length == 0 {
            return Ok(false);
        }
        if self.asked < self.end && self.asked < self.at + AHEAD / 2 {
            let more = AHEAD.min(self.end - self.asked);
            self.source.soon(self.asked, more);
            self.asked += more;
        }
        self.buffer.resize(length, 0);
        self.source.read_exact_at(&mut self.buffer, self.at)?;
        self.at += length as u64;
        self.hasher.update(&self.buffer);
        Ok(true)
    }
}

impl BufRead for StoredReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.buffer.len() && self.failed.is_none() {
            // Kept for [`Self::finish`]: decoders report read errors as damaged data.
            self.failed = self.next_piece().err();
        }
        match &self.failed {
            Some(error) => Err(error.kind().into()),
            None => Ok(&self.buffer[self.used..]),
        }
    }

    fn consume(&mut self, count: usize) {
        self.used += count;
    }
}

impl Read for StoredReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}
