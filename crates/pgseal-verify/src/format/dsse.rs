//! DSSE's JSON envelope (<https://github.com/secure-systems-lab/dsse/blob/master/envelope.md>), the
//! form in which other tools read a signed document. It is written, never read: pgseal's own files
//! hold the document and raw signatures.

use serde::Serialize;

use crate::digest::Digest;

/// A document and its signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Envelope {
    /// The document's bytes: base64 with padding (RFC 4648, 4).
    pub payload: String,
    /// The document's type, which is signed too.
    #[serde(rename = "payloadType")]
    pub payload_type: &'static str,
    /// Signatures by ascending key id.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EnvelopeSignature {
    /// Id of the signing key: FORMAT.md 1.4. A hint, and not signed.
    pub keyid: Digest,
    /// 64 bytes: base64 with padding.
    pub sig: String,
}
