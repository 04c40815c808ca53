//! Sigstore's bundle v0.3: a DSSE envelope with one signature, a hint at its key, and its
//! timestamps. Written, never read. Names are those of proto3's JSON for `sigstore_bundle.proto`
//! and `sigstore_common.proto` (<https://github.com/sigstore/protobuf-specs/tree/main/protos>).

use serde::Serialize;

use super::dsse::Envelope;
use crate::digest::Digest;

/// A signature with all data for its verification, except the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SigstoreBundle {
    /// Always v0.3.
    pub media_type: SigstoreMediaType,
    /// Hint at the key, and timestamps.
    pub verification_material: VerificationMaterial,
    /// The document, with exactly one signature.
    pub dsse_envelope: Envelope,
}

/// The version of the bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SigstoreMediaType {
    /// v0.3.
    #[serde(rename = "application/vnd.dev.sigstore.bundle.v0.3+json")]
    V0_3,
}

/// Data that accompany a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationMaterial {
    /// Hint at the key, which is distributed separately.
    pub public_key: PublicKeyIdentifier,
    /// Always empty: releases are made and checked offline, so no transparency log has seen the
    /// signature.
    pub tlog_entries: [(); 0],
    /// Absent without timestamps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp_verification_data: Option<TimestampVerificationData>,
}

/// Identifies a key. The envelope's `keyid` MUST be the same text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublicKeyIdentifier {
    /// The key id: FORMAT.md 1.4.
    pub hint: Digest,
}

/// Timestamps of the signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimestampVerificationData {
    /// Timestamps of RFC 3161.
    #[serde(rename = "rfc3161Timestamps")]
    pub rfc3161_timestamps: Vec<Rfc3161SignedTimestamp>,
}

/// A timestamp of RFC 3161.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rfc3161SignedTimestamp {
    /// The DER of a TimeStampResp: base64 with padding.
    pub signed_timestamp: String,
}
