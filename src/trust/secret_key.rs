//! Ed25519 secret keys in openssl's format: PKCS#8 (RFC 8410), encrypted by scrypt and AES-256-CBC
//! (RFC 8018, RFC 7914).

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes};
use ed25519_dalek::{Signer, SigningKey};
use pkcs8::der::pem::{LineEnding, PemLabel};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef, SecretDocument};
use zeroize::Zeroizing;

use super::note::NoteText;
use super::pae::pre_authentication_encoding;
use super::public_key::PublicKey;
use super::signer::{self, SignerError};
use crate::durable::open_regular;

/// A secret key in memory; wiped when dropped.
pub struct SecretKey(SigningKey);

#[derive(Debug, thiserror::Error)]
pub enum SecretKeyError {
    #[error("{path}: {source}", path = path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path}: the secret key can be read by others (mode {mode:04o}, expected 0600)", path = path.display())]
    Readable { path: PathBuf, mode: u32 },
    #[error("{path}: not an Ed25519 secret key (PKCS#8 PEM): {reason}", path = path.display())]
    NotEd25519 { path: PathBuf, reason: String },
    #[error("{path}: the passphrase does not open the key", path = path.display())]
    Passphrase { path: PathBuf },
    #[error("{path}: no passphrase: {reason}", path = path.display())]
    NoPassphrase { path: PathBuf, reason: String },
    #[error("no random bytes from the operating system: {0}")]
    Random(String),
}

/// Maximum bytes read; secret key files are far smaller.
const MOST_BYTES: u64 = 16 << 10;

impl SecretKey {
    /// Generates a key from the operating system's random source.
    pub fn generate() -> Result<Self, SecretKeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut seed[..])
            .map_err(|error| SecretKeyError::Random(error.to_string()))?;
        Ok(Self::from_seed(&seed))
    }

    /// Derives the key from 32 secret bytes (RFC 8032, 5.1.5).
    pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a key file. Asks for the passphrase only if the key is encrypted.
    pub fn read(
        path: &Path,
        passphrase: impl FnOnce() -> std::io::Result<Zeroizing<String>>,
    ) -> Result<Self, SecretKeyError> {
        let pem = read_private(path)?;
        let wrong = |reason: &dyn fmt::Display| SecretKeyError::NotEd25519 {
            path: path.to_owned(),
            reason: reason.to_string(),
        };
        let (label, document) =
            SecretDocument::from_pem(pem.trim()).map_err(|error| wrong(&error))?;
        let document = match label {
            label if label == EncryptedPrivateKeyInfoRef::PEM_LABEL => {
                let encrypted = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
                    .map_err(|error| wrong(&error))?;
                let passphrase = passphrase().map_err(|error| SecretKeyError::NoPassphrase {
                    path: path.to_owned(),
                    reason: error.to_string(),
                })?;
                let opened = encrypted.decrypt(passphrase.as_bytes());
                opened.map_err(|_| SecretKeyError::Passphrase {
                    path: path.to_owned(),
                })?
            }
            label if label == PrivateKeyInfoRef::PEM_LABEL => document,
            label => return Err(wrong(&format!("the file holds a {label}"))),
        };
        SigningKey::from_pkcs8_der(document.as_bytes())
            .map(Self)
            .map_err(|error| wrong(&error))
    }

    /// Writes a new key file with mode 0600. Without a passphrase, the key is not encrypted.
    pub fn write_new(&self, path: &Path, passphrase: Option<&str>) -> Result<(), SecretKeyError> {
        let pem = self.to_pem(passphrase).map_err(|error| {
            let (path, reason) = (path.to_owned(), error.to_string());
            SecretKeyError::NotEd25519 { path, reason }
        })?;
        let io = |source| SecretKeyError::Io {
            path: path.to_owned(),
            source,
        };
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(io)?;
        let written = file
            .write_all(pem.as_bytes())
            .and_then(|()| file.sync_all());
        written.map_err(|source| {
            // A truncated key file would look like a key. The write error is reported, even if
            // removal fails too.
            let _ = std::fs::remove_file(path);
            io(source)
        })
    }

    fn to_pem(&self, passphrase: Option<&str>) -> pkcs8::Result<Zeroizing<String>> {
        // PKCS#8 version 1, without the public key: openssl 3.0 rejects version 2 (RFC 5958).
        let pair = KeypairBytes {
            secret_key: self.0.to_bytes(),
            public_key: None,
        };
        let document = pair.to_pkcs8_der()?;
        let Some(passphrase) = passphrase else {
            return Ok(document.to_pem(PrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)?);
        };
        // The library's scrypt parameters equal openssl's (N = 2^14, r = 8, p = 1), the highest
        // that openssl 3 accepts within its default memory limit.
        let info = PrivateKeyInfoRef::try_from(document.as_bytes())?;
        let encrypted = info.encrypt(passphrase.as_bytes())?;
        Ok(encrypted.to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)?)
    }

    pub fn public_key(&self) -> PublicKey {
        PublicKey::new(self.0.verifying_key())
            .expect("a public key derived from a secret key is not of small order")
    }

    /// Signs a document of the given type. Deterministic (RFC 8032).
    pub fn sign(&self, payload_type: &str, body: &[u8]) -> [u8; 64] {
        self.sign_encoded(&pre_authentication_encoding(payload_type, body))
    }

    /// Signs bytes that are already encoded by `sign`.
    pub(super) fn sign_encoded(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {}, redacted)", self.public_key().id())
    }
}

