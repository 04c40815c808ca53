//! Compares the real psql with `pgseal script`: the same statements, in the same order, byte for byte.
//!
//! psql runs the scripts against a server that only records its input (`pgseal_testkit::recorder`).
//! `psql/corpus/README.md` describes the format of the scripts and the lists of differences.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod cases;
mod fragments;
mod harness;
mod lists;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
};

use cases::{Case, Variant, cases};
use harness::{Outcome, Psql, Theirs, compare_with};
use lists::{Expected, Lists};
use pgseal_testkit::server_words::{Statement, statements};

/// The first psql version that supports everything in `psql16.sql`.
const NEW: u32 = 16;

#[test]
fn the_corpus_is_sent_as_psql_sends_it() {
    let lists = Lists::read();
    let queue = Mutex::new(cases());
    let outcomes = Mutex::new(BTreeMap::new());
    let recorded = Recorded::read();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(case) = queue.lock().unwrap().pop() else {
                        break;
                    };
                    for variant in Variant::ALL {
                        let outcome = recorded.run(&case, variant);
                        let same = matches!(outcome, Outcome::Same { .. });
                        outcomes
                            .lock()
                            .unwrap()
                            .insert(variant.key(&case.key), outcome);
                        // A difference in the plain variant makes the other variants uninformative.
                        if !same {
                            break;
                        }
                    }
                }
            });
        }
    });
    recorded.write();
    let outcomes = outcomes.into_inner().unwrap();
    if env::var_os("PGSEAL_PSQL_BLESS").is_some() {
        lists.write_not_yet(&outcomes);
        return;
    }
    let mut faults: Vec<String> = outcomes
        .iter()
        .filter_map(|(key, outcome)| lists.fault(key, outcome))
        .collect();
    faults.extend(lists.unknown(|key| outcomes.contains_key(key)));
    let statements: usize = outcomes.values().map(Outcome::statements).sum();
    // Guards against a recorder that recorded nothing.
    assert!(statements > 1_000, "{statements} statements");
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// Random scripts from pieces that are each in the corpus.
#[test]
fn pieces_in_any_order_are_sent_as_psql_sends_them() {
    fragments::check();
}

/// Every piece on the list must still be refused, so that a piece leaves the list as soon as the engine supports it.
#[test]
fn pieces_left_out_are_refused_indeed() {
    let lists = Lists::read();
    let psql = Psql::find();
    for (name, piece) in fragments::pieces() {
        let left_out = lists.expected(&format!("pieces/{name}")).is_some();
        let dir = fragments::directory();
        fs::write(dir.path().join("script.sql"), piece).unwrap();
        let outcome = psql.compare(dir.path(), "script.sql", &[], false);
        let same = matches!(outcome, Outcome::Same { .. });
        assert!(same != left_out, "{name}: left out {left_out}, {outcome:?}");
    }
}

#[test]
fn the_recorder_tells_statements_apart() {
    let one = |sql: &str| statements(sql.as_bytes()).pop();
    assert_eq!(
        one("copy t (a, \"from\") from STDIN with (format csv);"),
        Some(Statement::CopyIn)
    );
    assert_eq!(
        one("/* x */ COPY (select 1; ) TO stdout"),
        Some(Statement::CopyOut)
    );
    assert_eq!(one("copy t from 'stdin'"), Some(Statement::Other));
    assert_eq!(one("-- begin;\n"), None);
    assert_eq!(
        one("select E'\\'; begin', $x$; begin $x$, 'it''s;'"),
        Some(Statement::Other)
    );
    assert_eq!(one("rollback to savepoint s"), Some(Statement::Other));
    assert_eq!(
        one("commit and chain"),
        Some(Statement::Commit { chain: true })
    );
    assert_eq!(statements(b"begin; select (1;2); end;;").len(), 3);
    assert_eq!(
        statements(b"create function f() begin atomic select 1; end;").len(),
        1
    );
    let name = String::from("standard_conforming_strings");
    let set = |local| Statement::Set {
        name: name.clone(),
        value: Some("off".into()),
        local,
    };
    assert_eq!(
        one("set local standard_conforming_strings = 'off'"),
        Some(set(true))
    );
    assert_eq!(
        one("SET standard_conforming_strings TO OFF;"),
        Some(set(false))
    );
}

/// The installed psql, and recorded results of psql 16 or newer for machines with an older one.
struct Recorded {
    psql: Psql,
    answers: Mutex<BTreeMap<String, Theirs>>,
    live: bool,
}

impl Recorded {
    fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/psql/corpus/psql16.json")
    }

    fn read() -> Self {
        let psql = Psql::find();
        let live = psql.major >= NEW;
        let answers = fs::read(Self::path())
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let answers: BTreeMap<String, Theirs> = answers.unwrap_or_default();
        assert!(
            live || !answers.is_empty(),
            "no answers of a newer psql in {}",
            Self::path().display()
        );
        Self {
            psql,
            answers: Mutex::new(if live { BTreeMap::new() } else { answers }),
            live,
        }
    }

    fn run(&self, case: &Case, variant: Variant) -> Outcome {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        harness::write(dir.path(), &case.files(variant));
        if case.needs_new {
            let key = variant.key(&case.key);
            let mut answers = self.answers.lock().unwrap();
            if self.live && variant == Variant::Plain {
                for variant in Variant::ALL {
                    harness::write(dir.path(), &case.files(variant));
                    let theirs =
                        self.psql
                            .sends(dir.path(), "script.sql", &case.arguments, case.strict);
                    answers.insert(variant.key(&case.key), theirs);
                }
                harness::write(dir.path(), &case.files(variant));
            }
            let theirs = answers
                .get(&key)
                .unwrap_or_else(|| panic!("no answer of a newer psql for {key}"));
            return compare_with(theirs, dir.path(), "script.sql", &case.arguments);
        }
        self.psql
            .compare(dir.path(), "script.sql", &case.arguments, case.strict)
    }

    fn write(&self) {
        if self.live && env::var_os("PGSEAL_PSQL_BLESS").is_some() {
            let answers = self.answers.lock().unwrap();
            fs::write(
                Self::path(),
                serde_json::to_string_pretty(&*answers).unwrap() + "\n",
            )
            .unwrap();
        }
    }
}

impl Expected {
    /// Returns whether the outcome is the expected one.
    fn is(&self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (
                Self::Refused(reason),
                Outcome::Refused { refusal, .. } | Outcome::BothStop { refusal },
            ) => refusal.reason.contains(reason.as_str()),
            (Self::Differs, Outcome::Different { .. }) => true,
            _ => false,
        }
    }
}
