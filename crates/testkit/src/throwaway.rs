//! A PostgreSQL server for a demo or a test that leaves no files or processes.
//!
//! Its data, unix socket and log are in one temporary directory, and it listens nowhere else. A
//! small shell script (`throwaway/supervisor.sh`) runs it and reads from a pipe held by this
//! process. The pipe closes on [`ThrowawayServer::stop`], a drop, an exit, a signal or a kill; then
//! the script stops the server and removes the directory.

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
use crate::programs::ServerPrograms;

mod account;
mod installation;
mod spelling;

const SUPERVISOR: &str = include_str!("throwaway/supervisor.sh");

/// The default parent directory.
const TEMP: &str = "/tmp";

/// The shortest limit of a unix socket's path is 103 bytes (macOS; Linux has 107).
const MAX_DIR: usize = 103 - "/.s.PGSQL.5432".len();

/// Time limit for a start; initdb alone takes seconds on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// Time limit for a stop; the supervisor kills the server after ten seconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(10);

/// Number of log lines quoted in an error.
const LOG_LINES: usize = 20;

/// A running server, stopped and removed when this value is dropped or this process ends in any
/// way.
#[derive(Debug)]
pub struct ThrowawayServer {
    supervisor: Child,
    account: Account,
    bin: PathBuf,
    dir: TempDir,
    pid: u32,
}

/// Error in starting, using or removing a throwaway server.
#[derive(Debug, thiserror::Error)]
pub enum ThrowawayError {
    /// Its directory can't be created.
    #[error("can't make a directory for a throwaway PostgreSQL server in {}", .parent.display())]
    Directory {
        /// The parent directory.
        parent: PathBuf,
        /// Error from the operating system.
        #[source]
        source: io::Error,
    },
    /// This process is root, and the system has neither a user `postgres` nor a user `nobody`.
    #[error(
        "PostgreSQL does not run as root, and this system has no user postgres or nobody to run it as"
    )]
    NoAccount,
    /// The server's user can run neither the programs nor a copy of them.
    #[error("the user {user} can't run the server programs in {}", .bin.display())]
    Programs {
        /// Name of that user.
        user: String,
        /// Directory of the programs.
        bin: PathBuf,
        /// Error from running the copy.
        #[source]
        source: io::Error,
    },
    /// The supervisor can't be started or observed.
    #[error("can't run /bin/sh for a throwaway PostgreSQL server")]
    Supervisor(#[source] io::Error),
    /// The server ended during its start.
    #[error("the throwaway PostgreSQL server did not start; its log ends with:\n{log}")]
    Ended {
        /// The end of its log.
        log: String,
    },
    /// The server was not ready in time.
    #[error("the throwaway PostgreSQL server was not ready after {} s; its log ends with:\n{log}", START_TIMEOUT.as_secs())]
    Timeout {
        /// The end of its log.
        log: String,
    },
    /// A statement failed.
    #[error("the throwaway PostgreSQL server refused a statement")]
    Sql(#[from] postgres::Error),
    /// The server's directory remains.
    #[error("a throwaway PostgreSQL server was left behind in {}", .dir.display())]
    LeftBehind {
        /// Path of the directory.
        dir: PathBuf,
    },
}

impl ThrowawayServer {
    /// Creates a cluster and starts its server, in a new directory in `parent` (default `/tmp`).
    ///
    /// Uses `/tmp` as well if `parent` is too long for the path of a unix socket, or if this
    /// process is root and the server's user has no access there. Durability is off. The superuser
    /// is `postgres`, without a password.
    pub fn start(programs: &ServerPrograms, parent: Option<&Path>) -> Result<Self, ThrowawayError> {
        let (dir, account) = make_dir(parent)?;
        // Started before any file is created, so that the supervisor removes the directory from
        // here on.
        let supervisor = supervise(&account, dir.path()).map_err(ThrowawayError::Supervisor)?;
        let mut server = Self {
            supervisor,
            account,
            bin: programs.dir().to_owned(),
            dir,
            pid: 0,
        };
        server.bin = installation::reachable(programs.dir(), &server.account, server.dir())
            .map_err(|source| {
                let user = server.account.to_string();
                ThrowawayError::Programs {
                    user,
                    bin: programs.dir().to_owned(),
                    source,
                }
            })?;
        server.launch().map_err(ThrowawayError::Supervisor)?;
        server.pid = server.wait_until_ready()?;
        Ok(server)
    }

    /// The connection string in libpq's keywords and values: `host=/tmp/pgseal-x port=5432
    /// user=postgres dbname=directus`.
    pub fn connection(&self, database: &str) -> String {
        format!(
            "host={} port=5432 user=postgres dbname={}",
            quote(&self.host()),
            quote(database)
        )
    }

    /// The connection string as a URL:
    /// `postgresql:///directus?host=/tmp/pgseal-x&port=5432&user=postgres`.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgresql:///{}?host={}&port=5432&user=postgres",
            percent(database, ""),
            percent(&self.host(), "/")
        )
    }

    /// Creates an empty database.
    pub fn create_database(&self, name: &str) -> Result<(), ThrowawayError> {
        self.create_database_from(name, "template1")
    }

    /// Creates a database as a copy of `template`, which must have no connections.
    pub fn create_database_from(&self, name: &str, template: &str) -> Result<(), ThrowawayError> {
        self.administer(&format!(
            "CREATE DATABASE {} TEMPLATE {}",
            identifier(name),
            identifier(template)
        ))
    }

    /// Drops a database if it exists, and ends its connections.
    pub fn drop_database(&self, name: &str) -> Result<(), ThrowawayError> {
        self.administer(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            identifier(name)
        ))
    }

    /// The process id of the server.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The server's directory, with `data`, `log` and the socket.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The last `lines` lines of the log.
    pub fn log_tail(&self, lines: usize) -> String {
        log_tail(self.dir(), lines)
    }

    /// Stops the server at once and removes its directory. A drop does the same and ignores errors.
    pub fn stop(mut self) -> Result<(), ThrowawayError> {
        self.end()
    }

    fn host(&self) -> String {
        // make_dir ensures that the path is UTF-8.
        self.dir().to_string_lossy().into_owned()
    }

    fn administer(&self, statement: &str) -> Result<(), ThrowawayError> {
        let mut client = postgres::Client::connect(&self.connection("postgres"), postgres::NoTls)?;
        Ok(client.batch_execute(statement)?)
    }

    /// Sends the path of the programs to the supervisor.
    fn launch(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.supervisor.stdin else {
            return Ok(());
        };
        pipe.write_all(self.bin.as_os_str().as_bytes())?;
        pipe.write_all(b"\n")
    }

    /// Waits until the server reports itself ready, and returns its process id.
    fn wait_until_ready(&mut self) -> Result<u32, ThrowawayError> {
        let since = Instant::now();
        loop {
            let text =
                fs::read_to_string(self.dir().join("data/postmaster.pid")).unwrap_or_default();
            if let Some(pid) = ready_pid(&text) {
                return Ok(pid);
            }
            let log = || log_tail(self.dir.path(), LOG_LINES);
            let gone = self
                .supervisor
                .try_wait()
                .map_err(ThrowawayError::Supervisor)?
                .is_some();
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
        // Closes the pipe; the supervisor does the rest.
        drop(self.supervisor.stdin.take());
        let since = Instant::now();
        while self
            .supervisor
            .try_wait()
            .map_err(ThrowawayError::Supervisor)?
            .is_none()
        {
            if since.elapsed() > STOP_TIMEOUT {
                return Err(ThrowawayError::LeftBehind {
                    dir: self.dir().to_owned(),
                });
            }
            thread::sleep(POLL);
        }
        if self.dir().exists() {
            // The supervisor was killed, or has no right to remove the directory from its parent.
            let mut stop = self.account.command(&self.bin.join("pg_ctl"));
            let _ = stop
                .args(["stop", "--mode=immediate", "--pgdata"])
                .arg(self.dir().join("data"))
                .status();
            fs::remove_dir_all(self.dir()).map_err(|_| ThrowawayError::LeftBehind {
                dir: self.dir().to_owned(),
            })?;
        }
        Ok(())
    }
}

