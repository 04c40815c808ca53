//! Why a file is no evidence of a time.

use crate::format::timestamp::Timestamp;

/// Why there is no time stamp, or no authority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Not the DER of a response or token (RFC 3161, 2.4.2).
    #[error("not a time stamp (RFC 3161): {0}")]
    NotATimestamp(String),
    /// Longer than any time stamp.
    #[error("the time stamp has {found} bytes, at most {most} are read")]
    TooLong {
        /// Its length.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// The authority answered, but did not stamp.
    #[error("the authority did not stamp (status {status}): {text}")]
    Rejected {
        /// PKIStatus: 2 is a rejection.
        status: u8,
        /// What the authority says.
        text: String,
    },
    /// Another spelling than the one that is stored.
    #[error("the token is not in its one canonical form, or was changed")]
    NotCanonical,
    /// Signed by another certificate than the pinned one.
    #[error("the token is of another authority than {expected}")]
    OtherAuthority {
        /// The subject of the pinned certificate.
        expected: String,
    },
    /// A token over another document.
    #[error("the token is over other data")]
    OtherData,
    /// The signature, or a digest on the way to it, is wrong.
    #[error("the token's signature is invalid")]
    Signature,
    /// This build has no code for the signatures of authorities.
    #[error("the token is not checked: this build cannot check time stamps")]
    Unchecked,
    /// Stamped before or after the certificate's life.
    #[error("stamped at {stamped}, but the certificate is valid from {first} to {last}")]
    Expired {
        /// The token's time.
        stamped: Timestamp,
        /// The certificate's first second.
        first: Timestamp,
        /// The certificate's last second.
        last: Timestamp,
    },
    /// An algorithm that is weak or unknown here.
    #[error("the token uses the algorithm {0}; SHA-256, SHA-384 or SHA-512 with RSA, P-256 or P-384 is expected")]
    Algorithm(String),
    /// A critical extension that nothing here understands.
    #[error("the token has the critical extension {0}, which is unknown")]
    CriticalExtension(String),
    /// Not a certificate.
    #[error("not one X.509 certificate: {0}")]
    NotACertificate(String),
    /// The certificate may be used for other things, or not for this.
    #[error("the certificate is not for time stamps alone (RFC 3161, 2.3: one extended key usage, critical)")]
    Purpose,
    /// The certificate's key is weak or unknown here.
    #[error("the certificate's key is {0}; RSA of 2048 to 8192 bits, P-256 or P-384 is expected")]
    Key(String),
}

impl TimestampError {
    /// A defect of form.
    pub(super) fn form(what: &str) -> Self {
        Self::NotATimestamp(what.to_owned())
    }
}

impl From<der::Error> for TimestampError {
    fn from(error: der::Error) -> Self {
        Self::NotATimestamp(error.to_string())
    }
}
