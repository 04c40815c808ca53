//! Gates without a valid answer, and gates with side effects. All of them run as superuser, to whom the server itself
//! forbids nothing.

use super::small;
use pgseal_testkit::cluster::GATE_USER;
use pgseal_testkit::release::{assert_same, dump};

/// Asserts that a gate packs, closes with exit 21 and these words, and leaves no change.
#[track_caller]
fn unanswered(prefix: &str, prepare: &str, gate: &str, words: &[&str]) {
    let (db, release, site) = small(prefix);
    db.client().batch_execute(prepare).unwrap();
    let bundle = site.pack(&release.gate("approved", gate).limits("400ms", "700ms"));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let words = [words, &["gate approved could not be answered"]].concat();
    operator.gate().fails_saying(21, &words);
    operator.run().fails_saying(21, &words);
    assert_eq!(operator.plan().code, 21);
    assert_same(&before, &dump(&db));
    assert!(
        !site.path("receipts").exists(),
        "a refused run leaves no file"
    );
}

#[test]
fn no_row() {
    unanswered(
        "norow",
        "",
        "select true as ready, 'x' as reason where false;\n",
        &["no row"],
    );
}

#[test]
fn two_rows() {
    unanswered(
        "tworows",
        "",
        "select true as ready, 'x' as reason from generate_series(1, 2);\n",
        &["more than one row"],
    );
}

#[test]
fn ready_is_null() {
    unanswered(
        "readynull",
        "",
        "select null::boolean as ready, 'x' as reason;\n",
        &["column \"ready\" is NULL"],
    );
}

#[test]
fn reason_is_null() {
    unanswered(
        "reasonnull",
        "",
        "select true as ready, null::text as reason;\n",
        &["column \"reason\" is NULL"],
    );
}

#[test]
fn no_boolean() {
    unanswered(
        "number",
        "",
        "select 1 as ready, 'x' as reason;\n",
        &["not a boolean"],
    );
    unanswered(
        "text",
        "",
        "select 'true' as ready, 'x' as reason;\n",
        &["not a boolean"],
    );
}

/// A text that looks like a boolean's output is not one.
#[test]
fn a_text_that_looks_like_a_boolean() {
    unanswered(
        "looks",
        "",
        "select 't'::text as ready, 'x' as reason;\n",
        &["not a boolean"],
    );
}

#[test]
fn no_column() {
    unanswered(
        "noready",
        "",
        "select true as redy, 'x' as reason;\n",
        &["no column \"ready\""],
    );
    unanswered(
        "noreason",
        "",
        "select true as ready;\n",
        &["no column \"reason\""],
    );
    unanswered(
        "twice",
        "",
        "select true as ready, 'x' as reason, false as ready;\n",
        &["two columns named \"ready\""],
    );
}

#[test]
fn an_error() {
    unanswered(
        "error",
        "",
        "select 1 / (count(*) - 1) = 0 as ready,\n 'x' as reason from public.approvals;\n",
        &["gate/approved.sql:1:1", "division by zero"],
    );
    unanswered(
        "missing",
        "",
        "select true as ready, 'x' as reason\nfrom public.nothing;\n",
        &[
            "gate/approved.sql:2:6",
            "relation \"public.nothing\" does not exist",
        ],
    );
}

#[test]
fn too_slow() {
    let slow = "select count(*) > 0 as ready, 'x' as reason from generate_series(1, 100000) a, generate_series(1, 100000) b;\n";
    unanswered("slowgate", "", slow, &["statement timeout"]);
}

#[test]
fn behind_a_lock() {
    let (db, release, site) = small("lockedgate");
    let bundle = site.pack(&release.limits("300ms", "1min"));
    let operator = site.operator(&bundle, &db.url());
    let mut other = db.client();
    other
        .batch_execute("begin; lock table public.approvals in access exclusive mode")
        .unwrap();
    operator.gate().fails_saying(21, &["lock timeout"]);
    operator.run().fails_saying(21, &["lock timeout"]);
    other.batch_execute("rollback").unwrap();
    operator.gate().done();
}

