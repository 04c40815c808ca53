//! Demonstration of pgseal on a throwaway server, by the program's own commands.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs, thread};

use pgseal::release::gate_role;
use pgseal_testkit::programs::ServerPrograms;
use pgseal_testkit::throwaway::ThrowawayServer;
use postgres::{Client, NoTls};
use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

const FILE: &str = "one-roof-1.0.0.pgseal";
const APR: &str = "APR-BOOT-AUTHMODEL-1";

// Exit codes that the demonstration expects.
const DONE: i32 = 0;
const NOT_AUTHENTIC: i32 = 11;
const BLOCKED: i32 = 20;
const PREFLIGHT: i32 = 22;
const FAULTS: i32 = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let explicit = env::var_os("PGSEAL_POSTGRES_BIN").map(PathBuf::from);
    let programs = ServerPrograms::search(explicit.as_deref(), env::var_os("PATH").as_deref())?;
    let dir = tempfile::Builder::new().prefix("pgseal-demo-").tempdir()?;
    remove_when_interrupted(dir.path().to_owned())?;
    eprintln!(
        "starting a throwaway PostgreSQL {} ...",
        programs.version()?
    );
    let server = ThrowawayServer::start(&programs, None)?;
    server.create_database("directus")?;
    Story {
        dir: dir.path(),
        connection: server.connection("directus"),
        host: server.dir(),
    }
    .tell()?;
    server.stop()?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "\nThe server and its files are removed ({seconds:.1} s). README.md shows how to make a release of your own."
    );
    Ok(())
}

struct Story<'a> {
    dir: &'a Path,
    connection: String,
    host: &'a Path,
}

