//! DSSE's JSON envelope as data (<https://github.com/secure-systems-lab/dsse/blob/master/envelope.md>): how other tools
//! take a signed document. It is written, never read: pgseal's own files hold the document and raw signatures.

use serde::Serialize;

use crate::digest::Digest;

/// A document and its signatures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Envelope {
    /// The document's bytes: base64 with padding (RFC 4648, 4).
    pub payload: String,
    /// Its type, which is signed too.
    #[serde(rename = "payloadType")]
    pub payload_type: &'static str,
    /// By ascending key id.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EnvelopeSignature {
    /// Which key made it: FORMAT.md 1.4. A hint, and not signed.
    pub keyid: Digest,
    /// 64 bytes: base64 with padding.
    pub sig: String,
}
