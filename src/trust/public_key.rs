//! Ed25519 public keys (RFC 8032) as SPKI (RFC 8410).

use std::fmt;

use base64ct::{Base64, Encoding};
use ed25519_dalek::pkcs8::{DecodePublicKey, EncodePublicKey};
use ed25519_dalek::{Signature, VerifyingKey};

use super::key_id::KeyId;
use super::pae::pre_authentication_encoding;

/// A public key that is not weak.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Why a text is not a usable public key.
#[derive(Debug, thiserror::Error)]
pub enum PublicKeyError {
    /// Not SPKI, or of another algorithm.
    #[error("not an Ed25519 public key (SPKI): {0}")]
    NotEd25519(String),
    /// A key of small order: signatures for it prove nothing.
    #[error("the key is weak (small order)")]
    Weak,
    /// A spelling that is not the one that writing it gives.
    #[error("the key is not in its one canonical spelling")]
    NotCanonical,
}

impl PublicKey {
    /// Takes a verifying key unless it is weak.
    pub fn new(key: VerifyingKey) -> Result<Self, PublicKeyError> {
        if key.is_weak() { Err(PublicKeyError::Weak) } else { Ok(Self(key)) }
    }

    /// From a PEM file as `openssl pkey -pubout` writes it.
    pub fn from_pem(pem: &str) -> Result<Self, PublicKeyError> {
        let key = VerifyingKey::from_public_key_pem(pem.trim());
        Self::new(key.map_err(|error| PublicKeyError::NotEd25519(error.to_string()))?)
    }

    /// As a PEM file.
    pub fn to_pem(&self) -> String {
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", self.to_base64())
    }

    /// From the middle line of its PEM file, and only that spelling.
    pub fn from_base64(text: &str) -> Result<Self, PublicKeyError> {
        let der = Base64::decode_vec(text).map_err(|error| PublicKeyError::NotEd25519(error.to_string()))?;
        let key = VerifyingKey::from_public_key_der(&der);
        let key = Self::new(key.map_err(|error| PublicKeyError::NotEd25519(error.to_string()))?)?;
        if key.to_base64() == text { Ok(key) } else { Err(PublicKeyError::NotCanonical) }
    }

    /// The middle line of its PEM file.
    pub fn to_base64(&self) -> String {
        let der = self.0.to_public_key_der().expect("44 bytes of fixed form");
        Base64::encode_string(der.as_bytes())
    }

    /// The key's name.
    pub fn id(&self) -> KeyId {
        KeyId::of(self.0.as_bytes())
    }

    /// Whether the signature is this key's over this document, by the strict rules (no malleable or small-order parts).
    pub fn signed(&self, payload_type: &str, body: &[u8], signature: &[u8; 64]) -> bool {
        self.verifies(&pre_authentication_encoding(payload_type, body), signature)
    }

    /// The signature check itself, over bytes that `signed` has encoded.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}
