//! `pgseal lint` as users meet it: every example of docs/lint.md, hostile scripts, acknowledgements, SARIF.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pgseal::bundle::definition::Definition;
use pgseal::lint::SquawkClient;
use pgseal::lint::squawk::{Answer, Question};
use serde_json::{Value, json};
use tempfile::TempDir;

mod acknowledge;
mod steps;
mod tier_files;
mod ways_back;

const RELEASE_TOML: &str = r#"format = 1

[release]
name = "small"
version = "1.0.0"
sequence = 1
summary = "Adds one table."

[target]
database = "app"

[[gate]]
name = "open"
file = "gate/open.sql"

[states.baseline]
probe = "verify/probe.sql"
expect = { there = false }

[states.finalized]
probe = "verify/probe.sql"
expect = { there = true }

[[tier]]
name = "table"
file = "tiers/01.sql"
transaction = "release"

[[rollback]]
file = "rollback/01.sql"
"#;

/// A release in a temporary directory.
struct Release(TempDir);

impl Release {
    /// Writes the small release with other files, or lines appended to its release.toml.
    fn with<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let release = Self(tempfile::tempdir().expect("a temporary directory"));
        release.write("release.toml", RELEASE_TOML);
        release.write(
            "gate/open.sql",
            "select true as ready, 'always' as reason;\n",
        );
        release.write(
            "verify/probe.sql",
            "select to_regclass('t') is not null as there;\n",
        );
        release.write("tiers/01.sql", "create table t (a bigint);\n");
        release.write("rollback/01.sql", "drop table if exists t;\n");
        for (path, content) in files {
            if path == "release.toml" {
                release.write(path, &format!("{RELEASE_TOML}\n{content}"));
            } else {
                release.write(path, content);
            }
        }
        release
    }

    /// Writes the small release with this tier.
    fn tier(sql: &str) -> Self {
        Self::with([("tiers/01.sql", sql)])
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("dir")
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().expect("inside")).expect("writable");
        fs::write(path, content).expect("writable");
    }

    fn lint(&self, arguments: &[&str]) -> Output {
        pgseal(&self.path(), &[&["lint", "."], arguments].concat())
    }

    /// Runs lint and returns the findings and the exit code.
    fn problems(&self) -> (Vec<Value>, Option<i32>) {
        let output = self.lint(&["--json"]);
        let document: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        (
            document["problems"].as_array().expect("a list").clone(),
            output.status.code(),
        )
    }

    /// Returns `rule file:line` of each unacknowledged finding.
    fn open(&self) -> Vec<String> {
        let open = self
            .problems()
            .0
            .into_iter()
            .filter(|problem| problem["acknowledged"].is_null());
        let place = |p: &Value| {
            let line = p["line"]
                .as_u64()
                .map(|line| format!(":{line}"))
                .unwrap_or_default();
            format!("{} {}{line}", text(&p["rule"]), text(&p["file"]))
        };
        open.map(|problem| place(&problem)).collect()
    }
}

