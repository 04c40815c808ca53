//! Finds references to unknown facts in runbooks, and to rows that don't exist, which would mislead
//! their readers.

use super::lint::declared;
use super::problem::Problem;
use super::release_toml::line_and_column;
use super::source::Source;
use crate::runbook::{Scripts, facts};
use pgseal_verify::format::manifest::Manifest;

/// Reads every runbook and reports invalid facts.
pub fn runbooks(manifest: &Manifest, source: &Source, problems: &mut Vec<Problem>) {
    let scripts = Scripts {
        files: source,
        variables: declared(manifest),
    };
    let mut files: Vec<_> = manifest
        .runbooks
        .iter()
        .map(|runbook| &runbook.file)
        .collect();
    files.sort();
    files.dedup();
    for file in files {
        // A missing or binary file is reported where release.toml names it.
        let Some(bytes) = source.get(file).ok().flatten() else {
            continue;
        };
        let Ok(text) = std::str::from_utf8(&bytes) else {
            continue;
        };
        let faults = facts::faults(text, manifest, &scripts);
        problems.extend(faults.into_iter().map(|fault| {
            let at = Some(line_and_column(text, fault.at));
            Problem {
                at,
                ..Problem::file(file, fault.message)
                    .hint(fault.hint)
                    .rule("runbook-fact")
            }
        }));
    }
}
