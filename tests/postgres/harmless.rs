//! Traps: code that the server runs implicitly. A gate that leads to a trap, as a superuser and as a plain role, must
//! not trigger it; then a plain query proves that the trap works.

use super::gate_races::question_of;
use super::small_without_gate_user;
use pgseal::database::{Connect, Purpose};
use pgseal::postgres::Connector;
use pgseal::release::question::{self, QuestionError};
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::{BEFORE, assert_same, dump, wait_until};

struct Trap {
    what: &'static str,
    /// Whether the rights to create in a schema and to install trusted extensions suffice to lay it; otherwise only a
    /// superuser can.
    by_plain: bool,
    lay: &'static str,
    gate: &'static str,
    /// Words of the refusal.
    words: &'static [&'static str],
}

/// `bang` takes a lock and creates a file, as far as the role may, and the server counts its calls even if the
/// transaction is rolled back.
const BANG: &str = "
    create function public.bang() returns boolean language plpgsql immutable as $$
        begin
            perform pg_advisory_lock(4711);
            begin
                execute format('copy (select 1) to program %L', 'cat > bang_' || current_database());
            exception when others then null;
            end;
            return true;
        end $$;
    create table public.t (a integer, j json);
    insert into public.t values (1, '1');";

/// An enumeration with values that the catalog keeps in columns of other types: a default for existing rows, and
/// statistics.
const CAST_OF_A_MOOD: &str = "
    create type public.mood as enum ('x', 'y');
    create function public.f(public.mood) returns json language plpgsql immutable as
        $$ begin perform public.bang(); return '1'::json; end $$;
    create cast (public.mood as json) with function public.f(public.mood);
    create table public.mine (i integer);
    insert into public.mine values (1), (1), (2);
    alter table public.mine add m public.mood default 'x';
    analyze public.mine";

