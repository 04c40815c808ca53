//! Owners who stall the server between check and answer, and remove their objects before the second check: a table's
//! owner can stall the planner by a lock on an index or child table, which parsing doesn't lock.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::gate_races::{Stops, as_role, ask, ask_within, laid, read, rounds, says_ready, snapped};
use super::{small, small_without_gate_user};
use pgseal::database::Table;
use pgseal::release::question::{QuestionError, Within};
use pgseal_testkit::cluster::{Cluster, GATE_USER, TestDatabase};
use pgseal_testkit::release::wait_until;

/// Runs when the planner reads statistics, on both openings of the guarded query: sets the value that the gate reads,
/// and waits until the statistics are dropped again.
const LATE: &str = "
    create function public.late(also text) returns integer language plpgsql volatile as $$
        declare
            statement record;
            -- It runs more than once while one plan is made; between the openings, settings are put back.
            again bool := coalesce(current_setting('late.custom', true), '') = ''
                and exists (select from pg_locks where locktype = 'advisory' and objid = 4712 and pid = pg_backend_pid());
        begin
            perform set_config('application_name', 'late', false);
            if also = 'floods' then
                for n in 1..1100 loop raise notice 'noise'; end loop;
            end if;
            perform set_config('late.custom', 'late', false);
            perform set_config('extra_float_digits', '-10', false);
            if also in ('prepares', 'replaces') then
                for statement in select p.* from pg_prepared_statements p
                    where not from_sql and (also = 'prepares' or p.statement like '%pgseal_question%') loop
                    execute format('deallocate %I', statement.name);
                    execute format('prepare %I%s as %s', statement.name,
                        '(' || array_to_string(nullif(statement.parameter_types, '{}'), ',') || ')',
                        case also when 'prepares' then statement.statement else 'select 1' end);
                end loop;
            end if;
            perform pg_advisory_lock_shared(case when again then 4722 else 4712 end);
            perform pg_advisory_xact_lock_shared(case when again then 4723 else 4713 end);
            if also = 'executes' then
                for statement in select p.* from pg_prepared_statements p where p.statement like '%pgseal_question%' loop
                    execute format('execute %I', statement.name);
                end loop;
            end if;
            return 1;
        end $$;
    create function public.late(integer) returns integer language plpgsql immutable as
        $$ begin return public.late('nothing'::text); end $$;
    create function public.late_and_floods(integer) returns integer language plpgsql immutable as
        $$ begin return public.late('floods'::text); end $$;
    create function public.late_and_prepares(integer) returns integer language plpgsql immutable as
        $$ begin return public.late('prepares'::text); end $$;
    create function public.late_and_replaces(integer) returns integer language plpgsql immutable as
        $$ begin return public.late('replaces'::text); end $$;
    create function public.late_and_executes(integer) returns integer language plpgsql immutable as
        $$ begin return public.late('executes'::text); end $$;
    create table public.child () inherits (public.approvals);
    create table public.moved ();
    create table public.other ();
    create index parent_i on public.approvals (id);
    create index child_i on public.child (id)";

const DROP: &str = "drop statistics public.late_s";

/// Never READY: only `late` sets this name.
const GATE: &str =
    "select current_setting('application_name') = 'late' as ready, min(who) as reason
    from public.approvals where id > 0 and who is not null";

/// Never READY either: a constant of a sub-select that is planned after `late` has changed the setting.
const FOLDED: &str =
    "select (select count(*) from public.approvals where id > 0 and who is not null) >= 0
    and (select (1::float8 / 3)::text) = '0.33333' as ready, 'x' as reason";

/// The role that owns the table, in any number of sessions.
struct Mallory<'d> {
    db: &'d TestDatabase<'d>,
    name: String,
}

