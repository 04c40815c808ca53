//! A part of something larger: a member of a tar file.

use std::io;
use std::sync::Arc;

use pgseal_verify::archive::source::{ByteSource, InMemory};
use pgseal_verify::limits;

/// Bytes of another source, from an offset on.
pub struct Slice {
    source: Arc<dyn ByteSource>,
    offset: u64,
    size: u64,
}

impl Slice {
    /// A part; small ones are read into memory at once. An error where it reaches beyond the end.
    pub fn open(source: &Arc<dyn ByteSource>, offset: u64, size: u64) -> io::Result<Box<dyn ByteSource>> {
        if offset.checked_add(size).is_none_or(|end| end > source.size()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if size > limits::BUFFERED_BUNDLE_BYTES {
            return Ok(Box::new(Self { source: source.clone(), offset, size }));
        }
        let mut bytes = vec![0; size as usize];
        source.read_exact_at(&mut bytes, offset)?;
        Ok(Box::new(InMemory(bytes.into())))
    }
}

impl ByteSource for Slice {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.source.read_exact_at(buffer, self.offset + offset)
    }
}
