//! TLS with libpq's semantics (PostgreSQL manual, "SSL Support"), by rustls.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use der::{Decode as _, Encode as _};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, SupportedProtocolVersion, WantsVerifier};
use x509_cert::Certificate;

use super::conninfo::Parameters;
use super::settings::{SettingsError, choose};
use verifier::{Chain, Verifier};

pub(super) mod end_point;
mod verifier;

/// ALPN protocol name; required if TLS starts without an `SSLRequest` (`sslnegotiation=direct`).
const ALPN: &[u8] = b"postgresql";

/// TLS settings of TCP connections. Unix sockets are never encrypted, as in libpq.
#[derive(Clone)]
pub(super) struct Tls {
    pub mode: Mode,
    /// `sslnegotiation=direct`.
    pub direct: bool,
    /// `None` if TLS is never used.
    pub config: Option<Arc<ClientConfig>>,
    /// `sslrootcert` as given; without it, the server's certificate is not verified.
    pub roots: Option<String>,
}

/// `sslmode`, from weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl Tls {
    /// Parses the TLS parameters. Without a TCP host, no file is read, as in libpq.
    pub(super) fn from_parameters(
        parameters: &Parameters,
        by_tcp: bool,
    ) -> Result<Self, SettingsError> {
        let roots = parameters.get("sslrootcert");
        let system = roots == Some("system");
        let mode = choose(
            parameters,
            "sslmode",
            if system { "verify-full" } else { "prefer" },
            &[
                ("disable", Mode::Disable),
                ("allow", Mode::Allow),
                ("prefer", Mode::Prefer),
                ("require", Mode::Require),
                ("verify-ca", Mode::VerifyCa),
                ("verify-full", Mode::VerifyFull),
            ],
        )?;
        let direct = choose(
            parameters,
            "sslnegotiation",
            "postgres",
            &[("postgres", false), ("direct", true)],
        )?;
        let versions = versions(parameters)?;
        let together = |text| Err(SettingsError::together(text));
        if system && mode != Mode::VerifyFull {
            return together(
                "sslrootcert=system needs sslmode=verify-full: anybody can have a certificate of a public CA",
            );
        }
        if direct && mode < Mode::Require {
            return together(
                "sslnegotiation=direct needs sslmode=require, verify-ca or verify-full",
            );
        }
        if by_tcp && mode >= Mode::VerifyCa && roots.is_none() {
            return together(
                "sslmode=verify-ca and verify-full need what signs the server's certificate: sslrootcert=FILE, \
                 ~/.postgresql/root.crt, or sslrootcert=system",
            );
        }
        let config = match mode {
            Mode::Disable => None,
            _ if !by_tcp => None,
            _ => Some(Arc::new(config(parameters, mode, &versions)?)),
        };
        Ok(Self {
            mode,
            direct,
            config,
            roots: roots.map(str::to_owned),
        })
    }

    /// Attempts in order; `true` is with TLS.
    pub(super) fn ways(&self) -> &'static [bool] {
        match self.mode {
            Mode::Disable => &[false],
            Mode::Allow => &[false, true],
            Mode::Prefer => &[true, false],
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => &[true],
        }
    }
}

/// Omits rustls's own output.
impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({:?})", self.mode)
    }
}

fn config(
    parameters: &Parameters,
    mode: Mode,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<ClientConfig, SettingsError> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions);
    let builder = builder.map_err(|e| SettingsError::Together(format!("no TLS: {e}")))?;
    let verifier = verifier(parameters, mode, &provider)?;
    let mut config = with_client(parameters, builder, &provider, verifier)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.enable_sni = choose(parameters, "sslsni", "1", &[("1", true), ("0", false)])?;
    Ok(config)
}

/// Builds the verifier. If roots are given, they are used in every mode, as in libpq.
fn verifier(
    parameters: &Parameters,
    mode: Mode,
    provider: &Arc<CryptoProvider>,
) -> Result<Verifier, SettingsError> {
    let algorithms = provider.signature_verification_algorithms;
    let Some(named) = parameters.get("sslrootcert") else {
        return Ok(Verifier {
            chain: None,
            algorithms,
        });
    };
    let wrong = |why: String| file("sslrootcert", Path::new(named), &why);
    let roots = match named {
        "system" => {
            let found = rustls_native_certs::load_native_certs();
            if found.certs.is_empty() {
                return Err(wrong(
                    "this system has no certificates of its own".to_owned(),
                ));
            }
            found.certs
        }
        _ => all("sslrootcert", Path::new(named), "certificate")?,
    };
    let mut store = RootCertStore::empty();
    for root in &roots {
        // A system's store may contain unsupported certificates among a hundred others.
        if let Err(e) = store.add(root.clone())
            && named != "system"
        {
            return Err(wrong(format!("a certificate in it is not understood: {e}")));
        }
    }
    let mut builder =
        WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider));
    let revocation = parameters.get("sslcrl").map(Path::new);
    if let Some(path) = revocation {
        let what = "list of revoked certificates";
        let lists = all::<CertificateRevocationListDer<'static>>("sslcrl", path, what)?;
        builder = builder.with_crls(lists).enforce_revocation_expiration();
    }
    let webpki = builder.build().map_err(|e| wrong(e.to_string()))?;
    let chain = Some(Chain {
        webpki,
        exact: if revocation.is_none() { roots } else { vec![] },
        names: mode == Mode::VerifyFull,
    });
    Ok(Verifier { chain, algorithms })
}

