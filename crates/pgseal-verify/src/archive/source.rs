//! Sources of an archive's bytes.

use std::io;
use std::sync::Arc;

/// Bytes with random access.
pub trait ByteSource: Send + Sync {
    /// Size in bytes.
    fn size(&self) -> u64;
    /// Fills the buffer from `offset`; an error if it reaches beyond the end.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// All bytes, if they are in memory.
    fn bytes(&self) -> Option<&[u8]> {
        None
    }

    /// Announces that `length` bytes from `offset` will be read soon, so that a disk can prefetch
    /// them during hashing.
    fn soon(&self, _offset: u64, _length: u64) {}
}

/// Bytes in memory.
pub struct InMemory(pub Arc<[u8]>);

impl ByteSource for InMemory {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start
            .checked_add(buffer.len())
            .filter(|end| *end <= self.0.len());
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(&self.0[start..end]);
        Ok(())
    }

    fn bytes(&self) -> Option<&[u8]> {
        Some(&self.0)
    }
}