/// The server looks up a cast by a value's type when it runs one of its own SQL functions.
const TEXT_OF_A_MOOD: &str = "
    create type public.mood as enum ('x', 'y');
    create function public.f(public.mood) returns text language plpgsql immutable strict as
        $$ begin perform public.bang(); return 'x'; end $$;
    create cast (public.mood as text) with function public.f(public.mood);
    create table public.mine (m public.mood);
    insert into public.mine values ('x');
    create view public.quoted as select quote_literal(m) as q from public.mine;
    create table public.whole (a integer, b text) partition by list (a);
    create table public.part partition of public.whole (check (b <> quote_literal('x'::public.mood))) for values in (1);";

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
        words: &["operator public.<~~>(integer,integer), user-defined, in an index, constraint or key of public.mine"],
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
        words: &["function public.f(integer), user-defined, in an index, constraint or key of public.mine"],
    },
    Trap {
        what: "a literal next to a column of domains",
        by_plain: true,
        lay: "create domain public.dm as integer check (public.bang());
              create table public.mine (a public.dm[]);",
        gate: "select count(*) >= 0 as ready, 'x' as reason from public.mine where a = '{1}'",
        words: &["type public.dm[]: user-defined"],
    },
    Trap {
        what: "a literal next to a composite column",
        by_plain: true,
        lay: "create domain public.dm as integer check (public.bang());
              create type public.cp as (a public.dm);
              create table public.mine (c public.cp);",
        gate: "select count(coalesce(c, '(2)')) >= 0 as ready, 'x' as reason from public.mine",
        words: &["type public.cp: user-defined"],
    },
    Trap {
        what: "a literal as an argument",
        by_plain: true,
        lay: "create domain public.dm as integer check (public.bang());
              create type public.cp as (a public.dm);
              create function public.takes(public.cp) returns boolean language sql immutable as 'select true';",
        gate: "select public.takes('(3)') as ready, 'x' as reason",
        words: &["function public.takes(public.cp): user-defined, so that its label (immutable) proves nothing"],
    },
    Trap {
        what: "a literal in a union",
        by_plain: true,
        lay: "create domain public.dm as integer check (public.bang());
              create table public.mine (a public.dm[]);",
        gate: "select count(*) > 0 as ready, 'x' as reason from (select a from public.mine union all select '{4}') as u",
        words: &["type public.dm[]: user-defined"],
    },
    Trap {
        what: "a type as a function",
        by_plain: true,
        lay: "create domain public.dm as integer check (public.bang());",
        gate: "select public._dm('{5}') is not null as ready, 'x' as reason",
        words: &["type public.dm[]: user-defined"],
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
        what: "an enumeration with a cast to text, beside a text",
        by_plain: true,
        lay: TEXT_OF_A_MOOD,
        gate: "select ('mood ' || m) <> '' as ready, m || '!' as reason from public.mine",
        words: &["type public.mood: cast by function public.f(public.mood)"],
    },
    Trap {
        what: "an enumeration with a cast to text, in quotes, behind a view",
        by_plain: true,
        lay: TEXT_OF_A_MOOD,
        gate: "select q <> '' as ready, 'x' as reason from public.quoted",
        words: &["type public.mood: cast by function public.f(public.mood)"],
    },
    Trap {
        what: "an array of an enumeration with a cast to text",
        by_plain: true,
        lay: "create type public.mood as enum ('x', 'y');
              create function public.f(public.mood[]) returns text language plpgsql immutable as
                  $$ begin perform public.bang(); return 'x'; end $$;
              create cast (public.mood[] as text) with function public.f(public.mood[]);
              create table public.mine (m public.mood); insert into public.mine values ('x');",
        gate: "select quote_nullable(array(select m from public.mine)) <> '' as ready, 'x' as reason",
        words: &["type public.mood: cast by function public.f(public.mood[])"],
    },
    Trap {
        what: "a value of an enumeration with a cast to text, in a partition's check",
        by_plain: true,
        lay: TEXT_OF_A_MOOD,
        gate: "select count(*) >= 0 as ready, 'x' as reason from public.whole where b > 'x'",
        words: &["type public.mood, cast by function public.f(public.mood), in an index, constraint or key of public.part"],
    },
    Trap {
        what: "a missing value in a row of pg_attribute",
        by_plain: true,
        lay: CAST_OF_A_MOOD,
        gate: "select json_agg(a)::text <> '' as ready, 'x' as reason from pg_attribute a
               where attrelid = 'public.mine'::regclass",
        words: &["values of type pg_attribute, which may hold values of user-defined types"],
    },
    Trap {
        what: "a missing value in a row of a join",
        by_plain: true,
        lay: CAST_OF_A_MOOD,
        gate: "select json_agg(j)::text <> '' as ready, 'x' as reason
               from (pg_attribute a join pg_class c on c.oid = a.attrelid) as j where relname = 'mine'",
        words: &["values of type anyarray, which may hold values of user-defined types"],
    },
    Trap {
        what: "common values of a column",
        by_plain: true,
        lay: CAST_OF_A_MOOD,
        gate: "select to_json(s.most_common_vals) is not null as ready, 'x' as reason
               from pg_stats s join pg_class c on c.relname = s.tablename where tablename = 'mine' and attname = 'm'",
        words: &["values of type anyarray, which may hold values of user-defined types"],
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
        what: "a negator of PostgreSQL's own operator",
        by_plain: false,
        lay: "create function public.nov(anyarray, anyarray) returns boolean language plpgsql immutable as
                  $$ begin return public.bang(); end $$;
              create operator public.!&& (leftarg = anyarray, rightarg = anyarray, function = public.nov,
                  negator = operator(pg_catalog.&&));",
        gate: "select not (array[a] && array[2]) as ready, 'x' as reason from public.t",
        words: &["operator &&(anyarray,anyarray) of function arrayoverlap(anyarray,anyarray): \
                  the planner can put operator public.!&&(anyarray,anyarray) in its place"],
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
        let (db, release, site) = small_without_gate_user("trap");
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
        db.client()
            .batch_execute(&format!(
                "{}{}",
                if by_plain { own.as_str() } else { "" },
                trap.lay
            ))
            .unwrap();
        let laid = snapped(&db);
        // Only the pre-checks: after a refusal later checks don't run.
        let mut session = Connector::new(db.url().parse().unwrap())
            .connect(Purpose::Read)
            .unwrap();
        session.batch("begin read only").unwrap();
        match question::suspects(session.as_mut(), &question_of(trap.gate)) {
            Ok(suspects) if suspects.is_empty() => {
                wrong.push(format!("{}: no pre-check sees it", trap.what))
            }
            Ok(_) | Err(QuestionError::Uses(_) | QuestionError::Literals(_)) => {}
            Err(error) => wrong.push(format!("{}: {error}", trap.what)),
        }
        drop(session);
        let bundle = site.pack(&release.gate("approved", &format!("{};\n", trap.gate)));
        let superuser = site.operator(&bundle, &db.url());
        let plain = site.operator(&bundle, &as_role(&db, &role));
        for operator in [&superuser, &plain] {
            for answer in [operator.gate(), operator.plan(), operator.run()] {
                if answer.code != 21
                    || !trap
                        .words
                        .iter()
                        .all(|word| answer.to_string().contains(word))
                {
                    wrong.push(format!("{}: {answer}", trap.what));
                }
            }
        }
        if snapped(&db) != laid {
            wrong.push(format!("{}: it snapped", trap.what));
        }
        let plainly = format!(
            "set search_path = public; begin read only; {}; rollback",
            trap.gate
        );
        let _ = db.client().batch_execute(&plainly);
        if snapped(&db).0 <= laid.0 {
            wrong.push(format!("{}: no trap at all", trap.what));
        }
        db.client()
            .batch_execute(&format!("drop owned by {role} cascade; drop role {role}"))
            .unwrap();
    }
    assert!(
        wrong.is_empty(),
        "{} traps:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Returns the number of calls of a user's function, and whether `bang` created a file, once all other sessions have
/// ended.
fn snapped(db: &TestDatabase<'_>) -> (i64, String) {
    let gone = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
    wait_until("others have gone", || db.ask(gone) == "0");
    // Before PostgreSQL 15 a server process collects the counts with a delay of up to half a second. Once it has
    // counted this statement, it has counted all earlier ones.
    let since = db.ask("select clock_timestamp(); analyze pg_catalog.pg_am");
    let told = format!(
        "select coalesce(last_analyze > '{since}', false) from pg_stat_sys_tables where relname = 'pg_am'"
    );
    wait_until("calls are counted", || db.ask(&told) == "t");
    let calls = db.ask("select coalesce(sum(calls), 0) from pg_stat_user_functions");
    let file =
        db.ask("select count(*) from pg_ls_dir('.') as f where f = 'bang_' || current_database()");
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

/// A signed path with `pg_catalog` after other schemas redirects no query of the pre-check.
#[test]
fn a_path_with_the_catalog_last() {
    let (db, release, site) = small_without_gate_user("path");
    let name = db.name();
    db.client()
        .batch_execute(&format!(
            "alter database {name} set track_functions = 'pl'; {BANG}
             create type public.mood as enum ('x', 'y');
             create function public.f(oid, oid) returns boolean language plpgsql immutable as
                 $$ begin return public.bang(); end $$;
             create operator public.= (leftarg = oid, rightarg = oid, function = public.f);"
        ))
        .unwrap();
    let gate =
        "select min(who) <> '' as ready, 'x' as reason, 'x'::mood as evidence from approvals;\n";
    let release = release
        .target("search_path = [\"public\", \"pg_catalog\"]")
        .gate("approved", gate);
    let bundle = site.pack(&release);
    site.operator(&bundle, &db.url()).gate().done();
    assert_eq!(snapped(&db), (0, "0".to_owned()));
    db.client()
        .batch_execute("set search_path = public, pg_catalog; select 1::oid = 2::oid")
        .unwrap();
    assert_ne!(snapped(&db), (0, "0".to_owned()), "no trap at all");
}

/// Each reason has its own text, which names the refused object.
#[test]
fn what_is_refused_is_named() {
    let (db, release, site) = small_without_gate_user("named");
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
             create type public.temper as enum ('z');
             create function public.temper(public.mood) returns public.temper language sql as 'select ''z''::public.temper';
             create cast (public.mood as public.temper) with function public.temper(public.mood);
             create domain public.dm as integer check (value > 0);
             create sequence public.numbers;
             create table public.locked as select 1 as a;
             create view public.locking as select a from public.locked for update;
             create table public.generated (a integer, b integer generated always as (a + 1) stored);
             create table public.domains (d public.dm); insert into public.domains values (1);
             create type public.pair as (a integer); create table public.made (i integer, c public.pair);",
        )
        .unwrap();
    let role = format!("reader_{}", db.name());
    db.client()
        .batch_execute(&format!(
            "create role {role} login; grant select on all tables in schema public to {role}"
        ))
        .unwrap();
    let before = dump(&db);
    for (gate, words) in [
        (
            "select public.definer(1) as ready, 'x' as reason",
            "function public.definer(integer): SECURITY DEFINER",
        ),
        (
            "select * from public.outer_view",
            "function public.definer(integer): SECURITY DEFINER",
        ),
        (
            "select public.untrusted() as ready, 'x' as reason",
            "function public.untrusted(): language plfakeu, which is not trusted",
        ),
        (
            "select public.inner_c('x') = 'X' as ready, 'x' as reason",
            "function public.inner_c(text): language internal, which is not trusted",
        ),
        (
            "select public.vol() as ready, 'x' as reason",
            "function public.vol(): volatile",
        ),
        (
            "select public.imm() as ready, 'x' as reason",
            "its label (immutable) proves nothing",
        ),
        (
            "select nextval('public.numbers') > 0 as ready, 'x' as reason",
            "function nextval(regclass): volatile",
        ),
        (
            "select 1 operator(public.<~~>) 1 as ready, 'x' as reason",
            "operator public.<~~>(integer,integer) of function int4eq(integer,integer): a user-defined operator",
        ),
        (
            "select count(*) > 0 as ready, 'x' as reason from public.ft",
            "foreign table public.ft",
        ),
        (
            "select 1::public.dm is not null as ready, 'x' as reason",
            "type public.dm: user-defined",
        ),
        (
            "select count(*) > 0 as ready, 'x' as reason from public.locking",
            "FOR UPDATE",
        ),
        (
            "select pg_catalog.array_in('{1}', 'public.dm'::regtype, -1) is not null as ready, 'x' as reason",
            "function array_in(cstring,oid,integer): it has an effect or runs what it is given",
        ),
        (
            if db.ask("select current_setting('server_version_num')::integer >= 170000") == "t" {
                "select bool_or(x.d > 0) as ready, 'x' as reason
                 from json_table('{\"d\": 1}', '$' columns (d public.dm path '$.d')) as x"
            } else {
                "select bool_or(x.d > 0) as ready, 'x' as reason
                 from xmltable('/r' passing xml '<r><d>1</d></r>' columns d public.dm path 'd') as x"
            },
            "type public.dm: user-defined",
        ),
    ] {
        let bundle = site.pack(&release.clone().gate("approved", &format!("{gate};\n")));
        for url in [db.url(), as_role(&db, &role)] {
            let operator = site.operator(&bundle, &url);
            let answer = operator.gate();
            // A role that may not lock rows gets that reason instead.
            let words = if url != db.url() && words == "FOR UPDATE" {
                "gate approved"
            } else {
                words
            };
            answer.fails_saying(21, &[words]);
        }
    }
    for gate in [
        "select count(*) >= 0 and coalesce(max('x'::public.mood), 'y') = 'y' as ready, 'x' as reason from public.generated where b > 0",
        "select to_jsonb(array['x'::public.mood]) = '[\"x\"]' as ready, 'x' as reason",
        "select count(a.d) >= 0 as ready, 'x' as reason from public.domains a left join public.made b on a.d = b.i",
        "with c as (select d, lag(d) over () as before from public.domains)
         select max(d) > 0 and count(before) = 0 as ready, 'x' as reason from c",
        "select quote_literal('x'::text) || 5 || quote_nullable(6) <> '' as ready, 'a' || 'x'::public.mood || 'b'::text as reason",
    ] {
        let bundle = site.pack(&release.clone().gate("approved", &format!("{gate};\n")));
        site.operator(&bundle, &db.url()).gate().done();
    }
    assert_same(&before, &dump(&db));
    db.client()
        .batch_execute(&format!("drop owned by {role}; drop role {role}"))
        .unwrap();
}

/// Code that planning could run is found behind each kind of object attached to a table, next to all built-in objects
/// attached there.
#[test]
fn everything_that_hangs_on_a_table() {
    let (db, release, site) = small_without_gate_user("hangs");
    let mut client = db.client();
    client
        .batch_execute(
            "create function public.f(integer) returns integer immutable language sql as 'select $1';
             create table public.own (a integer primary key, b integer generated always as (a + 1) stored, check (a > 0));
             create index on public.own ((a + b));
             create table public.by_index (a integer); create index on public.by_index (public.f(a));
             create table public.by_check (a integer, check (public.f(a) > 0));
             create table public.by_value (a integer, b integer generated always as (public.f(a)) stored);
             create table public.by_key (a integer) partition by list (public.f(a));
             create table public.whole (a integer) partition by list (a);
             create table public.part (a integer, check (public.f(a) > 0));
             alter table public.whole attach partition public.part for values in (1);
             create extension file_fdw;
             create server files foreign data wrapper file_fdw;
             create table public.half (a integer) partition by list (a);
             create foreign table public.far partition of public.half for values in (1) server files options (program 'touch never');
             create function public.keeper(internal) returns table_am_handler language internal as 'heap_tableam_handler';
             create access method keeping type table handler public.keeper;
             create table public.by_keeper (a integer) using keeping;",
        )
        .unwrap();
    let function =
        "function public.f(integer), user-defined, in an index, constraint or key of public.";
    let mut cases = vec![
        ("by_index", format!("{function}by_index")),
        ("by_check", format!("{function}by_check")),
        ("by_key", format!("{function}by_key")),
        ("whole", format!("{function}part")),
        ("half", "foreign table public.far".to_owned()),
        (
            "by_keeper",
            "table public.by_keeper: kept by access method keeping, user-defined".to_owned(),
        ),
    ];
    let version: i32 = client
        .query_one("select current_setting('server_version_num')::integer", &[])
        .unwrap()
        .get(0);
    if version >= 140_000 {
        client
            .batch_execute(
                "create table public.by_statistics (a integer, b integer);
                 create statistics public.of_a on (public.f(a)), b from public.by_statistics",
            )
            .unwrap();
        cases.push(("by_statistics", format!("{function}by_statistics")));
    }
    let asks = |table: &str| {
        let gate = format!("select count(*) >= 0 as ready, 'x' as reason from public.{table};\n");
        let bundle = site.pack(&release.clone().gate("approved", &gate));
        site.operator(&bundle, &db.url()).gate()
    };
    asks("own").done();
    // A stored value is not computed again.
    asks("by_value").done();
    for (table, words) in cases {
        asks(table).fails_saying(21, &[&words]);
    }
}

/// Operators, casts and functions in `pg_catalog` that match the catalog's columns better than the built-in ones, and
/// return wrong results.
const MISLEADING: &str = "
    create function public.none(oid[], oid[]) returns oid[] immutable language sql as $$select '{}'::oid[]$$;
    create operator pg_catalog.|| (leftarg = oid[], rightarg = oid[], function = public.none);
    create function public.no(oid, integer) returns boolean immutable language sql as 'select false';
    create function public.yes(oid, integer) returns boolean immutable language sql as 'select true';
    create operator pg_catalog.>= (leftarg = oid, rightarg = integer, function = public.no);
    create operator pg_catalog.<> (leftarg = oid, rightarg = integer, function = public.no);
    create operator pg_catalog.= (leftarg = oid, rightarg = integer, function = public.yes);
    create function public.no(oid, regclass) returns boolean immutable language sql as 'select false';
    create operator pg_catalog.= (leftarg = oid, rightarg = regclass, function = public.no);
    create function public.no(oid, regproc) returns boolean immutable language sql as 'select false';
    create operator pg_catalog.= (leftarg = oid, rightarg = regproc, function = public.no);
    create function public.no(regproc, oid) returns boolean immutable language sql as 'select false';
    create operator pg_catalog.= (leftarg = regproc, rightarg = oid, function = public.no);
    create function public.no(oid, regtype) returns boolean immutable language sql as 'select false';
    create operator pg_catalog.= (leftarg = oid, rightarg = regtype, function = public.no);
    create function pg_catalog.unnest(text[]) returns setof text immutable language sql as $$select 'a'::text where false$$;
    create function pg_catalog.concat_ws(text, text, text, text, text, text, text, text, text) returns text
        immutable language sql as $$select ''::text$$;
    create function pg_catalog.format(text, name) returns text immutable language sql as 'select null::text';
    create function pg_catalog.format(text, regprocedure, text) returns text immutable language sql as 'select null::text';
    create function pg_catalog.format(text, regtype) returns text immutable language sql as 'select null::text';";

/// The same by casts. A query that uses one of their types is refused for that reason alone.
const MISLEADING_CASTS: &str = "
    create function public.cut(text[]) returns oid[] immutable language sql as $$select '{}'::oid[]$$;
    create cast (text[] as oid[]) with function public.cut(text[]);
    create function public.zero(text) returns oid immutable language sql as 'select 0::oid';
    create cast (text as oid) with function public.zero(text);";

#[test]
fn operators_in_the_catalog_mislead_nobody() {
    let (db, release, site) = small_without_gate_user("misled");
    db.client()
        .batch_execute(&format!(
            "create function public.f(integer) returns integer immutable language sql as 'select $1';
             create table public.by_check (a integer, check (public.f(a) > 0)); {MISLEADING}"
        ))
        .unwrap();
    let asks = |gate: &str| {
        let bundle = site.pack(&release.clone().gate("approved", gate));
        site.operator(&bundle, &db.url()).gate()
    };
    asks("select count(*) >= 0 as ready, 'x' as reason from public.approvals;\n").done();
    asks("select public.f(1) = 1 as ready, 'x' as reason;\n")
        .fails_saying(21, &["it uses something"]);
    asks("select count(*) >= 0 as ready, 'x' as reason from public.by_check;\n").fails_saying(
        21,
        &["function public.f(integer), user-defined, in an index, constraint or key of public.by_check"],
    );
    db.client().batch_execute(MISLEADING_CASTS).unwrap();
    let by_cast = "type text: cast by function public.";
    asks("select count(*) >= 0 as ready, 'x' as reason from public.approvals;\n")
        .fails_saying(21, &[by_cast]);
}

/// Each trap is still found among them, though some refusals lack details.
#[test]
fn traps_among_misleading_operators() {
    for trap in TRAPS {
        let (db, release, site) = small_without_gate_user("misled");
        db.client()
            .batch_execute(&format!("{BANG}{}", trap.lay))
            .unwrap();
        db.client().batch_execute(MISLEADING).unwrap();
        db.client().batch_execute(MISLEADING_CASTS).unwrap();
        let bundle = site.pack(&release.gate("approved", &format!("{};\n", trap.gate)));
        let answer = site.operator(&bundle, &db.url()).gate();
        let refused = [
            "only functions of pg_catalog that are not volatile are allowed",
            "are read by somebody's code",
        ];
        let text = answer.to_string();
        assert!(
            answer.code == 21 && refused.iter().any(|words| text.contains(words)),
            "{}: {text}",
            trap.what
        );
    }
}

/// Texts that `pack` refuses, as a malicious packer would pass them on: the server itself refuses them.
const TEXTS: [&str; 32] = [
    "commit; begin read write; delete from public.approvals",
    "commit",
    "set transaction read write",
    "begin read write",
    "select true; commit; begin read write; delete from public.approvals",
    "select true; set transaction read write",
    "select true; rollback to savepoint pgseal_question; delete from public.approvals",
    "select true) x; delete from public.approvals; select * from (select 1",
    "select true) g, (select 1",
    "select true from public.approvals for update",
    "select true from public.locking",
    "select true into public.made",
    "select true union select nextval('public.numbers') > 0",
    "select currval('public.numbers'), lastval()",
    "with x as (delete from public.approvals returning 1) select * from x",
    "select pg_advisory_lock(4711)",
    "select * from public.advises",
    "select public.says_immutable()",
    "select query_to_xml('select pg_advisory_lock(4711)', true, true, '')",
    "select * from ts_stat('select pg_advisory_lock(4711)::text::tsvector')",
    "select * from public.crosstab('select ''a'', ''b'', pg_advisory_lock(4711)::text') as c(a text, b text)",
    "select set_config('transaction_read_only', 'off', false)",
    "select public.dblink_exec('dbname=' || current_database(), 'delete from public.approvals')",
    "select lo_export(1, '/tmp/never')",
    "copy (select true) to program 'touch gate_wrote'",
    "copy (select true) to '/tmp/pgseal-test-never'",
    "explain analyze select pg_advisory_lock(4711)",
    "do $$ begin perform pg_advisory_lock(4711); end $$",
    "notify a",
    "load 'plpgsql'",
    "checkpoint",
    "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()",
];

/// Needs a server of its own, so that no other test consumes transaction ids.
#[test]
fn texts_that_nobody_packed() {
    let cluster = Cluster::own();
    let db = cluster.database("texts");
    db.client().batch_execute(BEFORE).unwrap();
    db.client()
        .batch_execute("alter system set autovacuum = off")
        .unwrap();
    db.client()
        .batch_execute(
            "select pg_reload_conf(); create role plain login; create sequence public.numbers;
             create extension dblink; create extension tablefunc;
             create view public.locking as select true from public.approvals for update;
             create view public.advises as select pg_try_advisory_lock(4711);
             create function public.says_immutable() returns boolean immutable language plpgsql as
                 $$ begin perform pg_advisory_lock(4711); return true; end $$;
             grant all on all tables in schema public to plain; grant all on all sequences in schema public to plain",
        )
        .unwrap();
    let mut bystander = db.client();
    let before = dump(&db);
    let next = "select pg_snapshot_xmax(pg_current_snapshot())";
    let xid = db.ask(next);
    for url in [db.url(), as_role(&db, "plain")] {
        let connector = Connector::new(url.parse().unwrap());
        let ask = |text: &str, begin: &str, purpose| {
            let mut session = connector.connect(purpose).unwrap();
            session.batch(begin).unwrap();
            let answer = question::ask(session.as_mut(), &question_of(text));
            // The session continues, so its session locks would stay; those of the transaction end with it.
            session.batch("rollback").unwrap();
            let locks = "select count(*) from pg_locks
                where locktype = 'advisory' or mode in ('RowShareLock', 'RowExclusiveLock')";
            wait_until(&format!("no lock: {text}"), || db.ask(locks) == "0");
            answer
        };
        for (begin, purpose) in [
            ("begin read only", Purpose::Read),
            ("begin read write", Purpose::Write),
        ] {
            ask("select true", begin, purpose).unwrap();
            for text in TEXTS {
                assert!(ask(text, begin, purpose).is_err(), "{text}");
            }
        }
    }
    assert_eq!(db.ask(next), xid, "a transaction id was given");
    assert_same(&before, &dump(&db));
    assert_eq!(db.ask("select is_called from public.numbers"), "f");
    assert_eq!(
        db.ask("select count(*) from pg_ls_dir('.') as f where f = 'gate_wrote'"),
        "0"
    );
    assert_eq!(
        bystander.query("select 1", &[]).unwrap().len(),
        1,
        "others live"
    );
}

/// Probes, and gates and probes inside the run, use the same checks: there too a trap is found before it runs.
#[test]
fn the_same_way_for_probes_and_inside() {
    let trap =
        "create function public.f(integer, integer) returns boolean language plpgsql immutable as
    $$ begin return public.bang(); end $$;
create operator public.<~~> (leftarg = integer, rightarg = integer, function = public.f);";
    let probe = "select count(*) = 0 as widgets from public.t where a > 7;\n";
    let index = "create index on public.t (a) where 1 operator(public.<~~>) 2;";
    let drop = "drop operator if exists public.<~~> (integer, integer) cascade; drop function if exists public.f;\n";
    let finalized = "select pg_catalog.to_regclass('public.widgets') is not null as widgets;\n";

    let (db, release, site) = small_without_gate_user("probe");
    let count = format!(
        "alter database {} set track_functions = 'pl'; {BANG}",
        db.name()
    );
    db.client()
        .batch_execute(&format!("{count}{trap}{index}"))
        .unwrap();
    // Creating the index has already triggered the trap.
    let (laid, before) = (snapped(&db), dump(&db));
    let bundle = site.pack(
        &release
            .baseline(probe, "{ widgets = true }")
            .finalized(finalized, "{ widgets = true }"),
    );
    let operator = site.operator(&bundle, &db.url());
    operator.gate().done();
    for answer in [operator.plan(), operator.run(), operator.check()] {
        assert_ne!(answer.code, 0, "{answer}");
        answer.says(&["operator public.<~~>(integer,integer), user-defined, in an index"]);
    }
    assert_eq!(snapped(&db), laid);
    assert_same(&before, &dump(&db));

    let (db, release, site) = small_without_gate_user("inside");
    db.client().batch_execute(BANG).unwrap();
    let before = dump(&db);
    let gate = "select count(*) >= 0 as ready, 'x' as reason from public.t where a > 7;\n";
    let release = release
        .gate("approved", gate)
        .tier("trap", &format!("{trap}\n{index}\n"))
        .rollback("trap", drop);
    let operator_bundle = site.pack(&release);
    let operator = site.operator(&operator_bundle, &db.url());
    operator.gate().done();
    let answer = operator.run();
    assert_ne!(answer.code, 0, "{answer}");
    answer.says(&[
        "gate approved could not be answered",
        "operator public.<~~>(integer,integer), user-defined",
    ]);
    assert_same(&before, &dump(&db));
}

/// Settings of the role and the database affect neither the pre-check nor the query.
#[test]
fn settings_of_the_role() {
    let (db, release, site) = small_without_gate_user("rolesets");
    let gate =
        "select current_setting('transaction_read_only') = 'on' as ready, current_setting('search_path') as reason
from approvals;\n";
    let role = format!("set_{}", db.name());
    db.client()
        .batch_execute(&format!(
            "create role {role} login superuser;
             alter role {role} set default_transaction_read_only = off; alter role {role} set debug_print_rewritten = on;
             alter role {role} set debug_print_parse = on; alter role {role} set debug_print_plan = on;
             alter role {role} set debug_pretty_print = on; alter role {role} set client_min_messages = error;
             alter role {role} set standard_conforming_strings = off; alter role {role} set session_replication_role = replica;
             alter role {role} set search_path = pg_temp, public, pg_catalog; alter role {role} set row_security = off;
             alter database {name} set track_functions = 'pl'; {BANG}
             create view public.calls as select public.bang() as ready, 'x'::text as reason;
             create domain public.dm as integer check (public.bang())",
            name = db.name()
        ))
        .unwrap();
    let bundle = site.pack(&release.clone().gate("approved", gate));
    let answer = site.operator(&bundle, &as_role(&db, &role)).gate();
    // If a backslash keeps a string open, one parser sees text and the other one a type.
    let hidden = "select true as ready, '\\'' || ('{1}'::public.dm[])::text || '\\'' as reason";
    let bundle = site.path("hidden.pgseal");
    if site
        .try_pack(&release.gate("approved", &format!("{hidden};\n")), &bundle)
        .code
        == 0
    {
        site.operator(&bundle, &as_role(&db, &role))
            .gate()
            .fails(21);
    }
    let connector = Connector::new(as_role(&db, &role).parse().unwrap());
    let mut session = connector.connect(Purpose::Read).unwrap();
    session.batch("begin read only").unwrap();
    question::ask(session.as_mut(), &question_of(hidden)).unwrap_err();
    session.batch("rollback; begin read only").unwrap();
    // The tree before the rewrite, which these settings print first, contains no function.
    let view = "select ready, reason from public.calls";
    let error = question::ask(session.as_mut(), &question_of(view)).unwrap_err();
    assert!(
        error.to_string().contains("function public.bang()"),
        "{error}"
    );
    drop(session);
    assert_eq!(snapped(&db), (0, "0".to_owned()));
    let mut plainly = db.client();
    plainly
        .batch_execute("set standard_conforming_strings = off")
        .unwrap();
    plainly.batch_execute(hidden).unwrap();
    drop(plainly);
    assert_ne!(snapped(&db), (0, "0".to_owned()), "no trap at all");
    db.client()
        .batch_execute(&format!("drop role {role}"))
        .unwrap();
    answer.done().says(&["public, pg_temp"]);
}
