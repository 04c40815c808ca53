//! Kills of pgseal, kills of the server, and connection losses at the worst moments.

use std::{
    os::unix::{fs::MetadataExt, process::CommandExt},
    process::{Command, Stdio},
};

use super::small;
use pgseal_testkit::cluster::{Cluster, TestDatabase, programs};
use pgseal_testkit::next_second;
use pgseal_testkit::proxy::{Fate, Proxy};
use pgseal_testkit::release::{
    BEFORE, Operator, Release, Running, Site, assert_same, dump, wait_until,
};

const SLOW: &str = "insert into public.widgets values (3, 'three');\nselect pg_sleep(20);\n";

/// Starts a command and waits until the server sleeps in its tier.
fn asleep(operator: &Operator<'_>, db: &TestDatabase<'_>, command: &str) -> Running {
    let running = operator.start(command);
    wait_until("it sleeps", || db.ask(SLEEPERS) == "1");
    running
}

const SLEEPERS: &str = "select count(*) from pg_stat_activity
                        where query like '%select pg_sleep(%' and pid <> pg_backend_pid() and datname = current_database()";

#[test]
fn pgseal_is_killed() {
    let (db, release, site) = small("killed");
    let before = dump(&db);
    let broken = site.pack(&release.clone().tier("slow", "select 1 / 0;\n"));
    site.operator(&broken, &db.url()).run().fails(30);
    next_second();
    let bundle = site.pack(&release.clone().tier("slow", SLOW));
    let operator = site.operator(&bundle, &db.url());
    asleep(&operator, &db, "run").kill();
    // The server notices by itself, long before the statement would have ended.
    wait_until("its session ends", || db.ask(SLEEPERS) == "0");
    assert_same(&before, &dump(&db));
    let (answer, status) = operator.status();
    answer.done();
    let unfinished = &status["unfinished"][0];
    assert_eq!(unfinished["what"], "run of small 1.0.0");
    assert!(
        unfinished["ending"]
            .as_str()
            .unwrap()
            .contains("COMMIT was never sent"),
        "{unfinished}"
    );
    // The newest attempt comes first, and the state of the database behind them.
    let text = operator.status_text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0].starts_with("run of small 1.0.0, begun at ")
            && lines[0].contains(", ended without a word"),
        "{text}"
    );
    assert!(
        lines[1].starts_with("an earlier attempt failed: run of small 1.0.0, at ")
            && lines[1].contains("division by zero"),
        "{text}"
    );
    assert!(lines[2].starts_with("database "), "{text}");
    // The lock ended with the session, so no manual cleanup is needed.
    let repaired = site.pack(&release.tier("slow", "select 1;\n"));
    site.operator(&repaired, &db.url()).run().done();
}