impl<'d> Mallory<'d> {
    fn lays(db: &'d TestDatabase<'d>) -> Self {
        let name = format!("mallory_{}", db.name());
        laid(db, &name);
        let mallory = Self { db, name };
        mallory.session().batch_execute(LATE).unwrap();
        db.client()
            .batch_execute("grant select on all tables in schema public to public")
            .unwrap();
        mallory
    }

    fn session(&self) -> postgres::Client {
        let connection = self
            .db
            .connection()
            .replace("user=postgres", &format!("user={}", self.name));
        postgres::Client::connect(&connection, postgres::NoTls).unwrap()
    }

    /// Waits until a session is blocked by a lock on the relation with this oid.
    fn waits_for(&self, oid: &str) {
        let waiting =
            format!("select count(*) from pg_locks where relation = {oid} and not granted");
        wait_until("a lock is waited for", || self.db.ask(&waiting) == "1");
    }

    fn oid(&self, relation: &str) -> String {
        self.db.ask(&format!("select '{relation}'::regclass::oid"))
    }

    /// Holds the lock that `late` waits for in this opening of the guarded query.
    fn holds(&self, opening: usize) -> postgres::Client {
        let mut holder = self.session();
        holder
            .batch_execute(&format!(
                "select pg_advisory_lock({})",
                [4713, 4723][opening - 1]
            ))
            .unwrap();
        holder
    }

    /// Executes `act` while `late` waits.
    fn acts_while_late_runs(&self, opening: usize, holder: postgres::Client, act: &str) {
        let runs = format!(
            "select count(*) from pg_locks where locktype = 'advisory' and objid = {} and database =
                (select oid from pg_database where datname = current_database())",
            [4712, 4722][opening - 1]
        );
        wait_until("late runs", || self.db.ask(&runs) == "1");
        self.session().batch_execute(act).unwrap();
        drop(holder);
    }

    fn leaves(self) {
        self.db
            .client()
            .batch_execute(&format!(
                "drop owned by {0} cascade; drop role {0}",
                self.name
            ))
            .unwrap();
    }
}

/// Expressions in statistics came with PostgreSQL 14; without them no evaluated object can come and go.
fn has_late_statistics(db: &TestDatabase<'_>) -> bool {
    db.ask("select current_setting('server_version_num')::integer >= 140000") == "t"
}

/// The owner locks an index, so that the planner waits; the effects of the code that it then evaluates are rolled back,
/// and the answer is the true one.
#[test]
fn statistics_that_come_and_go_while_the_question_is_planned() {
    for role in ["postgres", GATE_USER] {
        for table in ["approvals", "child"] {
            for round in 0..rounds() {
                for (gate, expression) in [
                    (GATE, "late(1)"),
                    (GATE, "late_and_floods(1)"),
                    (FOLDED, "late(1)"),
                ] {
                    let late = Late {
                        role,
                        table,
                        gate,
                        expression,
                        ..Late::DROPS
                    };
                    let Some(answer) = late.answer() else { return };
                    assert!(
                        answer.is_ok() && !says_ready(&answer),
                        "{late:?}, round {round}: {answer:?}"
                    );
                }
            }
        }
    }
}

/// Statements prepared during planning survive a rollback: they replace pgseal's own by name.
#[test]
fn statements_that_are_swapped_while_the_question_is_planned() {
    for within in [Within::OwnTransaction, Within::Run] {
        for expression in [
            "late_and_prepares(1)",
            "late_and_replaces(1)",
            "late_and_executes(1)",
        ] {
            let late = Late {
                expression,
                within,
                ..Late::DROPS
            };
            let Some(answer) = late.answer() else { return };
            says_swapped(&answer);
        }
    }
}

