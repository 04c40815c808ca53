//! Signals: the first one rolls back and reports the outcome, the second one exits immediately; every reported outcome
//! is true.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::small;
use pgseal_testkit::cluster::{Cluster, GATE_USER, TestDatabase};
use pgseal_testkit::proxy::{Fate, Proxy};
use pgseal_testkit::release::{Answer, Operator, Running, assert_same, dump, wait_until};
use pgseal_testkit::terminal::Terminal;

const SLEEPS: &str = "insert into public.widgets values (3, 'three');\nselect pg_sleep(20);\n";

const SLEEPERS: &str = "select count(*) from pg_stat_activity
                        where wait_event = 'PgSleep' and datname = current_database()";

/// Starts a command and waits until the server sleeps in it.
fn asleep(operator: &Operator<'_>, db: &TestDatabase<'_>, command: &str) -> Running {
    let running = operator.start(command);
    wait_until("it sleeps", || db.ask(SLEEPERS) == "1");
    running
}

pub fn signal(name: &str, pid: impl std::fmt::Display) {
    assert!(
        Command::new("kill")
            .args([name, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// Signals a command; asserts that it exits long before its statement would end by itself.
#[track_caller]
fn ends_soon(running: Running, name: &str) -> Answer {
    let begun = Instant::now();
    signal(name, running.pid());
    let answer = running.end();
    assert!(
        begun.elapsed() < Duration::from_secs(12),
        "{:?}: {answer:?}",
        begun.elapsed()
    );
    answer
}

#[test]
fn in_a_statement() {
    for name in ["-INT", "-TERM", "-HUP"]
        .into_iter()
        .filter(|name| *name != "-HUP" || !is_hangup_ignored())
    {
        let (db, release, site) = small("stopped");
        let bundle = site.pack(&release.tier("slow", SLEEPS));
        let operator = site.operator(&bundle, &db.url());
        let before = dump(&db);
        let answer = ends_soon(asleep(&operator, &db, "run"), name);
        let words = [
            "tiers/slow.sql:2:1",
            "it was interrupted",
            "the database is as before",
        ];
        answer.fails_saying(30, &words);
        assert!(!answer.stderr.contains("timeout"), "{answer:?}");
        assert_same(&before, &dump(&db));
        let receipt = operator.receipt();
        assert_eq!(receipt["outcome"], "unchanged");
        assert!(
            receipt["error"]
                .as_str()
                .unwrap()
                .contains("it was interrupted"),
            "{receipt}"
        );
        assert_eq!(operator.unfinished(), [""; 0]);
    }
}

/// Programs started under `nohup` ignore SIGHUP, and so do their children.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .unwrap();
    u64::from_str_radix(ignored.trim(), 16).unwrap() & 1 == 1
}

/// Fast plain statements only: a signal arrives between two of them, so any may be the last.
#[test]
fn between_statements() {
    let (db, release, site) = small("between");
    let mut tier = String::from("select pg_advisory_xact_lock_shared(77);\n");
    tier.push_str(
        &"insert into public.widgets select max(id) + 1, 'more' from public.widgets;\n"
            .repeat(60_000),
    );
    let bundle = site.pack(&release.tier("many", &tier));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let run = operator.start("run");
    let locked = "select count(*) from pg_locks where locktype = 'advisory' and objid = 77
                  and database = (select oid from pg_database where datname = current_database())";
    wait_until("it has begun", || db.ask(locked) == "1");
    ends_soon(run, "-INT").fails_saying(30, &["it was interrupted", "the database is as before"]);
    assert_same(&before, &dump(&db));
    assert_eq!(operator.receipt()["outcome"], "unchanged");
}

/// A server that doesn't react: the second signal does not wait for it.
#[test]
fn twice() {
    let (db, release, site) = small("twice");
    let bundle = site.pack(&release.tier("slow", SLEEPS));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let run = asleep(&operator, &db, "run");
    let backend = db.ask(
        "select pid from pg_stat_activity
         where query like '%pg_sleep(20)%' and pid <> pg_backend_pid() and datname = current_database()",
    );
    signal("-STOP", &backend);
    signal("-INT", run.pid());
    thread::sleep(Duration::from_millis(700));
    let answer = ends_soon(run, "-INT");
    signal("-CONT", &backend);
    answer.fails_saying(
        30,
        &[
            "the run was interrupted, and the database is as before",
            "pgseal status",
        ],
    );
    wait_until("its session ends", || db.ask(SLEEPERS) == "0");
    assert_same(&before, &dump(&db));
    // No outcome was recorded, but the journal proves that COMMIT was never sent.
    assert!(operator.unfinished()[0].contains("COMMIT was never sent"));
}

fn committing(operator: &Operator<'_>, proxy: &Proxy) -> Running {
    let running = operator.start("run");
    wait_until("COMMIT is sent", || proxy.struck());
    running
}

#[test]
fn during_commit() {
    let (db, release, site) = small("atcommit");
    let proxy = Proxy::before(
        Cluster::shared().server().dir(),
        Fate::AnswerLate(Duration::from_secs(2)),
    );
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &proxy.url(db.name()));
    let run = committing(&operator, &proxy);
    signal("-INT", run.pid());
    run.end().done().says(&[
        "interrupted while COMMIT is on its way: waiting for its answer",
        "is committed",
    ]);
    let receipt = operator.receipt();
    assert_eq!(receipt["outcome"], "committed");
    assert_eq!(operator.unfinished(), [""; 0]);
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "1");
}

#[test]
fn twice_during_commit() {
    let (db, release, site) = small("twiceatcommit");
    let proxy = Proxy::before(
        Cluster::shared().server().dir(),
        Fate::AnswerLate(Duration::from_secs(20)),
    );
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &proxy.url(db.name()));
    let run = committing(&operator, &proxy);
    signal("-INT", run.pid());
    thread::sleep(Duration::from_millis(300));
    let answer = ends_soon(run, "-INT");
    answer.fails_saying(32, &["it may be committed", "pgseal status --receipts"]);
    // `status` resolves the outcome.
    assert!(operator.url(&db.url()).unfinished()[0].contains("it was committed"));
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "1");
}

