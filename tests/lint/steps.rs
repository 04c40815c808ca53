//! Tiers with `transaction = "none"`: which of them pack, which don't, and the findings about their rollback scripts.

use serde_json::{Value, json};

use super::{Release, pgseal, text};

/// Renders a tier without a transaction; its script is `tiers/NAME.sql`.
fn tiers(names: &[(&str, &str)]) -> String {
    let tier = |(name, transaction): &(&str, &str)| {
        format!(
            "[[tier]]\nname = \"{name}\"\nfile = \"tiers/{name}.sql\"\ntransaction = \"{transaction}\"\n"
        )
    };
    names.iter().map(tier).collect()
}

/// Returns lint's output without the last line.
fn said(release: &Release) -> String {
    let output = release.lint(&[]);
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines()
        .filter(|line| !line.starts_with("small 1.0.0: "))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn what_a_step_may_not_be() {
    let release = Release::with([
        ("release.toml", tiers(&[("steps", "none")]).as_str()),
        (
            "tiers/steps.sql",
            "create index concurrently on t (a);
begin;
vacuum t\\; analyze t;
select 1 as one \\gset
select 'vacuum' \\gexec
select $1 \\bind 1 \\g
select 1 \\gdesc
create temp table x (a int);
listen a;
  set local work_mem = '1MB';
set session authorization somebody;
update t set a = 1;
\\if :ROW_COUNT
\\endif
drop index concurrently
  a, b;
create database d;
",
        ),
        (
            "rollback/01.sql",
            "drop index concurrently if exists t_a;\nvacuum;\ndrop table if exists t;\n",
        ),
    ]);
    let resumed =
        "a resumed run has no answers of the statements before; put it into a transactional tier";
    let lost = "the next step, or a resumed run, would not find it; SET keeps settings, the rest belongs into a transactional tier";
    let names = "write the names out, or run it by hand, apart from the release";
    let expected = format!(
        "tiers/steps.sql:2:1: error [transaction-control]: transaction control (BEGIN) in a script whose statements commit one by one
    pgseal begins and ends transactions; remove the statement
outside-transaction, 2 places
rollback/01.sql:1:1: error [outside-transaction]: DROP INDEX CONCURRENTLY can't run inside a transaction
    a rollback is one transaction: DROP INDEX IF EXISTS without CONCURRENTLY
rollback/01.sql:2:1: error [outside-transaction]: VACUUM can't run inside a transaction
    a rollback is one transaction: leave it out, and let the operator's runbook say what is to be done by hand
unknown-outcome, 3 places
    {names}
tiers/steps.sql:1:1: error [unknown-outcome]: pgseal cannot find out after a crash how this ended: CREATE INDEX CONCURRENTLY without a plain name
tiers/steps.sql:15:1: error [unknown-outcome]: pgseal cannot find out after a crash how this ended: DROP INDEX CONCURRENTLY of anything but one plain name
tiers/steps.sql:17:1: error [unknown-outcome]: pgseal cannot find out after a crash how this ended: CREATE or DROP DATABASE
not-repeatable, 8 places
tiers/steps.sql:4:1: error [not-repeatable]: \\gset in a tier without a transaction
    {resumed}
tiers/steps.sql:5:1: error [not-repeatable]: \\gexec in a tier without a transaction
    {resumed}
tiers/steps.sql:6:1: error [not-repeatable]: \\bind in a tier without a transaction
    {resumed}
tiers/steps.sql:7:1: error [not-repeatable]: \\gdesc in a tier without a transaction
    {resumed}
tiers/steps.sql:8:1: error [not-repeatable]: a temporary object in a tier without a transaction
    {lost}
tiers/steps.sql:9:1: error [not-repeatable]: LISTEN in a tier without a transaction
    {lost}
tiers/steps.sql:10:3: error [not-repeatable]: SET LOCAL in a tier without a transaction
    {lost}
tiers/steps.sql:12:1: error [not-repeatable]: ROW_COUNT in a tier without a transaction
    a resumed run doesn't know how many rows the statement before had; put it into a transactional tier
tiers/steps.sql:3:1: error [joined-statements]: statements joined by \\; in a tier without a transaction
    each statement is a step of its own: end each with a plain semicolon
tiers/steps.sql:11:1: error [session-change]: a change of the session's user in a script
    pgseal and the server would no longer agree on what runs, or as whom
tiers/steps.sql:9:1: error [dispatch]: LISTEN could reach outside of the database
    if that is meant, name it in the tier: dispatch = [\"LISTEN\"]
"
    );
    assert_eq!(said(&release), expected);
    let packed = pgseal(&release.path(), &["pack", ".", "-o", "../x.pgseal"]);
    assert_eq!(packed.status.code(), Some(2));
    let error = String::from_utf8_lossy(&packed.stderr).into_owned();
    assert!(
        error.contains("tiers/steps.sql:10:3: SET LOCAL in a tier without a transaction"),
        "{error}"
    );
}

/// Writes a release with three such tiers among transactional ones.
fn mixed() -> Release {
    Release::with([
        (
            "release.toml",
            (tiers(&[
                ("index", "none"),
                ("partition", "none"),
                ("rows", "release"),
                ("server", "none"),
            ]) + "dispatch = [\"ALTER SYSTEM\"]\n")
                .as_str(),
        ),
        (
            "tiers/index.sql",
            "set maintenance_work_mem = '1GB';\n-- the index\ncreate index concurrently t_a\n    on t (a);\nvacuum (analyze) t;\n",
        ),
        (
            "tiers/partition.sql",
            "alter table u detach partition u_2020 concurrently;
insert into v values (1);
insert into v values (2);
insert into v values (3);
do $$ begin null; end $$;
",
        ),
        ("tiers/rows.sql", "create table w (a bigint);\n"),
        (
            "tiers/server.sql",
            "alter system set wal_compression = on;\n",
        ),
        (
            "rollback/01.sql",
            "drop table w;
delete from v;
alter table u attach partition u_2020 for values from (1) to (2);
drop index if exists t_a;
drop table t;
",
        ),
    ])
}

const POINTS: &str = "commits alone                         statement                                           a rollback from there on
index 1        tiers/index.sql:1      set maintenance_work_mem = '1GB'                    nothing to undo
index 2        tiers/index.sql:3      create index concurrently t_a on t (a)              undone at rollback/01.sql:4
index 3        tiers/index.sql:5      vacuum (analyze) t                                  nothing to undo
partition 1    tiers/partition.sql:1  alter table u detach partition u_2020 concurrently  undone at rollback/01.sql:3
partition 2-4  tiers/partition.sql:2  insert into v values (1) and 2 more                 undone at rollback/01.sql:2
partition 5    tiers/partition.sql:5  do $$ begin null; end $$                            NOT SEEN to be undone
server 1       tiers/server.sql:1     alter system set wal_compression = on               NOT UNDONE: wal_compression stays in postgresql.auto.conf; ALTER SYSTEM by hand puts the old value back
";

#[test]
fn what_a_rollback_at_each_point_would_do() {
    let release = mixed();
    let expected = format!(
        "tiers/server.sql:1:1: warning [cannot-be-undone]: a rollback can't undo this: wal_compression stays in postgresql.auto.conf; ALTER SYSTEM by hand puts the old value back
    say in the operator's runbook what is to be done by hand after a rollback, and acknowledge
tiers/partition.sql:5:1: warning [undo-unseen]: no rollback script is seen to undo this
    take it back in a rollback script, or acknowledge that it may stay
rollback-not-from-every-point, 2 places
    write IF EXISTS or IF NOT EXISTS, or ask first: \\gset and \\if
rollback/01.sql:1:1: warning [rollback-not-from-every-point]: this fails where the table w is not there yet: a run can stop between two commits
rollback/01.sql:3:1: warning [rollback-not-from-every-point]: this fails where the partition u_2020 is still attached: a run can stop between two commits
{POINTS}"
    );
    assert_eq!(said(&release), expected);
    let packed = pgseal(&release.path(), &["pack", ".", "-o", "../x.pgseal"]);
    assert_eq!(
        packed.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&packed.stderr)
    );
    let answer = String::from_utf8(packed.stdout).expect("text");
    assert!(answer.ends_with(POINTS), "{answer}");
    let packed = pgseal(
        &release.path(),
        &["pack", ".", "-o", "../x.pgseal", "--json"],
    );
    let document: Value = serde_json::from_slice(&packed.stdout).expect("a document");
    let points = document["points"].as_array().expect("a list");
    assert_eq!(points.len(), 7);
    assert_eq!(
        points[1],
        json!({
            "tier": "index", "number": 2, "count": 1, "file": "tiers/index.sql", "line": 3,
            "statement": "create index concurrently t_a on t (a)", "runs": "outside",
            "after_a_crash": "the index is valid, INVALID or absent", "rollback": "by", "detail": "rollback/01.sql:4:1",
        })
    );
    let runs: Vec<&str> = points.iter().map(|point| text(&point["runs"])).collect();
    assert_eq!(
        runs,
        [
            "setting",
            "outside",
            "outside",
            "outside",
            "transaction",
            "outside",
            "outside"
        ]
    );
    let rollback: Vec<&str> = points
        .iter()
        .map(|point| text(&point["rollback"]))
        .collect();
    assert_eq!(
        rollback,
        ["nothing", "by", "nothing", "by", "by", "unseen", "left"]
    );
}

#[test]
fn a_release_of_one_transaction_has_no_points() {
    let release = Release::tier("create table t (a bigint);\n");
    assert_eq!(said(&release), "");
    let document: Value =
        serde_json::from_slice(&release.lint(&["--json"]).stdout).expect("a document");
    assert_eq!(document["points"], json!([]));
}

#[test]
fn a_file_that_is_included_twice_counts_twice() {
    let release = Release::with([
        ("release.toml", tiers(&[("steps", "none")]).as_str()),
        (
            "tiers/steps.sql",
            "\\ir ../more/vacuum.sql\nanalyze t;\n\\ir ../more/vacuum.sql\n",
        ),
        ("more/vacuum.sql", "vacuum t;\n"),
    ]);
    let document: Value =
        serde_json::from_slice(&release.lint(&["--json"]).stdout).expect("a document");
    let points = document["points"].as_array().expect("a list");
    let places: Vec<_> = points
        .iter()
        .map(|point| (point["number"].as_u64(), text(&point["file"])))
        .collect();
    let expected = [
        (Some(1), "more/vacuum.sql"),
        (Some(2), "tiers/steps.sql"),
        (Some(3), "more/vacuum.sql"),
    ];
    assert_eq!(places, expected);
}

/// A rollback script with conditions works from every stopping point.
#[test]
fn conditions_count_as_asking_first() {
    let steps = tiers(&[("index", "none")]);
    let files = |rollback| {
        Release::with([
            ("release.toml", steps.as_str()),
            (
                "tiers/index.sql",
                "create index concurrently t_a on t (a);\n",
            ),
            ("rollback/01.sql", rollback),
        ])
    };
    assert_eq!(
        files("drop index t_a;\ndrop table t;\n").open(),
        ["rollback-not-from-every-point rollback/01.sql:1"]
    );
    let asked = "select to_regclass('t_a') is not null as there \\gset\n\\if :there\ndrop index t_a;\n\\endif\ndrop table t;\n";
    assert_eq!(files(asked).open(), Vec::<String>::new());
    assert_eq!(
        files("drop index if exists t_a;\ndrop table t;\n").open(),
        Vec::<String>::new()
    );
    assert_eq!(
        files("drop table t;\n").open(),
        Vec::<String>::new(),
        "the index goes with its table"
    );
    assert_eq!(
        files("drop schema s cascade;\ndrop table if exists t;\n").open(),
        Vec::<String>::new()
    );
}
