//! Waiting for people: `gate` names everything that a run lacks, `gate --watch` and `run --wait` outlive lost
//! connections and replaced files, and a release runs exactly once.

mod unit;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::approvals::approve;
use super::{database, small};
use pgseal::database::Session as _;
use pgseal_testkit::cluster::{GATE_USER, TestDatabase};
use pgseal_testkit::release::{
    Answer, BEFORE, Operator, Release, Site, assert_same, dump, wait_until,
};
use pgseal_testkit::server::{Server, ask, session};

const ANN: (&str, &str) = ("ann", "l2");
const CLOSE: &str = "delete from public.approvals";
const OPEN: &str = "insert into public.approvals values ('late')";
const RUNS: &str = "select count(*) from pgseal.ledger where action = 'run'";

/// A waiting command. Its messages go to a file, which the test can read meanwhile.
pub(super) struct Waiting {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Waiting {
    fn of(command: &mut Command, site: &Site, name: &str) -> Self {
        let path = |end: &str| site.path(&format!("{name}.{end}"));
        let (stdout, stderr) = (path("out"), path("err"));
        command
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap());
        Self {
            child: command.spawn().unwrap(),
            stdout,
            stderr,
        }
    }

    /// `run --wait`, every second.
    pub(super) fn run(operator: &Operator<'_>, site: &Site, name: &str, more: &[&str]) -> Self {
        let mut command = operator.command("run");
        command.args(["--wait", "--interval", "1"]).args(more);
        Self::of(&mut command, site, name)
    }

    /// `gate --watch`, every second.
    fn watch(operator: &Operator<'_>, site: &Site, more: &[&str]) -> Self {
        let mut command = operator.command("gate");
        command.args(["--watch", "--interval", "1"]).args(more);
        Self::of(&mut command, site, "watch")
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap()
    }

    /// Waits until the command has said something.
    #[track_caller]
    pub(super) fn says(&mut self, words: &str) -> &mut Self {
        wait_until(words, || {
            let ended = self.child.try_wait().unwrap();
            let said = self.said();
            assert!(ended.is_none() || said.contains(words), "{words:?}: {said}");
            said.contains(words)
        });
        self
    }

    pub(super) fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let sent = kill.args([name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// The end of the command, which comes soon.
    #[track_caller]
    pub(super) fn end(mut self) -> Answer {
        let since = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code().unwrap_or(-1);
            }
            if since.elapsed() > Duration::from_secs(60) {
                self.child.kill().unwrap();
                panic!("it still waits: {}", self.said());
            }
            thread::sleep(Duration::from_millis(20));
        };
        let (stdout, stderr) = (fs::read_to_string(&self.stdout).unwrap(), self.said());
        Answer {
            code,
            stdout,
            stderr,
        }
    }
}

fn sql(db: &TestDatabase<'_>, sql: &str) {
    db.client().batch_execute(sql).unwrap();
}

/// A server of its own, so that it can be stopped, with the database of a small release whose gate is closed.
fn own_server() -> (Server, Site, PathBuf, String) {
    let server = Server::start("local all all trust\n", "");
    server.sql("create database waited");
    server.sql(&format!("create role {GATE_USER} login"));
    server.sql(&format!("grant pg_read_all_data to {GATE_USER}"));
    let url = server.local("waited");
    session(&url).batch(BEFORE).unwrap();
    session(&url).batch(CLOSE).unwrap();
    let site = Site::new();
    let bundle = site.pack(&Release::on("waited"));
    (server, site, bundle, url)
}

/// A release that needs an approval of Ann.
fn needs_ann(prefix: &str) -> (TestDatabase<'static>, Site, PathBuf) {
    let (db, release, site) = small(prefix);
    site.add_key("ann", "l2");
    site.policy(&["--require", "l2"]);
    let bundle = site.pack(&release);
    (db, site, bundle)
}

fn kinds(document: &Value) -> Vec<&str> {
    let missing = document["missing"].as_array().unwrap();
    missing
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect()
}

pub(super) fn waited(receipt: &Value) -> Vec<&str> {
    let all = receipt["waited"].as_array().unwrap();
    all.iter().map(|one| one["for"].as_str().unwrap()).collect()
}