/// Each is refused, when packing (2) or when evaluated (21), without any of its effects.
const HOSTILE: &[(&str, &str)] = &[
    (
        "insert in a CTE",
        "with x as (insert into public.approvals values ('cte') returning 1) select true as ready, 'x' as reason from x",
    ),
    (
        "a function that writes",
        "select public.writes() as ready, 'x' as reason",
    ),
    (
        "a function that says it is immutable",
        "select public.lies() as ready, 'x' as reason",
    ),
    (
        "a quoted call",
        "select public.\"writes\"() as ready, 'x' as reason",
    ),
    (
        "a call behind a comment",
        "select public.writes /* ( */ () as ready, 'x' as reason",
    ),
    (
        "a call in FROM",
        "select r as ready, 'x' as reason from public.writes() r",
    ),
    (
        "attribute notation",
        "select a.leaks as ready, 'x' as reason from public.approvals a limit 1",
    ),
    (
        "attribute notation of a row",
        "select (a).leaks as ready, 'x' as reason from public.approvals a limit 1",
    ),
    ("an operator", "select 1 <~~> 2 as ready, 'x' as reason"),
    (
        "OPERATOR()",
        "select 1 operator(public.<~~>) 2 as ready, 'x' as reason",
    ),
    (
        "a cast",
        "select (a.who::public.token) is not null as ready, 'x' as reason from public.approvals a",
    ),
    (
        "an aggregate",
        "select public.gathers(1) as ready, 'x' as reason",
    ),
    ("a view over a function", "select * from public.seen"),
    ("a view over a view", "select * from public.seen_again"),
    (
        "a rule on a view",
        "select ready, reason from public.seen where ready",
    ),
    (
        "nextval",
        "select nextval('public.numbers') > 0 as ready, 'x' as reason",
    ),
    (
        "setval",
        "select setval('public.numbers', 99) > 0 as ready, 'x' as reason",
    ),
    (
        "a lock",
        "select pg_advisory_lock(4711) is not null as ready, 'x' as reason",
    ),
    (
        "a lock, tried",
        "select pg_try_advisory_lock(4711) as ready, 'x' as reason",
    ),
    (
        "a lock of the schema",
        "select pg_catalog.pg_advisory_lock(4711) is not null as ready, 'x' as reason",
    ),
    (
        "a lock by unicode",
        "select U&\"pg\\005fadvisory_lock\"(4711) is not null as ready, 'x' as reason",
    ),
    (
        "set_config",
        "select set_config('search_path', 'evil', false) is not null as ready, 'x' as reason",
    ),
    (
        "dblink",
        "select dblink_exec('dbname=' || current_database(), 'delete from public.approvals') is not null as ready, 'x' as reason",
    ),
    (
        "txid_current",
        "select txid_current() > 0 as ready, 'x' as reason",
    ),
    (
        "pg_current_xact_id",
        "select pg_current_xact_id() is not null as ready, 'x' as reason",
    ),
    (
        "query_to_xml",
        "select query_to_xml('select pg_advisory_lock(4711)', true, true, '') is not null as ready, 'x' as reason",
    ),
    (
        "ts_stat",
        "select count(*) > 0 as ready, 'x' as reason from ts_stat('select pg_advisory_lock(4711)::text::tsvector')",
    ),
    (
        "pg_sleep",
        "select pg_sleep(0.01) is not null as ready, 'x' as reason",
    ),
    (
        "pg_notify",
        "select pg_notify('a', 'b') is not null as ready, 'x' as reason",
    ),
    (
        "pg_terminate_backend",
        "select pg_terminate_backend(0) as ready, 'x' as reason",
    ),
    (
        "pg_reload_conf",
        "select pg_reload_conf() as ready, 'x' as reason",
    ),
    (
        "pg_switch_wal",
        "select pg_switch_wal() is not null as ready, 'x' as reason",
    ),
    (
        "pg_logical_emit_message",
        "select pg_logical_emit_message(false, 'a', 'b') is not null as ready, 'x' as reason",
    ),
    (
        "pg_create_restore_point",
        "select pg_create_restore_point('x') is not null as ready, 'x' as reason",
    ),
    (
        "pg_stat_reset",
        "select pg_stat_reset() is not null as ready, 'x' as reason",
    ),
    (
        "pg_read_file",
        "select pg_read_file('PG_VERSION') is not null as ready, 'x' as reason",
    ),
    (
        "pg_ls_dir",
        "select count(*) > 0 as ready, 'x' as reason from pg_ls_dir('.')",
    ),
    (
        "lo_create",
        "select lo_create(0) > 0 as ready, 'x' as reason",
    ),
    (
        "a foreign table",
        "select count(*) > 0 as ready, 'x' as reason from public.far",
    ),
    (
        "FOR UPDATE",
        "select true as ready, who as reason from public.approvals for update",
    ),
    (
        "SELECT INTO",
        "select true as ready, 'x' as reason into public.made",
    ),
    (
        "CREATE TABLE AS",
        "create table public.made as select true as ready, 'x' as reason",
    ),
    (
        "two statements",
        "select true as ready, 'x' as reason; delete from public.approvals",
    ),
    (
        "two statements, joined",
        "select true as ready, 'x' as reason \\; delete from public.approvals",
    ),
    (
        "a way out of parentheses",
        "select true as ready, 'x' as reason) x; delete from public.approvals; select * from (select 1",
    ),
    (
        "a closing parenthesis",
        "select true as ready, 'x' as reason) g, (select 1",
    ),
    ("COMMIT first", "commit; delete from public.approvals"),
    ("SET TRANSACTION", "set transaction read write"),
    (
        "COPY TO",
        "copy (select true as ready) to '/tmp/pgseal-test-never'",
    ),
    ("COPY PROGRAM", "copy (select true) to program 'cat'"),
    (
        "DELETE",
        "delete from public.approvals returning true as ready, who as reason",
    ),
    ("TRUNCATE", "truncate public.approvals"),
    ("DO", "do $$ begin perform pg_advisory_lock(4711); end $$"),
    ("CALL", "call public.proc()"),
    ("EXECUTE", "execute stolen"),
    (
        "EXPLAIN ANALYZE",
        "explain analyze delete from public.approvals",
    ),
    ("PREPARE", "prepare stolen as delete from public.approvals"),
    ("LISTEN", "listen a"),
    ("a shell", "\\! touch pgseal-test-never"),
    (
        "gexec",
        "select 'delete from public.approvals' as ready, 'x' as reason \\gexec",
    ),
    ("nothing", "-- nothing"),
];

