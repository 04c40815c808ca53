//! `unlisted-script`: scripts that travel in the bundle and never run.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Read;

use crate::bundle::definition::Definition;
use crate::bundle::lint::declared;
use crate::bundle::problem::Problem;
use crate::bundle::source::Source;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::Manifest;
use psql_script::{FileError, Files, explore};

const RULE: &str = "unlisted-script";

/// Finds the SQL files that neither release.toml nor an `\i` names.
pub fn problems(definition: &Definition) -> Vec<Problem> {
    let manifest = definition.manifest();
    // A stage has the files of its whole release.
    if manifest.stage_of.is_some() {
        return Vec::new();
    }
    let opened = Opened {
        source: definition.source(),
        paths: RefCell::default(),
    };
    let read = |manifest: &Manifest| {
        for file in scripts(manifest) {
            explore(&opened, file.as_str(), &declared(manifest), |_, _| ());
        }
    };
    read(manifest);
    definition.stages().for_each(|stage| read(&stage));
    let named = opened.paths.into_inner();
    let paths = definition.source().paths().map(EntryPath::as_str);
    let unlisted = paths.filter(|path| is_script(path) && !named.contains(*path));
    let never = "neither release.toml nor an \\i of a script that runs names it, so it never runs";
    let hidden = definition.source().skipped().iter().map(String::as_str);
    unlisted
        .map(|path| Problem::file(path, never).rule(RULE))
        .chain(hidden.filter(|path| is_script(path)).map(|path| {
            Problem::file(path, "it is hidden, so it is not packed and never runs").rule(RULE)
        }))
        .collect()
}

fn is_script(path: &str) -> bool {
    let name = path.to_ascii_lowercase();
    name.ends_with(".sql") || name.ends_with(".psql")
}

fn scripts(manifest: &Manifest) -> impl Iterator<Item = &EntryPath> {
    let tiers = manifest.tiers.iter().map(|tier| &tier.file);
    let rollback = manifest.rollback.iter().map(|script| &script.file);
    let verify = manifest.verify.iter().map(|script| &script.file);
    let gates = manifest.gates.iter().map(|gate| &gate.file);
    tiers
        .chain(rollback)
        .chain(verify)
        .chain(gates)
        .chain(manifest.states.iter().map(|state| &state.probe))
}

/// Files, with the paths that were opened.
struct Opened<'a> {
    source: &'a Source,
    paths: RefCell<BTreeSet<String>>,
}

impl Files for Opened<'_> {
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, FileError> {
        self.paths.borrow_mut().insert(path.to_owned());
        self.source.open(path)
    }
}
