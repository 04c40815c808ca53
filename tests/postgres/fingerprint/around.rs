//! Changes around a schema's own objects: the database itself, dependent types, members of extensions, objects of the
//! server, and objects next to the ledger.

/// As in `changes.rs`.
pub const CHANGES: &[(u32, &str, &str)] = &[
    // The database itself. `ALTER DATABASE` changes allow_connections of another database only.
    (
        0,
        "do $$ begin execute format('alter database %I is_template true', current_database()); end $$",
        "database differs: template",
    ),
    (
        0,
        "do $$ begin execute format('alter database %I connection limit 7', current_database()); end $$",
        "database differs: connections",
    ),
    (
        0,
        "update pg_database set datallowconn = false where datname = current_database()",
        "database differs: no connections",
    ),
    (
        0,
        "update pg_database set dattablespace = (select oid from pg_tablespace where spcname = 'pg_global') \
         where datname = current_database()",
        "database differs: tablespace",
    ),
    (
        15,
        "update pg_database set datlocprovider = 'i' where datname = current_database()",
        "database differs: locale provider",
    ),
    (
        15,
        "update pg_database set daticulocale = 'de' where datname = current_database()",
        "database differs: locale",
    ),
    // Types that come with other objects.
    (
        0,
        "grant usage on type app.widgets to fp_reader",
        "type app.widgets is new",
    ),
    (
        0,
        "grant usage on type app.widgets to fp_reader; revoke usage on type app.widgets from fp_reader",
        "",
    ),
    (
        0,
        "revoke usage on type app.cheap from public",
        "type app.cheap is new",
    ),
    (
        0,
        "update pg_type set typowner = 'fp_owner'::regrole where oid = 'app.parts'::regtype",
        "type app.parts is new",
    ),
    (
        14,
        "alter type app.span_multirange owner to fp_owner",
        "type app.span_multirange is new",
    ),
    (
        14,
        "update pg_type set typacl = array[makeaclitem('fp_reader'::regrole, typowner, 'USAGE', false)] \
         where oid = 'app.span_multirange'::regtype",
        "type app.span_multirange is new",
    ),
    (
        0,
        "alter materialized view app.never reset (toast.autovacuum_enabled)",
        "materialized view app.never differs: toast options",
    ),
    (
        0,
        "do $$ begin execute format('grant select on %s to fp_reader', \
         (select reltoastrelid::regclass from pg_class where oid = 'app.widgets'::regclass)); end $$",
        "table app.widgets differs: toast grants",
    ),
    // Members of extensions, and additions to them.
    (
        0,
        "create or replace function app.akeys(hstore app.hstore) returns text[] language sql as 'select null::text[]'",
        "function app.akeys(app.hstore) differs: code",
    ),
    (
        0,
        "revoke execute on function app.akeys(app.hstore) from public",
        "function app.akeys(app.hstore) differs: grants",
    ),
    (
        0,
        "alter function app.akeys(app.hstore) owner to fp_owner",
        "function app.akeys(app.hstore) differs: owner, grants",
    ),
    (
        0,
        "comment on function app.akeys(app.hstore) is 'x'",
        "comment on function app.akeys(app.hstore) is new",
    ),
    (
        0,
        "alter extension hstore add table app.base",
        "extension hstore differs: members",
    ),
    (
        0,
        "alter extension hstore add table app.base; alter table app.base add column more int",
        "column app.base.more is new",
    ),
    (
        0,
        "alter extension hstore add table app.parts; create trigger more before insert on app.parts for each row \
         execute function app.touch()",
        "trigger more on app.parts is new",
    ),
    (
        0,
        "update pg_extension set extconfig = array['app.base'::regclass::oid], extcondition = '{where a > 1}' \
         where extname = 'hstore'",
        "extension hstore differs: configuration",
    ),
    (
        0,
        "alter language plpgsql owner to fp_owner",
        "language plpgsql differs: owner, grants",
    ),
    // Objects of the server.
    (
        0,
        "grant execute on function pg_read_file(text) to fp_reader",
        "grants on function pg_catalog.pg_read_file(pg_catalog.text) is new",
    ),
    (
        0,
        "revoke select on pg_catalog.pg_stats from public",
        "grants on view pg_catalog.pg_stats is new",
    ),
    (
        0,
        "grant select (rolpassword) on pg_authid to fp_reader",
        "grants on column pg_catalog.pg_authid.rolpassword is new",
    ),
    (
        0,
        "grant usage on type pg_catalog.int4 to fp_reader; revoke usage on type int4 from fp_reader",
        "",
    ),
    (
        0,
        "grant create on schema pg_catalog to fp_reader",
        "grants on schema pg_catalog is new",
    ),
    (
        0,
        "grant usage on language sql to fp_reader",
        "grants on language sql is new",
    ),
    (
        0,
        "create function pg_catalog.more() returns int language sql as 'select 1'",
        "function pg_catalog.more() is new",
    ),
    (
        0,
        "comment on language plpgsql is 'x'",
        "comment on language plpgsql differs: text",
    ),
    (
        0,
        "comment on access method heap is 'x'",
        "comment on access method heap differs: text",
    ),
    (
        0,
        "comment on extension plpgsql is null",
        "comment on extension plpgsql is missing",
    ),
    (
        0,
        "comment on schema pg_catalog is 'x'",
        "comment on schema pg_catalog differs: text",
    ),
    (
        0,
        "comment on function now() is 'x'",
        "comments on the server's own functions differs: digest",
    ),
    (
        0,
        "comment on type int4 is null",
        "comments on the server's own types differs: number, digest",
    ),
    (
        0,
        "comment on view pg_catalog.pg_stats is 'x'",
        "comment on view pg_catalog.pg_stats is new",
    ),
    // Next to the ledger.
    (0, "create table pgseal.more ()", "table pgseal.more is new"),
    (
        0,
        "insert into pgseal.other values (2)",
        "rows of pgseal.other differ: rows, digest",
    ),
    (
        0,
        "alter function pgseal.mine() cost 7",
        "function pgseal.mine() differs: code",
    ),
    (
        0,
        "create trigger more before insert on pgseal.ledger for each row execute function app.touch()",
        "trigger more on pgseal.ledger is new",
    ),
    (
        0,
        "create index more on pgseal.steps (by_run)",
        "index pgseal.more is new",
    ),
    (
        0,
        "grant usage on schema pgseal to fp_reader; insert into pgseal.ledger values (1)",
        "",
    ),
];
