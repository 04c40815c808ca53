//! SSH's wire formats used by pgseal: strings (RFC 4251, section 5; RFC 4253, section 6.6), Ed25519
//! keys and signatures (RFC 8709, sections 4 and 6). Parsing is strict: exact names, exact lengths,
//! no trailing bytes.

use super::public_key::{PublicKey, PublicKeyError};

/// SSH name of the one algorithm (RFC 8709).
pub const ED25519: &str = "ssh-ed25519";

/// Reader that consumes bytes from the front. Its methods return `None` if there are too few bytes.
pub struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    /// Starts at the first byte.
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// The next four bytes as a number (RFC 4251, section 5: uint32).
    pub fn number(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*first))
    }

    /// The next string: four bytes of length, then the bytes.
    pub fn string(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string)
    }

    /// True if every byte was consumed.
    pub fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends a string: four bytes of length, then the bytes.
pub fn put_string(out: &mut Vec<u8>, string: &[u8]) {
    // pgseal writes strings far below 4 GiB; the agent's own limit is 256 KiB.
    out.extend_from_slice(&(string.len() as u32).to_be_bytes());
    out.extend_from_slice(string);
}

/// Encodes `string "ssh-ed25519", string key` (RFC 8709, section 4).
pub fn key_blob(key: &PublicKey) -> Vec<u8> {
    let mut blob = Vec::new();
    put_string(&mut blob, ED25519.as_bytes());
    put_string(&mut blob, key.as_bytes());
    blob
}

/// Decodes the key of such a blob.
pub fn key_of_blob(blob: &[u8]) -> Result<PublicKey, PublicKeyError> {
    let bytes = pair(blob).ok_or_else(|| {
        PublicKeyError::NotEd25519("the key's bytes are not those of RFC 8709".into())
    });
    PublicKey::from_bytes(bytes?)
}

/// Decodes the signature of `string "ssh-ed25519", string signature` (RFC 8709, section 6).
pub fn signature_of_blob(blob: &[u8]) -> Option<[u8; 64]> {
    pair(blob).copied()
}

/// The second of exactly two strings, of which the first is the algorithm's name.
fn pair<const N: usize>(blob: &[u8]) -> Option<&[u8; N]> {
    let mut reader = Reader::new(blob);
    let (name, value) = (reader.string()?, reader.string()?);
    if name == ED25519.as_bytes() && reader.is_at_end() {
        value.try_into().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::signer::SecretKey;
    use proptest::prelude::*;

    #[test]
    fn a_blob_has_one_spelling() {
        let key = SecretKey::generate().expect("random").public_key();
        let blob = key_blob(&key);
        assert_eq!(key_of_blob(&blob).expect("a key"), key);
        assert!(
            key_of_blob(&[&blob[..], b"x"].concat()).is_err(),
            "trailing bytes"
        );
        for end in 0..blob.len() {
            assert!(key_of_blob(&blob[..end]).is_err(), "cut off at {end}");
        }
        let mut other = Vec::new();
        put_string(&mut other, b"ssh-rsa");
        put_string(&mut other, key.as_bytes());
        assert!(
            key_of_blob(&other).is_err(),
            "another algorithm of the same length"
        );
        assert!(signature_of_blob(&blob).is_none(), "a key is no signature");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = key_of_blob(&bytes);
            let _ = signature_of_blob(&bytes);
        }

        #[test]
        fn strings_round_trip(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..5)) {
            let mut bytes = Vec::new();
            parts.iter().for_each(|part| put_string(&mut bytes, part));
            let mut reader = Reader::new(&bytes);
            for part in &parts {
                prop_assert_eq!(reader.string(), Some(&part[..]));
            }
            prop_assert!(reader.is_at_end());
        }
    }
}
