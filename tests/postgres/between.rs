//! Concurrent changes at chosen moments: a real session, with a hook of the test before each call. A change can thus
//! happen wherever another session could make one, without luck.

use std::io::Read;
use std::time::Duration;

use super::gate_races::{SNAP, as_role, ask, ask_within, assert_snaps, read, says_ready, snapped};
use pgseal::database::{
    BatchAnswer, Cancel, ChangedReading, Column, DatabaseError, Identity, Notice, Parameter,
    Session, Table,
};
use pgseal::release::question::{QuestionError, Within};
use pgseal_testkit::cluster::{Cluster, GATE_USER};

/// Passed to the hook instead of SQL when rows are fetched.
pub(super) const FETCH: &str = "FETCH";

/// A session with a hook that runs before each call that waits for the server; the hook receives the SQL.
pub(super) struct Between<'a> {
    session: Box<dyn Session>,
    act: Box<dyn FnMut(&str) + 'a>,
}

impl<'a> Between<'a> {
    pub fn new(session: Box<dyn Session>, act: impl FnMut(&str) + 'a) -> Self {
        Self {
            session,
            act: Box::new(act),
        }
    }

    fn before(&mut self, sql: &str) -> &mut dyn Session {
        (self.act)(sql);
        self.session.as_mut()
    }
}

impl Session for Between<'_> {
    fn batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.before(sql).batch(sql)
    }

    fn batch_ahead(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.session.batch_ahead(sql)
    }

    fn server_version_num(&self) -> u32 {
        self.session.server_version_num()
    }

    fn process(&self) -> u32 {
        self.session.process()
    }

    fn identity(&self) -> &Identity {
        self.session.identity()
    }

    fn execute_with(&mut self, sql: &str, parameters: &[String]) -> Result<u64, DatabaseError> {
        self.before(sql).execute_with(sql, parameters)
    }

    fn rows(&mut self, sql: &str, limit: usize) -> Result<Table, DatabaseError> {
        self.before(sql).rows(sql, limit)
    }

    fn send_batch(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.before(sql).send_batch(sql)
    }

    fn receive_batch(&mut self) -> Result<BatchAnswer, DatabaseError> {
        self.session.receive_batch()
    }

    fn copy_in(&mut self, sql: &str, data: &mut dyn Read) -> Result<u64, DatabaseError> {
        self.before(sql).copy_in(sql, data)
    }

    fn copy_out(&mut self, sql: &str) -> Result<u64, DatabaseError> {
        self.before(sql).copy_out(sql)
    }

    fn analyse(&mut self, sql: &str) -> Result<Vec<Column>, DatabaseError> {
        self.before(sql).analyse(sql)
    }

    fn select(&mut self, sql: &str, limit: usize) -> Result<Table, DatabaseError> {
        self.before(sql).select(sql, limit)
    }

    fn open_cursor(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.before(sql).open_cursor(sql)
    }

    fn fetch(&mut self, limit: usize) -> Result<Table, DatabaseError> {
        self.before(FETCH).fetch(limit)
    }

    fn query_with(
        &mut self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
        again: bool,
    ) -> Result<Table, DatabaseError> {
        self.before(sql).query_with(sql, parameters, again)
    }

    fn keep(&mut self, sql: &str) -> Result<(), DatabaseError> {
        self.before(sql).keep(sql)
    }

    fn execute_kept(&mut self) -> Result<(), DatabaseError> {
        self.before("EXECUTE").execute_kept()
    }

    fn canceller(&self) -> Box<dyn Cancel> {
        self.session.canceller()
    }

    fn set_patience(&mut self, patience: Duration) {
        self.session.set_patience(patience);
    }

    fn set_deadline(&mut self, limit: Duration) {
        self.session.set_deadline(limit);
    }

    fn notices(&mut self) -> Vec<Notice> {
        self.session.notices()
    }

    fn changed_reading(&self) -> Option<ChangedReading> {
        self.session.changed_reading()
    }
}

/// A change and its reversal, each committed at once. The gate is true in neither state.
struct ComesAndGoes {
    what: &'static str,
    lay: &'static str,
    comes: &'static str,
    goes: &'static str,
    gate: &'static str,
}

