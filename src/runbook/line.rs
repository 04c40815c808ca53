//! The command lines that pages show: complete as far as it is known what belongs on them, and as a POSIX shell takes them.

use std::collections::BTreeMap;

use pgseal_verify::format::approval::APR_VARIABLE;
use pgseal_verify::format::manifest::Manifest;

/// What is known of the next commands. For the rest stands a word in capitals, which a person replaces.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The bundle, as it was named.
    pub file: String,
    /// The trust root, where one was named.
    pub trust: Option<String>,
    /// The database, as it stands on the line: quoted, or a shell's variable.
    pub db: Option<String>,
    /// The role that gates and probes are asked as, where one was named.
    pub gate_user: Option<String>,
    /// A connection that may clone databases, in the same way.
    pub admin: Option<String>,
    /// The values of variables.
    pub values: BTreeMap<String, String>,
    /// Approvals beside the bundle.
    pub approvals: Vec<String>,
    /// Where receipts are, where that was said.
    pub receipts: Option<String>,
    /// Rehearsal receipts that are somewhere else.
    pub rehearsals: Vec<String>,
    /// The key that signs receipts on this host.
    pub receipt_key: Option<String>,
    /// The script that opens the gates on a clone.
    pub approve_with: Option<String>,
}

/// The commands that a page can show.
pub const COMMANDS: [&str; 9] = ["verify", "gate", "plan", "run", "check", "rollback", "status", "rehearse", "report"];

/// A word that stands for a value, as it is seen at once.
const DATABASE: &str = "URL";
const ADMIN: &str = "ADMIN-URL";
const RECEIPT_KEY: &str = "HOST.key";
const APPROVE_WITH: &str = "GATES.sql";

impl Known {
    /// The line of one of [`COMMANDS`]; `None` for another.
    pub fn command(&self, name: &str, manifest: &Manifest) -> Option<String> {
        let line = match name {
            "verify" => self.of_release(name),
            "gate" | "check" => self.asking(self.of_release(name), self.db()).variables(self, manifest),
            "plan" | "report" => self.resting(name, manifest),
            "run" => self.resting(name, manifest).option("--receipt-key", &self.receipt_key()),
            "rollback" => {
                let line = self.asking(self.of_release(name), self.db()).variables(self, manifest);
                self.kept(line).option("--receipt-key", &self.receipt_key())
            }
            "status" => self.kept(Line("pgseal status".to_owned()).raw("--db", self.db())),
            "rehearse" => {
                let admin = self.admin.as_deref().unwrap_or(ADMIN);
                let line = self.asking(self.of_release(name), admin).option("--from", &manifest.target.database);
                let line = line.variables(self, manifest);
                let gates =
                    (!manifest.gates.is_empty()).then(|| path(self.approve_with.as_deref().unwrap_or(APPROVE_WITH)));
                self.kept(line.options("--approve-with", gates)).option("--receipt-key", &self.receipt_key())
            }
            _ => return None,
        };
        Some(line.0)
    }

    /// The line of an approval, by somebody whose key is somewhere else.
    pub fn approve(&self, role: &str, manifest: &Manifest) -> String {
        let line = self.of_release("approve").raw("--key", "YOURS.key").option("--role", role);
        let apr = manifest.variables.keys().any(|name| name.as_str() == APR_VARIABLE);
        let code = self.values.get(APR_VARIABLE).map_or(stand_in(APR_VARIABLE), String::as_str);
        line.options("--apr", apr.then_some(code)).0
    }

    /// The bundle's name on a line, which no command can take for a flag.
    pub fn bundle(&self) -> String {
        quoted(&path(&self.file))
    }

    fn of_release(&self, name: &str) -> Line {
        let line = Line(format!("pgseal {name} {}", self.bundle()));
        line.options("--trust", self.trust.as_deref().map(path))
    }

    /// Commands that look at approvals and at what lies beside the bundle.
    fn resting(&self, name: &str, manifest: &Manifest) -> Line {
        let line = self.asking(self.of_release(name), self.db()).variables(self, manifest);
        let line = line.options("--approval", self.approvals.iter().map(|file| path(file)));
        self.kept(line).options("--rehearsal", self.rehearsals.iter().map(|file| path(file)))
    }

    /// With the database, and the role that asks it.
    fn asking(&self, line: Line, db: &str) -> Line {
        line.raw("--db", db).options("--gate-user", self.gate_user.as_deref())
    }

    /// With the directory of receipts.
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

/// A line that grows.
struct Line(String);

impl Line {
    /// With what is quoted already, or is a shell's variable.
    fn raw(mut self, flag: &str, value: &str) -> Self {
        self.0.extend([" ", flag, " ", value]);
        self
    }

    fn option(self, flag: &str, value: &str) -> Self {
        self.raw(flag, &quoted(value))
    }

    fn options<T: AsRef<str>>(self, flag: &str, values: impl IntoIterator<Item = T>) -> Self {
        values.into_iter().fold(self, |line, value| line.option(flag, value.as_ref()))
    }

    /// Those that are known, and those that have to be.
    fn variables(self, known: &Known, manifest: &Manifest) -> Self {
        manifest.variables.iter().fold(self, |line, (name, variable)| {
            let name = name.as_str();
            match known.values.get(name) {
                Some(value) => line.option("-v", &format!("{name}={value}")),
                None if variable.required => line.option("-v", &format!("{name}={}", stand_in(name))),
                None => line,
            }
        })
    }
}

/// What stands for a value that is not known yet.
pub(super) fn stand_in(variable: &str) -> &'static str {
    if variable == APR_VARIABLE { "CODE" } else { "VALUE" }
}

/// A file's name that no command can take for a flag. One that would break out of its line, or of Markdown's code, is not
/// repeated.
fn path(name: &str) -> String {
    if name.contains(|c: char| c.is_control() || c == '`') {
        return "FILE".to_owned();
    }
    if name.starts_with('-') { format!("./{name}") } else { name.to_owned() }
}

/// As a POSIX shell takes it back.
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
        for broken in ["a`b.pgseal", "a\nb.pgseal"] {
            assert_eq!(Known { file: broken.to_owned(), ..Known::default() }.bundle(), "FILE");
        }
        assert_eq!(Known { file: "-rf".to_owned(), ..Known::default() }.bundle(), "./-rf");
    }
}
