//! Scripts against the server: pgseal's statements have the same effect as psql's.

use super::{database, small};
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::{Release, Site, assert_same, dump, psql};

/// All elements of a script at once.
const RICH: &str = r#"\set greeting 'it''s me'
\set table_name rich
create table public.:"table_name" (id integer generated always as identity, text text, at date default date '2026-01-01');
/* nested /* comments */ ; */ insert into public.rich (text) values (:'greeting'), ('a;b'), (E'c\'d;'), ($q$ ;$$; $q$);
copy public.rich (text, at) from stdin;
tab\there	2026-02-03
\\.	2026-02-04
\N	\N
semi;colon -- no comment	2026-02-05
\.
copy public.rich (text, at) from stdin with (format csv, header);
text,at
"quoted, with
a line feed and ; too",2026-03-01
,2026-03-02
\.
create function public.lower_all() returns void language plpgsql as $body$
declare n integer;
begin
    update public.rich set text = lower(text); -- ; in a comment
    get diagnostics n = row_count;
    raise notice 'changed %', n;
    raise warning 'that were % rows', n;
end;
$body$;
select public.lower_all();
create function public.both(a integer) returns integer language sql begin atomic
    select case when a > 0 then 1 else 2 end;
    select a + 1;
end;
create rule rich_rule as on delete to public.rich do also (select 1; select 2);
create view public.rich_view as select id, text, id + 1 as next from public.rich where text is not null;
comment on view public.rich_view is 'a comment; with -- everything /* in it';
\ir parts/more.sql
select array_agg(text order by id)::text as "all" from public.rich;
insert into public.rich (text) values ('größe 表 ✓'), (U&'d\0061t\+000061');
"#;

const MORE: &str = "-- included\ninsert into public.rich (text) select 'row ' || n from generate_series(1, 200) n;\n\\echo done with :greeting\n";

#[test]
fn the_same_as_psql() {
    let (db, release, site) = small("rich");
    let by_hand = database("byhand");
    let release = release
        .tier("rich", RICH)
        .file("tiers/parts/more.sql", MORE);
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();

    let dir = site.path("by_hand");
    release.write(&dir);
    let psql = psql(
        &by_hand,
        &["-1", "-f", "tiers/widgets.sql", "-f", "tiers/rich.sql"],
        &dir,
    );
    assert!(
        psql.status.success(),
        "{}",
        String::from_utf8_lossy(&psql.stderr)
    );
    assert_same(&dump(&by_hand), &dump(&db));

    let receipt = operator.receipt();
    let tier = &receipt["tiers"][1];
    let warnings = tier["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{tier}");
    let warning = warnings[0].as_str().unwrap();
    let line = 1 + RICH
        .lines()
        .position(|line| line == "select public.lower_all();")
        .unwrap();
    assert_eq!(
        warning,
        format!("tiers/rich.sql:{line}:1: that were 10 rows")
    );
}

/// One-Roof's own scripts, compared with psql in one transaction.
#[test]
fn one_roof_is_the_same_as_psql() {
    use super::one_roof::{self, APR, Directus};
    let site = Site::new();
    let bundle = one_roof::pack(&site);
    let directus = Directus::at_baseline();
    directus.ratify();
    let by_hand = TestDatabase::from_template(Cluster::shared(), directus.db.name(), "onebyhand");
    site.operator(&bundle, &directus.db.url())
        .variable("ratified_apr", APR)
        .run()
        .done();
    let apr = format!("ratified_apr={APR}");
    let names = [
        "structure",
        "responsibility_axis",
        "ownership_seed",
        "containment",
        "candidate_materialization",
    ];
    let names = names
        .into_iter()
        .chain(["emit_guard", "ui_views", "seal"])
        .enumerate();
    let files: Vec<String> = names
        .map(|(at, name)| format!("executor/{:02}_{name}.sql", at + 1))
        .collect();
    let mut args = vec!["-1", "-v", &apr];
    files.iter().for_each(|file| args.extend(["-f", file]));
    let psql = psql(&by_hand, &args, &one_roof::sources().join("one-roof"));
    assert!(
        psql.status.success(),
        "{}",
        String::from_utf8_lossy(&psql.stderr)
    );
    assert_same(&dump(&by_hand), &dump(&directus.db));
}

#[test]
fn data_of_a_large_copy() {
    let (db, release, site) = small("bulk");
    let mut sql = String::from(
        "create table public.bulk (id integer, text text);\ncopy public.bulk from stdin;\n",
    );
    for id in 0..60_000 {
        sql.push_str(&format!("{id}\trow {id};\n"));
    }
    sql.push_str("\\.\ncreate index on public.bulk (id);\n");
    let bundle = site.pack(
        &release
            .tier("bulk", &sql)
            .rollback("bulk", "drop table public.bulk;\n"),
    );
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    assert_eq!(
        db.ask("select count(*) || ' ' || sum(id) || ' ' || max(text) from public.bulk"),
        "60000 1799970000 row 9;"
    );
    assert_eq!(operator.receipt()["tiers"][1]["rows"], 60_000);
}

