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

/// A byte counter for any thread, with the line `shop.pgseal: 46 of 103 MB read`. It is silent
/// without a terminal and below `LARGE` bytes.
pub struct ByteProgress {
    notifier: Option<Notifier>,
    file: String,
    /// The end of the line: ` of 103 MB read`.
    of_all: String,
    done: AtomicU64,
}

impl ByteProgress {
    /// `what` is the verb for the `all` bytes of a file: "read", "packed".
    pub fn new(what: &str, file: &Path, all: u64, out: Output) -> Self {
        Self {
            notifier: (all >= LARGE).then(|| Notifier::drawing(out)),
            file: display_path(file),
            of_all: format!(" of {} MB {what}", all / 1_000_000),
            done: AtomicU64::new(0),
        }
    }

    /// Adds to the count.
    pub fn by(&self, bytes: u64) {
        let Some(notifier) = &self.notifier else {
            return;
        };
        let before = self.done.fetch_add(bytes, Ordering::Relaxed);
        let done = before + bytes;
        if before / STEP != done / STEP {
            notifier.moving(|| self.line(done));
        }
    }

    fn line(&self, done: u64) -> String {
        format!("{}: {}{}", self.file, done / 1_000_000, self.of_all)
    }

    /// Removes the line.
    pub fn finish(&self) {
        if let Some(notifier) = &self.notifier {
            notifier.finish();
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
        let all = source.size().saturating_mul(times);
        let moved = Arc::new(ByteProgress::new("read", file, all, out));
        // In-memory sources are read without calls that could be counted.
        if moved.notifier.is_none() || source.bytes().is_some() {
            return (source, moved);
        }
        let counted = moved.clone();
        let source = Box::new(Self {
            source,
            moved: counted,
        });
        (source, moved)
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
    fn the_line_counts_megabytes() {
        let out = Output {
            json: false,
            quiet: true,
            color: false,
            color_messages: false,
        };
        let progress = ByteProgress::new("read", Path::new("shop.pgseal"), 103_500_000, out);
        let line = progress.line(46_999_999);
        assert_eq!(line, "shop.pgseal: 46 of 103 MB read");
    }
}
