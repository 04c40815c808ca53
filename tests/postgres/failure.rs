//! Runs that fail inside their transaction: exit 30, the error's position, and an unchanged database.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::small;
use pgseal_testkit::cluster::TestDatabase;
use pgseal_testkit::release::{Answer, Release, Running, assert_same, dump, wait_until};

/// Packs and runs; expects exit 30, an equal dump, no ledger, and a matching receipt.
#[track_caller]
fn fails(prefix: &str, change: impl FnOnce(Release) -> Release, words: &[&str]) -> Answer {
    let (db, release, site) = small(prefix);
    let bundle = site.pack(&change(release));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let answer = operator.run();
    answer.fails_saying(30, &[words, &["the database is as before"]].concat());
    unchanged(&db, &before);
    let receipt = operator.receipt();
    assert_eq!(receipt["outcome"], "unchanged");
    assert!(receipt["error"].is_string(), "{receipt}");
    assert_eq!(operator.unfinished(), [""; 0]);
    let text = operator.status_text();
    assert!(text.contains("the last attempt failed: run of "), "{text}");
    operator.rollback().done().says(&["nothing to do"]);
    answer
}

#[track_caller]
fn unchanged(db: &TestDatabase<'_>, before: &str) {
    assert_same(before, &dump(db));
    assert_eq!(db.ask("select to_regclass('pgseal.ledger') is null"), "t");
}

#[test]
fn a_tier_with_a_syntax_error() {
    let sql =
        "create table public.more (a integer);\n\n  insert into public.more\n  vallues (1);\n";
    let answer = fails(
        "syntax",
        |release| release.tier("broken", sql),
        &["tiers/broken.sql:4:3", "syntax error at or near"],
    );
    let caret = answer
        .stderr
        .lines()
        .position(|line| line.trim_end().ends_with("^"))
        .unwrap();
    let lines: Vec<&str> = answer.stderr.lines().collect();
    // The caret is below the word.
    assert_eq!(
        lines[caret].find('^'),
        lines[caret - 1].find("vallues"),
        "{answer}"
    );
}

#[test]
fn a_tier_that_violates_a_constraint() {
    let sql = "insert into public.widgets values (3, 'three');\ninsert into public.widgets values (1, 'again');\n";
    fails(
        "constraint",
        |release| release.tier("broken", sql),
        &[
            "tiers/broken.sql:2:1",
            "duplicate key value",
            "SQLSTATE 23505",
            "Key (id)=(1) already exists",
        ],
    );
}

#[test]
fn an_error_inside_a_function() {
    let sql = "create function public.half(n integer) returns integer language plpgsql as $$\nbegin\n  return n / 0;\nend $$;\n\
               select public.half(1);\n";
    fails(
        "inside",
        |release| release.tier("broken", sql),
        &[
            "tiers/broken.sql:5:1",
            "division by zero",
            "function half(integer) line 3",
        ],
    );
}

#[test]
fn an_error_inside_an_included_file() {
    let tier = "select 1;\n\\ir common/outer.sql\n";
    let outer = "-- outer\n\n\\ir inner.sql\n";
    let inner = "select 1;\nselect 2,\n       nobody\nfrom public.widgets;\n";
    let change = |release: Release| {
        let release = release
            .tier("broken", tier)
            .file("tiers/common/outer.sql", outer);
        release.file("tiers/common/inner.sql", inner)
    };
    fails(
        "included",
        change,
        &[
            "tiers/common/inner.sql:3:8",
            "tiers/common/outer.sql:3",
            "tiers/broken.sql:2",
            "column \"nobody\" does not exist",
        ],
    );
}

#[test]
fn data_that_do_not_fit() {
    let sql = "copy public.widgets from stdin;\n3\tthree\nfour\tfour\n\\.\n";
    fails(
        "copy",
        |release| release.tier("broken", sql),
        &[
            "tiers/broken.sql:1:1",
            "invalid input syntax for type integer",
            "COPY widgets, line 2, column id",
            "data: tiers/broken.sql:3",
        ],
    );
    let sql = "insert into public.widgets values (3, 'three');\n/* a\ncomment */ copy public.widgets\n  from stdin;\n4\tfour\n4\tfour\n\\.\n";
    fails(
        "copydup",
        |release| release.tier("broken", sql),
        &[
            "tiers/broken.sql:2:1",
            "duplicate key",
            "Key (id)=(4)",
            "data: tiers/broken.sql:6",
        ],
    );
}

