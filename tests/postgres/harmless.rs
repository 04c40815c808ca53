//! Code that somebody put where the server runs it by itself. Each trap is first left alone by a gate that leads to it,
//! asked by a superuser and by a plain role; then it is shown that the trap does snap when the question is asked plainly.

use super::cluster::{Cluster, TestDatabase};
use super::release::{Answer, BEFORE, Release, Site, assert_same, dump, wait_until};
use super::small;

struct Trap {
    what: &'static str,
    /// Whether a role can lay it that may create in a schema and trust extensions, or only a superuser.
    by_plain: bool,
    lay: &'static str,
    gate: &'static str,
    /// What the refusal names.
    words: &'static [&'static str],
}

/// `bang` locks and leaves a file, as far as the role may, and is counted by the server whatever becomes of the transaction.
const BANG: &str = "
    create function public.bang() returns boolean language plpgsql immutable as $$
        begin
            perform pg_advisory_lock(4711);
            begin
                execute format('copy (select 1) to program %L', 'touch bang_' || current_database());
            exception when others then null;
            end;
            return true;
        end $$;
    create table public.t (a integer, j json);
    insert into public.t values (1, '1');";

const TRAPS: &[Trap] = &[
    Trap {
        what: "an operator in the predicate of an index",
        by_plain: true,
        lay: "create function public.f(integer, integer) returns boolean language plpgsql immutable as
                  $$ begin return public.bang(); end $$;
              create operator public.<~~> (leftarg = integer, rightarg = integer, function = public.f);
              create table public.mine (a integer);
              create index on public.mine (a) where 1 operator(public.<~~>) 2;",
        gate: "select count(*) >= 0 as ready, 'x' as reason from public.mine where a > 0",
        words: &["operator public.<~~>(integer,integer), made by somebody, in an index, constraint or key of public.mine"],
    },
    Trap {
        what: "a member of a trusted extension",
        by_plain: true,
        lay: "create extension citext;
              create function public.f(integer) returns integer language plpgsql immutable as
                  $$ begin perform public.bang(); return 1; end $$;
              alter extension citext add function public.f(integer);
              create table public.mine (a integer);
              create index on public.mine (a) where public.f(1) > 0;",
        gate: "select count(*) >= 0 as ready, 'x' as reason from public.mine where a > 0",
        words: &["function public.f(integer), made by somebody, in an index, constraint or key of public.mine"],
    },
    Trap {
        what: "a literal next to a column of domains",
        by_plain: true,
        lay: "create domain public.dm as integer check (public.bang());
              create table public.mine (a public.dm[]);",
        gate: "select count(*) >= 0 as ready, 'x' as reason from public.mine where a = '{1}'",
        words: &["type public.dm[]: made by somebody"],
    },
    Trap {
        what: "a literal next to a composite column",
        by_plain: true,
        lay: "create domain public.dm as integer check (public.bang());
              create type public.cp as (a public.dm);
              create table public.mine (c public.cp);",
        gate: "select count(coalesce(c, '(2)')) >= 0 as ready, 'x' as reason from public.mine",
        words: &["type public.cp: made by somebody"],
    },
    Trap {
        what: "a literal as an argument",
        by_plain: true,
        lay: "create domain public.dm as integer check (public.bang());
              create type public.cp as (a public.dm);
              create function public.takes(public.cp) returns boolean language sql immutable as 'select true';",
        gate: "select public.takes('(3)') as ready, 'x' as reason",
        words: &["function public.takes(public.cp): made by somebody, so that its label (immutable) proves nothing"],
    },
    Trap {
        what: "a literal in a union",
        by_plain: true,
        lay: "create domain public.dm as integer check (public.bang());
              create table public.mine (a public.dm[]);",
        gate: "select count(*) > 0 as ready, 'x' as reason from (select a from public.mine union all select '{4}') as u",
        words: &["type public.dm[]: made by somebody"],
    },
    Trap {
        what: "a type as a function",
        by_plain: true,
        lay: "create domain public.dm as integer check (public.bang());
              create type public.cp as (a public.dm);",
        gate: "select public.cp('(5)') is not null as ready, 'x' as reason",
        words: &["type public.cp: made by somebody"],
    },
    Trap {
        what: "an enumeration with a cast to json",
        by_plain: true,
        lay: "create type public.mood as enum ('x', 'y');
              create function public.f(public.mood) returns json language plpgsql immutable as
                  $$ begin perform public.bang(); return '1'::json; end $$;
              create cast (public.mood as json) with function public.f(public.mood);
              create table public.mine (m public.mood); insert into public.mine values ('x');",
        gate: "select to_json(m) is not null as ready, 'x' as reason from public.mine",
        words: &["type public.mood: cast by function public.f(public.mood)"],
    },
    Trap {
        what: "the validator of a function's body",
        by_plain: true,
        lay: "create domain public.dm as integer check (public.bang());
              set check_function_bodies = off;
              create function public.body() returns boolean language sql as
                  $$ select '{9}'::public.dm[] is not null $$;",
        gate: "select fmgr_sql_validator('public.body'::regproc) is not null as ready, 'x' as reason",
        words: &["function fmgr_sql_validator(oid): it has an effect or runs what it is given"],
    },
    Trap {
        what: "an operator class for PostgreSQL's own type",
        by_plain: false,
        lay: "create function public.jcmp(json, json) returns integer language plpgsql immutable as
                  $$ begin perform public.bang(); return 0; end $$;
              create function public.jeq(json, json) returns boolean language plpgsql immutable as
                  $$ begin perform public.bang(); return true; end $$;
              create operator public.= (leftarg = json, rightarg = json, function = public.jeq);
              create operator class public.jops default for type json using btree as
                  operator 3 public.=, function 1 public.jcmp(json, json);",
        gate: "select array[j] = array[j] as ready, 'x' as reason from public.t",
        words: &["operator family jops for type json: function public.j"],
    },
    Trap {
        what: "modifiers of a type in a text",
        by_plain: false,
        lay: "create type public.mt;
              create function public.mt_in(cstring) returns public.mt language internal immutable strict as 'textin';
              create function public.mt_out(public.mt) returns cstring language internal immutable strict as 'textout';
              create function public.mt_mod(cstring[]) returns integer language plpgsql immutable as
                  $$ begin perform public.bang(); return 1; end $$;
              create type public.mt (input = public.mt_in, output = public.mt_out, typmod_in = public.mt_mod, like = text);",
        gate: "select 'public.mt(5)'::regtype is not null as ready, 'x' as reason",
        words: &["type public.mt: its modifiers are read by function public.mt_mod(cstring[])"],
    },
    Trap {
        what: "a function of PostgreSQL's own in other words",
        by_plain: false,
        lay: "create or replace function pg_catalog.obj_description(oid) returns text language plpgsql stable strict as
                  $$ begin perform public.bang(); return 'x'; end $$;",
        gate: "select obj_description('public.t'::regclass) is not null as ready, 'x' as reason",
        words: &["function obj_description(oid): replaced, since PostgreSQL has it in another language than plpgsql"],
    },
    Trap {
        what: "query_to_xml over a view",
        by_plain: true,
        lay: "create view public.v as select public.bang() as b;",
        gate: "select query_to_xml('table public.v', true, true, '') is not null as ready, 'x' as reason",
        words: &["function query_to_xml(text,boolean,boolean,text): "],
    },
];

