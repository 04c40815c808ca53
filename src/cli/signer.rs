//! Signers: a key file or a key of the ssh-agent. Shared by every command that signs.

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{PassphraseArgs, public_key};
use super::{CliError, Kind};
use crate::trust::agent::AgentError;
use crate::trust::signer::SignerError;
use crate::trust::{AgentKey, Signer};

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
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl SignerArgs {
    /// Opens the one key, with a prompt for its passphrase if it has one.
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
        if self.key.is_empty() {
            return Err(none());
        }
        let keys = self.passphrase.keys(&self.key)?.into_iter();
        Ok(keys.map(|key| Box::new(key) as Box<dyn Signer>).collect())
    }
}

fn none() -> CliError {
    CliError::usage("name a key, by --key or --agent")
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

impl From<SignerError> for CliError {
    fn from(error: SignerError) -> Self {
        let hint = match error {
            SignerError::Refused { .. } => "nothing was signed",
            SignerError::Invalid { .. } => {
                "nothing was signed; the ssh-agent is broken or an impostor"
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

    #[test]
    fn there_is_exactly_one_signer() {
        for args in [
            &["--key", "a"][..],
            &["--key", "a", "--passphrase-fd", "3"],
            &["--agent", "a.pub"],
        ] {
            parse(args).expect("one signer");
        }
        for args in [
            &[][..],
            &["--passphrase-fd", "3"],
            &["--key", "a", "--agent", "b"],
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
}
