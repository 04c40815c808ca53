//! The end of a rollback compared with the start of the run that it undoes.

use std::fs;

use super::small;
use pgseal_testkit::release::{Operator, Release, Running, assert_same, dump, wait_until};
use pgseal_testkit::writer::Writer;

#[test]
fn what_others_made_meanwhile_is_named() {
    let (db, release, site) = small("restored");
    let mut client = db.client();
    client
        .batch_execute(
            "create table public.daily (id bigint generated always as identity, name text)",
        )
        .unwrap();
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let writer = Writer::start(&db, "insert into public.daily (name) values ('x')");
    operator.ask_with("run", &["--fingerprint"]).done();
    assert_eq!(operator.records(".fingerprint.json").len(), 2);
    client
        .batch_execute("create table public.left_behind (id int); create index daily_name on public.daily (name)")
        .unwrap();
    let exact = ["--fingerprint", "--require-exact"];
    operator.ask_with("rollback", &exact).fails_saying(
        30,
        &[
            "the definitions would not be those before the run",
            "index public.daily_name is new",
            "table public.left_behind is new",
        ],
    );
    let names = |receipt: serde_json::Value| {
        let lines = receipt["not_restored"].as_array().unwrap().clone();
        lines
            .iter()
            .any(|line| line == "table public.left_behind is new")
    };
    assert!(names(operator.receipt()));
    let (_, status) = operator.status();
    assert_eq!(status["in_effect"][0]["release"], "small");

    let undone = operator.ask_with("rollback", &["--fingerprint"]);
    undone.done().says(&[
        "from the definitions before the run",
        "table public.left_behind is new",
    ]);
    let receipt = operator.receipt();
    assert_eq!(receipt["outcome"], "committed");
    assert!(names(receipt));

    client
        .batch_execute("drop table public.left_behind; drop index public.daily_name")
        .unwrap();
    operator.ask_with("run", &["--fingerprint"]).done();
    let undone = operator.ask_with("rollback", &exact);
    undone.done().says(&["as before the run"]);
    assert_eq!(operator.receipt()["not_restored"], serde_json::json!([]));
    writer.stop();
    client
        .batch_execute("truncate public.daily restart identity")
        .unwrap();
    assert_same(&before, &dump(&db));
}

#[test]
fn a_run_that_kept_no_definitions() {
    let (db, release, site) = small("restoredless");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    let exact = ["--fingerprint", "--require-exact"];
    operator.ask_with("rollback", &exact).fails_saying(
        22,
        &["no definitions from before the run", "run --fingerprint"],
    );
    operator.ask_with("rollback", &["--require-exact"]).fails(2);
    let undone = operator.ask_with("rollback", &["--fingerprint"]);
    undone.done().says(&["is not compared with its start"]);
    assert!(operator.receipt()["not_restored"].is_null());
}

/// A column that is dropped and added again stands last, which `INSERT` without a list follows.
#[test]
fn columns_in_another_order() {
    let (db, release, site) = small("reordered");
    db.client()
        .batch_execute("create table public.moves (debit int, credit int)")
        .unwrap();
    let release = release
        .tier("moves", "alter table public.moves drop column debit;\n")
        .rollback(
            "moves",
            "alter table public.moves add column if not exists debit int;\n",
        );
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let swapped = "column order of public.moves differs: (debit, credit) is now (credit, debit)";
    let rehearsal = site.pgseal([
        "rehearse",
        bundle.to_str().unwrap(),
        "--trust",
        "trust.json",
        "--db",
        &db.url().replace(db.name(), "postgres"),
        "--from",
        db.name(),
    ]);
    rehearsal.fails_saying(50, &[swapped]);
    operator.ask_with("run", &["--fingerprint"]).done();
    operator
        .ask_with("rollback", &["--fingerprint", "--require-exact"])
        .fails_saying(30, &[swapped]);
    let accepted = site.pack(&release.named("small", "1.0.1", 2).reordered("public.moves"));
    operator.rollback().done();
    let operator = site.operator(&accepted, &db.url());
    operator.ask_with("run", &["--fingerprint"]).done();
    operator
        .ask_with("rollback", &["--fingerprint", "--require-exact"])
        .done();
}

