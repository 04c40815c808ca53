//! Releases with non-transactional tiers: they stop half way, and resume or roll back.

use super::small;
use std::fs;

use pgseal::trust::SecretKey;
use pgseal_testkit::bundles::bend;
use pgseal_testkit::cluster::TestDatabase;
use pgseal_testkit::next_second;
use pgseal_testkit::release::{
    Answer, Operator, Release, Running, Site, assert_same, dump, wait_until,
};
use pgseal_testkit::writer::Writer;

const INDEX: &str = "create index concurrently widgets_name on public.widgets (name);\n";

/// Tiers with an index, data, and VACUUM between them.
fn mixed(prefix: &str) -> (TestDatabase<'static>, Release, Site) {
    let (db, release, site) = small(prefix);
    let release = release
        .alone(
            "index",
            &format!("{INDEX}insert into public.widgets values (3, 'three');\n"),
        )
        .tier("more", "insert into public.widgets values (4, 'four');\n")
        .alone(
            "tidy",
            "set vacuum_cost_delay = 0;\nvacuum analyze public.widgets;\n",
        )
        .finalized(
            "select pg_catalog.to_regclass('public.widgets') is not null as widgets,
                    (select count(*) from public.widgets)::int4 as rows;\n",
            "{ widgets = true, rows = 4 }",
        );
    (db, release, site)
}

fn run_with(operator: &Operator<'_>, more: &[&str]) -> Answer {
    operator.ask_with("run", more)
}

#[test]
fn forth_and_back() {
    let (db, release, site) = mixed("mixed");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    operator.run().done();
    assert_eq!(db.ask("select count(*) from public.widgets"), "4");
    assert_eq!(
        db.ask(
            "select indisvalid from pg_index where indexrelid = 'public.widgets_name'::regclass"
        ),
        "t"
    );
    let happened =
        "select string_agg(happened || coalesce(' ' || tier, '') || coalesce(' ' || statement, ''), ', ' order by id)
                    from pgseal.steps";
    assert_eq!(
        db.ask(happened),
        "tier widgets, committed, started index 1, done index 1, done index 2, tier index, tier more, committed, \
         started tidy 1, done tidy 1, tier tidy, finished"
    );
    let receipt = operator.receipt();
    assert_eq!(receipt["outcome"], "committed");
    let tiers = receipt["tiers"].as_array().unwrap();
    assert_eq!(tiers.len(), 4);
    assert!(
        tiers[1].get("transaction_id").is_none()
            && tiers[0]["transaction_id"] != tiers[2]["transaction_id"]
    );
    assert_eq!(tiers[1]["sent"][0]["verb"], "CREATE INDEX");
    operator.run().fails_saying(22, &["already applied"]);
    assert_eq!(db.ask("select count(*) from pgseal.in_effect"), "1");
    operator.rollback().done();
    assert_eq!(db.ask("select count(*) from pgseal.in_effect"), "0");
    assert_same(&before, &without_ledger(&db));
}

/// Dumps the database without the ledger, which is not rolled back.
fn without_ledger(db: &TestDatabase<'_>) -> String {
    db.client()
        .batch_execute("drop schema pgseal cascade")
        .unwrap();
    dump(db)
}