fn traps(by_plain: bool) {
    let mut wrong = Vec::new();
    for trap in TRAPS.iter().filter(|trap| trap.by_plain == by_plain) {
        let (db, release, site) = small("trap");
        let role = format!("plain_{}", db.name());
        let own = format!("set role {role};");
        db.client()
            .batch_execute(&format!(
                "create role {role} login; grant create on schema public to {role};
                 grant all on database {name} to {role}; grant select on all tables in schema public to {role};
                 alter database {name} set track_functions = 'pl'; {BANG} grant select on public.t to {role};",
                name = db.name()
            ))
            .unwrap();
        db.client().batch_execute(&format!("{}{}", if by_plain { own.as_str() } else { "" }, trap.lay)).unwrap();
        let laid = snapped(&db);
        let bundle = site.pack(&release.gate("approved", &format!("{};\n", trap.gate)));
        let superuser = site.operator(&bundle, &db.url());
        let plain = site.operator(&bundle, &as_role(&db, &role));
        for operator in [&superuser, &plain] {
            for answer in [operator.gate(), operator.plan(), operator.run()] {
                if answer.code != 21 || !trap.words.iter().all(|word| answer.stderr.contains(word)) {
                    wrong.push(format!("{}: {answer}", trap.what));
                }
            }
        }
        if snapped(&db) != laid {
            wrong.push(format!("{}: it snapped", trap.what));
        }
        let plainly = format!("set search_path = public; begin read only; {}; rollback", trap.gate);
        let _ = db.client().batch_execute(&plainly);
        if snapped(&db).0 <= laid.0 {
            wrong.push(format!("{}: no trap at all", trap.what));
        }
        db.client().batch_execute(&format!("drop owned by {role} cascade; drop role {role}")).unwrap();
    }
    assert!(wrong.is_empty(), "{} traps:\n{}", wrong.len(), wrong.join("\n"));
}

