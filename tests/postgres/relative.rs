//! Expectations relative to the start of a run or rollback, while others write.

use std::fmt::Write as _;
use std::fs;
use std::thread;
use std::time::Duration;

use super::database;
use super::rehearse::{Rehearsal, last_receipt};
use super::report::{cell, expect, report};
use pgseal::trust::SecretKey;
use pgseal_testkit::bundles::bend;
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::{Release, Running, Site, assert_same, dump, wait_until};
use pgseal_testkit::writer::Writer;

const TABLES: &str =
    "create table public.items (id bigint generated always as identity, name text);
    create table public.events (id bigint generated always as identity, name text);
    insert into public.items (name) values ('first'), ('second');";

const WRITE: &str = "insert into public.items (name) values ('daily'); insert into public.events (name) values ('daily')";

/// [`WRITE`] with its tables in the other order.
const WRITE_BACKWARDS: &str = "insert into public.events (name) values ('daily'); insert into public.items (name) values ('daily')";

const PROBE: &str = "select (select count(*) from public.items) as items,
    (select count(*) from public.events) as events,
    exists (select from pg_catalog.pg_attribute where attrelid = 'public.items'::pg_catalog.regclass and attname = 'tag') as tag;\n";

/// Adds three items and a column, slowly.
const TIER: &str = "select pg_sleep(0.3);
alter table public.items add column tag text;
select pg_sleep(0.3);
insert into public.items (name, tag) values ('a', 'new'), ('b', 'new'), ('c', 'new');\n";

const UNDO: &str = "select pg_sleep(0.3);
delete from public.items where tag = 'new';
alter table public.items drop column if exists tag;\n";

fn shop(prefix: &str) -> (TestDatabase<'static>, Release, Site) {
    let db = database(prefix);
    db.client().batch_execute(TABLES).unwrap();
    let release = Release::on(db.name())
        .without_tiers()
        .baseline(PROBE, "{ tag = false }")
        .finalized(
            PROBE,
            "{ tag = true, items = \"+3\", events = \"unchanged\" }",
        )
        .rolled_back("{ tag = false, items = \"-3\", events = \"unchanged\" }")
        .tier("items", TIER)
        .rollback("items", UNDO);
    (db, release, Site::new())
}

fn count(db: &TestDatabase<'_>, table: &str) -> u64 {
    db.ask(&format!("select count(*) from public.{table}"))
        .parse()
        .unwrap()
}

#[test]
fn run_and_rollback_beside_a_writer_and_after_weeks() {
    let (db, release, site) = shop("relative");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let writer = Writer::start(&db, WRITE);
    // In the other order: neither may end as the victim of a deadlock.
    let other = Writer::start(&db, WRITE_BACKWARDS);
    operator.run().done();
    let receipt = operator.receipt();
    let number = |row: &serde_json::Value, column: &str| -> u64 {
        row[column].as_str().unwrap().parse().unwrap()
    };
    let (start, after) = (&receipt["start"], &receipt["after"]);
    assert_eq!(number(after, "items"), number(start, "items") + 3);
    assert_eq!(number(after, "events"), number(start, "events"));
    assert!(start.get("tag").is_none(), "{start}");
    assert!(number(start, "items") >= number(&receipt["before"], "items"));
    writer.wait_for(20);

    // Weeks of daily work, and the rollback still leads back.
    db.client()
        .batch_execute(
            "insert into public.items (name) select 'weeks' from generate_series(1, 1000)",
        )
        .unwrap();
    operator.check().done();
    operator.rollback().done();
    assert_eq!(operator.receipt()["outcome"], "committed");
    operator.check().done();
    let written = writer.stop() + other.stop();
    assert_eq!(count(&db, "items"), 2 + 1_000 + written);
    assert_eq!(count(&db, "events"), written);
}

