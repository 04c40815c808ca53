//! Locks of other sessions, time limits, and retries.

use std::thread;
use std::time::Duration;

use super::small;
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::{Release, Running, assert_same, dump, wait_until};

/// The gate reads this table too; a changed row doesn't block it.
const LOCKS: &str = "select 1;\nlock table public.approvals in access exclusive mode;\n";

/// Opens a session that changed a row and never commits.
fn blocker(db: &TestDatabase<'_>) -> postgres::Client {
    let mut client = db.client();
    client
        .batch_execute("set application_name = 'the batch job'; begin")
        .unwrap();
    client
        .batch_execute("update public.approvals\n   set who = who")
        .unwrap();
    client
}

#[test]
fn a_lock_that_somebody_keeps() {
    let (db, release, site) = small("kept");
    let bundle = site.pack(&release.tier("locks", LOCKS));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let mut blocker = blocker(&db);
    let pid: i32 = blocker
        .query_one("select pg_backend_pid()", &[])
        .unwrap()
        .get(0);
    // Long enough for a busy machine to name the blocker in each attempt.
    let limits = ["--lock-timeout", "2s", "--lock-retries", "2"];
    let answer = operator.ask_with("run", &limits);
    let who = format!("process {pid} (the batch job, user postgres, idle in transaction for ");
    answer.fails_saying(
        30,
        &[
            "tiers/locks.sql:2:1",
            "SQLSTATE 55P03",
            &who,
            "on public.approvals (AccessExclusiveLock)",
            "as before",
        ],
    );
    answer.says(&["when whoever has the lock is done, the same command can be run again"]);
    answer.says(&[
        "lock_timeout was lowered to 2s",
        "release.toml has 5s",
        "(1 of 2)",
        "(2 of 2)",
    ]);
    // The blocker's last statement, on one line: during the wait and after the failure of each try.
    let last = "select pg_backend_pid()";
    assert_eq!(
        answer
            .stderr
            .lines()
            .filter(|line| line.contains(&who) && line.contains(last))
            .count(),
        4,
        "{answer:?}"
    );
    assert_same(&before, &dump(&db));
    let receipt = operator.receipt();
    assert_eq!(
        (&receipt["outcome"], &receipt["retries"]),
        (&"unchanged".into(), &2.into())
    );
    assert!(
        receipt["error"].as_str().unwrap().contains(&who),
        "{receipt}"
    );
    assert_eq!(operator.unfinished(), [""; 0]);
    // Without retries the first failure is final.
    let answer = operator.ask_with("run", &["--lock-timeout", "200ms", "--lock-retries", "0"]);
    answer.fails_saying(30, &["SQLSTATE 55P03"]);
    assert!(!answer.stderr.contains("trying again"), "{answer:?}");
}

#[test]
fn a_lock_that_is_given_back() {
    let (db, release, site) = small("givenback");
    // State that a first try leaves in its session must not block the second one.
    let tier = format!("prepare leftover as select 1;\nselect pg_advisory_lock(1);\n{LOCKS}");
    let bundle = site.pack(&release.tier("locks", &tier));
    let operator = site.operator(&bundle, &db.url());
    let blocker = blocker(&db);
    let gone = thread::spawn(move || {
        thread::sleep(Duration::from_millis(1_500));
        drop(blocker);
    });
    let answer = operator.ask_with("run", &["--lock-timeout", "300ms", "--lock-retries", "10"]);
    gone.join().unwrap();
    answer.done().says(&["trying again in", "is committed"]);
    let retries = answer.stderr.matches("trying again in").count();
    let receipt = operator.receipt();
    assert!(retries > 0);
    assert_eq!(
        (&receipt["outcome"], &receipt["retries"]),
        (&"committed".into(), &retries.into())
    );
    // The receipt lists no results of failed tries.
    assert_eq!(receipt["tiers"].as_array().unwrap().len(), 2, "{receipt}");
    assert_eq!(receipt["gates"].as_array().unwrap().len(), 3, "{receipt}");
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "1");
    assert_eq!(operator.unfinished(), [""; 0]);
}