/// While a run is in progress, `status` never reports it as ended or safe to retry.
#[test]
fn status_during_a_run() {
    let (db, release, site) = small("during");
    let bundle = site.pack(&release.tier("slow", "select pg_sleep(3);\n"));
    let operator = site.operator(&bundle, &db.url());
    let run = asleep(&operator, &db, "run");
    let (answer, status) = operator.status();
    run.end().done();
    let ending = status["unfinished"][0]["ending"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(ending.contains("going on now"), "{ending}");
    assert_eq!(answer.code, 32, "{answer}");
}

#[test]
fn pgseal_is_interrupted() {
    let (db, release, site) = small("interrupted");
    let bundle = site.pack(&release.tier("slow", SLOW));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let run = asleep(&operator, &db, "run");
    assert!(
        Command::new("kill")
            .args(["-INT", &run.pid().to_string()])
            .status()
            .unwrap()
            .success()
    );
    // The owner's page promises that the tool reports the outcome.
    run.end().fails_saying(30, &["the database is as before"]);
    wait_until("its session ends", || db.ask(SLEEPERS) == "0");
    assert_same(&before, &dump(&db));
}

#[test]
fn a_rollback_is_killed() {
    let (db, release, site) = small("undokilled");
    let bundle = site.pack(&release.rollback(
        "slow",
        "delete from public.widgets;\nselect pg_sleep(20);\n",
    ));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    let applied = dump(&db);
    asleep(&operator, &db, "rollback").kill();
    wait_until("its session ends", || db.ask(SLEEPERS) == "0");
    assert_same(&applied, &dump(&db));
    assert!(operator.unfinished()[0].contains("COMMIT was never sent"));
    operator.check().done();
}

#[test]
fn the_session_is_terminated() {
    let (db, release, site) = small("terminated");
    let bundle = site.pack(&release.tier("slow", SLOW));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let run = asleep(&operator, &db, "run");
    db.ask(
        "select pg_terminate_backend(pid) from pg_stat_activity
            where query like '%select pg_sleep(%' and pid <> pg_backend_pid() and datname = current_database()",
    );
    // The driver does not always deliver the server's last message.
    run.end().fails_saying(
        30,
        &[
            "tiers/slow.sql:2:1",
            "the database is as before",
            "connection",
        ],
    );
    assert_same(&before, &dump(&db));
    assert_eq!(operator.unfinished(), [""; 0]);
}

#[test]
fn the_server_stops_and_comes_back() {
    let cluster = Cluster::own();
    let db = cluster.database_named("stops");
    durable(&db);
    db.client().batch_execute(BEFORE).unwrap();
    let site = Site::new();
    let bundle = site.pack(&Release::on("stops").tier("slow", SLOW));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let run = asleep(&operator, &db, "run");
    pg_ctl(&cluster, &["stop", "--mode=immediate"]);
    run.end().fails_saying(30, &["the database is as before"]);
    assert_eq!(operator.status().0.code, 1, "nobody to ask");
    let back = ServerAgain::start(&cluster);
    assert_same(&before, &dump(&db));
    assert_eq!(operator.unfinished(), [""; 0]);
    assert_eq!(operator.receipt()["outcome"], "unchanged");
    drop(back);
}

/// SIGKILL to one backend makes the server end all sessions and recover.
#[test]
fn the_server_crashes() {
    let cluster = Cluster::own();
    let db = cluster.database_named("crashes");
    durable(&db);
    db.client().batch_execute(BEFORE).unwrap();
    let site = Site::new();
    let bundle = site.pack(&Release::on("crashes").tier("slow", SLOW));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let run = asleep(&operator, &db, "run");
    let victim =
        db.ask("select pid from pg_stat_activity where query like '%select pg_sleep(%' and pid <> pg_backend_pid()");
    assert!(
        Command::new("kill")
            .args(["-KILL", &victim])
            .status()
            .unwrap()
            .success()
    );
    run.end()
        .fails_saying(30, &["tiers/slow.sql:2:1", "the database is as before"]);
    wait_until("it recovers", || {
        postgres::Client::connect(&db.connection(), postgres::NoTls).is_ok()
    });
    assert_same(&before, &dump(&db));
}

#[test]
fn the_answer_to_commit_is_lost() {
    let (db, release, site) = small("lost");
    let proxy = Proxy::before(Cluster::shared().server().dir(), Fate::AnswerLost);
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &proxy.url(db.name()));
    // The outcome is queried on a new connection, not guessed.
    operator.run().done().says(&["is committed"]);
    assert!(proxy.struck());
    assert_eq!(operator.receipt()["outcome"], "committed");
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "1");
    assert_eq!(operator.unfinished(), [""; 0]);
    operator.run().fails(22);
    // A lost answer to the COMMIT of a rollback is treated alike.
    let proxy = Proxy::before(Cluster::shared().server().dir(), Fate::AnswerLost);
    let operator = site.operator(&bundle, &proxy.url(db.name()));
    operator.rollback().done();
    assert!(proxy.struck());
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "2");
}