fn pgseal(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgseal"));
    command
        .args(arguments)
        .current_dir(dir)
        .env_remove("SOURCE_DATE_EPOCH")
        .output()
        .expect("the program starts")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

// --- the pages ----------------------------------------------------------------------------------------------------

/// Returns the files of a page's bad example, and of its good one.
fn examples(page: &str) -> [Vec<(String, String)>; 2] {
    let mut found = [Vec::new(), Vec::new()];
    let (mut lines, mut instead) = (page.lines(), 0);
    while let Some(line) = lines.next() {
        if line.starts_with("Instead") || line.starts_with("There is no other way") {
            instead = 1;
        } else if let Some(path) = ["```sql ", "```toml ", "```md "]
            .iter()
            .find_map(|fence| line.strip_prefix(fence))
        {
            let content = lines.by_ref().take_while(|line| *line != "```");
            let mut content: String = content.flat_map(|line| [line, "\n"]).collect();
            // NUL is the one character that a page can't show.
            if page.contains("stands for a NUL") {
                content = content.replace("\\0", "\0");
            }
            found[instead].push((path.to_owned(), content));
        }
    }
    found
}

#[test]
fn every_page_shows_its_rule_and_a_way_out() {
    let mut wrong = String::new();
    for rule in pgseal::rules::RULES {
        let page = pgseal::lint::pages::page(rule.id).expect("a page");
        let [bad, good] = examples(page).map(|files| {
            assert!(!files.is_empty(), "{}: two examples", rule.id);
            Release::with(
                files
                    .iter()
                    .map(|(path, content)| (path.as_str(), content.as_str())),
            )
        });
        let (found, exit) = bad.problems();
        let rules: Vec<&str> = found.iter().map(|problem| text(&problem["rule"])).collect();
        if rules.is_empty() || rules.iter().any(|found| *found != rule.id) {
            let _ = writeln!(
                wrong,
                "{}: the example has {rules:?}: {}",
                rule.id,
                json!(found)
            );
        }
        let severe = rule.severity == pgseal::rules::Severity::Error;
        assert_eq!(exit, Some(if severe { 2 } else { 0 }), "{}", rule.id);
        let open = good.open();
        if !open.is_empty() {
            let _ = writeln!(wrong, "{}: what to do instead has {open:?}", rule.id);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn rules_are_listed_and_explained() {
    let release = Release::tier("create table t (a bigint);");
    let list = pgseal(&release.path(), &["lint", "--rules"]);
    let list = String::from_utf8(list.stdout).expect("text");
    assert_eq!(list.lines().count(), pgseal::rules::RULES.len());
    let page = pgseal(&release.path(), &["lint", "--explain", "missing-rollback"]);
    assert!(String::from_utf8_lossy(&page.stdout).starts_with("missing-rollback (warning)\n"));
    let none = pgseal(&release.path(), &["lint", "--explain", "no-such-rule"]);
    assert_eq!(none.status.code(), Some(2));
}

// --- the release as a whole ---------------------------------------------------------------------------------------

#[test]
fn the_releases_that_come_with_pgseal_are_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for dir in ["bundle/one-roof", "src/cli/template"] {
        let output = pgseal(root, &["lint", dir, "--strict"]);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }
}

#[test]
fn what_the_release_made_itself_is_left_alone() {
    let tiers = "create table t (a bigint, b bigint);\ncreate index on t (a);\n\
                 alter table t alter column a set not null;\nalter table t rename column b to c;\n\
                 create table u (a bigint references t);\nalter table u rename to w;\ndrop table w;\n";
    assert_eq!(Release::tier(tiers).open(), [""; 0]);
    // A table that is dropped before it is created again is not new.
    let again = Release::tier(
        "drop table t;\ncreate table t (a bigint);\ndrop table t;\ncreate table t (a bigint);\n",
    );
    assert_eq!(
        again.open(),
        [
            "ban-drop-table tiers/01.sql:1",
            "ban-drop-table tiers/01.sql:3"
        ]
    );
    // A table that no rollback script drops may have been there before.
    let maybe =
        "create table if not exists t (a bigint);\nalter table t alter column a set not null;\n";
    let kept = Release::with([("tiers/01.sql", maybe), ("rollback/01.sql", "select 1;\n")]);
    assert!(
        kept.open()
            .contains(&"adding-not-nullable-field tiers/01.sql:2".to_owned())
    );
    assert_eq!(Release::tier(maybe).open(), [""; 0]);
}

/// The shapes of migrations that also run on databases that have a part of them already.
#[test]
fn what_only_this_release_makes_warns_nobody() {
    let tiers = "create table if not exists t (a varchar(26), b varchar(26));\n\
                 create index if not exists t_a on t (a);\nalter table t add column if not exists c bigint;\n\
                 alter table t drop column if exists b;\ndrop index if exists t_a;\ndrop index if exists t_b;\n\
                 alter table t alter column a type varchar(30);\ncreate unique index if not exists t_c on t (c);\n\
                 create type mood as enum ('a');\nalter type mood rename to feeling;\n";
    let back = "alter table if exists t add column b varchar(26);\ncreate index if not exists t_a on t (a);\n\
                create index if not exists t_b on t (b);\ndrop index if exists t_c;\nalter table t alter column a type varchar(26);\ndrop table if exists t;\n\
                drop type feeling;\n";
    let release = Release::with([("tiers/01.sql", tiers), ("rollback/01.sql", back)]);
    assert_eq!(release.open(), [""; 0]);
    // The rollback drops a table of an earlier release, which a run of this one dropped too.
    let back = "create table old (a bigint);\ncreate index old_a on old (a);\n\
                alter table old alter column a set not null;\ncreate index passing on gone (a);\n\
                drop table gone;\ndrop table if exists t;\ncreate index u_a on u (a);\n";
    let release = Release::with([("rollback/01.sql", back)]);
    assert_eq!(
        release.open(),
        ["require-concurrent-index-creation rollback/01.sql:7"]
    );
}

/// One new object does not excuse the others of its statement.
#[test]
fn what_is_older_warns_beside_what_is_new() {
    let tiers = "create table t (a bigint);\ndrop table t, u;\n\
                 alter table w add column b bigint;\nalter table w drop column b, alter column c type text;\n\
                 drop index if exists w_c;\n";
    let open = Release::tier(tiers).open();
    let of = |line: usize| {
        open.iter()
            .filter(move |at| at.ends_with(&format!(":{line}")))
    };
    assert!(of(2).count() > 0, "{open:?}");
    assert!(
        of(4).any(|at| at.starts_with("changing-column-type")),
        "{open:?}"
    );
    assert!(
        !of(4).any(|at| at.starts_with("ban-drop-column")),
        "{open:?}"
    );
    assert!(of(5).count() > 0, "{open:?}");
}

/// A `search_path` that a function or a view sets has the effect of SET.
#[test]
fn rows_of_a_runbook_exist() {
    let toml = "[[runbook]]\nfile = \"owner.md\"\naudience = \"owner\"\n";
    let lint = |page: &str, tier: &str| {
        let release = Release::with([
            ("release.toml", toml),
            ("owner.md", page),
            ("tiers/01.sql", tier),
        ]);
        let output = release.lint(&[]);
        let text = String::from_utf8(output.stdout).expect("text");
        let mut lines = text.lines().filter(|line| line.contains("[runbook-fact]"));
        lines.next().map(str::to_owned)
    };
    let rows = "create table t (a int);\ncopy t from stdin;\n1\n\\.\n";
    assert_eq!(lint("Rows:\n\n{{rows.tiers/01.sql}}\n", rows), None);
    for (page, tier, place) in [
        (
            "Rows:\n\n {{rows.tiers/02.sql}}\n",
            rows,
            "3:2: error [runbook-fact]: {{rows.tiers/02.sql}} is not a fact of a release",
        ),
        // A rollback script is not what the owner approves.
        (
            "{{rows.rollback/01.sql}}\n",
            rows,
            "1:1: error [runbook-fact]: {{rows.rollback/01.sql}} is not a fact of a release",
        ),
        (
            "{{rows.tiers/01.sql}}\n",
            "create table t (a int);\n",
            "1:1: error [runbook-fact]: {{rows.tiers/01.sql}} is a script without rows to show",
        ),
        (
            "See {{rows.tiers/01.sql}}\n",
            rows,
            "1:5: error [runbook-fact]: {{rows.tiers/01.sql}} is a list among other words",
        ),
        (
            "See {{duration}}\n",
            rows,
            "1:5: error [runbook-fact]: {{duration}} is a list among other words",
        ),
    ] {
        assert_eq!(
            lint(page, tier),
            Some(format!("owner.md:{place}")),
            "{page}"
        );
    }
}

#[test]
fn a_search_path_is_changed_however_it_is_set() {
    for sql in [
        "set search_path = app",
        "select pg_catalog.set_config('search_path', 'app', false)",
        "select 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, \"set_config\"(E'search\\x5fpath', 'app', true)",
        "with a as (select set_config($$SEARCH_PATH$$, 'app', true)) select count(*) from a",
        "update pg_settings set setting = 'app' where name = 'search_path'",
    ] {
        let release = Release::tier(&format!("{sql};\ncreate table t (a bigint);\n"));
        assert_eq!(
            release.open(),
            ["unqualified-name-after-search-path tiers/01.sql:2"],
            "{sql}"
        );
    }
    let other =
        "select set_config('app.path', 'search_path', false);\ncreate table t (a bigint);\n";
    assert_eq!(Release::tier(other).open(), [""; 0]);
}

#[test]
fn places_lead_through_includes_and_variables() {
    let toml = "[variables.name]\ndefault = \"a_much_longer_name\"\n";
    let common = "-- é\n/* ü */ drop table\n    :name cascade; drop view  v;\n";
    let tier = "create table t (a bigint);\n\\ir common.sql\n";
    let release = Release::with([
        ("release.toml", toml),
        ("tiers/01.sql", tier),
        ("tiers/common.sql", common),
    ]);
    let (found, _) = release.problems();
    let places: Vec<_> = found
        .iter()
        .map(|p| (text(&p["rule"]), text(&p["file"]), &p["line"], &p["column"]))
        .collect();
    assert_eq!(
        places,
        [
            ("ban-drop-table", "tiers/common.sql", &json!(2), &json!(9)),
            ("ban-drop-view", "tiers/common.sql", &json!(3), &json!(20)),
        ]
    );
}

#[test]
fn rollbacks_may_drop_and_must_not_block() {
    let rollback =
        "drop table if exists t;\nalter table u drop column b;\ncreate index i on u (a);\n";
    let release = Release::with([("rollback/01.sql", rollback)]);
    assert_eq!(
        release.open(),
        ["require-concurrent-index-creation rollback/01.sql:3"]
    );
}

#[test]
fn ways_back_are_found_however_they_are_written() {
    let tiers = "create schema app;\ncreate table app.t (a bigint);\ncreate index on u (a);\n\
                 create or replace view v as select 1 as a;\ncreate function f() returns int language sql as 'select 1';\n\
                 create type mood as enum ('a');\nalter table u add column b bigint, add column c bigint;\n\
                 create table parts (a bigint) partition by list (a);\ncreate table p1 partition of parts for values in (1);\n";
    let back = "drop index u_a_idx;\ncreate or replace view v as select 2 as a;\ndrop schema app cascade;\n\
                do $$ begin execute 'drop function f()'; end $$;\ndrop type mood;\n\
                alter table u drop column b, drop column if exists c;\ndrop table parts;\n";
    let release = Release::with([("tiers/01.sql", tiers), ("rollback/01.sql", back)]);
    let left = |release: Release| {
        release
            .open()
            .into_iter()
            .filter(|p| p.starts_with("missing"))
            .collect::<Vec<_>>()
    };
    assert_eq!(left(release), [""; 0]);
    let release = Release::with([("tiers/01.sql", tiers), ("rollback/01.sql", "select 1;\n")]);
    let lines = [1, 2, 3, 4, 5, 6, 7, 7, 8, 9];
    assert_eq!(
        left(release),
        lines.map(|line| format!("missing-rollback tiers/01.sql:{line}"))
    );
}

/// Dropping a table or one of its columns drops the index; a partition's index is dropped with the partition's table.
#[test]
fn ways_back_of_what_goes_with_others() {
    let tiers = "alter table u add column b bigint, add column \"C\" text;\ncreate index i on u (a, b);\n\
                 create index j on only u using gin (lower(\"C\")) where a > 0;\ncreate index k on u (a);\n\
                 create table parts (a bigint) partition by list (a);\ncreate table p1 partition of parts for values in (1);\n\
                 create index l on p1 (a);\ncreate table t (a bigint);\ncreate index m on t (a);\nalter table t rename to t2;\n\
                 create table passing (a bigint);\ncreate index n on passing (a);\ndrop table passing;\n";
    let back =
        "alter table u drop column b, drop column \"C\";\ndrop table parts;\ndrop table t2;\n";
    let left = |back| {
        let open = Release::with([("tiers/01.sql", tiers), ("rollback/01.sql", back)]).open();
        open.into_iter()
            .filter(|p| p.starts_with("missing"))
            .collect::<Vec<_>>()
    };
    assert_eq!(left(back), ["missing-rollback tiers/01.sql:4"]);
    let lines = [1, 1, 2, 3, 4, 5, 6, 7, 8, 9];
    assert_eq!(
        left("select 1;\n"),
        lines.map(|line| format!("missing-rollback tiers/01.sql:{line}"))
    );
    let others = "alter table v drop column b, drop column \"C\";\nalter table u drop column c;\n";
    assert_eq!(
        left(others),
        lines.map(|line| format!("missing-rollback tiers/01.sql:{line}"))
    );
}

/// A renamed table keeps its indexes and triggers.
#[test]
fn ways_back_that_are_none() {
    let left = |tiers: &str, back: &str| {
        let open = Release::with([("tiers/01.sql", tiers), ("rollback/01.sql", back)]).open();
        let left = open.into_iter().filter_map(|p| {
            p.strip_prefix("missing-rollback tiers/01.sql:")
                .map(str::to_owned)
        });
        left.collect::<Vec<_>>().join(" ")
    };
    let index = "create index gi on public.b (lower(x) desc);\n";
    let trigger =
        "create trigger tg before insert on public.b for each row execute function f();\n";
    let renames = format!("alter table public.a rename to b;\n{index}");
    assert_eq!(left(&renames, "alter table public.b rename to a;\n"), "2");
    assert_eq!(
        left(
            &renames,
            "alter table public.b rename to a;\ndrop index public.gi;\n"
        ),
        ""
    );
    assert_eq!(
        left(
            &format!("{index}{trigger}"),
            "alter table public.b rename to c;\n"
        ),
        "1 2"
    );
    assert_eq!(
        left(
            &format!("{index}{trigger}"),
            "alter table public.b rename to c;\ndrop table public.c;\n"
        ),
        ""
    );
    assert_eq!(left(index, "alter table public.b drop column y;\n"), "1");
    assert_eq!(left(index, "alter table public.b drop column x;\n"), "");
    assert_eq!(left(index, "drop table pg_temp.b;\n"), "1");
    assert_eq!(
        left(
            "create temp table b (x int);\ncreate index on b (x);\ndrop table b;\n",
            "select 1;\n"
        ),
        ""
    );
}

/// Errors come before warnings, pgseal's own rules before squawk's; a rule with several places is one block.
#[test]
fn rules_are_blocks_in_the_order_of_their_weight() {
    let tiers = "drop index w_c;\ndrop table u;\ncreate table t (a bigint);\ndrop index w_d;\n\
                 create table left_behind (a bigint);\ncreate table other (a bigint);\n";
    let output = Release::tier(tiers).lint(&[]);
    let shown = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<&str> = shown.lines().collect();
    let index = "A normal `DROP INDEX` acquires an `ACCESS EXCLUSIVE` lock";
    let starts = [
        "missing-rollback, 2 places",
        "    drop it in a rollback script",
        "tiers/01.sql:5:14: warning [missing-rollback]: no rollback script drops the table left_behind",
        "tiers/01.sql:6:14: warning [missing-rollback]: no rollback script drops the table other",
        &format!("require-concurrent-index-deletion, 2 places: {index}"),
        "    ",
        "tiers/01.sql:1:1: warning [require-concurrent-index-deletion]",
        "tiers/01.sql:4:1: warning [require-concurrent-index-deletion]",
        "tiers/01.sql:2:1: warning [ban-drop-table]: ",
        "    ",
        "small 1.0.0: 5 warnings",
    ];
    assert_eq!(lines.len(), starts.len(), "{shown}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{start}: {shown}");
    }
    let broken = "create table t (a bigint);\nvacuum t;\nnotify news;\ncommit;\nnotify other;\n";
    let output = Release::tier(broken).lint(&[]);
    let shown = String::from_utf8(output.stdout).expect("text");
    let order = [
        "transaction-control",
        "outside-transaction",
        "dispatch, 2 places",
    ];
    let places: Vec<_> = order.iter().map(|rule| shown.find(rule)).collect();
    assert!(places.is_sorted() && places[0].is_some(), "{shown}");
    assert!(
        shown.contains("\ntiers/01.sql:5:1: error [dispatch]"),
        "{shown}"
    );
}

// --- hostile scripts ----------------------------------------------------------------------------------------------

/// Each second tier tries to crash every parser; the warning for the first tier must still be reported.
#[test]
fn no_script_ends_the_linter() {
    let many = 20_000;
    let hostile = [
        (
            "parentheses",
            format!(
                "create view v as select {}1{} as a;",
                "(".repeat(many),
                ")".repeat(many)
            ),
        ),
        (
            "case",
            format!(
                "create view v as select {}1{} as a;",
                "case when true then ".repeat(many),
                " end".repeat(many)
            ),
        ),
        (
            "not",
            format!("create view v as select {} true as a;", "not ".repeat(many)),
        ),
        (
            "minus",
            format!("create view v as select {} 1 as a;", "- ".repeat(many)),
        ),
        (
            "plus",
            format!("create view v as select 1{} as a;", " + 1".repeat(many)),
        ),
        (
            "and",
            format!(
                "create view v as select true{} as a;",
                " and true".repeat(many)
            ),
        ),
        (
            "casts",
            format!("create view v as select 1{} as a;", "::int".repeat(many)),
        ),
        (
            "brackets",
            format!(
                "create view v as select {}1{} as a;",
                "array[".repeat(many),
                "]".repeat(many)
            ),
        ),
        (
            "subscripts",
            format!(
                "create view v as select a{} as a from u;",
                "[1]".repeat(many)
            ),
        ),
        (
            "unions",
            format!(
                "create view v as select 1 as a{};",
                " union select 1".repeat(many)
            ),
        ),
        (
            "joins",
            format!(
                "create view v as select 1 as a from u{};",
                " join u on true".repeat(many)
            ),
        ),
        (
            "dots",
            format!("create view v as select a{} as a;", ".a".repeat(many)),
        ),
        (
            "subselects",
            format!(
                "create view v as {}select 1 as a{};",
                "select * from (".repeat(many),
                ") x".repeat(many)
            ),
        ),
        (
            "columns",
            format!("create view v as select 1 as a{};", ", 1".repeat(many)),
        ),
        (
            "array types",
            format!("create table v (a int{});", "[]".repeat(many)),
        ),
        (
            "exists",
            format!(
                "create view v as select {}true{} as a;",
                "exists (select ".repeat(many),
                ")".repeat(many)
            ),
        ),
        (
            "is not null",
            format!(
                "create view v as select a{} as a from u;",
                " is not null".repeat(many)
            ),
        ),
        (
            "prefixes",
            format!(
                "create view v as select {} 1 as a;",
                "any all some ~ ! @ # ".repeat(many)
            ),
        ),
        (
            "collations",
            format!(
                "create view v as select a{} as a from u;",
                " collate x".repeat(many)
            ),
        ),
    ];
    let toml = "[[tier]]\nname = \"two\"\nfile = \"tiers/02.sql\"\ntransaction = \"release\"\n";
    let mut wrong = String::new();
    for (name, sql) in &hostile {
        let back = "drop view if exists v;\ndrop table if exists v;\ndrop table if exists t;\n";
        let first = "create table t (a bigint);\ndrop table old;\n";
        let files = [
            ("release.toml", toml),
            ("tiers/01.sql", first),
            ("tiers/02.sql", sql),
            ("rollback/01.sql", back),
        ];
        let release = Release::with(files);
        let begun = Instant::now();
        let (found, exit) = release.problems();
        let took = begun.elapsed();
        let rules: Vec<_> = found
            .iter()
            .map(|p| (text(&p["rule"]), text(&p["file"])))
            .collect();
        let rest: Vec<_> = rules
            .iter()
            .filter(|rule| **rule != ("ban-drop-table", "tiers/01.sql"))
            .collect();
        let told = rest.iter().all(|(rule, file)| {
            ["lint-incomplete", "syntax"].contains(rule) && *file == "tiers/02.sql"
        });
        if exit != Some(0)
            || rest.len() + 1 != rules.len()
            || !told
            || took > Duration::from_secs(60)
        {
            let _ = writeln!(wrong, "{name}: exit {exit:?}, {rules:?}, {took:?}");
        }
        println!(
            "{name}: {rest:?} {took:?} {}",
            found.last().map_or("", |p| text(&p["message"]))
        );
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Client of the real worker process; kills it at once if a statement contains the given word.
struct Killer(&'static str);

impl SquawkClient for Killer {
    fn ask(&self, question: &Question) -> Result<Answer, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgseal"));
        let command = command
            .arg("lint-worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        if question.statements.iter().any(|sql| sql.contains(self.0)) {
            child.kill().expect("our own process");
        }
        let body = serde_json::to_vec(question).expect("JSON");
        let mut stdin = child.stdin.take().expect("a pipe");
        let length = u32::try_from(body.len()).expect("short");
        // Writing to a killed process fails.
        let _ = stdin
            .write_all(&length.to_be_bytes())
            .and_then(|()| stdin.write_all(&body));
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        if output.status.success() {
            return Ok(serde_json::from_slice(&output.stdout).expect("an answer"));
        }
        Err(format!("killed by {:?}", output.status.signal()))
    }
}

#[test]
fn a_script_that_kills_the_process_hides_no_other() {
    let toml = "[[tier]]\nname = \"two\"\nfile = \"tiers/02.sql\"\ntransaction = \"release\"\n\
                [[tier]]\nname = \"three\"\nfile = \"tiers/03.sql\"\ntransaction = \"release\"\n";
    let (first, second, third) = (
        "create table t (a bigint);",
        "drop table deadly;",
        "drop table u;",
    );
    let files = [
        ("release.toml", toml),
        ("tiers/01.sql", first),
        ("tiers/02.sql", second),
        ("tiers/03.sql", third),
    ];
    let release = Release::with(files);
    let definition = Definition::read(&release.path()).unwrap_or_else(|error| panic!("{error}"));
    let found = pgseal::lint::warnings(&definition, &Killer("deadly"));
    let found: Vec<_> = found
        .iter()
        .map(|f| (f.problem.rule, f.problem.file.as_str(), &f.problem.message))
        .collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        (found[0].0, found[0].1),
        ("lint-incomplete", "tiers/02.sql")
    );
    assert!(found[0].2.contains("killed by Some(9)"), "{found:?}");
    assert_eq!((found[1].0, found[1].1), ("ban-drop-table", "tiers/03.sql"));
}

/// Client that only counts its calls.
#[derive(Default)]
struct Counter(AtomicUsize);

impl SquawkClient for Counter {
    fn ask(&self, _: &Question) -> Result<Answer, String> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Answer::default())
    }
}

#[test]
fn the_parser_is_asked_once_about_all_tiers_and_once_about_all_rollback_scripts() {
    let tier = |n| {
        format!("[[tier]]\nname = \"n{n}\"\nfile = \"tiers/n{n}.sql\"\ntransaction = \"release\"\n")
    };
    let release = Release::with([(
        "release.toml",
        (0..20).map(tier).collect::<String>().as_str(),
    )]);
    (0..20).for_each(|n| release.write(&format!("tiers/n{n}.sql"), "drop table u;\n"));
    let definition = Definition::read(&release.path()).unwrap_or_else(|error| panic!("{error}"));
    let counter = Counter::default();
    assert_eq!(pgseal::lint::warnings(&definition, &counter), []);
    assert_eq!(counter.0.into_inner(), 2);
}

/// Justifies the separate process: deep nesting, without the usual bound, does kill the parser.
#[test]
fn nesting_without_a_bound_ends_the_process_of_the_parser() {
    let (open, close) = ("(".repeat(1_000_000), ")".repeat(1_000_000));
    let statements = vec![format!("create view v as select {open}1{close} as a;")];
    let died = Killer("nobody").ask(&Question {
        rules: Vec::new(),
        statements,
    });
    assert_eq!(died, Err("killed by Some(6)".to_owned()));
}

#[test]
fn the_process_of_the_parser_takes_only_questions() {
    let release = Release::tier("create table t (a bigint);");
    let output = pgseal(&release.path(), &["lint-worker"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

// --- acknowledgements ---------------------------------------------------------------------------------------------

const DROPS: &str = "create table t (a bigint);\ndrop table u;\ndrop table w;\n";

fn acknowledge(lines: &str) -> String {
    format!("[[acknowledge]]\nrule = \"ban-drop-table\"\nfile = \"tiers/01.sql\"\n{lines}\n")
}

#[test]
fn acknowledged_warnings_are_a_count() {
    let toml = acknowledge("line = 2\nreason = \"Nobody\\u001b[31m reads u.\"");
    let release = Release::with([("release.toml", toml.as_str()), ("tiers/01.sql", DROPS)]);
    assert_eq!(release.open(), ["ban-drop-table tiers/01.sql:3"]);
    let output = release.lint(&[]);
    let shown = String::from_utf8(output.stdout).expect("text");
    assert!(!shown.contains("tiers/01.sql:2"), "{shown}");
    assert!(
        shown.contains("tiers/01.sql:3:1: warning [ban-drop-table]: "),
        "{shown}"
    );
    assert!(
        shown.ends_with("small 1.0.0: 1 warning, 1 acknowledged\n"),
        "{shown}"
    );
    assert_eq!(release.lint(&["--strict"]).status.code(), Some(2));
    let all = acknowledge("reason = \"Nobody reads them.\"");
    let release = Release::with([("release.toml", all.as_str()), ("tiers/01.sql", DROPS)]);
    assert_eq!(release.lint(&["--strict"]).status.code(), Some(0));
}

#[test]
fn acknowledgements_are_checked() {
    for (lines, says) in [
        (acknowledge("reason = \" \""), "the reason is empty"),
        (acknowledge(""), "missing field"),
        (
            acknowledge("reason = \"x\"").replace("ban-drop-table", "ban-drop"),
            "no lint rule",
        ),
        (
            acknowledge("reason = \"x\"").replace("ban-drop-table", "dispatch"),
            "is an error",
        ),
        (
            acknowledge("reason = \"x\"").replace("ban-drop-table", "stale-acknowledgement"),
            "removed, not",
        ),
        (
            acknowledge("reason = \"x\"").replace("01.sql", "02.sql"),
            "no file",
        ),
        (
            acknowledge("line = 0\nreason = \"x\""),
            "a whole number from 1 to",
        ),
    ] {
        let release = Release::with([("release.toml", lines.as_str()), ("tiers/01.sql", DROPS)]);
        let (found, exit) = release.problems();
        assert_eq!(exit, Some(2), "{lines}");
        assert!(
            found
                .iter()
                .any(|p| text(&p["message"]).contains(says) && p["line"].is_u64()),
            "{found:?}"
        );
    }
}

/// Makes the keys k, r and l, and the trust root t.json with k for releases.
fn trust(dir: &Path) {
    for key in ["k", "r", "l"] {
        assert!(
            pgseal(dir, &["keygen", key, "--no-passphrase"])
                .status
                .success()
        );
    }
    let trust = [
        "trust",
        "init",
        "t.json",
        "--root-key",
        "r.key",
        "--role",
        "release:1=k.pub",
        "--role",
        "l2:1=l.pub",
    ];
    assert!(pgseal(dir, &trust).status.success());
}

#[test]
fn pack_counts_and_packs_and_the_manifest_has_them() {
    let toml = acknowledge("line = 2\nreason = \"Nobody reads u.\"");
    let release = Release::with([("release.toml", toml.as_str()), ("tiers/01.sql", DROPS)]);
    let dir = release.0.path();
    trust(dir);
    let packed = pgseal(dir, &["pack", "dir", "-o", "a.pgseal", "--key", "k.key"]);
    assert!(packed.status.success());
    let stderr = String::from_utf8_lossy(&packed.stderr);
    let line = "pgseal: warning: 1 warning not acknowledged, 1 acknowledged; `pgseal lint dir` shows those that are not";
    assert!(stderr.lines().any(|shown| shown == line), "{stderr}");
    let says = "acknowledged warning [ban-drop-table] tiers/01.sql:2: Nobody reads u.\n";
    let shown = pgseal(dir, &["inspect", "a.pgseal", "--trust", "t.json"]);
    assert!(
        String::from_utf8_lossy(&shown.stdout).contains(says),
        "{shown:?}"
    );
    let approved = pgseal(
        dir,
        &[
            "approve", "a.pgseal", "--key", "l.key", "--role", "l2", "--yes", "other", "--trust",
            "t.json",
        ],
    );
    assert_eq!(approved.status.code(), Some(2), "asked, and not approved");
    assert!(
        String::from_utf8_lossy(&approved.stdout).contains(says),
        "{approved:?}"
    );
    let document = pgseal(dir, &["inspect", "a.pgseal", "--trust", "t.json", "--json"]);
    let document: Value = serde_json::from_slice(&document.stdout).expect("JSON");
    let expected = json!([{ "rule": "ban-drop-table", "file": "tiers/01.sql", "line": 2, "reason": "Nobody reads u." }]);
    assert_eq!(document["manifest"]["acknowledged"], expected);
}

/// Approvers read one line for a rule and a reason, however many places it has.
#[test]
fn acknowledgements_of_one_reason_are_one_line() {
    let line = |n: u32, reason: &str| acknowledge(&format!("line = {n}\nreason = \"{reason}\""));
    let toml = [
        line(2, "Nobody\\u001b[31m reads them."),
        line(3, "Nobody\\u001b[31m reads them."),
        line(4, "Empty."),
    ];
    let drops = format!("{DROPS}drop table x;\n");
    let release = Release::with([
        ("release.toml", toml.concat().as_str()),
        ("tiers/01.sql", &drops),
    ]);
    let dir = release.0.path();
    trust(dir);
    let packed = pgseal(dir, &["pack", "dir", "-o", "a.pgseal", "--key", "k.key"]);
    let stderr = String::from_utf8_lossy(&packed.stderr);
    assert!(stderr.contains("3 warnings acknowledged"), "{stderr}");
    let shown = pgseal(dir, &["inspect", "a.pgseal", "--trust", "t.json"]);
    let shown = String::from_utf8_lossy(&shown.stdout);
    let lines: Vec<&str> = shown
        .lines()
        .filter(|line| line.contains("ban-drop"))
        .collect();
    assert_eq!(
        lines,
        [
            "acknowledged warning [ban-drop-table] (2 places): Nobody\\u{1b}[31m reads them.",
            "acknowledged warning [ban-drop-table] tiers/01.sql:4: Empty.",
        ]
    );
    let report = pgseal(
        dir,
        &[
            "report", "a.pgseal", "--trust", "t.json", "--format", "html",
        ],
    );
    let report = String::from_utf8_lossy(&report.stdout);
    assert!(
        report.contains("<p>[ban-drop-table] tiers/01.sql:4: Empty.</p>"),
        "{report}"
    );
}

// --- SARIF --------------------------------------------------------------------------------------------------------

#[test]
fn sarif_is_what_its_schema_says() {
    let schema: Value =
        serde_json::from_str(include_str!("sarif-2.1.0.schema.json")).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let toml = acknowledge("line = 2\nreason = \"Nobody reads u.\"");
    let release = Release::with([("release.toml", toml.as_str()), ("tiers/01.sql", DROPS)]);
    let broken = Release::tier("create table t (a bigint);\ncommit;\n");
    let clean = Release::tier("create table t (a bigint);\n");
    let mut levels = BTreeMap::new();
    for (release, exit) in [(&release, 0), (&broken, 2), (&clean, 0)] {
        let output = release.lint(&["--sarif"]);
        assert_eq!(output.status.code(), Some(exit));
        let log: Value = serde_json::from_slice(&output.stdout).expect("one document");
        let faults: Vec<String> = schema
            .iter_errors(&log)
            .map(|error| error.to_string())
            .collect();
        assert!(faults.is_empty(), "{faults:?}");
        let run = &log["runs"][0];
        for result in run["results"].as_array().expect("a list") {
            let index = result["ruleIndex"].as_u64().expect("a rule") as usize;
            assert_eq!(
                run["tool"]["driver"]["rules"][index]["id"],
                result["ruleId"]
            );
            let at = &result["locations"][0]["physicalLocation"];
            let key = format!(
                "{}:{}",
                text(&at["artifactLocation"]["uri"]),
                at["region"]["startLine"]
            );
            levels.insert(
                key,
                (
                    text(&result["level"]).to_owned(),
                    result["suppressions"].clone(),
                ),
            );
        }
    }
    let accepted =
        json!([{ "kind": "external", "status": "accepted", "justification": "Nobody reads u." }]);
    // `commit` in one release and the drop in the other are on the same line; the error was inserted last.
    assert_eq!(levels["tiers/01.sql:3"], ("warning".to_owned(), json!([])));
    assert_eq!(levels["tiers/01.sql:2"].0, "error");
    let output = release.lint(&["--sarif"]);
    let log: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(log["runs"][0]["results"][0]["suppressions"], accepted);
    assert_eq!(release.lint(&["--sarif", "--json"]).status.code(), Some(2));
}
