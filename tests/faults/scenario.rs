//! The releases that the faults hit.

use std::path::{Path, PathBuf};

use crate::server::Server;
use pgseal_testkit::cluster::TestDatabase;
use pgseal_testkit::release::{BEFORE, Release, psql};

pub const APR: &str = "APR-BOOT-AUTHMODEL-1";

/// Rows of the reference release's largest table in these tests. The statements, and so the protocol steps, are the
/// same as with 204,556 rows; only probes and checks are faster.
const ISSUES: &str = "2045";

/// Short limits, because the harness drops thousands of connections.
pub const LIMITS: &str =
    "lock_timeout = \"5s\"\nstatement_timeout = \"2s\"\nidle_timeout = \"1s\"\n";

/// A release with a database at its baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// `bundle/one-roof`; every run is the first of its database, so it creates the ledger.
    OneRoof,
    /// Statements that the reference release lacks: COPY, `\gset`, `\gexec`, DO, a trigger, an append-only table. The
    /// ledger stays from run to run.
    Small,
    /// Three non-transactional tiers between transactional ones; the ledger is new each time.
    Mixed,
}

impl Scenario {
    pub fn all() -> Vec<Self> {
        vec![Self::OneRoof, Self::Small, Self::Mixed]
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::OneRoof => "one-roof",
            Self::Small => "small",
            Self::Mixed => "mixed",
        }
    }

    pub fn variables(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::OneRoof => &[("ratified_apr", APR)],
            _ => &[],
        }
    }

    /// The table that no rollback empties; each committed run adds exactly one row.
    pub fn log(self) -> Option<&'static str> {
        match self {
            Self::OneRoof => None,
            _ => Some("log"),
        }
    }

    /// Reports whether the ledger is dropped before each run.
    pub fn first_runs(self) -> bool {
        self != Self::Small
    }

    /// Writes the release directory for a database.
    pub fn write(self, dir: &Path, database: &str) {
        match self {
            Self::OneRoof => {
                copy(&sources().join("one-roof"), dir);
                let toml = dir.join("release.toml");
                edit(&toml, &[("\"directus\"", &format!("\"{database}\""))]);
                limits(&toml);
            }
            Self::Small => {
                small(database).write(dir);
                limits(&dir.join("release.toml"));
            }
            Self::Mixed => {
                copy(
                    &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/mixed"),
                    dir,
                );
                edit(
                    &dir.join("release.toml"),
                    &[(
                        "database = \"mixed\"",
                        &format!("database = \"{database}\""),
                    )],
                );
            }
        }
    }

    /// Fills an empty database.
    pub fn load(self, server: &Server, db: &TestDatabase<'_>) {
        match self {
            Self::OneRoof => {
                let text =
                    std::fs::read_to_string(sources().join("one-roof-baseline.sql")).unwrap();
                let dir = tempfile::tempdir().unwrap();
                std::fs::write(
                    dir.path().join("baseline.sql"),
                    text.replace("204556", ISSUES),
                )
                .unwrap();
                script(db, &["-f", "baseline.sql"], dir.path());
                script(
                    db,
                    &[
                        "-v",
                        &format!("ratified_apr={APR}"),
                        "-f",
                        "one-roof-ratify.sql",
                    ],
                    &sources(),
                );
            }
            Self::Small => {
                let mut client = server.client(db.name());
                client.batch_execute(BEFORE).unwrap();
                client.batch_execute(SMALL_BEFORE).unwrap();
            }
            Self::Mixed => script(
                db,
                &["-f", "mixed.sql"],
                &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults"),
            ),
        }
    }
}

const SMALL_BEFORE: &str = "
    create table public.log (what text not null);
    create table public.stock (id integer primary key, amount integer not null);
    insert into public.stock select n, n from generate_series(1, 50) n;";

fn small(database: &str) -> Release {
    let more = "insert into public.log values ('run');
create function public.counted() returns trigger language plpgsql as $$
begin
    update public.stock set amount = amount + 1 where id = 1;
    return new;
end $$;
create trigger counted after insert on public.widgets for each row execute function public.counted();
insert into public.widgets values (3, 'three');
insert into public.widgets select n, 'more ' || n from generate_series(4, 40) n;
select count(*) as counted from public.widgets \\gset
\\if :{?counted}
insert into public.widgets values (100, 'of ' || :counted);
\\endif
select format('insert into public.widgets values (%s, %L)', n, n) from generate_series(101, 103) n \\gexec
";
    let copy = "copy public.widgets from stdin;
200\ttwo hundred
201\ttwo hundred and one
\\.
do $$ begin raise notice 'there are % widgets', (select count(*) from public.widgets); end $$;
update public.stock set amount = amount * 2 where id > 1;
alter table public.stock add column about text not null default 'nothing';
create index stock_amount on public.stock (amount);
";
    let undo = "drop index public.stock_amount;
alter table public.stock drop column about;
update public.stock set amount = id;
";
    let verify = "select 'widgets' as name, count(*) = 46 as ok from public.widgets;\n";
    let rehearsal = "insert into public.widgets values (999, 'rehearsed');
select 'trigger' as name, amount = 45 + 1 as ok from public.stock where id = 1;\n";
    Release::on(database)
        .tier("more", more)
        .tier("copy", copy)
        .rollback("more", "drop function public.counted() cascade;\n")
        .rollback("copy", undo)
        .verify("counts", "finalized", "read-only", verify)
        .verify("rehearsal", "finalized", "rolled-back", rehearsal)
}

fn script(db: &TestDatabase<'_>, args: &[&str], dir: &Path) {
    let loaded = psql(db, args, dir);
    assert!(
        loaded.status.success(),
        "{}",
        String::from_utf8_lossy(&loaded.stderr)
    );
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle")
}

fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(target).unwrap();
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn edit(path: &Path, changes: &[(&str, &str)]) {
    let mut text = std::fs::read_to_string(path).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{} has no {from}", path.display());
        text = text.replace(from, to);
    }
    std::fs::write(path, text).unwrap();
}

/// Replaces `[limits]`, which is the last section.
fn limits(toml: &Path) {
    let text = std::fs::read_to_string(toml).unwrap();
    let (before, _) = text.split_once("[limits]").unwrap();
    std::fs::write(toml, format!("{before}[limits]\n{LIMITS}")).unwrap();
}