#[test]
fn commit_never_reaches_the_server() {
    let (db, release, site) = small("cut");
    let proxy = Proxy::before(Cluster::shared().server().dir(), Fate::NeverSent);
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &proxy.url(db.name()));
    let before = dump(&db);
    operator.run().fails_saying(
        30,
        &[
            "the connection was lost at COMMIT",
            "the database is as before",
        ],
    );
    assert!(proxy.struck());
    assert_same(&before, &dump(&db));
    assert_eq!(operator.receipt()["outcome"], "unchanged");
    operator.run().done();
}

/// A server that answers COMMIT, and then has nothing of the run: only the proof on a fresh
/// connection shows it.
#[test]
fn commit_is_answered_but_rolled_back() {
    let (db, release, site) = small("answered");
    let proxy = Proxy::before(Cluster::shared().server().dir(), Fate::RolledBack);
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &proxy.url(db.name()));
    let before = dump(&db);
    operator
        .run()
        .fails_saying(30, &["COMMIT was answered", "the database is as before"]);
    assert!(proxy.struck());
    assert_same(&before, &dump(&db));
    assert_eq!(operator.receipt()["outcome"], "unchanged");
    operator.run().done();
}

#[test]
fn nobody_can_be_asked_about_commit() {
    let (db, release, site) = small("nobody");
    let proxy = Proxy::before(
        Cluster::shared().server().dir(),
        Fate::AnswerLostAndServerAway,
    );
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &proxy.url(db.name()));
    operator.run().fails_saying(
        32,
        &[
            "the outcome of COMMIT is unknown",
            "pgseal status --receipts",
        ],
    );
    assert!(proxy.struck());
    assert_eq!(operator.receipt()["outcome"], "unknown");
    // The server has the answer once it is reachable again.
    let operator = operator.url(&db.url());
    let (answer, status) = operator.status();
    answer.done();
    assert!(
        status["unfinished"][0]["ending"]
            .as_str()
            .unwrap()
            .contains("it was committed"),
        "{status}"
    );
    assert_eq!(status["unfinished"][0]["is_history"], false);
    answer_says(&operator, "did not hear the answer to COMMIT");
    operator.check().done();
    operator.run().fails_saying(22, &["already applied"]);
    // Once the ledger has newer rows, the text of `status` omits the unfinished run.
    operator.rollback().done();
    let (_, status) = operator.status();
    assert_eq!(status["unfinished"][0]["is_history"], true, "{status}");
    assert!(!operator.status_text().contains("COMMIT"));
}

fn answer_says(operator: &Operator<'_>, words: &str) {
    let told = operator.status_text();
    assert!(told.contains(words), "{told}");
}

/// After a restore from a backup older than the run, the journal has more than the ledger.
#[test]
fn a_journal_that_knows_more_than_the_ledger() {
    let (db, release, site) = small("restored");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    let (_, status) = operator.status();
    assert_eq!(status["lacking"], serde_json::json!([]));
    db.client()
        .batch_execute("drop schema pgseal cascade; drop table public.widgets")
        .unwrap();
    let (answer, status) = operator.status();
    answer.done();
    assert_eq!(
        status["lacking"][0]["what"], "run of small 1.0.0",
        "{status}"
    );
    assert_eq!(status["lacking"][0]["is_elsewhere"], false, "{status}");
    answer_says(
        &operator,
        "the ledger here lacks it: this server is in a state from before it",
    );
    // Another server, with a database of the same name.
    let cluster = Cluster::own();
    let other = cluster.database_named(db.name());
    let operator = operator.url(&other.url());
    assert_eq!(operator.status().1["lacking"][0]["is_elsewhere"], true);
    answer_says(
        &operator,
        "it was on another server with a database of this name",
    );
}

