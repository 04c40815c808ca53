//! Runs one script through psql and through `pgseal script`, and compares the statements that they send.

// Each test binary uses only a part of this file.
#![allow(dead_code)]

use std::{
    env,
    fmt::Write as _,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use pgseal_testkit::recorder::{Recorder, Sent};

const PGSEAL: &str = env!("CARGO_BIN_EXE_pgseal");

/// Longer than any script needs; `\watch` never ends.
const PATIENCE: Duration = Duration::from_secs(20);

/// Result of comparing one script.
#[derive(Debug)]
pub enum Outcome {
    /// Both send the same statements in the same order, byte for byte.
    Same { statements: usize },
    /// pgseal sends the first `statements` of them, then refuses.
    Refused { statements: usize, refusal: Refusal },
    /// psql stops with an error and pgseal refuses, after the same statements.
    BothStop { refusal: Refusal },
    /// The statements differ; `text` shows both sides.
    Different { statements: usize, text: String },
}

impl Outcome {
    /// Returns the number of identical statements from the start.
    pub fn statements(&self) -> usize {
        match self {
            Self::Same { statements }
            | Self::Refused { statements, .. }
            | Self::Different { statements, .. } => *statements,
            Self::BothStop { .. } => 0,
        }
    }
}

/// Error with which pgseal refuses a script.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Line in `file`.
    pub line: usize,
    /// Column in characters.
    pub column: usize,
    /// File, below the directory that the caller passed.
    pub file: PathBuf,
    /// Message without its position.
    pub reason: String,
}

/// The installed psql, with a recorder.
pub struct Psql {
    program: PathBuf,
    /// Major version, for example 15.
    pub major: u32,
    recorder: Recorder,
}

/// Result of a script in psql.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Theirs {
    /// Statements in the order they were sent.
    pub sent: Vec<Sent>,
    /// psql stopped at an error; always false without ON_ERROR_STOP.
    pub failed: bool,
}

/// [`Psql::compare`] with a known result of psql.
pub fn compare_with(theirs: &Theirs, dir: &Path, file: &str, arguments: &[String]) -> Outcome {
    let (ours, refusal) = pgseal_sends(dir, file, arguments);
    let Theirs {
        sent: theirs,
        failed,
    } = theirs;
    if *failed && refusal.is_none() {
        let text = format!(
            "psql stops with an error, pgseal goes on\n{}",
            beside(theirs, &ours, 0)
        );
        return Outcome::Different {
            statements: 0,
            text,
        };
    }
    let same = theirs
        .iter()
        .zip(&ours)
        .take_while(|(theirs, ours)| theirs == ours)
        .count();
    if same < ours.len() || (refusal.is_none() && same < theirs.len()) {
        return Outcome::Different {
            statements: same,
            text: beside(theirs, &ours, same),
        };
    }
    match refusal {
        Some(refusal) if *failed && same == theirs.len() => Outcome::BothStop { refusal },
        Some(refusal) => Outcome::Refused {
            statements: same,
            refusal,
        },
        None => Outcome::Same { statements: same },
    }
}

impl Psql {
    /// Finds psql by `PGSEAL_PSQL`, else in PATH; starts a recorder that reports the same version.
    pub fn find() -> Self {
        let program = env::var_os("PGSEAL_PSQL").map_or_else(|| "psql".into(), PathBuf::from);
        let answer = Command::new(&program).arg("--version").output();
        let answer = answer
            .unwrap_or_else(|error| panic!("{}: {error}; ./test installs it", program.display()));
        // psql (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
        let text = String::from_utf8(answer.stdout).unwrap();
        let version = text.split(' ').nth(2).expect("a version").trim().to_owned();
        let major = version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .expect("a major version");
        Self {
            program,
            major,
            recorder: Recorder::start(&version),
        }
    }