/// There is nothing to compare a relative value with after the run: no command says that it holds.
#[test]
fn relative_values_are_not_compared_after_the_run() {
    let (db, release, site) = shop("relativereport");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator
        .ask_with("run", &["--receipt-key", "receipt.key"])
        .done();
    db.client().batch_execute(WRITE).unwrap();
    let document = expect(&operator, "DONE", 0);
    let says = "1 value is as promised after the run; 2 relative ones held when it ran and are not compared now.";
    assert_eq!(cell(&document, "state")["says"], says);
    let sentence = document["sentence"].as_str().unwrap();
    let promised = "; 1 value is as promised, 2 relative ones are not compared now.";
    assert!(sentence.ends_with(promised), "{sentence}");
    let holds = |name: &str| {
        let mut values = document["values"].as_array().unwrap().iter();
        values.find(|value| value["name"] == name).unwrap()["holds"].clone()
    };
    assert_eq!(
        [holds("tag"), holds("items"), holds("events")],
        [
            true.into(),
            serde_json::Value::Null,
            serde_json::Value::Null
        ]
    );
    let rows = [
        "| tag | no | yes ✓ | yes |",
        "| items | 2 | 6 · not compared now | +3 |",
        "| events | 0 | 1 · not compared now | unchanged |",
    ];
    report(&operator, &[]).says(&rows);
    let page = report(&operator, &["--format", "html"]);
    page.says(&["<span class=\"note\"> · not compared now</span>"]);
    assert_eq!(page.stdout.matches("not compared now</span>").count(), 2);
    let check = operator.check();
    check.done().says(&[
        "ok state finalized\n",
        "    not compared: events is 1, relative (unchanged)\n    not compared: items is 6, relative (+3)\n",
    ]);
    let checked = operator.json("check");
    assert_eq!(
        checked["not_compared"],
        serde_json::json!(["events", "items"])
    );
    let again = operator.ask_with("run", &["--if-needed"]);
    again.done().says(&[
        "in effect already",
        "2 relative values are not compared now",
    ]);

    // Nothing is left to compare.
    operator.rollback().done();
    let relative = release.finalized(PROBE, "{ items = \"+3\" }");
    let bundle = site.pack(&relative);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    let document = expect(&operator, "DONE", 0);
    let state = cell(&document, "state");
    let says = "Its one value is relative: it held when it ran and is not compared now.";
    assert_eq!(
        (&state["says"], &state["answer"]),
        (&says.into(), &"not-needed".into())
    );
}

/// Rows of others do not hide rows that are missing.
#[test]
fn another_number_of_own_rows() {
    let (db, release, site) = shop("relativewrong");
    let bundle = site.pack(&release.file("tiers/items.sql", TIER.replace(", ('c', 'new')", "")));
    let operator = site.operator(&bundle, &db.url());
    let writer = Writer::start(&db, WRITE);
    let failed = operator.run();
    failed.fails_saying(
        30,
        &[
            "the state would not be finalized: items is",
            "expected +3 (it was",
        ],
    );
    let receipt = operator.receipt();
    let of = |name: &str| -> u64 { receipt[name]["items"].as_str().unwrap().parse().unwrap() };
    assert_eq!(of("after"), of("start") + 2);
    let written = writer.stop();
    assert_eq!(count(&db, "items"), 2 + written);
}

