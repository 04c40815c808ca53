//! Commands of this program on one database, each a process of its own.

// docs/decisions/100

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use serde_json::Value;
use zeroize::Zeroizing;

use super::forward::Forwarded;
use super::stop::Stop;
use crate::cli::progress::Notifier;
use crate::cli::settings::Name;
use crate::cli::{Kind, escape, escape_lines};
use pgseal_verify::format::statement::ReleaseId;

/// This program, even if its file was replaced meanwhile.
const OURSELVES: &str = "/proc/self/exe";

/// Starts commands.
pub struct Worker {
    pub file: PathBuf,
    /// The release in the file when the rollout began.
    pub release: ReleaseId,
    pub forwarded: Forwarded,
    /// Passphrase of the receipt key, if it is encrypted.
    pub passphrase: Option<Zeroizing<String>>,
    pub stop: Stop,
    pub notifier: Notifier,
    /// Warnings that were shown: most databases cause the same ones.
    pub shown: Mutex<BTreeSet<String>>,
}

/// The end of a command.
pub struct Ended {
    /// The exit code; `None` if a signal ended the process.
    pub exit: Option<u8>,
    /// The document of `--json`; null if there was none.
    pub document: Value,
}

impl Worker {
    /// A command that writes: `run` or `rollback`, with `more` options.
    pub fn write(&self, command: &str, more: &[&str], database: &str) -> io::Result<Ended> {
        let mut arguments = self.forwarded.all();
        arguments.extend(more.iter().map(OsString::from));
        if self.passphrase.is_some() {
            arguments.push("--passphrase-fd=0".into());
        }
        self.execute(command, arguments, database)
    }

    /// The soak question.
    pub fn ask(&self, question: &str, database: &str) -> io::Result<Ended> {
        let mut arguments = self.forwarded.reading();
        arguments.push(format!("--question={question}").into());
        self.execute("rollout-soak", arguments, database)
    }

    fn execute(
        &self,
        command: &str,
        arguments: Vec<OsString>,
        database: &str,
    ) -> io::Result<Ended> {
        let program = match std::path::Path::new(OURSELVES).exists() {
            true => OURSELVES.into(),
            false => std::env::current_exe()?,
        };
        let mut child = Command::new(program)
            .arg(command)
            .args(arguments)
            .arg(format!("--only-release={}", self.release))
            .args(["--json", "--quiet", "--no-password", "--color=never", "--"])
            .arg(&self.file)
            // The connection string has no password, and still is none of the arguments.
            .env(Name::Db.variable(), database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Signals of the terminal go to this process alone.
            .process_group(0)
            .spawn()?;
        let id = child.id();
        self.stop.begun(id);
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        if let (Some(mut stdin), Some(passphrase)) = (stdin, &self.passphrase) {
            // A command that needs none, or has ended, does not read it.
            let _ = stdin
                .write_all(passphrase.as_bytes())
                .and_then(|()| stdin.write_all(b"\n"));
        }
        let (answer, messages) = thread::scope(|scope| {
            let messages = scope.spawn(|| text(stderr));
            (text(stdout), messages.join().unwrap_or_default())
        });
        self.stop.ended(id);
        let status = child.wait()?;
        self.warn(&messages, database);
        Ok(Ended {
            exit: status.code().and_then(|code| u8::try_from(code).ok()),
            document: serde_json::from_str(&answer).unwrap_or_default(),
        })
    }

    /// Shows the warnings of a command, each once.
    fn warn(&self, messages: &str, database: &str) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for line in messages.lines() {
            if let Some(warning) = line.strip_prefix("pgseal: warning: ")
                && shown.insert(warning.to_owned())
            {
                let (database, warning) = (escape(database), escape_lines(warning));
                self.notifier.warning(format!("{database}: {warning}"));
            }
        }
    }
}

fn text(stream: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        // What was read before an error counts; the document is whole or not JSON.
        let _ = stream.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Ended {
    /// The kind of its error.
    pub fn kind(&self) -> Option<&str> {
        self.document["error"]["kind"].as_str()
    }

    pub fn is(&self, kind: Kind) -> bool {
        self.kind() == Some(kind.as_str())
    }

    /// Its error, in one line.
    pub fn error(&self) -> Option<String> {
        let message = self.document["error"]["message"].as_str();
        match (message, self.exit) {
            (Some(message), _) => Some(message.lines().collect::<Vec<_>>().join("; ")),
            (None, None) => Some("its process was ended by a signal".to_owned()),
            (None, Some(0)) => None,
            (None, Some(exit)) => Some(format!("it ended with exit code {exit} and no answer")),
        }
    }
}
