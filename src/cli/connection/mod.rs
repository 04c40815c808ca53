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
    with_parameters(db).map(|(connector, _)| connector)
}

/// The same with the parameters that it was made of, for programs that connect by themselves.
pub fn with_parameters(db: Option<&str>) -> Result<(Connector, Parameters), CliError> {
    let mut parameters = Parameters::parse(db.unwrap_or_default()).map_err(|error| wrong(&error))?;
    if parameters.get("password").is_some() {
        // Nobody can take it back from there without unsafe code; psql leaves it there, too.
        ALOUD.warning(
            "the password in --db can be read by everybody on this host while pgseal runs (ps); \
             ~/.pgpass and PGPASSWORD hide it",
        );
    }
    environment::complete(&mut parameters).map_err(|error| wrong(&error))?;
    let mut settings = Settings::from_parameters(&parameters).map_err(|error| wrong(&error))?;
    if parameters.get("password").is_none()
        && let Some(path) = passfile::path(&parameters)
        && let Some(warning) = passfile::fill(&mut settings, &path)
    {
        ALOUD.warning(escape(&warning));
    }
    Ok((Connector::new(settings), parameters))
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
