//! Releases that require others or conflict with them, and runs of several releases.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pgseal_testkit::cluster::TestDatabase;
use pgseal_testkit::release::{
    Answer, Operator, Release, Running, Site, assert_same, dump, wait_until,
};
use serde_json::{Value, json};

use super::approvals::{EVERYBODY, approved};
use super::database;

const BASE: &str = "small";

/// The release `small`, which creates `public.widgets`.
fn base(db: &TestDatabase<'_>, version: &str, sequence: u32) -> Release {
    Release::on(db.name())
        .named(BASE, version, sequence)
        .without_gates()
}

/// A release that creates a table of its own name.
fn other(db: &TestDatabase<'_>, name: &str, version: &str, about: &[&str]) -> Release {
    let probe = format!("select pg_catalog.to_regclass('public.{name}') is not null as made;\n");
    let release = Release::on(db.name())
        .named(name, version, 1)
        .without_gates()
        .without_tiers()
        .tier(name, &format!("create table public.{name} (id integer);\n"))
        .rollback(name, &format!("drop table public.{name};\n"))
        .baseline(&probe, "{ made = false }")
        .finalized(&probe, "{ made = true }");
    about
        .iter()
        .fold(release, |release, line| release.about(line))
}

/// The same release with the next version, which changes nothing.
fn upgrade(db: &TestDatabase<'_>, version: &str, sequence: u32) -> Release {
    let probe = "select pg_catalog.to_regclass('public.widgets') is not null as widgets;\n";
    base(db, version, sequence)
        .without_tiers()
        .tier("nothing", "select 1;\n")
        .rollback("nothing", "select 1;\n")
        .baseline(probe, "{ widgets = true }")
        .finalized(probe, "{ widgets = true }")
}

fn kinds(document: &Value, list: &str) -> Vec<String> {
    let all = document[list].as_array().unwrap().iter();
    all.map(|one| one["kind"].as_str().unwrap().to_owned())
        .collect()
}

/// Asserts that `run`, `gate`, `plan` and `report` name the obstacle, and that nothing changes.
#[track_caller]
fn refused(db: &TestDatabase<'_>, operator: &Operator<'_>, kind: &str, words: &[&str]) {
    let before = dump(db);
    operator.run().fails_saying(22, words);
    assert_eq!(operator.json("run")["error"]["kind"], kind);
    operator.ask("gate").fails_saying(22, words);
    assert_eq!(kinds(&operator.json("gate"), "missing"), [kind]);
    let plan = operator.plan();
    assert_eq!(plan.code, 22, "{plan}");
    plan.says(words);
    assert_eq!(kinds(&operator.json("plan"), "obstacles"), [kind]);
    let report = operator.ask_with("report", &["--format", "json"]);
    assert_eq!(report.code, 22, "{report}");
    report.says(words);
    assert_same(&before, &dump(db));
}

