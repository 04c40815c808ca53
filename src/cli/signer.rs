//! Stub until the branch is merged.
use super::args::PassphraseArgs;
use super::error::CliError;
use crate::trust::Signer;
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
pub struct SignerArgs {
    /// The secret key
    #[arg(long, value_name = "KEY")]
    key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl SignerArgs {
    pub fn open(&self) -> Result<Box<dyn Signer>, CliError> {
        let key = self.key.clone().ok_or_else(|| CliError::new(super::exit::Exit::Usage, "no key"))?;
        let key =
            self.passphrase.keys(&[key])?.pop().ok_or_else(|| CliError::new(super::exit::Exit::Usage, "no key"))?;
        Ok(Box::new(key))
    }
}