#[test]
fn a_deadlock() {
    let (db, release, site) = small("deadlock");
    db.client()
        .batch_execute("create table public.one (id int); create table public.two (id int)")
        .unwrap();
    let tier =
        "lock table public.one in exclusive mode;\nlock table public.two in exclusive mode;\n";
    let bundle = site.pack(&release.tier("locks", tier));
    let operator = site.operator(&bundle, &db.url());
    let mut other = db.client();
    // It never detects the deadlock itself, so the run is the victim.
    other
        .batch_execute(
            "set deadlock_timeout = '1h'; begin; lock table public.two in exclusive mode",
        )
        .unwrap();
    let run = operator.start("run");
    wait_until("the run waits", || {
        let relation = "relation = 'public.one'::regclass or relation = 'public.two'::regclass";
        db.ask(&format!(
            "select count(*) from pg_locks where not granted and ({relation})"
        )) == "1"
    });
    other
        .batch_execute("lock table public.one in exclusive mode; commit")
        .unwrap();
    let answer = run.end();
    answer.done().says(&[
        "a deadlock was resolved against this run",
        "tiers/locks.sql:2:1",
        "SQLSTATE 40P01",
    ]);
    assert_eq!(operator.receipt()["retries"], 1);
}

/// A script that releases the session lock lets other runs in after its rollback, so there is no retry.
#[test]
fn a_script_that_gives_the_lock_back() {
    let (db, release, site) = small("unlocks");
    let bundle = site.pack(&release.tier(
        "locks",
        &format!("select pg_advisory_unlock_all();\n{LOCKS}"),
    ));
    let operator = site.operator(&bundle, &db.url());
    let _blocker = blocker(&db);
    let answer = operator.ask_with("run", &["--lock-timeout", "100ms"]);
    answer.fails_saying(30, &["SQLSTATE 55P03"]);
    assert!(!answer.stderr.contains("trying again"), "{answer:?}");
    assert!(operator.receipt()["retries"].is_null());
}

#[test]
fn another_run_holds_the_lock() {
    let (db, release, site) = small("tworuns");
    let bundle = site.pack(&release.tier("slow", "select pg_sleep(20);\n"));
    let operator = site.operator(&bundle, &db.url());
    let first = operator.start("run");
    wait_until("it sleeps", || db.ask(SLEEPERS) == "1");
    let second = site.operator(&bundle, &db.url()).receipts_in("second");
    let words = [
        "another pgseal run holds the lock (process ",
        "trying again in 0.",
        "still holds the lock",
    ];
    second.run().says(&words).fails_saying(
        22,
        &["another pgseal run holds the lock of this database: process "],
    );
    assert_eq!(second.json("run")["error"]["kind"], "locked");
    stop(first);
}

const SLEEPERS: &str = "select count(*) from pg_stat_activity
                        where query like '%select pg_sleep(%' and pid <> pg_backend_pid() and datname = current_database()";

fn stop(running: Running) {
    running.kill();
}

/// Statements, states and ages of other sessions are hidden from a role without rights.
#[test]
fn a_role_that_may_see_nothing_of_others() {
    let (db, _, site) = small("plainrole");
    let (name, role) = (db.name().to_owned(), format!("{}_owner", db.name()));
    let mut admin = db.client();
    admin
        .batch_execute(&format!(
            "create role {role} login; grant create on database {name} to {role}; grant all on schema public to {role};
             alter table public.approvals owner to {role}"
        ))
        .unwrap();
    let bundle = site.pack(&Release::on(&name).tier("locks", LOCKS));
    let operator = site.operator(
        &bundle,
        &db.url()
            .replace("postgres@", &format!("{role}@"))
            .replace("user=postgres", &format!("user={role}")),
    );
    let mut blocker = blocker(&db);
    let pid: i32 = blocker
        .query_one("select pg_backend_pid()", &[])
        .unwrap()
        .get(0);
    let answer = operator.ask_with("run", &["--lock-timeout", "500ms", "--lock-retries", "0"]);
    answer.fails_saying(
        30,
        &[
            &format!("blocked by process {pid} (the batch job, user postgres)"),
            "SQLSTATE 55P03",
        ],
    );
    assert!(!answer.stderr.contains("update public"), "{answer:?}");
    drop(blocker);
    drop(operator);
    drop(db);
    // Roles belong to the cluster.
    let other = Cluster::shared().database("roles");
    other
        .client()
        .batch_execute(&format!("drop role {role}"))
        .unwrap();
}

