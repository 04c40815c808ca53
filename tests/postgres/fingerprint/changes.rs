//! A named difference for every kind of change.

use pgseal::fingerprint::take_on;
use pgseal_verify::format::fingerprint::Scope;

use super::{around, clock, every_kind, lines};
use pgseal::database::Session;
use pgseal_testkit::server::{ask, session};

/// The first version with the statement, the statement, and one of the expected lines.
const CHANGES: &[(u32, &str, &str)] = &[
    (
        0,
        "alter table app.parts drop column part cascade; alter table app.parts add part int",
        "column order of app.parts differs: (widget, part, during) is now (widget, during, part)",
    ),
    (
        0,
        "drop index app.widgets_kind",
        "index app.widgets_kind is missing",
    ),
    (
        0,
        "create index more on app.widgets (price)",
        "index app.more is new",
    ),
    (
        0,
        "update pg_index set indisvalid = false where indexrelid = 'app.widgets_kind'::regclass",
        "index app.widgets_kind differs: invalid",
    ),
    (
        0,
        "alter table app.widgets set without cluster",
        "index app.widgets_pkey differs: clustered",
    ),
    (
        0,
        "alter table app.parts replica identity default",
        "index app.parts_pkey differs: replica identity",
    ),
    (
        0,
        "alter index app.widgets_lower set (fillfactor = 81)",
        "index app.widgets_lower differs: definition",
    ),
    (
        0,
        "drop index app.widgets_words; create index widgets_words on app.widgets \
         using gist (to_tsvector('simple', name) tsvector_ops (siglen = 101))",
        "index app.widgets_words differs: definition",
    ),
    (
        0,
        "alter index app.widgets_lower alter column 2 set statistics 78",
        "index app.widgets_lower differs: statistics",
    ),
    (
        0,
        "alter table app.widgets alter tags set default array['a']",
        "column app.widgets.tags differs: default",
    ),
    (
        0,
        "alter table app.widgets alter tags drop default",
        "column app.widgets.tags differs: default",
    ),
    (
        0,
        "alter table app.widgets alter price set not null",
        "column app.widgets.price differs: not null",
    ),
    (
        0,
        "alter table app.parts add column more int",
        "column app.parts.more is new",
    ),
    (
        0,
        "alter table app.parts drop column during",
        "column app.parts.during is missing",
    ),
    (
        0,
        "alter table app.parts alter part type bigint",
        "column app.parts.part differs: type",
    ),
    (
        0,
        "alter foreign table app.remote alter b type text collate \"C\"",
        "foreign table column app.remote.b differs: collation",
    ),
    (
        0,
        "alter table app.widgets alter id set generated always",
        "column app.widgets.id differs: identity",
    ),
    (
        0,
        "alter table app.widgets alter gross drop expression",
        "column app.widgets.gross differs: generated, default",
    ),
    (
        0,
        "alter table app.widgets alter note set statistics 51",
        "column app.widgets.note differs: statistics",
    ),
    (
        0,
        "alter table app.widgets alter note set storage main",
        "column app.widgets.note differs: storage",
    ),
    (
        14,
        "alter table app.widgets alter note set compression default",
        "column app.widgets.note differs: compression",
    ),
    (
        0,
        "alter table app.widgets alter tags reset (n_distinct)",
        "column app.widgets.tags differs: options",
    ),
    (
        0,
        "alter table app.widgets alter tags set (n_distinct_inherited = -0.5)",
        "column app.widgets.tags differs: options",
    ),
    (
        0,
        "revoke update (note) on app.widgets from fp_reader",
        "column app.widgets.note differs: grants",
    ),
    (
        0,
        "revoke grant option for update (name) on app.widgets from fp_reader",
        "column app.widgets.name differs: grants",
    ),
    (
        0,
        "revoke insert on app.widgets from fp_reader",
        "table app.widgets differs: grants",
    ),
    (
        0,
        "grant select on app.widgets to public",
        "table app.widgets differs: grants",
    ),
    (
        0,
        "revoke all on app.widgets from postgres",
        "table app.widgets differs: grants",
    ),
    (
        0,
        "alter table app.widgets owner to fp_owner",
        "table app.widgets differs: owner, grants",
    ),
    (
        0,
        "alter table app.widgets set (fillfactor = 71)",
        "table app.widgets differs: options",
    ),
    (
        0,
        "alter table app.widgets reset (toast.autovacuum_enabled)",
        "table app.widgets differs: toast options",
    ),
    (
        0,
        "alter table app.widgets replica identity default",
        "table app.widgets differs: replica identity",
    ),
    (
        0,
        "alter table app.scratch set logged",
        "table app.scratch differs: persistence",
    ),
    (
        0,
        "alter table app.secrets disable row level security",
        "table app.secrets differs: row security",
    ),
    (
        0,
        "alter table app.secrets no force row level security",
        "table app.secrets differs: forced row security",
    ),
    (
        0,
        "alter table app.derived no inherit app.base",
        "table app.derived differs: child of",
    ),
    (
        0,
        "alter table app.typed not of",
        "table app.typed differs: of type",
    ),
    (
        0,
        "alter table app.events detach partition app.events_2020",
        "table app.events_2020 differs: partition bound, child of",
    ),
    (
        0,
        "alter table app.parts disable trigger all",
        "table app.parts differs: constraints not as usual",
    ),
    (
        0,
        "drop table app.base cascade",
        "table app.base is missing",
    ),
    (0, "create table app.more ()", "table app.more is new"),
    (
        0,
        "alter table app.widgets drop constraint not_short",
        "constraint not_short on app.widgets is missing",
    ),
    (
        0,
        "alter table app.parts validate constraint part_later",
        "constraint part_later on app.parts differs: definition, not valid",
    ),
    (
        0,
        "alter table app.parts alter constraint parts_widget_fkey deferrable",
        "constraint parts_widget_fkey on app.parts differs: definition",
    ),
    (0, "drop view app.cheap", "view app.cheap is missing"),
    (
        0,
        "create or replace view app.cheap with (security_barrier) as select id, name, price from app.widgets where price < 11 and kind = 'big'",
        "view app.cheap differs: query",
    ),
    (
        0,
        "alter view app.cheap reset (security_barrier)",
        "view app.cheap differs: options",
    ),
    (
        0,
        "alter view app.cheap alter name drop default",
        "view column app.cheap.name differs: default",
    ),
    (
        0,
        "drop materialized view app.never",
        "materialized view app.never is missing",
    ),
    (
        0,
        "refresh materialized view app.never",
        "rows of app.never differ: rows, digest",
    ),
    (
        0,
        "drop rule log on app.secrets",
        "rule log on app.secrets is missing",
    ),
    (
        0,
        "alter table app.secrets enable rule off",
        "rule off on app.secrets differs: enabled",
    ),
    (
        0,
        "alter table app.widgets disable trigger touch",
        "trigger touch on app.widgets differs: enabled",
    ),
    (
        0,
        "drop trigger touch on app.widgets",
        "trigger touch on app.widgets is missing",
    ),
    (
        0,
        "alter sequence app.numbers increment 2",
        "sequence app.numbers differs: increment",
    ),
    (
        0,
        "alter sequence app.numbers no cycle",
        "sequence app.numbers differs: cycle",
    ),
    (
        0,
        "alter sequence app.owned owned by none",
        "sequence app.owned differs: owned by",
    ),
    (
        0,
        "revoke usage on sequence app.numbers from fp_reader",
        "sequence app.numbers differs: grants",
    ),
    (
        0,
        "alter type app.mood add value 'great' before 'ok'",
        "type app.mood differs: labels",
    ),
    (
        0,
        "alter type app.mood rename value 'sad' to 'SAD'",
        "type app.mood differs: labels",
    ),
    (
        0,
        "revoke usage on type app.mood from public",
        "type app.mood differs: grants",
    ),
    (0, "create type app.more as (a int)", "type app.more is new"),
    (
        0,
        "alter domain app.positive drop default",
        "type app.positive differs: default",
    ),
    (
        0,
        "alter domain app.positive drop constraint more_than_zero",
        "domain constraint more_than_zero on app.positive is missing",
    ),
    (
        0,
        "create or replace function app.touch() returns trigger language plpgsql as $$ begin return null; end $$",
        "function app.touch() differs: code",
    ),
    (
        0,
        "alter function app.touch() security definer",
        "function app.touch() differs: code",
    ),
    (
        0,
        "alter function app.touch() set search_path = app",
        "function app.touch() differs: code",
    ),
    (
        0,
        "alter function app.touch() cost 9",
        "function app.touch() differs: code",
    ),
    (
        0,
        "revoke execute on function app.secret() from fp_reader",
        "function app.secret() differs: grants",
    ),
    (
        0,
        "alter function app.secret() owner to fp_reader",
        "function app.secret() differs: owner, grants",
    ),
    (
        0,
        "drop aggregate app.total(int)",
        "aggregate app.total(integer) is missing",
    ),
    (
        0,
        "create or replace aggregate app.total(int) (sfunc = app.adds, stype = int, initcond = '1', combinefunc = app.adds, parallel = safe)",
        "aggregate app.total(integer) differs: initial state",
    ),
    (
        0,
        "create or replace procedure app.tidy(inout n int) language plpgsql as $$ begin n := n + 2; end $$",
        "procedure app.tidy(integer) differs: code",
    ),
    (
        0,
        "drop cast (text as app.mood)",
        "cast (pg_catalog.text AS app.mood) is missing",
    ),
    (
        0,
        "alter operator app.=== (app.point3, app.point3) set (restrict = none)",
        "operator app.===(app.point3,app.point3) differs: restrict",
    ),
    (
        0,
        "alter operator family app.near using hash add function 2 (int) hashint4extended(int, int8)",
        "operator family app.near USING hash differs: members",
    ),
    (
        18,
        "drop operator class app.int_ops using hash",
        "operator class app.int_ops USING hash is missing",
    ),
    (
        18,
        "drop transform for app.point3 language fp_language",
        "transform for app.point3 language fp_language is missing",
    ),
    (
        0,
        "alter language fp_language owner to fp_owner",
        "language fp_language differs: owner, grants",
    ),
    (
        0,
        "drop access method fp_heap cascade",
        "access method fp_heap is missing",
    ),
    (
        0,
        "alter collation app.plain rename to other",
        "collation app.plain is missing",
    ),
    (
        0,
        "alter conversion app.swapped owner to fp_owner",
        "conversion app.swapped differs: owner",
    ),
    (
        0,
        "alter text search dictionary app.words (accept = true)",
        "text search dictionary app.words differs: options",
    ),
    (
        0,
        "alter text search configuration app.speech drop mapping for numword",
        "text search configuration app.speech differs: mappings",
    ),
    (
        0,
        "drop text search parser app.cuts",
        "text search parser app.cuts is missing",
    ),
    (
        0,
        "alter text search template app.simple rename to other",
        "text search template app.simple is missing",
    ),
    (
        0,
        "alter policy own on app.secrets using (true)",
        "policy own on app.secrets differs: using",
    ),
    (
        0,
        "alter policy own on app.secrets to fp_reader",
        "policy own on app.secrets differs: to",
    ),
    (
        0,
        "drop policy new on app.secrets",
        "policy new on app.secrets is missing",
    ),
    (
        0,
        "comment on table app.widgets is 'other things'",
        "comment on table app.widgets differs: text",
    ),
    (
        0,
        "comment on column app.widgets.name is null",
        "comment on column app.widgets.name is missing",
    ),
    (
        0,
        "comment on schema public is null",
        "comment on schema public is missing",
    ),
    (
        0,
        "comment on large object 4711 is ''",
        "comment on large object 4711 is missing",
    ),
    (
        0,
        "comment on role fp_reader is 'no change of this database'",
        "",
    ),
    (
        0,
        "alter default privileges for role fp_owner in schema app revoke select on tables from fp_reader",
        "default acl for role fp_owner in schema app on tables is missing",
    ),
    (
        0,
        "alter default privileges for role fp_owner grant usage on schemas to fp_reader",
        "default acl for role fp_owner on schemas is new",
    ),
    (
        0,
        "revoke usage on schema app from fp_reader",
        "schema app differs: grants",
    ),
    (
        0,
        "revoke usage on schema public from public",
        "schema public differs: grants",
    ),
    (0, "create schema more", "schema more is new"),
    (
        0,
        "alter statistics app.widgets_stats set statistics 34",
        "statistics object app.widgets_stats differs: target",
    ),
    (
        0,
        "alter foreign data wrapper fp_wrapper options (set api_key 'hunter3')",
        "foreign-data wrapper fp_wrapper differs: options",
    ),
    (
        0,
        "alter server fp_server options (set host 'here')",
        "server fp_server differs: options",
    ),
    (
        0,
        "alter user mapping for fp_reader server fp_server options (set password 'hunter3')",
        "user mapping fp_reader on server fp_server differs: options",
    ),
    (
        0,
        "alter foreign table app.remote options (set table_name 'u')",
        "foreign table app.remote differs: foreign options",
    ),
    (
        0,
        "alter foreign table app.remote alter a options (drop key)",
        "foreign table column app.remote.a differs: foreign options",
    ),
    (
        0,
        "alter publication fp_pub set (publish = 'insert')",
        "publication fp_pub differs: definition",
    ),
    (
        0,
        "alter publication fp_pub drop table app.parts",
        "publication relation app.parts in publication fp_pub is missing",
    ),
    (
        15,
        "alter publication fp_pub_columns set table app.widgets (id) where (id > 5)",
        "publication relation app.widgets in publication fp_pub_columns differs: columns",
    ),
    (
        15,
        "alter publication fp_pub_schema drop tables in schema app",
        "publication namespace app in publication fp_pub_schema is missing",
    ),
    (
        0,
        "create subscription fp_more connection 'host=x password=hunter2' publication a with (connect = false, enabled = false, slot_name = none, create_slot = false)",
        "subscription fp_more is new",
    ),
    (
        0,
        "alter event trigger fp_ddl disable",
        "event trigger fp_ddl differs: enabled",
    ),
    (
        0,
        "drop extension plpgsql cascade",
        "extension plpgsql is missing",
    ),
    (
        0,
        "alter function app.touch() depends on extension plpgsql",
        "function app.touch() depends on extension plpgsql is new",
    ),
    (
        0,
        "grant usage on language plpgsql to fp_reader",
        "language plpgsql differs: grants",
    ),
    (0, "select lo_create(4712)", "large object 4712 is new"),
    (
        0,
        "revoke select on large object 4711 from fp_reader",
        "large object 4711 differs: grants",
    ),
    (
        0,
        "do $$ begin execute format('alter database %I set work_mem = ''8MB''', current_database()); end $$",
        "settings of the database is new",
    ),
    (
        0,
        "do $$ begin execute format('alter role fp_reader in database %I set work_mem = ''8MB''', current_database()); end $$",
        "settings of role fp_reader is new",
    ),
    (
        0,
        "do $$ begin execute format('grant create on database %I to fp_reader', current_database()); end $$",
        "database differs: grants",
    ),
    (
        0,
        "do $$ begin execute format('comment on database %I is ''x''', current_database()); end $$",
        "database differs: comment",
    ),
    (
        0,
        "select nextval('app.numbers')",
        "value of app.numbers differs: value",
    ),
    (
        0,
        "select setval('app.owned', 1, true)",
        "value of app.owned differs: value",
    ),
    (
        0,
        "update app.widgets set note = '' where id = 10",
        "rows of app.widgets differ: digest",
    ),
    (
        0,
        "delete from app.widgets where id = (select max(id) from app.widgets)",
        "rows of app.widgets differ: rows, digest",
    ),
    (
        18,
        "alter table app.new18 validate constraint b_later",
        "column app.new18.b differs: not null is",
    ),
    (
        18,
        "alter table app.new18 rename constraint chosen to other",
        "column app.new18.a differs: not null is",
    ),
    (
        18,
        "alter table app.new18 drop constraint c; alter table app.new18 alter column v set expression as (b * 3)",
        "column app.new18.v differs: default",
    ),
];

