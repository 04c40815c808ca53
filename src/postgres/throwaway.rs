//! A PostgreSQL server for a demo or a test, that leaves nothing behind.
//!
//! Everything it has is in one temporary directory: data, unix socket, log. It listens nowhere else. A small shell script
//! (`throwaway/supervisor.sh`) runs it and holds one end of a pipe whose other end is here; when this end closes, because of
//! [`ThrowawayServer::stop`], a drop, an exit, a signal or a kill, the script stops the server and removes the directory.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use self::{
    account::Account,
    spelling::{identifier, percent, quote},
};
use super::programs::ServerPrograms;
use super::session::PostgresSession;
use super::settings::{Settings, SettingsError};
use crate::database::{DatabaseError, Purpose, Session as _};

mod account;
mod installation;
mod spelling;

const SUPERVISOR: &str = include_str!("throwaway/supervisor.sh");

/// Where it goes when the caller names no better place.
const TEMP: &str = "/tmp";

/// The shortest limit of a unix socket's path is 103 bytes (macOS; Linux has 107).
const MAX_DIR: usize = 103 - "/.s.PGSQL.5432".len();

/// A new server is there within this; initdb alone takes seconds on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// A server is gone within this; the supervisor kills it after ten seconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(10);

/// How much of the log an error quotes, in lines.
const LOG_LINES: usize = 20;

/// A running server of its own, stopped and removed when this is dropped or this process ends, however it ends.
#[derive(Debug)]
pub struct ThrowawayServer {
    supervisor: Child,
    account: Account,
    bin: PathBuf,
    dir: TempDir,
    pid: u32,
}

/// Why there is no throwaway server, or why it could not be asked or removed.
#[derive(Debug, thiserror::Error)]
pub enum ThrowawayError {
    /// Its directory could not be made.
    #[error("can't make a directory for a throwaway PostgreSQL server in {}", .parent.display())]
    Directory {
        /// Where it was to be made.
        parent: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// This process is root, and there is neither a user `postgres` nor a user `nobody`.
    #[error("PostgreSQL does not run as root, and this system has no user postgres or nobody to run it as")]
    NoAccount,
    /// The server's user can't run the programs, nor a copy of them.
    #[error("the user {user} can't run the server programs in {}", .bin.display())]
    Programs {
        /// Who was to run them.
        user: String,
        /// Where they are.
        bin: PathBuf,
        /// Why a copy of them does not run either.
        #[source]
        source: io::Error,
    },
    /// The supervisor could not be started or watched.
    #[error("can't run /bin/sh for a throwaway PostgreSQL server")]
    Supervisor(#[source] io::Error),
    /// It ended instead of starting.
    #[error("the throwaway PostgreSQL server did not start; its log ends with:\n{log}")]
    Ended {
        /// The end of its log.
        log: String,
    },
    /// It did not become ready in time.
    #[error("the throwaway PostgreSQL server was not ready after {} s; its log ends with:\n{log}", START_TIMEOUT.as_secs())]
    Timeout {
        /// The end of its log.
        log: String,
    },
    /// A statement failed.
    #[error("the throwaway PostgreSQL server refused a statement")]
    Sql(#[from] DatabaseError),
    /// Something of it is left.
    #[error("a throwaway PostgreSQL server was left behind in {}", .dir.display())]
    LeftBehind {
        /// Its directory.
        dir: PathBuf,
    },
}

impl ThrowawayServer {
    /// Makes a cluster and starts its server, in a new directory in `parent` (default `/tmp`).
    ///
    /// `/tmp` is also taken when `parent` is too long for the path of a unix socket, or when this process is root and the
    /// server's user has no access there. Durability is off. The superuser is `postgres`, without a password.
    pub fn start(programs: &ServerPrograms, parent: Option<&Path>) -> Result<Self, ThrowawayError> {
        let (dir, account) = make_dir(parent)?;
        // Before anything else is in the directory, so that from here on somebody clears it away.
        let supervisor = supervise(&account, dir.path()).map_err(ThrowawayError::Supervisor)?;
        let mut server = Self { supervisor, account, bin: programs.dir().to_owned(), dir, pid: 0 };
        server.bin = installation::reachable(programs.dir(), &server.account, server.dir()).map_err(|source| {
            let user = server.account.to_string();
            ThrowawayError::Programs { user, bin: programs.dir().to_owned(), source }
        })?;
        server.launch().map_err(ThrowawayError::Supervisor)?;
        server.pid = server.wait_until_ready()?;
        Ok(server)
    }

    /// How to connect, in libpq's keywords and values: `host=/tmp/pgseal-x port=5432 user=postgres dbname=directus`.
    pub fn connection(&self, database: &str) -> String {
        format!("host={} port=5432 user=postgres dbname={}", quote(&self.host()), quote(database))
    }

    /// How to connect, as a URL: `postgresql:///directus?host=/tmp/pgseal-x&port=5432&user=postgres`.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql:///{}?host={}&port=5432&user=postgres", percent(database, ""), percent(&self.host(), "/"))
    }

    /// Creates an empty database.
    pub fn create_database(&self, name: &str) -> Result<(), ThrowawayError> {
        self.create_database_from(name, "template1")
    }

    /// Creates a database as a copy of `template`, to which nobody may be connected.
    pub fn create_database_from(&self, name: &str, template: &str) -> Result<(), ThrowawayError> {
        self.administer(&format!("CREATE DATABASE {} TEMPLATE {}", identifier(name), identifier(template)))
    }

    /// Drops a database if it exists, and whoever is connected to it.
    pub fn drop_database(&self, name: &str) -> Result<(), ThrowawayError> {
        self.administer(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name)))
    }

