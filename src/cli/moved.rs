//! How far a command is that reads or writes a lot, as a line that moves on a terminal.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::output::{Output, shown};
use super::progress::Beside;
use crate::archive::source::ByteSource;

/// Less is done before anybody looks, in bytes.
const LARGE: u64 = 64 << 20;

/// How often the line changes, in bytes.
const STEP: u64 = 4 << 20;

/// Counts bytes, from any thread; says nothing where no line can move, and where there is little to do.
pub struct Moved {
    line: Option<(Beside, String)>,
    done: AtomicU64,
}

impl Moved {
    /// `what` is done to `all` bytes of a file: "read", "packed".
    pub fn new(what: &str, file: &Path, all: u64, out: Output) -> Self {
        let text = format!("{}: of {} MB {what}: ", shown(file), all / 1_000_000);
        let line = (all >= LARGE).then(|| (Beside::drawing(out), text));
        Self { line, done: AtomicU64::new(0) }
    }

    /// So many more.
    pub fn by(&self, bytes: u64) {
        let Some((line, text)) = &self.line else { return };
        let before = self.done.fetch_add(bytes, Ordering::Relaxed);
        if before / STEP != (before + bytes) / STEP {
            line.moving(|| format!("{text}{}", (before + bytes) / 1_000_000));
        }
    }

    /// Takes the line away.
    pub fn finish(&self) {
        if let Some((line, _)) = &self.line {
            line.finish();
        }
    }
}

/// What comes next is told where the line was.
impl Drop for Moved {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A file of which is counted what is read.
pub struct Counted {
    source: Box<dyn ByteSource>,
    moved: Arc<Moved>,
}

impl Counted {
    /// For a command that reads the file so many times.
    pub fn counting(
        source: Box<dyn ByteSource>,
        file: &Path,
        times: u64,
        out: Output,
    ) -> (Box<dyn ByteSource>, Arc<Moved>) {
        let moved = Arc::new(Moved::new("read", file, source.size().saturating_mul(times), out));
        // What is in memory is read without being asked for.
        if moved.line.is_none() || source.bytes().is_some() {
            return (source, moved);
        }
        (Box::new(Self { source, moved: Arc::clone(&moved) }), moved)
    }
}

impl ByteSource for Counted {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.source.read_exact_at(buffer, offset)?;
        self.moved.by(buffer.len() as u64);
        Ok(())
    }

    fn soon(&self, offset: u64, length: u64) {
        self.source.soon(offset, length);
    }
}
