//! Signature verification for authorities, and SHA-1, by ring. A build for WebAssembly has no ring,
//! and refuses every timestamp as unchecked.

use super::TimestampError;
use super::algorithm::Scheme;
use super::key::Key;

/// Verifies the signature of `message` by this key and scheme; `false` if it is invalid.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn holds(
    key: &Key,
    scheme: Scheme,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, TimestampError> {
    use super::algorithm::Hash;
    use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
    let (algorithm, key): (&dyn VerificationAlgorithm, _) = match (key, scheme) {
        (Key::Rsa(key), Scheme::Rsa(Hash::Sha256)) => (&signature::RSA_PKCS1_2048_8192_SHA256, key),
        (Key::Rsa(key), Scheme::Rsa(Hash::Sha384)) => (&signature::RSA_PKCS1_2048_8192_SHA384, key),
        (Key::Rsa(key), Scheme::Rsa(Hash::Sha512)) => (&signature::RSA_PKCS1_2048_8192_SHA512, key),
        (Key::P256(key), Scheme::Ecdsa(Hash::Sha256)) => (&signature::ECDSA_P256_SHA256_ASN1, key),
        (Key::P256(key), Scheme::Ecdsa(Hash::Sha384)) => (&signature::ECDSA_P256_SHA384_ASN1, key),
        (Key::P384(key), Scheme::Ecdsa(Hash::Sha256)) => (&signature::ECDSA_P384_SHA256_ASN1, key),
        (Key::P384(key), Scheme::Ecdsa(Hash::Sha384)) => (&signature::ECDSA_P384_SHA384_ASN1, key),
        _ => return Ok(false),
    };
    Ok(UnparsedPublicKey::new(algorithm, key)
        .verify(message, signature)
        .is_ok())
}

/// Refuses: this build cannot verify it.
#[cfg(target_arch = "wasm32")]
pub(super) fn holds(_: &Key, _: Scheme, _: &[u8], _: &[u8]) -> Result<bool, TimestampError> {
    Err(TimestampError::Unchecked)
}

/// SHA-1, only to recognise the pinned certificate (RFC 2634): openssl 3.0 names it so by default.
/// The security does not depend on it: the whole certificate is pinned, and its key must have
/// signed.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn sha1(bytes: &[u8]) -> Result<Vec<u8>, TimestampError> {
    Ok(
        ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, bytes)
            .as_ref()
            .to_vec(),
    )
}

/// Refuses: this build cannot compute it.
#[cfg(target_arch = "wasm32")]
pub(super) fn sha1(_: &[u8]) -> Result<Vec<u8>, TimestampError> {
    Err(TimestampError::Unchecked)
}
