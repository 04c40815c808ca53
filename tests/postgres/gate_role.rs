//! The role that evaluates gates and probes.

use super::rehearse::Shop;
use super::{small, small_without_gate_user};
use pgseal_testkit::cluster::GATE_USER;
use pgseal_testkit::release::{Site, assert_same, dump};

fn as_role(url: &str, role: &str) -> String {
    url.replace("user=postgres", &format!("user={role}"))
}

/// Rights beyond reading close the gate, one by one, and no query is sent.
#[test]
fn a_role_that_can_do_more_than_read_asks_no_gate() {
    let rights = [
        ("alter role {role} superuser", "it is a superuser"),
        ("grant postgres to {role}", "it is a member of postgres, a superuser"),
        ("alter role {role} replication", "it may replicate"),
        ("grant pg_execute_server_program to {role}", "it is a member of pg_execute_server_program"),
        ("grant pg_write_server_files to {role}", "it is a member of pg_write_server_files"),
        ("grant pg_read_server_files to {role}", "it is a member of pg_read_server_files"),
        ("grant pg_signal_backend to {role}", "it is a member of pg_signal_backend"),
        ("create table public.of_it (); alter table public.of_it owner to {role}", "it owns table public.of_it"),
        ("create schema of_it authorization {role}", "it owns schema of_it"),
        (
            "create role {role}_group noinherit; grant {role}_group to {role}; create table public.of_group ();
          alter table public.of_group owner to {role}_group",
            "it owns table public.of_group",
        ),
    ];
    for (at, (grant, words)) in rights.into_iter().enumerate() {
        let (db, release, site) = small("asks");
        let role = format!("asks_{at}_{}", db.name());
        db.client()
            .batch_execute(&format!(
                "create role {role} login noinherit; grant select on all tables in schema public to {role}"
            ))
            .unwrap();
        let bundle = site.pack(&release);
        let operator = site.operator(&bundle, &db.url());
        operator.ask_with("gate", &["--gate-user", &role]).done();
        db.client()
            .batch_execute(&grant.replace("{role}", &role))
            .unwrap();
        let before = dump(&db);
        for command in ["gate", "plan", "run", "check"] {
            let answer = operator.ask_with(command, &["--gate-user", &role]);
            assert_eq!(answer.code, 21, "{grant}: {answer}");
            answer.says(&[
                words,
                "create role pgseal_gate login;",
                "grant connect on database",
            ]);
            // Obstacles in a plan have no hint.
            if command != "plan" {
                answer.says(&["--gate-user pgseal_gate"]);
            }
        }
        assert_same(&before, &dump(&db));
        let mut command = operator.command("gate");
        let answer = pgseal_testkit::release::Answer::of(
            command
                .args(["--gate-user", &role, "--json"])
                .output()
                .unwrap(),
        );
        let missing = &answer.json()["missing"][0];
        assert_eq!(
            (&missing["exit"], &missing["kind"]),
            (&21.into(), &"gate-role".into()),
            "{answer}"
        );
        db.client()
            .batch_execute(&format!(
                "reassign owned by {role} to postgres; drop owned by {role}; revoke postgres from {role};
                drop role {role}"
            ))
            .unwrap();
    }
}

/// The SQL in the refusal creates a role with which the same command succeeds.
#[test]
fn the_refusal_says_how_a_right_one_is_made() {
    let (db, release, site) = small("remedy");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let refused = operator.ask_with("gate", &["--gate-user", "postgres"]);
    let errors = refused.fails(21);
    let sql: Vec<&str> = errors
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .collect();
    assert_eq!(sql.len(), 3, "{refused}");
    db.client().batch_execute(&sql.join("\n")).unwrap();
    for command in ["gate", "plan", "run", "check", "rollback"] {
        operator
            .ask_with(command, &["--gate-user", "pgseal_gate"])
            .done();
    }
    db.client()
        .batch_execute("drop owned by pgseal_gate; drop role pgseal_gate")
        .unwrap();
}

/// The statements are for the source of a clone, which stays.
#[test]
fn the_refusal_of_a_rehearsal_names_the_source() {
    let shop = Shop::new("remedysource");
    let rehearsal = shop.rehearsal(&shop.release());
    let refused = rehearsal.with(["--gate-user", "postgres"]).run();
    let connect = format!("  grant connect on database \"{}\" to", shop.db.name());
    let errors = refused.fails(21);
    assert!(errors.contains(&connect), "{errors}");
}

/// The flag overrides the variable; without either the connection's role evaluates gates, if it may only read.
#[test]
fn who_is_asked_as() {
    let (db, release, site) = small("whoasks");
    let gate = "select true as ready, current_user || ' ' || session_user as reason;\n";
    let bundle = site.pack(&release.gate("approved", gate));
    let operator = site.operator(&bundle, &db.url());
    let reader = format!("{GATE_USER} {GATE_USER}");
    operator.gate().done().says(&[&reader]);
    let role = format!("other_{}", db.name());
    db.client()
        .batch_execute(&format!(
            "create role {role} login; grant select on all tables in schema public to {role}"
        ))
        .unwrap();
    operator
        .ask_with("gate", &["--gate-user", &role])
        .done()
        .says(&[&format!("{role} {role}")]);
    let alone = |url: &str| {
        let mut command = operator.clone().url(url).command("gate");
        command.arg("--only").env_remove("PGSEAL_GATE_USER");
        pgseal_testkit::release::Answer::of(command.output().unwrap())
    };
    alone(&as_role(&db.url(), &role))
        .done()
        .says(&[&format!("{role} {role}")]);
    alone(&db.url()).fails(21);
    // Any role is accepted only if the trust root allows it.
    let any = Site::without_gate_user();
    let bundle = any.pack(&pgseal_testkit::release::Release::on(db.name()).gate("approved", gate));
    any.operator(&bundle, &db.url())
        .gate()
        .done()
        .says(&["postgres postgres"]);
    db.client()
        .batch_execute(&format!("drop owned by {role}; drop role {role}"))
        .unwrap();
}

