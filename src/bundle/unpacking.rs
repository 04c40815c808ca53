//! A large script's content, decompressed beside whoever reads it: a server takes rows while the next ones are unpacked.
//!
//! The stored bytes are in memory and have their signed digest, so whatever happens to the file, what comes out of them is
//! what was signed. The content's own digest is known at its end: until it holds, the last piece is not given out, and then
//! reading fails.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::contents::ContentError;
use pgseal_verify::archive::gzip::{self, GzipError};
use pgseal_verify::digest::Hasher;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::File;

/// Contents of at least so many bytes are worth a thread.
pub(super) const WORTH_BYTES: u64 = 1 << 20;

/// How many pieces are unpacked ahead; each has at most 256 KiB.
const AHEAD: usize = 8;

enum Piece {
    Bytes(Vec<u8>),
    /// Everything was given out, and is what was signed.
    End,
    Failed(ContentError),
}

/// Reads a content that is being unpacked. Who reads less than all of it ends the unpacking by dropping this.
pub(super) struct Unpacking {
    pieces: Receiver<Piece>,
    piece: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Unpacking {
    /// Begins to unpack `stored`, whose digest was compared.
    pub fn begin(stored: Vec<u8>, file: &File) -> io::Result<Self> {
        // docs/decisions/068
        let (send, pieces) = sync_channel(AHEAD);
        let file = file.clone();
        thread::Builder::new().name("unpack".to_owned()).spawn(move || {
            let last = match unpack(&stored, &file, &send) {
                Ok(()) => Piece::End,
                Err(error) => Piece::Failed(error),
            };
            // Nobody listens any more where a script ended early.
            let _ = send.send(last);
        })?;
        Ok(Self { pieces, piece: Vec::new(), at: 0, ended: false })
    }
}

impl Read for Unpacking {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() && !self.ended {
            match self.pieces.recv() {
                Ok(Piece::Bytes(piece)) => (self.piece, self.at) = (piece, 0),
                Ok(Piece::End) => self.ended = true,
                Ok(Piece::Failed(error)) => return Err(io::Error::other(error)),
                // After a failure, or when the thread died: never the end of the content.
                Err(_) => return Err(io::Error::other("the content was not unpacked to its end")),
            }
        }
        let count = (&self.piece[self.at..]).read(out)?;
        self.at += count;
        Ok(count)
    }
}

fn unpack(stored: &[u8], file: &File, to: &SyncSender<Piece>) -> Result<(), ContentError> {
    let give = |piece| to.send(Piece::Bytes(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into());
    let failed = |source| ContentError::Gzip { path: EntryPath::clone(&file.path), source };
    let (mut rest, mut hasher, mut held) = (stored, Hasher::default(), Vec::new());
    gzip::decompress_stream(&mut rest, file.size, |piece| {
        hasher.update(piece);
        let before = std::mem::replace(&mut held, piece.to_vec());
        if before.is_empty() { Ok(()) } else { give(before) }
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
        File { path, stored: Stored::Gzip, size: content.len() as u64, sha256: Digest::of(content) }
    }

    fn rows() -> Vec<u8> {
        (0..200_000).flat_map(|n| format!("{n}\trow {}\n", n * 7).into_bytes()).collect()
    }

    /// What is read, and why it ended.
    fn read(stored: Vec<u8>, file: &File) -> (Vec<u8>, Option<String>) {
        let mut content = Vec::new();
        let ended = Unpacking::begin(stored, file).expect("a thread").read_to_end(&mut content);
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
            // The last piece stays back: no reader ever has all of it.
            assert!(content.len() < rows.len() && rows.starts_with(&content), "{says}");
        }
    }

    #[test]
    fn a_failure_stays_a_failure() {
        let rows = rows();
        let mut other = file(&rows);
        other.sha256 = Digest::of(b"another");
        let mut reader = Unpacking::begin(gzip::compress(&rows).expect("memory"), &other).expect("a thread");
        reader.read_to_end(&mut Vec::new()).expect_err("another content");
        reader.read(&mut [0; 10]).expect_err("still");
    }

    #[test]
    fn who_stops_reading_ends_it() {
        let rows = rows();
        let mut reader = Unpacking::begin(gzip::compress(&rows).expect("memory"), &file(&rows)).expect("a thread");
        let mut first = [0; 9];
        reader.read_exact(&mut first).expect("the beginning");
        assert_eq!(&first, b"0\trow 0\n1");
    }
}