const CHANGES: &[ComesAndGoes] = &[
    ComesAndGoes {
        what: "a cast without a function, and the row that is high without it",
        lay: "create type public.sev as enum ('trivial', 'minor', 'blocker', 'zzz');
              create table public.t (s public.sev); insert into public.t values ('blocker');
              create table public.words (a text, b text);
              create view public.later as select a from public.words where a > b",
        comes: "create cast (public.sev as text) with inout as implicit; insert into public.t values ('zzz')",
        goes: "drop cast (public.sev as text); delete from public.t where s = 'zzz'",
        gate: "select count(*) = 0 as ready, 'x' as reason from public.t
               where s > 'minor' and not exists (select from public.later)",
    },
    ComesAndGoes {
        what: "a table of the same name, in which what is missing in the other stands",
        lay: "create table public.t (id integer); insert into public.t values (1);
              create table public.u (id integer); insert into public.u values (1)",
        comes: "delete from public.t; alter table public.t rename to x; alter table public.u rename to t;
                alter table public.x rename to u",
        goes: "delete from public.u; insert into public.u values (1); alter table public.t rename to x;
               alter table public.u rename to t; alter table public.x rename to u",
        gate: "select count(*) = 0 as ready, 'x' as reason from public.t",
    },
    ComesAndGoes {
        what: "a partition with the blocker",
        lay: "create table public.t (id integer) partition by list (id);
              create table public.one partition of public.t for values in (1); insert into public.one values (1);
              create table public.two (id integer); insert into public.two values (2)",
        comes: "alter table public.t attach partition public.two for values in (2); delete from public.one",
        goes: "alter table public.t detach partition public.two; insert into public.one values (1)",
        gate: "select count(*) = 0 as ready, 'x' as reason from public.t",
    },
    ComesAndGoes {
        what: "a view of the other column",
        lay: "create table public.t (a integer, b integer); insert into public.t values (1, 0);
              create view public.v as select a as blockers from public.t",
        comes: "create or replace view public.v as select b as blockers from public.t; update public.t set a = 0, b = 1",
        goes: "create or replace view public.v as select a as blockers from public.t; update public.t set a = 1, b = 0",
        gate: "select sum(blockers) = 0 as ready, 'x' as reason from public.v",
    },
    ComesAndGoes {
        what: "the order of labels",
        lay: "create type public.sev as enum ('low', 'high'); create table public.t (s public.sev);
              insert into public.t values ('high')",
        comes: "alter type public.sev rename value 'high' to 'x'; alter type public.sev rename value 'low' to 'high';
                alter type public.sev rename value 'x' to 'low'; update public.t set s = 'high'",
        goes: "alter type public.sev rename value 'high' to 'x'; alter type public.sev rename value 'low' to 'high';
               alter type public.sev rename value 'x' to 'low'; update public.t set s = 'high'",
        gate: "select count(*) = 0 as ready, 'x' as reason from public.t where s = 'high'",
    },
];

/// Applies each change before one call of a guarded query and reverts it before a later one, for every pair of calls.
#[test]
fn whatever_comes_and_goes_between_two_steps() {
    let cluster = Cluster::shared();
    for change in CHANGES {
        let db = cluster.database("between");
        let mut other = db.client();
        other.batch_execute(change.lay).unwrap();
        other
            .batch_execute("grant select on all tables in schema public to public")
            .unwrap();
        other.batch_execute("set lock_timeout = 20").unwrap();
        let url = as_role(&db, GATE_USER);
        let mut calls = 0;
        let answer = ask(&mut Between::new(read(&url), |_| calls += 1), change.gate);
        assert!(
            answer.is_ok() && !says_ready(&answer),
            "{}: {answer:?}",
            change.what
        );
        let mut acted = 0;
        for comes in 0..calls {
            for goes in comes..=calls {
                let (mut call, mut is_there) = (0, false);
                let answer = {
                    let mut session = Between::new(read(&url), |_| {
                        if call == comes && !is_there {
                            is_there = other.batch_execute(change.comes).is_ok();
                        }
                        if call == goes && is_there {
                            is_there = other.batch_execute(change.goes).is_err();
                        }
                        call += 1;
                    });
                    ask(&mut session, change.gate)
                };
                assert!(
                    !says_ready(&answer),
                    "{}: comes before call {comes}, goes before {goes}: {answer:?}",
                    change.what
                );
                acted += usize::from(!is_there);
                if is_there {
                    other
                        .batch_execute(&format!(
                            "set lock_timeout = 0; {}; set lock_timeout = 20",
                            change.goes
                        ))
                        .unwrap();
                }
            }
        }
        eprintln!("{}: {calls} calls, {acted} came and went", change.what);
    }
}

