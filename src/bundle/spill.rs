//! A buffer for compressed files until the statement is known, which comes before them in the
//! bundle.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keeps a few bytes in memory and the rest in an unnamed file. No other process can open the file,
/// and it disappears with this process, however it ends.
pub struct Spill {
    /// The directory of the file; without one everything stays in memory.
    dir: Option<PathBuf>,
    file: OnceLock<File>,
    /// Bytes that may still stay in memory.
    room: AtomicU64,
    end: AtomicU64,
}

/// Most bytes in memory of all files together.
const IN_MEMORY: u64 = 8 << 20;

/// Size in bytes of a chunk, which goes to memory or to the file.
const CHUNK: usize = 256 << 10;

impl Spill {
    /// Keeps everything in memory.
    pub fn in_memory() -> Self {
        Self::new(None)
    }

    /// Keeps more than a few megabytes in the directory of `path`, which has room for the bundle.
    pub fn in_dir_of(path: &Path) -> Self {
        let dir = path
            .parent()
            .filter(|dir| !dir.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        Self::new(Some(dir.to_owned()))
    }

    fn new(dir: Option<PathBuf>) -> Self {
        Self {
            dir,
            file: OnceLock::new(),
            room: AtomicU64::new(IN_MEMORY),
            end: AtomicU64::new(0),
        }
    }

    /// Starts a writer for one file; several may write at the same time.
    pub(super) fn begin(&self) -> Spilling<'_> {
        Spilling {
            spill: self,
            kept: Spilled::default(),
            chunk: Vec::new(),
        }
    }

    fn keep(&self, chunk: &mut Vec<u8>) -> io::Result<Place> {
        let length = chunk.len() as u64;
        let fits = |room: u64| room.checked_sub(length);
        let Some(dir) = &self.dir else {
            return Ok(Place::Memory(std::mem::take(chunk)));
        };
        if self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
        {
            return Ok(Place::Memory(std::mem::take(chunk)));
        }
        let file = match self.file.get() {
            Some(file) => file,
            None => {
                // If two threads arrive at once, the file of one is used and the other is dropped.
                let file = tempfile::tempfile_in(dir)?;
                self.file.get_or_init(|| file)
            }
        };
        let at = self.end.fetch_add(length, Ordering::Relaxed);
        file.write_all_at(chunk, at)?;
        chunk.clear();
        Ok(Place::File(at, length))
    }
}

/// A writer of one file's bytes.
pub(super) struct Spilling<'s> {
    spill: &'s Spill,
    kept: Spilled,
    chunk: Vec<u8>,
}

impl Spilling<'_> {
    /// Finishes writing and returns the location of the bytes.
    pub(super) fn end(mut self) -> io::Result<Spilled> {
        if !self.chunk.is_empty() {
            self.chunk.shrink_to_fit();
            self.kept.0.push(self.spill.keep(&mut self.chunk)?);
        }
        Ok(self.kept)
    }
}

impl Write for Spilling<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.len() + bytes.len() > CHUNK && !self.chunk.is_empty() {
            self.kept.0.push(self.spill.keep(&mut self.chunk)?);
        }
        self.chunk.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The location of one file's bytes.
#[derive(Default)]
pub(super) struct Spilled(Vec<Place>);

enum Place {
    Memory(Vec<u8>),
    File(u64, u64),
}

impl Spilled {
    /// Passes all bytes to `out`.
    pub(super) fn copy(
        &self,
        spill: &Spill,
        mut out: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut buffer = Vec::new();
        for place in &self.0 {
            match place {
                Place::Memory(bytes) => out(bytes)?,
                Place::File(at, length) => {
                    let file = spill
                        .file
                        .get()
                        .ok_or_else(|| io::Error::other("nothing was written"))?;
                    buffer.resize(usize::try_from(*length).map_err(io::Error::other)?, 0);
                    file.read_exact_at(&mut buffer, *at)?;
                    out(&buffer)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_taken_at_the_same_time_come_back_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        for spill in [
            Spill::in_memory(),
            Spill::in_dir_of(&dir.path().join("bundle")),
        ] {
            let fill = |byte: u8| {
                let mut spilling = spill.begin();
                (0..200).for_each(|_| spilling.write_all(&[byte; 30_001]).expect("room"));
                spilling.end().expect("room")
            };
            let spilled = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|byte| scope.spawn(move || fill(byte))).collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().expect("no panic"))
                    .collect::<Vec<_>>()
            });
            for (byte, spilled) in (0..4).zip(&spilled) {
                let mut bytes = Vec::new();
                let copied = spilled.copy(&spill, |piece| {
                    bytes.extend_from_slice(piece);
                    Ok(())
                });
                copied.expect("read");
                assert!(bytes == vec![byte; 200 * 30_001]);
            }
            let in_memory = spilled
                .iter()
                .flat_map(|spilled| &spilled.0)
                .filter_map(|place| match place {
                    Place::Memory(bytes) => Some(bytes.len() as u64),
                    Place::File(..) => None,
                });
            let in_memory: u64 = in_memory.sum();
            assert_eq!(in_memory > IN_MEMORY, spill.dir.is_none(), "{in_memory}");
            assert_eq!(
                std::fs::read_dir(dir.path()).expect("a directory").count(),
                0,
                "its file has no name"
            );
        }
    }
}
