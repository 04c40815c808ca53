//! The password prompt on a terminal, against a server that asks for a SCRAM password.

use std::process::Command;

use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::{BEFORE, Release, Site, wait_until};
use pgseal_testkit::terminal::Terminal;

const PASSWORD: &str = "typed0815";

/// A server with the database `guarded` and the role `guard`, whose password it asks for.
fn guarded(cluster: &Cluster) -> (TestDatabase<'_>, String) {
    let db = cluster.database_named("guarded");
    let mut client = db.client();
    client.batch_execute(BEFORE).unwrap();
    let role = format!(
        "set password_encryption = 'scram-sha-256'; create role guard superuser login password '{PASSWORD}'"
    );
    client.batch_execute(&role).unwrap();
    let hba = cluster.server().dir().join("data/pg_hba.conf");
    let rules = std::fs::read_to_string(&hba).unwrap();
    std::fs::write(&hba, format!("local all guard scram-sha-256\n{rules}")).unwrap();
    client.batch_execute("select pg_reload_conf()").unwrap();
    let url = db.url().replace("user=postgres", "user=guard");
    (db, url)
}

/// Answers a prompt on a terminal; returns exit code and screen.
fn typing(command: &Command, prompt: &str, password: &str) -> (Option<i32>, String) {
    let mut terminal = Terminal::start(command, 120);
    terminal.wait_for(prompt, |screen| screen.contains(prompt));
    terminal.wait_for_hidden_input();
    terminal.type_in(&format!("{password}\n"));
    let (code, screen) = terminal.end();
    assert_eq!(screen.matches(prompt).count(), 1, "{screen}");
    assert!(!screen.contains(password), "{screen}");
    (code, screen)
}

#[test]
fn a_typed_password_is_asked_for_once() {
    let cluster = Cluster::own();
    let (_db, url) = guarded(&cluster);
    let site = Site::without_gate_user();
    let bundle = site.pack(&Release::on("guarded"));
    let operator = site.operator(&bundle, &url);
    let prompt = "Password for user guard: ";
    wait_until("the rules are read", || operator.run().code == 1);
    // Without a terminal nothing is asked.
    operator
        .run()
        .fails_saying(1, &["asks for the password of \"guard\"", "-W"]);
    let (code, screen) = typing(&operator.command("plan"), prompt, "wrong4711");
    assert_eq!(code, Some(1), "{screen}");
    let never = Terminal::start(operator.command("plan").arg("-w"), 120).end();
    assert!(never.0 == Some(1) && !never.1.contains(prompt), "{never:?}");
    // A run opens several sessions.
    let (code, screen) = typing(&operator.command("run"), prompt, PASSWORD);
    assert_eq!(code, Some(0), "{screen}");
    let (code, screen) = typing(operator.command("check").arg("-W"), "Password: ", PASSWORD);
    assert_eq!(code, Some(0), "{screen}");
    // A known password is not asked for, but -W precedes it.
    let known = |command: &mut Command| {
        command.env("PGPASSWORD", "wrong4711");
        typing(command.arg("-W"), "Password: ", PASSWORD)
    };
    assert_eq!(known(&mut operator.command("check")).0, Some(0));
    let mut status = site.command();
    status
        .args(["status", "--db", &url])
        .env("PGPASSWORD", PASSWORD);
    let (code, screen) = Terminal::start(&status, 120).end();
    assert!(code == Some(0) && !screen.contains("Password"), "{screen}");
    for record in std::fs::read_dir(operator.receipts()).unwrap() {
        let text = std::fs::read(record.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&text).contains(PASSWORD));
    }
}