/// A role that may create in a schema of the path adds an operator that matches better. The planner calls it for
/// estimates when a superuser's run plans its gate.
#[test]
fn an_operator_that_comes_before_a_superuser_plans() {
    let db = Cluster::shared().database("operator");
    let role = format!("mallory_{}", db.name());
    db.client()
        .batch_execute(&format!(
            "create role {role} login; grant create on schema public to {role};
             create table public.pay (amount numeric);
             insert into public.pay select n % 5 from generate_series(1, 1000) as n; analyze public.pay"
        ))
        .unwrap();
    let mut mallory = postgres::Client::connect(&as_role(&db, &role), postgres::NoTls).unwrap();
    let operator = format!(
        "create function public.more(numeric, integer) returns boolean language plpgsql as $$ begin {SNAP} return true; end $$;
         create operator public.> (leftarg = numeric, rightarg = integer, function = public.more, restrict = scalargtsel)"
    );
    let gate =
        "select count(*) = 0 as ready, 'unpaid' as reason from public.pay where amount > 1000";
    let mut is_made = false;
    let mut session = Between::new(read(&as_role(&db, "postgres")), |sql| {
        if sql == gate && !is_made {
            mallory.batch_execute(&operator).unwrap();
            is_made = true;
        }
    });
    let answer = ask_within(&mut session, gate, Within::Run);
    drop(session);
    // Before PostgreSQL 14 it is refused because of the functions that its SQL functions would call.
    assert!(
        is_made && (says_ready(&answer) || matches!(answer, Err(QuestionError::Uses(_)))),
        "{answer:?}"
    );
    assert!(!snapped(&db));
    let unqualified = ask_within(
        read(&as_role(&db, "postgres")).as_mut(),
        "select count(*) = 0 as ready, 'unpaid' as reason from pay",
        Within::Run,
    );
    let refused = unqualified.unwrap_err().to_string();
    assert!(
        refused.contains("a superuser's run looks up no name without its schema"),
        "{refused}"
    );
    assert_snaps(&db);
    drop(mallory);
    db.client()
        .batch_execute(&format!("drop owned by {role} cascade; drop role {role}"))
        .unwrap();
}

/// Owners may rename their types without a right on the schema, and `f('x')` may mean a cast to a type.
#[test]
fn a_type_that_takes_a_functions_name() {
    let db = Cluster::shared().database("renamedtype");
    let role = format!("mallory_{}", db.name());
    db.client()
        .batch_execute(&format!(
            "create role {role} login; grant create on schema public to {role};
             create table public.jobs (state text); insert into public.jobs values ('failed'); set role {role};
             create function public.check_it(text) returns boolean language plpgsql as $$ begin {SNAP} return true; end $$;
             create domain public.dm as text check (public.check_it(value)); create type public.old as range (subtype = public.dm);
             reset role; revoke create on schema public from {role}"
        ))
        .unwrap();
    let mut mallory = postgres::Client::connect(&as_role(&db, &role), postgres::NoTls).unwrap();
    for table in ["jobs", "public.jobs"] {
        let gate = format!(
            "select count(*) = 0 as ready, 'x' as reason from {table}
             where state in (select jsonb_array_elements_text('[\"failed\",\"open\"]'))"
        );
        let mut is_renamed = false;
        let mut session = Between::new(read(&as_role(&db, "postgres")), |sql| {
            if sql == gate && !is_renamed {
                mallory
                    .batch_execute("alter type public.old rename to jsonb_array_elements_text")
                    .unwrap();
                is_renamed = true;
            }
        });
        let answer = ask_within(&mut session, &gate, Within::Run);
        drop(session);
        assert!(!snapped(&db), "{table}: {answer:?}");
        match table {
            "jobs" => assert!(
                matches!(answer, Err(QuestionError::Hidden(..))),
                "{answer:?}"
            ),
            _ => assert!(
                is_renamed && answer.is_ok() && !says_ready(&answer),
                "{answer:?}"
            ),
        }
    }
    assert_snaps(&db);
    drop(mallory);
    db.client()
        .batch_execute(&format!("drop owned by {role} cascade; drop role {role}"))
        .unwrap();
}