/// Generates 2,000 plain statements, each on the line of its number; `broken` replaces the one on line `at`.
fn many(at: usize, broken: &str) -> String {
    let mut sql = String::from("create table public.many (id integer primary key);\n");
    for n in 2..2_000 {
        match n == at {
            true => sql.push_str(&format!("{broken}\n")),
            false => sql.push_str(&format!("insert into public.many values ({n});\n")),
        }
    }
    sql
}

/// The statements are sent in batches; an error still has its own position.
#[test]
fn one_statement_of_a_batch() {
    let broken = [
        (
            "insert into public.many values (7);",
            "1234:1",
            "23505",
            "Key (id)=(7) already exists",
        ),
        (
            "insert into public.many values ('größe');",
            "1234:33",
            "22P02",
            "invalid input syntax",
        ),
        (
            "insert into public.many values (nobody);",
            "1234:33",
            "42703",
            "column \"nobody\" does not exist",
        ),
        (
            "insert vallues;",
            "1234:8",
            "42601",
            "syntax error at or near \"vallues\"",
        ),
        (
            "-- größe\nselect 1 /\n  0;",
            "1235:1",
            "22012",
            "division by zero",
        ),
    ];
    for (sql, place, code, words) in broken {
        fails(
            "batch",
            |release| release.tier("broken", &many(1_234, sql)),
            &[&format!("tiers/broken.sql:{place}: "), code, words],
        );
    }
}

#[test]
fn the_first_and_the_last_statement_of_a_batch() {
    for at in [2, 201, 202, 1_999] {
        let sql = many(at, "delete from nowhere;");
        fails(
            "edge",
            |release| release.tier("broken", &sql),
            &[&format!("tiers/broken.sql:{at}:13: ")],
        );
    }
}

/// Statements before an error of the script itself are executed first, and may fail first.
#[test]
fn a_batch_before_something_that_is_refused() {
    let sql = "insert into public.widgets values (1, 'again');\nselect :n;\n";
    let (db, release, site) = small("before");
    let bundle = site.pack(&release.variable("n").tier("broken", sql));
    let operator = site.operator(&bundle, &db.url()).variable("n", "1;2");
    operator
        .run()
        .fails_saying(30, &["tiers/broken.sql:1:1", "23505"]);
}

#[test]
fn lines_around_the_place() {
    let sql = "select 1;\ninsert into public.widgets\n    select 3,\n           nothing\n    from public.widgets;\n";
    let answer = fails(
        "around",
        |release| release.tier("broken", sql),
        &["tiers/broken.sql:4:12", "SQLSTATE 42703"],
    );
    let lines: Vec<&str> = answer
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("pgseal: error:   "))
        .collect();
    assert_eq!(
        lines,
        [
            "3 |     select 3,",
            "4 |            nothing",
            "  |            ^",
            "5 |     from public.widgets;"
        ]
    );
}

/// The failure in JSON fields, for programs.
#[test]
fn a_failure_as_a_document() {
    let (db, release, site) = small("document");
    let sql = "create function public.half(n integer) returns integer language plpgsql as $$\nbegin\n  \
               raise exception 'no halves of %', n using detail = 'n is whole', hint = 'take 2', errcode = 'PG001';\nend $$;\n\
               insert into public.widgets values (3, 'three');\nselect public.half(1);\n";
    let bundle = site.pack(&release.tier("broken", sql));
    let operator = site.operator(&bundle, &db.url());
    let document = operator.json("run");
    let expected = json!({
        "at": "tiers/broken.sql:6:1",
        "message": "no halves of 1",
        "sqlstate": "PG001",
        "detail": "n is whole",
        "hint": "take 2",
        "context": "PL/pgSQL function half(integer) line 3 at RAISE",
        "excerpt": "6 | select public.half(1);",
        "connection_lost": false,
    });
    assert_eq!(document["failure"], expected);
    assert_eq!(
        document["result"]["error"],
        "tiers/broken.sql:6:1: no halves of 1 (SQLSTATE PG001); n is whole"
    );
    operator.run().fails_saying(
        30,
        &[
            "detail: n is whole",
            "context: PL/pgSQL function",
            "hint: the server says: take 2",
        ],
    );
}