#[test]
fn between_two_tries() {
    let (db, release, site) = small("tries");
    let bundle = site.pack(&release.tier(
        "locks",
        "lock table public.approvals in access exclusive mode;\n",
    ));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let mut blocker = db.client();
    blocker
        .batch_execute("begin; update public.approvals set who = who")
        .unwrap();
    let mut command = operator.command("run");
    command.args(["--lock-timeout", "50ms", "--lock-retries", "10"]);
    let run = Running::of(&mut command);
    // Long enough for pauses of seconds.
    thread::sleep(Duration::from_secs(4));
    let answer = ends_soon(run, "-INT");
    answer.fails_saying(30, &["SQLSTATE 55P03", "the database is as before"]);
    drop(blocker);
    assert_same(&before, &dump(&db));
    assert_eq!(operator.receipt()["outcome"], "unchanged");
    assert_eq!(operator.unfinished(), [""; 0]);
}

#[test]
fn while_another_run_has_the_lock() {
    let (db, release, site) = small("locked");
    let bundle = site.pack(&release.tier("slow", SLEEPS));
    let operator = site.operator(&bundle, &db.url());
    let first = asleep(&operator, &db, "run");
    let second = site.operator(&bundle, &db.url()).receipts_in("second");
    for command in ["run", "rollback", "plan"] {
        let waiting = second.start(command);
        thread::sleep(Duration::from_millis(600));
        ends_soon(waiting, "-INT").fails_saying(30, &[&format!("the {command} was interrupted")]);
    }
    ends_soon(first, "-TERM").fails(30);
}

#[test]
fn while_a_gate_is_asked() {
    let (db, release, site) = small("slowgate");
    // Runs for ages, with no functions but those that a gate may call.
    let slow = "select count(*) > 0 as ready, 'never' as reason
                from pg_proc a, pg_proc b, pg_proc c where a.pronargs + b.pronargs = c.pronargs * 100\n";
    let bundle = site.pack(&release.without_gates().gate("slow", slow));
    let operator = site.operator(&bundle, &db.url());
    let asked = "select count(*) from pg_stat_activity where state = 'active' and query like 'FETCH FORWARD%' and datname = current_database()";
    for (command, code) in [("gate", 21), ("plan", 30), ("run", 30)] {
        let running = operator.start(command);
        wait_until("it is asked", || db.ask(asked) == "1");
        let what = format!("the {command} was interrupted, and the database is as before");
        ends_soon(running, "-INT").fails_saying(code, &[&what]);
        wait_until("the question ends", || db.ask(asked) == "0");
    }
    assert_eq!(db.ask("select to_regclass('pgseal.ledger') is null"), "t");
}