/// `gate` ends like `plan` and `run`, and names every missing condition.
#[test]
fn ready_means_that_a_run_would_run() {
    let (db, site, bundle) = needs_ann("ready");
    let operator = site.operator(&bundle, &db.url());
    #[track_caller]
    fn same(operator: &Operator<'_>, code: i32, expected: &[&str]) {
        let receipts = operator.receipts().to_str().unwrap();
        let asked = |more: &[&str]| {
            let args = [&["--receipts", receipts], more].concat();
            operator.ask_with("gate", &args)
        };
        let (text, json) = (asked(&[]), asked(&["--json"]));
        assert_eq!((text.code, json.code), (code, code), "{text}\n{json}");
        let document = json.json();
        assert_eq!(kinds(&document), expected, "{document}");
        let verdict = if code == 0 { "READY" } else { "BLOCKED" };
        assert_eq!(document["verdict"], verdict, "{document}");
        for kind in expected.iter().filter(|kind| **kind != "gate-blocked") {
            let line = format!("BLOCKED {kind}\n");
            assert_eq!(text.stdout.matches(&line).count(), 1, "{text}");
        }
        let others = expected.iter().filter(|kind| **kind != "gate-blocked");
        let said = text.stderr.matches("pgseal: error: ").count();
        assert_eq!(said, others.count(), "one line each: {text}");
        let plan = operator.ask_with("plan", &["--receipts", receipts]);
        assert_eq!(plan.code, code, "{plan}");
        if code != 0 {
            assert_eq!(operator.run().code, code);
        }
    }
    same(&operator, 11, &["approvals-missing"]);
    operator
        .gate()
        .done()
        .says(&["READY", "approvals: l2 0 of 1"]);
    sql(&db, CLOSE);
    sql(&db, "create table public.widgets ()");
    let all = ["approvals-missing", "gate-blocked", "not-baseline"];
    same(&operator, 11, &all);
    approve(&site, &bundle, ANN, &[]);
    same(&operator, 20, &all[1..]);
    assert_eq!(operator.gate().code, 20);
    sql(&db, OPEN);
    same(&operator, 22, &all[2..]);
    operator.gate().done();
    sql(&db, "drop table public.widgets");
    same(&operator, 0, &[]);
    // A gate that may do more than read, and one that fails.
    let asked = operator.ask_with("gate", &["--gate-user", "postgres", "--json"]);
    assert_eq!((asked.code, kinds(&asked.json())), (21, vec!["gate-role"]));
    sql(&db, "alter table public.approvals rename to elsewhere");
    same(&operator, 21, &["gate-unanswered"]);
    sql(&db, "alter table public.elsewhere rename to approvals");
    let nowhere = operator.clone().url("host=/nowhere dbname=x user=y");
    let asked = nowhere.ask_with("gate", &["--json"]);
    assert_eq!(
        (asked.code, kinds(&asked.json())),
        (21, vec!["no-connection"])
    );
    assert_eq!(nowhere.run().code, 1);
    // Another run holds the lock.
    let mut holder = db.client();
    let lock = "select pg_advisory_lock(-2437371639947053445)";
    holder.batch_execute(lock).unwrap();
    same(&operator, 22, &["locked"]);
    drop(holder);
    operator.run().done();
    same(&operator, 22, &["already-in-effect"]);
    operator.gate().done();
}

