//! Warnings about releases that pack: blocking locks, names that clients miss, objects that no
//! rollback drops.
//!
//! Reading a directory finds the errors ([`crate::bundle`]). These modules find the warnings, from
//! the highest level to the lowest:
//!
//! - `sarif`, `pages`: findings and rules for programs and people
//! - `acknowledged`: findings that release.toml acknowledges; `acknowledge` writes the blocks
//! - `analysis`: runs squawk on all definitions of a release; `squawk`: the worker process
//! - `points`: statements after which a release with non-transactional tiers can stop, and the
//!   effect of a rollback there; `undoing` reads the rollback scripts
//! - `added_values`: values of enumerations, which no rollback takes back
//! - `rollback`, `search_path`, `timeouts`, `live_counts`, `unlisted`: pgseal's own rules
//! - `touches`: effects of a statement on objects, for `plan`; `modes`: its locks
//! - `scripts`: one pass over every script; `objects`, `effects`, `alterations`: objects that a statement
//!   creates, drops and changes
//!
//! The library starts no process: the caller passes an [`SquawkClient`].

pub mod acknowledge;
mod acknowledged;
pub mod added_values;
mod alterations;
mod analysis;
pub mod effects;
mod live_counts;
pub mod modes;
pub mod objects;
pub mod pages;
pub mod points;
mod rollback;
pub mod sarif;
mod scripts;
mod search_path;
pub mod squawk;
mod timeouts;
pub mod touches;
mod undoing;
mod unlisted;

pub use acknowledged::{Finding, sort};
pub use analysis::SquawkClient;

use std::collections::HashSet;

use crate::bundle::definition::Definition;
use crate::bundle::problem::Problem;
use crate::bundle::release_toml;
use pgseal_verify::entry_path::EntryPath;

/// All warnings about a release that packs, in the order of [`sort`], with their acknowledgements.
pub fn warnings(definition: &Definition, client: &dyn SquawkClient) -> Vec<Finding> {
    let readings = scripts::read(definition);
    let mut problems = rollback::problems(&readings);
    // Reports a missing rollback once.
    let points = points::problems(definition).into_iter();
    let line = |problem: &Problem| (problem.file.clone(), problem.at.map(|at| at.0));
    let reported: HashSet<_> = problems.iter().map(line).collect();
    let points = points
        .filter(|problem| problem.rule != "undo-unseen" || !reported.contains(&line(problem)));
    problems.extend(points);
    problems.extend(added_values::problems(&readings));
    problems.extend(unlisted::problems(definition));
    problems.extend(live_counts::problems(definition, &readings));
    problems.extend(analysis::problems(&readings, client));
    problems.extend(readings.into_iter().flat_map(|reading| reading.problems));
    let toml = release_toml(definition);
    problems.extend(timeouts::limits(&definition.manifest().limits, &toml));
    let problems = problems.into_iter().map(|problem| {
        let instead = crate::rules::find(problem.rule).map_or("", |rule| rule.instead);
        Problem {
            hint: Some(problem.hint.unwrap_or_else(|| instead.to_owned())),
            ..problem
        }
    });
    acknowledged::sort_out(
        problems.collect(),
        &definition.manifest().acknowledged,
        &toml,
    )
}

/// The text of release.toml, which every definition has.
fn release_toml(definition: &Definition) -> String {
    let path = release_toml::FILE.parse::<EntryPath>().ok();
    let bytes = path.and_then(|path| definition.source().get(&path).ok().flatten());
    bytes
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}
