//! `--events`: a JSON line for each step, whoever reads them.

use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Stdio};

use super::small;
use pgseal_testkit::cluster::TestDatabase;
use pgseal_testkit::release::{Answer, Operator, Running, wait_until};
use serde_json::Value;

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn names(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect()
}

fn with(operator: &Operator<'_>, command: &str, events: &str) -> Command {
    let mut command = operator.command(command);
    command.args(["--events", events]);
    command
}

#[test]
fn every_step_is_a_line() {
    let (db, release, site) = small("events");
    let release = release.tier(
        "more",
        "\\echo hello\ndo $$begin raise notice 'note'; end$$;\n",
    );
    let operator = site.operator(&site.pack(&release), &db.url());
    Answer::of(with(&operator, "run", "e.jsonl").output().unwrap()).done();
    // Later commands append.
    Answer::of(with(&operator, "rollback", "e.jsonl").output().unwrap()).done();
    let all = lines(&fs::read_to_string(site.path("e.jsonl")).unwrap());
    let all: Vec<&Value> = all.iter().collect();
    let at = all
        .iter()
        .rposition(|event| event["event"] == "begun")
        .unwrap();
    let (run, rollback) = all.split_at(at);
    let steps: Vec<&str> = run
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .filter(|name| !["sent", "statement"].contains(name))
        .collect();
    let expected = [
        "begun",
        "gate",
        "transaction",
        "tier",
        "tier-done",
        "tier",
        "echo",
        "notice",
        "tier-done",
        "commit",
        "committed",
        "ended",
    ];
    assert_eq!(steps, expected);
    let ended = run.last().unwrap();
    assert_eq!(ended["exit"], 0);
    assert_eq!(ended["answer"]["result"]["outcome"], "committed");
    assert_eq!(rollback[0]["command"], "rollback");
    assert_eq!(
        rollback.last().unwrap()["answer"]["result"]["action"],
        "rollback"
    );
}

#[test]
fn standard_output_has_nothing_else() {
    let (db, release, site) = small("eventsout");
    let operator = site.operator(&site.pack(&release), &db.url());
    let answer = Answer::of(with(&operator, "run", "-").output().unwrap());
    let events = lines(&answer.done().stdout);
    assert_eq!(names(&events)[..2], ["begun", "gate"]);
    let refused = Answer::of(with(&operator, "run", "-").output().unwrap());
    refused.fails(22);
    let events = lines(&refused.stdout);
    let last = events.last().unwrap();
    assert_eq!(
        (last["event"].as_str(), last["error"]["kind"].as_str()),
        (Some("ended"), Some("already-in-effect"))
    );
    assert_eq!(last["answer"], Value::Null);
}

/// Many statements, in messages of their own.
fn long(
    prefix: &str,
) -> (
    TestDatabase<'static>,
    pgseal_testkit::release::Site,
    std::path::PathBuf,
) {
    let (db, release, site) = small(prefix);
    let many = "select 1;\n\\echo x\n".repeat(4000);
    let bundle = site.pack(&release.tier("many", &many));
    (db, site, bundle)
}

/// A pipe that nobody empties keeps neither the transaction nor, for long, the command.
#[test]
fn a_reader_that_stops_reading() {
    let (db, site, bundle) = long("eventsstuck");
    let operator = site.operator(&bundle, &db.url());
    let pipe = site.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let run = Running::of(&mut with(&operator, "run", "pipe"));
    let mut reader = File::open(&pipe).unwrap();
    let mut first = [0; 16];
    reader.read_exact(&mut first).unwrap();
    wait_until("it is committed", || {
        db.ask("select to_regclass('pgseal.ledger') is not null") == "t"
    });
    run.end().done();
    assert!(first.starts_with(b"{"));
}

