//! Obstacles before the first statement of a run: the connection, the target, the ledger, the state.

use super::{database, small};
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::{BEFORE, Release, Site, assert_same, dump};

/// Asserts that every command refuses, and that no file or row was written.
#[track_caller]
fn refused(db: &TestDatabase<'_>, release: &Release, commands: &[&str], code: i32, words: &[&str]) {
    let site = Site::new();
    let bundle = site.pack(release);
    let operator = site.operator(&bundle, &db.url());
    let before = dump(db);
    for command in commands {
        operator.ask(command).fails_saying(code, words);
    }
    assert_same(&before, &dump(db));
    assert!(
        !site.path("receipts").exists(),
        "a refused run leaves no file"
    );
}

#[test]
fn nobody_answers() {
    let site = Site::new();
    let bundle = site.pack(&Release::on("nowhere"));
    let nowhere = format!(
        "postgresql:///nowhere?host={}&user=postgres",
        site.path("").display()
    );
    let operator = site.operator(&bundle, &nowhere);
    for (command, code) in [("gate", 21), ("run", 1), ("rollback", 1), ("check", 1)] {
        operator
            .ask(command)
            .fails_saying(code, &["no connection to the database", "check --db"]);
    }
    let plan = operator.plan();
    assert_eq!(plan.code, 1, "{plan}");
    assert!(
        !plan.stdout.contains("READY"),
        "a gate that was not asked is not READY: {plan}"
    );
    let plan = operator.json("plan");
    assert_eq!(plan["would_run"], false);
    assert_ne!(
        plan["gate"]["verdict"], "READY",
        "a gate that was not asked is not READY"
    );
    assert_eq!(operator.status().0.code, 1);
    assert!(!site.path("receipts").exists());
}

#[test]
fn an_address_that_is_none() {
    let site = Site::new();
    let bundle = site.pack(&Release::on("x"));
    for url in ["postgresql://[/x", "host=a b", "nonsense=1 dbname=x"] {
        site.operator(&bundle, url).run().fails(2);
    }
}

