//! Places and times at which a release may run: several databases, staging first, windows and freezes.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use super::report::{answers, cell, expect, report};
use super::{database, small};
use pgseal_testkit::release::{Answer, Operator, Release, Running, Site, wait_until};

/// Kinds of the conditions that a run lacks, and the exit code of `gate`.
fn missing(operator: &Operator<'_>) -> (i32, Vec<String>) {
    let receipts = operator.receipts().to_str().unwrap();
    let gate = operator.ask_with("gate", &["--json", "--receipts", receipts]);
    let document = gate.json();
    let missing = document["missing"].as_array().unwrap().iter();
    let kinds = missing.map(|one| one["kind"].as_str().unwrap().to_owned());
    (gate.code, kinds.collect())
}

/// Copies the records whose names end so.
pub(super) fn copy_receipts(from: &Operator<'_>, to: &Operator<'_>, ending: &str) {
    fs::create_dir_all(to.receipts()).unwrap();
    for path in from.records(ending) {
        fs::copy(&path, to.receipts().join(path.file_name().unwrap())).unwrap();
    }
}

#[test]
fn a_release_for_several_databases() {
    let (one, two, other) = (
        database("several"),
        database("severaltenant"),
        database("else"),
    );
    let identifier = one.ask("select system_identifier from pg_control_system()");
    let pattern = format!("{}*@{identifier}", &two.name()[..two.name().len() - 2]);
    let site = Site::new();
    let bundle = site.pack(&Release::on("x").databases(&[one.name(), &pattern]));
    let mut inspect = site.command();
    inspect
        .arg("inspect")
        .arg(&bundle)
        .args(["--trust", "trust.json"]);
    let inspect = Answer::of(inspect.output().unwrap());
    inspect.says(&[&format!("target: database {}, {pattern}", one.name())]);
    for db in [&one, &two] {
        let operator = site.operator(&bundle, &db.url());
        // The rehearsal is one of the connected database.
        let from = format!("--from {}", db.name());
        report(&operator, &["--format", "md"]).says(&[&from]);
        operator.run().done();
        operator.check().done();
        operator.rollback().done();
    }
    let elsewhere = site.operator(&bundle, &other.url());
    let found = format!("found \"{}@{identifier}\"", other.name());
    elsewhere
        .run()
        .fails_saying(22, &["wrong target", &pattern, &found]);
    assert_eq!(elsewhere.rollback().code, 22);
    // The trust root narrows it.
    site.policy(&[
        "--target",
        &format!("{}@1", one.name()),
        "--target",
        two.name(),
    ]);
    let narrowed = site.operator(&bundle, &one.url());
    narrowed
        .run()
        .fails_saying(22, &["the trust root allows releases on", "@1, "]);
    site.operator(&bundle, &two.url()).run().done();
}

#[test]
fn no_database_or_both() {
    let site = Site::new();
    let packed = |release: Release| site.try_pack(&release, &site.path("bundle"));
    packed(Release::on("x").databases(&[])).fails_saying(2, &["release.toml:", "no database"]);
    let both = Release::on("x").target("databases = [\"y\"]");
    packed(both).fails_saying(2, &["release.toml:", "not both"]);
}