/// All objects belong to a superuser, and every name is qualified. Still, a function named like a type replaces a cast
/// written as a call, and an automatic array type yields its name to any new type. A cast to the type that a column
/// already has appears in no tree.
#[test]
fn a_superuser_names_no_type_in_a_run() {
    let db = Cluster::shared().database("typenames");
    let role = format!("mallory_{}", db.name());
    db.client()
        .batch_execute(&format!(
            "create role {role} login; grant create on schema public to {role};
             create type public.mood as enum ('open', 'done'); create table public.jobs (state public.mood, states public.mood[], note text);
             insert into public.jobs values ('done', '{{done}}', 'done'); set role {role};
             create function public.check_it(text) returns boolean language plpgsql as $$ begin {SNAP} return true; end $$;
             create domain public.dm as text check (public.check_it(value)); create domain public.old as public.dm[]"
        ))
        .unwrap();
    let mut mallory = postgres::Client::connect(&as_role(&db, &role), postgres::NoTls).unwrap();
    for (condition, is_asked) in [
        ("state = public.mood('open'::text)", false),
        ("state::text = any ('{open}'::public._mood::text[])", false),
        ("public.mood(state)::text = 'open'", false),
        ("'open' = any (states::public._mood::text[])", false),
        ("note = 'open'", true),
    ] {
        let gate = format!(
            "select count(*) = 0 as ready, 'x' as reason from public.jobs where {condition}"
        );
        let mut is_made = false;
        let mut session = Between::new(read(&as_role(&db, "postgres")), |sql| {
            if sql == gate && !is_made {
                mallory
                    .batch_execute(
                        "create function public.mood(text) returns public.mood immutable language plpgsql as $$
                             begin perform public.check_it($1); return 'open'; end $$;
                         alter domain public.old rename to _mood",
                    )
                    .unwrap();
                is_made = true;
            }
        });
        let answer = ask_within(&mut session, &gate, Within::Run);
        drop(session);
        assert!(!snapped(&db), "{condition}: {answer:?}");
        match is_asked {
            true => assert!(says_ready(&answer), "{condition}: {answer:?}"),
            false => assert!(
                matches!(answer, Err(QuestionError::MadeType(_))),
                "{condition}: {answer:?}"
            ),
        }
        if is_made {
            mallory
                .batch_execute(
                    "drop function public.mood(text); alter domain public._mood rename to old",
                )
                .unwrap();
        }
    }
    assert_snaps(&db);
    drop(mallory);
    db.client()
        .batch_execute(&format!("drop owned by {role} cascade; drop role {role}"))
        .unwrap();
}

