//! One verdict about a rehearsal, for `plan`, `gate`, `report` and `run`: its times, its locks, its
//! failure, and what a rollback leaves behind.

use serde_json::{Value, json};

use super::rehearse::{Rehearsal, Shop, last_receipt};
use super::report::{expect, report};
use pgseal_testkit::cluster::Cluster;
use pgseal_testkit::release::{Answer, Operator, Release};

/// Asks a command that reads the receipts of rehearsals.
fn ask(operator: &Operator<'_>, command: &str, more: &[&str]) -> Answer {
    let receipts = operator.receipts().to_str().unwrap();
    operator.ask_with(command, &[&["--receipts", receipts], more].concat())
}

/// The report as Markdown.
fn page(operator: &Operator<'_>) -> String {
    report(operator, &["--format", "md"]).stdout
}

const BIG: &str = "create table public.big (id integer); create type public.mood as enum ('ok');";

/// A run that broke off before its first tier measured nothing.
#[test]
fn a_run_that_broke_off_measures_nothing() {
    let shop = Shop::new("broke_off");
    shop.db.client().batch_execute(BIG).unwrap();
    let closed = "select false as ready, 'not yet' as reason;\n";
    let release = shop
        .release()
        .gate("approved", closed)
        .tier(
            "rewrite",
            "alter table public.big alter column id type bigint;\n",
        )
        .rollback(
            "rewrite",
            "alter table public.big alter column id type integer;\n",
        );
    let bundle = shop.site.pack(&release);
    let operator = shop.site.operator(&bundle, &shop.db.url());
    let lock = "locks until COMMIT: AccessExclusiveLock public.big";
    operator.plan().says(&[lock]);
    shop.rehearsal(&release).signed().run().fails(20);
    assert_eq!(last_receipt(&shop.site)["outcome"], "incomplete");
    ask(&operator, "plan", &[]).says(&[lock, "did not come to its end"]);
    let page = page(&operator);
    assert!(!page.contains("No user has to wait"), "{page}");
    assert!(page.contains("broke off before the run was done"), "{page}");
    assert!(!page.contains("measured by the rehearsal"), "{page}");
}

/// Two short transactions around a tier without one lock the same table.
#[test]
fn each_tier_has_its_own_locks() {
    let shop = Shop::new("own_locks");
    shop.db.client().batch_execute(BIG).unwrap();
    let release = shop
        .release()
        .tier("first", "alter table public.big add column a integer;\n")
        .alone(
            "index",
            "create index concurrently big_a on public.big (a);\n",
        )
        .tier("last", "alter table public.big add column b integer;\n")
        .rollback(
            "first",
            "alter table public.big drop column if exists a, drop column if exists b;\n",
        );
    let bundle = shop.site.pack(&release);
    shop.rehearsal(&release).signed().run().done();
    let receipt = last_receipt(&shop.site);
    let locks = receipt["locks"].as_array().unwrap().iter();
    let of_big = locks
        .filter(|lock| lock["relation"] == "public.big" && lock["mode"] == "AccessExclusiveLock");
    let mut tiers: Vec<&Value> = of_big.map(|lock| &lock["tier"]).collect();
    tiers.sort_by_key(|tier| tier.as_str());
    assert_eq!(tiers, ["first", "last"]);
    let operator = shop.site.operator(&bundle, &shop.db.url());
    let plan = ask(&operator, "plan", &[]);
    let found = plan
        .stdout
        .matches("AccessExclusiveLock public.big ")
        .count();
    assert_eq!(found, 2, "{plan}");
    let page = page(&operator);
    assert!(
        page.contains("public.big can't be used for up to 0."),
        "{page}"
    );
    assert!(page.contains("the last transaction is undone"), "{page}");
    assert!(!page.contains("everything is undone"), "{page}");
}

/// Packs a release with an acknowledgement of `tiers/bot.sql`.
fn with_a_value(shop: &Shop, release: &Release) -> std::path::PathBuf {
    let dir = shop.site.path("source");
    release.write(&dir);
    let toml = std::fs::read_to_string(dir.join("release.toml")).unwrap();
    let accepted = "[[acknowledge]]\nrule = \"cannot-be-undone\"\nfile = \"tiers/bot.sql\"\nreason = \"nothing uses it\"\n\n[limits]";
    std::fs::write(dir.join("release.toml"), toml.replace("[limits]", accepted)).unwrap();
    let bundle = shop.site.path("values.pgseal");
    shop.site.pack_dir(&dir, &bundle).done();
    bundle
}

