//! Finds references to unknown facts in runbooks, which would mislead their readers.

use super::problem::Problem;
use super::release_toml::line_and_column;
use super::source::Source;
use crate::runbook::facts;
use pgseal_verify::format::manifest::Manifest;

/// Reads every runbook and reports invalid facts.
pub fn runbooks(manifest: &Manifest, source: &Source, problems: &mut Vec<Problem>) {
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
        problems.extend(facts::faults(text, manifest).into_iter().map(|fault| {
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
