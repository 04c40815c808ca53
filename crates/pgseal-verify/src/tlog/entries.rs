//! Entry bundles (C2SP tlog-tiles): up to 256 entries, each after its length in two bytes.

/// Maximum size of an entry in bytes.
pub const MOST_BYTES: usize = u16::MAX as usize;

/// Reason why entries cannot be encoded, or bytes cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum EntriesError {
    /// An entry beyond the maximum size.
    #[error("an entry has {0} bytes, at most {MOST_BYTES} are allowed")]
    TooLong(usize),
    /// Bytes that end within an entry.
    #[error("it is cut off within an entry")]
    Cut,
}

/// Encodes entries as a bundle.
pub fn encode<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, EntriesError> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| EntriesError::TooLong(entry.len()))?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// Decodes the entries of a bundle.
pub fn decode(mut bytes: &[u8]) -> Result<Vec<&[u8]>, EntriesError> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk().ok_or(EntriesError::Cut)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, rest) = rest.split_at_checked(length).ok_or(EntriesError::Cut)?;
        entries.push(entry);
        bytes = rest;
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_undoes_writing() {
        let entries: [&[u8]; 3] = [b"a", b"", &[7; 300]];
        let bytes = encode(entries).expect("short");
        assert_eq!(&bytes[..5], b"\0\x01a\0\0");
        assert_eq!(decode(&bytes).expect("whole"), entries);
        for cut in [1, 2, 4, bytes.len() - 1] {
            assert_eq!(decode(&bytes[..cut]), Err(EntriesError::Cut), "{cut}");
        }
        assert_eq!(
            encode([&[0; 1 << 16][..]]),
            Err(EntriesError::TooLong(1 << 16))
        );
        assert!(encode([&[0; MOST_BYTES][..]]).is_ok());
    }
}