/// Killed after its COMMIT was sent and before the answer came: the journal then ends with "commit". Only the server
/// can resolve it.
#[test]
fn a_journal_that_ends_at_commit() {
    let (db, release, site) = small("atcommit");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    let journal = operator.records(".journal").pop().unwrap();
    let text = std::fs::read_to_string(&journal).unwrap();
    let cut: Vec<&str> = text.lines().take(2).collect();
    std::fs::write(&journal, cut.join("\n") + "\n").unwrap();
    assert!(operator.unfinished()[0].contains("it was committed"));
    std::fs::write(&journal, text.replace("\"commit\"", "\"comit\"")).unwrap();
    assert!(operator.unfinished()[0].contains("damaged"));
    let (other, _, _) = small("elsewhere");
    std::fs::write(&journal, cut.join("\n") + "\n").unwrap();
    assert!(operator.url(&other.url()).unfinished()[0].contains("another database"));
}

/// Commits are on disk although the role and the release set synchronous_commit off: the server is killed right after
/// the answer, and the database still has the changes of the receipt.
#[test]
fn what_is_committed_is_on_disk() {
    let cluster = Cluster::own();
    let db = cluster.database_named("ondisk");
    db.client()
        .batch_execute(&format!(
            "{BEFORE} create role hasty superuser login; alter role hasty set synchronous_commit = off"
        ))
        .unwrap();
    let site = Site::new();
    let hasty = "set synchronous_commit = off;\ncreate table public.hasty as select 1 as a;\n";
    let bundle = site.pack(&Release::on("ondisk").tier("hasty", hasty));
    let operator = site.operator(&bundle, &db.url().replace("user=postgres", "user=hasty"));
    // The WAL writer would flush the commit a moment later; it is stopped until the server ends.
    let writer = db.ask("select pid from pg_stat_activity where backend_type = 'walwriter'");
    assert!(
        Command::new("kill")
            .args(["-STOP", &writer])
            .status()
            .unwrap()
            .success()
    );
    operator.run().done();
    pg_ctl(&cluster, &["stop", "--mode=immediate"]);
    let back = ServerAgain::start(&cluster);
    assert_eq!(
        db.ask("select count(*) from pg_class where relname = 'hasty'"),
        "1"
    );
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "1");
    operator.check().done();
    drop(back);
}

/// Makes commits durable: a throwaway server loses the last ones in a crash by default.
pub fn durable(db: &TestDatabase<'_>) {
    db.client()
        .batch_execute("alter system set synchronous_commit = on")
        .unwrap();
    db.client()
        .batch_execute("select pg_reload_conf()")
        .unwrap();
    wait_until("commits are durable", || {
        db.ask("show synchronous_commit") == "on"
    });
}

pub fn pg_ctl(cluster: &Cluster, args: &[&str]) {
    let data = cluster.server().dir().join("data");
    let owner = std::fs::metadata(&data).unwrap();
    let mut command = Command::new(programs().dir().join("pg_ctl"));
    command
        .args(args)
        .arg("--pgdata")
        .arg(&data)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    // Only root can switch users, and needs to: otherwise the server runs as this user.
    if owner.uid()
        != std::fs::metadata(std::env::current_exe().unwrap())
            .unwrap()
            .uid()
    {
        command.gid(owner.gid()).uid(owner.uid());
    }
    assert!(command.status().unwrap().success(), "pg_ctl {args:?}");
}

/// A server restarted without its supervisor; stopped on drop.
pub struct ServerAgain<'c>(&'c Cluster);

impl<'c> ServerAgain<'c> {
    pub fn start(cluster: &'c Cluster) -> Self {
        let log = cluster.server().dir().join("data/log-again");
        pg_ctl(
            cluster,
            &["start", "--wait", "--log", log.to_str().unwrap()],
        );
        Self(cluster)
    }
}

impl Drop for ServerAgain<'_> {
    fn drop(&mut self) {
        pg_ctl(self.0, &["stop", "--mode=immediate"]);
    }
}
