//! Notes: text signed by named keys (C2SP signed-note, <https://c2sp.org/signed-note>). pgseal uses
//! them for the checkpoints of a log. Like all signatures, theirs are verified in `draft_root.rs`.

use std::fmt;

use base64ct::{Base64, Encoding};

use super::public_key::PublicKey;
use super::signer::{Signer, SignerError};
use crate::digest::Digest;

/// Maximum size of a note in bytes, far more than a checkpoint with its witnesses needs.
pub const MOST_BYTES: usize = 64 << 10;
/// Algorithm number of Ed25519 in the specification of notes.
const ED25519: u8 = 0x01;
/// Prefix of a signature line: em dash, blank.
const DASH: &str = "\u{2014} ";

/// A text that can be signed as a note. Its first line has no blanks, so it never is a
/// pre-authentication encoding (which begins `DSSEv1 `). A signature of one is therefore never
/// valid for the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteText(String);

/// A note with its signature lines, not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    text: NoteText,
    signatures: Vec<NoteSignature>,
}

/// A signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the key.
    pub name: String,
    /// Id of the key in notes: only for finding the key, not a proof.
    pub key_hash: [u8; 4],
    /// Signature in the form of the key's algorithm.
    pub signature: Vec<u8>,
}

/// Reason why bytes are not a note.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum NoteError {
    /// More than [`MOST_BYTES`].
    #[error("it has more than {MOST_BYTES} bytes")]
    TooLarge,
    /// Not UTF-8, or with control characters other than the line feed.
    #[error("it is not plain UTF-8 text in lines")]
    Text,
    /// No blank line followed by signature lines.
    #[error("it has no signatures")]
    Unsigned,
    /// A line after the blank line that is not a signature.
    #[error("line {0:?} is no signature")]
    Line(String),
    /// A first line that is empty or has blanks.
    #[error("its first line is empty or has blanks")]
    FirstLine,
}

/// True if a key can have this name in a note: not empty, without white space, `+` and control
/// characters.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// The id of a key under a name: the first four bytes of a digest of both.
pub fn key_hash(name: &str, key: &PublicKey) -> [u8; 4] {
    let digest = Digest::of(&[name.as_bytes(), b"\n", &[ED25519], key.as_bytes()].concat());
    let bytes = digest.as_bytes();
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}

/// A named key in the form of other tools: `NAME+HASH+BASE64`, the "verifier key" of Go's note
/// package.
pub fn verifier_key(name: &str, key: &PublicKey) -> String {
    let hash = crate::digest::hex(&key_hash(name, key));
    format!(
        "{name}+{hash}+{}",
        Base64::encode_string(&[&[ED25519], &key.as_bytes()[..]].concat())
    )
}

impl NoteText {
    /// Validates a text of whole lines.
    pub fn new(text: String) -> Result<Self, NoteError> {
        if !text.ends_with('\n') || text.contains(|c: char| c < ' ' && c != '\n') {
            return Err(NoteError::Text);
        }
        match text.lines().next() {
            Some(first) if !first.is_empty() && !first.contains(char::is_whitespace) => {
                Ok(Self(text))
            }
            _ => Err(NoteError::FirstLine),
        }
    }

