//! The one permitted header of a member of a given name and size (FORMAT.md 2.2).

use tar::{EntryType, Header};

use super::BLOCK;
use crate::entry_path::{EntryPath, EntryPathError};
use crate::limits;

/// Reason why 512 bytes are not a header.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum HeaderError {
    /// A size beyond eleven octal digits, as GNU tar writes it.
    #[error("the member has 8 GiB or more, the format holds less")]
    TooLarge,
    /// A size that is not eleven octal digits and a NUL.
    #[error("the size field is not eleven octal digits")]
    Size,
    /// A name that is not text.
    #[error("the name field is not ASCII")]
    NameEncoding,
    /// A name outside the grammar.
    #[error(transparent)]
    Name(#[from] EntryPathError),
    /// Another encoding of the same name and size: PAX, GNU, links, owners, times, modes, checksum,
    /// magic.
    #[error("the header of {path:?} differs from its one permitted form at byte {at}")]
    Form {
        /// Name of the member.
        path: EntryPath,
        /// First differing byte, within the header.
        at: usize,
    },
}

/// Position of the checksum in a header.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// Encodes the header of a member. The size must be at most [`limits::MEMBER_BYTES`].
pub fn encode(path: &EntryPath, size: u64) -> [u8; BLOCK] {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    if let Some(ustar) = header.as_ustar_mut() {
        ustar.name[..path.as_str().len()].copy_from_slice(path.as_str().as_bytes());
        // Each field has the form of GNU tar with --format=ustar, so that GNU tar repacks a bundle
        // to the same bytes.
        ustar.mode = *b"0000644\0";
        ustar.uid = *b"0000000\0";
        ustar.gid = *b"0000000\0";
        ustar
            .size
            .copy_from_slice(format!("{size:011o}\0").as_bytes());
        ustar.mtime = *b"00000000000\0";
        ustar.dev_major = *b"0000000\0";
        ustar.dev_minor = *b"0000000\0";
    }
    let sum = checksum(header.as_bytes());
    if let Some(ustar) = header.as_ustar_mut() {
        ustar
            .cksum
            .copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    *header.as_bytes()
}

/// Decodes a header, and requires that the result encodes to the same bytes.
pub fn decode(bytes: &[u8; BLOCK]) -> Result<(EntryPath, u64), HeaderError> {
    let header = Header::from_byte_slice(bytes);
    let fields = header.as_old();
    let end = fields
        .name
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(fields.name.len());
    let name = std::str::from_utf8(&fields.name[..end]).map_err(|_| HeaderError::NameEncoding)?;
    let path: EntryPath = name.parse()?;
    let too_large = binary(&fields.size).is_some_and(|size| size > limits::MEMBER_BYTES);
    let size = octal(&fields.size).ok_or(if too_large {
        HeaderError::TooLarge
    } else {
        HeaderError::Size
    })?;
    let again = encode(&path, size);
    let differs = |at: &usize| again[*at] != bytes[*at];
    // The checksum differs whenever another byte does; that other byte is more informative.
    match (0..BLOCK)
        .filter(differs)
        .find(|at| !CHECKSUM.contains(at))
        .or_else(|| CHECKSUM.into_iter().find(differs))
    {
        Some(at) => Err(HeaderError::Form { path, at }),
        None => Ok((path, size)),
    }
}

/// The sum of all bytes, with the checksum field itself taken as blanks (POSIX.1-1988).
fn checksum(bytes: &[u8; BLOCK]) -> u32 {
    let others = bytes
        .iter()
        .enumerate()
        .filter(|(at, _)| !CHECKSUM.contains(at));
    others.map(|(_, byte)| u32::from(*byte)).sum::<u32>() + u32::from(b' ') * CHECKSUM.len() as u32
}

/// Whether the checksum of a header of any program holds.
pub fn has_checksum(bytes: &[u8; BLOCK]) -> bool {
    Header::from_byte_slice(bytes)
        .cksum()
        .is_ok_and(|sum| sum == checksum(bytes))
}

/// The number of a field of eleven octal digits and a NUL.
pub fn octal(field: &[u8; 12]) -> Option<u64> {
    let (digits, end) = field.split_at(11);
    let value = digits.iter().try_fold(0_u64, |value, digit| match digit {
        b'0'..=b'7' => Some(value << 3 | u64::from(digit - b'0')),
        _ => None,
    })?;
    (end == [0] && value <= limits::MEMBER_BYTES).then_some(value)
}

/// GNU tar's size field of a file of 8 GiB or more: a first byte that is not a digit, then the
/// binary number.
fn binary(field: &[u8; 12]) -> Option<u64> {
    let number = field.strip_prefix(&[0x80, 0, 0, 0])?;
    Some(
        number
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_flipped_bit_is_another_member_or_none() {
        let path: EntryPath = "executor/a.sql".parse().expect("path");
        let header = encode(&path, 9);
        for bit in 0..BLOCK * 8 {
            let mut flipped = header;
            flipped[bit / 8] ^= 1 << (bit % 8);
            // The checksum covers every single bit.
            assert!(decode(&flipped).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn eight_gib_are_too_large() {
        let path: EntryPath = "data/a.bin".parse().expect("path");
        assert!(decode(&encode(&path, limits::MEMBER_BYTES)).is_ok());
        let mut header = Header::from_byte_slice(&encode(&path, 0)).clone();
        header.set_size(limits::MEMBER_BYTES + 1);
        header.set_cksum();
        assert!(matches!(
            decode(header.as_bytes()),
            Err(HeaderError::TooLarge)
        ));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(path in "[a-zA-Z0-9_][a-z.+@=-]{0,30}(/[a-z]{1,10}){0,3}", size in 0..=limits::MEMBER_BYTES) {
            let path: EntryPath = path.parse().expect("in the grammar");
            let (again, bytes) = decode(&encode(&path, size)).expect("canonical");
            prop_assert_eq!((again, bytes), (path, size));
        }

        #[test]
        fn any_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), BLOCK)) {
            let block: [u8; BLOCK] = bytes.try_into().expect("512 bytes");
            prop_assert!(decode(&block).is_err());
        }
    }
}
