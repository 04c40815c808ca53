//! RunbookFacts between `{{` and `}}` in a runbook, and their values. The id of a release is known only
//! after packing, so values are inserted when a runbook is read.

use super::line::{Known, stand_in};
use super::rows::Scripts;
use super::template::{Piece, pieces};
use super::{Fault, escaped, nearest};
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::statement::ReleaseId;

/// Names of all facts except the values of variables, `variable.NAME`, and the rows of a tier,
/// `rows.FILE`.
pub const NAMES: [&str; 22] = [
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
    "duration",
    "rollback",
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

/// Names of the facts that are lists or tables and need a line of their own, except `rows.FILE`.
const LISTS: [&str; 5] = ["gates", "tiers", "variables", "duration", "rollback"];

/// Prefix of the fact that is the rows of a tier.
const ROWS: &str = "rows.";

/// Values from a release and from the reader's host.
pub struct RunbookFacts<'a> {
    pub manifest: &'a Manifest,
    pub id: ReleaseId,
    /// Number of files in the bundle.
    pub files: usize,
    /// Arguments for command lines.
    pub known: &'a Known,
    /// The scripts of the tiers.
    pub scripts: Scripts<'a>,
    /// Text of `duration`.
    pub duration: String,
    /// Text of `rollback`.
    pub rollback: String,
}

/// Finds invalid placeholders: unknown facts, lists that are not alone on a line, files without
/// rows, and unclosed braces.
pub fn faults(text: &str, manifest: &Manifest, scripts: &Scripts<'_>) -> Vec<Fault> {
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
                let file = name.strip_prefix(ROWS);
                let is_list = LISTS.contains(&name) || file.is_some();
                if is_list && !is_alone(text, at) {
                    let message = format!("{{{{{name}}}}} is a list among other words");
                    (at, message, "let it stand on a line of its own".to_owned())
                } else if file.is_some_and(|file| has_no_rows(scripts, file)) {
                    let message = format!("{{{{{name}}}}} is a script without rows to show");
                    (at, message, ROWS_HINT.to_owned())
                } else {
                    continue;
                }
            }
            Piece::Fact(name, at) => {
                let variables = manifest.variables.keys().map(|it| format!("variable.{it}"));
                let rows = manifest.tiers.iter().map(|it| format!("{ROWS}{}", it.file));
                let of_release: Vec<_> = variables.chain(rows).collect();
                let of_release = of_release.iter().map(String::as_str);
                let hint = match nearest(name, NAMES.into_iter().chain(of_release)) {
                    Some(near) => {
                        format!("there is {{{{{near}}}}}; write {{{{{{{{ for the braces themselves")
                    }
                    None => format!(
                        "there are {}, variable.NAME, and rows.FILE with the file of a tier",
                        NAMES.join(", ")
                    ),
                };
                let message = format!("{{{{{name}}}}} is not a fact of a release");
                (at, message, hint)
            }
        };
        faults.push(Fault { at, message, hint });
    }
    faults
}

const ROWS_HINT: &str = "rows are shown of COPY ... FROM stdin and \\copy, without WHERE and rare options, and of INSERT ... VALUES of literals";

fn is_known(name: &str, manifest: &Manifest) -> bool {
    let (mut variables, mut tiers) = (manifest.variables.keys(), manifest.tiers.iter());
    let variable = name.strip_prefix("variable.");
    let rows = name.strip_prefix(ROWS);
    NAMES.contains(&name)
        || variable.is_some_and(|name| variables.any(|known| known.as_str() == name))
        || rows.is_some_and(|file| tiers.any(|tier| tier.file.as_str() == file))
}

/// False also for a script that cannot be read, which is reported elsewhere.
fn has_no_rows(scripts: &Scripts<'_>, file: &str) -> bool {
    scripts.rows(file).is_ok_and(|rows| !rows.has_tables())
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
            "duration" => self.duration.clone(),
            "rollback" => self.rollback.clone(),
            _ => match name.split_once('.')? {
                ("rows", file) => match self.scripts.rows(file) {
                    Ok(rows) => rows.markdown(),
                    Err(error) => escaped(&format!("cannot read the rows of {file}: {error}")),
                },
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
