//! A timestamping authority, pinned by its certificate, and the verification of a timestamp.

use base64ct::{Base64, Encoding};
use der::asn1::{ObjectIdentifier, OctetString};
use der::{Decode, Document, Encode};
use x509_cert::Certificate;
use x509_cert::ext::pkix::ExtendedKeyUsage;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

use super::algorithm::Hash;
use super::backend;
use super::info::Info;
use super::key::Key;
use super::syntax::{
    CONTENT_TYPE, IssuerSerial, MESSAGE_DIGEST, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2,
    SigningCertificate, SigningCertificateV2, TIME_STAMPING, TST_INFO,
};
use super::token::Token;
use super::{MOST_BYTES, TimestampError};
use crate::digest::Digest;
use crate::format::timestamp::Timestamp;

/// A timestamping authority of a trust root, pinned by its one signing certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampAuthority {
    der: Vec<u8>,
    certificate: Certificate,
    key: Key,
    first: Timestamp,
    last: Timestamp,
}

impl TimestampAuthority {
    /// Reads a PEM file with one CERTIFICATE block and nothing else.
    pub fn from_pem(pem: &str) -> Result<Self, TimestampError> {
        let (label, document) = Document::from_pem(pem.trim()).map_err(not_a_certificate)?;
        if label != "CERTIFICATE" {
            return Err(TimestampError::NotACertificate(format!(
                "the file holds a {label}"
            )));
        }
        Self::from_der(document.into_vec())
    }

    /// Reads the DER as base64 without line breaks, in its canonical spelling only.
    pub fn from_base64(text: &str) -> Result<Self, TimestampError> {
        Self::from_der(
            Base64::decode_vec(text)
                .map_err(|error| TimestampError::NotACertificate(error.to_string()))?,
        )
    }

    /// The DER as base64 without line breaks.
    pub fn to_base64(&self) -> String {
        Base64::encode_string(&self.der)
    }

    /// The certificate's fingerprint: SHA-256 of its DER.
    pub fn id(&self) -> Digest {
        Digest::of(&self.der)
    }

    /// The certificate's subject (RFC 4514), for people.
    pub fn name(&self) -> String {
        self.certificate.tbs_certificate().subject().to_string()
    }

    /// Verifies a canonical token over `data`.
    ///
    /// Returns the first whole second at which the data existed for certain: the token's time plus
    /// its accuracy, if it has one, rounded up. A nonce is ignored: it protects the response to a
    /// request, and pgseal sends none.
    pub fn verify(&self, token: &[u8], data: &[u8]) -> Result<Timestamp, TimestampError> {
        let token = Token::read(token)?;
        self.is_signer_of(&token)?;
        let content_type = token
            .attribute(CONTENT_TYPE)?
            .map(|any| any.decode_as::<ObjectIdentifier>())
            .transpose()?;
        let digest = token
            .attribute(MESSAGE_DIGEST)?
            .map(|any| any.decode_as::<OctetString>())
            .transpose()?;
        let is_of_content =
            |digest: OctetString| token.hash.of(token.content()) == digest.as_bytes();
        let signed = content_type == Some(TST_INFO)
            && digest.is_some_and(is_of_content)
            && backend::holds(
                &self.key,
                token.scheme,
                &token.signed_bytes()?,
                token.signer().signature.as_bytes(),
            )?;
        if !signed {
            return Err(TimestampError::Signature);
        }
        let info = Info::read(token.content())?;
        if !info.is_about(data) {
            return Err(TimestampError::OtherData);
        }
        if info.begins < self.first || info.ends > self.last {
            return Err(TimestampError::Expired {
                stamped: info.begins,
                first: self.first,
                last: self.last,
            });
        }
        Ok(info.latest)
    }

    fn from_der(der: Vec<u8>) -> Result<Self, TimestampError> {
        if der.len() > MOST_BYTES {
            return Err(TimestampError::NotACertificate("it is too long".to_owned()));
        }
        let certificate = Certificate::from_der(&der).map_err(not_a_certificate)?;
        if certificate.to_der().map_err(not_a_certificate)? != der {
            return Err(TimestampError::NotACertificate("it is not DER".to_owned()));
        }
        let body = certificate.tbs_certificate();
        // RFC 3161, 2.3.
        match body
            .get_extension::<ExtendedKeyUsage>()
            .map_err(not_a_certificate)?
        {
            Some((true, ExtendedKeyUsage(usages))) if usages == [TIME_STAMPING] => {}
            _ => return Err(TimestampError::Purpose),
        }
        let key = Key::of(body.subject_public_key_info())?;
        let (first, last) = (
            second(&body.validity().not_before)?,
            second(&body.validity().not_after)?,
        );
        Ok(Self {
            certificate,
            key,
            first,
            last,
            der,
        })
    }

    /// Checks that the token names this certificate, both in the unsigned part (which identifies
    /// it) and in the signed part (RFC 5816, 2.2.1: an authority cannot swap certificates of one
    /// key).
    fn is_signer_of(&self, token: &Token) -> Result<(), TimestampError> {
        let body = self.certificate.tbs_certificate();
        let named = &token.signer().certificate;
        let mut same =
            named.issuer == *body.issuer() && named.serial_number == *body.serial_number();
        let mut inside = false;
        if let Some(value) = token.attribute(SIGNING_CERTIFICATE)? {
            let list = value.decode_as::<SigningCertificate>()?;
            let first = list.certificates.first();
            inside = true;
            let own = backend::sha1(&self.der)?;
            same &= first.is_some_and(|id| {
                id.hash.as_bytes() == own && self.is_named_by(id.issuer_serial.as_ref())
            });
        }
        if let Some(value) = token.attribute(SIGNING_CERTIFICATE_V2)? {
            let list = value.decode_as::<SigningCertificateV2>()?;
            let first = list.certificates.first();
            let hash = first
                .and_then(|id| id.algorithm.as_ref())
                .map(Hash::of_identifier)
                .transpose()?;
            let hash = hash.unwrap_or(Hash::Sha256);
            inside = true;
            same &= first.is_some_and(|id| {
                id.hash.as_bytes() == hash.of(&self.der)
                    && self.is_named_by(id.issuer_serial.as_ref())
            });
        }
        if !inside {
            return Err(TimestampError::form(
                "its signature names no certificate (RFC 3161, 2.4.2)",
            ));
        }
        if same {
            Ok(())
        } else {
            Err(TimestampError::OtherAuthority {
                expected: self.name(),
            })
        }
    }

    /// The issuer and serial number are optional; the hash is sufficient.
    fn is_named_by(&self, named: Option<&IssuerSerial>) -> bool {
        let body = self.certificate.tbs_certificate();
        named.is_none_or(|named| {
            let [GeneralName::DirectoryName(issuer)] = named.issuer.as_slice() else {
                return false;
            };
            issuer == body.issuer() && named.serial_number == *body.serial_number()
        })
    }
}

fn second(time: &Time) -> Result<Timestamp, TimestampError> {
    // The last second of 9999 means "no end" (RFC 5280, section 4.1.2.5).
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
    let seconds = seconds
        .and_then(|seconds| Timestamp::from_seconds(seconds.min(Timestamp::last().seconds())));
    seconds.ok_or_else(|| {
        TimestampError::NotACertificate("its validity is not in the years 1970 to 9999".to_owned())
    })
}

fn not_a_certificate(error: der::Error) -> TimestampError {
    TimestampError::NotACertificate(error.to_string())
}