/// The same, but a name changes its meaning before the second opening. That is no reason for another evaluation, since
/// it would trust the statement that replaced pgseal's.
#[test]
fn statements_that_are_swapped_before_the_question_is_opened_again() {
    let moved = "drop statistics public.late_s; alter table public.moved rename to gone;
                 alter table public.other rename to moved";
    let gate = format!(
        "{} from (select 'public.moved'::regclass as c) as c where c is not null",
        FOLDED
    );
    for expression in ["late_and_prepares(1)", "late_and_replaces(1)"] {
        let late = Late {
            gate: &gate,
            expression,
            opening: 1,
            act: moved,
            ..Late::DROPS
        };
        let Some(answer) = late.answer() else { return };
        says_swapped(&answer);
    }
}

fn says_swapped(answer: &Result<Table, QuestionError>) {
    let says = |error: &QuestionError| {
        error
            .to_string()
            .contains("a statement that pgseal had prepared changed")
    };
    assert!(answer.as_ref().is_err_and(says), "{answer:?}");
}

/// A table owner locks an index, so that the planner waits, and adds statistics with an expression that the planner
/// evaluates; the act drops them before planning ends.
#[derive(Debug)]
struct Late<'l> {
    role: &'l str,
    table: &'l str,
    gate: &'l str,
    expression: &'l str,
    /// The first or the second opening.
    opening: usize,
    act: &'l str,
    within: Within,
}

impl Late<'_> {
    const DROPS: Self = Self {
        role: GATE_USER,
        table: "child",
        gate: FOLDED,
        expression: "late(1)",
        opening: 2,
        act: DROP,
        within: Within::OwnTransaction,
    };

    /// Returns the answer; `None` if the server has no such statistics.
    fn answer(&self) -> Option<Result<Table, QuestionError>> {
        let db = Cluster::shared().database("stall");
        if !has_late_statistics(&db) {
            return None;
        }
        let mallory = Mallory::lays(&db);
        let (mut stall, holder) = (mallory.session(), mallory.holds(self.opening));
        let index = if self.table == "child" {
            "child_i"
        } else {
            "parent_i"
        };
        stall
            .batch_execute(&format!(
                "begin; alter index public.{index} set tablespace pg_default"
            ))
            .unwrap();
        let answer = thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let mut session = read(&as_role(&db, self.role));
                session.batch("prepare mine as select 1").unwrap();
                ask_within(session.as_mut(), self.gate, self.within)
            });
            mallory.waits_for(&mallory.oid(&format!("public.{index}")));
            let create = format!(
                "create statistics public.late_s on (public.{} + id), who from public.{}",
                self.expression, self.table
            );
            mallory.session().batch_execute(&create).unwrap();
            stall.batch_execute("rollback").unwrap();
            mallory.acts_while_late_runs(self.opening, holder, self.act);
            asking.join().unwrap()
        });
        drop(stall);
        mallory.leaves();
        Some(answer)
    }
}

/// The witness of the children goes by name, and a schema is renamed while it waits for the first of them. The name
/// then means another table, and the true child has statistics that come and go.
#[test]
fn a_child_that_is_another_table() {
    let db = Cluster::shared().database("renamedchild");
    if !has_late_statistics(&db) {
        return;
    }
    let mallory = Mallory::lays(&db);
    db.client()
        .batch_execute(&format!(
            "grant create on database \"{}\" to {}",
            db.name(),
            mallory.name
        ))
        .unwrap();
    mallory
        .session()
        .batch_execute(
            "create schema s; create table s.c2 () inherits (public.approvals); create index c2_i on s.c2 (id)",
        )
        .unwrap();
    let (child, index) = (mallory.oid("public.child"), mallory.oid("s.c2_i"));
    let (mut one, mut two, holder) = (mallory.session(), mallory.session(), mallory.holds(2));
    one.batch_execute("begin; lock table only public.child in access exclusive mode")
        .unwrap();
    two.batch_execute("begin; alter index s.c2_i set tablespace pg_default")
        .unwrap();
    let answer = thread::scope(|scope| {
        let asking = scope.spawn(|| ask(read(&as_role(&db, GATE_USER)).as_mut(), FOLDED));
        mallory.waits_for(&child);
        let swap = "alter schema s rename to s2; create schema s; create table s.c2 (id integer)";
        mallory.session().batch_execute(swap).unwrap();
        one.batch_execute("rollback").unwrap();
        mallory.waits_for(&index);
        let create = "create statistics public.late_s on (public.late(1) + id), who from s2.c2";
        mallory.session().batch_execute(create).unwrap();
        two.batch_execute("rollback").unwrap();
        mallory.acts_while_late_runs(2, holder, DROP);
        asking.join().unwrap()
    });
    assert!(answer.is_ok() && !says_ready(&answer), "{answer:?}");
    drop((one, two));
    mallory.leaves();
}

