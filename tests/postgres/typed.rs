//! Commands of a page, typed line by line into one shell.

use std::path::Path;
use std::process::{Command, Stdio};

/// A command of a page, the exit code that the page promises, and its output.
pub struct Typed {
    pub line: String,
    pub exit: i32,
    /// Standard output, as the page shows it; empty where the page shows none.
    pub shown: Vec<String>,
}

/// A command that ran.
pub struct Answer {
    pub stdout: String,
    pub stderr: String,
}

/// Extracts the commands in the console blocks of a page.
pub fn commands(page: &str) -> Vec<Typed> {
    let mut found: Vec<Typed> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        let last = found.last_mut();
        match (line, last) {
            ("```console", _) => inside = true,
            ("```", _) => inside = false,
            _ if !inside => {}
            (_, Some(last)) if last.line.ends_with('\\') => {
                last.line = format!("{}\n{line}", last.line);
            }
            (_, last) => match (line.strip_prefix("$ "), last) {
                (Some(line), _) => found.push(Typed {
                    line: line.to_owned(),
                    exit: 0,
                    shown: Vec::new(),
                }),
                (None, Some(last)) => last.shown.push(line.to_owned()),
                (None, None) => panic!("output without a command: {line}"),
            },
        }
    }
    for typed in &mut found {
        if let Some((line, exit)) = typed.line.split_once(" # exit ") {
            typed.exit = exit.parse().expect("a number");
            typed.line = line.trim_end().to_owned();
        }
    }
    found
}

/// Types the commands into one shell, which keeps their variables, and compares the exit codes.
pub fn type_in(commands: &[Typed], dir: &Path, environment: &[(&str, &str)]) -> Vec<Answer> {
    let script: String = commands
        .iter()
        .map(|typed| {
            let line = &typed.line;
            format!("{line}\nexit_code=$?; echo '@@'; echo \"@@ $exit_code\" >&2\n")
        })
        .collect();
    let program = pgseal_testkit::pgseal();
    let programs = program.parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(dir)
        .env_remove("PGSEAL_TRUST")
        .env_remove("PGSEAL_GATE_USER")
        .env("PATH", path)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    let mut stdout = stdout.split("@@\n");
    let mut rest = stderr.as_str();
    let mut answers = Vec::new();
    for Typed { line, exit, .. } in commands {
        let (stderr, after) = rest
            .split_once("@@ ")
            .unwrap_or_else(|| panic!("no answer to $ {line}\n{rest}"));
        let (code, after) = after.split_once('\n').unwrap();
        let stdout = stdout.next().unwrap_or_default().to_owned();
        assert_eq!(code.parse(), Ok(*exit), "$ {line}\n{stdout}\n{stderr}");
        answers.push(Answer {
            stdout,
            stderr: stderr.to_owned(),
        });
        rest = after;
    }
    answers
}
