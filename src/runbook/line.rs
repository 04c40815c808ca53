//! Command lines shown on pages: as complete as the known values allow, and quoted for a POSIX
//! shell.

use std::collections::BTreeMap;

use pgseal_verify::format::approval::APR_VARIABLE;
use pgseal_verify::format::manifest::Manifest;

/// Known arguments of the next commands. A word in capitals is the placeholder for a missing one,
/// which the reader replaces.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Path of the bundle, as given.
    pub file: String,
    /// Path of the trust root, if given.
    pub trust: Option<String>,
    /// Connection to the database, ready for the command line: quoted, or a shell variable.
    pub db: Option<String>,
    /// Role for gates and probes, if given.
    pub gate_user: Option<String>,
    /// Connection that may clone databases, in the same form as `db`.
    pub admin: Option<String>,
    /// The target that is connected to, if any: `rehearse` clones it.
    pub source: Option<String>,
    /// Values of the release's variables.
    pub values: BTreeMap<String, String>,
    /// Files of `--approval`.
    pub approvals: Vec<String>,
    /// Directory of receipts, if given.
    pub receipts: Option<String>,
    /// Rehearsal receipts outside that directory.
    pub rehearsals: Vec<String>,
    /// Key that signs receipts on this host.
    pub receipt_key: Option<String>,
    /// Script that opens the gates on a clone.
    pub approve_with: Option<String>,
}

/// Names of the commands that a page can show.
pub const COMMANDS: [&str; 9] = [
    "verify", "gate", "plan", "run", "check", "rollback", "status", "rehearse", "report",
];

/// Placeholders in capitals, easy to spot.
const DATABASE: &str = "URL";
const ADMIN: &str = "ADMIN-URL";
const SOURCE: &str = "DATABASE";
const RECEIPT_KEY: &str = "HOST.key";
const APPROVE_WITH: &str = "GATES.sql";

impl Known {
    /// Command line of one of [`COMMANDS`]; `None` for another command.
    pub fn command(&self, name: &str, manifest: &Manifest) -> Option<String> {
        let line = match name {
            "verify" => self.of_release(name),
            "gate" | "check" => self
                .asking(self.of_release(name), self.db())
                .variables(self, manifest),
            "plan" | "report" => self.resting(name, manifest),
            "run" => self
                .resting(name, manifest)
                .option("--receipt-key", &self.receipt_key()),
            "rollback" => {
                let line = self
                    .asking(self.of_release(name), self.db())
                    .variables(self, manifest);
                self.kept(line).option("--receipt-key", &self.receipt_key())
            }
            "status" => self.kept(Line("pgseal status".to_owned()).raw("--db", self.db())),
            "rehearse" => {
                let admin = self.admin.as_deref().unwrap_or(ADMIN);
                let source = self.source.as_deref();
                let source = source.or_else(|| manifest.target.database.first_name());
                let line = self
                    .asking(self.of_release(name), admin)
                    .option("--from", source.unwrap_or(SOURCE));
                let line = line.variables(self, manifest);
                let gates = (!manifest.gates.is_empty())
                    .then(|| path(self.approve_with.as_deref().unwrap_or(APPROVE_WITH)));
                self.kept(line.options("--approve-with", gates))
                    .option("--receipt-key", &self.receipt_key())
            }
            _ => return None,
        };
        Some(line.0)
    }

    /// Command line for an approver, who keeps the key elsewhere.
    pub fn approve(&self, role: &str, manifest: &Manifest) -> String {
        let line = self
            .of_release("approve")
            .raw("--key", "YOURS.key")
            .option("--role", role);
        let apr = manifest
            .variables
            .keys()
            .any(|name| name.as_str() == APR_VARIABLE);
        let code = self
            .values
            .get(APR_VARIABLE)
            .map_or(stand_in(APR_VARIABLE), String::as_str);
        line.options("--apr", apr.then_some(code)).0
    }

    /// Quoted path of the bundle, which no command takes for an option.
    pub fn bundle(&self) -> String {
        quoted(&path(&self.file))
    }

    fn of_release(&self, name: &str) -> Line {
        let line = Line(format!("pgseal {name} {}", self.bundle()));
        line.options("--trust", self.trust.as_deref().map(path))
    }

    /// Command line with approvals and rehearsal receipts.
    fn resting(&self, name: &str, manifest: &Manifest) -> Line {
        let line = self
            .asking(self.of_release(name), self.db())
            .variables(self, manifest);
        let line = line.options("--approval", self.approvals.iter().map(|file| path(file)));
        self.kept(line)
            .options("--rehearsal", self.rehearsals.iter().map(|file| path(file)))
    }

    /// Adds the database and the role for gates and probes.
    fn asking(&self, line: Line, db: &str) -> Line {
        line.raw("--db", db)
            .options("--gate-user", self.gate_user.as_deref())
    }

    /// Adds the directory of receipts.
    fn kept(&self, line: Line) -> Line {
        line.options("--receipts", self.receipts.as_deref().map(path))
    }

    fn db(&self) -> &str {
        self.db.as_deref().unwrap_or(DATABASE)
    }

    fn receipt_key(&self) -> String {
        path(self.receipt_key.as_deref().unwrap_or(RECEIPT_KEY))
    }
}

/// A command line under construction.
struct Line(String);

impl Line {
    /// Adds a value that is already quoted, or is a shell variable.
    fn raw(mut self, flag: &str, value: &str) -> Self {
        self.0.extend([" ", flag, " ", value]);
        self
    }

    fn option(self, flag: &str, value: &str) -> Self {
        self.raw(flag, &quoted(value))
    }

    fn options<T: AsRef<str>>(self, flag: &str, values: impl IntoIterator<Item = T>) -> Self {
        values
            .into_iter()
            .fold(self, |line, value| line.option(flag, value.as_ref()))
    }

    /// Adds the variables that are known or required.
    fn variables(self, known: &Known, manifest: &Manifest) -> Self {
        manifest
            .variables
            .iter()
            .fold(self, |line, (name, variable)| {
                let name = name.as_str();
                match known.values.get(name) {
                    Some(value) => line.option("-v", &format!("{name}={value}")),
                    None if variable.required => {
                        line.option("-v", &format!("{name}={}", stand_in(name)))
                    }
                    None => line,
                }
            })
    }
}

/// Placeholder for an unknown value.
pub(super) fn stand_in(variable: &str) -> &'static str {
    if variable == APR_VARIABLE {
        "CODE"
    } else {
        "VALUE"
    }
}

/// Protects a file name from being taken for an option. A name that would break out of its line, or
/// of Markdown code, is replaced.
fn path(name: &str) -> String {
    if name.contains(|c: char| c.is_control() || c == '`') {
        return "FILE".to_owned();
    }
    if name.starts_with('-') {
        format!("./{name}")
    } else {
        name.to_owned()
    }
}

/// Quotes a word for a POSIX shell.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_it_back() {
        assert_eq!(quoted("/a/b-1.0.pgseal"), "/a/b-1.0.pgseal");
        assert_eq!(quoted("x=a b; rm $HOME"), "'x=a b; rm $HOME'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
        for (file, shown) in [
            ("a`b.pgseal", "FILE"),
            ("a\nb.pgseal", "FILE"),
            ("-rf", "./-rf"),
        ] {
            assert_eq!(quoted(&path(file)), shown);
        }
    }
}