    /// The process id of the server.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The directory that holds everything it has: `data`, `log`, the socket.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The last `lines` lines of its log.
    pub fn log_tail(&self, lines: usize) -> String {
        log_tail(self.dir(), lines)
    }

    /// Stops it at once and removes its directory. A drop does the same and says nothing.
    pub fn stop(mut self) -> Result<(), ThrowawayError> {
        self.end()
    }

    fn host(&self) -> String {
        // make_dir saw to it that it is UTF-8.
        self.dir().to_string_lossy().into_owned()
    }

    fn administer(&self, statement: &str) -> Result<(), ThrowawayError> {
        let settings = self.connection("postgres").parse();
        let settings: Settings = settings.map_err(|e: SettingsError| DatabaseError::unsound(e.to_string()))?;
        let mut session = PostgresSession::open(&settings, Purpose::Write)?;
        // A copy of a large database is made in silence.
        session.set_patience(START_TIMEOUT);
        Ok(session.batch(statement)?)
    }

    /// Tells the supervisor where the programs are.
    fn launch(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.supervisor.stdin else {
            return Ok(());
        };
        pipe.write_all(self.bin.as_os_str().as_bytes())?;
        pipe.write_all(b"\n")
    }

    /// Waits for what the server itself calls ready, and gives its process id.
    fn wait_until_ready(&mut self) -> Result<u32, ThrowawayError> {
        let since = Instant::now();
        loop {
            let text = fs::read_to_string(self.dir().join("data/postmaster.pid")).unwrap_or_default();
            if let Some(pid) = ready_pid(&text) {
                return Ok(pid);
            }
            let log = || log_tail(self.dir.path(), LOG_LINES);
            let gone = self.supervisor.try_wait().map_err(ThrowawayError::Supervisor)?.is_some();
            if gone || self.dir().join("exited").exists() {
                return Err(ThrowawayError::Ended { log: log() });
            }
            if since.elapsed() > START_TIMEOUT {
                return Err(ThrowawayError::Timeout { log: log() });
            }
            thread::sleep(POLL);
        }
    }

