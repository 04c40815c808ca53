//! Runs `pg_dump` and `pg_restore`: copies a database that has other connections, and restores a
//! given dump. Connection parameters go through libpq's environment variables, which keeps
//! passwords out of the arguments.

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

const POLL: Duration = Duration::from_millis(20);

/// Bytes kept of a program's error output.
const KEPT_BYTES: u64 = 64 << 10;

/// Keywords that locate the server. Their values come from the established connection.
const PLACE: [&str; 8] = [
    "host",
    "hostaddr",
    "port",
    "password",
    "dbname",
    "service",
    "servicefile",
    "target_session_attrs",
];

#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    #[error("{}: {source}", .program.display())]
    Start { program: PathBuf, source: io::Error },
    #[error("{program} failed: {said}")]
    Failed {
        program: &'static str,
        /// Error lines from the program's output, else its exit status.
        said: String,
    },
    #[error("it was interrupted")]
    Interrupted,
}

/// `pg_dump` and `pg_restore`, with connection parameters for one server.
pub struct Dumps {
    dir: PathBuf,
    environment: Vec<(&'static str, String)>,
    launcher: Vec<OsString>,
}

impl Dumps {
    /// Uses the programs in `dir`, for the server chosen by `connector`, with the parameters that
    /// `connector` was made of.
    pub fn new(dir: &Path, parameters: &Parameters, connector: &Connector) -> Self {
        let given = KEYWORDS
            .iter()
            .filter(|keyword| !PLACE.contains(&keyword.name));
        let mut environment: Vec<(&'static str, String)> = given
            .filter_map(|keyword| {
                Some((keyword.variable?, parameters.get(keyword.name)?.to_owned()))
            })
            .collect();
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
        let asked = connector.settings().asked.as_ref();
        let typed = asked.and_then(|asked| asked.typed());
        if let Some(password) = host.password.as_ref().or(typed.as_ref()) {
            environment.push((
                "PGPASSWORD",
                String::from_utf8_lossy(password.bytes()).into_owned(),
            ));
        }
        Self {
            dir: dir.to_owned(),
            environment,
            launcher: Vec::new(),
        }
    }

    /// Runs the programs through a launcher: its name and first arguments, followed by the program
    /// and its arguments. The launcher must replace itself with that program (exec).
    pub fn started_by(self, launcher: Vec<OsString>) -> Self {
        Self { launcher, ..self }
    }

    /// Copies a database into an empty one. Subscriptions are left out, because a copy must not
    /// contact a publisher.
    pub fn copy(
        &self,
        from: &str,
        to: &str,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<(), DumpError> {
        let mut dump = self.command("pg_dump");
        dump.args([
            "--format=custom",
            "--compress=0",
            "--no-subscriptions",
            "--dbname",
            &named(from),
        ]);
        let mut dump = self.start("pg_dump", dump.stdout(Stdio::piped()))?;
        let Some(pipe) = dump.child.stdout.take() else {
            return Err(DumpError::Failed {
                program: "pg_dump",
                said: "it has no output".to_owned(),
            });
        };
        let restore = self.start("pg_restore", self.restoring(to).stdin(Stdio::from(pipe)));
        wait(vec![dump, restore?], is_stopped)
    }

    /// Restores a dump in one of `pg_dump`'s own formats into an empty database.
    pub fn restore(
        &self,
        dump: &Path,
        to: &str,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<(), DumpError> {
        let mut restore = self.restoring(to);
        // Keeps a file name that begins with a dash from being read as an option.
        let restore = self.start("pg_restore", restore.arg("--").arg(dump))?;
        wait(vec![restore], is_stopped)
    }

    fn restoring(&self, to: &str) -> Command {
        let mut restore = self.command("pg_restore");
        restore.args([
            "--exit-on-error",
            "--no-subscriptions",
            "--dbname",
            &named(to),
        ]);
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
        let ours = KEYWORDS
            .iter()
            .filter_map(|keyword| keyword.variable)
            .chain(SESSION_VARIABLES);
        for variable in ours {
            command.env_remove(variable);
        }
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn start(&self, program: &'static str, command: &mut Command) -> Result<Running, DumpError> {
        let failed = |source| DumpError::Start {
            program: self.dir.join(program),
            source,
        };
        let mut child = command.spawn().map_err(failed)?;
        let stderr = child.stderr.take();
        Ok(Running {
            program,
            child,
            stderr: stderr.map(|stderr| thread::spawn(move || read_errors(stderr))),
        })
    }
}

/// Replaces this process with `pg_dump` or `pg_restore`, and with no other program. Returns only on
/// error.
pub fn become_program(program: &Path, arguments: &[OsString]) -> io::Error {
    match program.file_name().and_then(OsStr::to_str) {
        Some("pg_dump" | "pg_restore") => Command::new(program).args(arguments).exec(),
        _ => io::Error::new(
            io::ErrorKind::InvalidInput,
            "neither pg_dump nor pg_restore",
        ),
    }
}

/// Quotes a database name as a connection string, so that no part of the name is read as one.
fn named(database: &str) -> String {
    format!(
        "dbname='{}'",
        database.replace('\\', "\\\\").replace('\'', "\\'")
    )
}

/// A running program, killed when dropped.
struct Running {
    program: &'static str,
    child: Child,
    /// The thread that reads its error output.
    stderr: Option<JoinHandle<String>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // The program may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_errors(mut stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    // Unreadable error output counts as empty.
    let _ = stderr.by_ref().take(KEPT_BYTES).read_to_end(&mut kept);
    let _ = io::copy(&mut stderr, &mut io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

/// Waits for all programs, and reports the first failure that is not a consequence of another.
fn wait(mut running: Vec<Running>, is_stopped: &dyn Fn() -> bool) -> Result<(), DumpError> {
    let mut failed: Vec<(&'static str, String)> = Vec::new();
    for one in &mut running {
        let program = one.program;
        let status = loop {
            if is_stopped() {
                return Err(DumpError::Interrupted);
            }
            let status = one.child.try_wait().map_err(|source| DumpError::Start {
                program: PathBuf::from(program),
                source,
            })?;
            match status {
                Some(status) => break status,
                None => thread::sleep(POLL),
            }
        };
        if !status.success() {
            let text = one.stderr.take().and_then(|stderr| stderr.join().ok());
            let text = text.as_deref().and_then(error_lines);
            failed.push((program, text.unwrap_or(status.to_string())));
        }
    }
    // A program whose reader ended early fails with a broken pipe; that is a consequence.
    let is_consequence = |said: &str| said.contains("Broken pipe") || said.contains("signal: 13");
    let cause = failed
        .into_iter()
        .min_by_key(|(_, said)| is_consequence(said));
    cause.map_or(Ok(()), |(program, said)| {
        Err(DumpError::Failed { program, said })
    })
}

/// The error lines of a program's output, joined into one line; all lines if none is marked as an
/// error.
fn error_lines(text: &str) -> Option<String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let errors: Vec<&str> = lines
        .clone()
        .filter(|line| line.contains("error:") || line.contains("DETAIL:"))
        .collect();
    let chosen = if errors.is_empty() {
        lines.collect()
    } else {
        errors
    };
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
    fn error_lines_come_before_others() {
        let text = "pg_dump: warning: x\npg_dump: error: connection failed\n";
        assert_eq!(
            error_lines(text).as_deref(),
            Some("pg_dump: error: connection failed")
        );
        assert_eq!(error_lines("\n"), None);
    }
}