/// A run always stops at the first error, even if the script tells psql to go on.
#[test]
fn a_script_that_would_go_on() {
    let (db, release, site) = small("goeson");
    let sql = "\\set ON_ERROR_STOP 0\ninsert into public.widgets values (1, 'again');\ninsert into public.widgets values (3, 'three');\n";
    let bundle = site.pack(&release.tier("broken", sql));
    let before = dump(&db);
    site.operator(&bundle, &db.url())
        .run()
        .fails_saying(30, &["tiers/broken.sql:2:1", "23505"]);
    unchanged(&db, &before);
}

#[test]
fn a_verify_script_that_does_not_hold() {
    let sql = "select 'two widgets' as name, count(*) = 2 as ok, count(*)::text as detail from public.widgets\n\
               union all select 'three widgets', count(*) = 3, count(*) || ' found' from public.widgets;\n";
    fails(
        "verify",
        |release| release.verify("widgets", "finalized", "read-only", sql),
        &["a verify script does not hold: widgets 1/2: three widgets: 2 found"],
    );
}

#[test]
fn a_check_that_is_null_does_not_hold() {
    let sql = "select 'unknown' as name, null::boolean as ok, 'nobody knows' as detail;\n";
    fails(
        "nullcheck",
        |release| release.verify("unknown", "finalized", "read-only", sql),
        &["unknown 0/1"],
    );
}

#[test]
fn a_verify_script_with_an_error() {
    let sql = "select 1 / (count(*) - 2) from public.widgets;\n";
    fails(
        "verifyerr",
        |release| release.verify("broken", "any", "read-only", sql),
        &["verify/broken.sql:1:1", "division by zero"],
    );
}

#[test]
fn a_read_only_verify_script_that_writes() {
    let sql = "insert into public.widgets values (9, 'nine');\n";
    fails(
        "verifywrite",
        |release| release.verify("writes", "finalized", "read-only", sql),
        &["verify/writes.sql:1:1", "read-only transaction"],
    );
}

#[test]
fn what_a_verify_script_writes_is_rolled_back() {
    let (db, release, site) = small("rehearsal");
    let sql = "insert into public.widgets values (9, 'nine');\n\
               select 'three' as name, count(*) = 3 as ok, count(*)::text as detail from public.widgets;\n";
    let bundle = site.pack(&release.verify("rehearsal", "finalized", "rolled-back", sql));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done().says(&["verify rehearsal 1/1"]);
    assert_eq!(db.ask("select count(*) from public.widgets"), "2");
    operator.check().done();
    assert_eq!(db.ask("select count(*) from public.widgets"), "2");
}

#[test]
fn a_state_that_is_not_finalized() {
    let probe = "select count(*) as widgets, min(name) as first from public.widgets;\n";
    fails(
        "state",
        |release| release.finalized(probe, "{ widgets = 3, first = \"one\" }"),
        &["the state would not be finalized: widgets is 2, expected 3"],
    );
}

#[test]
fn a_deferred_constraint_that_is_violated_at_the_end() {
    let sql = "create table public.parts (widget integer references public.widgets deferrable initially deferred);\n\
               insert into public.parts values (7);\n";
    fails(
        "deferred",
        |release| release.tier("parts", sql),
        &["deferred constraint", "parts_widget_fkey"],
    );
}

#[test]
fn transaction_control_in_a_procedure() {
    let sql = "create procedure public.escape() language plpgsql as $$ begin commit; end $$;\n\ncall public.escape();\n";
    fails(
        "procedure",
        |release| release.tier("escape", sql),
        &["tiers/escape.sql:3:1", "invalid transaction termination"],
    );
    let sql = "do $$ begin rollback; end $$;\n";
    fails(
        "do",
        |release| release.tier("escape", sql),
        &["tiers/escape.sql:1:1", "invalid transaction termination"],
    );
}