/// Types and schemas have no locks. Others could replace them after the check with code that a superuser's run would
/// execute.
#[test]
fn a_superuser_asks_nothing_of_others_in_a_run() {
    let db = Cluster::shared().database("others");
    let role = format!("mallory_{}", db.name());
    db.client()
        .batch_execute(&format!(
            "create role {role} login; grant create on schema public to {role};
             create table public.own (state text); create table public.parent (state text);
             create schema s; create table s.own (state text); alter schema s owner to {role};
             set role {role};
             create table public.theirs (state text); create materialized view public.kept as table public.theirs;
             reset role; alter table public.theirs inherit public.parent; create view public.seen as table public.theirs"
        ))
        .unwrap();
    let asked = |from: &str, by: &str, within: Within| {
        let gate = format!("select count(*) = 0 as ready, 'x' as reason from {from}");
        ask_within(read(&as_role(&db, by)).as_mut(), &gate, within)
    };
    for (from, refused) in [
        ("public.theirs", format!("public.theirs belongs to {role}")),
        ("public.kept", format!("public.kept belongs to {role}")),
        ("public.seen", format!("public.theirs belongs to {role}")),
        ("public.parent", format!("public.theirs belongs to {role}")),
        ("s.own", format!("schema s belongs to {role}")),
    ] {
        let error = asked(from, "postgres", Within::Run)
            .unwrap_err()
            .to_string();
        assert!(error.contains(&refused), "{from}: {error}");
        let answer = asked(from, "postgres", Within::TrustingRun);
        assert!(says_ready(&answer), "{from}: {answer:?}");
    }
    db.client()
        .batch_execute(&format!(
            "grant all on all tables in schema public to {role}"
        ))
        .unwrap();
    assert!(says_ready(&asked("public.own", "postgres", Within::Run)));
    assert!(
        says_ready(&asked("public.theirs", &role, Within::Run)),
        "who is no superuser may"
    );
    db.client()
        .batch_execute(&format!("drop owned by {role} cascade; drop role {role}"))
        .unwrap();
}

/// Approvals expire; one is granted while the gate waits, after the only other one has expired.
#[test]
fn a_time_that_is_older_than_the_rows() {
    let gate = "select count(*) > 0 as ready, 'x' as reason from public.approvals where ok and ends > now()";
    for opening in 1..=2 {
        let db = Cluster::shared().database("time");
        let mut other = db.client();
        other
            .batch_execute(
                "create table public.approvals (ok boolean, ends timestamptz);
                 insert into public.approvals values (false, now() + interval '2 s');
                 grant select on public.approvals to public",
            )
            .unwrap();
        let mut seen = 0;
        let mut session = Between::new(read(&as_role(&db, GATE_USER)), |sql| {
            // The gate is analysed, opened, and opened again.
            seen += i32::from(sql == gate);
            if sql == gate && seen == opening + 1 {
                std::thread::sleep(Duration::from_secs(6));
                other
                    .batch_execute("update public.approvals set ok = true")
                    .unwrap();
            }
        });
        let answer = ask(&mut session, gate);
        drop(session);
        assert!(
            seen > 3 && answer.is_ok() && !says_ready(&answer),
            "{answer:?}"
        );
    }
}

/// A blocker is inserted before the freeze ends, or before the session ends that another gate waits for, and the rows
/// are older than both.
#[test]
fn a_state_that_is_younger_than_the_rows() {
    for frozen in [
        "from public.freezes where ends > clock_timestamp()",
        "from pg_stat_activity where application_name = 'freeze_' || current_database()",
    ] {
        let db = Cluster::shared().database("late");
        let mut other = db.client();
        other
            .batch_execute(
                "create table public.freezes (ends timestamptz);
                 insert into public.freezes values (now() + interval '4 s');
                 create table public.blockers (); grant select on public.freezes, public.blockers to public",
            )
            .unwrap();
        let mut freeze = db.client();
        freeze
            .batch_execute(&format!("set application_name = 'freeze_{}'", db.name()))
            .unwrap();
        let gate = format!(
            "select not exists (select {frozen}) and not exists (select from public.blockers) as ready, 'x' as reason"
        );
        let (mut fetches, mut freeze) = (0, Some(freeze));
        let mut session = Between::new(read(&as_role(&db, GATE_USER)), |sql| {
            fetches += i32::from(sql == FETCH);
            if sql == FETCH && fetches == 1 {
                other
                    .batch_execute("insert into public.blockers default values")
                    .unwrap();
                freeze.take();
                std::thread::sleep(Duration::from_secs(6));
            }
        });
        let answer = ask(&mut session, &gate);
        drop(session);
        assert!(
            fetches == 2 && answer.is_ok() && !says_ready(&answer),
            "{frozen}: {answer:?}"
        );
    }
}
