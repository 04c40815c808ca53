//! Runs directories of existing scripts through psql and through `pgseal script`.
//!
//! ```text
//! cargo test --test psql_suite -- [-v NAME=VALUE]... [--] DIRECTORY...
//! ```
//!
//! A script that pgseal refuses is compared up to the refusal. Then the refused command is removed from a copy of the
//! script, until no refusal is left, and the copy is compared: so a refusal in line 1 hides nothing.
//! `tests/psql-suite.sh` fetches PostgreSQL's own regression tests for it.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod harness;

use std::{
    collections::{BTreeMap, HashSet},
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Mutex,
    thread,
};

use harness::{Outcome, Psql, Refusal};

/// Maximum number of refused commands that are removed from one script.
const MAX_STRIKES: usize = 2_000;

/// Maximum size of data files that are copied along with the scripts.
const MAX_DATA: u64 = 8 << 20;

/// Result of one script.
#[derive(Default)]
struct Report {
    /// Number of identical statements, in the original script or in the copy without the refused commands.
    statements: usize,
    refusals: Vec<Refusal>,
    /// The first difference between psql and pgseal; empty when there is none.
    difference: String,
    /// A refused command could not be removed.
    stuck: bool,
}

fn main() -> ExitCode {
    let mut arguments = Vec::new();
    let mut directories = Vec::new();
    let mut given = env::args().skip(1);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "-v" => arguments.extend([argument, given.next().expect("-v NAME=VALUE")]),
            "--" | "--nocapture" => {}
            _ => directories.push(PathBuf::from(argument)),
        }
    }
    assert!(
        !directories.is_empty(),
        "usage: psql_suite [-v NAME=VALUE]... DIRECTORY..."
    );
    let psql = Psql::find();
    println!("psql {} against pgseal script\n", psql.major);
    let mut failed = false;
    for directory in directories {
        let reports = run(&psql, &directory, &arguments);
        failed |= reports.values().any(|report| !report.difference.is_empty());
        print(&directory, &reports);
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Compares every script below `directory`; the keys are their paths.
fn run(psql: &Psql, directory: &Path, arguments: &[String]) -> BTreeMap<PathBuf, Report> {
    let copies = [
        tempfile::tempdir_in("/tmp").unwrap(),
        tempfile::tempdir_in("/tmp").unwrap(),
    ];
    let [scripts, _] = copies
        .each_ref()
        .map(|copy| copy_tree(directory, copy.path()));
    let (queue, reports) = (Mutex::new(scripts), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for copy in &copies {
            scope.spawn(|| {
                loop {
                    let Some(script) = queue.lock().unwrap().pop() else {
                        break;
                    };
                    let report = one(psql, copy.path(), &script, arguments);
                    // Restores the original, because other scripts may include it.
                    fs::copy(directory.join(&script), copy.path().join(&script)).unwrap();
                    reports.lock().unwrap().insert(script, report);
                }
            });
        }
    });
    reports.into_inner().unwrap()
}

/// Copies a tree and returns the scripts in it.
fn copy_tree(from: &Path, to: &Path) -> Vec<PathBuf> {
    let mut scripts = Vec::new();
    for entry in walkdir::WalkDir::new(from)
        .sort_by_file_name()
        .into_iter()
        .map(Result::unwrap)
    {
        let path = entry.path().strip_prefix(from).unwrap();
        let is_script = path.extension().is_some_and(|extension| extension == "sql");
        if entry.file_type().is_dir() {
            fs::create_dir_all(to.join(path)).unwrap();
        } else if entry.file_type().is_file()
            && (is_script || entry.metadata().unwrap().len() <= MAX_DATA)
        {
            fs::copy(entry.path(), to.join(path)).unwrap();
            if is_script {
                scripts.push(path.to_owned());
            }
        }
    }
    scripts.reverse();
    scripts
}

