//! Whoever can sign: a key file, an agent, a token. What they all have in common.

use super::note::NoteText;
use super::public_key::PublicKey;
use super::secret_key::SecretKey;

/// A key that signs; where its secret half is, is its own affair.
pub trait Signer {
    /// The public half.
    fn public_key(&self) -> PublicKey;

    /// Signs the pre-authentication encoding of a document. The signature has been checked by the public half.
    fn sign(&self, payload_type: &str, body: &[u8]) -> Result<[u8; 64], SignerError>;

    /// Signs the text of a note (C2SP signed-note) as it stands. No text of a note is the encoding of a document:
    /// [`NoteText`] sees to that.
    fn sign_note(&self, text: &NoteText) -> Result<[u8; 64], SignerError>;
}

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The agent or token can't be reached, has not this key, or refused.
    #[error("{holder}: {reason}")]
    Refused {
        /// What holds the key: `ssh-agent`, `PKCS#11 token "release"`.
        holder: String,
        /// What it said.
        reason: String,
    },
    /// What came back is no signature by this key over this document.
    #[error("{holder} gave a signature that does not hold")]
    Invalid {
        /// What holds the key.
        holder: String,
    },
}

impl Signer for SecretKey {
    fn public_key(&self) -> PublicKey {
        Self::public_key(self)
    }

    fn sign(&self, payload_type: &str, body: &[u8]) -> Result<[u8; 64], SignerError> {
        Ok(Self::sign(self, payload_type, body))
    }

    fn sign_note(&self, text: &NoteText) -> Result<[u8; 64], SignerError> {
        Ok(self.sign_encoded(text.as_bytes()))
    }
}
