//! Defaults for a connection string: the service, libpq's environment variables, and the files in
//! `~/.postgresql` (PostgreSQL manual, "Environment Variables", "The Connection Service File",
//! "Client Certificates").

use std::env;
use std::path::PathBuf;

use super::service;
use crate::postgres::keywords::{KEYWORDS, SESSION_VARIABLES};
use crate::postgres::{Parameters, SettingsError};

/// Sets missing parameters. A parameter that is present, even if empty, is kept.
pub fn complete(parameters: &mut Parameters) -> Result<(), SettingsError> {
    for keyword in ["service", "servicefile"] {
        from_variable(parameters, keyword)?;
    }
    if let Some(name) = parameters.get("service").map(str::to_owned) {
        service::apply(&name, parameters)?;
    }
    for variable in SESSION_VARIABLES {
        if env::var_os(variable).is_some_and(|value| !value.is_empty()) {
            let why = "it could change what a gate sees; unset it".to_owned();
            return Err(SettingsError::Refused {
                keyword: variable.to_owned(),
                why,
            });
        }
    }
    for keyword in KEYWORDS {
        from_variable(parameters, keyword.name)?;
    }
    if !parameters.has("sslmode")
        && variable("PGREQUIRESSL")?.is_some_and(|value| value.starts_with('1'))
    {
        parameters.set("sslmode", "require")?;
    }
    if parameters.get("user").is_none() {
        let name = whoami::username()
            .map_err(|e| SettingsError::Together(format!("who runs this is not known: {e}")))?;
        parameters.set("user", &name)?;
    }
    files_of_tls(parameters)
}

/// Sets the password from `PGPASSWORD`.
pub fn password(parameters: &mut Parameters) -> Result<(), SettingsError> {
    from_variable(parameters, "password")
}

/// The home directory, if there is one.
pub fn home() -> Option<PathBuf> {
    env::home_dir().filter(|home| !home.as_os_str().is_empty())
}

fn from_variable(parameters: &mut Parameters, keyword: &str) -> Result<(), SettingsError> {
    let known = KEYWORDS
        .iter()
        .find(|known| known.name == keyword)
        .and_then(|known| known.variable);
    match known.map(variable).transpose()?.flatten() {
        Some(value) => parameters.set_default(keyword, &value),
        None => Ok(()),
    }
}

fn variable(name: &str) -> Result<Option<String>, SettingsError> {
    let Some(value) = env::var_os(name) else {
        return Ok(None);
    };
    value
        .into_string()
        .map(Some)
        .map_err(|_| SettingsError::Syntax(format!("{name} is not UTF-8")))
}

/// Sets the parameters of files that libpq uses if they exist.
fn files_of_tls(parameters: &mut Parameters) -> Result<(), SettingsError> {
    let Some(dir) = home().map(|home| home.join(".postgresql")) else {
        return Ok(());
    };
    for (keyword, name) in [
        ("sslrootcert", "root.crt"),
        ("sslcrl", "root.crl"),
        ("sslcert", "postgresql.crt"),
    ] {
        let file = dir.join(name);
        if let Some(path) = file.to_str().filter(|_| file.exists()) {
            // A revocation list does not apply to the system's certificates.
            if keyword != "sslcrl"
                || parameters
                    .get("sslrootcert")
                    .is_some_and(|roots| roots != "system")
            {
                parameters.set_default(keyword, path)?;
            }
        }
    }
    if parameters.get("sslcert").is_some()
        && let Some(path) = dir.join("postgresql.key").to_str()
    {
        parameters.set_default("sslkey", path)?;
    }
    Ok(())
}
