//! Releases for tests, and an operator that uses them through the real program.
//!
//! ```ignore
//! let site = Site::new();                                     // a directory with keys and a trust root
//! let bundle = site.pack(&Release::on(db.name()).tier("more", "select 1"));
//! let operator = site.operator(&bundle, &db.url());
//! operator.run().done();
//! ```
//!
//! A release of [`Release::on`] creates the table `public.widgets`, waits for a row in
//! `public.approvals`, and drops the table on rollback. Tests add to it or replace its files.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::{GATE_USER, TestDatabase, programs};

/// SQL that prepares a database for [`Release::on`]: the approvals, with one row in them.
pub const BEFORE: &str = "
    create table public.approvals (who text primary key);
    insert into public.approvals values ('somebody');";

/// The gate of a [`Release::on`].
pub const GATE: &str =
    "select count(*) > 0 as ready, format('%s approvals', count(*)) as reason, min(who) as first_approver
from public.approvals;
";

const WIDGETS: &str = "create table public.widgets (id integer primary key, name text not null);
insert into public.widgets values (1, 'one'), (2, 'two');
";

const PROBE: &str = "select pg_catalog.to_regclass('public.widgets') is not null as widgets;\n";

/// A release directory in memory.
#[derive(Clone)]
pub struct Release {
    pub name: String,
    pub version: String,
    pub sequence: u32,
    /// Further lines of `[release]`.
    about: String,
    /// Line of `[target]`.
    database: String,
    /// Further lines.
    target: String,
    gates: Vec<(String, String)>,
    tiers: Vec<(String, String, &'static str)>,
    rollback: Vec<String>,
    runbooks: Vec<String>,
    verify: Vec<(String, String, String)>,
    variables: String,
    baseline: String,
    finalized: String,
    rolled_back: Option<String>,
    reordered: Option<String>,
    demands_no_drift: bool,
    limits: String,
    files: BTreeMap<String, Vec<u8>>,
}

impl Release {
    /// The small release for a database; see the module's documentation.
    pub fn on(database: &str) -> Self {
        let empty = Self {
            name: "small".to_owned(),
            version: "1.0.0".to_owned(),
            sequence: 1,
            about: String::new(),
            database: String::new(),
            target: String::new(),
            gates: Vec::new(),
            tiers: Vec::new(),
            rollback: Vec::new(),
            runbooks: Vec::new(),
            verify: Vec::new(),
            variables: String::new(),
            baseline: "{ widgets = false }".to_owned(),
            finalized: "{ widgets = true }".to_owned(),
            rolled_back: None,
            reordered: None,
            demands_no_drift: false,
            limits: "lock_timeout = \"5s\"\nstatement_timeout = \"1min\"\nidle_timeout = \"1min\""
                .to_owned(),
            files: BTreeMap::new(),
        };
        empty
            .targeting(database)
            .gate("approved", GATE)
            .tier("widgets", WIDGETS)
            .rollback("widgets", "drop table if exists public.widgets;\n")
            .file("verify/baseline_probe.sql", PROBE)
            .file("verify/finalized_probe.sql", PROBE)
    }

    /// Changes the release's database.
    pub fn targeting(mut self, database: &str) -> Self {
        self.database = format!("database = \"{database}\"");
        self
    }

    /// Makes it a release for several databases.
    pub fn databases(mut self, databases: &[&str]) -> Self {
        self.database = format!("databases = {databases:?}");
        self
    }

    /// Removes all tiers and rollback scripts, for a release that builds on another.
    pub fn without_tiers(mut self) -> Self {
        (self.tiers, self.rollback) = (Vec::new(), Vec::new());
        self
    }

    pub fn named(mut self, name: &str, version: &str, sequence: u32) -> Self {
        (self.name, self.version, self.sequence) = (name.to_owned(), version.to_owned(), sequence);
        self
    }

    /// Adds a gate, or replaces the SQL of an existing one.
    pub fn gate(mut self, name: &str, sql: &str) -> Self {
        let path = format!("gate/{name}.sql");
        if !self.gates.iter().any(|(there, _)| there == name) {
            self.gates.push((name.to_owned(), path.clone()));
        }
        self.file(&path, sql)
    }

