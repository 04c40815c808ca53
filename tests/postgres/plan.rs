//! `plan`: its objects and locks match the server's.

use std::collections::BTreeMap;

use pgseal::lint::touches::touches;
use serde_json::json;

use super::{database, small};
use pgseal_testkit::cluster::{Cluster, programs};
use pgseal_testkit::release::Answer;

const THERE: &str = "
    create table public.t (id integer primary key, other integer, note text);
    create table public.u (id integer primary key, note text);
    create index t_other on public.t (other);
    create view public.v as select id from public.t;
    create materialized view public.m as select id from public.t;
    create unique index m_id on public.m (id);
    create sequence public.s;
    create function public.f() returns trigger language plpgsql as 'begin return new; end';
    create table public.parent (id integer, part integer) partition by list (part);
    create table public.part_1 (id integer, part integer);
    alter table public.t add constraint positive check (other > 0) not valid;";

/// Executes each statement in a transaction of its own; compares the strongest lock of each relation that existed
/// before.
#[test]
fn locks_are_those_that_the_server_takes() {
    let db = database("plan_locks");
    let (mut client, mut other) = (db.client(), db.client());
    client.batch_execute(THERE).unwrap();
    for sql in [
        "create index on t (note)",
        "create table w (id integer references u)",
        "create table p partition of parent for values in (2)",
        "alter table t add column more integer",
        "alter table t add foreign key (other) references u",
        "alter table t validate constraint positive",
        "alter table only t alter column note set statistics 10",
        "alter table t set (fillfactor = 90)",
        "alter table t disable trigger user, alter column note set default 'x'",
        "alter table t disable trigger user",
        "alter table parent attach partition part_1 for values in (1)",
        "alter view v alter column id set default 1",
        "alter table t rename column note to words",
        "create trigger g before insert on t for each row execute function f()",
        "create or replace view v as select id from t",
        "create policy p on t",
        "create rule r as on insert to u do also nothing",
        "drop view v",
        "drop materialized view m",
        "truncate table u",
        "refresh materialized view m",
        "refresh materialized view concurrently m",
        "comment on table t is 'x'",
        "lock table u in share row exclusive mode",
        "lock u",
        "cluster t using t_pkey",
        "reindex table u",
        "analyze t",
        "alter sequence s restart",
        "insert into t values (1)",
        "select count(*) from t",
    ] {
        let mut transaction = client.transaction().unwrap();
        transaction
            .batch_execute(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
        let pid: i32 = transaction
            .query_one("select pg_backend_pid()", &[])
            .unwrap()
            .get(0);
        // From another session, dropped objects still exist, and new ones don't.
        let rows = other
            .query(
                "select format('%s.%s', n.nspname, c.relname), l.mode from pg_locks l join pg_class c on c.oid = l.relation
                 join pg_namespace n on n.oid = c.relnamespace where l.pid = $2 and l.locktype = 'relation'
                 and n.nspname = 'public' and c.relkind in ('r', 'p', 'v', 'm', 'S') and c.relname = any ($1)",
                &[&vec!["t", "u", "v", "m", "s", "parent", "part_1"], &pid],
            )
            .unwrap();
        transaction.rollback().unwrap();
        let mut taken: BTreeMap<String, &str> = BTreeMap::new();
        let mut keep = |relation: String, mode: &str| {
            let Some(strength) = MODES.iter().position(|known| *known == mode) else {
                return;
            };
            let known = taken.entry(relation).or_insert(MODES[strength]);
            if MODES.iter().position(|mode| mode == known) < Some(strength) {
                *known = MODES[strength];
            }
        };
        rows.iter().for_each(|row| keep(row.get(0), row.get(1)));
        let told = touches(sql, &["public".to_owned()]).locks;
        let told: BTreeMap<String, &str> = told
            .into_iter()
            .map(|lock| (lock.relation, lock.mode.as_str()))
            .collect();
        assert_eq!(told, taken, "{sql}");
    }
}

/// The reported lock modes, from the weakest to the strongest.
const MODES: [&str; 5] = [
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

#[test]
fn objects_locks_and_states() {
    let (db, release, site) = small("plan_objects");
    let tier = "alter table approvals add column note text;\ncreate index on public.widgets (name);\n\
                do $$ begin null; end $$;\n";
    let release = release.tier("more", tier).rollback(
        "more",
        "alter table approvals drop column if exists note;\n",
    );
    let operator = site.operator(&site.pack(&release), &db.url());
    operator.plan().done().says(&[
        "creates table public.widgets; writes table public.widgets",
        "alters column public.approvals.note; 1 statement may do more than its words say",
        "locks until COMMIT: AccessExclusiveLock public.approvals",
        "it would run here",
    ]);
    let plan = operator.json("plan");
    let made = json!({ "how": "creates", "kind": "table", "name": "public.widgets" });
    assert!(
        plan["tiers"][0]["objects"]
            .as_array()
            .unwrap()
            .contains(&made),
        "{plan}"
    );
    // No session waits for a relation that the run itself has created.
    assert_eq!(plan["tiers"][0]["locks"], json!([]));
    assert_eq!(
        plan["tiers"][1]["locks"],
        json!([{ "relation": "public.approvals", "mode": "AccessExclusiveLock" }])
    );
    assert_eq!(
        (&plan["tiers"][1]["hidden"], &plan["rehearsal"]),
        (&json!(1), &json!(null))
    );
    assert_eq!(
        plan["expected"],
        json!({ "baseline": { "widgets": false }, "finalized": { "widgets": true } })
    );
    assert_eq!(plan["approvals"], json!({}));
}

/// Measurements of a real rehearsal replace the estimates from the statements: only relations that others wait for, and
/// an index as part of its table.
#[test]
fn locks_of_a_real_rehearsal() {
    let (db, release, site) = small("plan_rehearsed");
    let tier = "alter table approvals add column note text;\nselect pg_sleep(0.12);\n";
    let other = "do $$ begin execute 'alter table approvals add column seen boolean'; end $$;\nreindex index approvals_pkey;\n";
    let back = "alter table approvals drop column if exists note, drop column if exists seen;\n";
    let release = release
        .tier("note", tier)
        .tier("seen", other)
        .rollback("more", back);
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let plan = operator.json("plan");
    assert_eq!(
        (
            &plan["rehearsal"],
            plan["tiers"][2]["locks"].as_array().unwrap().len()
        ),
        (&json!(null), 1),
        "{plan}"
    );

    let mut rehearse = site.command();
    rehearse
        .env("PGSEAL_POSTGRES_BIN", programs().dir())
        .arg("rehearse")
        .arg(&bundle)
        .args(["--trust", "trust.json"]);
    rehearse.args([
        "--db",
        &Cluster::shared().server().url("postgres"),
        "--from",
        db.name(),
    ]);
    rehearse
        .args(["--receipt-key", "receipt.key", "--receipts"])
        .arg(operator.receipts());
    Answer::of(rehearse.output().unwrap()).done();

    let receipts = operator.receipts().to_str().unwrap();
    let answer = operator.ask_with("plan", &["--receipts", receipts]);
    answer
        .done()
        .says(&["rehearsed on ", "signed by ", "it would run here"]);
    let plan = operator
        .ask_with("plan", &["--receipts", receipts, "--json"])
        .json();
    let rehearsal = &plan["rehearsal"];
    assert_eq!(
        (&rehearsal["outcome"], rehearsal["signed_by"].is_string()),
        (&json!("proved"), true),
        "{plan}"
    );
    let locks = rehearsal["locks"].as_array().unwrap();
    let lock = |relation: &str| {
        locks
            .iter()
            .find(|lock| lock["relation"] == *relation)
            .unwrap_or_else(|| panic!("{plan}"))
    };
    let table = lock("public.approvals");
    assert_eq!(
        (&table["tier"], &table["mode"]),
        (&json!("note"), &json!("AccessExclusiveLock"))
    );
    // The lock was held from the end of its tier to COMMIT, without a sleep in between.
    let held = table["milliseconds"].as_u64().unwrap();
    let line = |tier: &str| {
        let lines: Vec<&str> = answer.stdout.lines().collect();
        let at = lines
            .iter()
            .position(|line| line.contains(&format!("/3 {tier}")))
            .unwrap();
        lines[at..]
            .iter()
            .skip(1)
            .take_while(|line| line.starts_with("    "))
            .copied()
            .collect::<Vec<_>>()
            .join("\n")
    };
    let told = format!("ms in the rehearsal, AccessExclusiveLock public.approvals {held} ms");
    assert!(line("note").ends_with(&told), "{answer}");
    let took = line("note")
        .split("took ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .unwrap()
        .parse::<u64>()
        .unwrap();
    assert!((120..60_000).contains(&took), "{answer}");
    // The rebuilt index was locked; the text covers it by its table.
    assert_eq!(lock("public.approvals_pkey")["mode"], "AccessExclusiveLock");
    assert!(!answer.stdout.contains("approvals_pkey"), "{answer}");
    // A tier without details has no colon after its name.
    assert!(
        answer.stdout.lines().any(|line| line == "2/3 note"),
        "{answer}"
    );
}