#[test]
fn scripts_may_lower_the_limits_and_not_raise_them() {
    let (db, release, site) = small("clamped");
    let dump_like =
        "set statement_timeout = 0;\nSET LOCAL lock_timeout TO '1h';\nset idle_in_transaction_session_timeout = 0;
select pg_catalog.set_config('statement_timeout', '0', false);
select format('set %s_timeout = 0', 'lock') \\gexec
create table public.seen as select name, setting from pg_settings where name like '%\\_timeout';
set lock_timeout = '3s';
create table public.lowered as select current_setting('lock_timeout') as value;
";
    let bundle = site.pack(&release.limits("5s", "5min").tier("dump", dump_like));
    let operator = site.operator(&bundle, &db.url());
    let answer = operator.run();
    answer.done().says(&[
        "statement_timeout stays at 5min, the release's limit (tiers/dump.sql:1:1)",
        "lock_timeout stays at 5s, the release's limit (tiers/dump.sql:2:1)",
        "idle_in_transaction_session_timeout stays at 1min, the release's limit (tiers/dump.sql:3:1)",
        "statement_timeout stays at 5min, the release's limit (tiers/dump.sql:4:1)",
        "lock_timeout stays at 5s, the release's limit (tiers/dump.sql:5:1)",
    ]);
    assert_eq!(answer.stderr.matches("stays at").count(), 5, "{answer:?}");
    let seen = |name: &str| {
        db.ask(&format!(
            "select setting from public.seen where name = '{name}'"
        ))
    };
    assert_eq!(seen("statement_timeout"), "300000");
    assert_eq!(seen("lock_timeout"), "5000");
    assert_eq!(seen("idle_in_transaction_session_timeout"), "60000");
    assert_eq!(db.ask("select value from public.lowered"), "3s");
}

#[test]
fn flags_lower_the_limits_and_never_raise_them() {
    let (db, release, site) = small("flags");
    let tier = "create table public.seen as select name, setting from pg_settings where name like '%timeout';\n";
    let bundle = site.pack(&release.limits("2s", "1min").tier("seen", tier));
    let operator = site.operator(&bundle, &db.url());
    for command in ["run", "rollback", "check", "gate", "plan"] {
        for (flag, higher) in [
            ("lock", "2001ms"),
            ("statement", "61s"),
            ("idle", "61s"),
            ("transaction", "61min"),
        ] {
            let flag = format!("--{flag}-timeout");
            let answer = operator.ask_with(command, &[&flag, higher]);
            answer.fails_saying(
                2,
                &[
                    &format!("{flag} "),
                    "is more than the release allows",
                    "release.toml",
                ],
            );
        }
        operator
            .ask_with(command, &["--lock-timeout", "0s"])
            .fails(2);
    }
    assert_eq!(db.ask("select to_regclass('pgseal.ledger') is null"), "t");
    let limits = [
        "--lock-timeout",
        "1s",
        "--statement-timeout",
        "30s",
        "--idle-timeout",
        "1min",
    ];
    operator.ask_with("plan", &limits).done();
    operator.ask_with("run", &limits).done();
    let seen = |name: &str| {
        db.ask(&format!(
            "select setting from public.seen where name = '{name}'"
        ))
    };
    assert_eq!(seen("lock_timeout"), "1000");
    assert_eq!(seen("statement_timeout"), "30000");
    assert_eq!(seen("idle_in_transaction_session_timeout"), "60000");
}

#[test]
fn a_statement_that_takes_too_long() {
    let (db, release, site) = small("toolong");
    let bundle = site.pack(
        &release
            .limits("200ms", "400ms")
            .tier("slow", "select 1;\nselect pg_sleep(20);\n"),
    );
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let answer = operator.run();
    answer.fails_saying(
        30,
        &[
            "tiers/slow.sql:2:1",
            "SQLSTATE 57014",
            "statement_timeout is 400ms, as [limits]",
        ],
    );
    assert!(!answer.stderr.contains("interrupted"), "{answer:?}");
    operator
        .ask_with("run", &["--statement-timeout", "300ms"])
        .fails_saying(30, &["statement_timeout was lowered to 300ms"]);
    assert_same(&before, &dump(&db));
}

/// Another session cancels the statement, so neither the operator nor a limit is the reason.
#[test]
fn a_statement_that_somebody_cancels() {
    let (db, release, site) = small("cancelled");
    let bundle = site.pack(&release.tier("slow", "select pg_sleep(20);\n"));
    let operator = site.operator(&bundle, &db.url());
    let run = operator.start("run");
    wait_until("it sleeps", || db.ask(SLEEPERS) == "1");
    db.ask(
        "select pg_cancel_backend(pid) from pg_stat_activity
         where query like '%select pg_sleep(%' and pid <> pg_backend_pid() and datname = current_database()",
    );
    let answer = run.end();
    answer.fails_saying(30, &["SQLSTATE 57014", "it was cancelled on the server"]);
    assert!(!answer.stderr.contains("interrupted"), "{answer:?}");
}