fn one(psql: &Psql, root: &Path, script: &Path, arguments: &[String]) -> Report {
    let path = root.join(script);
    let (dir, name) = (
        path.parent().unwrap(),
        path.file_name().unwrap().to_str().unwrap(),
    );
    let mut report = Report::default();
    let mut struck = HashSet::new();
    let mut outcome = psql.compare(dir, name, arguments, false);
    loop {
        match outcome {
            Outcome::Same { statements } => report.statements = statements,
            Outcome::Different { statements, text } => {
                report.statements = statements;
                let struck = if report.refusals.is_empty() {
                    ""
                } else {
                    " (with refused commands taken out)"
                };
                report.difference = format!("{text}{struck}");
            }
            Outcome::BothStop { .. } => unreachable!("psql goes on behind errors here"),
            Outcome::Refused {
                statements,
                refusal,
            } => {
                report.statements = report.statements.max(statements);
                let place = (refusal.file.clone(), refusal.line, refusal.column);
                let again = !struck.insert(place);
                report.refusals.push(refusal.clone());
                // Included scripts stay unchanged: they are compared on their own.
                if again || struck.len() > MAX_STRIKES || refusal.file != path || !strike(&refusal)
                {
                    report.stuck = true;
                } else {
                    outcome = psql.compare(dir, name, arguments, false);
                    continue;
                }
            }
        }
        return report;
    }
}

/// Removes the refused command from the file; false where that is not possible.
fn strike(refusal: &Refusal) -> bool {
    let Ok(text) = fs::read_to_string(&refusal.file) else {
        return false;
    };
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let Some(line) = refusal.line.checked_sub(1).and_then(|at| lines.get_mut(at)) else {
        return false;
    };
    if refusal.reason.starts_with("unterminated") {
        return false;
    }
    let at = line
        .char_indices()
        .nth(refusal.column.saturating_sub(1))
        .map_or(line.len(), |(at, _)| at);
    if line[at..].starts_with('\\') {
        let sends = ["\\g", "\\watch", "\\crosstabview", "\\bind"]
            .iter()
            .any(|name| line[at..].starts_with(name));
        line.truncate(at);
        if sends {
            line.push(';');
        }
    } else {
        // Both programs get the same text, whatever it means without the line.
        line.clear();
    }
    fs::write(&refusal.file, lines.join("\n")).unwrap();
    true
}

fn print(directory: &Path, reports: &BTreeMap<PathBuf, Report>) {
    let count =
        |what: &dyn Fn(&Report) -> bool| reports.values().filter(|report| what(report)).count();
    let statements: usize = reports.values().map(|report| report.statements).sum();
    println!("## {}\n", directory.display());
    println!("| | |\n|---|---|");
    println!("| scripts | {} |", reports.len());
    println!("| statements the same | {statements} |");
    println!(
        "| scripts the same as they are | {} |",
        count(&|r| r.refusals.is_empty() && r.difference.is_empty())
    );
    println!(
        "| the same with refused commands taken out | {} |",
        count(&|r| !r.refusals.is_empty() && r.difference.is_empty() && !r.stuck)
    );
    println!(
        "| refused, and nothing to take out | {} |",
        count(&|r| r.stuck)
    );
    println!("| different | {} |\n", count(&|r| !r.difference.is_empty()));
    print_reasons(reports);
    for (script, report) in reports
        .iter()
        .filter(|(_, report)| !report.difference.is_empty())
    {
        println!("- {}: {}", script.display(), report.difference);
    }
}

/// Prints the refusals by reason, the most frequent first, with the place of the first one.
fn print_reasons(reports: &BTreeMap<PathBuf, Report>) {
    let mut reasons: BTreeMap<String, (usize, HashSet<&Path>, String)> = BTreeMap::new();
    for (script, report) in reports {
        for refusal in &report.refusals {
            let entry = reasons.entry(refusal.kind()).or_default();
            entry.0 += 1;
            entry.1.insert(script);
            if entry.2.is_empty() {
                entry.2 = format!("{}:{}:{}", script.display(), refusal.line, refusal.column);
            }
        }
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, (count, _, _))| std::cmp::Reverse(*count));
    println!("| refusals | scripts | reason | for example |\n|---|---|---|---|");
    for (reason, (count, scripts, example)) in reasons {
        println!(
            "| {count} | {} | {} | {example} |",
            scripts.len(),
            reason.replace('|', "\\|")
        );
    }
    println!();
}
