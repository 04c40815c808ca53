//! Whom the other end of TLS has to be: anybody (`prefer`, `require`), somebody with a certificate of a CA
//! (`verify-ca`), or that very host (`verify-full`). Who holds the certificate's key is proven in every mode.

use std::sync::Arc;

use der::{Decode as _, Encode as _};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use x509_cert::Certificate;

#[derive(Debug)]
pub(super) struct Verifier {
    pub chain: Option<Chain>,
    pub algorithms: WebPkiSupportedAlgorithms,
}

/// What a certificate is verified against.
#[derive(Debug)]
pub(super) struct Chain {
    pub webpki: Arc<WebPkiServerVerifier>,
    /// Certificates that are good as they are: a server that signed its own is named as its own root, and for webpki no CA
    /// is a server.
    pub exact: Vec<CertificateDer<'static>>,
    /// Whether the host's name counts.
    pub names: bool,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        if chain.exact.iter().any(|root| root == end_entity) {
            is_of_age(end_entity, now)?;
            if chain.names {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match chain.webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is what rustls looks at last: everything else is good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !chain.names => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if ParsedCertificate::try_from(certificate).is_ok() {
            return verify_tls13_signature(message, certificate, signed, &self.algorithms);
        }
        // webpki reads no certificate of version 1, as `openssl x509 -req` made them for years; a key it has all the same.
        let unread = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
        let parsed = Certificate::from_der(certificate).map_err(unread)?;
        let key = parsed.tbs_certificate().subject_public_key_info().to_der().map_err(unread)?;
        let key = SubjectPublicKeyInfoDer::from(key);
        verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn is_of_age(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let unread = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
    let parsed = Certificate::from_der(certificate).map_err(unread)?;
    let validity = parsed.tbs_certificate().validity();
    let seconds = |time: &x509_cert::time::Time| time.to_unix_duration().as_secs();
    if now.as_secs() < seconds(&validity.not_before) {
        return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
    }
    if now.as_secs() > seconds(&validity.not_after) {
        return Err(Error::InvalidCertificate(CertificateError::Expired));
    }
    Ok(())
}