    pub fn without_gates(mut self) -> Self {
        for (_, path) in std::mem::take(&mut self.gates) {
            self.files.remove(&path);
        }
        self
    }

    /// Appends a tier.
    pub fn tier(mut self, name: &str, sql: &str) -> Self {
        let path = format!("tiers/{name}.sql");
        self.tiers.push((name.to_owned(), path.clone(), "release"));
        self.file(&path, sql)
    }

    /// Appends a tier that runs its statements outside a transaction.
    pub fn alone(mut self, name: &str, sql: &str) -> Self {
        let path = format!("tiers/{name}.sql");
        self.tiers.push((name.to_owned(), path.clone(), "none"));
        self.file(&path, sql)
    }

    /// Prepends a rollback script: rollback runs in reverse order.
    pub fn rollback(mut self, name: &str, sql: &str) -> Self {
        let path = format!("rollback/{name}.sql");
        self.rollback.insert(0, path.clone());
        self.file(&path, sql)
    }

    pub fn verify(mut self, name: &str, state: &str, mode: &str, sql: &str) -> Self {
        self.verify
            .push((name.to_owned(), state.to_owned(), mode.to_owned()));
        self.file(&format!("verify/{name}.sql"), sql)
    }

    pub fn baseline(mut self, probe: &str, expect: &str) -> Self {
        self.baseline = expect.to_owned();
        self.file("verify/baseline_probe.sql", probe)
    }

    pub fn finalized(mut self, probe: &str, expect: &str) -> Self {
        self.finalized = expect.to_owned();
        self.file("verify/finalized_probe.sql", probe)
    }

    /// Adds `[states.rolled_back]`, with the probe of the baseline.
    pub fn rolled_back(mut self, expect: &str) -> Self {
        self.rolled_back = Some(expect.to_owned());
        self
    }

    /// Demands that nothing drifted since the newest signed receipt.
    pub fn demands_no_drift(mut self) -> Self {
        self.demands_no_drift = true;
        self
    }

    /// Adds a runbook, `runbooks/AUDIENCE.md`.
    pub fn runbook(mut self, audience: &str, text: &str) -> Self {
        self.runbooks.push(audience.to_owned());
        self.file(&format!("runbooks/{audience}.md"), text)
    }

    /// Names a table whose columns the rollback may leave in another order.
    pub fn reordered(mut self, table: &str) -> Self {
        self.reordered = Some(table.to_owned());
        self
    }

    /// Adds a line to `[release]`.
    pub fn about(mut self, line: &str) -> Self {
        self.about = format!("{}{line}\n", self.about);
        self
    }

    /// Adds lines to `[target]`.
    pub fn target(mut self, lines: &str) -> Self {
        self.target = format!("{}{lines}\n", self.target);
        self
    }

    /// Adds a required variable, `[variables.NAME]`.
    pub fn variable(self, name: &str) -> Self {
        self.variable_with(name, "")
    }

    /// A variable with more lines in its block.
    pub fn variable_with(mut self, name: &str, more: &str) -> Self {
        let _ = write!(
            self.variables,
            "[variables.{name}]\nrequired = true\nabout = \"a value for a test\"\n{more}\n"
        );
        self
    }

    pub fn limits(mut self, lock: &str, statement: &str) -> Self {
        self.limits = format!(
            "lock_timeout = \"{lock}\"\nstatement_timeout = \"{statement}\"\nidle_timeout = \"1min\""
        );
        self
    }

    /// Adds a file, or replaces one that `release.toml` names.
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.files
            .insert(path.to_owned(), content.as_ref().to_vec());
        self
    }