/// Production needs the receipt of a run of the same release on staging, signed, and of no rollback.
#[test]
fn staging_first() {
    let (production, release, site) = small("production");
    let staging = database("staging");
    let release = release.databases(&[production.name(), staging.name()]);
    let bundle = site.pack(&release);
    site.policy(&["--require-run-on", staging.name()]);
    let at_production = site.operator(&bundle, &production.url());
    let at_staging = site
        .operator(&bundle, &staging.url())
        .receipts_in("staging");
    let lacks = || {
        assert_eq!(
            missing(&at_production),
            (11, vec!["staging-missing".to_owned()])
        )
    };
    lacks();
    let words = ["wants this release to run on", staging.name(), "--receipts"];
    at_production.run().fails_saying(11, &words);
    assert_eq!(at_production.plan().code, 11);
    // Nothing is wrong: another run has to come first.
    let document = expect(&at_production, "BLOCKED", 20);
    answers(&document, "target", "no-go");
    let sentence = document["sentence"].as_str().unwrap();
    let reason = format!("it has not run on {} yet", staging.name());
    assert!(sentence.contains(&reason), "{sentence}");
    assert!(!sentence.contains("not every question"), "{sentence}");
    let advice = format!(
        "Run it on {} first, and copy its signed receipt",
        staging.name()
    );
    let steps = document["missing"].as_array().unwrap();
    let named = |one: &serde_json::Value| one["what"].as_str().unwrap().starts_with(&advice);
    assert!(steps.iter().any(named), "{document}");
    assert_eq!(
        production.ask("select to_regclass('public.widgets') is null"),
        "t"
    );

    // Another version of it ran there, and this one was rolled back there.
    let mut other = release.clone();
    other.version = "0.9.0".to_owned();
    other.sequence = 0;
    let other = site.pack(&other);
    let earlier = site.operator(&other, &staging.url()).receipts_in("earlier");
    let sign = ["--receipt-key", "receipt.key"];
    earlier.ask_with("run", &sign).done();
    earlier.ask_with("rollback", &sign).done();
    copy_receipts(&earlier, &at_production, ".receipt.json");
    copy_receipts(&earlier, &at_production, ".receipt.sig");
    lacks();

    at_staging.ask_with("run", &sign).done();
    at_staging.ask_with("rollback", &sign).done();
    // The rollback alone is no run.
    let [run] = at_staging
        .records(".receipt.json")
        .into_iter()
        .filter(|path| path.to_str().unwrap().contains("-run-"))
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let aside = site.path("aside");
    fs::rename(&run, &aside).unwrap();
    copy_receipts(&at_staging, &at_production, ".receipt.json");
    copy_receipts(&at_staging, &at_production, ".receipt.sig");
    lacks();
    fs::remove_dir_all(at_production.receipts()).unwrap();
    fs::rename(aside, run).unwrap();
    copy_receipts(&at_staging, &at_production, ".receipt.json");
    // Without its signature it says nothing.
    lacks();
    let waiting = Running::of(
        at_production
            .command("run")
            .args(["--wait", "--interval", "1"]),
    );
    copy_receipts(&at_staging, &at_production, ".receipt.sig");
    waiting.end().done();
    at_production.check().done();
    // A rollback asks for nothing.
    fs::remove_dir_all(at_staging.receipts()).unwrap();
    at_production.rollback().done();
}

/// A day that is neither today nor its neighbour.
fn another_day() -> &'static str {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let days = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        / 86_400;
    DAYS[usize::try_from((days + 3) % 7).unwrap()]
}

#[test]
fn windows_and_freezes() {
    let (db, release, site) = small("windows");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    let window = format!("{} 02:00-06:00 UTC", another_day());
    site.policy(&["--window", &window]);
    // What ran may be undone at any time.
    operator.rollback().done();
    let closed = (11, vec!["outside-window".to_owned()]);
    assert_eq!(missing(&operator), closed);
    let words = [
        "lets runs begin in this window only",
        &window,
        "the next moment is",
        "T02:00:00Z",
    ];
    operator.run().fails_saying(11, &words);
    assert_eq!(operator.plan().code, 11);
    let document = expect(&operator, "BLOCKED", 20);
    let next = cell(&document, "signatures")["counts_until"].as_str();
    let next = next.unwrap().to_owned();
    assert!(next.ends_with("T02:00:00Z"), "{next}");
    let day: i64 = next[8..10].parse().unwrap();
    let sentence = document["sentence"].as_str().unwrap();
    let closed_until = format!("no window is open until {day} ");
    assert!(sentence.contains(&closed_until), "{sentence}");
    assert!(!sentence.contains("not every question"), "{sentence}");
    let mut steps = document["missing"].as_array().unwrap().iter();
    let wait = steps.find(|one| one["row"] == "signatures").unwrap();
    let what = wait["what"].as_str().unwrap();
    assert!(what.contains(&format!("begin on {day} ")), "{what}");
    let command = wait["command"].as_str().unwrap();
    assert!(
        command.starts_with("pgseal run ") && command.ends_with(" --wait"),
        "{command}"
    );
    let show = site.pgseal(["trust", "show", "trust.json"]);
    show.says(&[&format!("runs may begin: {window}")]);
    site.policy(&["--window", &window, "--window", "daily 00:00-24:00 UTC"]);
    assert_eq!(missing(&operator), (0, Vec::new()));
    site.policy(&["--freeze", "2020-01-01..2090-01-01"]);
    assert_eq!(missing(&operator), closed);
    operator.run().fails_saying(
        11,
        &["lets no run begin from 2020-01-01T00:00:00Z until 2090-01-01T00:00:00Z"],
    );
    let report = operator.ask("report");
    assert_eq!(report.code, 20, "{report}");
    report.says(&[
        "lets no run begin",
        "a freeze lasts until 1 January 2090, 00:00 UTC",
    ]);

    let waiting = Running::of(operator.command("run").args(["--wait", "--interval", "1"]));
    site.policy(&["--no-freeze"]);
    waiting.end().done();
    assert_eq!(
        db.ask("select count(*) from pgseal.ledger where action = 'run'"),
        "2"
    );
    wait_until("it is in effect", || operator.check().code == 0);
}

