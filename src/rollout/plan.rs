//! `PLAN.toml`: databases, waves, and when to stop.

use std::num::NonZeroUsize;

use serde::Deserialize;

use pgseal_verify::digest::Digest;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::plural::count;

/// Maximum number of databases: the receipt of more would have no room. Larger fleets have several
/// plans, whose receipts can be merged.
pub const DATABASES: usize = 5_000;

/// A plan that can be executed.
#[derive(Debug)]
pub struct Plan {
    /// The digest of the file's bytes.
    pub sha256: Digest,
    pub databases: Databases,
    waves: Vec<Wave>,
    /// Number of databases at the same time.
    pub parallel: NonZeroUsize,
    /// No further database is begun once more have failed.
    pub max_failures: usize,
    /// File of the release with a question for each database of a finished wave.
    pub soak: Option<EntryPath>,
}

/// Source of the databases.
#[derive(Debug)]
pub enum Databases {
    /// Connection strings.
    List(Vec<String>),
    /// Names of databases, from a query.
    Query(Query),
}

/// A query for names of databases on its own server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Connection string.
    pub db: String,
    /// One SELECT.
    pub sql: String,
}

/// Size of a wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wave {
    Count(NonZeroUsize),
    /// Of all databases, rounded up.
    Percent(NonZeroUsize),
    Rest,
}

/// Reason why a plan cannot be executed.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("{0}")]
    Toml(String),
    #[error("it has both `databases` and `query`, expected one of them")]
    Both,
    #[error("it has neither `databases` nor `query`")]
    Neither,
    #[error("it has no database")]
    Empty,
    #[error("it has {}, expected at most {DATABASES}", count(*.0, "database"))]
    TooMany(usize),
    #[error("it names the database {0:?} twice")]
    Twice(String),
    #[error(
        "expected a number above 0, a percentage such as \"5%\" or \"rest\" in `waves`, found {0}"
    )]
    Wave(String),
    #[error("`waves` must end with \"rest\", and have it nowhere else")]
    Rest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanToml {
    databases: Option<Vec<String>>,
    query: Option<Query>,
    waves: Option<Vec<toml::Value>>,
    parallel: Option<NonZeroUsize>,
    #[serde(default)]
    max_failures: usize,
    soak: Option<EntryPath>,
}

impl Plan {
    /// Reads the bytes of a plan.
    pub fn parse(bytes: &[u8]) -> Result<Self, PlanError> {
        let text =
            std::str::from_utf8(bytes).map_err(|error| PlanError::Toml(error.to_string()))?;
        let said: PlanToml =
            toml::from_str(text).map_err(|error| PlanError::Toml(placed(text, &error)))?;
        let databases = match (said.databases, said.query) {
            (Some(_), Some(_)) => return Err(PlanError::Both),
            (None, None) => return Err(PlanError::Neither),
            (Some(list), None) => Databases::List(list),
            (None, Some(query)) => Databases::Query(query),
        };
        let waves = match said.waves {
            None => vec![Wave::Rest],
            Some(waves) => waves.iter().map(wave).collect::<Result<_, _>>()?,
        };
        let rests = waves.iter().filter(|wave| **wave == Wave::Rest).count();
        if rests != 1 || waves.last() != Some(&Wave::Rest) {
            return Err(PlanError::Rest);
        }
        Ok(Self {
            sha256: Digest::of(bytes),
            databases,
            waves,
            parallel: said.parallel.unwrap_or(NonZeroUsize::MIN),
            max_failures: said.max_failures,
            soak: said.soak,
        })
    }

    /// The number of each database's wave, from 1, for `total` databases. Waves without a database
    /// have no number.
    pub fn waves(&self, total: usize) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(total);
        let mut number = 0;
        for wave in &self.waves {
            let left = total - numbers.len();
            let size = match wave {
                Wave::Count(count) => count.get(),
                Wave::Percent(percent) => (total * percent.get()).div_ceil(100),
                Wave::Rest => left,
            };
            if left > 0 {
                number += 1;
                numbers.extend(std::iter::repeat_n(number, size.min(left)));
            }
        }
        numbers
    }
}