/// The same for the table of the query itself: the witness is prepared a second time because a grandchild was added.
#[test]
fn a_table_that_is_another_for_a_while() {
    let db = Cluster::shared().database("renamedtable");
    if !has_late_statistics(&db) {
        return;
    }
    let mallory = Mallory::lays(&db);
    db.client()
        .batch_execute(&format!(
            "grant create on database \"{}\" to {}",
            db.name(),
            mallory.name
        ))
        .unwrap();
    mallory
        .session()
        .batch_execute(
            "create schema s; create table s.p (id integer, who text); create index p_i on s.p (id);
             create table public.c () inherits (s.p); create table public.d (id integer, who text);
             alter table public.d inherit public.c; alter table public.d no inherit public.c",
        )
        .unwrap();
    let [c, d, index] = ["public.c", "public.d", "s.p_i"].map(|name| mallory.oid(name));
    let (mut one, mut two, holder) = (mallory.session(), mallory.session(), mallory.holds(2));
    one.batch_execute("begin; lock table only public.c in access exclusive mode")
        .unwrap();
    two.batch_execute("begin; alter index s.p_i set tablespace pg_default")
        .unwrap();
    let answer = thread::scope(|scope| {
        let gate = "select (select count(*) from s.p where id > 0 and who is not null) >= 0
            and (select (1::float8 / 3)::text) = '0.33333' as ready, 'x' as reason";
        let asking = scope.spawn(|| ask(read(&as_role(&db, GATE_USER)).as_mut(), gate));
        mallory.waits_for(&c);
        let swap =
            "alter schema s rename to s2; create schema s; create table s.p (id integer, who text)";
        mallory.session().batch_execute(swap).unwrap();
        one.batch_execute(
            "alter table public.d inherit public.c; commit; begin; lock table only public.d in access exclusive mode",
        )
        .unwrap();
        mallory.waits_for(&d);
        mallory
            .session()
            .batch_execute("alter schema s rename to s3; alter schema s2 rename to s")
            .unwrap();
        one.batch_execute("rollback").unwrap();
        mallory.waits_for(&index);
        let create = "create statistics public.late_s on (public.late(1) + id), who from s.p";
        mallory.session().batch_execute(create).unwrap();
        two.batch_execute("rollback").unwrap();
        mallory.acts_while_late_runs(2, holder, DROP);
        asking.join().unwrap()
    });
    assert!(answer.is_ok() && !says_ready(&answer), "{answer:?}");
    drop((one, two));
    mallory.leaves();
}

