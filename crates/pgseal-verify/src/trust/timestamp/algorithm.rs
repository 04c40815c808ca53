//! Digest and signature algorithms of timestamps, by their ASN.1 identifiers.

use der::asn1::{Any, ObjectIdentifier, OctetString};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::TimestampError;
use super::ecdsa::lower;

const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
pub(super) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const ECDSA_SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");

/// A digest permitted in a signature or an imprint.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// Looks up a digest by its identifier; parameters are absent or NULL (RFC 5754, 2).
    pub fn of_identifier(identifier: &AlgorithmIdentifierOwned) -> Result<Self, TimestampError> {
        let hash = match identifier.oid {
            SHA_256 => Self::Sha256,
            SHA_384 => Self::Sha384,
            SHA_512 => Self::Sha512,
            _ => return Err(unknown(identifier)),
        };
        if absent_or_null(identifier) {
            Ok(hash)
        } else {
            Err(unknown(identifier))
        }
    }

    /// The one identifier in a canonical token: with NULL, as openssl and most authorities write
    /// it.
    pub fn identifier(self) -> AlgorithmIdentifierOwned {
        let oid = match self {
            Self::Sha256 => SHA_256,
            Self::Sha384 => SHA_384,
            Self::Sha512 => SHA_512,
        };
        AlgorithmIdentifierOwned {
            oid,
            parameters: Some(Any::null()),
        }
    }

    /// The digest of a buffer.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

/// Signature scheme of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// PKCS#1 v1.5 (RFC 8017, 8.2).
    Rsa(Hash),
    /// ECDSA; the key determines the curve.
    Ecdsa(Hash),
}

impl Scheme {
    /// Looks up a scheme by a signer's two identifiers (RFC 5754, 3), which must agree.
    pub fn of_identifiers(
        algorithm: &AlgorithmIdentifierOwned,
        hash: Hash,
    ) -> Result<Self, TimestampError> {
        match (algorithm.oid, hash) {
            (RSA, _)
            | (RSA_SHA_256, Hash::Sha256)
            | (RSA_SHA_384, Hash::Sha384)
            | (RSA_SHA_512, Hash::Sha512)
                if absent_or_null(algorithm) =>
            {
                Ok(Self::Rsa(hash))
            }
            (ECDSA_SHA_256, Hash::Sha256) | (ECDSA_SHA_384, Hash::Sha384)
                if algorithm.parameters.is_none() =>
            {
                Ok(Self::Ecdsa(hash))
            }
            _ => Err(unknown(algorithm)),
        }
    }

    /// The one identifier in a canonical token.
    pub fn identifier(self) -> AlgorithmIdentifierOwned {
        match self {
            Self::Rsa(_) => AlgorithmIdentifierOwned {
                oid: RSA,
                parameters: Some(Any::null()),
            },
            Self::Ecdsa(Hash::Sha256) => AlgorithmIdentifierOwned {
                oid: ECDSA_SHA_256,
                parameters: None,
            },
            Self::Ecdsa(_) => AlgorithmIdentifierOwned {
                oid: ECDSA_SHA_384,
                parameters: None,
            },
        }
    }

    /// The one spelling of a signature. RSA has one. Of ECDSA's two, (r, s) and (r, n - s), the
    /// lower one is canonical.
    pub fn canonical(self, signature: OctetString) -> Result<OctetString, TimestampError> {
        match self {
            Self::Rsa(_) => Ok(signature),
            Self::Ecdsa(_) => Ok(OctetString::new(lower(signature.as_bytes())?)?),
        }
    }
}

fn absent_or_null(identifier: &AlgorithmIdentifierOwned) -> bool {
    identifier.parameters.as_ref().is_none_or(Any::is_null)
}

fn unknown(identifier: &AlgorithmIdentifierOwned) -> TimestampError {
    TimestampError::Algorithm(identifier.oid.to_string())
}
