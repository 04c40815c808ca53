//! `pg_dump` and `pg_restore`: how a database is copied that others are connected to, and how a dump is read that somebody
//! gave. The connection goes by libpq's environment, so that no password stands among the arguments.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::connector::Connector;
use super::conninfo::Parameters;
use super::dial::Address;
use super::keywords::{KEYWORDS, SESSION_VARIABLES};

/// Between two looks at programs that run.
const POLL: Duration = Duration::from_millis(20);

/// So much of what a program complains about is kept.
const KEPT_BYTES: u64 = 64 << 10;

/// These say where the server is, and come from the connection that found it.
const PLACE: [&str; 8] =
    ["host", "hostaddr", "port", "password", "dbname", "service", "servicefile", "target_session_attrs"];

/// Why a program did not do it.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// It can't be run.
    #[error("{}: {source}", .program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It ended with an error.
    #[error("{program} failed: {said}")]
    Failed {
        /// Its name.
        program: &'static str,
        /// Its last words.
        said: String,
    },
    /// Somebody wanted it to stop.
    #[error("it was interrupted")]
    Interrupted,
}

/// The two programs, and the server that they are to talk to.
pub struct Dumps {
    dir: PathBuf,
    environment: Vec<(&'static str, String)>,
    launcher: Vec<OsString>,
}

impl Dumps {
    /// The programs of a directory, for the server that a connector has found, with the parameters it was made of.
    pub fn new(dir: &Path, parameters: &Parameters, connector: &Connector) -> Self {
        let given = KEYWORDS.iter().filter(|keyword| !PLACE.contains(&keyword.name));
        let mut environment: Vec<(&'static str, String)> =
            given.filter_map(|keyword| Some((keyword.variable?, parameters.get(keyword.name)?.to_owned()))).collect();
        let route = connector.route();
        let host = &connector.settings().hosts[route.as_ref().map_or(0, |route| route.host)];
        environment.push(("PGPORT", host.port.to_string()));
        match route.map(|route| route.address) {
            Some(Address::Socket(socket)) => {
                let dir = socket.parent().unwrap_or(Path::new("/"));
                environment.push(("PGHOST", dir.to_string_lossy().into_owned()));
            }
            Some(Address::Tcp(address)) => {
                environment.push(("PGHOST", host.name.clone()));
                environment.push(("PGHOSTADDR", address.ip().to_string()));
            }
            None => environment.push(("PGHOST", host.name.clone())),
        }
        if let Some(password) = &host.password {
            environment.push(("PGPASSWORD", String::from_utf8_lossy(password.bytes()).into_owned()));
        }
        Self { dir: dir.to_owned(), environment, launcher: Vec::new() }
    }

    /// The same, started by another program: its name and first arguments, to which the program's own name and arguments
    /// are added. It has to become that program.
    pub fn started_by(self, launcher: Vec<OsString>) -> Self {
        Self { launcher, ..self }
    }

    /// Copies a database into an empty one. Subscriptions stay behind: a copy must not speak to anybody's publisher.
    pub fn copy(&self, from: &str, to: &str, is_stopped: &dyn Fn() -> bool) -> Result<(), DumpError> {
        let mut dump = self.command("pg_dump");
        dump.args(["--format=custom", "--compress=0", "--no-subscriptions", "--dbname", &named(from)]);
        let mut dump = self.start("pg_dump", dump.stdout(Stdio::piped()))?;
        let Some(pipe) = dump.child.stdout.take() else {
            return Err(DumpError::Failed { program: "pg_dump", said: "it has no output".to_owned() });
        };
        let restore = self.start("pg_restore", self.restoring(to).stdin(Stdio::from(pipe)));
        wait(vec![dump, restore?], is_stopped)
    }

    /// Reads a dump in one of `pg_dump`'s own formats into an empty database.
    pub fn restore(&self, dump: &Path, to: &str, is_stopped: &dyn Fn() -> bool) -> Result<(), DumpError> {
        let mut restore = self.restoring(to);
        // A name that begins with a dash is no option.
        let restore = self.start("pg_restore", restore.arg("--").arg(dump))?;
        wait(vec![restore], is_stopped)
    }

    fn restoring(&self, to: &str) -> Command {
        let mut restore = self.command("pg_restore");
        restore.args(["--exit-on-error", "--no-subscriptions", "--dbname", &named(to)]);
        restore
    }

    fn command(&self, program: &str) -> Command {
        let program = self.dir.join(program);
        let mut command = match &self.launcher[..] {
            [] => Command::new(program),
            [launcher, arguments @ ..] => {
                let mut command = Command::new(launcher);
                command.args(arguments).arg(program);
                command
            }
        };
        let ours = KEYWORDS.iter().filter_map(|keyword| keyword.variable).chain(SESSION_VARIABLES);
        for variable in ours {
            command.env_remove(variable);
        }
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    fn start(&self, program: &'static str, command: &mut Command) -> Result<Running, DumpError> {
        let failed = |source| DumpError::Start { program: self.dir.join(program), source };
        let mut child = command.spawn().map_err(failed)?;
        let said = child.stderr.take().map(|stderr| thread::spawn(move || words(stderr)));
        Ok(Running { program, child, said })
    }
}

/// This process becomes `pg_dump` or `pg_restore`, and no other program. Comes back only with an error.
pub fn become_program(program: &Path, arguments: &[OsString]) -> io::Error {
    match program.file_name().and_then(OsStr::to_str) {
        Some("pg_dump" | "pg_restore") => Command::new(program).args(arguments).exec(),
        _ => io::Error::new(io::ErrorKind::InvalidInput, "neither pg_dump nor pg_restore"),
    }
}

/// A name as a connection string, so that nothing in it is taken for one.
fn named(database: &str) -> String {
    format!("dbname='{}'", database.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A program that runs; ended when it is dropped.
struct Running {
    program: &'static str,
    child: Child,
    said: Option<JoinHandle<String>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn words(mut stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    // What can't be read was not said.
    let _ = stderr.by_ref().take(KEPT_BYTES).read_to_end(&mut kept);
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

/// Waits for all; the first of them that failed is told.
fn wait(mut running: Vec<Running>, is_stopped: &dyn Fn() -> bool) -> Result<(), DumpError> {
    let mut failed: Vec<(usize, String)> = Vec::new();
    let mut open: Vec<usize> = (0..running.len()).collect();
    while !open.is_empty() {
        if is_stopped() {
            return Err(DumpError::Interrupted);
        }
        let mut still = Vec::new();
        for at in open {
            let Running { program, child, said } = &mut running[at];
            let ended = child.try_wait();
            match ended.map_err(|source| DumpError::Start { program: PathBuf::from(*program), source })? {
                None => still.push(at),
                Some(status) if status.success() => {}
                Some(status) => {
                    let text = said.take().and_then(|words| words.join().ok()).unwrap_or_default();
                    failed.push((at, last_words(&text).unwrap_or(status.to_string())));
                }
            }
        }
        open = still;
        thread::sleep(POLL);
    }
    // A program whose reader is gone is not the cause.
    let is_consequence = |said: &str| said.contains("Broken pipe") || said.contains("signal: 13");
    match failed.into_iter().min_by_key(|(at, said)| (is_consequence(said), *at)) {
        Some((at, said)) => Err(DumpError::Failed { program: running[at].program, said }),
        None => Ok(()),
    }
}

/// The lines that say what went wrong, as one.
fn last_words(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let errors: Vec<&str> = lines.clone().filter(|line| line.contains("error:") || line.contains("DETAIL:")).collect();
    let chosen = if errors.is_empty() { lines.collect() } else { errors };
    (!chosen.is_empty()).then(|| chosen.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_connection_string() {
        let read = Parameters::parse(&named(r"x' host=evil \")).expect("one value");
        assert_eq!(read.get("dbname"), Some(r"x' host=evil \"));
        assert_eq!(read.given().count(), 1);
    }

    #[test]
    fn errors_are_told_before_anything_else() {
        let text = "pg_dump: warning: x\npg_dump: error: connection failed\n";
        assert_eq!(last_words(text).as_deref(), Some("pg_dump: error: connection failed"));
        assert_eq!(last_words("\n"), None);
    }
}