/// Only the tables of relative columns are locked, and only against writers.
#[test]
fn other_tables_are_written_meanwhile() {
    let (db, release, site) = shop("relativelocks");
    let finalized = "{ items = \"+1\" }";
    let tier = "insert into public.items (name) values ('x');\nselect pg_sleep(1);\n";
    let release = release
        .finalized(PROBE, finalized)
        .rolled_back("{ items = \"-1\" }")
        .file("tiers/items.sql", tier)
        .file(
            "rollback/items.sql",
            "delete from public.items where name = 'x';\n",
        );
    let bundle = site.pack(&release.baseline(PROBE, "{ tag = false }"));
    // A rehearsal tells these locks from those of the tiers.
    let rehearsal = Rehearsal::of(&site, &bundle, Cluster::shared()).from(db.name());
    let rehearsed = rehearsal.run();
    rehearsed
        .done()
        .says(&["on public.items by the expectations"]);
    let receipt = last_receipt(&site);
    let mut locks = receipt["locks"].as_array().unwrap().iter();
    let is_relative = |lock: &&serde_json::Value| lock["mode"] == "ShareRowExclusiveLock";
    assert_eq!(locks.find(is_relative).unwrap()["tier"], "", "{receipt}");
    let operator = site.operator(&bundle, &db.url());
    let run = operator.start("run");
    let locks = "select count(*) from pg_locks where relation = 'public.items'::regclass and mode = 'ShareRowExclusiveLock' and granted";
    wait_until("items are locked", || db.ask(locks) == "1");
    let mut client = db.client();
    client
        .batch_execute("set lock_timeout = '100ms'; insert into public.events (name) values ('y'); select count(*) from public.items")
        .unwrap();
    let blocked = client.batch_execute("insert into public.items (name) values ('y')");
    let blocked = blocked.unwrap_err();
    assert_eq!(blocked.code().unwrap().code(), "55P03");
    run.end().done();
}

/// A role that cannot lock a table cannot compare its rows either.
#[test]
fn tables_that_the_role_cannot_lock() {
    let (db, release, site) = shop("relativerights");
    let role = format!("{}_runner", db.name());
    db.client()
        .batch_execute(&format!(
            "create role {role} login; grant create on database \"{}\" to {role}; grant usage, create on schema public to {role};
             alter table public.items owner to {role}; grant select on public.events to {role}",
            db.name()
        ))
        .unwrap();
    let bundle = site.pack(&release.without_gates());
    let operator = site.operator(
        &bundle,
        &db.url().replace("user=postgres", &format!("user={role}")),
    );
    let plan = operator.plan();
    assert_eq!(plan.code, 30, "{plan}");
    plan.says(&[
        "it would not run: ",
        "cannot keep others from writing to public.events",
    ]);
    assert!(!plan.stderr.contains("this role can run"), "{plan}");
    operator.run().fails_saying(
        30,
        &[
            "column events is compared with its value at the start",
            "cannot keep others from writing to public.events",
        ],
    );
    assert_eq!(count(&db, "items"), 2);
    db.client()
        .batch_execute(&format!("grant update on public.events to {role}"))
        .unwrap();
    operator.run().done();
    operator.rollback().done();
}

/// The locks are known before the run, and so is a rollback that the role could not do.
#[test]
fn a_plan_names_the_locks() {
    let (db, release, site) = shop("relativeplan");
    let locks = |action: &str, tables: &str| {
        format!(
            "relative values: a {action} locks until COMMIT, so that writers wait: ShareRowExclusiveLock {tables}"
        )
    };
    let all = "public.events, public.items";
    let bundle = site.pack(&release.clone().without_gates());
    let operator = site.operator(&bundle, &db.url());
    operator
        .plan()
        .done()
        .says(&[&locks("run", all), &locks("rollback", all)]);
    let document = operator.json("plan");
    let tables = serde_json::json!(["public.events", "public.items"]);
    let expected = serde_json::json!({ "mode": "ShareRowExclusiveLock", "run": tables, "rollback": tables, "rollback_denied": null });
    assert_eq!(document["relative_locks"], expected);
    // No lock is left, and none is taken: a writer goes on.
    let mut writer = db.client();
    let mut writing = writer.transaction().unwrap();
    writing.batch_execute(WRITE).unwrap();
    operator.plan().done();
    writing.rollback().unwrap();
    // The run does not touch events; its rollback compares them.
    let role = format!("{}_runner", db.name());
    let rights = format!(
        "create role {role} login; grant create on database \"{}\" to {role}; grant usage, create on schema public to {role};
         alter table public.items owner to {role}; grant select on public.events to {role}",
        db.name()
    );
    db.client().batch_execute(&rights).unwrap();
    let release = release
        .without_gates()
        .finalized(PROBE, "{ tag = true, items = \"+3\" }");
    let bundle = site.pack(&release);
    let url = db.url().replace("user=postgres", &format!("user={role}"));
    let operator = site.operator(&bundle, &url);
    let warning =
        "this role can run, but a rollback by it would be refused: column events is compared";
    let plan = operator.plan();
    plan.done().says(&[&locks("run", "public.items"), warning]);
    assert!(!plan.stdout.contains("a rollback locks"), "{plan}");
    operator.run().done().says(&[warning]);
    operator
        .rollback()
        .fails_saying(30, &["cannot keep others from writing to public.events"]);
    db.client()
        .batch_execute(&format!("grant update on public.events to {role}"))
        .unwrap();
    operator.rollback().done();
    let run = operator.run();
    assert!(!run.done().stderr.contains("would be refused"), "{run}");
}