#[test]
fn a_required_release_has_to_be_in_effect() {
    let (db, site) = (database("requires"), Site::new());
    let one = site.pack(&base(&db, "1.9", 1));
    let two = site.pack(&upgrade(&db, "1.10", 2));
    let after = site.pack(&other(
        &db,
        "after",
        "1.0.0",
        &[r#"requires = ["small>=1.10,<2"]"#],
    ));
    let operator = |bundle: &PathBuf| site.operator(bundle, &db.url());
    let (one, two, after) = (operator(&one), operator(&two), operator(&after));
    let words = ["after 1.0.0 requires small >= 1.10, < 2, and no small is in effect"];
    refused(&db, &after, "requires", &words);
    one.run().done();
    let words = ["after 1.0.0 requires small >= 1.10, < 2, and small 1.9 is in effect"];
    refused(&db, &after, "requires", &words);
    two.run().done();
    after.run().done();
    assert_eq!(
        db.ask("select requires::text from pgseal.in_effect where release = 'after'"),
        r#"["small >= 1.10, < 2"]"#
    );
    after.rollback().done();
    // The version below is in effect again.
    two.rollback().done();
    refused(&db, &after, "requires", &words);
}

/// A version that is no list of numbers meets no bound.
#[test]
fn a_version_without_an_order_meets_no_requirement() {
    let (db, site) = (database("unordered"), Site::new());
    let small = site.pack(&base(&db, "2.0-rc1", 1));
    site.operator(&small, &db.url()).run().done();
    let after = |version: &str, about: &str| {
        let bundle = site.pack(&other(&db, "after", version, &[about]));
        site.operator(&bundle, &db.url())
    };
    let words = ["small 2.0-rc1 is in effect, a version without an order"];
    let bound = after("1", r#"requires = ["small >= 1"]"#);
    refused(&db, &bound, "requires", &words);
    // Nor does anybody know that it is no conflict.
    let words = ["small 2.0-rc1 is in effect, and this release conflicts with small < 1"];
    let bound = after("2", r#"conflicts = ["small < 1"]"#);
    refused(&db, &bound, "conflicts", &words);
    let exact = after("3", r#"requires = ["small = 2.0-rc1"]"#);
    exact.run().done();
}

#[test]
fn conflicts_hold_in_both_directions() {
    let (db, site) = (database("conflicts"), Site::new());
    let operator = |release: &Release| site.operator(&site.pack(release), &db.url());
    let small = operator(&base(&db, "1.0.0", 1));
    let enemy = operator(&other(&db, "enemy", "1", &[r#"conflicts = ["small"]"#]));
    let friend = operator(&other(&db, "friend", "1", &[r#"requires = ["small < 2"]"#]));
    small.run().done();
    let words = ["small 1.0.0 is in effect, and this release conflicts with small"];
    refused(&db, &enemy, "conflicts", &words);
    friend.run().done();
    // An upgrade may not take away what another release requires.
    let two = operator(&upgrade(&db, "2.0.0", 2));
    let words = ["friend 1, which is in effect, requires small < 2"];
    refused(&db, &two, "conflicts", &words);
    friend.rollback().done();
    small.rollback().done();
    enemy.run().done();
    let words = ["enemy 1, which is in effect, conflicts with small"];
    refused(&db, &small, "conflicts", &words);
    enemy.rollback().done();
    small.run().done();
}

/// The gate is READY, and the run waits for the lock, which the rollback of the required release
/// has. With the lock the run finds that it is gone.
#[test]
fn a_rollback_between_gate_and_run() {
    let (db, site) = (database("between_them"), Site::new());
    let small = site.operator(&site.pack(&base(&db, "1.0.0", 1)), &db.url());
    let bundle = site.pack(&other(&db, "after", "1", &[r#"requires = ["small"]"#]));
    let after = site.operator(&bundle, &db.url());
    small.run().done();
    after.ask("gate").done();
    let mut client = db.client();
    let mut reader = client.transaction().unwrap();
    reader.query("select from public.widgets", &[]).unwrap();
    let rollback = small.start("rollback");
    let is_blocked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'
        and datname = current_database()";
    wait_until("the rollback waits", || db.ask(is_blocked) == "1");
    let said = site.path("said");
    let mut run = after.command("run");
    let run = run.args(["--lock-retries", "10"]);
    let run = run
        .stdout(Stdio::null())
        .stderr(File::create(&said).unwrap());
    let mut run = run.spawn().unwrap();
    let says = |words: &str| fs::read_to_string(&said).unwrap().contains(words);
    let waits = "another pgseal run holds the lock";
    wait_until("the run waits for the lock", || says(waits));
    reader.rollback().unwrap();
    rollback.end().done();
    assert_eq!(run.wait().unwrap().code(), Some(22));
    assert!(says("after 1 requires small, and no small is in effect"));
    assert_eq!(db.ask("select to_regclass('public.after') is null"), "t");
}

/// The check follows the gates: it sees a row that was added while a gate was asked.
#[test]
fn a_row_that_is_added_while_the_gate_is_asked() {
    let (db, site) = (database("while_asked"), Site::new());
    let small = site.operator(&site.pack(&base(&db, "1.0.0", 1)), &db.url());
    let gate = "select count(*) > 0 as ready, 'approved' as reason from public.approvals;\n";
    let after = other(&db, "after", "1", &[r#"requires = ["small"]"#]).gate("approved", gate);
    let after = site.operator(&site.pack(&after), &db.url());
    small.run().done();
    let mut client = db.client();
    let mut writer = client.transaction().unwrap();
    writer
        .batch_execute("lock table public.approvals in access exclusive mode")
        .unwrap();
    let run = after.start("run");
    let is_asked = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'
        and datname = current_database()";
    wait_until("the gate waits", || db.ask(is_asked) == "1");
    // By hand, as no pgseal would while the run has the lock.
    writer
        .batch_execute(
            "insert into pgseal.ledger
                 (action, release, version, sequence, release_id, run_id, transaction_id, variables, signers, pgseal)
             select 'rollback', release, version, sequence, release_id, 'by-hand', '1', variables, signers, pgseal
             from pgseal.ledger",
        )
        .unwrap();
    writer.commit().unwrap();
    let words = ["after 1 requires small, and no small is in effect"];
    run.end().fails_saying(22, &words);
    assert_eq!(db.ask("select to_regclass('public.after') is null"), "t");
}

/// A required release may be rolled back while the release stands half way.
#[test]
fn a_resumed_run_requires_it_as_well() {
    let (db, site) = (database("resumed"), Site::new());
    let small = site.operator(&site.pack(&base(&db, "1.0.0", 1)), &db.url());
    let release = other(&db, "after", "1", &[r#"requires = ["small"]"#])
        .alone(
            "alone",
            "create table public.fine (id integer);\nselect 1 / 0;\n",
        )
        .rollback("alone", "drop table if exists public.fine;\n");
    let after = site.operator(&site.pack(&release), &db.url());
    small.run().done();
    after.run().fails(31);
    small.rollback().says(&["after 1 requires small"]);
    after
        .ask_with("run", &["--resume"])
        .fails_saying(22, &["after 1 requires small, and no small is in effect"]);
    after.rollback().done();
}

/// The clone has what its source has.
#[test]
fn a_rehearsal_requires_it_on_the_source() {
    let (db, site) = (database("rehearsed"), Site::new());
    let small = site.operator(&site.pack(&base(&db, "1.0.0", 1)), &db.url());
    let after = site.pack(&other(&db, "after", "1", &[r#"requires = ["small"]"#]));
    let rehearse = || {
        let mut command = site.command();
        command
            .arg("rehearse")
            .arg(&after)
            .args(["--trust", "trust.json", "--receipts", "receipts"])
            .args(["--from", db.name(), "--db", &db.url()]);
        Answer::of(command.output().unwrap())
    };
    let refused = rehearse();
    assert_eq!(refused.code, 22, "{refused}");
    refused.says(&[
        "after 1 requires small, and no small is in effect",
        "with the required release",
    ]);
    small.run().done();
    rehearse().done();
}

/// A list in the ledger that can't be read could name the release.
#[test]
fn an_unreadable_list_stops_the_run() {
    let (db, site) = (database("unreadable"), Site::new());
    let small = site.operator(&site.pack(&base(&db, "1.0.0", 1)), &db.url());
    let after = site.operator(&site.pack(&other(&db, "after", "1", &[])), &db.url());
    small.run().done();
    db.client()
        .batch_execute(
            "alter table pgseal.ledger disable trigger only_added;
             update pgseal.ledger set conflicts = '[\"after > 1\"]'",
        )
        .unwrap();
    after.run().fails_saying(
        22,
        &["row 1 of the ledger names required or conflicting releases"],
    );
    small.rollback().done();
}

#[test]
fn a_wait_outlives_a_missing_release() {
    let (db, site) = (database("awaited"), Site::new());
    let small = site.operator(&site.pack(&base(&db, "1.0.0", 1)), &db.url());
    let bundle = site.pack(&other(&db, "after", "1", &[r#"requires = ["small"]"#]));
    let after = site.operator(&bundle, &db.url()).receipts_in("waiting");
    let mut command = after.command("run");
    let waiting = Running::of(command.args(["--wait", "--interval", "1"]));
    wait_until("the wait began", || site.path("waiting").exists());
    std::thread::sleep(std::time::Duration::from_secs(1));
    small.run().done();
    let ended = waiting.end();
    ended
        .done()
        .says(&["waiting for requires: a required release is not in effect"]);
    let waited = after.receipt()["waited"].clone();
    assert_eq!(waited[0]["for"], json!("requires"), "{waited}");
}

/// Undoing never waits: the rollback says what it leaves behind, and `status` shows it.
#[test]
fn a_rollback_is_not_refused_for_a_dependent() {
    let (db, site) = (database("dependent"), Site::new());
    let small = site.operator(&site.pack(&base(&db, "1.0.0", 1)), &db.url());
    let after = other(
        &db,
        "after",
        "1",
        &[r#"requires = ["small"]"#, r#"conflicts = ["x < 2"]"#],
    );
    let after = site.operator(&site.pack(&after), &db.url());
    small.run().done();
    after.run().done();
    let road = "after 1 is in effect: `pgseal check FILE` shows whether it holds, `pgseal rollback FILE` undoes it\n    \
                requires small\n    conflicts with x < 2\n";
    assert!(
        after.status_text().contains(road),
        "{}",
        after.status_text()
    );
    let (_, status) = after.status();
    assert_eq!(status["unmet"], json!([]), "{status}");
    assert_eq!(
        status["in_effect"][1]["requires"],
        json!(["small"]),
        "{status}"
    );
    let unmet = "after 1 requires small, and no small is in effect";
    let rollback = small.rollback();
    rollback
        .done()
        .says(&["pgseal: warning: this rollback leaves", unmet]);
    assert!(after.status_text().contains(&format!("unmet: {unmet}\n")));
    let (_, status) = after.status();
    assert_eq!(status["unmet"][0]["message"], unmet, "{status}");
    small.run().done();
    let (_, status) = after.status();
    assert_eq!(status["unmet"], json!([]), "{status}");
    // The dependent itself goes back without a warning.
    assert!(
        !after
            .rollback()
            .done()
            .stderr
            .contains("this rollback leaves")
    );
}

/// A rollback that fails because of objects of a dependent names the release to roll back first.
#[test]
fn a_rollback_below_a_dependent_that_uses_it() {
    let (db, site) = (database("below"), Site::new());
    let small = site.operator(&site.pack(&base(&db, "1.0.0", 1)), &db.url());
    let view = other(&db, "view", "1", &[r#"requires = ["small"]"#])
        .tier(
            "seen",
            "create view public.seen as select * from public.widgets;\n",
        )
        .rollback("seen", "drop view public.seen;\n");
    let view = site.operator(&site.pack(&view), &db.url());
    small.run().done();
    view.run().done();
    let hint = "view 1 requires it: roll that release back first";
    small.rollback().fails_saying(30, &[hint]);
    view.rollback().done();
    small.rollback().done();
}

#[test]
fn lists_that_do_not_pack() {
    let (db, site) = (database("unpacked"), Site::new());
    let bundle = site.path("after.pgseal");
    for (lines, word) in [
        (r#"requires = ["small > 1"]"#, "is not a release: write"),
        (r#"requires = ["small >= 1.0-rc1"]"#, "can't be ordered"),
        (r#"requires = ["small >= 2, < 1"]"#, "has no version"),
        (
            r#"requires = ["small >= 2", "small < 3"]"#,
            "small is named twice",
        ),
        (
            r#"conflicts = ["small", "small < 3"]"#,
            "small is named twice",
        ),
        (
            "requires = [\"small >= 2\"]\nconflicts = [\"small\"]",
            "requires small and conflicts with every version",
        ),
        (r#"require = ["small"]"#, "unknown field `require`"),
    ] {
        let release = other(&db, "after", "1", &[lines]);
        let answer = site.try_pack(&release, &bundle);
        answer.fails_saying(2, &[word, "release.toml:"]);
    }
    let both = ["requires = [\"small >= 2\"]\nconflicts = [\"small = 2.5\"]"];
    site.try_pack(&other(&db, "after", "1", &both), &bundle)
        .done();
}

/// `pgseal run` with these bundles.
fn run_all(site: &Site, db: &TestDatabase<'_>, bundles: &[&PathBuf], more: &[&str]) -> Command {
    let mut command = site.command();
    command
        .arg("run")
        .args(bundles)
        .args(["--trust", "trust.json", "--receipts", "receipts"])
        .args(["--db", &db.url()])
        .args(more);
    command
}

fn run(command: &mut Command) -> Answer {
    Answer::of(command.output().unwrap())
}

/// The releases in effect, in order.
fn in_effect(db: &TestDatabase<'_>) -> String {
    let query = "select coalesce(string_agg(release || ' ' || version, ', ' order by id), '')";
    match db
        .ask("select to_regclass('pgseal.in_effect') is null")
        .as_str()
    {
        "t" => String::new(),
        _ => db.ask(&format!("{query} from pgseal.in_effect")),
    }
}

/// `small`, `second`, which requires it, and `third`, which requires both.
fn three(db: &TestDatabase<'_>, site: &Site) -> [PathBuf; 3] {
    let second = other(db, "second", "1.1", &[r#"requires = ["small >= 1"]"#])
        .gate("approved", pgseal_testkit::release::GATE)
        .variable("code");
    let third = [r#"requires = ["small = 1.0.0", "second >= 1.1"]"#];
    [
        site.pack(&base(db, "1.0.0", 1)),
        site.pack(&second),
        site.pack(&other(db, "third", "1", &third).variable("name")),
    ]
}

const VALUES: [&str; 4] = ["-v", "code=1", "-v", "name=2"];

#[test]
fn several_releases_run_in_order() {
    let (db, site) = (database("several"), Site::new());
    let [a, b, c] = three(&db, &site);
    let values = [&VALUES[..], &["--json", "--receipt-key", "receipt.key"]].concat();
    let answer = run(&mut run_all(&site, &db, &[&a, &b, &c], &values));
    answer
        .done()
        .says(&["small 1.0.0 (1 of 3)", "third 1 (3 of 3)"]);
    assert_eq!(in_effect(&db), "small 1.0.0, second 1.1, third 1");
    // A line for each release, and a receipt for each.
    let lines: Vec<Value> = answer
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<&Value> = lines
        .iter()
        .map(|line| &line["result"]["release"]["name"])
        .collect();
    assert_eq!(names, ["small", "second", "third"]);
    for line in &lines {
        assert!(site.path(line["receipt"].as_str().unwrap()).is_file());
    }
    // Each release has only its own variables.
    assert_eq!(lines[0]["result"]["variables"], json!({}));
    assert_eq!(lines[1]["result"]["variables"], json!({ "code": "1" }));
    // What is in effect is left alone on request.
    let rest = [&VALUES[..], &["--if-needed"]].concat();
    run(&mut run_all(&site, &db, &[&a, &b, &c], &rest)).done();
    let again = run(&mut run_all(&site, &db, &[&a, &b, &c], &VALUES));
    again.fails_saying(
        22,
        &[
            "small-1.0.0.pgseal: small 1.0.0 is already applied",
            "not begun: ",
        ],
    );
}

#[test]
fn the_first_that_fails_is_the_last() {
    let (db, site) = (database("first"), Site::new());
    let [a, b, c] = three(&db, &site);
    db.client()
        .batch_execute("delete from public.approvals")
        .unwrap();
    let answer = run(&mut run_all(&site, &db, &[&a, &b, &c], &VALUES));
    answer.fails_saying(20, &["gate approved is BLOCKED", "done: ", "not begun: "]);
    assert_eq!(in_effect(&db), "small 1.0.0");
    let json = run(&mut run_all(
        &site,
        &db,
        &[&b, &c],
        &[&VALUES[..], &["--json"]].concat(),
    ));
    assert_eq!(json.json()["error"]["kind"], "gate-blocked", "{json}");
    // The order is the operator's.
    let wrong = run(&mut run_all(&site, &db, &[&c, &b], &VALUES));
    wrong.fails_saying(22, &["third 1 requires second >= 1.1"]);
    // A wait waits for each in turn.
    let waits = [&VALUES[..], &["--if-needed", "--wait", "--interval", "1"]].concat();
    let waiting = Running::of(&mut run_all(&site, &db, &[&a, &b, &c], &waits));
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(in_effect(&db), "small 1.0.0");
    db.client()
        .batch_execute("insert into public.approvals values ('somebody')")
        .unwrap();
    waiting.end().done().says(&["waiting for gate-blocked"]);
    assert_eq!(in_effect(&db), "small 1.0.0, second 1.1, third 1");
}

/// Whatever the files refuse is refused before the first release runs.
#[test]
fn a_refusal_of_a_later_file_comes_first() {
    let (db, site) = (database("later"), Site::new());
    let [a, b, c] = three(&db, &site);
    let before = dump(&db);
    let refused = |bundles: &[&PathBuf], more: &[&str], code: i32, words: &[&str]| {
        let answer = run(&mut run_all(&site, &db, bundles, more));
        answer.fails_saying(code, words);
        assert_same(&before, &dump(&db));
        assert_eq!(in_effect(&db), "");
    };
    let short = site.path("short.pgseal");
    fs::write(&short, &fs::read(&b).unwrap()[..2048]).unwrap();
    refused(&[&a, &short, &c], &VALUES, 10, &["short.pgseal"]);
    let unsigned = site.path("unsigned.pgseal");
    let dir = site.path("dir");
    fs::create_dir(&dir).unwrap();
    other(&db, "other", "1", &[]).write(&dir);
    site.pgseal([
        "pack".as_ref(),
        dir.as_os_str(),
        "-o".as_ref(),
        unsigned.as_ref(),
    ])
    .done();
    refused(&[&a, &b, &unsigned], &VALUES, 11, &["unsigned.pgseal"]);
    refused(&[&a, &b, &a], &VALUES, 2, &["it is the same release as"]);
    refused(
        &[&a, &b, &c],
        &VALUES[..2],
        2,
        &["variable \"name\" is required", "no release was run"],
    );
    let unknown = [&VALUES[..], &["-v", "x=1"]].concat();
    refused(
        &[&a, &b, &c],
        &unknown,
        2,
        &["no variable \"x\"; it has code, name"],
    );
    let demanding = other(&db, "demanding", "1", &[]).demands_no_drift();
    refused(
        &[&a, &site.pack(&demanding)],
        &[],
        11,
        &["demanding-1.pgseal", "--receipt-key", "no release was run"],
    );
    refused(
        &[&a, &b],
        &["-v", "code=1", "-v", "name=2"],
        2,
        &["no variable \"name\""],
    );
    let resume = [&VALUES[..], &["--resume"]].concat();
    refused(
        &[&a, &b, &c],
        &resume,
        2,
        &["--resume is about one release"],
    );
    let rehearsal = [&VALUES[..], &["--rehearsal", "x.json"]].concat();
    refused(
        &[&a, &b, &c],
        &rehearsal,
        2,
        &["--rehearsal is about one release"],
    );
    let blocked = ["trust", "set-policy", "trust.json", "--block"];
    let id = site.pgseal([
        "inspect",
        c.to_str().unwrap(),
        "--trust",
        "trust.json",
        "--json",
    ]);
    let id = id.json()["release_id"].as_str().unwrap().to_owned();
    site.pgseal([&blocked[..], &[&id, "--root-key", "root.key"]].concat())
        .done();
    refused(
        &[&a, &b, &c],
        &VALUES,
        11,
        &["third-1.pgseal", "no release was run"],
    );
}

/// Approval files are given to the release that they are for.
#[test]
fn approvals_of_several_releases() {
    let (db, site, small) = approved("approvals_of");
    let second = site.pack(&other(&db, "second", "1", &[]).variable("ratified_apr"));
    let stranger = site.pack(&other(&db, "stranger", "1", &[]).variable("ratified_apr"));
    fs::create_dir(site.path("in")).unwrap();
    let approve = |bundle: &Path, name: &str, (who, role): (&str, &str), dir: &str| {
        let (key, out) = (format!("{who}.key"), format!("{dir}/{name}-{who}.approval"));
        let args = [
            "approve",
            bundle.to_str().unwrap(),
            "--key",
            &key,
            "--role",
            role,
            "--apr",
            "APR-1",
            "--yes",
            name,
            "--trust",
            "trust.json",
            "-o",
            &out,
        ];
        site.pgseal(args).done();
    };
    let all = ["-v", "ratified_apr=APR-1", "--approval", "in"];
    let try_both = || run(&mut run_all(&site, &db, &[&small, &second], &all));
    for who in EVERYBODY {
        approve(&small, "small", who, "in");
    }
    for who in &EVERYBODY[..2] {
        approve(&second, "second", *who, "in");
    }
    // One approval of the second release is missing, so the first one does not run.
    try_both().fails_saying(
        11,
        &[
            "second-1.pgseal",
            "approvals are missing: l4",
            "no release was run",
        ],
    );
    assert_eq!(in_effect(&db), "");
    approve(&second, "second", EVERYBODY[2], "in");
    // Of a release that is not named, an approval is left out of a directory, and an error as a file.
    fs::create_dir(site.path("out")).unwrap();
    approve(&stranger, "stranger", EVERYBODY[0], "out");
    let [one] = fs::read_dir(site.path("out"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let more = [&all[..], &["--approval", one.to_str().unwrap()]].concat();
    run(&mut run_all(&site, &db, &[&small, &second], &more))
        .fails_saying(11, &["is about another release"]);
    let more = [&all[..], &["--approval", "out"]].concat();
    run(&mut run_all(&site, &db, &[&small, &second], &more)).done();
    assert_eq!(in_effect(&db), "small 1.0.0, second 1");
    let used = db.ask("select string_agg(jsonb_array_length(approvals)::text, ',' order by id) from pgseal.ledger");
    assert_eq!(used, "3,3");
}

/// Holds `small` in its transaction until the returned client lets go.
fn holding(db: &TestDatabase<'_>) -> postgres::Client {
    let mut client = db.client();
    client
        .batch_execute("begin; lock table public.approvals in access exclusive mode")
        .unwrap();
    client
}

/// A file that is replaced while an earlier release runs does not run.
#[test]
fn a_replaced_file_does_not_run() {
    let (db, site) = (database("replaced"), Site::new());
    let slow = base(&db, "1.0.0", 1).tier("slow", "insert into public.approvals values ('x');\n");
    let slow = site.pack(&slow.rollback("slow", "delete from public.approvals where who = 'x';\n"));
    let second = site.pack(&other(&db, "second", "1", &[]));
    let stranger = site.pack(&other(&db, "stranger", "1", &[]));
    let mut holding = holding(&db);
    let running = Running::of(&mut run_all(&site, &db, &[&slow, &second], &[]));
    let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    wait_until("the first one runs", || db.ask(waits) == "1");
    fs::rename(&stranger, &second).unwrap();
    holding.batch_execute("commit").unwrap();
    let ended = running.end();
    ended.fails_saying(11, &["second-1.pgseal: expected release", "done: "]);
    assert_eq!(in_effect(&db), "small 1.0.0");
}

/// Ctrl-C stops the release that runs, and no later one begins.
#[test]
fn an_interruption_ends_the_sequence() {
    let (db, site) = (database("stopped"), Site::new());
    let first = site.pack(&base(&db, "1.0.0", 1));
    let slow = other(&db, "second", "1", &[])
        .tier("slow", "insert into public.approvals values ('x');\n")
        .rollback("slow", "delete from public.approvals where who = 'x';\n");
    let slow = site.pack(&slow);
    let third = site.pack(&other(&db, "third", "1", &[]));
    let mut holding = holding(&db);
    let running = Running::of(&mut run_all(&site, &db, &[&first, &slow, &third], &[]));
    let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
    wait_until("the second one runs", || db.ask(waits) == "1");
    let pid = running.pid().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let ended = running.end();
    holding.batch_execute("commit").unwrap();
    ended.fails_saying(30, &["it was interrupted", "done: ", "not begun: "]);
    assert_eq!(in_effect(&db), "small 1.0.0");
}
