//! Arguments that name a database as psql's do.

use crate::cli::{CliError, connection};
use crate::postgres::{Connector, Parameters, SettingsError};
use clap::Args;

/// Which database. As in psql, a connection string precedes the other options (PostgreSQL manual,
/// "psql", option `-d`).
#[derive(Args, Debug, Clone, Default)]
pub struct ConnectionArgs {
    /// The database: its name, a URL, or keywords and values [default: libpq's environment, service and
    /// password files]
    #[arg(short = 'd', long, visible_alias = "dbname", value_name = "DATABASE")]
    db: Option<String>,
    /// Host of the server, or directory of its socket
    #[arg(short = 'h', long, value_name = "HOST")]
    host: Option<String>,
    /// Port of the server
    #[arg(short, long, value_name = "PORT")]
    port: Option<String>,
    /// The role to connect as
    #[arg(short = 'U', long, value_name = "ROLE")]
    username: Option<String>,
}

impl ConnectionArgs {
    /// Options with a value. As in psql, an empty one counts as absent.
    fn options(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("host", &self.host),
            ("port", &self.port),
            ("user", &self.username),
        ];
        let given = all.into_iter();
        let given = given.filter_map(|(keyword, value)| Some((keyword, value.as_deref()?)));
        given.filter(|(_, value)| !value.is_empty())
    }

    /// Whether any of them is given.
    pub fn is_given(&self) -> bool {
        self.db.is_some() || self.options().next().is_some()
    }

    /// The parameters that are given.
    pub fn parameters(&self) -> Result<Parameters, SettingsError> {
        let mut parameters = Parameters::parse(self.db.as_deref().unwrap_or_default())?;
        for (keyword, value) in self.options() {
            parameters.set_default(keyword, value)?;
        }
        Ok(parameters)
    }

    /// Prepares the connector without connecting.
    pub fn connector(&self) -> Result<Connector, CliError> {
        connection::connector(self)
    }

    /// The value of `--db` that stands for all of them; `None` if it has a password or cannot be
    /// parsed.
    pub fn shown(&self) -> Option<String> {
        let parameters = self.parameters().ok()?;
        if parameters.has("password") || parameters.has("sslpassword") {
            return None;
        }
        match &self.db {
            Some(db) if self.options().next().is_none() => Some(db.clone()),
            _ => Some(parameters.to_text()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(db: &str, host: Option<&str>) -> ConnectionArgs {
        ConnectionArgs {
            db: Some(db.to_owned()),
            host: host.map(str::to_owned),
            ..ConnectionArgs::default()
        }
    }

    #[test]
    fn no_password_is_shown() {
        let shown = |db: &str| given(db, None).shown();
        assert_eq!(
            shown("postgresql:///shop").as_deref(),
            Some("postgresql:///shop")
        );
        for secret in [
            "postgresql://u:p@h/d",
            "postgresql:///d?password=p",
            "dbname=d password=p",
            "dbname=d sslpassword=p",
        ] {
            assert_eq!(shown(secret), None, "{secret}");
            assert_eq!(given(secret, Some("h")).shown(), None, "{secret}");
        }
        assert_eq!(shown("nonsense=1"), None);
    }

    #[test]
    fn a_connection_string_precedes_options() {
        let host = |db: &str| {
            let parameters = given(db, Some("it's")).parameters().unwrap();
            parameters.get("host").map(str::to_owned)
        };
        assert_eq!(host("shop").as_deref(), Some("it's"));
        assert!(!given("shop", Some("")).parameters().unwrap().has("host"));
        assert_eq!(host("postgresql://other/shop").as_deref(), Some("other"));
        let text = given("shop", Some("it's \\ here")).shown().unwrap();
        assert_eq!(text, r"dbname='shop' host='it\'s \\ here'");
        let again = Parameters::parse(&text).unwrap();
        assert_eq!(again.get("host"), Some("it's \\ here"));
    }
}
