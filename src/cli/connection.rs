//! Connection parameters from `--db`, the service file, libpq's environment and its defaults, in
//! this order (docs/connections.md).

mod environment;
mod passfile;
mod prompt;
mod service;

use super::args::ConnectionArgs;
use super::{CliError, Output, escape};
use crate::postgres::{Connector, Parameters, Settings, SettingsError};
pub use prompt::Prompt;

/// Output for warnings, which appear with any output options.
const ALOUD: Output = Output {
    json: false,
    quiet: false,
    color: false,
    color_messages: false,
};

/// Creates a connector without connecting. Passwords are never shown, also not in errors.
pub fn connector(given: &ConnectionArgs) -> Result<Connector, CliError> {
    connector_for_gates(given, None)
}

/// Like [`connector`], with a separate role for gates and probes.
pub fn connector_for_gates(
    given: &ConnectionArgs,
    gate_user: Option<&str>,
) -> Result<Connector, CliError> {
    prepared(given, given.parameters()?, gate_user).map(|(connector, _)| connector)
}

/// Connector to the server of clones, with a separate role for gates and probes. Also returns the
/// parameters, for programs that connect by themselves.
pub fn connector_for_clones(
    given: &ConnectionArgs,
    gate_user: Option<&str>,
) -> Result<(Connector, Parameters), CliError> {
    prepared(given, given.server_parameters()?, gate_user)
}

/// Connector for parameters that stand in a file, without a prompt for passwords.
pub fn connector_of(
    parameters: Parameters,
    gate_user: Option<&str>,
) -> Result<Connector, CliError> {
    let given = ConnectionArgs::without_prompt();
    prepared(&given, parameters, gate_user).map(|(connector, _)| connector)
}

fn prepared(
    given: &ConnectionArgs,
    parameters: Parameters,
    gate_user: Option<&str>,
) -> Result<(Connector, Parameters), CliError> {
    let (settings, parameters) = settings(given, parameters)?;
    let gate = match gate_user {
        Some(role) => {
            let mut gate = gate_settings(&settings.database, &parameters, role)?;
            prompt::install(&mut gate, given.prompt());
            Some(gate)
        }
        None => None,
    };
    let connector = Connector::new(settings);
    let connector = gate.into_iter().fold(connector, Connector::asking_as);
    Ok((connector, parameters))
}

/// Settings for another role on the same server and database. Its password comes from `PGPASSWORD`,
/// then from the password file; a password in `--db` or in a service file belongs to the role
/// there.
fn gate_settings(
    database: &str,
    parameters: &Parameters,
    role: &str,
) -> Result<Settings, CliError> {
    let mut parameters = parameters.clone();
    parameters.remove("password");
    // The database name would default to the name of the role.
    let set = |parameters: &mut Parameters| {
        parameters.set("dbname", database)?;
        parameters.set("user", role)?;
        environment::password(parameters)
    };
    set(&mut parameters).map_err(|error| wrong(&error))?;
    with_password_file(&parameters)
}

fn settings(
    given: &ConnectionArgs,
    mut parameters: Parameters,
) -> Result<(Settings, Parameters), CliError> {
    if given.has_visible_password() {
        // Removing it from the command line of this process needs unsafe code; psql leaves it
        // there, too.
        ALOUD.warning(
            "the password in --db can be read by everybody on this host while pgseal runs (ps); \
             ~/.pgpass and PGPASSWORD hide it",
        );
    }
    environment::complete(&mut parameters).map_err(|error| wrong(&error))?;
    let mut settings = with_password_file(&parameters)?;
    match given.prompt() {
        Prompt::Always => {
            let typed = prompt::forced()?;
            let hosts = settings.hosts.iter_mut();
            hosts.for_each(|host| host.password = Some(typed.clone()));
        }
        other => prompt::install(&mut settings, other),
    }
    Ok((settings, parameters))
}

fn with_password_file(parameters: &Parameters) -> Result<Settings, CliError> {
    let mut settings = Settings::from_parameters(parameters).map_err(|error| wrong(&error))?;
    if parameters.get("password").is_none()
        && let Some(path) = passfile::path(parameters)
        && let Some(warning) = passfile::fill(&mut settings, &path)
    {
        ALOUD.warning(escape(&warning));
    }
    Ok(settings)
}

/// The error for parameters that cannot be understood.
pub fn wrong(error: &SettingsError) -> CliError {
    let hint = match error {
        SettingsError::Syntax(_) | SettingsError::Unknown(_) => {
            "write --db postgresql://USER@HOST:PORT/DATABASE or \"host=... dbname=...\""
        }
        _ => {
            "it is in --db, in a service file or in a PG* variable; docs/connections.md has them all"
        }
    };
    CliError::usage(format!("can't understand the connection: {error}")).hint(hint)
}