/// A freeze that begins while the run prepares: nothing was begun, so nothing is left.
#[test]
fn a_freeze_that_begins_meanwhile() {
    let (db, release, site) = small("freezing");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let begin = now.as_secs() + 6;
    // Ends a moment after the freeze began.
    let probe = format!(
        "with recursive tick (at) as (select pg_catalog.clock_timestamp() union all
  select (select pg_catalog.max(pg_catalog.clock_timestamp()) from pg_catalog.generate_series(1, 20000) as n where tick.at is not null)
  from tick where tick.at < pg_catalog.to_timestamp({begin} + 0.1))
select pg_catalog.count(*) = 0 as any from tick;\n"
    );
    let bundle = site.pack(&release.baseline(&probe, "{ any = false }"));
    let begin = db.ask(&format!(
        "select to_char(to_timestamp({begin}) at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    ));
    site.policy(&["--freeze", &format!("{begin}..2090-01-01")]);
    let operator = site.operator(&bundle, &db.url());
    operator.run().fails_saying(11, &["lets no run begin"]);
    assert!(operator.records("").is_empty());
    operator.status().0.done();
    assert_eq!(db.ask("select to_regnamespace('pgseal') is null"), "t");
}

/// A run that stopped half way is not resumed in a freeze; it may be rolled back.
#[test]
fn a_resumption_waits_too() {
    let (db, release, site) = small("resumedlater");
    let release = release
        .alone(
            "more",
            "create index concurrently more on public.widgets (name);\n",
        )
        .tier("last", "select 1 / 0;\n");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    assert_eq!(operator.run().code, 31);
    site.policy(&["--freeze", "2020-01-01..2090-01-01"]);
    let resumed = operator.ask_with("run", &["--resume"]);
    resumed.fails_saying(11, &["lets no run begin"]);
    operator.rollback().done();
}

/// An approval for staging is none for production.
#[test]
fn an_approval_for_one_database() {
    let (production, release, site) = small("approvedprod");
    let staging = database("approvedstage");
    let bundle = site.pack(&release.databases(&[production.name(), staging.name()]));
    site.add_key("ann", "l2");
    site.policy(&["--require", "l2=1"]);
    let approve = |more: &[&str]| site.approve(&bundle, "small", ("ann", "l2"), more);
    let elsewhere = approve(&["--target", "elsewhere"]);
    elsewhere.fails_saying(
        2,
        &["not one of the release's databases", production.name()],
    );
    let on = format!("on {}", staging.name());
    approve(&["--target", staging.name()]).done().says(&[&on]);
    let at_production = site.operator(&bundle, &production.url());
    assert_eq!(
        missing(&at_production),
        (11, vec!["approvals-missing".to_owned()])
    );
    let words = ["l2 0 of 1", "approved it for", staging.name()];
    at_production.run().fails_saying(11, &words);
    let report = at_production.ask("report");
    assert_eq!(report.code, 20, "{report}");
    report.says(&["Not enough yet: 0 of 1 from l2", "approved it for"]);
    let at_staging = site
        .operator(&bundle, &staging.url())
        .receipts_in("staging");
    at_staging.run().done();
    pgseal_testkit::next_second();
    approve(&[]).done();
    at_production.run().done();
}