#[test]
fn every_change_has_a_name() {
    let db = every_kind();
    let mut session = session(&db.connection());
    session.batch("begin; savepoint start").unwrap();
    let before = take_on(&mut session, &Scope::All, clock()).unwrap();
    let mut wrong = Vec::new();
    for (since, change, expected) in CHANGES.iter().chain(around::CHANGES) {
        if session.server_version_num() / 10_000 < *since {
            continue;
        }
        if let Err(error) =
            session.batch(&format!("set local client_min_messages = error; {change}"))
        {
            wrong.push(format!("{change}: {error}"));
            session.batch("rollback to savepoint start").unwrap();
            continue;
        }
        let after = take_on(&mut session, &Scope::All, clock()).unwrap();
        let found = lines(&before, &after);
        let is_named = if expected.is_empty() {
            found.is_empty()
        } else {
            found.iter().any(|line| line == expected)
        };
        if !is_named || found.is_empty() != (before.sha256 == after.sha256) {
            wrong.push(format!("{change}: expected {expected:?}, found {found:?}"));
        }
        session.batch("rollback to savepoint start").unwrap();
        if change.contains("val('") {
            // These are not rolled back.
            session
                .batch("select setval('app.numbers', 1, true), setval('app.owned', 1, false)")
                .unwrap();
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        CHANGES.len() + around::CHANGES.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_transaction_goes_on_as_it_was() {
    let db = every_kind();
    let mut session = session(&db.connection());
    session.batch("begin; set search_path = app; set local DateStyle = 'German'; set local work_mem = '7MB'").unwrap();
    session
        .batch("create table fresh (n int); insert into fresh values (1)")
        .unwrap();
    let settings = "select current_setting('search_path') || current_setting('DateStyle') || current_setting('work_mem') \
        || current_setting('row_security') || current_setting('transaction_read_only')";
    let before = ask(&mut session, settings);
    let found = take_on(&mut session, &Scope::All, clock()).unwrap();
    assert_eq!(
        found.data["app.fresh"].rows, 1,
        "what the transaction has done itself"
    );
    assert_eq!(ask(&mut session, settings), before);
    // Also after a failure.
    let missing = Scope::Tables(vec!["app.nothing".to_owned()]);
    assert_eq!(
        take_on(&mut session, &missing, clock())
            .unwrap_err()
            .to_string(),
        "there is no table app.nothing"
    );
    assert_eq!(ask(&mut session, settings), before);
    session
        .batch("insert into fresh values (2); commit")
        .unwrap();
    assert_eq!(db.ask("select count(*) from app.fresh"), "2");
    // Outside a transaction no change could be undone.
    assert!(
        take_on(&mut session, &Scope::All, clock())
            .unwrap_err()
            .to_string()
            .contains("SAVEPOINT")
    );
}
