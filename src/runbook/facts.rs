//! RunbookFacts between `{{` and `}}` in a runbook, and their values. The id of a release is known only
//! after packing, so values are inserted when a runbook is read.

use super::line::{Known, stand_in};
use super::template::{Piece, pieces};
use super::{Fault, nearest};
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::statement::ReleaseId;

/// Names of all facts except the values of variables, `variable.NAME`.
pub const NAMES: [&str; 20] = [
    "release.id",
    "release.name",
    "release.version",
    "release.sequence",
    "release.summary",
    "target.database",
    "bundle.file",
    "bundle.files",
    "gates",
    "tiers",
    "variables",
    "command.verify",
    "command.gate",
    "command.plan",
    "command.run",
    "command.check",
    "command.rollback",
    "command.status",
    "command.rehearse",
    "command.report",
];

/// Names of the facts that are lists and need a line of their own.
const LISTS: [&str; 3] = ["gates", "tiers", "variables"];

/// Values from a release and from the reader's host.
#[derive(Clone, Copy)]
pub struct RunbookFacts<'a> {
    pub manifest: &'a Manifest,
    pub id: ReleaseId,
    /// Number of files in the bundle.
    pub files: usize,
    /// Arguments for command lines.
    pub known: &'a Known,
}

/// Finds invalid placeholders: unknown facts, lists that are not alone on a line, and unclosed
/// braces.
pub fn faults(text: &str, manifest: &Manifest) -> Vec<Fault> {
    let mut faults = Vec::new();
    for piece in pieces(text) {
        let (at, message, hint) = match piece {
            Piece::Text(_) | Piece::Braces => continue,
            Piece::Open(at) => (
                at,
                "{{ without }} on its line".to_owned(),
                "write {{{{ for the braces themselves".to_owned(),
            ),
            Piece::Fact(name, at) if is_known(name, manifest) => {
                if !LISTS.contains(&name) || is_alone(text, at) {
                    continue;
                }
                let message = format!("{{{{{name}}}}} is a list among other words");
                (at, message, "let it stand on a line of its own".to_owned())
            }
            Piece::Fact(name, at) => {
                let variables = manifest.variables.keys();
                let of_release: Vec<_> = variables.map(|it| format!("variable.{it}")).collect();
                let of_release = of_release.iter().map(String::as_str);
                let hint = match nearest(name, NAMES.into_iter().chain(of_release)) {
                    Some(near) => {
                        format!("there is {{{{{near}}}}}; write {{{{{{{{ for the braces themselves")
                    }
                    None => format!("there are {}, and variable.NAME", NAMES.join(", ")),
                };
                let message = format!("{{{{{name}}}}} is not a fact of a release");
                (at, message, hint)
            }
        };
        faults.push(Fault { at, message, hint });
    }
    faults
}

fn is_known(name: &str, manifest: &Manifest) -> bool {
    let mut variables = manifest.variables.keys();
    let variable = name.strip_prefix("variable.");
    NAMES.contains(&name)
        || variable.is_some_and(|name| variables.any(|known| known.as_str() == name))
}

/// True if the line has no other content.
fn is_alone(text: &str, at: usize) -> bool {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    pieces(line).iter().all(|piece| match piece {
        Piece::Text(text) => text.trim().is_empty(),
        Piece::Fact(_, from) => start + from == at,
        Piece::Braces | Piece::Open(_) => false,
    })
}

impl RunbookFacts<'_> {
    /// Inserts the values into a text. Unknown facts are kept; `lint` has rejected them.
    pub fn render(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Braces | Piece::Open(_) => out.push_str("{{"),
                Piece::Fact(name, _) => match self.value(name) {
                    Some(value) => out.push_str(&value),
                    None => out.push_str(&format!("{{{{{name}}}}}")),
                },
            }
        }
        out
    }

    fn value(&self, name: &str) -> Option<String> {
        let release = &self.manifest.release;
        Some(match name {
            "release.id" => self.id.to_string(),
            "release.name" => release.name.to_string(),
            "release.version" => release.version.to_string(),
            "release.sequence" => release.sequence.to_string(),
            "release.summary" => one_line(&release.summary),
            "target.database" => self.manifest.target.database.to_string(),
            "bundle.file" => self.known.bundle(),
            "bundle.files" => self.files.to_string(),
            "gates" => {
                let gates = self.manifest.gates.iter();
                list(gates.map(|gate| (gate.name.to_string(), "")))
            }
            "tiers" => {
                let tiers = self.manifest.tiers.iter();
                list(tiers.map(|tier| (tier.name.to_string(), tier.about.as_str())))
            }
            "variables" => {
                let variables = self.manifest.variables.iter();
                list(variables.map(|(name, variable)| (name.to_string(), variable.about.as_str())))
            }
            _ => match name.split_once('.')? {
                ("variable", name) => {
                    let mut variables = self.manifest.variables.iter();
                    let (_, variable) = variables.find(|(known, _)| known.as_str() == name)?;
                    let given = self.known.values.get(name).or(variable.default.as_ref());
                    given.map_or(stand_in(name), String::as_str).to_owned()
                }
                ("command", command) => self.known.command(command, self.manifest)?,
                _ => return None,
            },
        })
    }
}

/// Formats names and descriptions as a list.
fn list<'a>(items: impl Iterator<Item = (String, &'a str)>) -> String {
    let line = |(name, about): (String, &str)| match about {
        "" => format!("- `{name}`"),
        about => format!("- `{name}`: {}", one_line(about)),
    };
    let lines: Vec<String> = items.map(line).collect();
    if lines.is_empty() {
        "- none".to_owned()
    } else {
        lines.join("\n")
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
