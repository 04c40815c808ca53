//! One gzip member (RFC 1952): written in one canonical way, read to its exact end.

use std::io::{self, BufRead, Read, Write};

use flate2::bufread::GzDecoder;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Reason why stored bytes are not the signed content.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum GzipError {
    /// Damaged, or not gzip.
    #[error("the gzip data can't be decompressed: {0}")]
    Damaged(#[from] io::Error),
    /// More bytes than signed; decompression stopped at the signed size.
    #[error("the gzip data holds more than its {0} signed bytes")]
    TooLong(u64),
    /// Fewer bytes than signed.
    #[error("the gzip data holds {found} bytes, {expected} are signed")]
    TooShort {
        /// Signed size in bytes.
        expected: u64,
        /// Actual size in bytes.
        found: u64,
    },
    /// Bytes after the member, such as a second one.
    #[error("{0} bytes follow the gzip member")]
    Trailing(u64),
}

/// Compresses without a name or time, with operating system "unknown": the same bytes on every
/// host.
pub fn compress(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut stored = Vec::new();
    compress_stream(&mut &*content, &mut stored)?;
    Ok(stored)
}

/// Bytes of input per call of the encoder. Its output depends on the points at which its window is
/// refilled: after 64 KiB, and then every 32 KiB. Whole pieces end exactly there, so the result
/// equals that of one big buffer, and that of already signed releases.
const PIECE: usize = 256 << 10;

/// Bytes of output per call of the encoder, for the same reason: it stops at the end of the output
/// buffer.
const ROOM: usize = 32 << 10;

/// RFC 1952, 2.3: deflate, no flags, no time, default level, unknown operating system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Compresses like [`compress`], from a stream, in memory that does not depend on the content's
/// size. Returns the content's size in bytes.
pub fn compress_stream(content: &mut impl Read, stored: &mut impl Write) -> io::Result<u64> {
    // docs/decisions/066
    let mut encoder = Compress::new(Compression::new(6), false);
    let (mut sum, mut piece, mut room) = (
        Crc::new(),
        Vec::with_capacity(PIECE),
        Vec::with_capacity(ROOM),
    );
    stored.write_all(&HEADER)?;
    loop {
        piece.clear();
        // Only the last piece may be shorter.
        content.take(PIECE as u64).read_to_end(&mut piece)?;
        sum.update(&piece);
        let mut rest = piece.as_slice();
        while !rest.is_empty() {
            if room.len() == ROOM {
                stored.write_all(&room)?;
                room.clear();
            }
            let before = encoder.total_in();
            encoder.compress_vec(rest, &mut room, FlushCompress::None)?;
            rest = &rest[(encoder.total_in() - before) as usize..];
        }
        if piece.len() < PIECE {
            break;
        }
    }
    loop {
        stored.write_all(&room)?;
        room.clear();
        let status = encoder.compress_vec(&[], &mut room, FlushCompress::Finish)?;
        if status == Status::StreamEnd {
            stored.write_all(&room)?;
            break;
        }
    }
    stored.write_all(&sum.sum().to_le_bytes())?;
    stored.write_all(&sum.amount().to_le_bytes())?;
    Ok(encoder.total_in())
}

/// Decompresses exactly one member of exactly `size` bytes.
pub fn decompress(stored: &[u8], size: u64) -> Result<Vec<u8>, GzipError> {
    let mut decoder = GzDecoder::new(stored);
    // Deflate expands at most 1032-fold (zlib's technical notes), so no claimed size reserves more
    // than that.
    let most = (stored.len() as u64).saturating_mul(1032);
    let mut content = Vec::with_capacity(size.min(most) as usize);
    decoder.by_ref().take(size).read_to_end(&mut content)?;
    ended(&mut decoder, content.len() as u64, size)?;
    match decoder.into_inner().len() {
        0 => Ok(content),
        rest => Err(GzipError::Trailing(rest as u64)),
    }
}

/// Decompresses like [`decompress`], from a reader, and passes the content to `take` piece by
/// piece. The caller knows the end of the stored bytes, and must check for trailing bytes itself.
pub fn decompress_stream(
    stored: &mut impl BufRead,
    size: u64,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), GzipError> {
    let mut decoder = GzDecoder::new(stored);
    let mut piece = vec![0; size.min(PIECE as u64) as usize];
    let mut left = size;
    while left > 0 {
        let most = left.min(PIECE as u64) as usize;
        let count = match decoder.read(&mut piece[..most]) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        take(&piece[..count])?;
        left -= count as u64;
    }
    ended(&mut decoder, size - left, size)
}

fn ended(decoder: &mut impl Read, found: u64, size: u64) -> Result<(), GzipError> {
    if found != size {
        return Err(GzipError::TooShort {
            expected: size,
            found,
        });
    }
    // One more read reaches the checksum in the trailer, and detects content beyond the signed
    // size.
    if decoder.read(&mut [0])? != 0 {
        return Err(GzipError::TooLong(size));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exactly_one_member_of_the_signed_size() {
        let content = b"select 1;\n".repeat(10_000);
        let stored = compress(&content).expect("memory");
        let size = content.len() as u64;
        assert_eq!(decompress(&stored, size).expect("whole"), content);
        assert!(matches!(
            decompress(&stored, size - 1),
            Err(GzipError::TooLong(_))
        ));
        assert!(matches!(
            decompress(&stored, size + 1),
            Err(GzipError::TooShort { .. })
        ));
        let twice = [stored.clone(), stored.clone()].concat();
        assert!(matches!(
            decompress(&twice, size),
            Err(GzipError::Trailing(_))
        ));
        assert!(decompress(&stored[..stored.len() - 1], size).is_err());
        assert_eq!(&stored[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    }

    /// `compress` as it was before it worked on streams: a signed release must always pack to the
    /// same bytes.
    fn by_the_whole(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(content).expect("memory");
        encoder.finish().expect("memory")
    }

    /// Reader that returns at most this many bytes per call.
    struct Drips<'c>(&'c [u8], usize);

    impl Read for Drips<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let most = out.len().min(self.1);
            self.0.read(&mut out[..most])
        }
    }

    /// Words, noise and long runs, alternating with changing lengths.
    fn content(size: usize, seed: u64) -> Vec<u8> {
        let mut state = seed | 1;
        let mut random = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut content = Vec::with_capacity(size + 70_000);
        while content.len() < size {
            let length = random(60_000) as usize;
            let end = content.len() + length;
            match random(4) {
                0 => content.resize(end, random(256) as u8),
                1 => (0..length).for_each(|_| content.push(random(256) as u8)),
                2 if !content.is_empty() => {
                    let from = random(content.len() as u64) as usize;
                    let again = content[from..content.len().min(from + length)].to_vec();
                    content.extend(again);
                }
                _ => {
                    while content.len() < end {
                        let word = random(500);
                        content.extend(
                            format!("{}\tw{word} {:x}\n", word * 7, random(1 << (word % 32)))
                                .into_bytes(),
                        );
                    }
                }
            }
        }
        content.truncate(size);
        content
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_stream_gives_the_bytes_of_the_whole(size in 0_usize..1_500_000, seed: u64, drip in 1_usize..200_000) {
            let content = content(size, seed);
            let whole = by_the_whole(&content);
            let mut stored = Vec::new();
            let count = compress_stream(&mut Drips(&content, drip), &mut stored).expect("memory");
            prop_assert_eq!(count, content.len() as u64);
            prop_assert!(stored == whole, "{} and {} bytes", stored.len(), whole.len());
            let mut again = Vec::new();
            let stored = &mut stored.as_slice();
            decompress_stream(stored, count, |piece| again.write_all(piece)).expect("whole");
            prop_assert!(again == content && stored.is_empty());
        }
    }

    #[test]
    fn sizes_around_the_window() {
        for near in [
            0,
            1 << 15,
            1 << 16,
            3 << 15,
            PIECE,
            PIECE + (1 << 15),
            2 * PIECE,
        ] {
            for size in near.saturating_sub(263)..near + 3 {
                let content = content(size, size as u64 + 1);
                assert!(
                    compress(&content).expect("memory") == by_the_whole(&content),
                    "{size}"
                );
            }
        }
    }
}