    fn end(&mut self) -> Result<(), ThrowawayError> {
        // Closes the pipe: the supervisor does the rest.
        drop(self.supervisor.stdin.take());
        let since = Instant::now();
        while self.supervisor.try_wait().map_err(ThrowawayError::Supervisor)?.is_none() {
            if since.elapsed() > STOP_TIMEOUT {
                return Err(ThrowawayError::LeftBehind { dir: self.dir().to_owned() });
            }
            thread::sleep(POLL);
        }
        if self.dir().exists() {
            // Somebody killed the supervisor, or it could not remove the directory from a parent that is not its own.
            let mut stop = self.account.command(&self.bin.join("pg_ctl"));
            let _ = stop.args(["stop", "--mode=immediate", "--pgdata"]).arg(self.dir().join("data")).status();
            fs::remove_dir_all(self.dir()).map_err(|_| ThrowawayError::LeftBehind { dir: self.dir().to_owned() })?;
        }
        Ok(())
    }
}

impl Drop for ThrowawayServer {
    fn drop(&mut self) {
        // Nobody to tell; the directory's own drop tries once more.
        let _ = self.end();
    }
}

/// The directory, mode 0700, and the account that owns it.
fn make_dir(parent: Option<&Path>) -> Result<(TempDir, Account), ThrowawayError> {
    let parent = parent.unwrap_or(Path::new(TEMP));
    let (dir, account) = make_dir_in(parent)?;
    let room = account.can_use(dir.path().parent().unwrap_or(parent));
    let (dir, account) = if room && fits(dir.path()) { (dir, account) } else { make_dir_in(Path::new(TEMP))? };
    account.own(dir.path()).map_err(|source| ThrowawayError::Directory { parent: parent.to_owned(), source })?;
    Ok((dir, account))
}

fn make_dir_in(parent: &Path) -> Result<(TempDir, Account), ThrowawayError> {
    let failed = |source| ThrowawayError::Directory { parent: parent.to_owned(), source };
    // Absolute and without links: the supervisor runs elsewhere, and its user must reach every directory above.
    let real = fs::canonicalize(parent).map_err(failed)?;
    let mode = fs::Permissions::from_mode(0o700);
    let dir = tempfile::Builder::new().prefix("pgseal-").permissions(mode).tempdir_in(real).map_err(failed)?;
    let account = account::owner(dir.path()).and_then(Account::for_uid).map_err(failed)?;
    Ok((dir, account.ok_or(ThrowawayError::NoAccount)?))
}

/// Short enough for a socket, and plain enough to stand between quotes in the server's settings.
fn fits(dir: &Path) -> bool {
    let plain = |text: &str| !text.contains(['\'', '\\', '$', '`', '\n']);
    dir.as_os_str().len() <= MAX_DIR && dir.to_str().is_some_and(plain)
}

/// Starts the supervisor, which waits for the directory of the programs.
fn supervise(account: &Account, dir: &Path) -> io::Result<Child> {
    let log = File::create(dir.join("log"))?;
    account
        .command(Path::new("/bin/sh"))
        .args(["-c", SUPERVISOR, "pgseal-throwaway"])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C at the terminal is for pgseal, which then lets go; it must not hit the server in its last question.
        .process_group(0)
        .spawn()
}

/// The process id in `postmaster.pid`, once the server has written `ready` in its eighth line.
fn ready_pid(text: &str) -> Option<u32> {
    let status = text.lines().nth(7)?;
    if status.trim_end() == "ready" { text.lines().next()?.parse().ok() } else { None }
}

fn log_tail(dir: &Path, lines: usize) -> String {
    let log = fs::read(dir.join("log")).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let mut tail: Vec<&str> = log.lines().rev().take(lines).collect();
    tail.reverse();
    tail.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_only_when_the_server_says_so() {
        let file = |status| format!("4711\n/d\n1\n5432\n/s\n\n  1 2\n{status}\n");
        assert_eq!(ready_pid(&file("ready   ")), Some(4711));
        assert_eq!(ready_pid(&file("starting")), None);
        assert_eq!(ready_pid("4711\n/d\n"), None);
    }
}
