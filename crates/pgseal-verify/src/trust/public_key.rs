//! Ed25519 public keys (RFC 8032) as SPKI (RFC 8410) or as OpenSSH's line (RFC 8709).

use std::fmt;

use base64ct::{Base64, Encoding};
use ed25519_dalek::pkcs8::{DecodePublicKey, EncodePublicKey};
use ed25519_dalek::{Signature, VerifyingKey};

use super::key_id::KeyId;
use super::pae::pre_authentication_encoding;
use super::ssh;

/// A public key that is not weak.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Reason why a text is not a usable public key.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum PublicKeyError {
    /// Neither SPKI nor OpenSSH's line, or of another algorithm.
    #[error("not an Ed25519 public key: {0}")]
    NotEd25519(String),
    /// A key of small order: signatures for it prove nothing.
    #[error("the key is weak (small order)")]
    Weak,
    /// Another spelling than the canonical one.
    #[error("the key is not in its one canonical spelling")]
    NotCanonical,
}

impl PublicKey {
    /// Accepts a verifying key unless it is weak, or another encoding of its point (a coordinate
    /// above the field's prime): one key would have two ids.
    pub fn new(key: VerifyingKey) -> Result<Self, PublicKeyError> {
        if key.is_weak() {
            Err(PublicKeyError::Weak)
        } else if key.to_edwards().compress().as_bytes() != key.as_bytes() {
            Err(PublicKeyError::NotCanonical)
        } else {
            Ok(Self(key))
        }
    }

    /// Reads the 32 bytes of RFC 8032.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, PublicKeyError> {
        let key = VerifyingKey::from_bytes(bytes);
        Self::new(key.map_err(|_| {
            PublicKeyError::NotEd25519("the bytes are no point of the curve".to_owned())
        })?)
    }

    /// The 32 bytes of RFC 8032.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Reads a file of `pgseal keygen`, `openssl pkey -pubout` or `ssh-keygen -t ed25519`.
    pub fn from_text(text: &str) -> Result<Self, PublicKeyError> {
        if text.contains(" PRIVATE KEY-----") {
            return Err(PublicKeyError::NotEd25519(
                "it is a secret key; the public half is the .pub file".to_owned(),
            ));
        }
        if text.trim_start().starts_with("-----BEGIN ") {
            Self::from_pem(text)
        } else {
            Self::from_openssh(text)
        }
    }

    /// Reads a PEM file of `openssl pkey -pubout`.
    pub fn from_pem(pem: &str) -> Result<Self, PublicKeyError> {
        let key = VerifyingKey::from_public_key_pem(pem.trim());
        Self::new(key.map_err(|error| PublicKeyError::NotEd25519(error.to_string()))?)
    }

    /// Formats a PEM file.
    pub fn to_pem(&self) -> String {
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            self.to_base64()
        )
    }

    /// Reads one line `ssh-ed25519 BASE64 [COMMENT]`. Lines with options, as in `authorized_keys`,
    /// are refused.
    pub fn from_openssh(line: &str) -> Result<Self, PublicKeyError> {
        let not = |reason: &str| PublicKeyError::NotEd25519(reason.to_owned());
        let line = line.trim();
        if line.contains(['\n', '\r']) {
            return Err(not("there is more than one line"));
        }
        let mut words = line.splitn(3, ' ');
        match words.next().unwrap_or_default() {
            ssh::ED25519 => {}
            name if ["ssh-", "ecdsa-", "sk-"]
                .iter()
                .any(|start| name.starts_with(start))
                && is_word(name) =>
            {
                return Err(not(&format!(
                    "it is an SSH key of the type {name}; {} is needed",
                    ssh::ED25519
                )));
            }
            _ => {
                return Err(not(
                    "neither -----BEGIN PUBLIC KEY----- nor a line ssh-ed25519 AAAA...",
                ));
            }
        }
        let blob = Base64::decode_vec(words.next().unwrap_or_default());
        ssh::key_of_blob(&blob.map_err(|error| not(&error.to_string()))?)
    }

    /// Formats OpenSSH's line. Control characters of the comment are removed, so that it stays one
    /// line.
    pub fn to_openssh(&self, comment: &str) -> String {
        let comment: String = comment.chars().filter(|c| !c.is_control()).collect();
        let line = format!(
            "{} {} {comment}",
            ssh::ED25519,
            Base64::encode_string(&ssh::key_blob(self))
        );
        format!("{}\n", line.trim_end())
    }

    /// Reads the middle line of a PEM file, in its canonical spelling only.
    pub fn from_base64(text: &str) -> Result<Self, PublicKeyError> {
        let der = Base64::decode_vec(text)
            .map_err(|error| PublicKeyError::NotEd25519(error.to_string()))?;
        let key = VerifyingKey::from_public_key_der(&der);
        let key = Self::new(key.map_err(|error| PublicKeyError::NotEd25519(error.to_string()))?)?;
        if key.to_base64() == text {
            Ok(key)
        } else {
            Err(PublicKeyError::NotCanonical)
        }
    }

    /// The middle line of a PEM file.
    pub fn to_base64(&self) -> String {
        let der = self.0.to_public_key_der().expect("44 bytes of fixed form");
        Base64::encode_string(der.as_bytes())
    }

    /// Id of the key.
    pub fn id(&self) -> KeyId {
        KeyId::of(self.0.as_bytes())
    }

    /// Verifies this key's signature over a document, by the strict rules (no malleable or
    /// small-order parts).
    pub fn signed(&self, payload_type: &str, body: &[u8], signature: &[u8; 64]) -> bool {
        self.verifies(&pre_authentication_encoding(payload_type, body), signature)
    }

    /// Verifies a signature over the signed bytes: an encoded document, or the text of a note.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0
            .verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    }
}

