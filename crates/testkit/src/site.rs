//! A directory with keys, a trust root and bundles, in which tests run the program.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A temporary directory in which the program runs.
pub struct Site {
    dir: TempDir,
}

/// Result of a run of the program.
pub struct Outcome {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
    pub elapsed: Duration,
}

impl Site {
    /// An empty directory.
    pub fn empty() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// A directory with `root.key`, `release.key`, their public halves, and a `trust.json` that
    /// gives `release` the release role.
    pub fn new() -> Self {
        let site = Self::empty();
        for name in ["root", "release"] {
            site.run(["keygen", name, "--no-passphrase"]).done();
        }
        site.run([
            "trust",
            "init",
            "trust.json",
            "--root-key",
            "root.key",
            "--role",
            "release:1=release.pub",
        ])
        .done();
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("the directory is writable");
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program, not started yet, independent of the tester's environment.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(crate::pgseal());
        command
            .current_dir(self.dir())
            .args(args)
            .stdin(Stdio::null())
            .env("PGSEAL_TRUST", "trust.json")
            .env("PGSEAL_GATE_USER", "gate_reader");
        for name in [
            "SOURCE_DATE_EPOCH",
            "NO_COLOR",
            "PGHOST",
            "PGPORT",
            "PGDATABASE",
            "PGUSER",
            "PGSERVICE",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Outcome {
        outcome(&mut self.command(args))
    }

    /// Runs the program with text on standard input.
    pub fn run_with<A: AsRef<OsStr>>(
        &self,
        input: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Outcome {
        let started = Instant::now();
        let mut command = self.command(args);
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("the program starts");
        // A program that ignores its input is not an error here.
        let _ = child
            .stdin
            .take()
            .expect("piped")
            .write_all(input.as_bytes());
        Outcome::of(child.wait_with_output().expect("it ends"), started)
    }

    /// Runs a command that must fail: asserts its exit code, one error line that contains `why`, no
    /// output, and no change on disk.
    pub fn refused<A: AsRef<OsStr>>(
        &self,
        exit: i32,
        why: &str,
        args: impl IntoIterator<Item = A>,
    ) -> Outcome {
        let before = self.snapshot();
        let outcome = self.run(args);
        outcome.is_error(exit, why);
        assert_eq!(
            self.snapshot(),
            before,
            "something was left behind, or changed"
        );
        outcome
    }

    /// Every path below the directory, with mode and bytes of files below 4 MiB.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let entries = walkdir::WalkDir::new(self.dir())
            .into_iter()
            .map(|entry| entry.expect("readable"));
        let state = |entry: walkdir::DirEntry| {
            let metadata = entry.metadata().expect("readable");
            let readable =
                metadata.is_file() && metadata.len() < 4 << 20 && !metadata.file_type().is_fifo();
            let bytes = if readable {
                std::fs::read(entry.path()).expect("readable")
            } else {
                Vec::new()
            };
            (entry.into_path(), (metadata.mode(), bytes))
        };
        entries.map(state).collect()
    }
}

/// Runs any command to its end.
pub fn outcome(command: &mut Command) -> Outcome {
    let started = Instant::now();
    Outcome::of(command.output().expect("the program starts"), started)
}

impl Outcome {
    fn of(output: std::process::Output, started: Instant) -> Self {
        Self {
            code: output.status.code().expect("it ends by itself"),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("what it says is text"),
            elapsed: started.elapsed(),
        }
    }

    /// Asserts success.
    pub fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.text(), self.stderr);
        self
    }

    /// Asserts an exit code and one error line that contains `why`, without terminal control
    /// characters.
    pub fn is_error(&self, exit: i32, why: &str) {
        let errors: Vec<&str> = self
            .stderr
            .lines()
            .filter(|line| line.starts_with("pgseal: error: "))
            .collect();
        assert_eq!(self.code, exit, "{why}: {}{}", self.text(), self.stderr);
        assert_eq!(errors.len(), 1, "{why}: {}", self.stderr);
        assert!(errors[0].contains(why), "{why}: {}", self.stderr);
        assert!(self.stdout.is_empty(), "{why}: {}", self.text());
        self.is_harmless();
    }

    /// Asserts that the output has no control characters other than line feeds.
    pub fn is_harmless(&self) {
        for text in [&self.stderr, &self.text()] {
            assert!(
                !text.contains(|c: char| c.is_control() && c != '\n'),
                "{text:?}"
            );
            assert!(!text.contains('\u{202e}'), "{text:?}");
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The single JSON document on standard output.
    pub fn json(&self) -> Value {
        assert_eq!(
            self.text().matches('\n').count(),
            1,
            "one document, one line: {}",
            self.text()
        );
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}
