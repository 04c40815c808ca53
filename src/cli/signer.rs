//! Signers: a key file, a key of the ssh-agent or a key on a PKCS#11 token. Shared by every command
//! that signs.

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{PassphraseArgs, public_key};
use super::{CliError, Kind};
use crate::trust::agent::AgentError;
use crate::trust::signer::SignerError;
use crate::trust::token_uri::TokenUriError;
use crate::trust::{AgentKey, Signer, TokenUri};

/// Which key signs; exactly one.
#[derive(Args, Debug, Clone)]
#[command(group = clap::ArgGroup::new("signer").required(true).multiple(false))]
pub struct SignerArgs {
    /// The secret key
    #[arg(long, value_name = "KEY", group = "signer")]
    key: Vec<PathBuf>,
    /// The public key whose secret half the ssh-agent at SSH_AUTH_SOCK holds
    #[arg(long, value_name = "KEY.pub", group = "signer")]
    agent: Option<PathBuf>,
    /// A key on a PKCS#11 token: pkcs11:token=NAME;object=LABEL?module-path=/path/to/module.so
    // Only the parsed value is kept. The typed text may hold a PIN; such a URI is refused without
    // being repeated.
    #[arg(long, value_name = "URI", group = "signer", value_parser = token_uri)]
    pkcs11: Option<Result<TokenUri, TokenUriError>>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl SignerArgs {
    /// Opens the one key, with a prompt for its passphrase or PIN if it has one.
    pub fn open(&self) -> Result<Box<dyn Signer>, CliError> {
        if self.key.len() > 1 {
            return Err(CliError::usage("one key signs at a time")
                .hint("repeat the command for each --key"));
        }
        self.open_all()?.pop().ok_or_else(none)
    }

    /// Like [`Self::open`], for several keys of one operator that sign at once.
    pub fn open_all(&self) -> Result<Vec<Box<dyn Signer>>, CliError> {
        if let Some(path) = &self.agent {
            let socket = std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty());
            let key = agent_key(path, socket.as_ref().map(Path::new))?;
            return Ok(vec![Box::new(key)]);
        }
        if let Some(uri) = &self.pkcs11 {
            let uri = uri.as_ref().map_err(|error| {
                let hint = "the form is pkcs11:token=NAME;object=LABEL?module-path=/path/to/module.so (RFC 7512)";
                CliError::usage(error).hint(hint)
            })?;
            return Ok(vec![token_key(uri, &self.passphrase)?]);
        }
        if self.key.is_empty() {
            return Err(none());
        }
        let keys = self.passphrase.keys(&self.key)?.into_iter();
        Ok(keys.map(|key| Box::new(key) as Box<dyn Signer>).collect())
    }
}

fn none() -> CliError {
    CliError::usage("name a key, by --key, --agent or --pkcs11")
}

fn token_uri(text: &str) -> Result<Result<TokenUri, TokenUriError>, std::convert::Infallible> {
    Ok(text.parse())
}

fn agent_key(path: &Path, socket: Option<&Path>) -> Result<AgentKey, CliError> {
    let public = public_key(path)?;
    let start = "start an agent: eval $(ssh-agent); ssh-add KEY";
    let Some(socket) = socket else {
        return Err(CliError::usage("there is no ssh-agent: SSH_AUTH_SOCK is not set").hint(start));
    };
    AgentKey::find(socket, public).map_err(|error| {
        let hint = match error {
            AgentError::Unreachable { .. } => start,
            AgentError::NoKey { .. } => "`ssh-add KEY` adds it, `ssh-add -L` lists what is there",
            AgentError::Refused => "`ssh-add -X` unlocks the agent",
            AgentError::Silent { .. } | AgentError::Broken(_) | AgentError::Protocol(_) => {
                "does SSH_AUTH_SOCK lead to an ssh-agent? `ssh-add -L` asks it the same"
            }
            AgentError::TooLarge { .. } => "",
        };
        CliError::usage(error).hint(hint)
    })
}

