//! The connection service file (PostgreSQL manual, "The Connection Service File"): sections of
//! keywords and values.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::environment::home;
use crate::postgres::{Parameters, SettingsError};

/// Directories of the system's file on Debian and Red Hat, used if `PGSYSCONFDIR` is not set.
const SYSTEM: [&str; 2] = ["/etc/postgresql-common", "/etc/sysconfig/pgsql"];

/// Sets the parameters of the service that are not set yet.
pub fn apply(name: &str, parameters: &mut Parameters) -> Result<(), SettingsError> {
    for path in files(parameters) {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => {
                return Err(SettingsError::File {
                    keyword: "service",
                    path,
                    why: e.to_string(),
                });
            }
        };
        if let Some(pairs) = section(&text, name).map_err(|(line, why)| wrong(&path, line, &why))? {
            for (line, keyword, value) in pairs {
                if keyword == "service" || keyword == "servicefile" {
                    return Err(wrong(&path, line, "a service does not lead to another"));
                }
                let known = parameters.set_default(keyword, value);
                known.map_err(|error| wrong(&path, line, &error.to_string()))?;
            }
            return Ok(());
        }
    }
    Err(SettingsError::Together(format!(
        "no service file has the service {name:?}"
    )))
}

fn files(parameters: &Parameters) -> Vec<PathBuf> {
    let own = parameters.get("servicefile").map(PathBuf::from);
    let own = own.or_else(|| Some(home()?.join(".pg_service.conf")));
    let system = match env::var_os("PGSYSCONFDIR") {
        Some(dir) => vec![PathBuf::from(dir)],
        None => SYSTEM.iter().map(PathBuf::from).collect(),
    };
    own.into_iter()
        .chain(system.into_iter().map(|dir| dir.join("pg_service.conf")))
        .collect()
}

type Pairs<'t> = Vec<(usize, &'t str, &'t str)>;

/// Keywords and values of a section with their line numbers; only the first value of a keyword
/// counts. An error has the number of the invalid line.
fn section<'t>(text: &'t str, name: &str) -> Result<Option<Pairs<'t>>, (usize, String)> {
    let mut found: Option<Pairs<'t>> = None;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix('[') {
            if found.is_some() {
                break;
            }
            // Compares up to the first bracket, like libpq.
            found = (title
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(']')))
            .then(Vec::new);
        } else if let Some(pairs) = &mut found {
            if line.starts_with("ldap") {
                return Err((number + 1, "services in LDAP are not looked up".to_owned()));
            }
            let pair = line
                .split_once('=')
                .ok_or_else(|| (number + 1, "this is no KEYWORD=VALUE".to_owned()))?;
            if !pairs.iter().any(|(_, keyword, _)| *keyword == pair.0) {
                pairs.push((number + 1, pair.0, pair.1));
            }
        }
    }
    Ok(found)
}

fn wrong(path: &Path, line: usize, why: &str) -> SettingsError {
    SettingsError::Together(format!("{}:{line}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_found_by_its_whole_name() {
        let text = "# services\nhost=nobody\n[shop2]\nhost=two\n\n[shop]\nhost=one\n  port=7  \nhost=later\n[x]\nport=1\n";
        assert_eq!(
            section(text, "shop").unwrap().unwrap(),
            [(7, "host", "one"), (8, "port", "7")]
        );
        assert_eq!(section(text, "sho").unwrap(), None);
        assert_eq!(section("[a]\nhost\n", "a").unwrap_err().0, 2);
    }
}