/// A difference has its values before and after, the rows that differ, and the tiers that touch its object.
#[test]
fn what_a_rollback_left_is_told_with_its_values() {
    let (db, release, site) = small("told");
    db.client()
        .batch_execute(
            "create table public.people (id int primary key, name text, mail text, \"N'o\" text);
             insert into public.people select n, 'n' || n, nullif(n, 2) || '@x', null from generate_series(1, 9) n;
             create table public.loose (a int, b text); insert into public.loose values (1, 'x'), (1, 'x'), (2, null)",
        )
        .unwrap();
    let tier = "alter table public.people set (autovacuum_vacuum_scale_factor = 0.2);\n\
                update public.people set mail = coalesce(mail, '') || 'y', \"N'o\" = 'z' where id in (1, 2, 3, 7);\n\
                delete from public.people where id = 9;\ninsert into public.people values (10, 'a', 'b');\n\
                update public.loose set b = 'y' where ctid = (select min(ctid) from public.loose);\n";
    let release = release
        .tier("people", tier)
        .rollback("people", "select 1;\n");
    let bundle = site.pack(&release);
    let options = "table public.people differs: options {} -> {autovacuum_vacuum_scale_factor=0.2} (tier people)";
    let rehearsal = site.pgseal([
        "rehearse",
        bundle.to_str().unwrap(),
        "--trust",
        "trust.json",
        "--db",
        &db.url().replace(db.name(), "postgres"),
        "--from",
        db.name(),
    ]);
    rehearsal.fails_saying(
        50,
        &[
            options,
            "rows of public.people differ: 4 of 9 rows: \"N'o\", mail; id 1, 2, 3, ...; 1 row missing; id 9; 1 row new; id 10 (tier people)",
            "rows of public.loose differ: 1 of 3 rows without an equal; the table has no primary key (tier people)",
        ],
    );
    // The source does not have the rows from before the run, so they are not compared with its rows.
    std::fs::write(
        site.path("open.sql"),
        "update public.people set name = 'other' where id = 5;\n",
    )
    .unwrap();
    let opened = site.pgseal([
        "rehearse",
        bundle.to_str().unwrap(),
        "--trust",
        "trust.json",
        "--db",
        &db.url().replace(db.name(), "postgres"),
        "--from",
        db.name(),
        "--approve-with",
        site.path("open.sql").to_str().unwrap(),
    ]);
    let only_counted =
        "rows of public.people differ: 9 rows before and after, not the same (tier people)";
    opened.fails_saying(50, &[options, only_counted]);
    let operator = site.operator(&bundle, &db.url());
    operator.ask_with("run", &["--fingerprint"]).done();
    operator
        .ask_with("rollback", &["--fingerprint", "--require-exact"])
        .fails_saying(30, &[options]);
    let undone = operator.ask_with("rollback", &["--fingerprint"]);
    undone.done().says(&[options]);
    assert_eq!(operator.receipt()["not_restored"][0], options);
}