/// A required rehearsal is a condition like the others.
#[test]
fn a_rehearsal_is_missing() {
    let (db, release, site) = small("unrehearsed");
    let bundle = site.pack(&release);
    let policy = [
        "trust",
        "set-policy",
        "trust.json",
        "--rehearsal",
        "required",
    ];
    let root = ["--root-key", "root.key"];
    site.pgseal(policy.into_iter().chain(root)).done();
    let operator = site.operator(&bundle, &db.url());
    let gate = operator.ask_with("gate", &["--json"]);
    let expected = vec!["rehearsal-missing"];
    assert_eq!((gate.code, kinds(&gate.json())), (11, expected));
    let mut waiting = Waiting::run(&operator, &site, "run", &["--receipt-key", "receipt.key"]);
    waiting.says("waiting for rehearsal-missing: ");
    let cluster = pgseal_testkit::cluster::Cluster::shared();
    let admin = cluster.server().url("postgres");
    let mut rehearse = site.command();
    rehearse
        .arg("rehearse")
        .arg(&bundle)
        .args(["--trust", "trust.json", "--db", &admin, "--from", db.name()])
        .args(["--receipt-key", "receipt.key", "--receipts"])
        .arg(operator.receipts());
    Answer::of(rehearse.output().unwrap()).done();
    waiting.end().done();
    assert_eq!(waited(&operator.receipt()), ["rehearsal-missing"]);
    assert_eq!(db.ask(RUNS), "1");
}

#[test]
fn a_watch_outlives_a_server_restart() {
    let (mut server, site, bundle, url) = own_server();
    let operator = site.operator(&bundle, &url);
    let mut watching = Waiting::watch(&operator, &site, &[]);
    watching.says("waiting for gate-blocked: gate approved is BLOCKED: 0 approvals");
    server.stop();
    watching.says("waiting for no-connection: ");
    thread::sleep(Duration::from_millis(2_500));
    server.restart();
    watching.says("no longer waiting for no-connection");
    session(&url).batch(OPEN).unwrap();
    let answer = watching.end();
    answer.done().says(&["READY approved: 1 approvals"]);
    let said = |words: &str| answer.stderr.matches(words).count();
    assert_eq!(said("waiting for no-connection: "), 1, "{answer}");
    // A closed gate stays one as long as no server answers.
    assert_eq!(said("waiting for gate-blocked: "), 1, "{answer}");
    // The gate queries alone wait the same way.
    session(&url).batch(CLOSE).unwrap();
    let mut watching = Waiting::watch(&operator, &site, &["--only"]);
    watching.says("waiting for gate-blocked: ");
    server.stop();
    watching.says("waiting for no-connection: ");
    server.restart();
    session(&url).batch(OPEN).unwrap();
    watching.end().done().says(&["READY approved"]);
}

#[test]
fn a_run_waits_across_a_server_restart() {
    let (mut server, site, bundle, url) = own_server();
    let operator = site.operator(&bundle, &url);
    let mut waiting = Waiting::run(&operator, &site, "run", &["--receipt-key", "receipt.key"]);
    waiting.says("waiting for gate-blocked: ");
    let idle = "select count(*) from pg_stat_activity
                where backend_type = 'client backend' and pid <> pg_backend_pid()";
    let count = |query: &str| ask(&mut session(&url), query);
    wait_until("no session between two attempts", || count(idle) == "0");
    server.stop();
    waiting.says("waiting for no-connection: ");
    server.restart();
    waiting.says("no longer waiting for no-connection");
    session(&url).batch(OPEN).unwrap();
    waiting.end().done().says(&["is finalized"]);
    assert_eq!(count(RUNS), "1");
    let receipt = operator.receipt();
    assert_eq!(receipt["outcome"], "committed");
    let mut kinds = waited(&receipt);
    kinds.sort();
    assert_eq!(kinds, ["gate-blocked", "no-connection"]);
    let path = operator.records(".receipt.json").pop().unwrap();
    let verify = ["receipt", "verify", path.to_str().unwrap()];
    let trust = ["--trust", "trust.json"];
    site.pgseal(verify.into_iter().chain(trust)).done();
    let show = ["receipt", "show", path.to_str().unwrap()];
    site.pgseal(show.into_iter().chain(trust))
        .done()
        .says(&["waited ", "for gate-blocked"]);
}

