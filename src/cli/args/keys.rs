//! Arguments that name keys.

use crate::cli::{CliError, display_path, passphrase};
use crate::trust::{PublicKey, SecretKey};
use clap::Args;
use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Reads a public key: SPKI PEM or one line in OpenSSH format.
pub fn public_key(path: &Path) -> Result<PublicKey, CliError> {
    let hint = "`pgseal keygen NAME` writes NAME.pub; ssh-keygen's .pub is good too";
    let usage = |error: &dyn Display| {
        CliError::usage(format!("{}: {error}", display_path(path))).hint(hint)
    };
    let text = small_text(path).map_err(|error| usage(&error))?;
    PublicKey::from_text(&text).map_err(|error| usage(&error))
}

/// Reads at most 64 KiB, far more than any key or certificate. The bound matters for devices, which
/// have no end.
pub fn small_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(64 << 10)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// A secret key, and the passphrase of its file if that is encrypted.
pub type OpenedKey = (SecretKey, Option<zeroize::Zeroizing<String>>);

/// Secret keys.
#[derive(Args, Debug, Clone)]
pub struct PassphraseArgs {
    /// Read the keys' passphrase from this file descriptor instead of the terminal
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
}

impl PassphraseArgs {
    /// Reads keys, with a passphrase prompt for encrypted ones. A descriptor supplies one line per
    /// encrypted key.
    pub fn keys(&self, paths: &[PathBuf]) -> Result<Vec<SecretKey>, CliError> {
        let mut reader = self.reader();
        let read = |path: &PathBuf| {
            SecretKey::read(path, || {
                reader.read(&format!("passphrase of {}: ", display_path(path)))
            })
        };
        Ok(paths.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Like [`Self::keys`], for one key. Also returns the passphrase that opened it, for processes that
    /// open it again.
    pub fn key_with_passphrase(&self, path: &Path) -> Result<OpenedKey, CliError> {
        let mut reader = self.reader();
        let mut passphrase = None;
        let key = SecretKey::read(path, || {
            let read = reader.read(&format!("passphrase of {}: ", display_path(path)))?;
            Ok(passphrase.insert(read).clone())
        })?;
        Ok((key, passphrase))
    }

    /// Source of passphrases for one command.
    fn reader(&self) -> passphrase::Reader {
        passphrase::Reader::new(self.passphrase_fd)
    }

    /// Reads a new passphrase, twice on a terminal.
    pub fn new_passphrase(&self, name: &str) -> Result<zeroize::Zeroizing<String>, CliError> {
        let new = self.reader().new_passphrase(name);
        new.map_err(|error| {
            CliError::usage(format!("no passphrase: {error}"))
                .hint("run it on a terminal, give --passphrase-fd N, or --no-passphrase for a key without one")
        })
    }
}
