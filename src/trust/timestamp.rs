//! Stub until the branch is merged.
use crate::digest::Digest;
use crate::format::timestamp::Timestamp;
/// Stub.
pub struct TimestampAuthority;
/// Stub.
#[derive(Debug, thiserror::Error)]
pub enum TimestampError {
    /// Stub.
    #[error("other {expected}")]
    OtherAuthority {
        /// Stub.
        expected: String,
    },
}
#[allow(missing_docs, clippy::all)]
impl TimestampAuthority {
    pub fn from_pem(_: &str) -> Result<Self, TimestampError> {
        unimplemented!()
    }
    pub fn from_base64(_: &str) -> Result<Self, TimestampError> {
        unimplemented!()
    }
    pub fn to_base64(&self) -> String {
        unimplemented!()
    }
    pub fn id(&self) -> Digest {
        unimplemented!()
    }
    pub fn name(&self) -> String {
        unimplemented!()
    }
    pub fn verify(&self, _: &[u8], _: &[u8]) -> Result<Timestamp, TimestampError> {
        unimplemented!()
    }
}
#[allow(missing_docs)]
pub fn canonical(_: &[u8]) -> Result<Vec<u8>, TimestampError> {
    unimplemented!()
}
#[allow(missing_docs)]
pub fn looks_like_one(_: &[u8]) -> bool {
    unimplemented!()
}
#[allow(missing_docs)]
pub fn is_about(_: &[u8], _: &[u8]) -> bool {
    unimplemented!()
}