fn is_word(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_graphic())
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::signer::SecretKey;

    /// Made by `ssh-keygen -t ed25519`, and the same 32 bytes as SPKI.
    const LINE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICbqKHZ2+XCqgh9jxpbAZmvzK6RnBNZlqHaOVS4gFWtw somebody@host";
    const SPKI: &str = "MCowBQYDK2VwAyEAJuoodnb5cKqCH2PGlsBma/MrpGcE1mWodo5VLiAVa3A=";

    #[test]
    fn another_encoding_of_a_point_is_refused() {
        // y = 3, and 3 more than the field's prime.
        let spki = "MCowBQYDK2VwAyEAAwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assert!(PublicKey::from_base64(spki).is_ok());
        let other = "MCowBQYDK2VwAyEA8P///////////////////////////////////////38=";
        let refused = PublicKey::from_base64(other);
        assert!(
            matches!(refused, Err(PublicKeyError::NotCanonical)),
            "{refused:?}"
        );
    }

    #[test]
    fn openssh_and_spki_are_the_same_key() {
        let key = PublicKey::from_base64(SPKI).expect("a key");
        for text in [
            LINE.to_owned(),
            format!("{LINE}\n"),
            format!("{LINE}\r\n"),
            key.to_pem(),
            key.to_openssh(""),
        ] {
            assert_eq!(PublicKey::from_text(&text).expect("a key"), key, "{text}");
        }
        assert_eq!(key.to_openssh("somebody@host"), format!("{LINE}\n"));
        let base64 = LINE.split(' ').nth(1).expect("three words");
        assert_eq!(
            key.to_openssh("a\nssh-rsa b"),
            format!("ssh-ed25519 {base64} assh-rsa b\n")
        );
    }

    #[test]
    fn what_is_no_key_is_refused_with_its_reason() {
        let base64 = LINE.split(' ').nth(1).expect("three words");
        let cases = [
            ("", "neither"),
            ("hello", "neither"),
            ("ssh-ed25519", "not those of RFC 8709"),
            ("ssh-ed25519 ", "not those of RFC 8709"),
            ("ssh-ed25519 AAAA", "not those of RFC 8709"),
            ("ssh-ed25519 AAA", "Base64"),
            (&format!("ssh-ed25519  {base64}"), "not those of RFC 8709"),
            (&format!("ssh-ed25519\t{base64}"), "neither"),
            (&format!("{LINE}\n{LINE}"), "more than one line"),
            (&format!("from=\"*\" {LINE}"), "neither"),
            (&format!("ssh-rsa {base64}"), "of the type ssh-rsa"),
            (
                "sk-ssh-ed25519@openssh.com AAAA",
                "of the type sk-ssh-ed25519@openssh.com",
            ),
            ("-----BEGIN OPENSSH PRIVATE KEY-----", "it is a secret key"),
            ("-----BEGIN CERTIFICATE-----", "PEM"),
        ];
        for (text, why) in cases {
            let error = PublicKey::from_text(text).expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let weak = [&[1_u8][..], &[0; 31]].concat();
        let weak = PublicKey::from_bytes(weak.as_slice().try_into().expect("32 bytes"));
        assert!(matches!(weak, Err(PublicKeyError::Weak)), "small order");
    }

    #[test]
    fn every_key_round_trips() {
        for _ in 0..8 {
            let key = SecretKey::generate().expect("random").public_key();
            assert_eq!(
                PublicKey::from_text(&key.to_openssh("a comment of words")).expect("its own line"),
                key
            );
        }
    }
}