    /// Writes the directory.
    pub fn write(&self, dir: &Path) {
        for (path, content) in &self.files {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::write(dir.join("release.toml"), self.toml()).unwrap();
    }

    fn toml(&self) -> String {
        let reordered = self.reordered.iter();
        let reordered: String = reordered
            .map(|table| format!("reordered = [\"{table}\"]\n"))
            .collect();
        let no_drift = match self.demands_no_drift {
            true => "require_no_drift = true\n",
            false => "",
        };
        let mut toml = format!(
            "format = 1\n{reordered}{no_drift}\n[release]\nname = \"{}\"\nversion = \"{}\"\nsequence = {}\nsummary = \"A release for a test.\"\n{}\n\
             [target]\n{}\n{}\n{}",
            self.name,
            self.version,
            self.sequence,
            self.about,
            self.database,
            self.target,
            self.variables
        );
        for (name, file) in &self.gates {
            let _ = write!(toml, "[[gate]]\nname = \"{name}\"\nfile = \"{file}\"\n\n");
        }
        for (state, expect) in [("baseline", &self.baseline), ("finalized", &self.finalized)] {
            let _ = write!(
                toml,
                "[states.{state}]\nprobe = \"verify/{state}_probe.sql\"\nexpect = {expect}\n\n"
            );
        }
        if let Some(expect) = &self.rolled_back {
            let _ = write!(
                toml,
                "[states.rolled_back]\nprobe = \"verify/baseline_probe.sql\"\nexpect = {expect}\n\n"
            );
        }
        for (name, file, transaction) in &self.tiers {
            let _ = write!(
                toml,
                "[[tier]]\nname = \"{name}\"\nfile = \"{file}\"\ntransaction = \"{transaction}\"\n\n"
            );
        }
        for file in &self.rollback {
            let _ = write!(toml, "[[rollback]]\nfile = \"{file}\"\n\n");
        }
        for (name, state, mode) in &self.verify {
            let file = format!("verify/{name}.sql");
            let _ = write!(
                toml,
                "[[verify]]\nname = \"{name}\"\nfile = \"{file}\"\nstate = \"{state}\"\nmode = \"{mode}\"\n\n"
            );
        }
        for audience in &self.runbooks {
            let file = format!("runbooks/{audience}.md");
            let _ = write!(
                toml,
                "[[runbook]]\nfile = \"{file}\"\naudience = \"{audience}\"\n\n"
            );
        }
        let _ = write!(toml, "[limits]\n{}\n", self.limits);
        toml
    }
}

/// A directory with keys (`release.key`, `receipt.key`, `root.key`, none with a passphrase) and
/// `trust.json`; removed with this value.
pub struct Site {
    dir: TempDir,
    asks_as_reader: bool,
}

impl Site {
    /// Runs gates and probes as [`GATE_USER`].
    pub fn new() -> Self {
        Self::with(true)
    }

    /// Runs gates and probes as the role of `--db`, whatever its rights; the trust root permits it.
    pub fn without_gate_user() -> Self {
        Self::with(false)
    }

