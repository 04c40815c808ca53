//! Arguments that name a database as psql's do.

use crate::cli::connection::Prompt;
use crate::cli::settings::{self, Name};
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
    /// Ask for the password before connecting
    #[arg(short = 'W', long, conflicts_with = "no_password")]
    password: bool,
    /// Never ask for a password
    #[arg(short = 'w', long)]
    no_password: bool,
}

impl ConnectionArgs {
    /// No option but the one that nothing is asked.
    pub fn without_prompt() -> Self {
        Self {
            no_password: true,
            ..Self::default()
        }
    }

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
        let is_set = settings::current().option(Name::Db).is_some();
        is_set || self.db.is_some() || self.options().next().is_some()
    }

    /// The parameters that are given. A connection string of the settings fills in what no option
    /// says.
    pub fn parameters(&self) -> Result<Parameters, CliError> {
        let set = settings::current().text(Name::Db)?;
        self.parameters_with(set)
            .map_err(|error| connection::wrong(&error))
    }

    /// Like [`Self::parameters`], without settings: those name the database of releases, and not the
    /// server on which clones are made.
    pub fn server_parameters(&self) -> Result<Parameters, CliError> {
        self.parameters_with(None)
            .map_err(|error| connection::wrong(&error))
    }

    fn parameters_with(&self, set: Option<&str>) -> Result<Parameters, SettingsError> {
        let text = self.db.as_deref().or(set).unwrap_or_default();
        let mut parameters = Parameters::parse(text)?;
        if self.db.is_none() && self.options().next().is_some() {
            // The address and the secrets of a setting belong to its host and its role.
            for keyword in ["hostaddr", "password", "sslpassword"] {
                parameters.remove(keyword);
            }
        }
        for (keyword, value) in self.options() {
            match self.db {
                Some(_) => parameters.set_default(keyword, value)?,
                None => parameters.set(keyword, value)?,
            }
        }
        Ok(parameters)
    }

    /// Whether the command line has a password, which everybody on the host can read.
    pub fn has_visible_password(&self) -> bool {
        let db = self.db.as_deref().map(Parameters::parse);
        db.is_some_and(|parsed| parsed.is_ok_and(|parsed| parsed.get("password").is_some()))
    }

    /// When to ask for the password.
    pub fn prompt(&self) -> Prompt {
        match (self.password, self.no_password) {
            (true, _) => Prompt::Always,
            (_, true) => Prompt::Never,
            _ => Prompt::IfAsked,
        }
    }

    /// Prepares the connector without connecting.
    pub fn connector(&self) -> Result<Connector, CliError> {
        connection::connector(self)
    }

    /// The value of `--db` that stands for all of them; `None` if it has a password or cannot be
    /// parsed.
    pub fn shown(&self) -> Option<String> {
        match &self.db {
            Some(db) if self.options().next().is_none() => shown(db),
            _ => without_password(&self.parameters().ok()?).map(Parameters::to_text),
        }
    }
}

/// A connection string, unless it has a password or cannot be parsed.
pub fn shown(text: &str) -> Option<String> {
    let parameters = Parameters::parse(text).ok()?;
    without_password(&parameters).map(|_| text.to_owned())
}

fn without_password(parameters: &Parameters) -> Option<&Parameters> {
    let is_secret = parameters.has("password") || parameters.has("sslpassword");
    (!is_secret).then_some(parameters)
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
            let parameters = given(db, Some("it's")).parameters_with(None).unwrap();
            parameters.get("host").map(str::to_owned)
        };
        assert_eq!(host("shop").as_deref(), Some("it's"));
        assert!(
            !given("shop", Some(""))
                .parameters_with(None)
                .unwrap()
                .has("host")
        );
        assert_eq!(host("postgresql://other/shop").as_deref(), Some("other"));
        let text = given("shop", Some("it's \\ here")).shown().unwrap();
        assert_eq!(text, r"dbname='shop' host='it\'s \\ here'");
        let again = Parameters::parse(&text).unwrap();
        assert_eq!(again.get("host"), Some("it's \\ here"));
    }

    #[test]
    fn options_precede_a_connection_string_of_the_settings() {
        let set = Some("postgresql://lena@one:5433/shop");
        let options = ConnectionArgs {
            host: Some("two".to_owned()),
            ..ConnectionArgs::default()
        };
        let parameters = options.parameters_with(set).unwrap();
        let found = ["host", "port", "user", "dbname"].map(|keyword| parameters.get(keyword));
        assert_eq!(found, ["two", "5433", "lena", "shop"].map(Some));
        let secret = Some("host=one hostaddr=127.0.0.1 password=p dbname=shop");
        let parameters = options.parameters_with(secret).unwrap();
        assert!(!parameters.has("hostaddr") && !parameters.has("password"));
        let alone = ConnectionArgs::default().parameters_with(secret).unwrap();
        assert!(alone.has("hostaddr") && alone.has("password"));
        let parameters = given("other", None).parameters_with(set).unwrap();
        assert_eq!(parameters.get("dbname"), Some("other"));
        assert!(!parameters.has("host"));
    }
}