    /// The signed bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The note's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SignedNote {
    /// Parses a note: a text, a blank line, signature lines. Verifies nothing.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MOST_BYTES {
            return Err(NoteError::TooLarge);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::Text)?;
        // The last blank line ends the text.
        let at = note.rfind("\n\n").ok_or(NoteError::Unsigned)?;
        let (text, lines) = (&note[..=at], &note[at + 2..]);
        let text = NoteText::new(text.to_owned())?;
        let whole = lines
            .strip_suffix('\n')
            .filter(|lines| !lines.is_empty())
            .ok_or(NoteError::Unsigned)?;
        let signatures = whole
            .split('\n')
            .map(NoteSignature::parse)
            .collect::<Result<_, _>>()?;
        Ok(Self { text, signatures })
    }

    /// Signs a text under a name.
    pub fn sign(text: NoteText, name: &str, signer: &dyn Signer) -> Result<Self, SignerError> {
        let signature = signer.sign_note(&text)?.to_vec();
        let signature = NoteSignature {
            name: name.to_owned(),
            key_hash: key_hash(name, &signer.public_key()),
            signature,
        };
        Ok(Self {
            text,
            signatures: vec![signature],
        })
    }

    /// The signed text.
    pub fn text(&self) -> &NoteText {
        &self.text
    }

    /// The signature lines, in their order.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text.as_str())?;
        self.signatures.iter().try_for_each(|line| {
            let bytes = [&line.key_hash[..], &line.signature].concat();
            writeln!(f, "{DASH}{} {}", line.name, Base64::encode_string(&bytes))
        })
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Result<Self, NoteError> {
        let wrong = || NoteError::Line(line.chars().take(80).collect());
        let (name, base64) = line
            .strip_prefix(DASH)
            .and_then(|line| line.split_once(' '))
            .ok_or_else(wrong)?;
        let bytes = Base64::decode_vec(base64)
            .ok()
            .filter(|_| is_name(name))
            .ok_or_else(wrong)?;
        let (key_hash, signature) = bytes.split_first_chunk().ok_or_else(wrong)?;
        Ok(Self {
            name: name.to_owned(),
            key_hash: *key_hash,
            signature: signature.to_vec(),
        })
    }

    /// The signature, if it has the length of an Ed25519 one.
    pub fn ed25519(&self) -> Option<&[u8; 64]> {
        self.signature.as_slice().try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::signer::SecretKey;

    /// Example of <https://pkg.go.dev/golang.org/x/mod/sumdb/note>, the origin of the specified
    /// format.
    const GO: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n";
    const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_SIGNATURE: &str = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

    #[test]
    fn a_published_signature_holds_by_its_published_key() {
        let bytes =
            Base64::decode_vec(GO_KEY.rsplit('+').next().expect("three parts")).expect("base64");
        let key = PublicKey::from_bytes(bytes[1..].try_into().expect("32 bytes")).expect("a key");
        assert_eq!(verifier_key("PeterNeumann", &key), GO_KEY);
        let line = NoteSignature::parse(&format!("{DASH}PeterNeumann {GO_SIGNATURE}"))
            .expect("a signature line");
        assert_eq!(line.key_hash, key_hash("PeterNeumann", &key));
        assert!(key.verifies(GO.as_bytes(), line.ed25519().expect("64 bytes")));
        // The ban on blanks in the first line keeps notes and documents apart; pgseal never signs
        // such a text.
        assert_eq!(NoteText::new(GO.to_owned()), Err(NoteError::FirstLine));
    }

    #[test]
    fn reading_undoes_writing_and_other_spellings_are_refused() {
        let key = SecretKey::generate().expect("random");
        let text = NoteText::new("example.com/log\n1\nroot\n\nmore\n".to_owned()).expect("lines");
        let note = SignedNote::sign(text, "example.com/log", &key).expect("signed");
        let written = note.to_string();
        assert_eq!(
            SignedNote::parse(written.as_bytes()).expect("its own text"),
            note
        );
        let signature = note.signatures()[0].ed25519().expect("64 bytes");
        assert!(key.public_key().verifies(note.text().as_bytes(), signature));
        for wrong in [
            written.trim_end(),
            &written.replace('\u{2014}', "-"),
            &written.replace("\n\n", "\n"),
            &written.replace("root", "ro\tot"),
            &format!("{written}\n"),
            &format!("{written}x\n"),
            "example.com/log\n\n",
            "",
        ] {
            assert!(SignedNote::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        assert_eq!(
            SignedNote::parse(&vec![b'a'; MOST_BYTES + 1]),
            Err(NoteError::TooLarge)
        );
    }

    #[test]
    fn no_note_is_the_encoding_of_a_document() {
        let encoding = crate::trust::pae::pre_authentication_encoding("a", b"b\n");
        let text = String::from_utf8(encoding).expect("plain");
        assert_eq!(NoteText::new(text), Err(NoteError::FirstLine));
    }
}