/// A column of catalogs could not be kept from changing.
#[test]
fn catalogs_cannot_be_locked() {
    let (db, release, site) = shop("relativecatalog");
    let probe = "select (select count(*) from pg_catalog.pg_class) as relations;\n";
    let bundle = site.pack(&release.finalized(probe, "{ relations = \"unchanged\" }"));
    site.operator(&bundle, &db.url()).run().fails_saying(
        30,
        &["cannot keep others from writing to pg_catalog.pg_class"],
    );
}

/// Views, partitions and joins: the lock is on the tables below.
#[test]
fn tables_behind_views() {
    let (db, release, site) = shop("relativeviews");
    db.client()
        .batch_execute(
            "create table public.parts (id bigint generated always as identity, at int) partition by list (at);
             create table public.parts_1 partition of public.parts for values in (1);
             create view public.all_parts as select p.id, i.name from public.parts p left join public.items i using (id);",
        )
        .unwrap();
    let probe =
        "with a as (select count(*) as n from public.all_parts) select n as parts from a;\n";
    let tier = "insert into public.parts (at) values (1);\nselect pg_sleep(0.3);\n";
    let release = release
        .finalized(probe, "{ parts = \"+1\" }")
        .rolled_back("{ tag = false }")
        .file("tiers/items.sql", tier);
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let write = "insert into public.parts (at) values (1)";
    let writer = Writer::start(&db, write);
    operator.run().done();
    writer.stop();
}

#[test]
fn a_tier_without_a_transaction_has_no_start() {
    let (_, release, site) = shop("relativealone");
    let release = release.alone(
        "more",
        "create index concurrently more on public.items (name);\n",
    );
    let packed = site.try_pack(&release, &site.path("bundle"));
    packed.fails_saying(
        2,
        &["events = \"unchanged\" compares the begin and the end of one transaction, and a tier of this release has none"],
    );
}

/// Another program packs what pgseal refuses to pack: it is refused before the first COMMIT.
#[test]
fn a_tier_without_a_transaction_that_another_program_packed() {
    let (db, release, site) = shop("relativepacked");
    let index = "create index more on public.items (name);\n";
    let bundle = site.pack(&release.tier("more", index));
    let key = SecretKey::read(&site.path("release.key"), || unreachable!("no passphrase")).unwrap();
    let bent = bend(&fs::read(&bundle).unwrap(), &key, |statement| {
        statement["predicate"]["tiers"][1]["transaction"] = "none".into();
    });
    fs::write(&bundle, bent).unwrap();
    site.operator(&bundle, &db.url()).run().fails_saying(
        30,
        &[
            "the database is as before",
            "events is compared with its value at the start of one transaction",
        ],
    );
    assert_eq!(count(&db, "items"), 2);
}