/// A rollback doesn't wait until a gate role exists.
#[test]
fn a_rollback_needs_no_gate_role() {
    let (db, release, site) = small("undoasks");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    let mut command = operator.command("rollback");
    pgseal_testkit::release::Answer::of(command.env_remove("PGSEAL_GATE_USER").output().unwrap())
        .done();
}

/// Nor for the owner of its probe's objects, although a superuser's run reads no objects of other roles.
#[test]
fn a_rollback_by_a_superuser_asks_what_belongs_to_others() {
    let (db, release, site) = small("undoowner");
    let role = format!("owner_{}", db.name());
    let probe = "select count(*) as approvals from public.approvals;\n";
    let state = r#"{ approvals = "1" }"#;
    let bundle = site.pack(&release.baseline(probe, state).finalized(probe, state));
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    db.client()
        .batch_execute(&format!(
            "create role {role} login; alter table public.approvals owner to {role}"
        ))
        .unwrap();
    operator.rollback().done();
    let refused = format!("public.approvals belongs to {role}");
    operator
        .run()
        .fails_saying(21, &[&refused, "--gate-role any"]);
    let any = Site::without_gate_user();
    let bundle = any.pack(&pgseal_testkit::release::Release::on(db.name()));
    any.operator(&bundle, &db.url()).run().done();
    any.operator(&bundle, &db.url()).rollback().done();
    db.client()
        .batch_execute(&format!(
            "reassign owned by {role} to postgres; drop role {role}"
        ))
        .unwrap();
}

/// A role that owns nothing but the ledger, because it runs releases, may evaluate gates too.
#[test]
fn the_ledgers_owner_is_no_owner() {
    let (db, release, site) = small_without_gate_user("ledgerowner");
    let (name, role) = (db.name(), format!("runs_{}", db.name()));
    db.client()
        .batch_execute(&format!(
            "create role {role} login; grant create on database {name} to {role}; grant create on schema public to {role};
             grant select on all tables in schema public to {role}"
        ))
        .unwrap();
    let bundle = site.pack(&release);
    site.operator(&bundle, &as_role(&db.url(), &role))
        .run()
        .done();
    site.operator(&bundle, &as_role(&db.url(), &role))
        .rollback()
        .done();
    let reader = Site::new();
    let bundle = reader.pack(&pgseal_testkit::release::Release::on(name));
    let mut command = reader
        .operator(&bundle, &as_role(&db.url(), &role))
        .command("gate");
    pgseal_testkit::release::Answer::of(command.env_remove("PGSEAL_GATE_USER").output().unwrap())
        .done();
    db.client()
        .batch_execute(&format!("drop owned by {role} cascade; drop role {role}"))
        .unwrap();
}

/// A database owner can make a superuser's session start as the owner's role, which would then own the ledger.
#[test]
fn a_superuser_that_becomes_another_role() {
    let (db, release, site) = small("becomes");
    let (name, role) = (db.name(), format!("other_{}", db.name()));
    db.client()
        .batch_execute(&format!(
            "create role {role}; grant usage, create on schema public to {role}; grant create on database {name} to {role};
             grant all on all tables in schema public to {role}; alter database {name} set role = {role}"
        ))
        .unwrap();
    let bundle = site.pack(&release);
    let superuser = site.operator(&bundle, &db.url());
    let words =
        format!("the session of a superuser begins here as another role: postgres as {role}");
    for answer in [superuser.plan(), superuser.ask("report")] {
        assert!(
            answer.code == 22 && answer.to_string().replace('\\', "").contains(&words),
            "{answer}"
        );
    }
    for answer in [superuser.run(), superuser.rollback(), superuser.check()] {
        answer.fails_saying(22, &[&words, "RESET role"]);
    }
    assert_eq!(db.ask("select to_regclass('pgseal.ledger') is null"), "t");
    // Allowed: a superuser that starts as a superuser, and a plain role that starts as another role.
    let set = |role: &str| {
        db.client().batch_execute(&format!(
            "set role none; alter database {name} set role = {role}"
        ))
    };
    set("postgres").unwrap();
    superuser.run().done();
    superuser.rollback().done();
    set(&role).unwrap();
    db.client()
        .batch_execute(&format!(
            "set role none; drop schema pgseal cascade; create role {role}_runs login; grant {role} to {role}_runs"
        ))
        .unwrap();
    let other = site.operator(&bundle, &as_role(&db.url(), &format!("{role}_runs")));
    other.run().done();
    assert_eq!(db.ask("select role from pgseal.ledger"), role);
    other.rollback().done();
    let left = format!(
        "set role none; alter database {name} reset role; drop role {role}_runs; drop owned by {role} cascade; drop role {role}"
    );
    db.client().batch_execute(&left).unwrap();
}