#[test]
fn drift_since_the_newest_signed_receipt() {
    let (db, release, site) = small("drift");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let drift = |more: &[&str]| {
        let receipts = operator.receipts().to_str().unwrap();
        let arguments = [
            "drift",
            "--trust",
            "trust.json",
            "--db",
            &db.url(),
            "--receipts",
            receipts,
        ];
        site.pgseal([&arguments[..], more].concat())
    };
    drift(&[]).fails_saying(22, &["no signed receipt", "--fingerprint"]);
    // An unsigned receipt proves nothing.
    operator.ask_with("run", &["--fingerprint"]).done();
    drift(&[]).fails(22);
    operator.rollback().done();
    let signed = ["--fingerprint", "--receipt-key", "receipt.key"];
    operator.ask_with("run", &signed).done();
    let writer = Writer::start(&db, "update public.widgets set name = name where id = 1");
    drift(&[])
        .done()
        .says(&["no drift since the run of small 1.0.0"]);
    db.client()
        .batch_execute("alter table public.widgets alter name set default 'x'")
        .unwrap();
    assert_eq!(drift(&[]).code, 50);
    let changed = drift(&["--json", bundle.to_str().unwrap()]).json();
    assert_eq!(
        changed["differences"][0]["object"],
        "column public.widgets.name"
    );
    writer.stop();
    // Definitions that are not those of the digest are no basis.
    for path in operator.records(".after.fingerprint.json") {
        std::fs::write(path, "{}").unwrap();
    }
    drift(&[]).fails_saying(22, &["missing or not those of its digest"]);
}

/// Other definitions than those of the receipt's digest are none.
#[test]
fn definitions_that_were_replaced() {
    let (db, release, site) = small("restoredother");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let sign = ["--fingerprint", "--receipt-key", "receipt.key"];
    operator.ask_with("run", &sign).done();
    let [before] = operator
        .records(".before.fingerprint.json")
        .try_into()
        .unwrap();
    let [after] = operator
        .records(".after.fingerprint.json")
        .try_into()
        .unwrap();
    let true_ones = fs::read(&before).unwrap();
    fs::copy(after, &before).unwrap();
    let exact = ["--fingerprint", "--require-exact"];
    let none = ["no definitions from before the run"];
    operator
        .ask_with("rollback", &exact)
        .fails_saying(22, &none);
    fs::write(before, true_ones).unwrap();
    // A receipt whose signature does not hold.
    let [receipt] = operator.records(".receipt.json").try_into().unwrap();
    let text = fs::read_to_string(&receipt).unwrap();
    fs::write(
        &receipt,
        text.replace("\"outcome\":\"committed\"", "\"outcome\":\"partial\""),
    )
    .unwrap();
    operator
        .ask_with("rollback", &exact)
        .fails_saying(22, &none);
    fs::write(receipt, text).unwrap();
    operator.ask_with("rollback", &exact).done();
}

