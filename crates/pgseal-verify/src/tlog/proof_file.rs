//! `FILE.tlog-proof` (C2SP tlog-proof): the proof that a log contains a file, which can be checked
//! without the log. It carries the entry as extra data. The entry is the hashed leaf, so a valid
//! proof authenticates it.

use std::fmt;

use base64ct::{Base64, Encoding};

use super::checkpoint::{Checkpoint, CheckpointError, TrustedHead, hash, number};
use super::entries;
use super::hash::leaf;
use super::proof::{ProofError, check_inclusion};
use crate::digest::Digest;
use crate::format::json::{self, JsonError};
use crate::format::log_entry::LogEntry;
use crate::trust::TrustRoot;
use crate::trust::root::SignatureError;

/// First line of the file.
const MAGIC: &str = "c2sp.org/tlog-proof@v1";
/// Maximum size of a proof in bytes: the longest entry, a hash for every level, the largest
/// checkpoint.
pub const MOST_BYTES: usize = 256 << 10;

/// A proof that has not been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofFile {
    /// The entry's canonical bytes.
    pub entry: Vec<u8>,
    /// Index in the log, from 0.
    pub index: u64,
    /// The hashes from its sibling up.
    pub path: Vec<Digest>,
    /// Checkpoint of the tree that contains the entry.
    pub checkpoint: Checkpoint,
}

/// What a proof proves. Only [`ProofFile::authenticate`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    entry: LogEntry,
    index: u64,
    head: TrustedHead,
}

/// Reason why a proof is invalid.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum ProofFileError {
    /// An error while the caller read the file.
    #[error("can't be read: {0}")]
    Io(#[from] std::io::Error),
    /// A text outside of the format.
    #[error("not a tlog-proof: {0}")]
    Form(&'static str),
    /// An invalid checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A checkpoint without the signature of a key that counts.
    #[error("its checkpoint: {0}")]
    Signature(#[from] SignatureError),
    /// An entry outside of the signed tree.
    #[error("the log doesn't have the entry: {0}")]
    Proof(#[from] ProofError),
    /// An entry in the log, but of a format unknown to this program.
    #[error("its entry is not one of a known format: {0}")]
    Entry(#[from] JsonError),
}

impl ProofFile {
    /// Parses a proof.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofFileError> {
        let wrong = ProofFileError::Form;
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
        let text = text
            .strip_prefix(MAGIC)
            .and_then(|text| text.strip_prefix('\n'));
        let (head, checkpoint) = text
            .and_then(|text| text.split_once("\n\n"))
            .ok_or(wrong("its first line or its end"))?;
        let mut lines = head.split('\n').peekable();
        let extra = lines
            .next_if(|line| line.starts_with("extra "))
            .and_then(|line| line.strip_prefix("extra "));
        let extra = extra.ok_or(wrong("it doesn't hold the entry as extra data"))?;
        let entry = Base64::decode_vec(extra)
            .ok()
            .filter(|entry| entry.len() <= entries::MOST_BYTES);
        let entry = entry.ok_or(wrong("its extra data is no base64"))?;
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(number);
        let index = index.ok_or(wrong("it has no index"))?;
        let path = lines
            .map(hash)
            .collect::<Option<Vec<Digest>>>()
            .filter(|path| path.len() <= 64);
        let path = path.ok_or(wrong("a line of it is no hash"))?;
        Ok(Self {
            entry,
            index,
            path,
            checkpoint: Checkpoint::parse(checkpoint.as_bytes())?,
        })
    }

    /// Verifies it by the trust root's `log` keys.
    /// ```
    /// use pgseal_verify::{Digest, ProofFile, ProofFileError, TrustRoot};
    ///
    /// /// Whether a proof is of this file.
    /// fn is_logged(file: &[u8], proof: &[u8], root: &TrustRoot) -> Result<bool, ProofFileError> {
    ///     let logged = ProofFile::parse(proof)?.authenticate(root)?;
    ///     Ok(logged.is_of(Digest::of(file)))
    /// }
    /// ```
    pub fn authenticate(&self, root: &TrustRoot) -> Result<Logged, ProofFileError> {
        let head = self.checkpoint.authenticate(root)?;
        check_inclusion(
            self.index,
            head.size(),
            leaf(&self.entry),
            &self.path,
            head.root(),
        )?;
        Ok(Logged {
            entry: json::from_canonical(&self.entry)?,
            index: self.index,
            head,
        })
    }
}

impl fmt::Display for ProofFile {
    /// Writes the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{MAGIC}\nextra {}\nindex {}",
            Base64::encode_string(&self.entry),
            self.index
        )?;
        self.path
            .iter()
            .try_for_each(|hash| writeln!(f, "{}", Base64::encode_string(hash.as_bytes())))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl Logged {
    /// The logged file.
    pub fn entry(&self) -> &LogEntry {
        &self.entry
    }

    /// Whether the entry is of a file with this digest.
    pub fn is_of(&self, file: Digest) -> bool {
        self.entry.sha256 == file
    }

    /// Index in the log, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The log, as it was when the proof was made.
    pub fn head(&self) -> &TrustedHead {
        &self.head
    }
}

#[cfg(test)]
mod tests {
    use super::super::hash::node;
    use super::*;
    use crate::trust::signer::SecretKey;

    #[test]
    fn reading_undoes_writing_and_nothing_else_is_read() {
        let key = SecretKey::generate().expect("random");
        let (entry, other) = (b"{}".to_vec(), leaf(b"b"));
        let root = node(&leaf(&entry), &other);
        let checkpoint = Checkpoint::sign("example.com/log", 2, root, &key).expect("signed");
        let proof = ProofFile {
            entry,
            index: 0,
            path: vec![other],
            checkpoint,
        };
        let text = proof.to_string();
        assert_eq!(
            ProofFile::parse(text.as_bytes()).expect("its own text"),
            proof
        );
        for (a, b) in [
            ("@v1", "@v2"),
            ("extra e30=\n", ""),
            ("extra e30=", "extra e30"),
            ("index 0", "index 00"),
            ("index 0", "index -1"),
            ("index 0\n", "index 0\nAAAA\n"),
            ("\n\n", "\n"),
        ] {
            assert!(
                ProofFile::parse(text.replacen(a, b, 1).as_bytes()).is_err(),
                "{a:?} for {b:?}"
            );
        }
    }
}