#[test]
fn a_gate_that_closes_meanwhile() {
    let (db, release, site) = small("closes");
    // The tier waits for a lock until the approval is deleted.
    let release = release
        .tier("waits", "insert into public.approvals_seen select 1;\n")
        .limits("30s", "1min");
    db.client()
        .batch_execute("create table public.approvals_seen (n integer)")
        .unwrap();
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let mut other = db.client();
    other
        .batch_execute("begin; lock table public.approvals_seen in access exclusive mode")
        .unwrap();
    let run = operator.start("run");
    wait_until("the tier waits", || {
        db.ask("select count(*) from pg_locks where not granted and relation = 'public.approvals_seen'::regclass")
            == "1"
    });
    other
        .batch_execute("delete from public.approvals; commit")
        .unwrap();
    let before = dump(&db);
    run.end()
        .fails_saying(30, &["gate approved closed meanwhile: 0 approvals"]);
    unchanged(&db, &before);
    let gates = operator.receipt()["gates"].clone();
    assert_eq!(
        gates.as_array().unwrap().last().unwrap()["ready"],
        json!(false),
        "{gates}"
    );
}

/// The gate closes between its answer on its own connection and the first statement of the transaction.
#[test]
fn a_gate_that_closes_because_of_the_release_itself() {
    fails(
        "itself",
        |release| release.tier("closes", "delete from public.approvals;\n"),
        &["closed meanwhile"],
    );
}

#[test]
fn a_lock_that_is_not_to_be_had() {
    let (db, release, site) = small("locked");
    db.client()
        .batch_execute("create table public.busy (n integer)")
        .unwrap();
    let bundle = site.pack(
        &release
            .tier("waits", "\nalter table public.busy add m integer;\n")
            .limits("300ms", "1min"),
    );
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let mut other = db.client();
    other
        .batch_execute("begin; lock table public.busy in access share mode")
        .unwrap();
    operator
        .run()
        .fails_saying(30, &["tiers/waits.sql:2:1", "lock timeout", "55P03"]);
    other.batch_execute("rollback").unwrap();
    unchanged(&db, &before);
    operator.run().done();
}

#[test]
fn a_statement_that_takes_too_long() {
    let change = |release: Release| {
        release
            .tier("slow", "select pg_sleep(60);\n")
            .limits("1s", "400ms")
    };
    fails(
        "toolong",
        change,
        &["tiers/slow.sql:1:1", "statement timeout", "57014"],
    );
}

/// The output when a colleague cancels the statement by `pg_cancel_backend`.
#[test]
fn a_statement_that_somebody_cancels() {
    let (db, release, site) = small("cancelled");
    let bundle = site.pack(&release.tier("slow", "select pg_sleep(60);\n"));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let run = operator.start("run");
    let cancel = "select count(pg_cancel_backend(pid)) from pg_stat_activity
                  where query like 'select pg_sleep(60)%' and datname = current_database()";
    wait_until("the tier is cancelled", || db.ask(cancel) == "1");
    run.end()
        .fails_saying(30, &["tiers/slow.sql:1:1", "canceling statement"]);
    unchanged(&db, &before);
}

/// Each of two sessions holds the lock that the other wants: the server aborts one and reports why.
#[test]
fn a_deadlock() {
    let (db, release, site) = small("deadlock");
    db.client()
        .batch_execute("create table public.a (n integer); create table public.b (n integer)")
        .unwrap();
    let sql = "lock table public.a;\nselect pg_sleep(0.5);\nlock table public.b;\n";
    let bundle = site.pack(&release.tier("locks", sql).limits("30s", "1min"));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let mut other = db.client();
    other
        .batch_execute("set deadlock_timeout = '10s'; begin; lock table public.b")
        .unwrap();
    // A retry would get its locks; see locks.rs.
    let run = Running::of(operator.command("run").args(["--lock-retries", "0"]));
    wait_until("it holds a", || {
        db.ask("select count(*) from pg_locks where relation = 'public.a'::regclass and mode = 'AccessExclusiveLock'")
            == "1"
    });
    thread::sleep(Duration::from_millis(700));
    let waiting = thread::spawn(move || other.batch_execute("lock table public.a; rollback"));
    run.end()
        .fails_saying(30, &["tiers/locks.sql:3:1", "deadlock detected"]);
    waiting.join().unwrap().unwrap();
    unchanged(&db, &before);
}
