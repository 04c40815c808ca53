//! Comments at the top of a file that speak to `lint`: points of an import that a person has to decide, and scripts
//! that have no statement on purpose.

use std::io::{BufRead, BufReader, Read};

use super::problem::Problem;
use super::release_toml::FILE;
use super::source::Source;
use pgseal_verify::entry_path::EntryPath;
use psql_script::Files;

/// Begins a line that says what is undecided.
pub const DECIDE: &str = "-- pgseal: decide: ";
/// The same in release.toml.
pub const DECIDE_TOML: &str = "# pgseal: decide: ";
/// Begins a line that says why a script has no statement.
pub const EMPTY: &str = "-- pgseal: empty: ";

/// Most bytes of comments that are read.
const HEAD: u64 = 64 << 10;

/// The undecided points of all scripts and of release.toml.
pub fn problems(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    for path in source.paths() {
        let is_toml = path.as_str() == FILE;
        if !is_toml && !path.as_str().ends_with(".sql") {
            continue;
        }
        let mark = if is_toml { DECIDE_TOML } else { DECIDE };
        for (line, number) in head(source, path).iter().zip(1..) {
            if let Some(text) = line.strip_prefix(mark.trim_end()) {
                let problem = Problem {
                    at: Some((number, 1)),
                    ..Problem::file(path, format!("undecided: {}", text.trim()))
                };
                let hint = "decide it, then remove the line";
                problems.push(problem.rule("undecided-import").hint(hint));
            }
        }
    }
    problems
}

/// Whether the script says that it has no statement, and why.
pub fn is_empty_on_purpose(source: &Source, path: &EntryPath) -> bool {
    // Lines are trimmed, so one with the mark and its space has a reason.
    let lines = head(source, path);
    lines.iter().any(|line| line.starts_with(EMPTY))
}

/// The comments and empty lines at the beginning.
fn head(source: &Source, path: &EntryPath) -> Vec<String> {
    let Ok(file) = source.open(path.as_str()) else {
        return Vec::new();
    };
    let lines = BufReader::new(file.take(HEAD)).lines();
    let lines = lines.map_while(Result::ok);
    let is_comment =
        |line: &str| line.is_empty() || line.starts_with("--") || line.starts_with('#');
    lines
        .map(|line| line.trim().to_owned())
        .take_while(|line| is_comment(line))
        .collect()
}
