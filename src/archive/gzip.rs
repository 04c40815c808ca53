//! One gzip member (RFC 1952), written one way, read to its exact end.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

/// Why stored bytes are not the content they promise.
#[derive(Debug, thiserror::Error)]
pub enum GzipError {
    /// Damaged, or not gzip.
    #[error("the gzip data can't be decompressed: {0}")]
    Damaged(#[from] io::Error),
    /// Decompression stopped at the signed size.
    #[error("the gzip data holds more than its {0} signed bytes")]
    TooLong(u64),
    /// Fewer bytes than signed.
    #[error("the gzip data holds {found} bytes, {expected} are signed")]
    TooShort {
        /// The signed size.
        expected: u64,
        /// The size that was there.
        found: u64,
    },
    /// A second member, or anything else, follows.
    #[error("{0} bytes follow the gzip member")]
    Trailing(usize),
}

/// Compresses. No name, no time, the operating system "unknown": the same bytes on every host.
pub fn compress(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(content)?;
    encoder.finish()
}

/// Decompresses exactly one member of exactly `size` bytes.
pub fn decompress(stored: &[u8], size: u64) -> Result<Vec<u8>, GzipError> {
    let mut decoder = GzDecoder::new(stored);
    // Deflate makes at most 1032 bytes of one (zlib's technical notes), so no claimed size reserves more than that.
    let most = (stored.len() as u64).saturating_mul(1032);
    let mut content = Vec::with_capacity(size.min(most) as usize);
    decoder.by_ref().take(size).read_to_end(&mut content)?;
    if content.len() as u64 != size {
        return Err(GzipError::TooShort { expected: size, found: content.len() as u64 });
    }
    // One more read reaches the checksum in the trailer, and shows whether there is more than was signed.
    if decoder.read(&mut [0])? != 0 {
        return Err(GzipError::TooLong(size));
    }
    match decoder.into_inner().len() {
        0 => Ok(content),
        rest => Err(GzipError::Trailing(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_member_of_the_signed_size() {
        let content = b"select 1;\n".repeat(10_000);
        let stored = compress(&content).expect("memory");
        let size = content.len() as u64;
        assert_eq!(decompress(&stored, size).expect("whole"), content);
        assert!(matches!(decompress(&stored, size - 1), Err(GzipError::TooLong(_))));
        assert!(matches!(decompress(&stored, size + 1), Err(GzipError::TooShort { .. })));
        let twice = [stored.clone(), stored.clone()].concat();
        assert!(matches!(decompress(&twice, size), Err(GzipError::Trailing(_))));
        assert!(decompress(&stored[..stored.len() - 1], size).is_err());
        assert_eq!(&stored[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    }
}
