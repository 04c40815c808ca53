//! release.toml of an imported release.

use std::fmt::Write as _;

use super::naming::one_line;
use super::probes::quoted;
use super::project::{Change, Open, Project};
use super::release::Order;
use super::tiers::Listed;
use crate::bundle::undecided::DECIDE_TOML;
use pgseal_verify::format::name::Version;

/// The text. `expect` has the lines of baseline and finalized.
pub fn toml(
    project: &Project,
    order: &Order,
    listed: &Listed,
    open: &[Open],
    expect: (&str, &str),
) -> String {
    let mut toml = String::new();
    for open in open {
        let _ = writeln!(toml, "{DECIDE_TOML}{}", one_line(&open.to_string()));
    }
    let database = order.database.clone().or_else(|| project.database.clone());
    let _ = write!(
        toml,
        "format = 1\n\n[release]\nname = \"{}\"\nversion = \"{}\"\nsequence = 1\nsummary = {}\n\n[target]\ndatabase = {}\n",
        order.name,
        version(project),
        quoted(&summary(project)),
        quoted(&database.unwrap_or_else(|| "app".to_owned())),
    );
    for (name, default) in &project.variables {
        let value = match default {
            Some(default) => format!("default = {}", quoted(default)),
            None => "required = true".to_owned(),
        };
        let about = format!(
            "A variable of the scripts that {} ran.",
            project.tool.as_str()
        );
        let _ = write!(
            toml,
            "\n[variables.{name}]\n{value}\nabout = {}\n",
            quoted(&about)
        );
    }
    toml.push_str(
        "\n# A gate is one SELECT that returns ready (boolean) and reason (text):\n# [[gate]]\n# name = \"approved\"\n# file = \"gate/approved.sql\"\n",
    );
    for (state, lines) in [("baseline", expect.0), ("finalized", expect.1)] {
        let _ = write!(
            toml,
            "\n[states.{state}]\nprobe = \"verify/{state}_probe.sql\"\n\n[states.{state}.expect]\n{lines}\n"
        );
    }
    for tier in &listed.tiers {
        let about = match tier.about.is_empty() {
            true => String::new(),
            false => format!("about = {}\n", quoted(&tier.about)),
        };
        let transaction = if tier.alone { "none" } else { "release" };
        let _ = write!(
            toml,
            "\n[[tier]]\nname = \"{}\"\nfile = {}\n{about}transaction = \"{transaction}\"\n",
            tier.name,
            quoted(&tier.file)
        );
    }
    for file in listed.rollback.iter().rev() {
        let _ = write!(toml, "\n[[rollback]]\nfile = {}\n", quoted(file));
    }
    for (name, file) in &listed.verify {
        let _ = write!(
            toml,
            "\n[[verify]]\nname = \"{name}\"\nfile = {}\nstate = \"finalized\"\nmode = \"rolled-back\"\n",
            quoted(file)
        );
    }
    toml.push_str("\n[limits]\nlock_timeout = \"5s\"\nstatement_timeout = \"5min\"\nidle_timeout = \"1min\"\n");
    toml
}

/// The last version or tag of the range, if it fits.
fn version(project: &Project) -> String {
    let mut versions = project.changes.iter().filter(|change| !change.repeatable);
    let last = versions.next_back();
    let tag = last.and_then(|change| change.ids.iter().rev().find_map(|id| id.strip_prefix('@')));
    let id = tag.or_else(|| last.map(Change::id)).unwrap_or_default();
    let id = id.trim_start_matches('v');
    let is_number = id.starts_with(|c: char| c.is_ascii_digit());
    match id.parse::<Version>() {
        Ok(version) if is_number => version.to_string(),
        _ => "1.0.0".to_owned(),
    }
}

fn summary(project: &Project) -> String {
    let (tool, count) = (project.tool.as_str(), project.changes.len());
    match &project.changes[..] {
        [only] => format!("Imports the change {} from {tool}.", only.name),
        [first, .., last] => format!(
            "Imports {count} changes from {tool}: {} to {}.",
            first.name, last.name
        ),
        [] => String::new(),
    }
}
