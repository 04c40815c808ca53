//! Description of a release for people, as `inspect` and `approve` print it.

use super::{Output, escape, optional};
use pgseal_verify::format::manifest::{Acknowledgement, Manifest, RehearsedWith, Tier, Variable};
use pgseal_verify::format::statement::{ReleaseId, title};

/// Prints name, sequence, summary, id, and the releases that it requires or excludes.
pub fn show_title(manifest: &Manifest, id: ReleaseId, out: Output) {
    let release = &manifest.release;
    let title = title(&release.name, &release.version);
    out.line(format!("{title} (sequence {})", release.sequence));
    out.line(escape(&release.summary));
    out.line(format!("release id {id}"));
    show_source(manifest, out);
    let requires = manifest.requires.iter();
    requires.for_each(|range| out.line(format!("requires {range}")));
    let conflicts = manifest.conflicts.iter();
    conflicts.for_each(|range| out.line(format!("conflicts with {range}")));
}

/// Prints where the release comes from, if it says so.
pub fn show_source(manifest: &Manifest, out: Output) {
    if let Some(source) = &manifest.source {
        out.line(escape(&format!("source {source}")));
    }
}

/// The target in one line.
pub fn target(manifest: &Manifest) -> String {
    let target = &manifest.target;
    let server = optional(", server ", target.server.as_ref());
    let role = optional(", role ", target.role.as_ref());
    let systems = &target.system_identifiers;
    let systems = (!systems.is_empty()).then(|| escape(&systems.join(", ")));
    let system = optional(", system ", systems.as_ref());
    let database = escape(&target.database.to_string());
    format!("target: database {database}{server}{role}{system}")
}

/// Prints a line for each gate.
pub fn show_gates(manifest: &Manifest, out: Output) {
    for gate in &manifest.gates {
        out.line(format!("gate {}: {}", gate.name, gate.file));
    }
}

/// Prints the tiers; `more` prints lines below the name of one.
pub fn show_tiers(manifest: &Manifest, out: Output, more: impl Fn(&Tier)) {
    let all = manifest.tiers.len();
    for (at, tier) in manifest.tiers.iter().enumerate() {
        let about = escape(&tier.about);
        out.line(format!("tier {}/{all} {}: {about}", at + 1, tier.name));
        more(tier);
        show_dispatch(&tier.dispatch, out);
    }
}

/// Prints the ways by which a tier reaches out of the database.
pub fn show_dispatch(ways: &[String], out: Output) {
    for way in ways {
        let way = escape(way);
        out.line(format!("    reaches out of the database by {way}"));
    }
}

/// A variable in one line.
pub fn variable(name: &str, variable: &Variable) -> String {
    let required = if variable.required {
        "required"
    } else {
        "optional"
    };
    let pattern = optional(", ", variable.pattern.as_ref());
    let default = variable.default.as_deref();
    let default = default.map_or(String::new(), |text| format!(", else {:?}", escape(text)));
    let rehearsal = match variable.rehearsal {
        RehearsedWith::Same => "",
        RehearsedWith::Any => ", rehearsed with any value",
    };
    let about = match variable.about.as_str() {
        "" => String::new(),
        about => format!(": {}", escape(about)),
    };
    format!("variable {name} ({required}{pattern}{default}{rehearsal}){about}")
}

/// Prints the warnings of `lint` that the release's author acknowledged.
pub fn show_acknowledged(manifest: &Manifest, out: Output) {
    for line in acknowledged(manifest) {
        out.line(escape(&format!("acknowledged warning {line}")));
    }
}

/// The acknowledged warnings, in one line for each rule and reason.
pub fn acknowledged(manifest: &Manifest) -> Vec<String> {
    let mut groups: Vec<(&Acknowledgement, usize)> = Vec::new();
    for one in &manifest.acknowledged {
        let same = |(first, _): &&mut (&Acknowledgement, usize)| {
            (&first.rule, &first.reason) == (&one.rule, &one.reason)
        };
        match groups.iter_mut().find(same) {
            Some((_, places)) => *places += 1,
            None => groups.push((one, 1)),
        }
    }
    let line = |(one, places): (&Acknowledgement, usize)| {
        let line = optional(":", one.line.as_ref());
        let place = match places {
            1 => format!("{}{line}", one.file),
            places => format!("({places} places)"),
        };
        format!("[{}] {place}: {}", one.rule, one.reason)
    };
    groups.into_iter().map(line).collect()
}
