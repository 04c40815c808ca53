//! Rollouts that are killed or interrupted, and go on.

use std::process::Command;
use std::thread;
use std::time::Duration;

use pgseal_testkit::release::wait_until;

use super::fleet::Fleet;

const SLOW: &str = "select pg_catalog.pg_sleep(0.2);\n";

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Killed at several moments, it goes on each time, and no database runs twice.
#[test]
fn kills() {
    let fleet = Fleet::with(14, "kills", |release| release.tier("slow", SLOW));
    fleet.plan("waves = [1, \"20%\", \"rest\"]\nparallel = 2\n");
    for moment in [1, 3, 6, 10] {
        let resume: &[&str] = if moment == 1 { &[] } else { &["--resume"] };
        let run = fleet.start(resume);
        wait_until("some databases are after", || fleet.after() >= moment);
        if moment == 6 {
            let running = fleet.status(&["--json"]).json();
            assert_eq!(running["state"], "running", "{running}");
            fleet
                .rollout(&["--resume"])
                .fails_saying(22, &["another process leads a rollout"]);
        }
        run.kill();
        let killed = fleet.status(&["--json"]).json();
        assert_eq!(killed["state"], "killed", "{killed}");
        if moment == 1 {
            fleet
                .rollout(&[])
                .fails_saying(22, &["was ended before its end", "--resume"]);
        }
    }
    let end = fleet.rollout(&["--resume", "--json"]);
    end.done();
    (0..14).for_each(|at| fleet.is_after(at));
    // The runs that outlived a coordinator have receipts too.
    let document = end.json();
    for one in document["databases"].as_array().unwrap() {
        assert!(one["receipt_sha256"].is_string(), "{one}");
    }
    let receipt = fleet.newest(".rollout.json");
    let verify = [
        "receipt",
        "verify",
        receipt.to_str().unwrap(),
        "--trust",
        "trust.json",
    ];
    fleet.pgseal(&verify).done();
}

/// A coordinator and its running commands are killed at once, as by a power cut.
#[test]
fn all_processes_are_killed() {
    let fleet = Fleet::with(6, "power", |release| release.tier("slow", SLOW));
    fleet.plan("parallel = 2\n");
    for moment in [0, 2] {
        let resume: &[&str] = if moment == 0 { &[] } else { &["--resume"] };
        let run = fleet.start(resume);
        let runs = || -> Vec<u32> {
            let children = format!("/proc/{0}/task", run.pid());
            let tasks = std::fs::read_dir(children).unwrap();
            let of = |task: std::io::Result<std::fs::DirEntry>| {
                std::fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default()
            };
            let all: String = tasks.map(of).collect::<Vec<_>>().join(" ");
            all.split_whitespace()
                .map(|pid| pid.parse().unwrap())
                .collect()
        };
        wait_until("two run", || fleet.after() >= moment && runs().len() == 2);
        thread::sleep(Duration::from_millis(100));
        let children = runs();
        run.kill();
        for pid in children {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
    fleet.rollout(&["--resume"]).done();
    (0..6).for_each(|at| fleet.is_after(at));
}

/// One signal ends it after the running databases; the next one interrupts those.
#[test]
fn signals() {
    let fleet = Fleet::with(6, "signals", |release| {
        release.tier("slow", "select pg_catalog.pg_sleep(1);\n")
    });
    fleet.plan("parallel = 2\n");
    let sleepers = "select count(*) from pg_stat_activity where datname like 'fleet_signals%' and wait_event = 'PgSleep'";
    let asleep = |number: &str| {
        wait_until("they sleep", || fleet.databases[0].ask(sleepers) == number);
    };
    let run = fleet.start(&["--json"]);
    asleep("2");
    signal(run.pid(), "-TERM");
    let answer = run.end();
    assert_eq!(answer.code, 31, "{answer}");
    let document = answer.json();
    assert_eq!(
        (&document["done"], &document["left"]),
        (&2.into(), &4.into()),
        "{document}"
    );
    assert_eq!(document["stopped"], "it was interrupted");
    let status = fleet.status(&["--json"]).json();
    assert_eq!(
        (&status["state"], &status["stopped"]),
        (&"ended".into(), &"it was interrupted".into())
    );
    let run = fleet.start(&["--resume", "--json"]);
    asleep("2");
    signal(run.pid(), "-INT");
    thread::sleep(Duration::from_millis(200));
    signal(run.pid(), "-INT");
    let answer = run.end();
    assert_eq!(answer.code, 30, "{answer}");
    let document = answer.json();
    assert_eq!(
        (&document["done"], &document["failed"]),
        (&2.into(), &2.into()),
        "{document}"
    );
    fleet.rollout(&["--resume"]).done();
    (0..6).for_each(|at| fleet.is_after(at));
}

/// A run that stopped half way is resumed.
#[test]
fn half_way() {
    let fleet = Fleet::with(3, "half", |release| {
        let index = "create unique index concurrently once on public.approvals (length(who));\n";
        release
            .alone("once", index)
            .rollback("once", "drop index if exists public.once;\n")
    });
    fleet.plan("max_failures = 1\n");
    let twice = "insert into public.approvals values ('Somebody')";
    fleet.databases[1].client().batch_execute(twice).unwrap();
    let answer = fleet.rollout(&["--json"]);
    assert_eq!(answer.code, 31, "{answer}");
    assert_eq!(answer.json()["summary"], "2 of 3 done; 1 stopped half way");
    let once = "delete from public.approvals where who = 'Somebody'";
    fleet.databases[1].client().batch_execute(once).unwrap();
    fleet.rollout(&["--resume"]).done();
    fleet.status(&[]).done().says(&["3 of 3 done"]);
}
