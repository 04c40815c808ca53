//! Transactions that become visible before the server sends their invalidations. `COMMIT PREPARED` removes files in
//! between, and waits for the checkpointer while its queue is full: here for as long as the test wants.

use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use postgres::{Client, NoTls};

use super::between::Between;
use super::gate_races::{ask, read, says_ready};
use pgseal::database::Table;
use pgseal::release::question::QuestionError;
use pgseal_testkit::release::wait_until;
use pgseal_testkit::server::Server;

/// The checkpointer's queue has one place per shared buffer.
const CONF: &str = "max_prepared_transactions = 2\nshared_buffers = 512kB\n";

/// Files to remove: more than the queue has places, but too few for a complete cache reset.
const TABLES: u32 = 100;

/// The state of the gate when a transaction commits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Waits for a lock while it is parsed without its literals, before any check.
    Parsing,
    /// Waits for a lock in its first planning.
    Planning,
    /// Before its second opening.
    Opening,
}

/// Evaluates a gate, and commits a transaction at the given state. The transaction is visible to the gate's next parse,
/// but the server has not yet sent its invalidations.
fn asked_beside(
    at: At,
    lay: &str,
    swap: &str,
    is_visible: &str,
    gate: &str,
) -> Result<Table, QuestionError> {
    asked_beside_what_is_made(
        at,
        lay,
        "",
        swap,
        is_visible,
        gate,
        Duration::from_millis(500),
    )
}

/// The same with `made`, an object created and announced after the first look at the catalog; the transaction's
/// invalidations follow after `untold`.
fn asked_beside_what_is_made(
    at: At,
    lay: &str,
    made: &str,
    swap: &str,
    is_visible: &str,
    gate: &str,
    untold: Duration,
) -> Result<Table, QuestionError> {
    let server = Server::start("local all all trust\n", CONF);
    let connection = server.local("postgres");
    let client = || Client::connect(&connection, NoTls).unwrap();
    let mut look = client();
    let count = |look: &mut Client, sql: &str| look.query_one(sql, &[]).unwrap().get::<_, i64>(0);
    look.batch_execute(&format!(
        "create table public.z (id integer); create index z_i on public.z (id);
         create table public.busy (); {lay}"
    ))
    .unwrap();
    for number in 0..TABLES {
        look.batch_execute(&format!("create table public.x{number} ()"))
            .unwrap();
    }
    let drops: Vec<_> = (0..TABLES)
        .map(|number| format!("drop table public.x{number}"))
        .collect();
    let drops = drops.join(";");
    let make_and_prepare = || {
        client().batch_execute(made).unwrap();
        client()
            .batch_execute(&format!(
                "begin; {swap}; {drops}; prepare transaction 'swap'"
            ))
            .unwrap();
    };
    if made.is_empty() {
        make_and_prepare();
    }
    // Other transactions are in progress, one in a subtransaction and one prepared: none of them blocks the gate.
    let mut busy = client();
    busy.batch_execute(
        "begin; insert into public.busy default values; savepoint a; insert into public.busy default values",
    )
    .unwrap();
    look.batch_execute("begin; insert into public.busy default values; prepare transaction 'busy'")
        .unwrap();

    let checkpointer =
        "select pid::bigint from pg_stat_activity where backend_type = 'checkpointer'";
    let checkpointer = count(&mut look, checkpointer).to_string();
    let signal = |signal: &str| {
        assert!(
            Command::new("kill")
                .args([signal, &checkpointer])
                .status()
                .unwrap()
                .success()
        )
    };
    let mut holding = client();
    match at {
        At::Parsing => holding
            .batch_execute("begin; lock table public.z in access exclusive mode")
            .unwrap(),
        At::Planning => holding
            .batch_execute("begin; reindex index public.z_i")
            .unwrap(),
        At::Opening => (),
    }
    signal("-STOP");
    let (is_opening, is_visible_to_it) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let (mut is_made, mut openings) = (made.is_empty(), 0);
            let mut session = Between::new(read(&connection), |sql| {
                // The first query after the versions.
                if !is_made && sql.contains("from pg_amproc") {
                    make_and_prepare();
                    is_made = true;
                }
                openings += u32::from(sql == gate);
                // It was analysed and opened.
                if at == At::Opening && sql == gate && openings == 3 {
                    is_opening.store(true, SeqCst);
                    wait_until("it is visible", || is_visible_to_it.load(SeqCst));
                }
            });
            ask(&mut session, gate)
        });
        let waits = |relation: &str| {
            format!(
                "select count(*) from pg_locks where relation = '{relation}'::regclass and not granted"
            )
        };
        match at {
            At::Parsing => wait_until("the gate waits", || {
                count(&mut look, &waits("public.z")) > 0
            }),
            At::Planning => wait_until("the gate waits", || {
                count(&mut look, &waits("public.z_i")) > 0
            }),
            At::Opening => wait_until("it is opened again", || {
                is_opening.load(SeqCst) || asking.is_finished()
            }),
        }
        if asking.is_finished() {
            signal("-CONT");
            return asking.join().unwrap();
        }
        let committing = scope.spawn(|| client().batch_execute("commit prepared 'swap'").unwrap());
        wait_until("it is visible", || count(&mut look, is_visible) > 0);
        // A rollback also has files to remove.
        let rolling_back = scope.spawn(move || holding.batch_execute("rollback").unwrap());
        is_visible_to_it.store(true, SeqCst);
        thread::sleep(untold);
        assert!(!committing.is_finished(), "it has told by now");
        signal("-CONT");
        committing.join().unwrap();
        rolling_back.join().unwrap();
        asking.join().unwrap()
    })
}