/// `LINE:COLUMN: MESSAGE`, without the line itself, which may have a password.
fn placed(text: &str, error: &toml::de::Error) -> String {
    let at = error.span().map_or(0, |span| span.start);
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    format!("{line}:{column}: {}", error.message())
}

fn wave(value: &toml::Value) -> Result<Wave, PlanError> {
    let positive = |number: Option<usize>| number.and_then(NonZeroUsize::new);
    let found = match value {
        toml::Value::Integer(number) => positive(usize::try_from(*number).ok()).map(Wave::Count),
        toml::Value::String(text) if text == "rest" => Some(Wave::Rest),
        toml::Value::String(text) => {
            let percent = text
                .strip_suffix('%')
                .and_then(|number| number.parse().ok());
            let percent = percent.filter(|percent| *percent <= 100);
            positive(percent).map(Wave::Percent)
        }
        _ => None,
    };
    found.ok_or_else(|| PlanError::Wave(value.to_string()))
}

/// Refuses an empty list, one that is too long, and a database that is named twice.
pub fn check_list(databases: &[String]) -> Result<(), PlanError> {
    match databases.len() {
        0 => return Err(PlanError::Empty),
        many if many > DATABASES => return Err(PlanError::TooMany(many)),
        _ => {}
    }
    let mut known = std::collections::BTreeSet::new();
    match databases.iter().find(|one| !known.insert(*one)) {
        Some(twice) => Err(PlanError::Twice(twice.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(text: &str, total: usize) -> Vec<usize> {
        let plan = Plan::parse(format!("databases = [\"a\"]\nwaves = {text}\n").as_bytes());
        let numbers = plan.expect("a plan").waves(total);
        let last = numbers.iter().copied().max().unwrap_or_default();
        let size = |wave| numbers.iter().filter(|number| **number == wave).count();
        (1..=last).map(size).collect()
    }

    #[test]
    fn waves_cover_every_database_once() {
        assert_eq!(waves("[1, \"5%\", \"rest\"]", 500), [1, 25, 474]);
        assert_eq!(waves("[1, \"5%\", \"rest\"]", 30), [1, 2, 27]);
        assert_eq!(waves("[1, \"5%\", \"rest\"]", 2), [1, 1]);
        assert_eq!(waves("[1, \"5%\", \"rest\"]", 1), [1]);
        assert_eq!(waves("[\"100%\", \"rest\"]", 7), [7]);
        assert_eq!(waves("[\"rest\"]", 7), [7]);
    }

    #[test]
    fn a_plan_that_is_not_clear_is_refused() {
        let refused = |text: &str| Plan::parse(text.as_bytes()).expect_err(text).to_string();
        for (waves, words) in [
            ("[1]", "must end with"),
            ("[]", "must end with"),
            ("[\"rest\", 1]", "must end with"),
            ("[0, \"rest\"]", "found 0"),
            ("[\"0%\", \"rest\"]", "found \"0%\""),
            ("[\"101%\", \"rest\"]", "found \"101%\""),
            ("[1.5, \"rest\"]", "found 1.5"),
        ] {
            let text = refused(&format!("databases = [\"a\"]\nwaves = {waves}\n"));
            assert!(text.contains(words), "{waves}: {text}");
        }
        assert!(refused("waves = [\"rest\"]\n").contains("neither"));
        assert!(refused("databases = []\nquery = { db = \"\", sql = \"\" }\n").contains("both"));
        assert!(refused("databases = []\nparallell = 2\n").contains("parallell"));
        assert!(refused("databases = []\nparallel = 0\n").contains("2:12: "));
        assert!(refused("databases = []\nsoak = \"../x.sql\"\n").contains("2:8: "));
        let list = |list: &[&str]| {
            let list: Vec<String> = list.iter().map(|one| (*one).to_owned()).collect();
            check_list(&list).map_err(|error| error.to_string())
        };
        assert_eq!(list(&[]), Err("it has no database".to_owned()));
        assert!(list(&["a", "b", "a"]).is_err_and(|error| error.contains("\"a\" twice")));
        assert_eq!(list(&["a", "b"]), Ok(()));
    }
}