/// A grandchild is added while the witness waits for its parent, and would be removed while the planner waits for a
/// temporary child: the row is in the grandchild in between.
#[test]
fn a_grandchild_that_comes_and_goes() {
    let db = Cluster::shared().database("grandchild");
    let mallory = Mallory::lays(&db);
    mallory
        .session()
        .batch_execute(
            "create table public.freeze (id integer); insert into public.freeze values (1);
             create table public.c () inherits (public.freeze); create table public.d (id integer);
             alter table public.d inherit public.c; alter table public.d no inherit public.c",
        )
        .unwrap();
    db.client()
        .batch_execute("grant select on all tables in schema public to public")
        .unwrap();
    let (mut one, mut two) = (mallory.session(), mallory.session());
    two.batch_execute("create temp table t () inherits (public.freeze)")
        .unwrap();
    let temporary: u32 = two
        .query_one("select 't'::regclass::oid", &[])
        .unwrap()
        .get(0);
    let parent = mallory.oid("public.c");
    one.batch_execute("begin; lock table only public.c in access exclusive mode")
        .unwrap();
    two.batch_execute("begin; lock table only t in access exclusive mode")
        .unwrap();
    let answer = thread::scope(|scope| {
        let gate = "select count(*) = 0 as ready, 'x' as reason from public.freeze";
        let asking = scope.spawn(|| ask(read(&as_role(&db, GATE_USER)).as_mut(), gate));
        mallory.waits_for(&parent);
        one.batch_execute(
            "alter table public.d inherit public.c; delete from only public.freeze; insert into public.d values (1); commit",
        )
        .unwrap();
        mallory.waits_for(&temporary.to_string());
        let _ = two.batch_execute(
            "set local lock_timeout = 300; delete from public.d; insert into public.freeze values (1);
             alter table public.d no inherit public.c; commit",
        );
        let _ = two.batch_execute("rollback");
        asking.join().unwrap()
    });
    assert!(!says_ready(&answer), "{answer:?}");
    drop((one, two));
    mallory.leaves();
}

/// Creates and drops better matches than PostgreSQL's own continuously. Returns the number of answered queries.
fn flickers(gate: &str, create: &[&str], drop: &str) -> u32 {
    let db = Cluster::shared().database("flicker");
    let mallory = Mallory::lays(&db);
    db.client()
        .batch_execute(
            "create table public.names (who varchar); insert into public.names values ('a')",
        )
        .unwrap();
    db.client()
        .batch_execute("grant select on public.names to public")
        .unwrap();
    let stop = AtomicBool::new(false);
    let mut answered = 0;
    thread::scope(|scope| {
        let _stops = Stops(&stop);
        scope.spawn(|| {
            let mut session = mallory.session();
            while !stop.load(Ordering::Relaxed) {
                create
                    .iter()
                    .chain([&drop])
                    .for_each(|sql| session.batch_execute(sql).unwrap());
            }
        });
        for _ in 0..rounds() * 30 {
            let mut session = read(&as_role(&db, GATE_USER));
            if let Ok(table) = ask(session.as_mut(), gate) {
                assert_eq!(table.rows[0][0].as_deref(), Some("f"));
                answered += 1;
            }
            assert!(!snapped(&db));
        }
    });
    mallory.leaves();
    answered
}

/// A function: the executed one is the validated one.
#[test]
fn a_better_match_that_comes_and_goes() {
    let answered = flickers(
        "select bool_or(upper(who) = 'evil') as ready, min(upper(who)) as reason from public.names",
        &[
            "create function public.upper(varchar) returns text language plpgsql immutable as
               $$ begin perform public.bang(); return 'evil'; end $$",
        ],
        "drop function public.upper(varchar)",
    );
    assert!(answered > 0);
}

/// An operator with a literal that a domain reads. The domain's check keeps the server from showing the tree and shows
/// another one, and the operator's function reverts that. A server with continuously changing operators invalidates
/// every statement, so there may be no answer at all.
#[test]
fn an_operator_that_hides_itself() {
    flickers(
        "select coalesce(bool_and(tags @> '{approved}'), false) as ready, min(who) as reason from public.approvals",
        &[
            "create function public.hide(text) returns boolean language plpgsql as $$ begin
                 perform set_config('debug_print_rewritten', 'off', true);
                 raise log 'rewritten parse tree:' using detail = '({QUERY :commandType 5 {QUERY :commandType 1 :x 1}})';
                 return true; end $$;
             create domain public.dom as text check (public.hide(value));
             create function public.show(text[], public.dom[]) returns boolean language plpgsql immutable as $$ begin
                 perform set_config('debug_print_rewritten', 'on', true); return public.bang(); end $$;
             create operator public.@> (leftarg = text[], rightarg = public.dom[], function = public.show)",
        ],
        "drop operator public.@> (text[], public.dom[]); drop function public.show(text[], public.dom[]);
         drop domain public.dom; drop function public.hide(text)",
    );
}