impl Drop for ThrowawayServer {
    fn drop(&mut self) {
        // A drop can't report errors; the directory's own drop retries.
        let _ = self.end();
    }
}

/// Creates the directory with mode 0700, and determines the account that owns it.
fn make_dir(parent: Option<&Path>) -> Result<(TempDir, Account), ThrowawayError> {
    let parent = parent.unwrap_or(Path::new(TEMP));
    let (dir, account) = make_dir_in(parent)?;
    let room = account.can_use(dir.path().parent().unwrap_or(parent));
    let (dir, account) = if room && fits(dir.path()) {
        (dir, account)
    } else {
        make_dir_in(Path::new(TEMP))?
    };
    account
        .own(dir.path())
        .map_err(|source| ThrowawayError::Directory {
            parent: parent.to_owned(),
            source,
        })?;
    Ok((dir, account))
}

fn make_dir_in(parent: &Path) -> Result<(TempDir, Account), ThrowawayError> {
    let failed = |source| ThrowawayError::Directory {
        parent: parent.to_owned(),
        source,
    };
    // Absolute and without links: the supervisor runs elsewhere, and its user must have access to
    // every directory above.
    let real = fs::canonicalize(parent).map_err(failed)?;
    let mode = fs::Permissions::from_mode(0o700);
    let dir = tempfile::Builder::new()
        .prefix("pgseal-")
        .permissions(mode)
        .tempdir_in(real)
        .map_err(failed)?;
    let account = account::owner(dir.path())
        .and_then(Account::for_uid)
        .map_err(failed)?;
    Ok((dir, account.ok_or(ThrowawayError::NoAccount)?))
}

/// Whether the path is short enough for a socket, and safe between quotes in the server's settings.
fn fits(dir: &Path) -> bool {
    let plain = |text: &str| !text.contains(['\'', '\\', '$', '`', '\n']);
    dir.as_os_str().len() <= MAX_DIR && dir.to_str().is_some_and(plain)
}

/// Starts the supervisor, which waits for the path of the programs.
fn supervise(account: &Account, dir: &Path) -> io::Result<Child> {
    let log = File::create(dir.join("log"))?;
    account
        .command(Path::new("/bin/sh"))
        .args(["-c", SUPERVISOR, "pgseal-throwaway"])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C at the terminal signals pgseal, which then closes the pipe; it must not interrupt
        // the server during its last query.
        .process_group(0)
        .spawn()
}

/// The process id in `postmaster.pid`, once the server has written `ready` in its eighth line.
fn ready_pid(text: &str) -> Option<u32> {
    let status = text.lines().nth(7)?;
    if status.trim_end() == "ready" {
        text.lines().next()?.parse().ok()
    } else {
        None
    }
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
