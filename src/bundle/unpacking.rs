//! Decompresses a large script in parallel with its reader: a server takes rows while the next ones
//! are decompressed.
//!
//! The stored bytes are in memory and have their signed digest, so later changes of the file have
//! no effect. The digest of the content is known only at its end. The last piece is held back until
//! the digest matches; otherwise reading fails.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::contents::ContentError;
use pgseal_verify::archive::gzip::{self, GzipError};
use pgseal_verify::digest::Hasher;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::File;

/// Smallest content in bytes that justifies a thread.
pub(super) const WORTH_BYTES: u64 = 1 << 20;

/// Pieces decompressed ahead; each has at most 256 KiB.
const AHEAD: usize = 8;

enum Piece {
    Bytes(Vec<u8>),
    /// All pieces were passed on and the digest matches.
    End,
    Failed(ContentError),
}

/// Reads a content while it is decompressed. Dropping it early ends the decompression.
pub(super) struct Unpacking {
    pieces: Receiver<Piece>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Unpacking {
    /// Starts decompressing `stored`, whose digest was checked.
    pub fn begin(stored: Vec<u8>, file: &File) -> io::Result<Self> {
        // docs/decisions/068
        let (send, pieces) = sync_channel(AHEAD);
        let file = file.clone();
        thread::Builder::new()
            .name("unpack".to_owned())
            .spawn(move || {
                let last = match unpack(&stored, &file, &send) {
                    Ok(()) => Piece::End,
                    Err(error) => Piece::Failed(error),
                };
                // The receiver is gone if the script ended early.
                let _ = send.send(last);
            })?;
        Ok(Self {
            pieces,
            piece: Vec::new(),
            at: 0,
            ended: false,
        })
    }
}

impl Read for Unpacking {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() && !self.ended {
            match self.pieces.recv() {
                Ok(Piece::Bytes(piece)) => (self.piece, self.at) = (piece, 0),
                Ok(Piece::End) => self.ended = true,
                Ok(Piece::Failed(error)) => return Err(io::Error::other(error)),
                // After a failure, or if the thread died: never the end of the content.
                Err(_) => return Err(io::Error::other("the content was not unpacked to its end")),
            }
        }
        let count = (&self.piece[self.at..]).read(out)?;
        self.at += count;
        Ok(count)
    }
}

fn unpack(stored: &[u8], file: &File, to: &SyncSender<Piece>) -> Result<(), ContentError> {
    let give = |piece| {
        to.send(Piece::Bytes(piece))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    };
    let failed = |source| ContentError::Gzip {
        path: EntryPath::clone(&file.path),
        source,
    };
    let (mut rest, mut hasher, mut held) = (stored, Hasher::default(), Vec::new());
    gzip::decompress_stream(&mut rest, file.size, |piece| {
        hasher.update(piece);
        let before = std::mem::replace(&mut held, piece.to_vec());
        if before.is_empty() {
            Ok(())
        } else {
            give(before)
        }
    })
    .map_err(failed)?;
    if !rest.is_empty() {
        return Err(failed(GzipError::Trailing(rest.len() as u64)));
    }
    if hasher.finish() != file.sha256 {
        return Err(ContentError::Content(file.path.clone()));
    }
    give(held).map_err(|error| failed(GzipError::Damaged(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgseal_verify::digest::Digest;
    use pgseal_verify::format::manifest::Stored;

    fn file(content: &[u8]) -> File {
        let path = "data/rows.tsv".parse().expect("in the grammar");
        File {
            path,
            stored: Stored::Gzip,
            size: content.len() as u64,
            sha256: Digest::of(content),
        }
    }

    fn rows() -> Vec<u8> {
        (0..200_000)
            .flat_map(|n| format!("{n}\trow {}\n", n * 7).into_bytes())
            .collect()
    }

    /// The content read, and the error that ended it.
    fn read(stored: Vec<u8>, file: &File) -> (Vec<u8>, Option<String>) {
        let mut content = Vec::new();
        let ended = Unpacking::begin(stored, file)
            .expect("a thread")
            .read_to_end(&mut content);
        (content, ended.err().map(|error| error.to_string()))
    }

    #[test]
    fn a_whole_content() {
        let rows = rows();
        assert!(rows.len() as u64 > WORTH_BYTES);
        assert!(read(gzip::compress(&rows).expect("memory"), &file(&rows)) == (rows, None));
    }

    #[test]
    fn what_is_not_the_signed_content_has_no_end() {
        let rows = rows();
        let stored = gzip::compress(&rows).expect("memory");
        let mut other = file(&rows);
        other.sha256 = Digest::of(b"another");
        let mut longer = file(&rows);
        longer.size += 1;
        let mut shorter = file(&rows);
        shorter.size -= 1;
        let cut = stored[..stored.len() - 9].to_vec();
        let more = [&stored[..], b"\0"].concat();
        for (stored, file, says) in [
            (stored.clone(), &other, "is not the signed content"),
            (stored.clone(), &longer, "are signed"),
            (stored, &shorter, "holds more than"),
            (cut, &self::file(&rows), "can't be decompressed"),
            (more, &self::file(&rows), "1 bytes follow"),
        ] {
            let (content, why) = read(stored, file);
            let why = why.unwrap_or_else(|| panic!("{says}: it was read to its end"));
            assert!(why.contains(says), "{why}");
            // The last piece is held back: no reader ever has all of it.
            assert!(
                content.len() < rows.len() && rows.starts_with(&content),
                "{says}"
            );
        }
    }

    #[test]
    fn a_failure_stays_a_failure() {
        let rows = rows();
        let mut other = file(&rows);
        other.sha256 = Digest::of(b"another");
        let mut reader =
            Unpacking::begin(gzip::compress(&rows).expect("memory"), &other).expect("a thread");
        reader
            .read_to_end(&mut Vec::new())
            .expect_err("another content");
        reader.read(&mut [0; 10]).expect_err("still");
    }

    #[test]
    fn who_stops_reading_ends_it() {
        let rows = rows();
        let mut reader = Unpacking::begin(gzip::compress(&rows).expect("memory"), &file(&rows))
            .expect("a thread");
        let mut first = [0; 9];
        reader.read_exact(&mut first).expect("the beginning");
        assert_eq!(&first, b"0\trow 0\n1");
    }
}