/// Labels of an enumeration are bound at parsing, and swapped during planning: no committed state is ready.
#[test]
fn labels_that_are_swapped() {
    let db = Cluster::shared().database("labels");
    let mallory = Mallory::lays(&db);
    let swap = "alter type public.state rename value 'approved' to 't'; alter type public.state rename value 'pending' to 'approved';
        alter type public.state rename value 't' to 'pending'";
    let lay = "create type public.state as enum ('pending', 'approved');
        create table public.states (id integer, state public.state); create index states_i on public.states (id);
        grant select on public.states to public";
    mallory
        .session()
        .batch_execute(&format!("{lay}; {swap}"))
        .unwrap();
    let mut stall = mallory.session();
    stall
        .batch_execute("begin; alter index public.states_i set tablespace pg_default")
        .unwrap();
    let answer = thread::scope(|scope| {
        let url = as_role(&db, GATE_USER);
        let gate = "select bool_and(state = 'approved') is not false as ready, 'x' as reason from public.states where id > 0";
        let asking = scope.spawn(move || ask(read(&url).as_mut(), gate));
        mallory.waits_for(&mallory.oid("public.states_i"));
        stall
            .batch_execute(&format!(
                "{swap}; insert into public.states values (1, 'pending'); commit"
            ))
            .unwrap();
        asking.join().unwrap()
    });
    assert!(
        matches!(answer, Err(QuestionError::Changed(_))),
        "{answer:?}"
    );
    drop(stall);
    mallory.leaves();
}

/// Dependencies that `pg_depend` does not list for a table: the CHECKs of a domain in an expression of its own, the
/// keys of the tables of which it is a partition, the types of empty arrays, and arguments of built-in functions.
#[test]
fn code_behind_tables_that_nothing_depends_on() {
    let folded = "select (select count(*) from public.asked where id > 0 and who is not null) >= 0
        and (select (1::float8 / 3)::text) = '0.33333' as ready, 'x' as reason";
    let constraint =
        "select bool_or(pg_get_partition_constraintdef(oid) is null) as ready, 'x' as reason
        from pg_catalog.pg_class where relispartition";
    let tables = "create table public.asked (id integer, who text)";
    let partitioned = "create table public.above (id integer, who text) partition by range ((public.late(1) + id));
        create table public.asked partition of public.above for values from (0) to (100) partition by range (id)";
    let hashed =
        "create table public.hashed (id integer) partition by hash ((public.late(1) + id))";
    for (lay, gate) in [
        (
            format!(
                "{tables}; create domain public.dom as integer; create index on public.asked ((id::public.dom));
                 alter domain public.dom add constraint c check (value > -public.late(1)) not valid"
            ),
            folded,
        ),
        (partitioned.to_owned(), folded),
        (partitioned.to_owned(), constraint),
        (
            format!(
                "{tables}; create type public.mine as enum ('a'); create table public.kid () inherits (public.asked);
                 create function public.evil(public.mine[]) returns text language plpgsql immutable strict as
                     $$ begin perform public.late(1); return 'x'; end $$;
                 alter table public.kid add check (quote_literal(array[]::public.mine[]) <> 'zzz');
                 create cast (public.mine[] as text) with function public.evil(public.mine[])"
            ),
            folded,
        ),
        (
            // Without the cast, which can be created at the last moment.
            format!(
                "{tables}; create type public.mine as enum ('a');
                 alter table public.asked add check (quote_literal(array[]::public.mine[]) <> 'zzz')"
            ),
            folded,
        ),
        (
            format!(
                "{tables}; {hashed};
                 create index on public.asked ((satisfies_hash_partition('public.hashed'::regclass, 2, 0, 1)))"
            ),
            folded,
        ),
    ] {
        let db = Cluster::shared().database("behind");
        let mallory = Mallory::lays(&db);
        mallory.session().batch_execute(&lay).unwrap();
        db.client().batch_execute("grant select on all tables in schema public to public").unwrap();
        for role in ["postgres", GATE_USER] {
            let answer = ask(read(&as_role(&db, role)).as_mut(), gate);
            assert!(matches!(answer, Err(QuestionError::Uses(_))), "{lay}, {role}: {answer:?}");
        }
        mallory.leaves();
    }
}