#[test]
fn a_reader_that_goes_away() {
    let (db, site, bundle) = long("eventsgone");
    let operator = site.operator(&bundle, &db.url());
    let pipe = site.path("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let run = Running::of(&mut with(&operator, "run", "pipe"));
    drop(File::open(&pipe).unwrap());
    run.end()
        .done()
        .says(&["pipe: no more events are written: "]);
    // A directory that is not there is an error before anything happens.
    let refused = Answer::of(
        with(&operator, "rollback", "none/e.jsonl")
            .output()
            .unwrap(),
    );
    refused.fails_saying(1, &["none/e.jsonl: No such file or directory"]);
}

#[test]
fn a_wait_says_what_it_waits_for() {
    let (db, release, site) = small("eventswait");
    db.client()
        .batch_execute("delete from public.approvals")
        .unwrap();
    let operator = site.operator(&site.pack(&release), &db.url());
    let mut command = with(&operator, "run", "e.jsonl");
    let run = Running::of(command.args(["--wait", "--interval", "1"]));
    let file = site.path("e.jsonl");
    let has = |name: &str| {
        let text = fs::read_to_string(&file).unwrap_or_default();
        text.contains(&format!("\"event\":\"{name}\""))
    };
    wait_until("it waits", || has("waiting"));
    db.client()
        .batch_execute("insert into public.approvals values ('lena')")
        .unwrap();
    run.end().done();
    let events = lines(&fs::read_to_string(&file).unwrap());
    let of = |name: &str| events.iter().find(|event| event["event"] == name).unwrap();
    assert_eq!(of("waiting")["kind"], "gate-blocked");
    assert_eq!(of("arrived")["kind"], "gate-blocked");
}

/// Each release is a line, and `ended` is the end of the command.
#[test]
fn several_releases() {
    let (db, release, site) = small("eventsseveral");
    let first = site.pack(&release);
    let closed = release
        .named("closed", "1", 1)
        .gate("shut", "select false as ready, 'shut' as reason\n");
    let second = site.pack(&closed);
    let operator = site.operator(&first, &db.url());
    let mut command = with(&operator, "run", "e.jsonl");
    let answer = Answer::of(command.arg(&second).arg("--json").output().unwrap());
    let events = lines(&fs::read_to_string(site.path("e.jsonl")).unwrap());
    let parts = events.iter().filter(|event| event["event"] == "release");
    assert_eq!(parts.count(), 1, "{answer}");
    let ended: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "ended")
        .collect();
    let [ended] = ended[..] else {
        panic!("one end: {ended:?}");
    };
    assert_eq!(ended["exit"], answer.code);
    assert_ne!(answer.code, 0, "{answer}");
    assert_eq!(events.last().unwrap(), ended);
}

/// Nobody reads standard output any more: the run is done, says what is lost, and ends.
#[test]
fn a_reader_of_standard_output_that_stops_reading() {
    let (db, site, bundle) = long("eventsoutstuck");
    let operator = site.operator(&bundle, &db.url());
    let mut command = with(&operator, "run", "-");
    let mut run = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let reader = run.stdout.take().unwrap();
    let ended = run.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert!(stderr.contains("-: the last events are lost"), "{stderr}");
    assert_eq!(ended.status.code(), Some(0), "{stderr}");
    drop(reader);
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "1");
}

/// Lines at the end of another file would damage it, and an answer that could not be written is no success.
#[test]
fn files_that_take_no_events() {
    let (db, release, site) = small("eventsfile");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let before = fs::read(&bundle).unwrap();
    let refused = Answer::of(
        with(&operator, "run", bundle.to_str().unwrap())
            .output()
            .unwrap(),
    );
    refused.fails_saying(2, &["has something else than events"]);
    assert!(fs::read(&bundle).unwrap() == before);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let run = with(&operator, "run", "e.jsonl")
        .arg("--json")
        .stdout(full.try_clone().unwrap())
        .output()
        .unwrap();
    let events = lines(&fs::read_to_string(site.path("e.jsonl")).unwrap());
    let exit = events.last().unwrap()["exit"].as_i64();
    assert_eq!((run.status.code(), exit), (Some(1), Some(1)));
    let rollback = with(&operator, "rollback", "-")
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(rollback.status.code(), Some(1), "{rollback:?}");
}
