//! The files of a release directory, from the changes of another tool.

use std::collections::BTreeMap;

use super::files::refused;
use super::probes::{Probe, probes};
use super::project::{Open, Project, Range};
use super::tiers::Writer;
use super::{ImportError, history, manifest, page};
use crate::bundle::release_toml::FILE;
use crate::bundle::undecided::DECIDE;
use pgseal_verify::format::name::Name;

/// The wishes of the caller.
pub struct Order {
    /// Name of the release.
    pub name: Name,
    pub range: Range,
    pub database: Option<String>,
    /// The release also writes the other tool's history.
    pub keep_history: bool,
    /// The name of `--from` in the history; set by [`write()`].
    pub from_id: Option<String>,
}

/// A release directory in memory.
pub struct Written {
    pub files: BTreeMap<String, String>,
    /// Number of imported changes.
    pub changes: usize,
    /// Points that a person has to decide; `lint` refuses the release until then.
    pub open: Vec<Open>,
}

/// Writes the changes of a range.
pub fn write(mut project: Project, mut order: Order) -> Result<Written, ImportError> {
    if let Some(from) = &order.range.from {
        let mut known = project.changes.iter();
        let found = known.find(|change| change.ids.contains(from));
        order.from_id = found.map(|change| change.id().to_owned());
    }
    project.narrow(&order.range)?;
    let kept = match order.keep_history {
        true => Some(history::keep(&project, order.from_id.as_deref())?),
        false => None,
    };
    let mut writer = Writer::new(&project, order.from_id.is_none());
    for (change, number) in project.changes.iter().zip(1..) {
        writer.change(change, number);
    }
    if let Some(kept) = kept {
        writer.evidence = history::evidence(&project, order.from_id.as_deref());
        writer.history(kept);
    }
    let mut of_toml = project.open.clone();
    if order.database.is_none() && project.database.is_none() {
        let text = "the source names no database: write the right one into [target]";
        of_toml.push(Open::file(FILE, text));
        writer.open.extend(of_toml.last().cloned());
    }
    let Writer {
        listed,
        effects,
        mut files,
        mut open,
        ..
    } = writer;
    let (baseline, finalized) = probes(&project, &effects, &order).unwrap_or_else(|| {
        let text =
            "nothing was seen that tells the states apart: write probes of baseline and finalized";
        open.push(Open::file("verify/baseline_probe.sql", text));
        let mark = format!("{DECIDE}{text}\n");
        let probe = |value: bool| Probe {
            sql: format!("{mark}select {value} as imported;\n"),
            expect: format!("imported = {value}"),
        };
        (probe(false), probe(true))
    });
    let toml = manifest::toml(
        &project,
        &order,
        &listed,
        &of_toml,
        (&baseline.expect, &finalized.expect),
    );
    let page = page::page(&project, &order, &listed, &open);
    for (path, text) in [
        (FILE, toml),
        ("verify/baseline_probe.sql", baseline.sql),
        ("verify/finalized_probe.sql", finalized.sql),
        ("IMPORT.md", page),
    ] {
        add(&mut files, path, text)?;
    }
    for (path, text) in &project.included {
        add(&mut files, path, text.clone())?;
    }
    Ok(Written {
        files,
        changes: project.changes.len(),
        open,
    })
}

/// Adds a file. An included file may have the name of one that is written here.
fn add(files: &mut BTreeMap<String, String>, path: &str, text: String) -> Result<(), ImportError> {
    match files.insert(path.to_owned(), text) {
        None => Ok(()),
        Some(_) => Err(refused(
            path,
            "the release has a file of this name: rename it",
        )),
    }
}