/// A release that demands that nothing drifted: from the second release of a database on, signed definitions have to be
/// those that are there.
#[test]
fn a_release_that_demands_no_drift() {
    let (db, mut release, site) = small("nodrift");
    let first = site.pack(&release);
    release.version = "2.0.0".to_owned();
    release.sequence = 2;
    let release = release
        .demands_no_drift()
        .baseline("select true as any;\n", "{ any = true }")
        .file("tiers/widgets.sql", "create table public.gears (id int);\n")
        .file("rollback/widgets.sql", "drop table public.gears;\n");
    let second = site.pack(&release);
    let sign = ["--fingerprint", "--receipt-key", "receipt.key"];
    let operator = site.operator(&first, &db.url());
    let demanding = site.operator(&second, &db.url());
    // On a database without runs there is nothing to compare with.
    assert_eq!(kinds(&demanding), Vec::<String>::new());
    operator.run().done();
    assert_eq!(kinds(&demanding), ["no-definitions"]);
    demanding
        .ask_with("run", &sign)
        .fails_saying(22, &["no signed receipt"]);
    let words = ["only with a signed receipt", "--receipt-key KEY"];
    demanding.run().fails_saying(11, &words);
    demanding.plan().says(&["a run needs --receipt-key: "]);
    operator.rollback().done();
    operator.ask_with("run", &sign).done();
    assert_eq!(kinds(&demanding), Vec::<String>::new());
    let mut client = db.client();
    client
        .batch_execute("create index hurry on public.widgets (name)")
        .unwrap();
    assert_eq!(kinds(&demanding), ["drift"]);
    let words = [
        "demands that the definitions are those of",
        "index public.hurry is new",
    ];
    demanding.ask_with("run", &sign).fails_saying(22, &words);
    let report = demanding.ask("report");
    assert_eq!(report.code, 22, "{report}");
    let writer = Writer::start(
        &db,
        "insert into public.approvals values (gen_random_uuid()::text)",
    );
    client.batch_execute("drop index public.hurry").unwrap();
    // It keeps the definitions by itself.
    demanding.ask_with("run", &sign[1..]).done();
    assert!(demanding.receipt()["schema"]["after"].is_string());
    // A rollback asks for nothing.
    client
        .batch_execute("create index hurry on public.widgets (name)")
        .unwrap();
    // Not even for the definitions that it keeps by itself: the server cannot spell this one.
    let damage = "create table public.odd (id int constraint odd_key unique);
        set allow_system_table_mods = on;
        update pg_catalog.pg_constraint set conkey = '{99}' where conname = 'odd_key'";
    client.batch_execute(damage).unwrap();
    let kept = ["warning: the definitions before it are not kept: "];
    demanding.rollback().done().says(&kept);
    client.batch_execute("drop table public.odd").unwrap();
    // Another release keeps none: the error names its run.
    let other = Release::on(db.name()).named("other", "1.0.0", 1);
    let other = other
        .baseline("select true as any;\n", "{ any = true }")
        .file("tiers/widgets.sql", "create table public.more (id int);\n")
        .file("rollback/widgets.sql", "drop table public.more;\n");
    let other = other.finalized(
        "select to_regclass('public.more') is not null as widgets;\n",
        "{ widgets = true }",
    );
    site.operator(&site.pack(&other), &db.url()).run().done();
    let words = ["since then the run of other 1.0.0 at ", "--fingerprint"];
    demanding.ask_with("run", &sign).fails_saying(22, &words);
    writer.stop();
}

/// A definition that changes between the comparison before the run and its transaction.
#[test]
fn drift_while_the_run_begins() {
    let (db, mut release, site) = small("driftlate");
    let first = site.pack(&release);
    release.version = "2.0.0".to_owned();
    release.sequence = 2;
    // The baseline probe follows the first comparison, and takes a second or two.
    let probe = "select pg_catalog.sum(one.n * other.n) > 0 as any
from pg_catalog.generate_series(1, 5000) as one (n), pg_catalog.generate_series(1, 5000) as other (n);\n";
    let release = release
        .demands_no_drift()
        .baseline(probe, "{ any = true }")
        .file("tiers/widgets.sql", "create table public.gears (id int);\n")
        .file("rollback/widgets.sql", "drop table public.gears;\n");
    let second = site.pack(&release);
    let sign = ["--fingerprint", "--receipt-key", "receipt.key"];
    site.operator(&first, &db.url())
        .ask_with("run", &sign)
        .done();
    let demanding = site.operator(&second, &db.url());
    let run = Running::of(demanding.command("run").args(&sign[1..]));
    wait_until("the probe runs", || {
        db.ask(
            "select count(*) from pg_stat_activity where datname = current_database() and state = 'active'
             and query_start < clock_timestamp() - interval '300 ms'",
        ) != "0"
    });
    db.client()
        .batch_execute("create index hurry on public.widgets (name)")
        .unwrap();
    let words = ["the database is as before", "index public.hurry is new"];
    run.end().fails_saying(30, &words);
    assert_eq!(db.ask("select to_regclass('public.gears') is null"), "t");
}

fn kinds(operator: &Operator<'_>) -> Vec<String> {
    let receipts = operator.receipts().to_str().unwrap();
    let gate = operator
        .ask_with("gate", &["--json", "--receipts", receipts])
        .json();
    let missing = gate["missing"].as_array().unwrap().iter();
    missing
        .map(|one| one["kind"].as_str().unwrap().to_owned())
        .collect()
}
