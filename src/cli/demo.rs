//! `pgseal demo`: the whole story on a throwaway server, told by the program's own commands.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use include_dir::{Dir, include_dir};

use super::connection;
use super::error::CliError;
use super::exit::Exit;
use super::interrupt;
use super::output::{Output, Paint, escape};
use crate::database::{Connect, Purpose};
use crate::postgres::{ServerPrograms, ThrowawayServer};
use crate::release::gate_role;
use psql_script::{FileError, Files, Script, Step, Variables};

#[derive(clap::Args, Debug)]
pub struct Args {}

/// The reference release and the scripts beside it.
static BUNDLE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/bundle");

const FILE: &str = "one-roof-1.0.0.pgseal";
const APR: &str = "APR-BOOT-AUTHMODEL-1";

pub fn run(_: &Args, out: Output) -> Result<Exit, CliError> {
    let started = Instant::now();
    let programs = programs()?;
    let dir = tempfile::Builder::new().prefix("pgseal-demo-").tempdir();
    let dir = dir.map_err(|error| CliError::new(Exit::Internal, format!("no temporary directory: {error}")))?;
    remove_when_interrupted(dir.path().to_owned())?;
    let version = programs.version().map_err(internal)?;
    out.note(format!("starting a throwaway PostgreSQL {version} ..."));
    let server = ThrowawayServer::start(&programs, None).map_err(internal)?;
    server.create_database("directus").map_err(internal)?;
    let mut story = Story { out, dir: dir.path(), url: server.connection("directus"), steps: Vec::new() };
    story.tell()?;
    let steps = std::mem::take(&mut story.steps);
    drop(story);
    server.stop().map_err(internal)?;
    out.document(&serde_json::json!({ "steps": steps }));
    let seconds = started.elapsed().as_secs_f64();
    out.line(format!(
        "\nThe server and its files are gone again ({seconds:.1} s). README.md shows how to make a release of your own."
    ));
    Ok(Exit::Done)
}

struct Story<'a> {
    out: Output,
    dir: &'a Path,
    url: String,
    steps: Vec<serde_json::Value>,
}

impl Story<'_> {
    fn tell(&mut self) -> Result<(), CliError> {
        let apr = format!("ratified_apr={APR}");
        let io = |error: io::Error| CliError::io(Path::new("demo"), &error);
        self.extract().map_err(io)?;
        self.load("one-roof-baseline.sql", &Variables::default())?;
        self.chapter("Gates are asked by a role of their own, which may only read (PGSEAL_GATE_USER).");
        self.make_gate_role()?;

        self.chapter(
            "Everybody makes a key. The trust root says what each may do: a run needs two approvals of l2, one of l4.",
        );
        for name in ["root", "release", "ana", "ben", "dora"] {
            self.pgseal(&["keygen", name, "--no-passphrase"], Exit::Done, true)?;
        }
        let init = ["trust", "init", "trust.json", "--root-key", "root.key", "--role", "release:1=release.pub"];
        let approvers =
            ["--role", "l2:2=ana.pub,ben.pub", "--role", "l4:1=dora.pub", "--require", "l2", "--require", "l4"];
        self.pgseal(&[&init[..], &approvers[..]].concat(), Exit::Done, true)?;
        self.chapter("The release manager packs and signs the release One-Roof.");
        self.pgseal(&["pack", "one-roof", "-o", FILE, "--key", "release.key"], Exit::Done, false)?;

        self.chapter("On the host of the database, the operator verifies it. Nobody has said yes, so it doesn't run.");
        self.pgseal(&["verify", FILE], Exit::Done, false)?;
        self.pgseal(&["run", FILE, "-v", &apr], Exit::NotAuthentic, false)?;
        self.chapter("Three people read what it is, and approve exactly this release.");
        for (at, (name, role)) in [("ana", "l2"), ("ben", "l2"), ("dora", "l4")].into_iter().enumerate() {
            let key = format!("{name}.key");
            let approve = ["approve", FILE, "--key", &key, "--role", role, "--apr", APR, "--yes", "one-roof"];
            self.pgseal(&approve, Exit::Done, at > 0)?;
        }

        self.chapter("The database has its own say, by votes in its own tables. Nothing opens the gate from here: there is no such flag.");
        self.pgseal(&["run", FILE, "-v", &apr], Exit::Blocked, false)?;

        self.chapter(&format!("People ratify {APR} in the database itself (bundle/one-roof-ratify.sql)."));
        let mut variables = Variables::default();
        variables.set("ratified_apr", APR).map_err(|_| internal("a variable's name"))?;
        self.load("one-roof-ratify.sql", &variables)?;
        self.pgseal(&["gate", FILE, "-v", &apr], Exit::Done, false)?;

        self.chapter("Now it runs: eight tiers in one transaction, checked before it commits.");
        self.pgseal(&["run", FILE, "-v", &apr], Exit::Done, false)?;
        self.chapter("It never runs twice.");
        self.pgseal(&["run", FILE, "-v", &apr], Exit::Preflight, true)?;

        self.chapter("One command undoes it, and proves that the baseline is back.");
        self.pgseal(&["rollback", FILE], Exit::Done, false)?;
        self.pgseal(&["check", FILE], Exit::Done, false)?;
        self.pgseal(&["status"], Exit::Done, false)?;

        self.chapter("Somebody changes one bit of a copy.");
        flip_a_bit(&self.dir.join(FILE), &self.dir.join("tampered.pgseal")).map_err(io)?;
        self.pgseal(&["run", "tampered.pgseal", "-v", &apr], Exit::NotAuthentic, false)?;
        self.chapter("Years later, an auditor looks at all of it.");
        self.pgseal(&["audit", "."], Exit::Faults, false)
    }

    fn make_gate_role(&self) -> Result<(), CliError> {
        let mut session = connection::connector(Some(&self.url))?.connect(Purpose::Write)?;
        for sql in gate_role::remedy(&session.identity().database.clone(), session.server_version_num()) {
            self.out.line(escape(&sql));
            session.batch(&sql)?;
        }
        Ok(())
    }

    fn extract(&self) -> io::Result<()> {
        let release = BUNDLE.get_dir("one-roof").ok_or(io::ErrorKind::NotFound)?;
        fs::create_dir(self.dir.join("one-roof"))?;
        for file in files(release) {
            let path = self.dir.join(file.path());
            fs::create_dir_all(path.parent().unwrap_or(self.dir))?;
            fs::write(path, file.contents())?;
        }
        Ok(())
    }

    fn chapter(&self, text: &str) {
        self.out.line(format!("\n{}", self.out.paint(Paint::Good, text)));
    }

    /// Runs this very program, as the operator would, and insists on its exit code.
    fn pgseal(&mut self, arguments: &[&str], expected: Exit, silent: bool) -> Result<(), CliError> {
        let command = format!("pgseal {}", arguments.join(" "));
        self.out.line(format!("$ {command}"));
        let exit = self.spawn(arguments, silent || self.out.json).map_err(internal)?;
        self.steps.push(serde_json::json!({ "command": command, "exit": exit }));
        if exit == i32::from(expected.code()) {
            return Ok(());
        }
        let text = format!("the demo expected exit code {} of `{command}`, and got {exit}", expected.code());
        Err(CliError::new(Exit::Internal, text))
    }

    fn spawn(&self, arguments: &[&str], silent: bool) -> io::Result<i32> {
        let mut command = Command::new(std::env::current_exe()?);
        // Whatever the caller's environment says of databases must not lead anywhere but here.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
            command.env_remove(name);
        }
        for (name, value) in parameters(&self.url) {
            command.env(name, value);
        }
        command.args(arguments).current_dir(self.dir).env("PGSEAL_TRUST", "trust.json");
        command.env("PGSEAL_GATE_USER", gate_role::SUGGESTED).stdin(Stdio::null());
        command.args(["--color", if self.out.color { "always" } else { "never" }]);
        if self.out.quiet || silent {
            command.arg("--quiet");
        }
        if silent {
            command.stdout(Stdio::null());
        }
        // Both in one stream, so that a story that is written to a file is in order.
        Ok(command.status()?.code().unwrap_or(-1))
    }

    /// Runs one of the scripts beside the release, as psql would in one transaction.
    fn load(&self, name: &str, variables: &Variables) -> Result<(), CliError> {
        let mut session = connection::connector(Some(&self.url))?.connect(Purpose::Write)?;
        // One statement of the baseline takes long on a slow machine.
        session.set_patience(std::time::Duration::from_secs(600));
        let wrong = |error: psql_script::ScriptError| internal(error);
        let mut script = Script::open(&Embedded, name, variables.clone()).map_err(wrong)?;
        session.execute("BEGIN")?;
        while let Some(step) = script.next_step().map_err(wrong)? {
            if let Step::Statement(statement) = step {
                session.execute(&statement.sql)?;
            }
        }
        session.execute("COMMIT")?;
        Ok(())
    }
}