/// Objects that the hostile gates use.
const ARSENAL: &str = "
    create sequence public.numbers;
    create function public.writes() returns boolean language plpgsql as
        $$ begin insert into public.approvals values ('function'); return true; end $$;
    create function public.lies() returns boolean immutable language plpgsql as
        $$ begin perform pg_advisory_lock(4711); perform nextval('public.numbers'); return true; end $$;
    create function public.leaks(public.approvals) returns boolean immutable language plpgsql as
        $$ begin perform pg_advisory_lock(4711); return true; end $$;
    create function public.compares(integer, integer) returns boolean immutable language plpgsql as
        $$ begin perform pg_advisory_lock(4711); return true; end $$;
    create operator public.<~~> (leftarg = integer, rightarg = integer, function = public.compares);
    create function public.gather(boolean, integer) returns boolean immutable language plpgsql as
        $$ begin perform pg_advisory_lock(4711); return true; end $$;
    create aggregate public.gathers(integer) (sfunc = public.gather, stype = boolean, initcond = 'false');
    create view public.seen as select public.lies() as ready, 'x'::text as reason;
    create view public.seen_again as select * from public.seen;
    create procedure public.proc() language sql as $$ insert into public.approvals values ('procedure') $$;
    create type public.token as (t text);
    create function public.as_token(text) returns public.token immutable language plpgsql as
        $$ begin perform pg_advisory_lock(4711); return row($1)::public.token; end $$;
    create cast (text as public.token) with function public.as_token(text);
    create extension dblink;
    create extension file_fdw;
    create server files foreign data wrapper file_fdw;
    create foreign table public.far (line text) server files options (program 'echo x');";