/// Row level security is enabled on the table that no longer has this name.
#[test]
fn a_name_whose_meaning_was_not_told_yet() {
    for name in [
        "oid = 'public.t'::regclass",
        "oid = any ('{public.t}'::regclass[])",
    ] {
        let answer = asked_beside(
            At::Planning,
            "create table public.t (); create table public.u (); alter table public.u enable row level security",
            "alter table public.t rename to v; alter table public.u rename to t; alter table public.v rename to u;
             alter table public.t disable row level security; alter table public.u enable row level security",
            "select count(*) from pg_class
             where relname = 'u' and relrowsecurity and oid < (select oid from pg_class where relname = 't')",
            &format!(
                "select relrowsecurity as ready, 'x' as reason from pg_class
                 where {name} and not exists (select from public.z where id = 1)"
            ),
        );
        assert!(answer.is_ok() && !says_ready(&answer), "{name}: {answer:?}");
    }
}

/// Only the table in the schema that no longer has this name is approved.
#[test]
fn a_schema_whose_name_was_not_told_yet() {
    let answer = asked_beside(
        At::Planning,
        "create schema a; create table a.t (ok boolean); insert into a.t values (false);
         create schema b; create table b.t (ok boolean); insert into b.t values (false)",
        "alter schema a rename to c; alter schema b rename to a; alter schema c rename to b; update b.t set ok = true",
        "select count(*) from pg_namespace where nspname = 'b' and oid < (select oid from pg_namespace where nspname = 'a')",
        "select bool_and(ok) as ready, 'x' as reason from a.t where not exists (select from public.z where id = 1)",
    );
    assert!(answer.is_ok() && !says_ready(&answer), "{answer:?}");
}

/// The value is `yes` only where the query would be an error.
#[test]
fn a_cast_without_a_function_that_is_gone() {
    for (at, from) in [
        (
            At::Planning,
            "public.t where not exists (select from public.z where id = 1)",
        ),
        // The left side of the comma is parsed first.
        (
            At::Parsing,
            "(select length(m) = 3 as is_yes from public.t) as t left join public.z on true",
        ),
    ] {
        let ready = if at == At::Parsing {
            "is_yes"
        } else {
            "length(m) = 3"
        };
        let answer = asked_beside(
            at,
            "create type public.mood as enum ('no', 'yes'); create cast (public.mood as text) with inout as implicit;
             create table public.t (m public.mood); insert into public.t values ('no')",
            "drop cast (public.mood as text); update public.t set m = 'yes'",
            "select count(*) from public.t where m = 'yes'",
            &format!("select bool_and({ready}) as ready, 'x' as reason from {from}"),
        );
        assert!(answer.is_err(), "{from}: {answer:?}");
    }
}

/// The cast exists only after the first look at the catalog, and the rows are from after its drop: as texts, none is
/// worse than minor.
#[test]
fn a_cast_that_is_made_and_dropped_meanwhile() {
    for at in [At::Planning, At::Opening] {
        let answer = asked_beside_what_is_made(
            at,
            "create type public.sev as enum ('minor', 'blocker', 'zzz');
             create table public.t (s public.sev); insert into public.t values ('blocker'), ('zzz');
             alter table public.z add a text, add b text;
             create view public.later as select from public.z where a > b and id = 1",
            "create cast (public.sev as text) with inout as implicit",
            "drop cast (public.sev as text); delete from public.t where s = 'zzz'",
            "select (count(*) = 1)::integer::bigint from public.t",
            "select count(*) = 0 as ready, 'x' as reason from public.t
             where s > 'minor' and not exists (select from public.later)",
            Duration::from_millis(500),
        );
        match at {
            // The cast is gone at the next evaluation.
            At::Planning => assert!(answer.is_ok() && !says_ready(&answer), "{answer:?}"),
            _ => assert!(
                matches!(answer, Err(QuestionError::Changed(_))),
                "{answer:?}"
            ),
        }
    }
}

/// Two enumerations with opposite orders of severities are swapped, together with the severities: none was ever high.
#[test]
fn a_type_whose_name_was_not_told_yet() {
    let answer = asked_beside(
        At::Parsing,
        "create type public.sev as enum ('low', 'high'); create type public.ves as enum ('high', 'low');
         create table public.t (s text); insert into public.t values ('low')",
        "alter type public.sev rename to x; alter type public.ves rename to sev; alter type public.x rename to ves;
         update public.t set s = 'high'",
        "select count(*) from public.t where s = 'high'",
        "select bool_and(s > 'low') as ready, 'x' as reason
         from (select s::public.sev as s from public.t) as t left join public.z on true",
    );
    // The name's present meaning is not the one that was checked.
    assert!(
        matches!(answer, Err(QuestionError::Changed(_))),
        "{answer:?}"
    );
}

/// A commit that takes longer than the gate waits is no reason for another evaluation.
#[test]
fn a_transaction_that_does_not_tell() {
    let answer = asked_beside_what_is_made(
        At::Opening,
        "create type public.sev as enum ('minor', 'blocker'); create table public.t (s public.sev)",
        "",
        "insert into public.t values ('minor')",
        "select count(*) from public.t",
        "select count(*) = 0 as ready, 'x' as reason from public.t where s = 'blocker'",
        Duration::from_secs(13),
    );
    let error = answer.unwrap_err().to_string();
    assert!(
        error.contains("what a transaction did that is still being committed changed"),
        "{error}"
    );
}
