//! Indexes and constraints that were written under other settings than those of a guarded query. Some functions that
//! PostgreSQL labels immutable depend on settings, so such an index or constraint can hide existing rows.

use super::gate_races::{as_role, ask, read, says_ready};
use pgseal_testkit::cluster::{Cluster, GATE_USER, TestDatabase};

/// The first PostgreSQL version with the definition, the definition, the gate's condition, and the refusal's text:
/// empty if the rows are found regardless.
type Written = (u32, &'static str, &'static str, &'static str);

const WRITTEN: [Written; 15] = [
    (
        13,
        "create index on public.jobs (id) where digest::text = '\\x41'",
        "digest::text = '\\x41'",
        "values of type bytea as text, which can follow settings of the session that wrote it, in an index, constraint or key of \
         public.jobs",
    ),
    (
        13,
        "create index on public.jobs (id) where age(timestamptz '2026-03-29 00:00Z', timestamptz '2026-02-28 23:30Z') = interval '1 mon 30 min'",
        "id > 0",
        "function age(timestamp with time zone,timestamp with time zone)",
    ),
    (
        13,
        "create text search configuration public.cfg (copy = pg_catalog.simple);
         alter text search configuration public.cfg drop mapping for asciiword;
         create index on public.jobs (id) where to_tsvector('public.cfg', 'x') <> '';
         alter text search configuration public.cfg add mapping for asciiword with simple",
        "id > 0",
        "function to_tsvector(regconfig,text) of constants alone",
    ),
    (
        13,
        "create index on public.jobs (id) where case '\\x41'::bytea::text when '\\x41' then true else false end",
        "id > 0",
        "values of type bytea as text",
    ),
    // The planner evaluates the predicate, and any query can use the index.
    (
        13,
        "create index on public.jobs (id) where '\\x41'::bytea::text = '\\x41'",
        "id > 0",
        "values of type bytea as text",
    ),
    (
        13,
        "create index on public.jobs ((ratio::text))",
        "ratio::text = '0.123456789'",
        "values of type double precision as text",
    ),
    (
        13,
        "create index on public.jobs ((place::text))",
        "place::text = '(0.123456789,1)'",
        "values of type point as text",
    ),
    (
        13,
        "create index on public.jobs ((bound::text))",
        "bound::text = '0.123456789'",
        "values of type public.bound as text",
    ),
    (
        13,
        "create index on public.jobs (quote_ident(name))",
        "quote_ident(name) = 'x'",
        "function quote_ident(text)",
    ),
    (
        13,
        "create index on public.jobs ((at at time zone 'EST'))",
        "at at time zone 'EST' = '2025-12-31 19:00'",
        "function timezone(text,timestamp with time zone)",
    ),
    (
        13,
        "create index on public.jobs (id) where (xmlelement(name a, digest)::text) = '<a>QQ==</a>'",
        "(xmlelement(name a, digest)::text) = '<a>QQ==</a>'",
        "values of type bytea as text",
    ),
    (
        13,
        "create index on public.jobs (id) where (xmlforest(digest as d)::text) = '<d>QQ==</d>'",
        "(xmlforest(digest as d)::text) = '<d>QQ==</d>'",
        "values of type bytea as text",
    ),
    (
        16,
        "create index on public.jobs ((json_array(ratio)::text))",
        "json_array(ratio)::text = '[0.123456789]'",
        "values of type double precision as text",
    ),
    (
        13,
        "create table public.more (check (digest::text <> '\\x41')) inherits (public.jobs);
         insert into public.more select * from public.jobs; delete from only public.jobs",
        "digest::text = '\\x41'",
        "",
    ),
    (
        18,
        "create index on public.jobs (date_trunc('day', at, 'EST'))",
        "date_trunc('day', at, 'EST') = '2025-12-31 05:00+00'",
        "function date_trunc(text,timestamp with time zone,text)",
    ),
];

fn jobs<'a>(name: &str) -> (TestDatabase<'a>, u32) {
    let db = Cluster::shared().database(name);
    db.client()
        .batch_execute(
            "create domain public.bound as double precision;
             create table public.jobs (id integer, digest bytea, ratio double precision, place point, bound public.bound, name text,
                                       at timestamptz);
             insert into public.jobs select n, '\\x41', 0.123456789, point(0.123456789, 1), 0.123456789, 'x', '2026-01-01 00:00+00'
             from generate_series(1, 2000) n",
        )
        .unwrap();
    let version = db
        .ask("select current_setting('server_version_num')::integer / 10000")
        .parse()
        .unwrap();
    (db, version)
}