    fn with(asks_as_reader: bool) -> Self {
        let site = Self {
            dir: tempfile::tempdir().unwrap(),
            asks_as_reader,
        };
        for name in ["root", "release", "receipt"] {
            site.pgseal(["keygen", name, "--no-passphrase"]).done();
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
        let gate_role = if asks_as_reader { "reader" } else { "any" };
        let more = ["--role", "receipt:1=receipt.pub", "--gate-role", gate_role];
        site.pgseal(init.into_iter().chain(more)).done();
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Packs and signs a release, and returns the bundle's path.
    pub fn pack(&self, release: &Release) -> PathBuf {
        let bundle = self.path(&format!("{}-{}.pgseal", release.name, release.version));
        self.try_pack(release, &bundle).done();
        bundle
    }

    /// Packs a release that may be rejected.
    pub fn try_pack(&self, release: &Release, bundle: &Path) -> Answer {
        let dir = tempfile::tempdir_in(self.dir.path()).unwrap();
        release.write(dir.path());
        self.pack_dir(dir.path(), bundle)
    }

    /// Packs and signs a directory.
    pub fn pack_dir(&self, dir: &Path, bundle: &Path) -> Answer {
        let args: [&OsStr; 7] = [
            "pack".as_ref(),
            "--replace".as_ref(),
            dir.as_ref(),
            "-o".as_ref(),
            bundle.as_ref(),
            "--key".as_ref(),
            "release.key".as_ref(),
        ];
        self.pgseal(args)
    }

    pub fn pgseal<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Answer {
        let mut command = self.command();
        Answer::of(command.args(args).output().unwrap())
    }

    /// The program, run in this directory, without environment variables that could redirect it.
    pub fn command(&self) -> Command {
        let mut command = Command::new(crate::pgseal());
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.env("HOME", self.dir.path());
        if self.asks_as_reader {
            command.env("PGSEAL_GATE_USER", GATE_USER);
        }
        command
    }

    pub fn operator(&self, bundle: &Path, url: &str) -> Operator<'_> {
        let receipts = self.path("receipts");
        Operator {
            site: self,
            bundle: bundle.to_owned(),
            url: url.to_owned(),
            variables: Vec::new(),
            receipts,
        }
    }
}

/// An operator with a bundle and a database.
#[derive(Clone)]
pub struct Operator<'s> {
    site: &'s Site,
    bundle: PathBuf,
    url: String,
    variables: Vec<String>,
    receipts: PathBuf,
}

impl Operator<'_> {
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables
            .retain(|given| !given.starts_with(&format!("{name}=")));
        self.variables.push(format!("{name}={value}"));
        self
    }

    pub fn receipts_in(mut self, name: &str) -> Self {
        self.receipts = self.site.path(name);
        self
    }

    pub fn url(mut self, url: &str) -> Self {
        self.url = url.to_owned();
        self
    }

    /// Evaluates the gate queries alone; `ask("gate")` names everything that a run lacks.
    pub fn gate(&self) -> Answer {
        self.ask_with("gate", &["--only"])
    }

    pub fn plan(&self) -> Answer {
        self.ask("plan")
    }

    pub fn run(&self) -> Answer {
        self.ask("run")
    }

    pub fn rollback(&self) -> Answer {
        self.ask("rollback")
    }

    pub fn check(&self) -> Answer {
        self.ask("check")
    }

    /// Runs `status --json`.
    pub fn status(&self) -> (Answer, Value) {
        let mut command = self.site.command();
        command
            .args(["status", "--json", "--db", &self.url, "--receipts"])
            .arg(&self.receipts);
        let answer = Answer::of(command.output().unwrap());
        let document = answer.json();
        (answer, document)
    }

    /// The output of `status` for people.
    pub fn status_text(&self) -> String {
        let mut command = self.site.command();
        command
            .args(["status", "--db", &self.url, "--receipts"])
            .arg(&self.receipts);
        Answer::of(command.output().unwrap()).stdout
    }

    /// The endings of unfinished runs, from `status`.
    pub fn unfinished(&self) -> Vec<String> {
        let (_, document) = self.status();
        let unfinished = document["unfinished"].as_array().unwrap();
        unfinished
            .iter()
            .map(|one| one["ending"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Runs a command to its end.
    pub fn ask(&self, command: &str) -> Answer {
        Answer::of(self.command(command).output().unwrap())
    }

    /// Like [`Self::ask`], with more arguments.
    pub fn ask_with(&self, command: &str, more: &[&str]) -> Answer {
        Answer::of(self.command(command).args(more).output().unwrap())
    }

    /// The directory of journals and receipts.
    pub fn receipts(&self) -> &Path {
        &self.receipts
    }

    /// Like [`Self::ask`], with `--json`; returns the document.
    pub fn json(&self, command: &str) -> Value {
        let answer = Answer::of(self.command(command).arg("--json").output().unwrap());
        answer.json()
    }

    /// Starts a command in the background.
    pub fn start(&self, command: &str) -> Running {
        Running::of(&mut self.command(command))
    }

    pub fn command(&self, command: &str) -> Command {
        let mut program = self.site.command();
        program
            .arg(command)
            .arg(&self.bundle)
            .args(["--trust", "trust.json", "--db", &self.url]);
        for variable in &self.variables {
            program.args(["-v", variable]);
        }
        if ["run", "rollback"].contains(&command) {
            program.arg("--receipts").arg(&self.receipts);
        }
        program
    }

    /// Files in the receipts directory by the end of their names, oldest first.
    pub fn records(&self, ending: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.receipts) else {
            return Vec::new();
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = paths
            .filter(|path| path.to_string_lossy().ends_with(ending))
            .collect();
        paths.sort_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
        paths
    }

    /// The predicate of the newest receipt.
    pub fn receipt(&self) -> Value {
        let path = self.records(".receipt.json").pop().unwrap();
        let statement: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        statement["predicate"].clone()
    }
}

/// A command in the background.
pub struct Running(Child);

impl Running {
    pub fn of(command: &mut Command) -> Self {
        Self(
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        )
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends SIGKILL.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub fn end(self) -> Answer {
        Answer::of(self.0.wait_with_output().unwrap())
    }
}

/// Exit code and output of a command.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Answer {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Asserts exit code 0 and no error.
    #[track_caller]
    pub fn done(&self) -> &Self {
        assert!(
            self.code == 0 && !self.stderr.contains("pgseal: error:"),
            "{self}"
        );
        self
    }

    /// Asserts an exit code and one error: its own line, then at most the server's message below
    /// it, then at most one hint. Returns the error's text.
    #[track_caller]
    pub fn fails(&self, code: i32) -> String {
        assert_eq!(self.code, code, "{self}");
        let errors: Vec<&str> = self
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("pgseal: error: "))
            .collect();
        let heads = errors.iter().filter(|line| !line.starts_with("  ")).count();
        assert_eq!(heads, 1, "one error: {self}");
        assert!(
            self.stderr.matches("pgseal: hint: ").count() <= 1,
            "one hint: {self}"
        );
        assert!(!self.stderr.contains("panicked"), "{self}");
        errors.join("\n")
    }

    /// Like [`Answer::fails`], and asserts that the text and hint contain all of these words.
    #[track_caller]
    pub fn fails_saying(&self, code: i32, words: &[&str]) {
        self.fails(code);
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?}: {self}");
        }
    }

    #[track_caller]
    pub fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(
                self.stdout.contains(word) || self.stderr.contains(word),
                "no {word:?}: {self}"
            );
        }
        self
    }

    /// The output's single JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit {}\n--- stdout\n{}\n--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