    /// Runs `file` in `dir` through both programs. `arguments` go to both, such as `-v` and `name=value`. `strict` sets
    /// ON_ERROR_STOP for psql, because pgseal never continues after an error.
    pub fn compare(&self, dir: &Path, file: &str, arguments: &[String], strict: bool) -> Outcome {
        compare_with(
            &self.sends(dir, file, arguments, strict),
            dir,
            file,
            arguments,
        )
    }

    /// Returns the statements that psql sends for a script, without the internal queries of `\d` and the like.
    pub fn sends(&self, dir: &Path, file: &str, arguments: &[String], strict: bool) -> Theirs {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let database = format!("script_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let mut psql = Command::new(&self.program);
        // -E prints psql's internal queries, so that they can be distinguished from the script's.
        psql.args([
            "-X", "-q", "-E", "-U", "postgres", "-p", "5432", "-d", &database, "-f", file,
        ]);
        psql.arg("-h")
            .arg(self.recorder.host())
            .args(arguments)
            .current_dir(dir);
        if strict {
            psql.args(["-v", "ON_ERROR_STOP=1"]);
        }
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG"))
        {
            psql.env_remove(name);
        }
        psql.env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = psql.spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let reader = thread::spawn(move || {
            let mut text = Vec::new();
            stdout.read_to_end(&mut text).map(|_| text)
        });
        let begun = Instant::now();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if begun.elapsed() > PATIENCE => child.kill().unwrap(),
                None => thread::sleep(Duration::from_millis(1)),
            }
        };
        let shown = reader.join().unwrap().unwrap();
        let sent = without_own_queries(self.recorder.take(&database), &shown);
        Theirs {
            sent,
            failed: strict && !status.success(),
        }
    }
}

/// Removes psql's internal queries: the ones printed because of -E, and libpq's statement for `\encoding`.
fn without_own_queries(sent: Vec<Sent>, shown: &[u8]) -> Vec<Sent> {
    let hidden = hidden_queries(shown);
    let mut hidden = hidden.iter().peekable();
    let own =
        |sent: &Sent| sent.sql.starts_with(b"set client_encoding to '") && sent.sql.ends_with(b"'");
    let mut kept = Vec::new();
    for sent in sent {
        if hidden.next_if(|text| ***text == *sent.sql).is_none() && !own(&sent) {
            kept.push(sent);
        }
    }
    kept
}

/// Returns the queries between the rulers that psql prints for -E; psql 16 changed the rulers.
fn hidden_queries(shown: &[u8]) -> Vec<Vec<u8>> {
    const RULERS: [(&[u8], &[u8]); 2] = [
        (
            b"********* QUERY **********\n",
            b"\n**************************\n",
        ),
        (
            b"/******** QUERY *********/\n",
            b"\n/************************/\n",
        ),
    ];
    let mut queries = Vec::new();
    let mut rest = shown;
    let find =
        |text: &[u8], what: &[u8]| text.windows(what.len()).position(|window| window == what);
    while let Some((at, (head, foot))) = RULERS
        .iter()
        .filter_map(|rulers| Some((find(rest, rulers.0)?, rulers)))
        .min_by_key(|found| found.0)
    {
        rest = &rest[at + head.len()..];
        let Some(end) = find(rest, foot) else { break };
        queries.push(rest[..end].to_vec());
        rest = &rest[end + foot.len()..];
    }
    queries
}

/// Returns the statements that pgseal would send, and its refusal.
fn pgseal_sends(dir: &Path, file: &str, arguments: &[String]) -> (Vec<Sent>, Option<Refusal>) {
    let answer = Command::new(PGSEAL)
        .args(["script", file, "--json"])
        .args(arguments)
        .current_dir(dir)
        .output();
    let answer = answer.unwrap();
    let errors = String::from_utf8_lossy(&answer.stderr).into_owned();
    let lines = answer
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    // A refusal has a line of its own behind the statements.
    let sent = lines
        .map(|line| serde_json::from_slice::<Value>(line).unwrap())
        .filter(|line| line.get("error").is_none())
        .map(|line| statement(&line))
        .collect();
    match answer.status.code() {
        Some(0) => (sent, None),
        Some(2) => (sent, Some(Refusal::new(dir, &errors))),
        // A panic is neither success nor a refusal.
        code => panic!("pgseal script {file} ended with {code:?}: {errors}"),
    }
}