impl Story<'_> {
    fn tell(&self) -> Result<(), Box<dyn Error>> {
        let apr = format!("ratified_apr={APR}");
        copy(&pgseal_testkit::repository().join("bundle"), self.dir)?;
        self.load("one-roof-baseline.sql", &[])?;
        self.chapter("A role that may only read executes the gates (PGSEAL_GATE_USER).");
        self.make_gate_role()?;

        self.chapter(
            "Every participant makes a key. The trust root says what each key may do: a run needs two approvals of l2, one of l4.",
        );
        for name in ["root", "release", "ana", "ben", "dora"] {
            self.pgseal(&["keygen", name, "--no-passphrase"], DONE, true)?;
        }
        let init = [
            "trust",
            "init",
            "trust.json",
            "--root-key",
            "root.key",
            "--role",
            "release:1=release.pub",
        ];
        let approvers = [
            "--role",
            "l2:2=ana.pub,ben.pub",
            "--role",
            "l4:1=dora.pub",
            "--require",
            "l2",
            "--require",
            "l4",
        ];
        self.pgseal(&[&init[..], &approvers[..]].concat(), DONE, true)?;
        self.chapter("The release manager packs and signs the release One-Roof.");
        self.pgseal(
            &["pack", "one-roof", "-o", FILE, "--key", "release.key"],
            DONE,
            false,
        )?;

        self.chapter("On the host of the database, the operator verifies it. It has no approvals, so it doesn't run.");
        self.pgseal(&["verify", FILE], DONE, false)?;
        self.pgseal(&["run", FILE, "-v", &apr], NOT_AUTHENTIC, false)?;
        self.chapter("Three approvers inspect and approve exactly this release.");
        for (at, (name, role)) in [("ana", "l2"), ("ben", "l2"), ("dora", "l4")]
            .into_iter()
            .enumerate()
        {
            let key = format!("{name}.key");
            let approve = [
                "approve", FILE, "--key", &key, "--role", role, "--apr", APR, "--yes", "one-roof",
            ];
            self.pgseal(&approve, DONE, at > 0)?;
        }

        self.chapter("The gate asks for votes in the database. No option of pgseal opens it.");
        self.pgseal(&["run", FILE, "-v", &apr], BLOCKED, false)?;

        self.chapter(&format!(
            "People ratify {APR} in the database itself (bundle/one-roof-ratify.sql)."
        ));
        self.load("one-roof-ratify.sql", &["-v", &apr])?;
        self.pgseal(&["gate", FILE, "-v", &apr], DONE, false)?;

        self.chapter("Now it runs: eight tiers in one transaction, checked before it commits.");
        self.pgseal(&["run", FILE, "-v", &apr], DONE, false)?;
        self.chapter("It never runs twice.");
        self.pgseal(&["run", FILE, "-v", &apr], PREFLIGHT, true)?;

        self.chapter("One command undoes it, and proves that the baseline is back.");
        self.pgseal(&["rollback", FILE], DONE, false)?;
        self.pgseal(&["check", FILE], DONE, false)?;
        self.pgseal(&["status"], DONE, false)?;

        self.chapter("An attacker changes one bit of a copy.");
        flip_a_bit(&self.dir.join(FILE), &self.dir.join("tampered.pgseal"))?;
        self.pgseal(
            &["run", "tampered.pgseal", "-v", &apr],
            NOT_AUTHENTIC,
            false,
        )?;
        self.chapter("Years later, an auditor examines all of it.");
        self.pgseal(&["audit", "."], FAULTS, false)
    }

    fn make_gate_role(&self) -> Result<(), Box<dyn Error>> {
        let mut client = Client::connect(&self.connection, NoTls)?;
        let version =
            client.query_one("select current_setting('server_version_num')::integer", &[])?;
        for sql in gate_role::remedy(Some("directus"), u32::try_from(version.get::<_, i32>(0))?) {
            println!("{sql}");
            client.batch_execute(&sql)?;
        }
        Ok(())
    }

    fn chapter(&self, text: &str) {
        if io::stdout().is_terminal() {
            println!("\n\x1b[32;1m{text}\x1b[0m")
        } else {
            println!("\n{text}")
        }
    }

    /// Runs the program as an operator would, and insists on its exit code.
    fn pgseal(
        &self,
        arguments: &[&str],
        expected: i32,
        silent: bool,
    ) -> Result<(), Box<dyn Error>> {
        let command = format!("pgseal {}", arguments.join(" "));
        println!("$ {command}");
        let mut program = self.program(arguments);
        if silent {
            program.arg("--quiet").stdout(Stdio::null());
        }
        match program.status()?.code() {
            Some(code) if code == expected => Ok(()),
            code => {
                Err(format!("expected exit code {expected} of `{command}`, found {code:?}").into())
            }
        }
    }

    fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(pgseal_testkit::pgseal());
        // The caller's environment must not lead to another database.
        for (name, _) in
            env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG"))
        {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(self.dir)
            .stdin(Stdio::null());
        command
            .env("PGHOST", self.host)
            .env("PGPORT", "5432")
            .env("PGUSER", "postgres")
            .env("PGDATABASE", "directus");
        command
            .env("PGSEAL_TRUST", "trust.json")
            .env("PGSEAL_GATE_USER", gate_role::SUGGESTED);
        command
    }

    /// Executes a script that is not part of the release, in one transaction.
    fn load(&self, name: &str, variables: &[&str]) -> Result<(), Box<dyn Error>> {
        let output = self
            .program(&["script", name, "--json"])
            .args(variables)
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("cannot read {name}: {}", output.status).into());
        }
        let mut client = Client::connect(&self.connection, NoTls)?;
        let mut transaction = client.transaction()?;
        for line in String::from_utf8(output.stdout)?.lines() {
            let statement: Value = serde_json::from_str(line)?;
            transaction.batch_execute(statement["sql"].as_str().unwrap_or_default())?;
        }
        Ok(transaction.commit()?)
    }
}

/// Copies a directory with everything below it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &to)?
        } else {
            fs::copy(&path, &to).map(drop)?
        }
    }
    Ok(())
}

fn flip_a_bit(from: &Path, to: &Path) -> io::Result<()> {
    let mut bytes = fs::read(from)?;
    // Inside a script: the signature is untouched, and the length is the same.
    if let Some(at) = bytes
        .windows(12)
        .rposition(|window| window.eq_ignore_ascii_case(b"create table"))
    {
        bytes[at] ^= 1;
    }
    fs::write(to, bytes)
}

/// Removes the files of the demonstration on a signal. The server ends with this process.
fn remove_when_interrupted(dir: PathBuf) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            let _ = fs::remove_dir_all(&dir);
            std::process::exit(130);
        }
    });
    Ok(())
}
