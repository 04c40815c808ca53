//! Checkpoints (C2SP tlog-checkpoint): the state of a log at some size, as a signed note.

use std::fmt;
use std::ops::Deref;

use base64ct::{Base64, Encoding};

use crate::digest::Digest;
use crate::trust::note::{self, NoteError, NoteText, SignedNote};
use crate::trust::root::{SignatureError, name};
use crate::trust::signer::SignerError;
use crate::trust::{KeyId, Signer, TrustRoot};

/// A checkpoint that has not been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    note: SignedNote,
    head: Head,
}

/// Content of a checkpoint; trustworthy only as part of a [`TrustedHead`].
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

/// Reason why a text is not a checkpoint.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum CheckpointError {
    /// An error while the caller read the file.
    #[error("can't be read: {0}")]
    Io(#[from] std::io::Error),
    /// A text that is not a signed note.
    #[error("not a checkpoint: {0}")]
    Note(#[from] NoteError),
    /// A signed note with another text.
    #[error("not a checkpoint: {0}")]
    Form(&'static str),
}

impl Checkpoint {
    /// Parses a checkpoint. Lines after the third are kept, and have no meaning here.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = SignedNote::parse(bytes)?;
        let head = Head::parse(note.text().as_str())?;
        Ok(Self { note, head })
    }

    /// Signs the state of a log. The key's name is the origin.
    pub fn sign(
        origin: &str,
        size: u64,
        root: Digest,
        signer: &dyn Signer,
    ) -> Result<Self, SignCheckpointError> {
        if !note::is_name(origin) {
            return Err(SignCheckpointError::Origin(origin.to_owned()));
        }
        let head = Head {
            origin: origin.to_owned(),
            size,
            root,
        };
        let text = NoteText::new(format!(
            "{origin}\n{size}\n{}\n",
            Base64::encode_string(root.as_bytes())
        ));
        let text = text.map_err(|_| SignCheckpointError::Origin(origin.to_owned()))?;
        Ok(Self {
            note: SignedNote::sign(text, origin, signer)?,
            head,
        })
    }

    /// Verifies the signature by a `log` key of the trust root. Witnesses' signatures are neither
    /// required nor checked.
    pub fn authenticate(&self, root: &TrustRoot) -> Result<TrustedHead, SignatureError> {
        let signers = root.note_signers(&name("log"), &self.head.origin, &self.note)?;
        let role = name("log");
        let none = || SignatureError::Threshold {
            role,
            counted: 0,
            threshold: 1,
            why: Vec::new(),
        };
        let key = signers.into_iter().next().ok_or_else(none)?;
        Ok(TrustedHead {
            head: self.head.clone(),
            key,
        })
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
    /// Writes the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.note, f)
    }
}

/// Reason why a checkpoint cannot be signed.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum SignCheckpointError {
    /// An origin that is not a valid name of a note's key.
    #[error(
        "{0:?} is no origin: not empty, without blanks, control characters and +, like example.com/releases"
    )]
    Origin(String),
    /// An error of the signing key.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

impl TrustedHead {
    /// Id of the signing key.
    pub fn key(&self) -> KeyId {
        self.key
    }
}

impl Head {
    /// Name of the log.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root hash of the entries' tree.
    pub fn root(&self) -> Digest {
        self.root
    }

    fn parse(text: &str) -> Result<Self, CheckpointError> {
        let wrong = CheckpointError::Form;
        let mut lines = text.lines();
        let origin = lines.next().filter(|origin| note::is_name(origin));
        let origin = origin
            .ok_or(wrong("its first line is not an origin"))?
            .to_owned();
        let size = lines
            .next()
            .and_then(number)
            .ok_or(wrong("its second line is not a size"))?;
        let root = lines
            .next()
            .and_then(hash)
            .ok_or(wrong("its third line is not a root hash"))?;
        if lines.any(str::is_empty) {
            return Err(wrong("it has an empty line"));
        }
        Ok(Self { origin, size, root })
    }
}

/// Parses decimal digits without a leading zero.
pub fn number(text: &str) -> Option<u64> {
    let plain =
        text.bytes().all(|digit| digit.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

/// Parses a hash from base64, which has one spelling.
pub(super) fn hash(text: &str) -> Option<Digest> {
    let bytes = Base64::decode_vec(text).ok()?;
    Some(Digest::from_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::signer::SecretKey;

    #[test]
    fn reading_undoes_writing_and_nothing_else_is_read() {
        let key = SecretKey::generate().expect("random");
        let checkpoint = Checkpoint::sign("example.com/log", 20_852_163, Digest::of(b"x"), &key)
            .expect("signed");
        let text = checkpoint.to_string();
        assert_eq!(
            Checkpoint::parse(text.as_bytes()).expect("its own text"),
            checkpoint
        );
        let with_extension = text.replacen("\n\n", "\nmore\n\n", 1);
        assert_eq!(
            Checkpoint::parse(with_extension.as_bytes())
                .expect("lines may follow")
                .size(),
            20_852_163
        );
        for (a, b) in [
            ("20852163", "020852163"),
            ("20852163", "-1"),
            ("20852163", "99999999999999999999"),
            ("=\n", "\n"),
        ] {
            let wrong = text.replacen(a, b, 1);
            assert!(
                matches!(
                    Checkpoint::parse(wrong.as_bytes()),
                    Err(CheckpointError::Form(_))
                ),
                "{wrong}"
            );
        }
        for origin in ["", "a b", "a+b", "a\nb"] {
            assert!(
                Checkpoint::sign(origin, 0, Digest::of(b""), &key).is_err(),
                "{origin:?}"
            );
        }
    }
}
