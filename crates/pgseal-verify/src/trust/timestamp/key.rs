//! The public key of an authority's certificate.

use der::asn1::{ObjectIdentifier, UintRef};
use der::{Decode, Sequence};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::TimestampError;
use super::algorithm::RSA;

const EC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// A certificate's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// A PKCS#1 RSAPublicKey.
    Rsa(Vec<u8>),
    /// An uncompressed point.
    P256(Vec<u8>),
    /// An uncompressed point.
    P384(Vec<u8>),
}

/// RFC 8017, A.1.1.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

impl Key {
    /// Accepts a key of a supported kind unless it is weak.
    pub fn of(info: &SubjectPublicKeyInfoOwned) -> Result<Self, TimestampError> {
        let wrong = |what: &str| TimestampError::Key(what.to_owned());
        let bytes = info
            .subject_public_key
            .as_bytes()
            .ok_or_else(|| wrong("malformed"))?;
        let curve = || {
            info.algorithm
                .parameters
                .as_ref()
                .and_then(|any| any.decode_as::<ObjectIdentifier>().ok())
        };
        match info.algorithm.oid {
            RSA => {
                let key = RsaPublicKey::from_der(bytes).map_err(|_| wrong("malformed RSA"))?;
                let modulus = key.modulus.as_bytes();
                let zeros = modulus
                    .first()
                    .map_or(0, |first| first.leading_zeros() as usize);
                match modulus.len() * 8 - zeros {
                    2048..=8192 => Ok(Self::Rsa(bytes.to_vec())),
                    bits => Err(TimestampError::Key(format!("RSA of {bits} bits"))),
                }
            }
            EC_KEY => match (curve(), bytes) {
                (Some(P_256), [4, point @ ..]) if point.len() == 64 => {
                    Ok(Self::P256(bytes.to_vec()))
                }
                (Some(P_384), [4, point @ ..]) if point.len() == 96 => {
                    Ok(Self::P384(bytes.to_vec()))
                }
                _ => Err(wrong("on another curve, or not an uncompressed point")),
            },
            other => Err(TimestampError::Key(format!("of the algorithm {other}"))),
        }
    }
}