/// The primary that a wait begins with is gone; the next attempt chooses the new one.
#[test]
fn a_run_waits_across_a_failover() {
    let trust = "local all all trust\nhost all all all trust\n";
    let mut primary = Server::start(trust, "");
    let standby = primary.standby();
    primary.sql("create database waited");
    primary.sql(&format!("create role {GATE_USER} login"));
    primary.sql(&format!("grant pg_read_all_data to {GATE_USER}"));
    session(&primary.local("waited")).batch(BEFORE).unwrap();
    session(&primary.local("waited")).batch(CLOSE).unwrap();
    let site = Site::new();
    let bundle = site.pack(&Release::on("waited"));
    let url = format!(
        "host=127.0.0.1,127.0.0.1 port={},{} user=postgres dbname=waited",
        primary.port, standby.port
    );
    let operator = site.operator(&bundle, &url);
    let mut waiting = Waiting::run(&operator, &site, "run", &[]);
    waiting.says("waiting for gate-blocked: ");
    primary.stop();
    waiting.says("waiting for standby: ");
    let mut promoted = session(&standby.local("waited"));
    promoted.execute("select pg_promote()").unwrap();
    wait_until("it is a primary", || {
        ask(
            &mut session(&standby.local("waited")),
            "select pg_is_in_recovery()",
        ) == "f"
    });
    session(&standby.local("waited")).batch(OPEN).unwrap();
    waiting.end().done();
    assert_eq!(ask(&mut session(&standby.local("waited")), RUNS), "1");
}

/// The file is replaced: by itself with an approval, step by step, by rubbish, by another release.
#[test]
fn files_that_are_replaced() {
    let (db, site, bundle) = needs_ann("replaced");
    let operator = site.operator(&bundle, &db.url());
    let unapproved = fs::read(&bundle).unwrap();
    let begin = |name: &str| {
        let mut waiting = Waiting::run(&operator, &site, name, &[]);
        waiting.says("waiting for approvals-missing: approvals are missing: l2 0 of 1");
        waiting
    };
    // Another release of the same name.
    let other = site.path("other.pgseal");
    let release = Release::on(db.name()).tier("more", "select 1;\n");
    site.try_pack(&release, &other).done();
    approve(&site, &other, ANN, &[]);
    let waiting = begin("other");
    fs::rename(&other, &bundle).unwrap();
    let answer = waiting.end();
    let words = ["was replaced by another release", "nothing was run"];
    answer.fails_saying(11, &words);
    fs::write(&bundle, &unapproved).unwrap();

    // Rubbish that stays.
    let mut waiting = begin("rubbish");
    fs::write(&bundle, "rubbish").unwrap();
    waiting.says("waiting for ");
    waiting.end().fails(10);
    fs::write(&bundle, &unapproved).unwrap();

    // One byte of the release.
    let waiting = begin("byte");
    let mut changed = unapproved.clone();
    let at = changed.len() / 2;
    changed[at] ^= 1;
    fs::write(&bundle, &changed).unwrap();
    let answer = waiting.end();
    assert!([10, 11].contains(&answer.code), "{answer}");
    fs::write(&bundle, &unapproved).unwrap();

    // A copy that takes several attempts.
    let mut waiting = begin("copied");
    let copy = site.path("copy.pgseal");
    fs::copy(&bundle, &copy).unwrap();
    approve(&site, &copy, ANN, &[]);
    let approved = fs::read(&copy).unwrap();
    for part in 1..4 {
        fs::write(&bundle, &approved[..approved.len() * part / 4]).unwrap();
        thread::sleep(Duration::from_millis(700));
        assert!(waiting.child.try_wait().unwrap().is_none());
    }
    fs::write(&bundle, &approved).unwrap();
    waiting.end().done();
    assert_eq!(db.ask(RUNS), "1");
    let receipt = operator.receipt();
    assert!(waited(&receipt).contains(&"approvals-missing"), "{receipt}");
    assert_eq!(receipt["approvals"].as_array().unwrap().len(), 1);
}

/// Approvals arrive in the bundle, or as files in a directory that is empty at first.
#[test]
fn approvals_that_arrive() {
    for beside in [false, true] {
        let (db, site, bundle) = needs_ann("arrive");
        let operator = site.operator(&bundle, &db.url());
        fs::create_dir(site.path("approvals")).unwrap();
        let given: &[&str] = if beside {
            &["--approval", "approvals"]
        } else {
            &[]
        };
        let mut waiting = Waiting::run(&operator, &site, "run", given);
        waiting.says("waiting for approvals-missing: ");
        let mut watching = Waiting::watch(&operator, &site, given);
        watching.says("waiting for approvals-missing: ");
        let file: &[&str] = if beside {
            &["-o", "approvals/ann.approval"]
        } else {
            &[]
        };
        approve(&site, &bundle, ANN, file);
        waiting.end().done();
        // The watch may see READY, or the run that began before it asked again.
        let watched = watching.end();
        assert!([0, 22].contains(&watched.code), "{watched}");
        assert_eq!(db.ask(RUNS), "1");
    }
}