#[test]
fn while_a_gate_is_watched() {
    let (db, release, site) = small("watched");
    db.client()
        .batch_execute("delete from public.approvals")
        .unwrap();
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let mut command = operator.command("gate");
    let watching = Running::of(command.args(["--watch", "--interval", "600"]));
    thread::sleep(Duration::from_secs(1));
    ends_soon(watching, "-INT").fails_saying(21, &["the gate was interrupted"]);
}

#[test]
fn a_rollback_and_a_check() {
    let (db, release, site) = small("undostopped");
    let verify = "select case when to_regclass('public.slow') is null then '' else pg_sleep(20)::text end = '' as ok;\n";
    let release = release.rollback(
        "slow",
        "delete from public.widgets;\nselect pg_sleep(20);\n",
    );
    let bundle = site.pack(&release.verify("slow", "finalized", "read-only", verify));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    db.client()
        .batch_execute("create table public.slow ()")
        .unwrap();
    let applied = dump(&db);
    let words = ["the check was interrupted, and the database is as before"];
    ends_soon(asleep(&operator, &db, "check"), "-INT").fails_saying(30, &words);
    ends_soon(asleep(&operator, &db, "rollback"), "-INT")
        .fails_saying(30, &["rollback/slow.sql:2:1", "it was interrupted"]);
    assert_same(&applied, &dump(&db));
    assert_eq!(operator.receipt()["outcome"], "unchanged");
    assert_eq!(operator.unfinished(), [""; 0]);
}

/// `ulimit -f`: without a handler the kernel kills a process that writes more. The limit is detected before the run
/// begins.
#[test]
fn a_limit_of_file_sizes() {
    let (db, mut release, site) = small("filesize");
    // A receipt of many tiers is longer than a journal.
    for number in 0..60 {
        release = release.tier(&format!("tier{number}"), "select 1;\n");
    }
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let limited = |blocks: u32| {
        let run = operator.command("run");
        let mut command = Command::new("sh");
        // In blocks of 512 or 1,024 bytes.
        command
            .args(["-c", &format!("ulimit -f {blocks} && exec \"$0\" \"$@\"")])
            .arg(run.get_program());
        command
            .args(run.get_args())
            .current_dir(run.get_current_dir().unwrap())
            .process_group(0);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env("PGSEAL_GATE_USER", GATE_USER);
        Running::of(&mut command).end()
    };
    let before = dump(&db);
    // Too small for the journal, for the journal's reserved space, and for the receipt.
    for (blocks, what) in [(0, "journal"), (4, "journal"), (2_100, "receipt")] {
        limited(blocks).fails_saying(
            1,
            &[
                &format!("can't write the {what}: File too large"),
                "nothing was run",
            ],
        );
        assert_eq!(operator.records("").len(), 0);
    }
    assert_same(&before, &dump(&db));
    limited(8_000).done();
    assert_eq!(operator.unfinished(), [""; 0]);
    operator.check().done();
}

/// On a terminal the line shows the statement and the time, which goes on, and Ctrl-C leaves nothing of it.
#[test]
fn on_a_terminal() {
    let (db, release, site) = small("terminal");
    let bundle = site.pack(&release.tier("slow", SLEEPS));
    let operator = site.operator(&bundle, &db.url());
    let mut terminal = Terminal::start(&operator.command("run"), 120);
    let times = |screen: &str| -> BTreeSet<String> {
        screen
            .split("\x1b[2K")
            .filter(|line| line.contains("one of 2 statements: tiers/slow.sql:1:1 to 2:1"))
            .filter_map(|line| line.trim_end().strip_suffix(" s")?.rsplit(' ').next())
            .map(str::to_owned)
            .collect()
    };
    terminal.wait_for("four times", |screen| times(screen).len() > 3);
    wait_until("it sleeps", || db.ask(SLEEPERS) == "1");
    terminal.type_in("\x03");
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(30), "{screen:?}");
    let (_, rest) = screen.rsplit_once("\x1b[2K").unwrap();
    assert!(
        rest.contains("error:") && !rest.contains("2/2 slow"),
        "{screen:?}"
    );
}
