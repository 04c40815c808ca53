//! Known differences: intended ones (`corpus/by_design.txt`), and missing features (`corpus/not_yet.txt`).
//!
//! A line is `FILE/CASE: refused TEXT`, where the reason must contain the text, if there is one, or `FILE/CASE:
//! differs`. A `#` begins a comment. `PGSEAL_PSQL_BLESS=1` rewrites the second list from the current results.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use super::harness::Outcome;

/// Outcome that a list expects of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// pgseal refuses, with this text in its reason.
    Refused(String),
    /// Both run it, and send different statements.
    Differs,
}

pub struct Lists {
    by_design: BTreeMap<String, Expected>,
    not_yet: BTreeMap<String, Expected>,
}

impl Lists {
    pub fn read() -> Self {
        let lists = Self {
            by_design: list("by_design.txt"),
            not_yet: list("not_yet.txt"),
        };
        let both = lists
            .by_design
            .keys()
            .find(|key| lists.not_yet.contains_key(*key));
        assert!(both.is_none(), "{both:?} is on both lists");
        lists
    }

    pub fn expected(&self, key: &str) -> Option<&Expected> {
        self.by_design.get(key).or_else(|| self.not_yet.get(key))
    }

    /// Returns an error message if an outcome is not the expected one.
    pub fn fault(&self, key: &str, outcome: &Outcome) -> Option<String> {
        match (self.expected(key), outcome) {
            (None, Outcome::Same { .. } | Outcome::BothStop { .. }) => None,
            (Some(_), Outcome::Same { .. }) => Some(format!("{key}: works; take it off the list")),
            (Some(expected), outcome) if expected.is(outcome) => None,
            (_, Outcome::Refused { refusal, .. } | Outcome::BothStop { refusal }) => Some(format!(
                "{key}: refused at {}:{}: {}",
                refusal.line, refusal.column, refusal.reason
            )),
            (_, Outcome::Different { text, .. }) => Some(format!("{key}: {text}")),
        }
    }

    /// Returns an error message for each entry without a case.
    pub fn unknown(&self, known: impl Fn(&str) -> bool) -> Vec<String> {
        let keys = self.by_design.keys().chain(self.not_yet.keys());
        let unknown = keys.filter(|key| {
            !known(key) && !key.starts_with("pieces/") && !key.starts_with("dialect/")
        });
        unknown
            .map(|key| format!("{key}: on a list, and not there"))
            .collect()
    }

    /// Rewrites `not_yet.txt` from the current outcomes; entries that are not about the corpus stay.
    pub fn write_not_yet(&self, outcomes: &BTreeMap<String, Outcome>) {
        let mut text = String::from(HEAD);
        for (key, outcome) in outcomes {
            let by_design = self
                .by_design
                .get(key)
                .is_some_and(|expected| expected.is(outcome));
            match outcome {
                Outcome::Same { .. } | Outcome::BothStop { .. } => {}
                _ if by_design => {}
                Outcome::Refused { refusal, .. } => {
                    let _ = writeln!(text, "{key}: refused {}", refusal.reason);
                }
                Outcome::Different { .. } => {
                    let _ = writeln!(text, "{key}: differs");
                }
            }
        }
        for (key, expected) in self
            .not_yet
            .iter()
            .filter(|(key, _)| !outcomes.contains_key(*key))
        {
            let _ = match expected {
                Expected::Refused(reason) => writeln!(text, "{key}: refused {reason}"),
                Expected::Differs => writeln!(text, "{key}: differs"),
            };
        }
        fs::write(path("not_yet.txt"), text).unwrap();
    }
}

const HEAD: &str =
    "# What psql does and pgseal does not do yet. See README.md; this list may only get shorter.\n";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/psql/corpus")
        .join(name)
}

fn list(name: &str) -> BTreeMap<String, Expected> {
    let text = fs::read_to_string(path(name)).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut list = BTreeMap::new();
    for line in lines {
        let (key, rest) = line
            .split_once(": ")
            .unwrap_or_else(|| panic!("{name}: {line}"));
        let expected = match rest.split_once(' ') {
            Some(("refused", reason)) => Expected::Refused(reason.to_owned()),
            _ if rest == "differs" => Expected::Differs,
            _ if rest == "refused" => Expected::Refused(String::new()),
            _ => panic!("{name}: {line}"),
        };
        assert!(
            list.insert(key.to_owned(), expected).is_none(),
            "{name}: {key} is there twice"
        );
    }
    list
}