/// A query waits for the planner's lock of an index, and values outside its snapshot change meanwhile: an item counted
/// by the sequence until it is in the table is always in one of the two.
#[test]
fn an_item_that_goes_from_one_place_to_another() {
    let db = Cluster::shared().database("moves");
    let mallory = Mallory::lays(&db);
    let mut client = db.client();
    client
        .batch_execute(
            "create table public.queue (item text); create sequence public.open; select setval('public.open', 2);
             grant select on public.queue, public.open to public",
        )
        .unwrap();
    let gate =
        "select (select count(*) from public.queue) + (select last_value - 1 from public.open) = 0
         and (select count(*) from public.approvals where id > 0) >= 0 as ready, 'x' as reason";
    let mut stall = mallory.session();
    stall
        .batch_execute("begin; alter index public.parent_i set tablespace pg_default")
        .unwrap();
    let answer = thread::scope(|scope| {
        let url = as_role(&db, GATE_USER);
        let asking = scope.spawn(move || ask(read(&url).as_mut(), gate));
        mallory.waits_for(&mallory.oid("public.parent_i"));
        client
            .batch_execute("insert into public.queue values ('x')")
            .unwrap();
        client
            .batch_execute("select setval('public.open', 1)")
            .unwrap();
        stall.batch_execute("rollback").unwrap();
        asking.join().unwrap()
    });
    assert!(answer.is_ok() && !says_ready(&answer), "{answer:?}");
    drop(stall);
    mallory.leaves();
}

/// Server counters are current for each query of a transaction.
#[test]
fn sessions_that_come_between_two_questions() {
    let db = Cluster::shared().database("sessions");
    let name = db.name();
    let gate = format!(
        "select count(*) = 0 as ready, 'x' as reason from pg_stat_activity where application_name = '{name}'"
    );
    let mut session = read(&as_role(&db, "postgres"));
    assert!(says_ready(&ask(session.as_mut(), &gate)));
    let mut worker = db.client();
    worker
        .batch_execute(&format!("set application_name = '{name}'"))
        .unwrap();
    assert!(!says_ready(&ask(session.as_mut(), &gate)));
}

/// `LOCK TABLE` goes by name, and the owner renames the schema while the run waits for the lock. The table that the
/// gate reads is not locked, so the run does not evaluate the gate.
#[test]
fn a_schema_that_is_renamed_below_the_lock_of_a_run() {
    let (db, release, site) = small_without_gate_user("renamed");
    let owner = format!("owner_{}", db.name());
    db.client()
        .batch_execute(&format!(
            "create role {owner} login; create schema s; alter schema s owner to {owner};
             grant create on database \"{}\" to {owner}; set role {owner};
             create table s.t (id integer); insert into s.t values (1);
             grant usage on schema s to public; grant select on s.t to public",
            db.name()
        ))
        .unwrap();
    let release = release
        .gate(
            "approved",
            "select count(*) > 0 as ready, 'x' as reason from s.t;\n",
        )
        .tier("slow", "select pg_sleep(1);\n");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let run = operator.start("run");
    wait_until("the tier runs", || {
        db.ask("select count(*) from pg_stat_activity where datname = current_database() and query like 'select pg_sleep(1)%'") == "1"
    });
    let connection = db
        .connection()
        .replace("user=postgres", &format!("user={owner}"));
    let mut mallory = postgres::Client::connect(&connection, postgres::NoTls).unwrap();
    mallory
        .batch_execute("begin; lock table s.t in share mode")
        .unwrap();
    wait_until("the run waits for the lock", || {
        db.ask("select count(*) from pg_locks where relation = 's.t'::regclass and not granted")
            == "1"
    });
    mallory
        .batch_execute(
            "alter schema s rename to s2; create schema s; create table s.t (id integer)",
        )
        .unwrap();
    mallory
        .batch_execute("grant usage on schema s to public; grant select on s.t to public; commit")
        .unwrap();
    run.end()
        .fails_saying(30, &["cannot lock s2.t: it was renamed meanwhile"]);
    db.client()
        .batch_execute(&format!("drop owned by {owner} cascade; drop role {owner}"))
        .unwrap();
}