fn with_client(
    parameters: &Parameters,
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    provider: &CryptoProvider,
    verifier: Verifier,
) -> Result<ClientConfig, SettingsError> {
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some(path) = parameters
        .get("sslcert")
        .filter(|_| parameters.get("sslcertmode") != Some("disable"))
    else {
        return Ok(builder.with_no_client_auth());
    };
    let chain: Vec<CertificateDer<'static>> = all("sslcert", Path::new(path), "certificate")?;
    let Some(key_path) = parameters.get("sslkey").map(Path::new) else {
        let text = "sslcert is given, but not its key: sslkey";
        return Err(SettingsError::together(text));
    };
    let wrong = |why: String| file("sslkey", key_path, &why);
    let key = provider
        .key_provider
        .load_private_key(private_key(key_path)?);
    let key = key.map_err(|e| wrong(format!("this kind of key is not supported: {e}")))?;
    // `keys_match` is not used: webpki can't parse certificates of version 1, which servers accept.
    let certificate = Certificate::from_der(&chain[0]).ok();
    let public = certificate.and_then(|certificate| {
        let certificate = certificate.tbs_certificate();
        certificate.subject_public_key_info().to_der().ok()
    });
    if let (Some(of_certificate), Some(of_key)) = (public, key.public_key())
        && of_certificate != of_key.as_ref()
    {
        return Err(wrong(format!(
            "it is not the key of the certificate {path}"
        )));
    }
    let pair = CertifiedKey::new(chain, key);
    Ok(builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(pair))))
}

/// Reads a client's key, and requires the permissions that libpq requires.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, SettingsError> {
    let wrong = |why: &str| file("sslkey", path, why);
    let about = fs::metadata(path).map_err(|e| wrong(&e.to_string()))?;
    let forbidden = if about.uid() == 0 { 0o037 } else { 0o077 };
    if !about.is_file() {
        return Err(wrong("this is not a plain file"));
    }
    if about.mode() & forbidden != 0 {
        return Err(wrong(
            "others may read or change it: chmod 0600, or 0640 where it belongs to root",
        ));
    }
    let bytes = zeroize::Zeroizing::new(fs::read(path).map_err(|e| wrong(&e.to_string()))?);
    if bytes.windows(9).any(|word| word == b"ENCRYPTED") {
        return Err(wrong(
            "it is encrypted, and pgseal does not ask for its passphrase; protect it by its permissions",
        ));
    }
    PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_| wrong("there is no private key in PEM form in it"))
}

/// All items of one kind in a PEM file; at least one.
fn all<T: PemObject>(
    keyword: &'static str,
    path: &Path,
    what: &str,
) -> Result<Vec<T>, SettingsError> {
    let bytes = fs::read(path).map_err(|e| file(keyword, path, &e.to_string()))?;
    let found: Result<Vec<T>, _> = T::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => {
            let why = format!("there is no {what} in PEM form in it");
            Err(file(keyword, path, &why))
        }
    }
}

/// TLS versions to offer. TLS before 1.2 is never used, so an older minimum has no effect.
fn versions(
    parameters: &Parameters,
) -> Result<Vec<&'static SupportedProtocolVersion>, SettingsError> {
    let words = [("TLSv1", 0), ("TLSv1.1", 1), ("TLSv1.2", 2), ("TLSv1.3", 3)];
    let least = choose(parameters, "ssl_min_protocol_version", "TLSv1.2", &words)?;
    let most = "ssl_max_protocol_version";
    match (least, choose(parameters, most, "TLSv1.3", &words[2..])?) {
        (3, 3) => Ok(vec![&TLS13]),
        (3, _) => Err(SettingsError::Together(
            "ssl_min_protocol_version is above ssl_max_protocol_version".to_owned(),
        )),
        (_, 2) => Ok(vec![&TLS12]),
        _ => Ok(vec![&TLS13, &TLS12]),
    }
}

fn file(keyword: &'static str, path: &Path, why: &str) -> SettingsError {
    SettingsError::File {
        keyword,
        path: path.to_owned(),
        why: why.to_owned(),
    }
}