#[test]
fn a_wrong_password() {
    let cluster = Cluster::own();
    let db = cluster.database_named("guarded");
    db.client().batch_execute(BEFORE).unwrap();
    db.client()
        .batch_execute("set password_encryption = 'scram-sha-256'; create role guard superuser login password 'right'")
        .unwrap();
    let hba = cluster.server().dir().join("data/pg_hba.conf");
    let rules = format!(
        "local all guard scram-sha-256\n{}",
        std::fs::read_to_string(&hba).unwrap()
    );
    std::fs::write(&hba, rules).unwrap();
    db.client()
        .batch_execute("select pg_reload_conf()")
        .unwrap();
    let site = Site::without_gate_user();
    let bundle = site.pack(&Release::on("guarded"));
    let url = |password: &str| {
        db.url()
            .replace("user=postgres", &format!("user=guard&password={password}"))
    };
    let refused = |url: String| {
        let before = dump(&db);
        let operator = site.operator(&bundle, &url);
        for (command, code) in [("gate", 21), ("run", 1), ("rollback", 1)] {
            let answer = operator.ask(command);
            answer.fails_saying(code, &["check user, password"]);
            assert!(
                !answer.stderr.contains("wrong0815"),
                "a password is never shown: {answer}"
            );
        }
        assert_same(&before, &dump(&db));
    };
    pgseal_testkit::release::wait_until("the rules are read", || {
        site.operator(&bundle, &url("wrong0815")).gate().code == 21
    });
    refused(url("wrong0815"));
    refused(db.url().replace("user=postgres", "user=stranger"));
    let without = site
        .operator(&bundle, &db.url().replace("user=postgres", "user=guard"))
        .run();
    without.fails(1);
    // The right password, passed in the way of psql.
    let operator = site.operator(&bundle, &db.url().replace("user=postgres", "user=guard"));
    let answer = operator
        .command("run")
        .env("PGPASSWORD", "right")
        .output()
        .unwrap();
    assert!(
        answer.status.success(),
        "{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    site.operator(&bundle, &url("right")).check().done();
}

#[test]
fn another_database() {
    let db = database("other");
    let words = [
        "wrong target: expected the database",
        "elsewhere",
        db.name(),
        "--db names the database",
    ];
    refused(
        &db,
        &Release::on("elsewhere"),
        &["gate", "run", "rollback", "check"],
        22,
        &words,
    );
    let site = Site::new();
    let operator = site.operator(&site.pack(&Release::on("elsewhere")), &db.url());
    assert_eq!(operator.json("run")["error"]["kind"], "wrong-target");
}

#[test]
fn a_database_that_is_not_there() {
    let db = database("there");
    let site = Site::new();
    let bundle = site.pack(&Release::on("gone"));
    let operator = site.operator(&bundle, &db.url().replace(db.name(), "gone"));
    operator
        .run()
        .fails_saying(1, &["database \"gone\" does not exist"]);
    operator.gate().fails(21);
}

#[test]
fn another_server_version() {
    let db = database("version");
    let release = Release::on(db.name()).target("server = \">=99\"");
    refused(
        &db,
        &release,
        &["gate", "run", "rollback"],
        22,
        &["the server's version", ">=99"],
    );
}

#[test]
fn another_role() {
    let db = database("role");
    let release = Release::on(db.name()).target("role = \"deployer\"");
    refused(
        &db,
        &release,
        &["gate", "run", "rollback"],
        22,
        &["expected the role \"deployer\", found \"postgres\""],
    );
}

#[test]
fn another_system() {
    let db = database("system");
    let release = Release::on(db.name()).target("system_identifiers = [\"1234567890123456789\"]");
    refused(
        &db,
        &release,
        &["gate", "run", "rollback"],
        22,
        &["the system identifier", "1234567890123456789"],
    );
}

#[test]
fn the_right_target_in_every_respect() {
    let (db, release, site) = small("right");
    let identifier = db.ask("select system_identifier from pg_control_system()");
    let target = format!(
        "server = \">=13\"\nrole = \"postgres\"\nsystem_identifiers = [\"1\", \"{identifier}\"]"
    );
    let bundle = site.pack(&release.target(&target));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    assert_eq!(
        operator.receipt()["target"]["system_identifier"],
        identifier
    );
}

#[test]
fn a_target_that_the_trust_root_does_not_list() {
    let (db, release, site) = small("unlisted");
    let init = [
        "trust",
        "init",
        "narrow.json",
        "--root-key",
        "root.key",
        "--role",
        "release:1=release.pub",
    ];
    site.pgseal(init.into_iter().chain(["--target", "somewhere_else"]))
        .done();
    let bundle = site.pack(&release);
    let mut run = site.command();
    run.arg("run")
        .arg(&bundle)
        .args(["--trust", "narrow.json", "--db", &db.url()]);
    let answer = run.output().unwrap();
    assert_eq!(answer.status.code(), Some(22));
    assert!(String::from_utf8_lossy(&answer.stderr).contains("somewhere_else"));
}

#[test]
fn a_state_that_is_not_baseline() {
    let db = database("state");
    db.client()
        .batch_execute("create table public.widgets (n integer)")
        .unwrap();
    let words = [
        "not in the state \"baseline\"",
        "widgets is t, expected false",
        "nothing was changed",
    ];
    refused(&db, &Release::on(db.name()), &["run"], 22, &words);
}

#[test]
fn a_probe_that_has_no_answer() {
    let db = database("probe");
    let column = Release::on(db.name()).baseline("select 1 as other;\n", "{ widgets = 1 }");
    refused(
        &db,
        &column,
        &["run"],
        22,
        &[
            "a column that its probe does not have: widgets is not a column of the probe",
            "the release is wrong",
        ],
    );
    let rows =
        Release::on(db.name()).baseline("select 1 as widgets where false;\n", "{ widgets = 1 }");
    refused(
        &db,
        &rows,
        &["run"],
        22,
        &["the baseline probe failed", "no row"],
    );
    let null =
        Release::on(db.name()).baseline("select null::integer as widgets;\n", "{ widgets = 0 }");
    refused(&db, &null, &["run"], 22, &["widgets is NULL, expected 0"]);
    let error = Release::on(db.name()).baseline("select 1 / 0 as widgets;\n", "{ widgets = 0 }");
    refused(
        &db,
        &error,
        &["run"],
        22,
        &["verify/baseline_probe.sql:1:1", "division by zero"],
    );
}

#[test]
fn variables_that_do_not_fit() {
    let (db, release, site) = small("variables");
    let bundle = site.pack(&release.variable("ticket"));
    let operator = site.operator(&bundle, &db.url());
    for command in ["gate", "plan", "run"] {
        operator
            .ask(command)
            .fails_saying(2, &["variable \"ticket\" is required", "-v NAME=VALUE"]);
    }
    operator
        .clone()
        .variable("tiket", "1")
        .run()
        .fails_saying(2, &["no variable \"tiket\"", "it has ticket"]);
    operator.variable("ticket", "1").run().done();
}

#[test]
fn sequences_only_rise() {
    let (db, release, site) = small("sequence");
    let pack = |version: &str, sequence| {
        let next = release.clone().named("small", version, sequence);
        site.operator(&site.pack(&next), &db.url())
    };
    let (first, second, same) = (pack("1.0.0", 1), pack("2.0.0", 2), pack("2.0.1", 2));
    second.run().done();
    same.run()
        .fails_saying(22, &["another release with sequence 2 is in effect"]);
    same.rollback()
        .fails_saying(22, &["another release", "roll back with the bundle"]);
    first.rollback().fails(22);
    first.run().fails_saying(22, &["a later sequence ran here"]);
    second.rollback().done();
    // For a release that never ran here, a rolled back one still counts as later.
    first.run().fails_saying(22, &["a later sequence ran here"]);
    second.run().done();
}

/// Two releases that were rolled back run again, in their order.
#[test]
fn after_rollbacks_the_first_runs_again() {
    let (db, release, site) = small("sequenceagain");
    let first = site.operator(&site.pack(&release), &db.url());
    let probe = "select pg_catalog.to_regclass('public.widgets') is not null as widgets, \
        pg_catalog.to_regclass('public.more') is not null as more;\n";
    let next = release
        .named("small", "2.0.0", 2)
        .without_tiers()
        .baseline(probe, "{ widgets = true, more = false }")
        .finalized(probe, "{ widgets = true, more = true }")
        .tier("more", "create table public.more (a int);\n")
        .rollback("more", "drop table if exists public.more;\n");
    let second = site.operator(&site.pack(&next), &db.url());
    first.run().done();
    second.run().done();
    first.run().fails_saying(22, &["a later sequence ran here"]);
    second.rollback().done();
    first.run().fails_saying(22, &["already applied"]);
    first.rollback().done();
    second
        .run()
        .fails_saying(22, &["not in the state \"baseline\""]);
    first.plan().done();
    first.run().done();
    second.run().done();
}

#[test]
fn a_database_that_is_read_only_by_default() {
    let (db, release, site) = small("readonly");
    let name = db.name();
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    db.client()
        .batch_execute(&format!(
            "alter database {name} set default_transaction_read_only = on"
        ))
        .unwrap();
    // The run requests READ WRITE itself, so a database that is read-only by default can still be released to.
    operator.run().done();
    operator.rollback().done();
}

/// A role that owns only the objects that the release changes.
#[test]
fn a_role_with_few_rights() {
    let (db, release, site) = small("rights");
    let name = db.name();
    let role = format!("deployer_{name}");
    db.client()
        .batch_execute(&format!(
            "create role {role} login;
             grant create on database {name} to {role};
             grant usage, create on schema public to {role};
             grant select on public.approvals to {role};"
        ))
        .unwrap();
    let bundle = site.pack(&release.target(&format!("role = \"{role}\"")));
    let operator = site.operator(
        &bundle,
        &db.url().replace("user=postgres", &format!("user={role}")),
    );
    operator.run().done();
    operator.check().done();
    assert_eq!(operator.receipt()["target"]["role"], role);
    operator.rollback().done();
    // Without the right to create the ledger no change remains, and the message names the missing right.
    db.client()
        .batch_execute(&format!(
            "drop schema pgseal cascade; revoke create on database {name} from {role}"
        ))
        .unwrap();
    let before = dump(&db);
    let answer = operator.run();
    answer.fails_saying(22, &["may not make the ledger", "grant create on database"]);
    assert_same(&before, &dump(&db));
    db.client()
        .batch_execute(&format!("drop owned by {role}; drop role {role}"))
        .unwrap();
}