/// The index can't be built while two widgets share a name: the run stops half way, and resumes once they differ.
#[test]
fn a_statement_that_the_server_refuses() {
    let (db, release, site) = mixed("refused");
    let unique = "create unique index concurrently widgets_name on public.widgets (name);\n";
    let release = release.file(
        "tiers/index.sql",
        format!("{unique}insert into public.widgets values (3, 'three');\n"),
    );
    let twice = "create table public.widgets (id integer primary key, name text not null);
                 insert into public.widgets values (1, 'one'), (2, 'one');\n";
    let bundle = site.pack(&release.file("tiers/widgets.sql", twice));
    let operator = site.operator(&bundle, &db.url());
    operator.run().fails_saying(
        31,
        &[
            "half way",
            "tiers/index.sql:1:1",
            "--resume",
            "could not create unique index",
        ],
    );
    // The server's INVALID index was removed.
    assert_eq!(
        db.ask("select to_regclass('public.widgets_name') is null"),
        "t"
    );
    let (answer, status) = operator.status();
    assert_eq!(answer.code, 31, "{answer}");
    assert_eq!(status["stopped"]["run"]["release"], "small");
    let text = operator.status_text();
    let mut lines = text.lines();
    let (first, second) = (lines.next().unwrap(), lines.next().unwrap());
    assert!(
        first.starts_with("STOPPED HALF WAY: small 1.0.0, in tier index"),
        "{text}"
    );
    assert!(
        second.starts_with("    the attempt at ") && second.contains("could not create unique"),
        "{text}"
    );
    for word in ["  tier done\n", "  half run ", "when the cause is mended"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(operator.receipt()["outcome"], "partial");
    // Neither this release nor another one begins in this state.
    operator
        .run()
        .fails_saying(22, &["stopped half way", "--resume"]);
    let other = site.pack(&Release::on(db.name()).named("other", "1.0.0", 1));
    site.operator(&other, &db.url())
        .run()
        .fails_saying(22, &["stopped half way"]);
    run_with(&site.operator(&other, &db.url()), &["--resume"])
        .fails_saying(22, &["stopped half way"]);
    operator.check().fails_saying(22, &["stopped half way"]);
    let plan = operator.plan();
    assert_eq!(plan.code, 22, "{plan}");
    plan.says(&["stopped half way"]);
    let same_name = site.pack(&Release::on(db.name()).named("small", "1.0.1", 2));
    site.operator(&same_name, &db.url())
        .rollback()
        .fails_saying(22, &["1.0.0 stopped half way here"]);
    run_with(&operator, &["--resume", "--interrupted", "maybe"]).fails(2);
    run_with(&operator, &["--interrupted", "done"]).fails(2);
    db.client()
        .batch_execute("update public.widgets set name = 'two' where id = 2")
        .unwrap();
    // The failed statement left nothing, so it is not an interrupted one.
    run_with(&operator, &["--resume", "--interrupted", "done"]).fails_saying(
        2,
        &[
            "no statement of the unfinished run was interrupted",
            "leave out",
        ],
    );
    run_with(&operator, &["--resume"]).done();
    assert_eq!(db.ask("select count(*) from public.widgets"), "4");
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "1");
    assert!(!operator.status_text().contains("half run"));
    run_with(&operator, &["--resume"]).fails_saying(22, &["no run stopped half way"]);
    let (answer, status) = operator.status();
    answer.done();
    assert!(status["failed"].is_null(), "{status}");
    operator.check().done();
}

#[test]
fn back_from_half_way() {
    let (db, release, site) = mixed("halfback");
    let bundle = site.pack(&release.file(
        "tiers/more.sql",
        "insert into public.widgets values (1, 'again');\n",
    ));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    operator
        .run()
        .fails_saying(31, &["half way", "duplicate key"]);
    assert_eq!(db.ask("select count(*) from public.widgets"), "3");
    assert_eq!(db.ask("select progress from pgseal.runs"), "unfinished");
    for attempts in [2, 3] {
        next_second();
        run_with(&operator, &["--resume"]).fails_saying(31, &["duplicate key"]);
        let (_, status) = operator.status();
        let all = status["attempts"].as_array().unwrap().clone();
        assert_eq!(all.len(), attempts, "{status}");
        assert!(all.is_sorted_by(|one, next| one["ended"].as_str() > next["ended"].as_str()));
        for one in all {
            let cause = one["cause"].as_str().unwrap().to_owned();
            assert!(cause.contains("duplicate key"), "{cause}");
        }
    }
    let text = operator.status_text();
    assert_eq!(text.matches("    the attempt at ").count(), 3, "{text}");
    operator.rollback().done();
    let (_, status) = operator.status();
    assert_eq!(status["attempts"], serde_json::json!([]));
    assert_eq!(
        db.ask("select string_agg(progress, ',' order by id) from pgseal.runs"),
        "rolled back half way,finished"
    );
    operator.status().0.done();
    operator.rollback().done().says(&["nothing to do"]);
    operator.run().fails(31);
    operator.rollback().done();
    assert_same(&before, &without_ledger(&db));
}