/// A trust root is read anew: a release that it blocks meanwhile never runs.
#[test]
fn a_trust_root_that_changes() {
    let (db, site, bundle) = needs_ann("blocked");
    let operator = site.operator(&bundle, &db.url());
    let mut waiting = Waiting::run(&operator, &site, "run", &[]);
    waiting.says("waiting for approvals-missing: ");
    let verify = site.pgseal([
        "verify",
        bundle.to_str().unwrap(),
        "--trust",
        "trust.json",
        "--json",
    ]);
    let id = verify.json()["release_id"].as_str().unwrap().to_owned();
    let block = ["trust", "set-policy", "trust.json", "--block", &id];
    let root = ["--root-key", "root.key"];
    site.pgseal(block.into_iter().chain(root)).done();
    waiting
        .end()
        .fails_saying(11, &["the trust root blocks this release"]);
    assert_eq!(db.ask("select to_regclass('pgseal.ledger') is null"), "t");
}

/// At `--until` a wait ends with the code of what is missing then.
#[test]
fn until_a_time() {
    let soon = || {
        let at = std::time::SystemTime::now() + Duration::from_secs(3);
        let seconds = at.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let at = pgseal_verify::format::timestamp::Timestamp::from_seconds(seconds as i64);
        at.unwrap().to_string()
    };
    let (db, site, bundle) = needs_ann("until");
    let ends = |operator: &Operator<'_>, code: i32, words: &str| {
        let (before, until) = (operator.records("").len(), soon());
        let answer = Waiting::run(operator, &site, "until", &["--until", &until]).end();
        answer.fails_saying(code, &[words, "nothing was done", &until]);
        assert_eq!(operator.records("").len(), before, "{answer}");
    };
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    sql(&db, "begin; delete from public.approvals; rollback");
    ends(&operator, 11, "approvals are missing");
    approve(&site, &bundle, ANN, &[]);
    sql(&db, CLOSE);
    ends(&operator, 20, "gate approved is BLOCKED");
    sql(&db, "alter table public.approvals rename to elsewhere");
    ends(&operator, 21, "gate approved could not be answered");
    sql(&db, "alter table public.elsewhere rename to approvals");
    sql(&db, "insert into public.approvals values ('somebody')");
    sql(&db, "create table public.widgets ()");
    ends(&operator, 22, "not in the state \"baseline\"");
    sql(&db, "drop table public.widgets");
    let nowhere = operator.clone().url("host=/nowhere dbname=x user=y");
    ends(&nowhere, 1, "no connection");
    assert_same(&before, &dump(&db));
    sql(&db, CLOSE);
    operator
        .ask_with("run", &["--wait", "--until", "2s"])
        .fails_saying(20, &["it was awaited until", "nothing was done"]);
    operator
        .ask_with("run", &["--wait", "--until", "soon"])
        .fails_saying(2, &["YYYY-MM-DDTHH:MM:SSZ", "5min"]);
    sql(&db, "insert into public.approvals values ('somebody')");
    let past = ["--wait", "--until", "2026-01-01T00:00:00Z"];
    operator
        .ask_with("run", &past)
        .fails_saying(2, &["is over"]);
    for wrong in [
        &["--until", "2999-01-01"][..],
        &["--interval", "3"],
        &["--wait", "--resume"],
    ] {
        operator.ask_with("run", wrong).fails(2);
    }
    operator
        .ask_with("run", &["--wait", "--until", &soon()])
        .done();
}

