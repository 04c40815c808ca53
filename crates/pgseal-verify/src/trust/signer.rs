//! Whoever can sign: a key file, an agent, a token. What they all have in common.

use super::note::NoteText;
use super::public_key::PublicKey;

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

/// A key in memory, for tests.
#[cfg(test)]
pub(crate) struct SecretKey(ed25519_dalek::SigningKey);

#[cfg(test)]
impl SecretKey {
    /// A new key from the operating system's random source.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::new(self.0.verifying_key()).expect("a random key is not weak")
    }

    /// Signs the pre-authentication encoding of a document.
    pub fn sign(&self, payload_type: &str, body: &[u8]) -> [u8; 64] {
        use ed25519_dalek::Signer as _;
        self.0.sign(&super::pae::pre_authentication_encoding(payload_type, body)).to_bytes()
    }
}

#[cfg(test)]
impl Signer for SecretKey {
    fn public_key(&self) -> PublicKey {
        Self::public_key(self)
    }

    fn sign(&self, payload_type: &str, body: &[u8]) -> Result<[u8; 64], SignerError> {
        Ok(Self::sign(self, payload_type, body))
    }

    fn sign_note(&self, text: &NoteText) -> Result<[u8; 64], SignerError> {
        use ed25519_dalek::Signer as _;
        Ok(self.0.sign(text.as_bytes()).to_bytes())
    }
}