#[test]
fn many_statements() {
    let (db, release, site) = small("many");
    let mut sql = String::from("create table public.many (id integer primary key, text text);\n");
    for id in 0..3_000 {
        sql.push_str(&format!(
            "insert into public.many values ({id}, 'it''s {id};');\n"
        ));
    }
    let bundle = site.pack(&release.tier("many", &sql));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    assert_eq!(db.ask("select count(*) from public.many"), "3000");
    assert_eq!(operator.receipt()["tiers"][1]["statements"], 3_001);
}

/// Values of variables are data, whatever they contain.
#[test]
fn variables_are_data() {
    let (db, release, site) = small("values");
    let tier = "create table public.values_given (a text, b text);\n\
                insert into public.values_given values (:'given', $$:given$$ || ':given');\n";
    let bundle = site.pack(&release.variable("given").tier("values", tier));
    let nasty = "'); drop table public.widgets; --\\ \"$$ö\t:given";
    let operator = site.operator(&bundle, &db.url()).variable("given", nasty);
    operator.run().done();
    assert_eq!(db.ask("select a from public.values_given"), nasty);
    assert_eq!(db.ask("select b from public.values_given"), ":given:given");
    assert_eq!(operator.receipt()["variables"]["given"], nasty);
}

/// A plain :name becomes part of the text; text that psql would scan again is refused.
#[test]
fn a_plain_variable_that_would_be_two_statements() {
    let (db, release, site) = small("plain");
    let bundle = site.pack(
        &release
            .variable("n")
            .tier("plain", "insert into public.widgets values (:n, 'n');\n"),
    );
    let before = dump(&db);
    let operator = site.operator(&bundle, &db.url());
    let injected = operator.clone().variable(
        "n",
        "7, 'x'); delete from public.approvals; insert into public.widgets values (8",
    );
    injected
        .run()
        .fails_saying(30, &["tiers/plain.sql:1:36", "psql scans a plain :n again"]);
    assert_same(&before, &dump(&db));
    operator.variable("n", "7").run().done();
}

#[test]
fn echoes_and_warnings_are_shown_with_their_place() {
    let (db, release, site) = small("echo");
    let tier =
        "\\echo at work\n\\warn be careful\ndo $$ begin raise warning 'look here'; end $$;\n";
    let bundle = site.pack(&release.tier("talks", tier));
    let answer = site.operator(&bundle, &db.url()).run();
    answer
        .done()
        .says(&["at work", "WARNING: look here (tiers/talks.sql:3:1)"]);
    // The answer goes to stdout, and output of scripts does not.
    assert!(!answer.stdout.contains("at work"), "{answer}");
}

/// psql would print the rows of these queries; pgseal discards them.
#[test]
fn rows_of_a_tier_are_not_the_answer() {
    let (db, release, site) = small("rows");
    let tier = "select n, repeat('x', 1000) from generate_series(1, 20000) n;\ncopy public.widgets to stdout;\n";
    let bundle = site.pack(&release.tier("selects", tier));
    let answer = site.operator(&bundle, &db.url()).run();
    assert!(answer.done().stdout.len() < 10_000);
}

#[test]
fn a_release_of_one_statement_without_semicolon() {
    let (db, release, site) = small("bare");
    let bundle = site.pack(&release.tier("bare", "insert into public.widgets values (3, 'three')"));
    site.operator(&bundle, &db.url()).run().done();
    assert_eq!(db.ask("select count(*) from public.widgets"), "3");
}

/// A release's database can have any name that PostgreSQL accepts.
#[test]
fn a_database_with_an_odd_name() {
    let name = "Odd näme; 'quoted' %20 &x=y";
    let db = Cluster::shared().database_named(name);
    db.client().batch_execute(super::BEFORE).unwrap();
    let site = Site::new();
    let bundle = site.pack(&Release::on(name));
    for how in [db.url(), db.connection()] {
        let operator = site.operator(&bundle, &how);
        operator.run().done();
        operator.rollback().done();
    }
}