/// Errors that waiting can't mend end it at once.
#[test]
fn what_waiting_can_not_mend() {
    let (db, release, site) = small("never");
    let first = site.pack(&release);
    let operator = site.operator(&first, &db.url());
    let wait = |operator: &Operator<'_>| {
        let mut command = operator.command("run");
        command.args(["--wait", "--interval", "600"]);
        Waiting::of(&mut command, &site, "never").end()
    };
    let other = database("other");
    wait(&operator.clone().url(&other.url())).fails_saying(22, &["wrong target"]);
    // Even while there is something to wait for.
    sql(&db, CLOSE);
    fs::write(site.path("not-a-directory"), "").unwrap();
    wait(&operator.clone().receipts_in("not-a-directory")).fails_saying(1, &["journal"]);
    sql(&db, OPEN);
    wait(&operator.clone().variable("nothing", "x")).fails(2);
    let missing = site.path("missing.pgseal");
    wait(&site.operator(&missing, &db.url())).fails(1);
    fs::write(&missing, "rubbish").unwrap();
    wait(&site.operator(&missing, &db.url())).fails(10);
    wait(&operator).done();
    wait(&operator).fails_saying(22, &["already applied"]);
    let next = site.pack(
        &release
            .clone()
            .named("small", "2.0.0", 2)
            .baseline(
                "select pg_catalog.to_regclass('public.widgets') is null as widgets;\n",
                "{ widgets = false }",
            )
            .without_tiers()
            .tier("nothing", "select 1;\n")
            .rollback("nothing", "select 1;\n"),
    );
    site.operator(&next, &db.url()).run().done();
    wait(&operator).fails_saying(22, &["a later sequence ran here"]);
    let watch = ["--watch", "--interval", "600"];
    operator
        .ask_with("gate", &watch)
        .says(&["BLOCKED older-sequence"]);
}

/// A wait that is stopped leaves no session, no lock, no file and no row.
#[test]
fn stopped_while_it_waits() {
    for name in ["-TERM", "-INT"] {
        let (db, release, site) = small("stopped");
        sql(&db, CLOSE);
        let bundle = site.pack(&release);
        let operator = site.operator(&bundle, &db.url());
        let before = dump(&db);
        let mut command = operator.command("run");
        command.args(["--wait", "--interval", "600"]);
        let mut waiting = Waiting::of(&mut command, &site, "run");
        waiting.says("waiting for gate-blocked: ");
        let sessions = "select count(*) from pg_stat_activity
                        where datname = current_database() and pid <> pg_backend_pid()";
        wait_until("no session", || db.ask(sessions) == "0");
        let locks = "select count(*) from pg_locks where locktype = 'advisory'
                     and database = (select oid from pg_database where datname = current_database())";
        assert_eq!(db.ask(locks), "0");
        waiting.signal(name);
        let answer = waiting.end();
        answer.fails_saying(
            30,
            &["the run was interrupted, and the database is as before"],
        );
        assert_same(&before, &dump(&db));
        assert_eq!(operator.records("").len(), 0, "{answer}");
        assert_eq!(db.ask("select to_regclass('pgseal.ledger') is null"), "t");
    }
}

/// Slow gates hold no lock of a run: neither `gate` nor a wait stands in the way of one.
#[test]
fn a_slow_gate_stops_no_run() {
    let (db, release, site) = small("slowgate");
    let bundle = site.pack(&release.limits("20s", "1min"));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    for command in ["gate", "run"] {
        let mut blocker = db.client();
        blocker
            .batch_execute("begin; lock table public.approvals in access exclusive mode")
            .unwrap();
        let mut asks = operator.command(command);
        if command == "run" {
            asks.args(["--wait", "--interval", "600"]);
        }
        let waiting = Waiting::of(&mut asks, &site, command);
        let waits = "select count(*) from pg_locks
                     where relation = 'public.approvals'::regclass and not granted";
        wait_until("the gate is asked", || db.ask(waits) == "1");
        let locks = "select count(*) from pg_locks where locktype = 'advisory'
                     and database = (select oid from pg_database where datname = current_database())
                     and (classid::int8 << 32 | objid::int8) = -2437371639947053445";
        assert_eq!(db.ask(locks), "0", "{command}");
        // A signal ends the question, too.
        waiting.signal("-TERM");
        let answer = waiting.end();
        let code = if command == "gate" { 21 } else { 30 };
        answer.fails_saying(code, &["was interrupted, and the database is as before"]);
        drop(blocker);
    }
    assert_same(&before, &dump(&db));
    assert_eq!(operator.records("").len(), 0);
}

