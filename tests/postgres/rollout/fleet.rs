//! Databases that are alike, with one release for all of them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use pgseal_testkit::cluster::TestDatabase;
use pgseal_testkit::release::{Answer, Release, Running, Site};
use serde_json::Value;

use crate::database;

pub struct Fleet {
    pub site: Site,
    pub bundle: PathBuf,
    pub databases: Vec<TestDatabase<'static>>,
}

/// Why the release fails on a database.
pub enum Failure {
    /// A tier breaks a constraint.
    BeforeCommit,
    /// The gate is closed.
    Gate,
    /// The database is not in baseline.
    State,
}

impl Fleet {
    pub fn of(size: usize, name: &str) -> Self {
        Self::with(size, name, |release| release)
    }

    pub fn with(size: usize, name: &str, change: impl FnOnce(Release) -> Release) -> Self {
        let prefix = format!("fleet_{name}");
        let databases = (0..size).map(|_| database(&prefix)).collect();
        let site = Site::new();
        let release = Release::on("x")
            .databases(&[&format!("{prefix}*")])
            .tier(
                "marker",
                "insert into public.approvals values ('the release');\n",
            )
            .rollback(
                "marker",
                "delete from public.approvals where who = 'the release';\n",
            );
        let bundle = site.pack(&change(release));
        Self {
            site,
            bundle,
            databases,
        }
    }

    /// Writes the plan: all databases, with more lines.
    pub fn plan(&self, lines: &str) {
        self.plan_of("plan.toml", 0..self.databases.len(), lines);
    }

    pub fn plan_of(&self, file: &str, of: std::ops::Range<usize>, lines: &str) {
        let list: Vec<String> = self.databases[of]
            .iter()
            .map(|db| db.connection())
            .collect();
        fs::write(
            self.site.path(file),
            format!("databases = {list:?}\n{lines}"),
        )
        .unwrap();
    }

    pub fn arguments<'a>(&'a self, words: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
        let common = [
            "--trust",
            "trust.json",
            "--receipts",
            "receipts",
            "--receipt-key",
            "receipt.key",
        ];
        let file = self.bundle.to_str().unwrap();
        [&["rollout"], words, &[file], &common[..], more].concat()
    }

    fn started<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut arguments = self.arguments(&[], more);
        if !more.contains(&"--plan") {
            arguments.extend(["--plan", "plan.toml"]);
        }
        arguments
    }

    pub fn rollout(&self, more: &[&str]) -> Answer {
        self.pgseal(&self.started(more))
    }

    pub fn start(&self, more: &[&str]) -> Running {
        Running::of(self.command().args(self.started(more)))
    }

    pub fn status(&self, more: &[&str]) -> Answer {
        self.pgseal(&[&["rollout", "status", "--receipts", "receipts"], more].concat())
    }

    pub fn pgseal(&self, arguments: &[&str]) -> Answer {
        Answer::of(self.command().args(arguments).output().unwrap())
    }

    pub fn command(&self) -> Command {
        self.site.command()
    }

    fn execute(&self, at: usize, sql: &str) {
        self.databases[at].client().batch_execute(sql).unwrap();
    }

    pub fn plant(&self, at: usize, failure: Failure) {
        self.execute(at, match failure {
            Failure::BeforeCommit => {
                "alter table public.approvals add constraint planted check (who <> 'the release')"
            }
            Failure::Gate => "delete from public.approvals",
            Failure::State => "create table public.widgets (n integer)",
        });
    }

    /// Undoes every failure that was planted.
    pub fn mend(&self, at: usize) {
        self.execute(
            at,
            "alter table public.approvals drop constraint if exists planted;
             insert into public.approvals values ('somebody') on conflict do nothing;
             drop table if exists public.widgets;",
        );
    }

    /// The release is in effect, and ran exactly once.
    #[track_caller]
    pub fn is_after(&self, at: usize) {
        let said = self.databases[at].ask(
            "select count(*) || ' ' || (select count(*) from public.widgets) || ' '
                 || (select count(*) from public.approvals where who = 'the release') from pgseal.ledger",
        );
        assert_eq!(said, "1 2 1", "database {at}");
    }

    /// Nothing ran.
    #[track_caller]
    pub fn is_before(&self, at: usize) {
        let said = self.databases[at].ask(
            "select pg_catalog.to_regclass('pgseal.ledger') is null
                 and not exists (select from public.approvals where who = 'the release')",
        );
        assert_eq!(said, "t", "database {at}");
    }

    /// The release ran once, and was rolled back once.
    #[track_caller]
    pub fn is_rolled_back(&self, at: usize) {
        let said = self.databases[at].ask(
            "select count(*) || ' ' || (pg_catalog.to_regclass('public.widgets') is null)::text || ' '
                 || (select count(*) from public.approvals where who = 'the release') from pgseal.ledger",
        );
        assert_eq!(said, "2 true 0", "database {at}");
    }

    /// Number of databases on which the release ran.
    pub fn after(&self) -> usize {
        let is_there = |db: &&TestDatabase<'_>| {
            db.ask("select pg_catalog.to_regclass('pgseal.ledger') is not null") == "t"
        };
        self.databases.iter().filter(is_there).count()
    }

    /// Number of receipts of runs.
    pub fn receipts(&self) -> usize {
        let entries = fs::read_dir(self.site.path("receipts"));
        let names = entries
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name());
        names
            .filter(|name| name.to_string_lossy().ends_with(".receipt.json"))
            .count()
    }

    /// The newest record by the end of its name.
    #[track_caller]
    pub fn newest(&self, end: &str) -> PathBuf {
        let entries = fs::read_dir(self.site.path("receipts")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let of = paths.filter(|path| path.to_string_lossy().ends_with(end));
        of.max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap())
            .unwrap()
    }

    #[track_caller]
    pub fn find(&self, end: &str) -> PathBuf {
        self.newest(end)
    }
}

/// The numbers of a field.
pub fn numbers(list: &[Value], field: &str) -> Vec<u64> {
    list.iter()
        .map(|one| one[field].as_u64().unwrap())
        .collect()
}