/// Echoes and notices of batched statements keep the order of the script.
#[test]
fn echoes_and_notices_of_a_batch_are_in_order() {
    let (db, release, site) = small("order");
    let tier = "create table public.said (n integer);\n\
                create function public.say(n integer) returns integer language plpgsql as $$\n\
                begin raise warning 'said %', n using hint = 'listen'; return n; end $$;\n\
                \\echo first\n\
                insert into public.said select public.say(1);\n\
                insert into public.said values (0);\n\
                \\echo second\n\
                insert into public.said select public.say(2); insert into public.said select public.say(3);\n\
                \\echo third\n\
                select public.say(4);\n\
                do $$ begin raise notice 'alone'; end $$;\n\
                \\echo last\n";
    let bundle = site.pack(&release.tier("order", tier));
    let operator = site.operator(&bundle, &db.url());
    let answer = operator.run();
    answer.done();
    let said = answer
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("    "));
    let said: Vec<&str> = said.filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        said,
        [
            "first",
            "WARNING: said 1 (tiers/order.sql:5:1)",
            "second",
            "WARNING: said 2 (tiers/order.sql:8:1)",
            "WARNING: said 3 (tiers/order.sql:8:47)",
            "third",
            "WARNING: said 4 (tiers/order.sql:10:1)",
            "NOTICE: alone (tiers/order.sql:11:1)",
            "last",
        ]
    );
    answer.says(&["      hint: listen"]);
    let tier = operator.receipt()["tiers"][1].clone();
    assert_eq!(
        tier["warnings"][1],
        "tiers/order.sql:8:1: said 2 (hint: listen)"
    );
    assert_eq!(
        (tier["statements"].as_u64(), tier["rows"].as_u64()),
        (Some(8), Some(5)),
        "{tier}"
    );
}

/// Several messages, with more bytes and more statements than one can have, and single statements between them.
#[test]
fn batches_and_single_statements_in_turn() {
    let (db, release, site) = small("turns");
    let mut sql = String::from(
        "create table public.turns (n integer primary key generated always as identity, t text);\n",
    );
    for n in 0..1_000 {
        let text = "x".repeat(if n % 100 == 0 { 70_000 } else { n });
        sql.push_str(&format!(
            "insert into public.turns (t) values ('{n} {text}');\n"
        ));
        if n % 333 == 0 {
            sql.push_str(&format!(
                "insert into public.turns (t) values ($q${n} alone$q$);\n"
            ));
        }
    }
    let bundle = site.pack(&release.tier("turns", &sql));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    assert_eq!(operator.receipt()["tiers"][1]["rows"], 1_004);
    // Identities are assigned in order, so they reveal the order of statements.
    let wrong =
        "select count(*) from (select split_part(t, ' ', 1)::int, lag(split_part(t, ' ', 1)::int) over (order by n)
                 from public.turns) o(this, before) where this < before";
    assert_eq!(db.ask(wrong), "0");
    assert_eq!(
        db.ask(
            "select string_agg(n::text, ' ' order by n) from public.turns where t like '%alone'"
        ),
        "2 336 670 1004"
    );
}

/// `current_query()` returns the message; in a batch it would contain other statements too.
#[test]
fn functions_that_look_at_the_message_see_one_statement() {
    let (db, release, site) = small("messages");
    let tier = "create table public.log (q text, at timestamptz default statement_timestamp());\n\
                create function public.logged() returns trigger language plpgsql as $$\n\
                begin insert into public.log values (current_query()); return new; end $$;\n\
                create trigger logged after insert on public.widgets for each row execute function public.logged();\n\
                insert into public.widgets values (3, 'three');\n\
                insert into public.widgets values (4, 'four');\n";
    let more = "insert into public.widgets values (5, 'five');\ninsert into public.widgets values (6, 'six');\n";
    let bundle = site.pack(&release.tier("logs", tier).tier("more", more));
    site.operator(&bundle, &db.url()).run().done();
    assert_eq!(
        db.ask("select count(*) from public.log where q like 'insert%;' and q not like '%;%;%'"),
        "4"
    );
    assert_eq!(db.ask("select count(distinct at) from public.log"), "4");
}

/// psql sends statements joined by `\;` together; pgseal sends each alone, in order.
#[test]
fn joined_statements() {
    let (db, release, site) = small("joined");
    let tier = "insert into public.widgets values (3, 'three') \\; -- ;\n update public.widgets set name = 'drei' where id = 3;\n\
                insert into public.widgets values (4, 'four') \\; copy public.widgets to stdout \\; select 1;\n";
    let bundle = site.pack(&release.tier("joined", tier));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    assert_eq!(
        db.ask("select string_agg(name, ' ' order by id) from public.widgets"),
        "one two drei four"
    );
    assert_eq!(operator.receipt()["tiers"][1]["statements"], 5);
}

#[test]
fn joined_statements_are_judged_one_by_one() {
    let (db, release, site) = small("judged");
    let refusals = [
        ("select 1 \\; commit;", "transaction control (COMMIT)"),
        (
            "set role none \\; set client_encoding = latin1;",
            "a change of the client's encoding",
        ),
        (
            "select 1 \\; vacuum;",
            "VACUUM can't run inside a transaction",
        ),
        ("select 1 \\; copy public.widgets from stdin;\n\\.", "COPY"),
    ];
    for (sql, why) in refusals {
        let bundle = site.path("refused.pgseal");
        site.try_pack(
            &release.clone().tier("judged", &format!("{sql}\n")),
            &bundle,
        )
        .fails_saying(2, &[why]);
    }
    drop(db);
}