/// First lines of files that are often mistaken for a secret key, and what they are.
const OTHER_KEYS: [(&str, &str); 2] = [
    (
        "-----BEGIN PUBLIC KEY-----",
        "it is a public key; the secret half is the .key file",
    ),
    (
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "it is a key of OpenSSH: `ssh-add` it, then sign by --agent KEY.pub",
    ),
];

/// Opens a regular file, or a pipe that this process already has: `-` is standard input, and a
/// shell names others `/dev/fd/N`. Another pipe would wait for a writer.
fn open_key(path: &Path) -> std::io::Result<File> {
    let path = if path == Path::new("-") {
        Path::new("/dev/stdin")
    } else {
        path
    };
    let is_own = path == Path::new("/dev/stdin") || path.parent() == Some(Path::new("/dev/fd"));
    if !is_own {
        return open_regular(path);
    }
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_file() || kind.is_fifo() {
        return File::open(path);
    }
    let text = "expected a file or a pipe";
    Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, text))
}

fn read_private(path: &Path) -> Result<Zeroizing<String>, SecretKeyError> {
    let io = |source| SecretKeyError::Io {
        path: path.to_owned(),
        source,
    };
    let file = open_key(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    // Reserves the full capacity at once. Growing would leave copies of the key in freed memory.
    let mut pem = Zeroizing::new(String::with_capacity(MOST_BYTES as usize));
    file.take(MOST_BYTES).read_to_string(&mut pem).map_err(io)?;
    for (begin, reason) in OTHER_KEYS {
        if pem.contains(begin) {
            return Err(SecretKeyError::NotEd25519 {
                path: path.to_owned(),
                reason: reason.to_owned(),
            });
        }
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(SecretKeyError::Readable {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(pem)
}

impl signer::Signer for SecretKey {
    fn public_key(&self) -> PublicKey {
        Self::public_key(self)
    }

    fn sign(&self, payload_type: &str, body: &[u8]) -> Result<[u8; 64], SignerError> {
        Ok(Self::sign(self, payload_type, body))
    }

    fn sign_note(&self, text: &NoteText) -> Result<[u8; 64], SignerError> {
        Ok(self.sign_encoded(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_round_trip_and_keep_their_mode() {
        let dir = tempfile::tempdir().expect("temp dir");
        let key = SecretKey::generate().expect("random");
        for (name, passphrase) in [("plain.key", None), ("sealed.key", Some("correct horse"))] {
            let path = dir.path().join(name);
            key.write_new(&path, passphrase).expect("written");
            let mode = path.metadata().expect("there").permissions().mode() & 0o777;
            assert_eq!(mode, 0o600);
            let again = SecretKey::read(&path, || Ok(Zeroizing::new("correct horse".to_owned())))
                .expect("read");
            assert_eq!(again.public_key(), key.public_key());
            assert!(
                key.write_new(&path, passphrase).is_err(),
                "an existing file is never replaced"
            );
        }
        let sealed = dir.path().join("sealed.key");
        let wrong = SecretKey::read(&sealed, || Ok(Zeroizing::new("wrong".to_owned())));
        assert!(matches!(wrong, Err(SecretKeyError::Passphrase { .. })));
        std::fs::set_permissions(&sealed, std::fs::Permissions::from_mode(0o640)).expect("chmod");
        let readable = SecretKey::read(&sealed, || Ok(Zeroizing::new(String::new())));
        assert!(matches!(
            readable,
            Err(SecretKeyError::Readable { mode: 0o640, .. })
        ));
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = SecretKey::generate().expect("random");
        let secret = pgseal_verify::digest::hex(&key.0.to_bytes());
        let shown = format!("{key:?}");
        assert!(!shown.contains(&secret) && shown.contains("redacted"));
    }
}