/// How often a function of somebody's was called, and whether `bang` left a file; after everybody has gone.
fn snapped(db: &TestDatabase<'_>) -> (i64, String) {
    let gone = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
    wait_until("others have gone", || db.ask(gone) == "0");
    let calls = db.ask("select coalesce(sum(calls), 0) from pg_stat_user_functions");
    let file = db.ask("select count(*) from pg_ls_dir('.') as f where f = 'bang_' || current_database()");
    (calls.parse().unwrap(), file)
}

fn as_role(db: &TestDatabase<'_>, role: &str) -> String {
    db.url().replace("user=postgres", &format!("user={role}"))
}

#[test]
fn traps_of_a_plain_role() {
    traps(true);
}

#[test]
fn traps_of_a_superuser() {
    traps(false);
}

/// Each reason has its words, and names what is refused.
#[test]
fn what_is_refused_is_named() {
    let (db, release, site) = small("named");
    db.client()
        .batch_execute(
            "create function public.definer(integer) returns boolean immutable security definer language sql as 'select true';
             create language plfakeu handler plpgsql_call_handler;
             create function public.untrusted() returns boolean immutable language plfakeu as 'begin return true; end';
             create function public.inner_c(text) returns text immutable language internal as 'upper';
             create function public.vol() returns boolean volatile language sql as 'select true';
             create function public.imm() returns boolean immutable language sql as 'select true';
             create operator public.<~~> (leftarg = integer, rightarg = integer, function = pg_catalog.int4eq);
             create view public.inner_view as select public.definer(1) as ready, 'x'::text as reason;
             create view public.outer_view as select * from public.inner_view;
             create extension file_fdw;
             create server files foreign data wrapper file_fdw;
             create foreign table public.ft (line text) server files options (program 'touch never');
             create type public.mood as enum ('x', 'y');
             create domain public.dm as integer check (value > 0);
             create table public.locked as select 1 as a;
             create view public.locking as select a from public.locked for update;
             create table public.generated (a integer, b integer generated always as (a + 1) stored);",
        )
        .unwrap();
    let role = format!("reader_{}", db.name());
    db.client()
        .batch_execute(&format!("create role {role} login; grant select on all tables in schema public to {role}"))
        .unwrap();
    let before = dump(&db);
    for (gate, words) in [
        ("select public.definer(1) as ready, 'x' as reason", "function public.definer(integer): SECURITY DEFINER"),
        ("select * from public.outer_view", "function public.definer(integer): SECURITY DEFINER"),
        (
            "select public.untrusted() as ready, 'x' as reason",
            "function public.untrusted(): language plfakeu, which is not trusted",
        ),
        (
            "select public.inner_c('x') = 'X' as ready, 'x' as reason",
            "function public.inner_c(text): language internal, which is not trusted",
        ),
        ("select public.vol() as ready, 'x' as reason", "function public.vol(): volatile"),
        ("select public.imm() as ready, 'x' as reason", "its label (immutable) proves nothing"),
        ("select nextval('x') > 0 as ready, 'x' as reason", "function nextval(regclass): volatile"),
        (
            "select 1 operator(public.<~~>) 1 as ready, 'x' as reason",
            "operator public.<~~>(integer,integer) of function int4eq(integer,integer): an operator made by somebody",
        ),
        ("select count(*) > 0 as ready, 'x' as reason from public.ft", "foreign table public.ft"),
        ("select 1::public.dm is not null as ready, 'x' as reason", "type public.dm: made by somebody"),
        ("select count(*) > 0 as ready, 'x' as reason from public.locking", "FOR UPDATE"),
        (
            "select pg_catalog.array_in('{1}', 'public.dm'::regtype, -1) is not null as ready, 'x' as reason",
            "function array_in(cstring,oid,integer): it has an effect or runs what it is given",
        ),
    ] {
        let bundle = site.pack(&release.clone().gate("approved", &format!("{gate};\n")));
        for url in [db.url(), as_role(&db, &role)] {
            let operator = site.operator(&bundle, &url);
            let answer = operator.gate();
            // A role that may not lock rows is told so.
            let words = if url != db.url() && words == "FOR UPDATE" { "gate approved" } else { words };
            answer.fails_saying(21, &[words]);
        }
    }
    for gate in [
        "select count(*) >= 0 and max('x'::public.mood) = 'x' as ready, 'x' as reason from public.generated where b > 0",
        "select to_jsonb(array['x'::public.mood]) = '[\"x\"]' as ready, 'x' as reason",
    ] {
        let bundle = site.pack(&release.clone().gate("approved", &format!("{gate};\n")));
        site.operator(&bundle, &db.url()).gate().done();
    }
    db.client().batch_execute(&format!("drop owned by {role}; drop role {role}")).unwrap();
    assert_same(&before.replace(&role, ""), &dump(&db).replace(&role, ""));
}

