//! An archive's bytes in a file that stays open. Nothing is opened by path twice.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::Path;

use pgseal_verify::archive::source::{ByteSource, InMemory};
use pgseal_verify::limits;
use rustix::fs::{Advice, fadvise};

/// An open file. Its bytes may change: callers that read a member again check its digest over
/// the same buffer.
struct OpenFile {
    file: File,
    size: u64,
}

impl ByteSource for OpenFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(&self.file, buffer, offset)
    }

    fn soon(&self, offset: u64, length: u64) {
        // Only advice: if it fails, the read waits for the disk and reports the error.
        let _ = fadvise(
            &self.file,
            offset,
            NonZeroU64::new(length),
            Advice::WillNeed,
        );
    }
}

/// Opens a regular file by its path, once. Other files are refused unopened: a pipe would wait
/// for a writer.
pub fn open(path: &Path) -> io::Result<Box<dyn ByteSource>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(not_a_file());
    }
    from_file(File::open(path)?)
}

fn not_a_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

/// Takes an open file: small ones are read into memory at once, larger ones piece by piece.
fn from_file(file: File) -> io::Result<Box<dyn ByteSource>> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(not_a_file());
    }
    let size = metadata.len();
    if size > limits::BUFFERED_BUNDLE_BYTES {
        return Ok(Box::new(OpenFile { file, size }));
    }
    let mut bytes = vec![0; size as usize];
    FileExt::read_exact_at(&file, &mut bytes, 0)?;
    Ok(Box::new(InMemory(bytes.into())))
}
