//! Checkpoints (C2SP tlog-checkpoint): what a log was at some size, as a signed note.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::path::Path;

use base64ct::{Base64, Encoding};

use super::CHECKPOINT;
use super::stored::file_below;
use crate::digest::Digest;
use crate::trust::note::{self, NoteError, NoteText, SignedNote};
use crate::trust::root::{SignatureError, name};
use crate::trust::signer::SignerError;
use crate::trust::{KeyId, Signer, TrustRoot};

/// A checkpoint that nobody has checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    note: SignedNote,
    head: Head,
}

/// What a checkpoint says; it is believed where it is a [`TrustedHead`]'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    origin: String,
    size: u64,
    root: Digest,
}

/// What a log was, as one of its keys has signed. Only [`Checkpoint::authenticate`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedHead {
    head: Head,
    key: KeyId,
}

/// Why a text is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It can't be read.
    #[error("can't be read: {0}")]
    Io(#[from] io::Error),
    /// Not a signed note.
    #[error("not a checkpoint: {0}")]
    Note(#[from] NoteError),
    /// A note with another text.
    #[error("not a checkpoint: {0}")]
    Form(&'static str),
}

impl Checkpoint {
    /// Reads a checkpoint. Lines behind the third are kept, and mean nothing here.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = SignedNote::parse(bytes)?;
        let head = Head::parse(note.text().as_str())?;
        Ok(Self { note, head })
    }

    /// Reads the checkpoint of the log in a directory: it lies there itself, and is no link.
    pub fn of(dir: &Path) -> Result<Self, CheckpointError> {
        Self::read_from(file_below(dir, CHECKPOINT)?)
    }

    /// Reads a checkpoint that somebody kept.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file").into());
        }
        Self::read_from(File::open(path)?)
    }

    fn read_from(file: File) -> Result<Self, CheckpointError> {
        let mut bytes = Vec::new();
        file.take(note::MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        Self::parse(&bytes)
    }

    /// Signs what a log is. The key's name is the origin.
    pub fn sign(origin: &str, size: u64, root: Digest, signer: &dyn Signer) -> Result<Self, SignCheckpointError> {
        if !note::is_name(origin) {
            return Err(SignCheckpointError::Origin(origin.to_owned()));
        }
        let head = Head { origin: origin.to_owned(), size, root };
        let text = NoteText::new(format!("{origin}\n{size}\n{}\n", Base64::encode_string(root.as_bytes())));
        let text = text.map_err(|_| SignCheckpointError::Origin(origin.to_owned()))?;
        Ok(Self { note: SignedNote::sign(text, origin, signer)?, head })
    }

    /// With the signature of a `log` key of the trust root over it. Witnesses' signatures are neither needed nor checked.
    pub fn authenticate(&self, root: &TrustRoot) -> Result<TrustedHead, SignatureError> {
        let signers = root.note_signers(&name("log"), &self.head.origin, &self.note)?;
        let role = name("log");
        let none = || SignatureError::Threshold { role, counted: 0, threshold: 1, why: Vec::new() };
        let key = signers.into_iter().next().ok_or_else(none)?;
        Ok(TrustedHead { head: self.head.clone(), key })
    }
}

impl Deref for Checkpoint {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

impl Deref for TrustedHead {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

impl fmt::Display for Checkpoint {
    /// The file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.note, f)
    }
}

/// Why there is no new checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum SignCheckpointError {
    /// A name that no note's key can have.
    #[error("{0:?} is no origin: not empty, without blanks, control characters and +, like example.com/releases")]
    Origin(String),
    /// The key doesn't sign.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

impl TrustedHead {
    /// Who signed that.
    pub fn key(&self) -> KeyId {
        self.key
    }
}

impl Head {
    /// The log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many entries it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of their tree.
    pub fn root(&self) -> Digest {
        self.root
    }

    fn parse(text: &str) -> Result<Self, CheckpointError> {
        let wrong = CheckpointError::Form;
        let mut lines = text.lines();
        let origin = lines.next().filter(|origin| note::is_name(origin));
        let origin = origin.ok_or(wrong("its first line is not an origin"))?.to_owned();
        let size = lines.next().and_then(number).ok_or(wrong("its second line is not a size"))?;
        let root = lines.next().and_then(hash).ok_or(wrong("its third line is not a root hash"))?;
        if lines.any(str::is_empty) {
            return Err(wrong("it has an empty line"));
        }
        Ok(Self { origin, size, root })
    }
}

/// Decimal digits without a leading zero.
pub(super) fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|digit| digit.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

/// A hash as base64, which has one spelling.
pub(super) fn hash(text: &str) -> Option<Digest> {
    let bytes = Base64::decode_vec(text).ok()?;
    Some(Digest::from_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::SecretKey;

    #[test]
    fn reading_undoes_writing_and_nothing_else_is_read() {
        let key = SecretKey::generate().expect("random");
        let checkpoint = Checkpoint::sign("example.com/log", 20_852_163, Digest::of(b"x"), &key).expect("signed");
        let text = checkpoint.to_string();
        assert_eq!(Checkpoint::parse(text.as_bytes()).expect("its own text"), checkpoint);
        let with_extension = text.replacen("\n\n", "\nmore\n\n", 1);
        assert_eq!(Checkpoint::parse(with_extension.as_bytes()).expect("lines may follow").size(), 20_852_163);
        for (a, b) in
            [("20852163", "020852163"), ("20852163", "-1"), ("20852163", "99999999999999999999"), ("=\n", "\n")]
        {
            let wrong = text.replacen(a, b, 1);
            assert!(matches!(Checkpoint::parse(wrong.as_bytes()), Err(CheckpointError::Form(_))), "{wrong}");
        }
        for origin in ["", "a b", "a+b", "a\nb"] {
            assert!(Checkpoint::sign(origin, 0, Digest::of(b""), &key).is_err(), "{origin:?}");
        }
    }
}