/// Parses one line of `pgseal script --json`.
fn statement(line: &Value) -> Sent {
    let text = |value: &Value| value.as_str().map(|text| text.as_bytes().to_vec());
    let copies = match &line["copy_bytes"] {
        Value::Null => Vec::new(),
        Value::Array(sizes) => sizes.iter().map(size).collect(),
        one => vec![size(one)],
    };
    Sent {
        sql: text(&line["sql"]).unwrap(),
        parameters: line["parameters"]
            .as_array()
            .map(|values| values.iter().map(text).collect()),
        described: line["then"] == "describe" || line["then"] == "gdesc",
        copies,
    }
}

fn size(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

impl Refusal {
    /// Parses `pgseal: error: FILE:LINE:COLUMN: REASON`, or the same without a position.
    fn new(dir: &Path, errors: &str) -> Self {
        let first = errors
            .lines()
            .find_map(|line| line.strip_prefix("pgseal: error: "))
            .unwrap_or(errors);
        let words: Vec<&str> = first.splitn(4, ':').collect();
        if let [file, line, column, reason] = words[..]
            && let (Ok(line), Some((column, reason))) =
                (line.parse(), place_and_reason(column, reason))
        {
            return Self {
                line,
                column,
                file: dir.join(file),
                reason,
            };
        }
        Self {
            line: 0,
            column: 0,
            file: PathBuf::new(),
            reason: first.to_owned(),
        }
    }

    /// Returns the reason without its quoted parts, so that equal reasons can be counted.
    pub fn kind(&self) -> String {
        let mut kind = String::new();
        let mut quoted = false;
        for c in self.reason.chars() {
            if c == '"' {
                quoted = !quoted;
            } else if !quoted {
                kind.push(c);
            }
        }
        kind
    }
}

/// Parses column and reason; the chain of includes may be between them.
fn place_and_reason(column: &str, reason: &str) -> Option<(usize, String)> {
    match column.split_once(" (included from ") {
        None => Some((column.parse().ok()?, reason.trim().to_owned())),
        Some((column, _)) => {
            let (_, reason) = reason.rsplit_once("): ")?;
            Some((column.parse().ok()?, reason.trim().to_owned()))
        }
    }
}

/// Shows both sides from the first difference on.
fn beside(theirs: &[Sent], ours: &[Sent], from: usize) -> String {
    let mut text = format!(
        "statement {} of {} (psql) and {} (pgseal)\n",
        from + 1,
        theirs.len(),
        ours.len()
    );
    for (name, side) in [("psql  ", theirs), ("pgseal", ours)] {
        for sent in side.iter().skip(from).take(2) {
            let _ = writeln!(text, "  {name}: {}", shown(sent));
        }
        if side.len() <= from {
            let _ = writeln!(text, "  {name}: nothing more");
        }
    }
    text
}

/// Formats a statement on one line, truncated if it is long.
pub fn shown(sent: &Sent) -> String {
    let sql = String::from_utf8_lossy(&sent.sql);
    let cut: String = sql.chars().take(300).collect();
    let mut text = format!("{cut:?}");
    if cut.len() < sql.len() {
        let _ = write!(text, "... {} bytes", sql.len());
    }
    if let Some(parameters) = &sent.parameters {
        let values = parameters
            .iter()
            .map(|value| value.as_deref().map(String::from_utf8_lossy));
        let _ = write!(text, " with {:?}", values.collect::<Vec<_>>());
    }
    if sent.described {
        text.push_str(", described");
    }
    if !sent.copies.is_empty() {
        let _ = write!(text, ", COPY of {:?} bytes", sent.copies);
    }
    text
}

/// Writes the files of a script below `dir`.
pub fn write(dir: &Path, files: &[(String, Vec<u8>)]) {
    for (path, bytes) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
