//! Warnings about releases that pack: locks that block, names that clients miss, objects that no rollback drops.
//!
//! Errors are found while a directory is read ([`crate::bundle`]); here are the warnings of a release that packs, top
//! floor first:
//!
//! - `sarif`, `pages`: findings and rules for programs and people
//! - `acknowledged`: findings that release.toml acknowledges
//! - `analysis`: asks squawk about all definitions of a release; `squawk`: answers, in a process of its own
//! - `points`: where a release with tiers without a transaction can stop, and what a rollback there would do, as `undoing` reads
//!   the rollback scripts
//! - `rollback`, `search_path`, `timeouts`: pgseal's own rules
//! - `touches`: what a statement does to objects, for `plan`; `modes`: which locks it takes
//! - `scripts`: one reading of every script; `objects`, `alterations`: what a statement creates, drops and changes
//!
//! The library starts no process: who asks brings an [`Analyst`].

pub mod sarif;
pub mod pages;
mod acknowledged;
mod analysis;
pub mod squawk;
pub mod points;
mod undoing;
mod rollback;
mod search_path;
mod timeouts;
mod scripts;
pub mod touches;
pub mod modes;
mod objects;
mod alterations;

pub use acknowledged::Finding;
pub use analysis::Analyst;

use std::collections::HashSet;

use crate::bundle::definition::Definition;
use crate::bundle::problem::Problem;
use crate::bundle::release_toml;
use pgseal_verify::entry_path::EntryPath;

/// All warnings about a release that packs, by file and place, with what was acknowledged.
pub fn warnings(definition: &Definition, analyst: &dyn Analyst) -> Vec<Finding> {
    let readings = scripts::read(definition);
    let mut problems = rollback::problems(&readings);
    // What is missing is said once.
    let points = points::problems(definition).into_iter();
    let line = |problem: &Problem| (problem.file.clone(), problem.at.map(|at| at.0));
    let said: HashSet<_> = problems.iter().map(line).collect();
    let points = points.filter(|problem| problem.rule != "undo-unseen" || !said.contains(&line(problem)));
    problems.extend(points);
    problems.extend(analysis::problems(&readings, analyst));
    problems.extend(readings.into_iter().flat_map(|reading| reading.problems));
    let toml = release_toml(definition);
    problems.extend(timeouts::limits(&definition.manifest().limits, &toml));
    let problems = problems.into_iter().map(|problem| {
        let instead = crate::rules::find(problem.rule).map_or("", |rule| rule.instead);
        Problem { hint: Some(problem.hint.unwrap_or_else(|| instead.to_owned())), ..problem }
    });
    acknowledged::sort_out(problems.collect(), &definition.manifest().acknowledged, &toml)
}

/// The text of release.toml, which a definition has.
fn release_toml(definition: &Definition) -> String {
    let path = release_toml::FILE.parse::<EntryPath>().ok();
    let bytes = path.and_then(|path| definition.source().get(&path).ok().flatten());
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
