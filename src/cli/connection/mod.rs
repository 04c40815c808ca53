//! Where the database is: `--db`, then the service file, then libpq's environment, then its defaults, in this order
//! (docs/connections.md).

mod environment;
mod passfile;
mod service;

use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, escape};
use crate::postgres::{Connector, Parameters, Settings, SettingsError};

/// What is said beside the answer, whatever was asked for.
const ALOUD: Output = Output { json: false, quiet: false, color: false };

/// How to connect; nothing is opened yet. A password is never shown, also not in errors.
pub fn connector(db: Option<&str>) -> Result<Connector, CliError> {
    connector_for_gates(db, None).map(|(connector, _)| connector)
}

/// The same, with a role that gates and probes are asked as; and with the parameters that it was made of, for programs that
/// connect by themselves.
pub fn connector_for_gates(db: Option<&str>, gate_user: Option<&str>) -> Result<(Connector, Parameters), CliError> {
    let (settings, parameters) = settings(db)?;
    let gate = gate_user.map(|role| gate_settings(&settings.database, &parameters, role)).transpose()?;
    let connector = Connector::new(settings);
    Ok((gate.into_iter().fold(connector, Connector::asking_as), parameters))
}

/// The same server and database as another role, whose password is where libpq finds one: `PGPASSWORD`, then the password
/// file. One in `--db` or in a service file is of the role there.
fn gate_settings(database: &str, parameters: &Parameters, role: &str) -> Result<Settings, CliError> {
    let mut parameters = parameters.clone();
    parameters.remove("password");
    // Else it would be the name of the role.
    for (keyword, value) in [("dbname", database), ("user", role)] {
        parameters.set(keyword, value).map_err(|error| wrong(&error))?;
    }
    environment::password(&mut parameters).map_err(|error| wrong(&error))?;
    with_password_file(&parameters)
}

fn settings(db: Option<&str>) -> Result<(Settings, Parameters), CliError> {
    let mut parameters = Parameters::parse(db.unwrap_or_default()).map_err(|error| wrong(&error))?;
    if parameters.get("password").is_some() {
        // Nobody can take it back from there without unsafe code; psql leaves it there, too.
        ALOUD.warning(
            "the password in --db can be read by everybody on this host while pgseal runs (ps); \
             ~/.pgpass and PGPASSWORD hide it",
        );
    }
    environment::complete(&mut parameters).map_err(|error| wrong(&error))?;
    Ok((with_password_file(&parameters)?, parameters))
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

fn wrong(error: &SettingsError) -> CliError {
    let hint = match error {
        SettingsError::Syntax(_) | SettingsError::Unknown(_) => {
            "write --db postgresql://USER@HOST:PORT/DATABASE or \"host=... dbname=...\""
        }
        _ => "it is in --db, in a service file or in a PG* variable; docs/connections.md has them all",
    };
    CliError::new(Exit::Usage, format!("can't understand the connection: {error}")).hint(hint)
}