/// A table that the role may read, and not lock against writers.
#[test]
fn a_role_that_cannot_keep_others_from_writing() {
    let (db, release, site) = shop("relativerole");
    let (role, name) = (format!("{}_dba", db.name()), db.name());
    db.client()
        .batch_execute(&format!(
            "create role {role} login; alter table public.items owner to {role};
             grant select on public.events, public.approvals to {role};
             grant create on database {name} to {role}; grant create on schema public to {role}"
        ))
        .unwrap();
    let bundle = site.pack(&release);
    let url = db.url().replace("user=postgres", &format!("user={role}"));
    let operator = site.operator(&bundle, &url);
    let words = [
        "column events is compared with its value at the start",
        "cannot keep others from writing to public.events",
        "Grant it UPDATE on the table",
    ];
    for command in ["run", "gate"] {
        operator.ask(command).fails_saying(30, &words[..2]);
    }
    for command in ["plan", "report"] {
        let answer = operator.ask(command);
        assert_ne!(answer.code, 0, "{command}");
        answer.says(&words[1..2]);
    }
    assert_eq!(count(&db, "items"), 2);
    db.client()
        .batch_execute(&format!("grant update on public.events to {role}"))
        .unwrap();
    operator.run().done();
    operator.rollback().done();
}

/// Partitions are locked one by one, and all of them count as one attempt: a writer that waits for the first ones does
/// not wait for the sum.
#[test]
fn partitions_that_are_let_go_one_by_one() {
    const PARTITIONS: usize = 20;
    let db = database("partitions");
    let mut tables =
        "create table public.items (id integer, tag text) partition by list (id);".to_owned();
    for id in 0..PARTITIONS {
        let _ = write!(
            tables,
            "create table public.items_{id} partition of public.items for values in ({id});"
        );
    }
    let mut client = db.client();
    client.batch_execute(&tables).unwrap();
    let probe = "select (select count(*) from public.items) as items,
        pg_catalog.to_regclass('public.done') is not null as done;\n";
    let release = Release::on(db.name())
        .without_tiers()
        .baseline(probe, "{ done = false }")
        .finalized(probe, "{ done = true, items = \"unchanged\" }")
        .tier("done", "create table public.done ();\n")
        .rollback("done", "drop table public.done;\n");
    let site = Site::new();
    let bundle = site.pack(&release.limits("20s", "1min"));
    let mut writers: Vec<_> = (0..PARTITIONS).map(|_| db.client()).collect();
    for (id, writer) in writers.iter_mut().enumerate() {
        let write = format!("begin; insert into public.items_{id} values ({id})");
        writer.batch_execute(&write).unwrap();
    }
    let operator = site.operator(&bundle, &db.url());
    let run = Running::of(&mut operator.command("run"));
    wait_until("it waits for a partition", || {
        db.ask("select count(*) from pg_locks where not granted and mode = 'ShareRowExclusiveLock'")
            != "0"
    });
    let release = thread::spawn(move || {
        for writer in &mut writers {
            thread::sleep(Duration::from_millis(300));
            writer.batch_execute("commit").unwrap();
        }
    });
    // Behind the run's lock of the parent.
    client
        .batch_execute("set lock_timeout = '3s'; insert into public.items values (7)")
        .unwrap();
    release.join().unwrap();
    run.end().done();
}

/// A person who cancels the question for the locks ends the run, and no further attempt follows.
#[test]
fn a_lock_that_a_person_cancels() {
    let (db, release, site) = shop("cancelledlock");
    let bundle = site.pack(&release.limits("1min", "1min"));
    let mut writer = db.client();
    writer
        .batch_execute("begin; insert into public.items (name) values ('x')")
        .unwrap();
    let before = dump(&db);
    let operator = site.operator(&bundle, &db.url());
    let run = Running::of(&mut operator.command("run"));
    // Well before the attempt's own limit.
    let cancel = "select count(pg_cancel_backend(pid)) from pg_stat_activity
        where wait_event_type = 'Lock' and datname = current_database() and query like 'LOCK TABLE%'
          and clock_timestamp() - query_start < interval '200 ms'";
    wait_until("it is cancelled", || db.ask(cancel) == "1");
    run.end()
        .fails_saying(30, &["57014", "it was cancelled on the server"]);
    drop(writer);
    assert_same(&before, &dump(&db));
}
