//! The token: a CMS SignedData (RFC 5652) around a TSTInfo, and its one canonical form.

use der::asn1::{Any, AnyRef, ObjectIdentifier, SetOfVec};
use der::{Decode, Encode};

use super::algorithm::{Hash, Scheme};
use super::info::Info;
use super::syntax::{
    ContentInfo, PkiStatusInfo, SIGNED_DATA, SignedData, SignerInfo, TST_INFO, TimeStampResp,
};
use super::{MOST_BYTES, TimestampError};

/// Converts the output of `openssl ts -reply` (a TimeStampResp), or a bare token (ContentInfo), to
/// the one canonical token that is stored.
///
/// Signed parts stay unchanged. Unsigned parts are removed (certificates, revocation lists,
/// unsigned attributes) or get one spelling: the algorithm identifiers, the order of the signed
/// attributes, and for ECDSA the lower of the two equivalent signatures. Stock tools accept the
/// result. It proves nothing until [`super::TimestampAuthority::verify`] has accepted it.
pub fn canonical(response_or_token: &[u8]) -> Result<Vec<u8>, TimestampError> {
    let read = short_enough(response_or_token).and_then(token_of)?;
    Ok(Token::new(read)?.info.to_der()?)
}

/// Converts a canonical token to a granted response of an authority (RFC 3161, 2.4.2), the form in
/// which other formats store timestamps.
pub fn response(token: &[u8]) -> Result<Vec<u8>, TimestampError> {
    let status = PkiStatusInfo {
        status: GRANTED,
        text: None,
        failure: None,
    };
    Ok(TimeStampResp {
        status,
        token: Some(Token::read(token)?.info),
    }
    .to_der()?)
}

/// True if `bytes` look like the DER of a response or token: only for distinguishing types of
/// files.
pub fn looks_like_one(bytes: &[u8]) -> bool {
    bytes.first() == Some(&SEQUENCE)
}

/// True if a token's imprint is of `data`. Cheap, and proves nothing.
pub fn is_about(token: &[u8], data: &[u8]) -> bool {
    Token::read(token)
        .and_then(|token| Info::read(token.content()))
        .is_ok_and(|info| info.is_about(data))
}

/// PKIStatus (RFC 3161, 2.4.2).
const GRANTED: u8 = 0;

/// The first byte of a SEQUENCE (X.690, 8.9.1).
const SEQUENCE: u8 = 0x30;

/// A token in its canonical form, with an unverified signature.
pub(super) struct Token {
    info: ContentInfo,
    signer: SignerInfo,
    /// The digest of the content and of the signature.
    pub hash: Hash,
    /// The signature scheme.
    pub scheme: Scheme,
}

impl Token {
    /// Parses a stored token; any other spelling is refused.
    pub fn read(bytes: &[u8]) -> Result<Self, TimestampError> {
        let token = Self::new(ContentInfo::from_der(short_enough(bytes)?)?)?;
        if token.info.to_der()? == bytes {
            Ok(token)
        } else {
            Err(TimestampError::NotCanonical)
        }
    }

    fn new(info: ContentInfo) -> Result<Self, TimestampError> {
        let data = info.content;
        // The versions follow from the content (RFC 5652, 5.1 and 5.3).
        if info.content_type != SIGNED_DATA
            || data.version != 3
            || data.encapsulated.content_type != TST_INFO
        {
            return Err(TimestampError::form("it is no signed time (TSTInfo)"));
        }
        let mut signers = data.signers.into_vec().into_iter();
        let (Some(signer), None) = (signers.next(), signers.next()) else {
            return Err(TimestampError::form("it has not exactly one signer"));
        };
        if signer.version != 1 {
            return Err(TimestampError::form("the version of its signer is not 1"));
        }
        let hash = Hash::of_identifier(&signer.digest_algorithm)?;
        let scheme = Scheme::of_identifiers(&signer.signature_algorithm, hash)?;
        let signer = SignerInfo {
            digest_algorithm: hash.identifier(),
            signature_algorithm: scheme.identifier(),
            signature: scheme.canonical(signer.signature)?,
            unsigned_attributes: None,
            ..signer
        };
        let content = SignedData {
            digest_algorithms: SetOfVec::from_iter([hash.identifier()])?,
            certificates: None,
            crls: None,
            signers: SetOfVec::from_iter([signer.clone()])?,
            ..data
        };
        Ok(Self {
            info: ContentInfo { content, ..info },
            signer,
            hash,
            scheme,
        })
    }

    /// The TSTInfo, as it was digested.
    pub fn content(&self) -> &[u8] {
        self.info.content.encapsulated.content.as_bytes()
    }

    /// The one signer.
    pub fn signer(&self) -> &SignerInfo {
        &self.signer
    }

    /// The signed bytes: the attributes, tagged as a SET (RFC 5652, 5.4).
    pub fn signed_bytes(&self) -> Result<Vec<u8>, TimestampError> {
        Ok(self.signer.signed_attributes.to_der()?)
    }

    /// The value of a signed attribute; the attribute occurs once with one value, or not at all
    /// (RFC 5652, 11).
    pub fn attribute(&self, oid: ObjectIdentifier) -> Result<Option<&Any>, TimestampError> {
        let mut found = self
            .signer
            .signed_attributes
            .iter()
            .filter(|attribute| attribute.oid == oid);
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(one), None) if one.values.len() == 1 => Ok(one.values.get(0)),
            _ => Err(TimestampError::form(
                "a signed attribute has not exactly one value",
            )),
        }
    }
}

fn short_enough(bytes: &[u8]) -> Result<&[u8], TimestampError> {
    let found = bytes.len();
    if found <= MOST_BYTES {
        Ok(bytes)
    } else {
        Err(TimestampError::TooLong {
            found,
            most: MOST_BYTES,
        })
    }
}

/// Extracts the token. A response begins with a status, which is a SEQUENCE; a token with a name,
/// which is an OBJECT IDENTIFIER.
fn token_of(bytes: &[u8]) -> Result<ContentInfo, TimestampError> {
    if AnyRef::from_der(bytes)?.value().first() != Some(&SEQUENCE) {
        return Ok(ContentInfo::from_der(bytes)?);
    }
    let response = TimeStampResp::from_der(bytes)?;
    let status = response.status.status;
    match response.token {
        // 0 is granted, 1 is granted with modifications (RFC 3161, 2.4.2).
        Some(token) if status <= 1 => Ok(token),
        _ => {
            let text = response.status.text.unwrap_or_default().join("; ");
            let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
            let text = if text.is_empty() {
                "no reason given".to_owned()
            } else {
                text
            };
            Err(TimestampError::Rejected { status, text })
        }
    }
}
