//! Times of locks in the receipt of a rehearsal: never less than the real ones.

use serde_json::Value;

use super::rehearse::{Shop, last_receipt};

fn lock<'r>(receipt: &'r Value, relation: &str) -> &'r Value {
    let locks = receipt["locks"].as_array().unwrap();
    let found = locks.iter().find(|lock| lock["relation"] == relation);
    found.unwrap_or_else(|| panic!("{relation} is not in {locks:?}"))
}

fn milliseconds(lock: &Value) -> u64 {
    lock["milliseconds"].as_u64().unwrap()
}

#[test]
fn locks_count_from_before_their_script() {
    let shop = Shop::new("locktimes");
    shop.db
        .client()
        .batch_execute(
            "create table public.early (n integer);
             create table public.late (n integer);
             create table public.alone (n integer); insert into public.alone values (1);
             create table public.twice (n integer);
             create function public.late() returns trigger language plpgsql as
             $$ begin lock table public.late in share mode; return null; end $$;
             create constraint trigger late after insert on public.early deferrable initially deferred
                 for each row execute function public.late();",
        )
        .unwrap();
    let tier = "lock table public.approvals in exclusive mode;
        lock table public.twice in share mode;
        insert into public.early values (1);
        select pg_sleep(1.5);\n";
    let release = shop
        .release()
        .tier("slow", tier)
        .tier(
            "more",
            "lock table public.twice in access exclusive mode;\n",
        )
        .alone(
            "alone",
            "update public.alone set n = n + (select count(pg_sleep(1)) from public.alone);\n",
        )
        .rollback("early", "delete from public.early;\n")
        .rollback("alone", "update public.alone set n = 1;\n");
    shop.rehearsal(&release)
        .run()
        .done()
        .says(&["the longest at most"]);
    let receipt = last_receipt(&shop.site);
    // The lock was taken at the script's start.
    let approvals = lock(&receipt, "public.approvals");
    assert_eq!(approvals["mode"], "ExclusiveLock");
    assert_eq!(approvals["tier"], "slow");
    let slow = milliseconds(approvals);
    assert!((1_500..30_000).contains(&slow), "{approvals}");
    // A trigger at the end of the transaction took it.
    assert_eq!(lock(&receipt, "public.late")["mode"], "ShareLock");
    // The transaction of a single statement.
    let alone = lock(&receipt, "public.alone");
    assert_eq!(
        (&alone["tier"], &alone["mode"]),
        (&"alone".into(), &"RowExclusiveLock".into())
    );
    assert!(milliseconds(alone) >= 1_000, "{alone}");
    // A short strong lock does not hide a long weaker one.
    let locks = receipt["locks"].as_array().unwrap();
    let twice = locks
        .iter()
        .filter(|lock| lock["relation"] == "public.twice");
    let twice: Vec<_> = twice.collect();
    let modes: Vec<_> = twice.iter().map(|lock| &lock["mode"]).collect();
    assert_eq!(modes, ["AccessExclusiveLock", "ShareLock"]);
    assert!(milliseconds(twice[0]) < milliseconds(twice[1]));
    assert!(milliseconds(twice[1]) >= 1_500, "{twice:?}");
}