/// An acknowledged value stays, everything else is as before, and the release runs again.
#[test]
fn an_acknowledged_value_is_no_failure() {
    let shop = Shop::new("added_value");
    shop.db.client().batch_execute(BIG).unwrap();
    let add = "alter type public.mood add value if not exists 'bot';\n";
    let release = shop.release().alone("bot", add);
    let bundle = with_a_value(&shop, &release);
    let rehearsal = || Rehearsal::of(&shop.site, &bundle, Cluster::shared()).from(shop.db.name());
    rehearsal().signed().run().done().says(&[
        "leaves behind, as acknowledged: type public.mood",
        "'bot'",
        "proved",
    ]);
    let operator = shop.site.operator(&bundle, &shop.db.url());
    expect(&operator, "READY", 0);
    ask(&operator, "plan", &[]).done().says(&["it would run"]);
    let page = page(&operator);
    let left = "as before the run, but for what it leaves behind";
    assert!(page.contains(left), "{page}");
    for _ in 0..2 {
        operator.run().done();
        operator.rollback().done();
    }

    // Another value of the type is not acknowledged.
    let more = "do $$ begin alter type public.mood add value 'other'; end $$;\n";
    let release = shop.release().tier("other", more).alone("bot", add);
    let bundle = with_a_value(&shop, &release.named("other", "1.0.0", 1));
    let rehearsal = Rehearsal::of(&shop.site, &bundle, Cluster::shared()).from(shop.db.name());
    rehearsal
        .run()
        .fails_saying(50, &["did not restore", "type public.mood", "'other'"]);
}

/// A signed failure stops a run that needs no rehearsal, until a newer one holds.
#[test]
fn a_failed_rehearsal_is_one_verdict() {
    let shop = Shop::new("one_verdict");
    let release = shop.release();
    let bundle = shop.site.pack(&release);
    let operator = shop.site.operator(&bundle, &shop.db.url());
    let domain = |sql: &str| shop.db.client().batch_execute(sql).unwrap();
    domain("create domain public.widgets as integer");
    shop.rehearsal(&release).run().fails(30);
    domain("drop domain public.widgets");
    // Anyone can have written it.
    ask(&operator, "plan", &[])
        .done()
        .says(&["not signed, so it proves nothing"]);
    domain("create domain public.widgets as integer");
    shop.rehearsal(&release).signed().run().fails(30);
    domain("drop domain public.widgets");
    let why = "the newest rehearsal of it does not count: that rehearsal failed";
    for command in ["plan", "gate", "run"] {
        let answer = match command {
            "run" => operator.ask_with(command, &["--json"]),
            _ => ask(&operator, command, &["--json"]),
        };
        assert_eq!(answer.code, 11, "{answer}");
        assert!(answer.stdout.contains(why), "{answer}");
        assert!(answer.stdout.contains("rehearsal-missing"), "{answer}");
    }
    expect(&operator, "STOP", 11);
    pgseal_testkit::next_second();
    shop.rehearsal(&release).signed().run().done();
    expect(&operator, "READY", 0);
    let text = report(&operator, &["--format", "text"]);
    text.says(&[
        "- How long does it take? ",
        "- Who has to wait? No user has to wait.",
        "- Can it be undone? Yes. ",
    ]);
    ask(&operator, "plan", &[]).done();
    operator.run().done();
}

/// Without an answer of the gates, the reason comes first.
#[test]
fn a_plan_on_another_database_begins_with_the_reason() {
    let shop = Shop::new("reason_first");
    let bundle = shop.site.pack(&shop.release());
    let other = Cluster::shared().database("reason_other");
    let plan = shop.site.operator(&bundle, &other.url()).plan();
    assert_eq!(plan.code, 22, "{plan}");
    let first = plan.stdout.lines().next().unwrap();
    assert!(first.starts_with("it would not run: "), "{plan}");
    assert!(first.contains(other.name()), "{plan}");
    let last = plan.stdout.lines().last().unwrap();
    assert_eq!(last, "it would not run, for the reason at the top");
}

/// Two versions of one sequence: the second waits for the rollback of the first.
#[test]
fn two_versions_of_one_sequence() {
    let shop = Shop::new("one_sequence");
    let first = shop.site.pack(&shop.release().named("small", "2.0.0", 2));
    let again = shop.release().named("small", "2.0.1", 2);
    let second = shop.site.pack(&again);
    let operator = shop.site.operator(&first, &shop.db.url());
    operator.run().done();
    let other = shop.site.operator(&second, &shop.db.url());
    for command in ["plan", "gate", "run"] {
        let answer = other.ask_with(command, &["--json"]);
        assert_eq!(answer.code, 22, "{answer}");
        assert!(answer.stdout.contains("same-sequence"), "{answer}");
    }
    let document = expect(&other, "STOP", 22);
    assert!(document.to_string().contains("sequence 2 is in effect"));
    operator.rollback().done();
    other.run().done();
    assert_eq!(json!(expect(&other, "DONE", 0)["word"]), json!("DONE"));
}