#[test]
fn what_was_written_under_other_settings() {
    for (from, lay, condition, words) in WRITTEN {
        let (db, version) = jobs("written");
        if version < from || lay.contains("xml") && !with_xml(&db) {
            continue;
        }
        let mut owner = db.client();
        owner
            .batch_execute(&format!(
                "set bytea_output = escape; set extra_float_digits = -13; set quote_all_identifiers = on;
                 set timezone_abbreviations = 'Australia'; set xmlbinary = hex; set timezone = 'Europe/Berlin'; {lay};
                 reset all; analyze; grant select on all tables in schema public to public"
            ))
            .unwrap();
        let gate = format!(
            "select count(*) = 0 as ready, 'x' as reason from public.jobs where {condition}"
        );
        let answer = ask(read(&as_role(&db, GATE_USER)).as_mut(), &gate);
        let refusal = answer
            .as_ref()
            .map_or_else(ToString::to_string, |_| String::new());
        match words {
            "" => assert!(answer.is_ok() && !says_ready(&answer), "{lay}: {answer:?}"),
            words => assert!(refusal.contains(words), "{lay}: {answer:?}"),
        }
        let plainly = |settings: &str| {
            let mut client = db.client();
            client
                .batch_execute(&format!(
                    "set timezone_abbreviations = 'Default'; {settings}"
                ))
                .unwrap();
            client
                .query_one(&gate.replace(" as ready", ""), &[])
                .unwrap()
                .get::<_, bool>(0)
        };
        let without = "set enable_indexscan = off; set enable_indexonlyscan = off; set enable_bitmapscan = off;
                       set constraint_exclusion = off";
        assert!(!plainly(without), "{lay}: nothing blocks");
        assert!(plainly("set enable_seqscan = off"), "{lay}: no trap at all");
    }
}

/// Expressions independent of settings are accepted.
#[test]
fn expressions_that_are_the_same_everywhere() {
    let (db, _) = jobs("same");
    db.client()
        .batch_execute(
            "alter table public.jobs add column data jsonb, add column code uuid, add column plain timestamp;
             create index on public.jobs ((at at time zone 'UTC'));
             create index on public.jobs (((at at time zone 'Europe/Berlin')::date));
             create index on public.jobs (((data->>'n')::integer), lower(name), (id::text));
             create index on public.jobs (((data->>'ratio')::double precision));
             create index on public.jobs (date_trunc('day', plain)) where code::text like 'a%' and ratio > 0.5;
             create index on public.jobs (encode(digest, 'hex'), (ratio::numeric)) where ratio::numeric > 0 and name in ('x', 'y');
             alter table public.jobs add check (length(digest) > 0);
             analyze; grant select on all tables in schema public to public",
        )
        .unwrap();
    let gate = "select count(*) = 0 as ready, 'x' as reason from public.jobs where ratio > 1";
    let answer = ask(read(&as_role(&db, GATE_USER)).as_mut(), gate);
    assert!(says_ready(&answer), "{answer:?}");
}

/// A later server may label others immutable. A change to a new version must add those that depend on settings to
/// `TYPES` in `follows.rs`.
#[test]
fn every_output_that_is_labelled_immutable_is_known() {
    let db = Cluster::shared().database("outputs");
    let unknown = db.ask(
        "select coalesce(string_agg(distinct p.proname, ' ' order by p.proname), '')
         from pg_type t join pg_proc p on p.oid = t.typoutput
         where p.provolatile = 'i' and t.oid < 16384 and t.typtype <> 'p'
           and t.oid not in (17, 600, 601, 602, 603, 604, 628, 700, 701, 718, 1186)
           and p.proname !~ '^(bit_|bool|bpchar|char|cid|cidr_|gtsvector|inet_|int[248]|int2vector|jsonb?_|jsonpath_|macaddr8?_|name|numeric_|oid|oidvector|pg_(lsn|snapshot|node_tree|dependencies|mcv_list|ndistinct|brin.*)_|brin_.*_|text|tid|timetz_|time_|tsquery|tsvector|txid_snapshot_|uuid_|varbit_|varchar|xid|xid8|xml_)out$'",
    );
    assert_eq!(unknown, "");
    let named = db.ask(
        "select string_agg(t.typname || ' ' || p.proname, ', ' order by t.oid)
         from pg_type t join pg_proc p on p.oid = t.typoutput
         where t.oid in (17, 600, 601, 602, 603, 604, 628, 700, 701, 718, 1186)
           and p.oid in (31, 201, 215, 1161, 118, 120, 122, 124, 348, 1451, 1491)",
    );
    assert_eq!(
        named,
        "bytea byteaout, point point_out, lseg lseg_out, path path_out, box box_out, polygon poly_out, line line_out, \
         float4 float4out, float8 float8out, circle circle_out, interval interval_out"
    );
}

fn with_xml(db: &TestDatabase<'_>) -> bool {
    db.client()
        .batch_execute("select xmlelement(name a)")
        .is_ok()
}