#[test]
fn hostile_gates() {
    let (db, release, site) = small("hostile");
    db.client().batch_execute(ARSENAL).unwrap();
    let before = dump(&db);
    let bundle = site.path("hostile.pgseal");
    let mut wrong = Vec::new();
    for (what, gate) in HOSTILE {
        let packed = site.try_pack(
            &release.clone().gate("approved", &format!("{gate};\n")),
            &bundle,
        );
        if packed.code == 2 && packed.stderr.contains("gate/approved.sql") {
            assert!(
                !bundle.exists(),
                "{what}: a refused release leaves no bundle"
            );
            continue;
        }
        let operator = site.operator(&bundle, &db.url());
        let (asked, run) = (operator.gate(), operator.run());
        if packed.code != 0 || asked.code != 21 || run.code != 21 {
            wrong.push(format!(
                "{what}: pack {}, gate {}, run {}: {asked}",
                packed.code, asked.code, run.code
            ));
        }
        std::fs::remove_file(&bundle).unwrap();
    }
    assert!(
        wrong.is_empty(),
        "{} gates got through:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_same(&before, &dump(&db));
    // Other tests hold locks in other databases.
    let here = "database = (select oid from pg_database where datname = current_database())";
    assert_eq!(
        db.ask(&format!(
            "select count(*) from pg_locks where locktype = 'advisory' and {here}"
        )),
        "0"
    );
    assert_eq!(db.ask("select is_called from public.numbers"), "f");
}

/// Foreign defaults, as a pooler could leave them, don't apply to a session that evaluates a gate.
#[test]
fn a_role_that_may_write_by_default() {
    let (db, release, site) = small("default");
    let name = db.name();
    db.client()
        .batch_execute(&format!(
            "alter database {name} set default_transaction_read_only = off"
        ))
        .unwrap();
    let bundle = site.pack(&release.gate(
        "approved",
        "select public.sneaks() as ready, 'x' as reason;\n",
    ));
    let sneaks =
        "create function public.sneaks() returns boolean stable language sql as $$ select true $$";
    db.client().batch_execute(sneaks).unwrap();
    site.operator(&bundle, &db.url())
        .gate()
        .fails_saying(21, &["only functions of pg_catalog"]);
}

#[test]
fn every_gate_must_be_open() {
    let (db, release, site) = small("twogates");
    let second = "select false as ready, 'the second says no' as reason, 42 as evidence;\n";
    let bundle = site.pack(&release.gate("second", second));
    let operator = site.operator(&bundle, &db.url());
    let answer = operator.gate();
    assert_eq!(answer.code, 20, "{answer}");
    answer.says(&[
        "READY approved",
        "BLOCKED second: the second says no",
        "evidence = 42",
    ]);
    operator
        .run()
        .fails_saying(20, &["gate second is BLOCKED: the second says no"]);
}

#[test]
fn no_gate_at_all() {
    let (db, release, site) = small("nogate");
    let bundle = site.pack(&release.without_gates());
    let operator = site.operator(&bundle, &db.url());
    operator.gate().done().says(&["the release has no gate"]);
    operator.run().done();
}

/// Text from the server is escaped before it reaches a terminal.
#[test]
fn a_reason_that_would_move_the_cursor() {
    let (db, release, site) = small("escape");
    let gate = "select false as ready, E'\\x1b[2J\\x1b[1;1HREADY\\n\\u202eREADY' as reason, E'\\x07' as evidence;\n";
    let bundle = site.pack(&release.gate("approved", gate));
    let operator = site.operator(&bundle, &db.url());
    for answer in [operator.gate(), operator.run(), operator.plan()] {
        assert_eq!(answer.code, 20, "{answer}");
        assert!(
            ![&answer.stdout, &answer.stderr]
                .iter()
                .any(|text| text.contains(['\u{1b}', '\u{7}', '\u{202e}'])),
            "{answer}"
        );
        answer.says(&["\\u{1b}[2J"]);
    }
}

#[test]
fn the_gate_waits_for_an_approval() {
    let (db, release, site) = small("watch");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    db.client()
        .batch_execute("delete from public.approvals")
        .unwrap();
    let mut watch = operator.command("gate");
    watch.args(["--watch", "--interval", "1"]);
    let mut watching = watch
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(watching.try_wait().unwrap().is_none(), "it waits");
    db.client()
        .batch_execute("insert into public.approvals values ('late')")
        .unwrap();
    let end = watching.wait_with_output().unwrap();
    assert!(end.status.success());
    assert!(String::from_utf8_lossy(&end.stdout).contains("READY"));
}

/// A side effect outlives the read-only transaction: a table written through another connection.
#[test]
fn a_gate_that_writes_through_another_connection() {
    let (db, release, site) = small("dblink");
    db.client()
        .batch_execute(
            "create extension dblink;
             create table public.proof (n integer);
             create function public.harmless(public.approvals) returns boolean immutable language plpgsql as $$
             begin
                 perform public.dblink_exec('host=' || current_setting('unix_socket_directories') || ' port=5432 user=postgres dbname='
                     || current_database(), 'insert into public.proof values (1)');
                 return true;
             end $$;",
        )
        .unwrap();
    let bundle = site.pack(&release.gate(
        "approved",
        "select a.harmless as ready, 'x' as reason from public.approvals a;\n",
    ));
    let answer = site.operator(&bundle, &db.url()).gate();
    assert_eq!(
        db.ask("select count(*) from public.proof"),
        "0",
        "a gate wrote: {answer}"
    );
    answer.fails(21);
}

/// Functions of other extensions that share a name with PostgreSQL's own don't close a gate that doesn't use them.
#[test]
fn a_database_with_extensions() {
    let (db, release, site) = small("extensions");
    db.client()
        .batch_execute("create extension citext; create extension hstore; create extension ltree")
        .unwrap();
    let gate = "select count(*) >= 1 and max(length(who)) <> 0 and min(who) ~ '^s' as ready,
       replace(coalesce(min(who), '-'), 'a', 'b') || '!' as reason
from public.approvals where who = 'somebody' or who like 'some%';
";
    let bundle = site.pack(&release.gate("approved", gate));
    let operator = site.operator(&bundle, &db.url());
    operator.gate().done();
    operator.run().done();
}

/// A probe inside the transaction is validated by the objects that it reads itself, not by those that earlier tiers
/// created.
#[test]
fn views_over_functions_that_the_release_makes() {
    let (db, release, site) = small("ownviews");
    let tier = "create function public.next(n integer) returns integer language sql immutable as 'select n + 1';
create view public.upcoming as select public.next(id) as id from public.widgets;
select * from public.upcoming;
";
    let release = release.tier("views", tier);
    let release = release.rollback(
        "views",
        "drop view if exists public.upcoming;\ndrop function if exists public.next;\n",
    );
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    operator.run().done();
    operator.check().done();
    operator.rollback().done();
    assert_same(&before, &dump(&db));
}

/// Gates as real releases have them.
#[test]
fn questions_that_are_allowed() {
    let (db, release, site) = small("allowed");
    db.client()
        .batch_execute(
            "create table public.j (doc jsonb, at timestamptz default now(), tags text[]);
             insert into public.j values ('{\"a\": {\"b\": [1, 2]}}', now(), '{x,y}');
             create view public.plain as select who, length(who) as n from public.approvals;
             create materialized view public.kept as select count(*) as n from public.approvals;",
        )
        .unwrap();
    let is_13 = db.ask("select current_setting('server_version_num')::integer < 140000") == "t";
    for gate in [
        "select (doc #>> '{a,b,0}')::integer = 1 and doc @> '{\"a\": {}}' as ready, doc::text as reason from public.j",
        "select at > now() - interval '1 day' and extract(year from at) > 2000 as ready, to_char(at, 'YYYY') as reason from public.j",
        "select 'x' = any (tags) and tags && array['y'] as ready, array_to_string(tags, ',') as reason from public.j",
        "with recursive n(i) as (values (1) union all select i + 1 from n where i < 5) select max(i) = 5 as ready, string_agg(i::text, ',') as reason from n",
        "select n > 0 as ready, who as reason from public.plain",
        "select n > 0 as ready, 'kept' as reason from public.kept",
        "select exists (select from information_schema.tables where table_name = 'j') as ready, version() as reason",
        "select to_regclass('public.j') is not null and has_table_privilege('public.j', 'select') as ready, coalesce(obj_description('public.j'::regclass), 'none') as reason",
        "values (true, 'a row')",
        "(select true as ready, coalesce(null, 'parentheses') as reason)",
        "select count(*) filter (where true) over () > 0 as ready, format('%s', row_number() over (order by who)) as reason from public.approvals group by who limit 1",
        "select current_database() = current_catalog as ready, current_setting('server_version') || current_user as reason",
        "select count(*) > 0 as ready, max(state) as reason from pg_stat_activity where pid = pg_backend_pid()",
        "select bool_and(x.ok) as ready, string_agg(x.why, '; ' order by x.why) as reason from (select true, 'because') as x(ok, why)",
        "select case when grouping(who) = 0 then true end as ready, who as reason from public.approvals group by rollup (who) having who is not null",
        "select a.who is not null as ready, lateral_row.r as reason from public.approvals a, lateral (select upper(a.who)) as lateral_row(r)",
    ] {
        // An SQL function in that version, which is refused.
        let described = if is_13 {
            "null"
        } else {
            "obj_description('public.j'::regclass)"
        };
        let gate = gate.replace("obj_description('public.j'::regclass)", described);
        let gate = gate.replace(
            "values (true, 'a row')",
            "select * from (values (true, 'a row')) as v(ready, reason)",
        );
        let bundle = site.pack(&release.clone().gate("approved", &format!("{gate};\n")));
        let answer = site.operator(&bundle, &db.url()).gate();
        assert_eq!(answer.code, 0, "{gate}\n{answer}");
    }
}

/// Their answers change, so they are volatile, but they have no side effects.
#[test]
fn volatile_functions_that_only_look() {
    let (db, release, site) = small("looks");
    for gate in [
        "select not pg_is_in_recovery() as ready, 'primary' as reason",
        "select pg_database_size(current_database()) > 0 and pg_total_relation_size('public.approvals') > 0 as ready, 'x' as reason",
        "select clock_timestamp() > now() - interval '1 hour' as ready, timeofday() as reason",
    ] {
        let bundle = site.pack(&release.clone().gate("approved", &format!("{gate};\n")));
        let answer = site.operator(&bundle, &db.url()).gate();
        assert_eq!(answer.code, 0, "{gate}\n{answer}");
    }
}

/// LIKE, IN, CASE, DISTINCT and others call operators implicitly, and a user's type can define them.
#[test]
fn keywords_that_are_operators() {
    let (db, release, site) = small("keywords");
    db.client()
        .batch_execute(
            "create type public.mood as enum ('x', 'y');
             create table public.odd (w public.mood);
             insert into public.odd values ('x');
             create function public.moody(public.mood, text) returns boolean immutable language plpgsql as
                 $$ begin perform pg_advisory_lock(4711); return true; end $$;
             create operator public.~~ (leftarg = public.mood, rightarg = text, function = public.moody);
             create operator public.= (leftarg = public.mood, rightarg = text, function = public.moody);",
        )
        .unwrap();
    let mut wrong = Vec::new();
    for gate in [
        "select w like 'x'::text as ready, 'x' as reason from public.odd",
        "select w in ('x'::text) as ready, 'x' as reason from public.odd",
        "select case w when 'x'::text then true else true end as ready, 'x' as reason from public.odd",
        "select w is not distinct from 'x'::text as ready, 'x' as reason from public.odd",
        "select nullif(w, 'x'::text) is null as ready, 'x' as reason from public.odd",
    ] {
        let bundle = site.pack(&release.clone().gate("approved", &format!("{gate};\n")));
        let answer = site.operator(&bundle, &db.url()).gate();
        if answer.code != 21 {
            wrong.push(format!("{gate}: {answer}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} gates got through:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// A policy runs its functions for every role but superusers.
#[test]
fn a_row_security_policy() {
    let (db, release, site) = small("policy");
    let role = format!("reader_{}", db.name());
    db.client()
        .batch_execute(&format!(
            "create function public.looks(text) returns boolean stable language plpgsql as
                 $$ begin perform pg_advisory_lock(4711); return true; end $$;
             alter table public.approvals enable row level security;
             create policy looks on public.approvals using (public.looks(who));
             create role {role} login;
             grant select on public.approvals to {role};"
        ))
        .unwrap();
    let bundle = site.pack(&release);
    let answer = site
        .operator(
            &bundle,
            &db.url().replace("user=postgres", &format!("user={role}")),
        )
        .gate();
    db.client()
        .batch_execute(&format!("drop owned by {role}; drop role {role}"))
        .unwrap();
    answer.fails(21);
}

/// The server wraps its output about a query at any place.
#[test]
fn a_foreign_table_under_names_of_any_length() {
    let (db, release, site) = small("foreign");
    db.client()
        .batch_execute(
            "create extension file_fdw;
             create server files foreign data wrapper file_fdw;
             create foreign table public.far (line text) server files options (program 'echo x');
             create domain public.odd as text check (value <> 'y');",
        )
        .unwrap();
    let gate = "select count(*) >= 0 as ready, 'x' as reason from public.far as :\"alias\";\n";
    let cast = "select ('x' || :\"alias\".who)::public.odd is not null as ready, 'x' as reason from public.approvals as :\"alias\";\n";
    let release = release.variable("alias");
    let mut through = Vec::new();
    for (what, gate) in [("a foreign table", gate), ("a domain", cast)] {
        let bundle = site.pack(&release.clone().gate("approved", gate));
        let operator = site.operator(&bundle, &db.url());
        for length in 1..63 {
            if operator
                .clone()
                .variable("alias", &"a".repeat(length))
                .gate()
                .code
                != 21
            {
                through.push(format!("{what} with {length}"));
            }
        }
    }
    assert!(through.is_empty(), "got through: {through:?}");
}

/// Database owners set the defaults of a session. None of these gates is true under the defaults with which psql begins
/// in a new database.
#[test]
fn settings_of_the_database_that_change_an_answer() {
    let (db, release, site) = small("settings");
    let name = db.name();
    db.client()
        .batch_execute(
            "create table public.many (tags integer[]);
             insert into public.many select array[n % 1000, -1] from generate_series(1, 20000) as n;
             create index on public.many using gin (tags); analyze public.many;
             create table public.few (id integer primary key); grant select on all tables in schema public to public",
        )
        .unwrap();
    for (setting, condition) in [
        (
            "gin_fuzzy_search_limit = 1",
            "(select count(*) < 20 from public.many where tags @> array[7])",
        ),
        (
            "quote_all_identifiers = on",
            "exists (select from pg_class where oid::regclass::text = '\"public\".\"few\"')",
        ),
        (
            "extra_float_digits = -5",
            "(0.1::float8 + 0.2::float8)::text = '0.3'",
        ),
        ("bytea_output = escape", "'abc'::bytea::text = 'abc'"),
        (
            "timezone_abbreviations = 'Australia'",
            "timestamptz '2026-11-24 09:00 EST' < timestamptz '2026-11-24 09:00Z'",
        ),
        (
            "xmlbinary = hex",
            "xmlelement(name a, 'abc'::bytea)::text = '<a>616263</a>'",
        ),
    ] {
        db.client()
            .batch_execute(&format!("alter database {name} set {setting}"))
            .unwrap();
        let gate = format!(
            "select {condition} as ready, '{}' as reason;\n",
            setting.replace('\'', "")
        );
        let bundle =
            site.pack(&pgseal_testkit::release::Release::clone(&release).gate("approved", &gate));
        let answer = site.operator(&bundle, &db.url()).gate();
        assert_eq!(answer.code, 20, "{setting}: {answer}");
    }
}

/// The gate role is a member of the role that it reads by; as that role it would not see the sessions of others.
#[test]
fn a_role_that_the_database_sets() {
    let (db, release, site) = small("setrole");
    let (name, reads) = (db.name(), format!("reads_{}", db.name()));
    db.client()
        .batch_execute(&format!(
            "create role {reads}; grant {reads} to {GATE_USER}; alter database {name} set role = {reads}"
        ))
        .unwrap();
    let gate = "select current_user = session_user as ready, current_user::text as reason;\n";
    let bundle = site.pack(&release.gate("approved", gate));
    site.operator(&bundle, &db.url())
        .gate()
        .done()
        .says(&[GATE_USER]);
    db.client()
        .batch_execute(&format!(
            "set role none; alter database {name} reset role; drop role {reads}"
        ))
        .unwrap();
}