/// A row level security policy would hide the blocking row from a read-only role.
#[test]
fn rows_that_a_policy_hides() {
    let (db, release, site) = small("hidden");
    db.client()
        .batch_execute(
            "create table public.blockers (id integer); insert into public.blockers values (1);
             alter table public.blockers enable row level security",
        )
        .unwrap();
    let gate =
        "select count(*) = 0 as ready, count(*) || ' blockers' as reason from public.blockers;\n";
    let operator = site.operator(&site.pack(&release.gate("approved", gate)), &db.url());
    for command in ["gate", "run"] {
        operator
            .start(command)
            .end()
            .fails_saying(21, &["row-level security policy for table \"blockers\""]);
    }
    // Nor may it hide the row from the role of the run.
    db.client()
        .batch_execute("grant select on public.blockers to public")
        .unwrap();
    let answer = ask_within(read(&as_role(&db, GATE_USER)).as_mut(), gate, Within::Run);
    assert!(
        answer
            .as_ref()
            .is_err_and(|error| error.to_string().contains("row-level security")),
        "{answer:?}"
    );
}

/// Trees and plans that the server prints for pgseal appear as notices of no statement.
#[test]
fn trees_and_plans_are_no_notices() {
    let (db, release, site) = small("quiet");
    let operator = site.operator(&site.pack(&release), &db.url());
    for command in ["gate", "plan", "run", "check", "rollback"] {
        let answer = operator.start(command).end();
        assert_eq!(answer.code, 0, "{answer}");
        assert!(!answer.to_string().contains("LOG"), "{command}: {answer}");
    }
    // Nor when a query fails during execution.
    let fails = release.gate(
        "approved",
        "select 1 / (count(*) - count(*)) = 1 as ready, 'x' as reason from public.approvals;\n",
    );
    let operator = site.operator(&site.pack(&fails), &db.url());
    for command in ["gate", "run"] {
        let answer = operator.start(command).end();
        assert_eq!(answer.code, 21, "{answer}");
        assert!(!answer.to_string().contains("LOG"), "{command}: {answer}");
    }
}

/// The witness puts the gate in parentheses, which the release does not contain.
#[test]
fn errors_at_the_end_of_a_gate() {
    let (db, release, site) = small("ends");
    for (gate, place) in [
        (
            "select true as ready, 'x' as reason\nfrom public.approvals where;\n",
            "2:28",
        ),
        (
            "select true as ready, 'x' as reason\nfrom public.approvals where -- it\n",
            "2:34",
        ),
        ("select true as ready, 'x' as reason);\n", "1:37"),
    ] {
        let operator = site.operator(
            &site.pack(&release.clone().gate("approved", gate)),
            &db.url(),
        );
        let words = format!(
            "gate/approved.sql:{place}: syntax error at the end, or a parenthesis too many"
        );
        operator.start("gate").end().fails_saying(21, &[&words]);
    }
}
