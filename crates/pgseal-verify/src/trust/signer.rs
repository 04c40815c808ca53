//! Interface of signing keys: a key file or an agent.

use super::note::NoteText;
use super::public_key::PublicKey;

/// A signing key, independent of the place of its secret half.
pub trait Signer {
    /// The public half.
    fn public_key(&self) -> PublicKey;

    /// Signs the pre-authentication encoding of a document. Implementations verify the signature
    /// with the public half.
    fn sign(&self, payload_type: &str, body: &[u8]) -> Result<[u8; 64], SignerError>;

    /// Signs the text of a note (C2SP signed-note) unchanged. [`NoteText`] guarantees that the text
    /// of a note is never the encoding of a document.
    fn sign_note(&self, text: &NoteText) -> Result<[u8; 64], SignerError>;
}

/// Reason why there is no signature.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum SignerError {
    /// An agent that cannot be reached, lacks this key, or refused.
    #[error("{holder}: {reason}")]
    Refused {
        /// Holder of the key: `ssh-agent`.
        holder: String,
        /// Reason given by the holder.
        reason: String,
    },
    /// A result that is not a signature by this key over this document.
    #[error("{holder} gave a signature that does not hold")]
    Invalid {
        /// Holder of the key.
        holder: String,
    },
}

/// A key in memory, for tests.
#[cfg(test)]
pub(crate) struct SecretKey(ed25519_dalek::SigningKey);

#[cfg(test)]
impl SecretKey {
    /// Generates a key from the operating system's random source.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    pub fn public_key(&self) -> PublicKey {
        PublicKey::new(self.0.verifying_key()).expect("a random key is not weak")
    }

    /// Signs the pre-authentication encoding of a document.
    pub fn sign(&self, payload_type: &str, body: &[u8]) -> [u8; 64] {
        use ed25519_dalek::Signer as _;
        self.0
            .sign(&super::pae::pre_authentication_encoding(payload_type, body))
            .to_bytes()
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