/// What a variable says when the question is asked is the question's text too, and nobody saw it when packing.
const TAILS: [&str; 12] = [
    "; commit; begin read write; delete from public.approvals",
    "; set transaction read write",
    "; rollback to savepoint pgseal_question; delete from public.approvals",
    "\\; delete from public.approvals",
    ") x; delete from public.approvals; select * from (select 1",
    ") g, (select 1",
    "from public.approvals for update",
    "into public.made",
    "union select nextval('public.numbers') > 0, 'x'",
    "from (delete from public.approvals returning 1) x",
    "from pg_advisory_lock(4711)",
    "from pg_catalog.set_config('transaction_read_only', 'off', false)",
];

/// On a server of its own, so that nobody else is given a transaction id.
#[test]
fn texts_that_arrive_when_asked() {
    let cluster = Cluster::own();
    let db = cluster.database("tails");
    db.client().batch_execute(BEFORE).unwrap();
    db.client().batch_execute("create sequence public.numbers; alter system set autovacuum = off").unwrap();
    db.client().batch_execute("select pg_reload_conf(); create role plain login").unwrap();
    db.client().batch_execute("grant select on all tables in schema public to plain").unwrap();
    let site = Site::new();
    let gate = "select true as ready, 'x' as reason :tail\n;\n";
    let bundle = site.pack(&Release::on(db.name()).gate("approved", gate).variable("tail"));
    let mut bystander = db.client();
    let before = dump(&db);
    let next = "select pg_snapshot_xmax(pg_current_snapshot())";
    let xid = db.ask(next);
    for url in [db.url(), as_role(&db, "plain")] {
        let operator = site.operator(&bundle, &url);
        operator.clone().variable("tail", "").gate().done();
        for tail in TAILS {
            let asked: [Answer; 2] =
                [operator.clone().variable("tail", tail).gate(), operator.clone().variable("tail", tail).run()];
            for answer in asked {
                assert!([2, 21].contains(&answer.code), "{tail}: {answer}");
            }
        }
    }
    assert_eq!(db.ask(next), xid, "a transaction id was given");
    assert_same(&before, &dump(&db));
    assert_eq!(db.ask("select is_called from public.numbers"), "f");
    assert_eq!(db.ask("select count(*) from pg_locks where locktype = 'advisory'"), "0");
    assert_eq!(bystander.query("select 1", &[]).unwrap().len(), 1, "others live");
}

/// What the role and the database set reaches neither the look nor the question.
#[test]
fn settings_of_the_role() {
    let (db, release, site) = small("rolesets");
    let gate = "select current_setting('transaction_read_only') = 'on' as ready, current_setting('search_path') as reason
from approvals;\n";
    let role = format!("set_{}", db.name());
    db.client()
        .batch_execute(&format!(
            "create role {role} login superuser;
             alter role {role} set default_transaction_read_only = off; alter role {role} set debug_print_rewritten = on;
             alter role {role} set debug_pretty_print = on; alter role {role} set client_min_messages = error;
             alter role {role} set standard_conforming_strings = off; alter role {role} set session_replication_role = replica;
             alter role {role} set search_path = pg_temp, public, pg_catalog; alter role {role} set row_security = off;
             create domain public.dm as integer check (pg_advisory_lock(4711) is not null)"
        ))
        .unwrap();
    let bundle = site.pack(&release.clone().gate("approved", gate));
    let answer = site.operator(&bundle, &as_role(&db, &role)).gate();
    // Where a backslash ends no string, the type behind it is part of the text.
    let hidden = "select E'\\\\' || 'a\\' <> '' || '{1}'::public.dm[]::text as ready, 'x' as reason;\n";
    let bundle = site.pack(&release.gate("approved", hidden));
    let refused = site.operator(&bundle, &as_role(&db, &role)).gate();
    db.client().batch_execute(&format!("drop role {role}")).unwrap();
    answer.done().says(&["\"public\", pg_temp"]);
    refused.fails_saying(21, &["type public.dm[]"]);
}