#[cfg(feature = "pkcs11")]
fn token_key(uri: &TokenUri, passphrase: &PassphraseArgs) -> Result<Box<dyn Signer>, CliError> {
    use crate::trust::TokenKey;
    use crate::trust::token::TokenError;
    let mut reader = passphrase.reader();
    let key = TokenKey::open(uri, || reader.read(&format!("PIN of the {uri}: ")));
    let key = key.map_err(|error| {
        let hint = match error {
            TokenError::Module { .. } => {
                "SoftHSM's is /usr/lib/softhsm/libsofthsm2.so; a vendor says where its own is"
            }
            TokenError::Token { found: 0, .. } => {
                "`pkcs11-tool --module MODULE -L` lists the tokens"
            }
            TokenError::Token { .. } => "tell them apart by serial=NUMBER",
            TokenError::Key { .. } => {
                "`pkcs11-tool --module MODULE --login -O` lists the keys; id=%XX names one"
            }
            TokenError::NoPin { .. } => "run it on a terminal, or give --passphrase-fd N",
            TokenError::Pin { locked: true, .. } => {
                "the token's security officer can set a new PIN"
            }
            TokenError::Pin { .. } => "a token locks itself after a few wrong PINs",
            TokenError::Point { .. } | TokenError::Said { .. } => "",
        };
        CliError::usage(error).hint(hint)
    })?;
    Ok(Box::new(key))
}

#[cfg(not(feature = "pkcs11"))]
fn token_key(_: &TokenUri, _: &PassphraseArgs) -> Result<Box<dyn Signer>, CliError> {
    Err(CliError::usage("this pgseal was built without PKCS#11")
        .hint("building pgseal with `--features pkcs11` puts it in; the key may also be an ssh-agent's (--agent)"))
}

impl From<SignerError> for CliError {
    fn from(error: SignerError) -> Self {
        let hint = match error {
            SignerError::Refused { .. } => "nothing was signed",
            SignerError::Invalid { .. } => {
                "nothing was signed; what holds the key is broken or not what it says"
            }
        };
        Self::new(Kind::SignerFailed, error).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Exit;
    use crate::trust::SecretKey;
    use clap::Parser;

    #[derive(Parser, Debug)]
    struct Command {
        #[command(flatten)]
        signer: SignerArgs,
    }

    fn parse(args: &[&str]) -> Result<SignerArgs, clap::Error> {
        Command::try_parse_from(std::iter::once(&"test").chain(args)).map(|command| command.signer)
    }

    fn assert_usage(error: &CliError, why: &str) {
        let is_usage = error.exit == Exit::Usage && error.lines[0].contains(why);
        assert!(is_usage, "{why}: {error:?}");
    }

    fn error(args: &[&str], why: &str) -> CliError {
        let opened = parse(args).expect("one signer").open();
        let opened = opened.map(|signer| signer.public_key());
        let error = opened.expect_err("there is no such key");
        assert_usage(&error, why);
        error
    }

    const URI: &str = "pkcs11:token=a;object=b?module-path=/nonexistent.so";

    #[test]
    fn there_is_exactly_one_signer() {
        for args in [
            &["--key", "a"][..],
            &["--agent", "a.pub"],
            &["--pkcs11", URI, "--passphrase-fd", "3"],
        ] {
            parse(args).expect("one signer");
        }
        for args in [
            &[][..],
            &["--passphrase-fd", "3"],
            &["--key", "a", "--agent", "b"],
            &["--key", "a", "--pkcs11", URI],
        ] {
            parse(args).expect_err("none or two");
        }
    }

    #[test]
    fn no_agent_and_no_key_are_wrong_arguments_with_a_hint() {
        let dir = tempfile::tempdir().expect("temp dir");
        let public = dir.path().join("a.pub");
        let key = SecretKey::generate().expect("random").public_key();
        std::fs::write(&public, key.to_openssh("a")).expect("written");
        let missing = dir.path().join("missing");
        for (path, socket, why) in [
            (&public, None, "SSH_AUTH_SOCK is not set"),
            (&public, Some(missing.as_path()), "no ssh-agent at"),
            (&missing, None, "No such file"),
        ] {
            assert_usage(&agent_key(path, socket).expect_err(why), why);
        }
        let hint = agent_key(&public, None).expect_err("no agent").hint;
        let start = "start an agent: eval $(ssh-agent); ssh-add KEY";
        assert_eq!(hint.as_deref(), Some(start));
    }

    #[test]
    fn a_wrong_uri_is_told_first_and_a_pin_in_it_is_not_repeated() {
        let uri = "pkcs11:token=a;object=b";
        error(&["--pkcs11", uri], "lacks ?module-path=");
        let uri = format!("{uri}?module-path=/m&pin-value=4711");
        let args = ["--pkcs11", &uri];
        let pin = error(&args, "pin-value");
        let shown = format!("{pin:?} {:?}", parse(&args).expect("one signer"));
        assert!(!shown.contains("4711"), "{shown}");
    }

    #[test]
    fn a_token_needs_the_feature_and_its_module() {
        let why = match cfg!(feature = "pkcs11") {
            true => "not a PKCS#11 module",
            false => "built without PKCS#11",
        };
        error(&["--pkcs11", URI], why);
    }
}
