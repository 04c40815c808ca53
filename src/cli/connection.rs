//! Where the database is: `--db`, then libpq's environment, service and password files.

use super::error::CliError;
use super::exit::Exit;
use crate::postgres::Connector;

/// The directories in which Debian and PostgreSQL itself put the server's socket.
const SOCKETS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// How to connect. A password is never shown, also not in errors.
pub fn connector(url: Option<&str>) -> Result<Connector, CliError> {
    let wrong = |error: &dyn std::error::Error| {
        // The innermost cause says it; what is around it names the library.
        let mut cause = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        CliError::new(Exit::Usage, format!("can't understand the connection: {cause}"))
            .hint("write --db postgresql://USER@HOST:PORT/DATABASE or \"host=... dbname=...\"")
    };
    if url.is_some_and(|url| url.contains("sslmode=verify") || url.contains("sslrootcert")) {
        return Err(CliError::new(Exit::Usage, "this version of pgseal has no TLS, so it can't verify a server")
            .hint("connect by a unix socket, or through a local tunnel"));
    }
    let mut config = pg_client_config::load_config(url).map_err(|error| wrong(&error))?;
    if config.get_password().is_none()
        && let Some(password) = std::env::var_os("PGPASSWORD")
    {
        config.password(password.to_string_lossy().as_bytes());
    }
    if config.get_options().is_some() {
        let text = "session options (options=, PGOPTIONS) are refused: they could change what a gate sees";
        return Err(CliError::new(Exit::Usage, text).hint("leave them out"));
    }
    if config.get_hosts().len() > 1 {
        let text = "more than one host: the gate could be asked of another server than the one that runs";
        return Err(CliError::new(Exit::Usage, text).hint("name the one server in --db"));
    }
    if config.get_hosts().is_empty() {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let socket = SOCKETS.into_iter().find(|dir| std::path::Path::new(&format!("{dir}/.s.PGSQL.{port}")).exists());
        config.host(socket.unwrap_or("localhost"));
    }
    if config.get_user().is_none() {
        let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
        config.user(user.unwrap_or_else(|_| "postgres".to_owned()));
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(std::time::Duration::from_secs(10));
    }
    Ok(Connector::new(config))
}
