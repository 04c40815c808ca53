//! The prompt for a server's password, as psql's: on the terminal, without echo, once a command.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::progress::suspended;
use super::super::{CliError, Kind, escape};
use crate::postgres::{AskedPassword, Password, Settings};

/// When to prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prompt {
    /// If the server asks, and no password is known.
    #[default]
    IfAsked,
    /// Before the first connection.
    Always,
    Never,
}

/// One question for each server and role, however many connectors a command makes.
static ASKED: Mutex<BTreeMap<String, Arc<AskedPassword>>> = Mutex::new(BTreeMap::new());

/// Sets the password to ask for. Without a terminal nothing is asked.
pub fn install(settings: &mut Settings, prompt: Prompt) {
    if prompt == Prompt::Never || !std::io::stdin().is_terminal() {
        return;
    }
    let hosts: Vec<String> = settings.hosts.iter().map(ToString::to_string).collect();
    let key = format!("{}@{}", settings.user, hosts.join(","));
    let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    let one = asked.entry(key).or_insert_with(|| {
        Arc::new(AskedPassword::new(|role| {
            ask(&format!("Password for user {}: ", escape(role))).ok()
        }))
    });
    settings.asked = Some(one.clone());
}

/// The password that `-W` asks for before the first connection; asked once a command.
pub fn forced() -> Result<Password, CliError> {
    static FORCED: Mutex<Option<Password>> = Mutex::new(None);
    let mut forced = FORCED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(password) = &*forced {
        return Ok(password.clone());
    }
    let password = ask("Password: ").map_err(|error| {
        CliError::new(
            Kind::PasswordMissing,
            format!("cannot ask for a password: {error}"),
        )
        .hint("-W needs a terminal; put the password into ~/.pgpass or PGPASSWORD")
    })?;
    *forced = Some(password.clone());
    Ok(password)
}

/// Asks on the terminal. An empty answer is none, as in libpq.
fn ask(prompt: &str) -> std::io::Result<Password> {
    let typed = suspended(|| rpassword::prompt_password(prompt))?;
    let typed = zeroize::Zeroizing::new(typed);
    match typed.is_empty() {
        true => Err(std::io::Error::other("it is empty")),
        false => Ok(Password::new(&typed)),
    }
}
