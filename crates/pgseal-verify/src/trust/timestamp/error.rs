//! Errors of timestamps and authorities.

use crate::format::timestamp::Timestamp;

/// Reason why a timestamp or an authority is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum TimestampError {
    /// Not the DER of a response or token (RFC 3161, 2.4.2).
    #[error("not a time stamp (RFC 3161): {0}")]
    NotATimestamp(String),
    /// Longer than any timestamp.
    #[error("the time stamp has {found} bytes, at most {most} are read")]
    TooLong {
        /// Length in bytes.
        found: usize,
        /// Maximum length in bytes.
        most: usize,
    },
    /// A response without a timestamp.
    #[error("the authority did not stamp (status {status}): {text}")]
    Rejected {
        /// PKIStatus: 2 is a rejection.
        status: u8,
        /// Text of the authority.
        text: String,
    },
    /// Another spelling than the canonical one.
    #[error("the token is not in its one canonical form, or was changed")]
    NotCanonical,
    /// Signed by another certificate than the pinned one.
    #[error("the token is of another authority than {expected}")]
    OtherAuthority {
        /// Subject of the pinned certificate.
        expected: String,
    },
    /// A token over another document.
    #[error("the token is over other data")]
    OtherData,
    /// An invalid signature, or a wrong digest on the way to it.
    #[error("the token's signature is invalid")]
    Signature,
    /// A build without code for the signatures of authorities.
    #[error("the token is not checked: this build cannot check time stamps")]
    Unchecked,
    /// A time outside of the certificate's validity.
    #[error("stamped at {stamped}, but the certificate is valid from {first} to {last}")]
    Expired {
        /// Time in the token.
        stamped: Timestamp,
        /// First second of the certificate's validity.
        first: Timestamp,
        /// Last second of the certificate's validity.
        last: Timestamp,
    },
    /// A weak or unsupported algorithm.
    #[error(
        "the token uses the algorithm {0}; SHA-256, SHA-384 or SHA-512 with RSA, P-256 or P-384 is expected"
    )]
    Algorithm(String),
    /// An unsupported critical extension.
    #[error("the token has the critical extension {0}, which is unknown")]
    CriticalExtension(String),
    /// A file that is not a certificate.
    #[error("not one X.509 certificate: {0}")]
    NotACertificate(String),
    /// A certificate for other purposes, or not for timestamps.
    #[error(
        "the certificate is not for time stamps alone (RFC 3161, 2.3: one extended key usage, critical)"
    )]
    Purpose,
    /// A certificate with a weak or unsupported key.
    #[error("the certificate's key is {0}; RSA of 2048 to 8192 bits, P-256 or P-384 is expected")]
    Key(String),
}

impl TimestampError {
    /// A malformed token.
    pub(super) fn form(what: &str) -> Self {
        Self::NotATimestamp(what.to_owned())
    }
}

impl From<der::Error> for TimestampError {
    fn from(error: der::Error) -> Self {
        Self::NotATimestamp(error.to_string())
    }
}
