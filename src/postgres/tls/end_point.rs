//! `tls-server-end-point` (RFC 5929, section 4.1): the hash of the server's certificate that a
//! SCRAM login is bound to.

use der::asn1::ObjectIdentifier;
use der::{Any, Decode as _, Sequence};
use ring::digest::{SHA256, SHA384, SHA512, digest};
use x509_cert::Certificate;
use x509_cert::spki::AlgorithmIdentifierOwned;

const PSS: &str = "1.2.840.113549.1.1.10";

/// Computes the hash. Returns `None` if the certificate's signature has no separate hash (Ed25519)
/// or is unknown.
pub(in crate::postgres) fn of(certificate: &[u8]) -> Option<Vec<u8>> {
    let parsed = Certificate::from_der(certificate).ok()?;
    let hash = match signature_hash(parsed.signature_algorithm())?.as_str() {
        // RFC 5929 replaces MD5 and SHA-1 with SHA-256.
        "md5" | "sha1" | "sha256" => &SHA256,
        "sha384" => &SHA384,
        _ => &SHA512,
    };
    Some(digest(hash, certificate).as_ref().to_vec())
}

/// Parameters of an RSASSA-PSS signature (RFC 4055); only the hash is used.
#[derive(Sequence)]
struct PssParameters {
    #[asn1(context_specific = "0", optional = "true")]
    hash: Option<AlgorithmIdentifierOwned>,
    #[asn1(context_specific = "1", optional = "true")]
    mask: Option<Any>,
    #[asn1(context_specific = "2", optional = "true")]
    salt: Option<Any>,
    #[asn1(context_specific = "3", optional = "true")]
    trailer: Option<Any>,
}

fn signature_hash(algorithm: &AlgorithmIdentifierOwned) -> Option<String> {
    let oid = if algorithm.oid == ObjectIdentifier::new_unwrap(PSS) {
        let parameters: PssParameters = algorithm.parameters.as_ref()?.decode_as().ok()?;
        match parameters.hash {
            Some(hash) => hash.oid,
            None => return Some("sha1".to_owned()),
        }
    } else {
        algorithm.oid
    };
    let name = match oid.to_string().as_str() {
        "1.2.840.113549.1.1.4" => "md5",
        "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" => "sha1",
        "1.2.840.113549.1.1.11" | "1.2.840.10045.4.3.2" | "2.16.840.1.101.3.4.2.1" => "sha256",
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" | "2.16.840.1.101.3.4.2.2" => "sha384",
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" | "2.16.840.1.101.3.4.2.3" => "sha512",
        _ => return None,
    };
    Some(name.to_owned())
}