struct Embedded;

impl Files for Embedded {
    fn open(&self, path: &str) -> Result<Box<dyn io::Read + '_>, FileError> {
        BUNDLE.get_file(path).map(|file| Box::new(file.contents()) as Box<dyn io::Read>).ok_or(FileError::NotFound)
    }
}

fn files<'a>(dir: &'a Dir<'a>) -> Vec<&'a include_dir::File<'a>> {
    dir.files().chain(dir.dirs().flat_map(files)).collect()
}

/// `host=... port=...` as libpq's environment.
fn parameters(connection: &str) -> BTreeMap<&'static str, String> {
    let names = [("host=", "PGHOST"), ("port=", "PGPORT"), ("user=", "PGUSER"), ("dbname=", "PGDATABASE")];
    let value = |word: &str| {
        let (prefix, name) = names.into_iter().find(|(prefix, _)| word.starts_with(prefix))?;
        Some((name, word[prefix.len()..].trim_matches('\'').to_owned()))
    };
    connection.split_whitespace().filter_map(value).collect()
}

fn flip_a_bit(from: &Path, to: &Path) -> io::Result<()> {
    let mut bytes = fs::read(from)?;
    // Somewhere in a script: the signature is untouched, and the file is as long as before.
    if let Some(at) = bytes.windows(12).rposition(|window| window.eq_ignore_ascii_case(b"create table")) {
        bytes[at] ^= 1;
    }
    fs::write(to, bytes)
}

fn programs() -> Result<ServerPrograms, CliError> {
    let explicit = std::env::var_os("PGSEAL_POSTGRES_BIN").map(PathBuf::from);
    let found = ServerPrograms::search(explicit.as_deref(), std::env::var_os("PATH").as_deref());
    found.map_err(|error| {
        CliError::new(Exit::Internal, error)
            .hint("install PostgreSQL's server programs, or name them by PGSEAL_POSTGRES_BIN; ./demo fetches them")
    })
}

/// The server goes when this process goes; the demo's files go here.
fn remove_when_interrupted(dir: PathBuf) -> Result<(), CliError> {
    interrupt::on_signals(move || {
        let _ = fs::remove_dir_all(&dir);
        std::process::exit(130);
    })
}

fn internal(error: impl std::fmt::Display) -> CliError {
    CliError::new(Exit::Internal, error)
}