/// Two waits for one release, while another session writes all the time.
#[test]
fn one_of_two_waits_runs() {
    let (db, release, site) = small("twowaits");
    sql(&db, CLOSE);
    sql(&db, "create table public.written (n integer primary key)");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let others = operator.clone().receipts_in("others");
    let mut first = Waiting::run(&operator, &site, "first", &[]);
    let mut second = Waiting::run(&others, &site, "second", &[]);
    for waiting in [&mut first, &mut second] {
        waiting.says("waiting for gate-blocked: ");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let written = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut client = db.client();
            let mut written = 0;
            while !stop.load(Ordering::SeqCst) {
                let insert = "insert into public.written values ($1)";
                client.execute(insert, &[&written]).unwrap();
                written += 1;
            }
            written
        });
        thread::sleep(Duration::from_secs(1));
        sql(&db, OPEN);
        let mut codes = [first.end().code, second.end().code];
        stop.store(true, Ordering::SeqCst);
        codes.sort();
        assert_eq!(codes, [0, 22]);
        writer.join().unwrap()
    });
    assert_eq!(db.ask(RUNS), "1");
    assert_eq!(
        db.ask("select count(*) from public.written"),
        written.to_string()
    );
    let receipts = [&operator, &others].map(|who| who.records(".receipt.json").len());
    assert_eq!(receipts.iter().sum::<usize>(), 1);
    operator.check().done();
}

/// A run that fails after the wait is not begun again.
#[test]
fn a_failed_run_is_not_repeated() {
    let (db, release, site) = small("failsonce");
    sql(&db, CLOSE);
    let bundle = site.pack(&release.tier("fails", "select 1 / 0;\n"));
    let operator = site.operator(&bundle, &db.url());
    let mut waiting = Waiting::run(&operator, &site, "run", &[]);
    waiting.says("waiting for gate-blocked: ");
    sql(&db, OPEN);
    waiting.end().fails_saying(30, &["division by zero"]);
    assert_eq!(operator.records(".receipt.json").len(), 1);
    assert_eq!(operator.receipt()["outcome"], "unchanged");
    assert_eq!(waited(&operator.receipt()), ["gate-blocked"]);
}

/// The passphrase of the receipt key is read once, before the wait.
#[test]
fn a_passphrase_is_read_once() {
    let (db, release, site) = small("passphrase");
    sql(&db, CLOSE);
    let bundle = site.pack(&release);
    fs::write(site.path("phrase"), "correct horse\n").unwrap();
    let shell = |script: &str| {
        let program = site.command();
        let mut sh = Command::new("sh");
        sh.args(["-c", script, "sh"])
            .arg(program.get_program())
            .arg(&bundle)
            .arg(db.url())
            .current_dir(program.get_current_dir().unwrap())
            .stdin(Stdio::null())
            .env("PGSEAL_GATE_USER", GATE_USER);
        sh
    };
    let keygen = shell("exec \"$1\" keygen host --passphrase-fd 3 3< phrase").output();
    Answer::of(keygen.unwrap()).done();
    let add = ["trust", "add-key", "trust.json", "--key", "host.pub"];
    let root = ["--role", "receipt", "--root-key", "root.key"];
    site.pgseal(add.into_iter().chain(root)).done();
    let run = "exec \"$1\" run \"$2\" --db \"$3\" --trust trust.json --receipts receipts --wait --interval 1 \
               --receipt-key host.key --passphrase-fd 3 3< phrase";
    let mut waiting = Waiting::of(&mut shell(run), &site, "run");
    waiting.says("waiting for gate-blocked: ");
    fs::remove_file(site.path("phrase")).unwrap();
    sql(&db, OPEN);
    waiting.end().done();
    let operator = site.operator(&bundle, &db.url());
    assert_eq!(operator.records(".receipt.sig").len(), 1);
}
