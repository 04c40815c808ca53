//! Byte progress of commands that read or write a lot, as a moving line on a terminal.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::progress::Notifier;
use super::{Output, display_path};
use pgseal_verify::archive::source::ByteSource;

/// Smallest size with a progress line, in bytes; smaller work ends too soon to need one.
const LARGE: u64 = 64 << 20;

/// Interval between redraws, in bytes.
const STEP: u64 = 4 << 20;

/// The line `shop.pgseal: 46 of 103 MB read`, without the first number.
struct Line {
    beside: Notifier,
    before: String,
    behind: String,
}

impl Line {
    fn of(what: &str, file: &Path, all: u64, out: Output) -> Self {
        let (before, behind) = (
            format!("{}: ", display_path(file)),
            format!(" of {} MB {what}", all / 1_000_000),
        );
        Self {
            beside: Notifier::drawing(out),
            before,
            behind,
        }
    }

    fn text(&self, done: u64) -> String {
        format!("{}{}{}", self.before, done / 1_000_000, self.behind)
    }
}

/// A byte counter for any thread. It is silent without a terminal and below `LARGE` bytes.
pub struct ByteProgress {
    line: Option<Line>,
    done: AtomicU64,
}

impl ByteProgress {
    /// `what` is the verb for the `all` bytes of a file: "read", "packed".
    pub fn new(what: &str, file: &Path, all: u64, out: Output) -> Self {
        let line = (all >= LARGE).then(|| Line::of(what, file, all, out));
        Self {
            line,
            done: AtomicU64::new(0),
        }
    }

    /// Adds to the count.
    pub fn by(&self, bytes: u64) {
        let Some(line) = &self.line else { return };
        let before = self.done.fetch_add(bytes, Ordering::Relaxed);
        if before / STEP != (before + bytes) / STEP {
            line.beside.moving(|| line.text(before + bytes));
        }
    }

    /// Removes the line.
    pub fn finish(&self) {
        if let Some(line) = &self.line {
            line.beside.finish();
        }
    }
}

/// Removes the line, so that the next message starts in its place.
impl Drop for ByteProgress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// A byte source that counts bytes as they are read.
pub struct Counted {
    source: Box<dyn ByteSource>,
    moved: Arc<ByteProgress>,
}

impl Counted {
    /// Wraps the source of a command that reads the file `times` times.
    pub fn counting(
        source: Box<dyn ByteSource>,
        file: &Path,
        times: u64,
        out: Output,
    ) -> (Box<dyn ByteSource>, Arc<ByteProgress>) {
        let moved = Arc::new(ByteProgress::new(
            "read",
            file,
            source.size().saturating_mul(times),
            out,
        ));
        // In-memory sources are read without calls that could be counted.
        if moved.line.is_none() || source.bytes().is_some() {
            return (source, moved);
        }
        (
            Box::new(Self {
                source,
                moved: Arc::clone(&moved),
            }),
            moved,
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_is_said_plainly() {
        let line = Line::of(
            "read",
            Path::new("shop.pgseal"),
            103_500_000,
            Output {
                json: false,
                quiet: true,
                color: false,
            },
        );
        assert_eq!(line.text(46_999_999), "shop.pgseal: 46 of 103 MB read");
    }
}