/// Waits until the run's index build waits for a transaction of the test.
fn waiting(operator: &Operator<'_>, db: &TestDatabase<'_>) -> Running {
    let running = operator.start("run");
    wait_until("the index waits", || {
        db.ask(
            "select count(*) > 0 from pg_stat_activity where query like 'create index concurrently%'
             and wait_event_type = 'Lock' and datname = current_database()",
        ) == "t"
    });
    running
}

/// Opens a transaction that an index build has to wait for.
fn in_the_way(db: &TestDatabase<'_>) -> postgres::Client {
    let mut client = db.client();
    client
        .batch_execute(
            "begin isolation level repeatable read; select count(*) from public.approvals",
        )
        .unwrap();
    client
}

#[test]
fn killed_while_an_index_is_built() {
    let (db, release, site) = mixed("killedindex");
    let bundle = site.pack(&release.limits("30s", "1min"));
    let operator = site.operator(&bundle, &db.url());
    let blocker = in_the_way(&db);
    waiting(&operator, &db).kill();
    wait_until("its session ends", || {
        db.ask(
            "select count(*) from pg_stat_activity where application_name = 'pgseal' and datname = current_database()",
        ) == "0"
    });
    drop(blocker);
    assert_eq!(
        db.ask(
            "select indisvalid from pg_index where indexrelid = 'public.widgets_name'::regclass"
        ),
        "f"
    );
    let (answer, status) = operator.status();
    assert_eq!(answer.code, 31, "{answer}");
    assert_eq!(
        status["stopped"]["steps"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()["happened"],
        "started"
    );
    run_with(&operator, &["--resume"]).done().says(&["INVALID"]);
    assert_eq!(
        db.ask(
            "select indisvalid from pg_index where indexrelid = 'public.widgets_name'::regclass"
        ),
        "t"
    );
    assert_eq!(db.ask("select count(*) from public.widgets"), "4");
    operator.rollback().done();
}

/// The rollback fails after it has removed the leftovers, and its message names them.
#[test]
fn a_rollback_that_fails_behind_leftovers() {
    let (db, release, site) = mixed("leftovers");
    let bundle = site.pack(&release.limits("30s", "1min"));
    let operator = site.operator(&bundle, &db.url());
    let blocker = in_the_way(&db);
    waiting(&operator, &db).kill();
    wait_until("its session ends", || {
        db.ask(
            "select count(*) from pg_stat_activity where application_name = 'pgseal' and datname = current_database()",
        ) == "0"
    });
    drop(blocker);
    let mut client = db.client();
    client
        .batch_execute("create view public.names as select name from public.widgets")
        .unwrap();
    operator.rollback().fails_saying(
        30,
        &[
            "only these leftovers were removed before",
            "widgets_name",
            "cannot drop table",
        ],
    );
    assert_eq!(
        db.ask("select to_regclass('public.widgets_name') is null"),
        "t"
    );
    assert_eq!(db.ask("select progress from pgseal.runs"), "unfinished");
    client.batch_execute("drop view public.names").unwrap();
    run_with(&operator, &["--resume"]).done();
    operator.rollback().done();
}

/// Another program packs a tier that pgseal refuses to pack: it is refused before the first COMMIT.
#[test]
fn a_tier_that_another_program_packed() {
    let (db, release, site) = small("packedelse");
    let release = release.tier("session", "create temp table t (a integer);\n");
    let bundle = site.pack(&release);
    let key = SecretKey::read(&site.path("release.key"), || unreachable!("no passphrase")).unwrap();
    let bent = bend(&fs::read(&bundle).unwrap(), &key, |statement| {
        let tiers = &mut statement["predicate"]["tiers"];
        tiers[1]["transaction"] = "none".into();
    });
    fs::write(&bundle, bent).unwrap();
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    operator.run().fails_saying(
        30,
        &[
            "the database is as before",
            "tiers/session.sql:1:1",
            "a temporary object in a tier without a transaction",
        ],
    );
    assert_same(&before, &dump(&db));
    operator.status().0.done();
}

/// The lock wait times out: the leftover index is removed, and the statement retried.
#[test]
fn an_index_that_has_to_wait_too_long() {
    let (db, release, site) = mixed("waitindex");
    let bundle = site.pack(&release.limits("300ms", "1min"));
    let operator = site.operator(&bundle, &db.url());
    let blocker = in_the_way(&db);
    run_with(&operator, &["--lock-retries", "1"]).fails_saying(31, &["lock timeout", "half way"]);
    assert_eq!(
        db.ask("select to_regclass('public.widgets_name') is null"),
        "t"
    );
    assert_eq!(operator.receipt()["retries"], 1);
    drop(blocker);
    run_with(&operator, &["--resume"]).done();
}

/// Only a person can decide how far a procedure came.
#[test]
fn a_procedure_that_is_interrupted() {
    let (db, release, site) = mixed("procedure");
    db.client()
        .batch_execute(
            "create table public.filled (n integer);
             create procedure public.fill() language plpgsql as $$ begin
                 insert into public.filled values (1); commit; perform pg_sleep(20); insert into public.filled values (2);
             end $$",
        )
        .unwrap();
    let bundle = site.pack(&release.file(
        "tiers/index.sql",
        "call public.fill();\ninsert into public.widgets values (3, 'three');\n",
    ));
    let operator = site.operator(&bundle, &db.url());
    let running = operator.start("run");
    wait_until("it sleeps", || {
        db.ask("select count(*) from public.filled") == "1"
    });
    running.kill();
    wait_until("its session ends", || {
        db.ask(
            "select count(*) from pg_stat_activity where application_name = 'pgseal' and datname = current_database()",
        ) == "0"
    });
    run_with(&operator, &["--resume"]).fails_saying(
        31,
        &["tiers/index.sql:1:1", "catalog can't say", "--interrupted"],
    );
    run_with(&operator, &["--resume", "--interrupted", "done"]).done();
    assert_eq!(db.ask("select count(*) from public.filled"), "1");
    let found = db.ask("select evidence->>'how' from pgseal.steps where happened = 'found'");
    assert!(found.contains("a person decided"), "{found}");
}

/// A resumed run takes over the values of the run, and refuses others.
#[test]
fn values_of_a_resumed_run() {
    resumed_by_its_values(false);
}

#[test]
fn values_of_a_resumed_run_while_others_write() {
    resumed_by_its_values(true);
}

fn resumed_by_its_values(others_write: bool) {
    let (db, release, site) = mixed("values");
    let write = "insert into public.approvals values ('ann'); delete from public.approvals where who = 'ann'";
    let writer = others_write.then(|| Writer::start(&db, write));
    let release = release.variable("colour").file(
        "tiers/more.sql",
        "insert into public.widgets values (1, :'colour');\n",
    );
    let bundle = site.pack(&release);
    let with = |colour: &str| site.operator(&bundle, &db.url()).variable("colour", colour);
    let without = site.operator(&bundle, &db.url());
    // There is no run to take the value from.
    run_with(&without, &["--resume"]).fails_saying(22, &["no run stopped half way here"]);
    with("red").run().fails(31);
    run_with(&with("blue"), &["--resume"]).fails_saying(22, &["other values", "colour=red"]);
    run_with(&without, &["--resume"]).fails_saying(31, &["duplicate key"]);
    db.client()
        .batch_execute("update public.widgets set id = 0 where id = 1")
        .unwrap();
    run_with(&without, &["--resume"]).done();
    assert_eq!(
        db.ask("select name from public.widgets where id = 1"),
        "red"
    );
    if let Some(writer) = writer {
        writer.wait_for(1);
        writer.stop();
    }
}

/// The ledger's rows can't be changed by mistake, even by their owner.
#[test]
fn nobody_changes_the_ledger_by_mistake() {
    let (db, release, site) = mixed("onlyadded");
    let bundle = site.pack(&release);
    site.operator(&bundle, &db.url()).run().done();
    for table in ["ledger", "steps"] {
        for mistake in [
            "update pgseal.T set run_id = 'x'",
            "delete from pgseal.T",
            "truncate pgseal.T",
        ] {
            let error = db
                .client()
                .batch_execute(&mistake.replace('T', table))
                .unwrap_err();
            assert!(
                error
                    .as_db_error()
                    .unwrap()
                    .message()
                    .contains("only added"),
                "{error}"
            );
        }
    }
}

/// Only a ledger of this version's format is read or written.
#[test]
fn a_ledger_of_another_format() {
    let (db, release, site) = mixed("otherformat");
    let bundle = site.pack(&release);
    site.operator(&bundle, &db.url()).run().done();
    // A ledger of a later version is not touched.
    db.client()
        .batch_execute("comment on schema pgseal is 'ledger of signed releases, format 2; x'")
        .unwrap();
    let operator = site.operator(&bundle, &db.url());
    operator.rollback().fails_saying(22, &["format 2", "newer"]);
    let comment = |text: &str| {
        db.client()
            .batch_execute(&format!("comment on schema pgseal is {text}"))
            .unwrap()
    };
    comment("'ledger of signed releases, format 99999999999999999999'");
    operator
        .rollback()
        .fails_saying(22, &["format 99999999999999999999", "newer"]);
    for unread in ["'mine'", "'format two'", "'format 0'", "null"] {
        comment(unread);
        operator.rollback().fails_saying(
            22,
            &["does not say which format", "comment on schema pgseal is"],
        );
        assert_eq!(operator.status().0.code, 22);
    }
    comment("'ledger of signed releases, format 1'");
    db.client()
        .batch_execute("alter table pgseal.steps rename to other")
        .unwrap();
    operator
        .rollback()
        .fails_saying(22, &["pgseal.steps is missing"]);
    db.client()
        .batch_execute("alter table pgseal.other rename to steps")
        .unwrap();
    operator.rollback().done();
}

/// An interruption that a rollback script can't know of: a half detached partition is in no query, but still in the
/// catalog.
#[test]
fn back_from_an_interrupted_statement() {
    let (db, release, site) = small("halfdetached");
    db.client()
        .batch_execute(
            "create table public.p (id integer) partition by range (id);
             create table public.p1 partition of public.p for values from (0) to (10);
             insert into public.p values (1), (2), (3)",
        )
        .unwrap();
    let attach = "do $$ begin
        if not exists (select from pg_inherits where inhrelid = 'public.p1'::regclass) then
            alter table public.p attach partition public.p1 for values from (0) to (10);
        end if; end $$;\n";
    let release = release
        .alone(
            "detach",
            "alter table public.p detach partition public.p1 concurrently;\n",
        )
        .rollback("attach", attach)
        .limits("30s", "1min");
    let operator_bundle = site.pack(&release);
    let operator = site.operator(&operator_bundle, &db.url());
    let mut reader = db.client();
    reader
        .batch_execute("begin isolation level repeatable read; select count(*) from public.p")
        .unwrap();
    let running = operator.start("run");
    wait_until("it is half detached", || {
        db.ask("select bool_or(inhdetachpending) from pg_inherits") == "t"
    });
    running.kill();
    wait_until("its session ends", || {
        db.ask(
            "select count(*) from pg_stat_activity where application_name = 'pgseal' and datname = current_database()",
        ) == "0"
    });
    drop(reader);
    assert_eq!(db.ask("select count(*) from public.p"), "0");
    operator.rollback().done();
    assert_eq!(db.ask("select count(*) from public.p"), "3");
    assert_eq!(
        db.ask("select bool_or(inhdetachpending) from pg_inherits"),
        "f"
    );
    operator.status().0.done();
}

/// A function releases the run's lock: no further statement is sent, since another run could have begun.
#[test]
fn a_lock_that_is_given_back_half_way() {
    let (db, release, site) = mixed("unlocked");
    db.client()
        .batch_execute(
            "create function public.harmless() returns void language sql as 'select pg_advisory_unlock_all()'",
        )
        .unwrap();
    let bundle = site.pack(&release.file("tiers/more.sql", "select public.harmless();\n"));
    site.operator(&bundle, &db.url())
        .run()
        .fails_saying(31, &["lock was given back", "half way"]);
}

/// The ledger's owner can run code as any role that writes to it.
#[test]
fn a_ledger_of_a_role_with_few_rights() {
    let (db, release, site) = mixed("lowowner");
    let (low, name) = (format!("low_{}", db.name()), db.name());
    db.client()
        .batch_execute(&format!(
            "create role {low} login; grant create on database {name} to {low}; set role {low}; create schema pgseal"
        ))
        .unwrap();
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator
        .run()
        .fails_saying(22, &["schema pgseal belongs to", &low]);
    db.client()
        .batch_execute("alter schema pgseal owner to postgres")
        .unwrap();
    operator.run().done();
    db.client()
        .batch_execute(&format!("alter table pgseal.steps owner to {low}"))
        .unwrap();
    for command in ["status", "plan", "rollback"] {
        let answer = if command == "status" {
            operator.status().0
        } else {
            operator.ask(command)
        };
        assert_eq!(answer.code, 22, "{answer}");
        answer.says(&["table pgseal.steps belongs to", &low]);
    }
    db.client()
        .batch_execute("alter table pgseal.steps owner to postgres")
        .unwrap();
    operator.rollback().done();
}

/// The index was never begun, and a colleague created another one with its name.
#[test]
fn an_index_of_somebody_else() {
    let (db, release, site) = small("otherindex");
    // A gate inside the run would wait for the colleague too.
    let release = release
        .gate("approved", "select true as ready, 'x' as reason;\n")
        .alone(
            "unique",
            "create unique index concurrently u on public.approvals (who);\n",
        )
        .rollback("unique", "drop index if exists public.u;\n")
        .limits("30s", "1min");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let mut colleague = db.client();
    colleague
        .batch_execute("begin; lock table public.approvals in share update exclusive mode")
        .unwrap();
    let running = operator.start("run");
    wait_until("it waits for the table", || {
        db.ask(
            "select count(*) > 0 from pg_stat_activity where query like 'create unique index concurrently u%'
                and wait_event_type = 'Lock' and datname = current_database()",
        ) == "t"
    });
    running.kill();
    wait_until("its session ends", || {
        db.ask(
            "select count(*) from pg_stat_activity where application_name = 'pgseal' and datname = current_database()",
        ) == "0"
    });
    colleague
        .batch_execute("commit; create index u on public.approvals (length(who))")
        .unwrap();
    run_with(&operator, &["--resume"]).fails_saying(
        31,
        &[
            "can't say",
            "spelled otherwise",
            "length(who)",
            "--interrupted",
        ],
    );
    db.client().batch_execute("drop index public.u").unwrap();
    run_with(&operator, &["--resume"]).done();
    assert_eq!(
        db.ask("select indisunique from pg_index where indexrelid = 'public.u'::regclass"),
        "t"
    );
}

/// Ctrl-C during an index build: there is no rollback here, so the leftover index is removed.
#[test]
fn interrupted_while_an_index_is_built() {
    let (db, release, site) = mixed("interruptedindex");
    let bundle = site.pack(&release.limits("20s", "1min"));
    let operator = site.operator(&bundle, &db.url());
    let reader = in_the_way(&db);
    let running = waiting(&operator, &db);
    let signalled = std::process::Command::new("kill")
        .args(["-INT", &running.pid().to_string()])
        .status()
        .unwrap();
    assert!(signalled.success());
    wait_until("its index is given up", || {
        db.ask(
            "select count(*) from pg_stat_activity where query like 'create index concurrently%' and state = 'active'
             and datname = current_database()",
        ) == "0"
    });
    drop(reader);
    running
        .end()
        .fails_saying(31, &["tiers/index.sql:1:1", "interrupted", "half way"]);
    assert_eq!(
        db.ask("select to_regclass('public.widgets_name') is null"),
        "t"
    );
    run_with(&operator, &["--resume"]).done();
}

/// A failed rollback is not the last attempt once the run was resumed, although the ledger's row is older.
#[test]
fn the_last_attempt_after_a_resumed_run() {
    let (db, release, site) = small("lastattempt");
    db.client()
        .batch_execute("create table public.switch as select 0 as n")
        .unwrap();
    let divide = "select 1 / n from public.switch;\n";
    let release = release
        .alone("alone", &format!("create table public.fine ();\n{divide}"))
        .rollback(
            "alone",
            &format!("{divide}drop table if exists public.fine;\n"),
        );
    let operator = site.operator(&site.pack(&release), &db.url());
    operator.run().fails(31);
    next_second();
    operator.rollback().fails(30);
    let last = "the last attempt failed: rollback of ";
    let text = operator.status_text();
    assert!(text.contains(last), "{text}");
    db.client()
        .batch_execute("update public.switch set n = 1")
        .unwrap();
    next_second();
    run_with(&operator, &["--resume"]).done();
    let text = operator.status_text();
    assert!(!text.contains(last), "{text}");
}