/// Dumps the whole database as SQL, except pgseal's own ledger; tests compare dumps to detect
/// changes.
pub fn dump(db: &TestDatabase<'_>) -> String {
    let mut command = client("pg_dump");
    let output = command
        .args(["--exclude-schema=pgseal", "--dbname"])
        .arg(db.connection())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "pg_dump: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    // A newer pg_dump writes a random word on these two lines.
    let fixed =
        |line: &&str| !line.starts_with("\\restrict ") && !line.starts_with("\\unrestrict ");
    let mut lines: Vec<&str> = text.lines().filter(fixed).collect();
    // Row order follows the last write, which no release promises to keep.
    let mut at = 0;
    while let Some(copy) = lines[at..]
        .iter()
        .position(|line| line.starts_with("COPY ") && line.ends_with(" FROM stdin;"))
    {
        let rows = at + copy + 1;
        let count = lines[rows..]
            .iter()
            .position(|line| *line == "\\.")
            .unwrap();
        lines[rows..rows + count].sort_unstable();
        at = rows + count;
    }
    lines.join("\n")
}

/// Asserts that two dumps are equal, and shows only the first difference.
#[track_caller]
pub fn assert_same(before: &str, after: &str) {
    if before != after {
        let differ = before
            .lines()
            .zip(after.lines())
            .find(|(before, after)| before != after);
        let lines = (before.lines().count(), after.lines().count());
        panic!("the database changed: {differ:?}, {lines:?} lines");
    }
}

/// Runs psql as by hand: stops at the first error.
pub fn psql(db: &TestDatabase<'_>, args: &[&str], dir: &Path) -> Output {
    let mut command = client("psql");
    command
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "--dbname"])
        .arg(db.connection())
        .args(args);
    command.current_dir(dir).output().unwrap()
}

/// A client program from the server's directory, else from PATH.
pub fn client(name: &str) -> Command {
    let beside = programs().dir().join(name);
    let mut command = if beside.is_file() {
        Command::new(beside)
    } else {
        Command::new(name)
    };
    command.stdin(Stdio::null()).env("LC_ALL", "C");
    command
}

/// Waits for an event in another process or thread.
#[track_caller]
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let since = std::time::Instant::now();
    while !done() {
        assert!(
            since.elapsed() < std::time::Duration::from_secs(30),
            "not after 30 s: {what}"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
