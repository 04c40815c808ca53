//! Owners of the objects behind a gate change them during its evaluation. Whatever they commit and whenever, their code
//! does not run and the gate does not return READY.
//!
//! `PGSEAL_RACES=50` sets the repetitions of each attack (`just gate-races`); the default is a few.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::between::{Between, FETCH};
use super::interrupt::signal;
use super::{small, small_without_gate_user};
use pgseal::database::{Connect, DatabaseError, Purpose, Session, Table};
use pgseal::postgres::Connector;
use pgseal::release::question::{self, Question, QuestionError, Within};
use pgseal_testkit::cluster::{Cluster, GATE_USER, TestDatabase};
use pgseal_testkit::release::{Release, Running, wait_until};
use pgseal_verify::format::run_limits::RunLimits;

/// Mallory, a plain role, owns the table and the view that gates read. Her code takes a lock that other sessions can
/// see, and creates a file where it runs as a superuser.
const LAY: &str = "
    create table public.approvals (id integer, ok boolean, who text, tags text[]);
    insert into public.approvals values (1, false, 'a', '{no}');
    create view public.v as select coalesce(bool_and(ok), false) as ready, 'of the view'::text as reason
        from public.approvals;
    create function public.bang() returns boolean language plpgsql volatile as $$
        begin
            perform pg_advisory_lock(4711);
            if (select rolsuper from pg_roles where rolname = current_user) then
                execute format('copy (select 1) to program %L', 'cat > bang_' || current_database());
            end if;
            return true;
        end $$;
    create function public.evil(integer) returns integer language plpgsql immutable as
        $$ begin perform public.bang(); return 1; end $$;
    create function public.evil(text) returns boolean language plpgsql immutable as
        $$ begin return public.bang(); end $$;";

struct Race {
    what: &'static str,
    gate: &'static str,
    /// Mallory's transaction, and the lock of the gate's session that she waits for before she commits.
    attack: &'static str,
    until: &'static str,
}

/// The gate's session waits for a lock of Mallory's.
const WAITS: &str =
    "exists (select from pg_locks where relation = any (array['public.v'::regclass, 'public.approvals'])
    and pid <> pg_backend_pid() and not granted)";

/// The gate's session already has the table's lock.
const READS: &str = "exists (select from pg_locks where relation = 'public.approvals'::regclass
    and pid <> pg_backend_pid() and mode = 'AccessShareLock' and granted)";

const APPROVED: &str =
    "select coalesce(bool_and(ok), false) as ready, 'x' as reason from public.approvals
    where id > 0 and who is not null";

/// Races that succeed every time, as any role: each of them waits for the gate's session.
const CERTAIN: [Race; 6] = [
    Race {
        what: "a view that is replaced",
        gate: "select ready, reason from public.v",
        attack: "create or replace function public.young() returns boolean language plpgsql volatile as
                     $$ begin return public.bang(); end $$;
                 create or replace view public.v as select public.young() as ready, 'x'::text as reason",
        until: WAITS,
    },
    Race {
        what: "an index below an exclusive lock",
        gate: APPROVED,
        attack: "lock table public.approvals in access exclusive mode;
                 create index evil_i on public.approvals ((public.evil(1) + id))",
        until: WAITS,
    },
    Race {
        what: "statistics below an exclusive lock",
        gate: APPROVED,
        attack: "lock table public.approvals in access exclusive mode;
                 create statistics evil_s on (public.evil(1) + id), who from public.approvals",
        until: WAITS,
    },
    Race {
        what: "a policy",
        gate: APPROVED,
        attack: "alter table public.approvals enable row level security;
                 create policy evil_p on public.approvals using (public.evil(who))",
        until: WAITS,
    },
    Race {
        what: "a domain that a literal is read by",
        gate: "select coalesce(bool_and(tags @> '{approved}'), false) as ready, 'x' as reason from public.approvals",
        attack: "lock table public.approvals in access exclusive mode;
                 create domain public.young as text check (public.evil(value));
                 alter table public.approvals alter tags type public.young[] using tags::public.young[]",
        until: WAITS,
    },
    Race {
        what: "a type of the text that becomes a domain",
        gate: "select coalesce(bool_and(ok), false) or 'no'::public.mood = public.mood 'yes' as ready, 'x' as reason
               from public.approvals",
        attack: "lock table public.approvals in access exclusive mode;
                 drop type public.mood;
                 create domain public.mood as text check (public.evil(value))",
        until: WAITS,
    },
];

/// Races against the instant between check and execution: Mallory commits once the gate's session has its locks.
const LUCKY: [Race; 4] = [
    Race {
        what: "an index",
        gate: APPROVED,
        attack: "create index evil_i on public.approvals ((public.evil(1) + id))",
        until: READS,
    },
    Race {
        what: "statistics",
        gate: APPROVED,
        attack: "create statistics evil_s on (public.evil(1) + id), who from public.approvals",
        until: READS,
    },
    Race {
        what: "a child with an index",
        gate: APPROVED,
        attack: "create table public.child () inherits (public.approvals);
                 create index evil_i on public.child ((public.evil(1) + id))",
        until: READS,
    },
    Race {
        what: "a better match for an operator",
        gate: "select coalesce(bool_and(tags @> '{yes}'), false) as ready, 'x' as reason from public.approvals",
        attack: "create function public.better(text[], text[]) returns boolean language plpgsql immutable as
                     $$ begin return public.bang(); end $$;
                 create operator public.@> (leftarg = text[], rightarg = text[], function = public.better)",
        until: READS,
    },
];

pub(super) fn rounds() -> usize {
    std::env::var("PGSEAL_RACES").map_or(3, |rounds| rounds.parse().unwrap())
}

/// Prepares a database of Mallory's, as a template for each round.
pub(super) fn laid(db: &TestDatabase<'_>, mallory: &str) {
    let role = format!(
        "create role {mallory} login; grant create on schema public to {mallory};
         create type public.mood as enum ('yes', 'no'); alter type public.mood owner to {mallory}; set role {mallory};"
    );
    db.client().batch_execute(&format!("{role} {LAY}")).unwrap();
    let readable = "grant select on all tables in schema public to public";
    db.client().batch_execute(readable).unwrap();
}

pub(super) fn as_role(db: &TestDatabase<'_>, role: &str) -> String {
    db.url().replace("user=postgres", &format!("user={role}"))
}

/// Runs Mallory's transaction on a thread, until the gate's session has reached the state that she waits for.
fn attack(db: &TestDatabase<'_>, mallory: &str, race: &Race) -> thread::JoinHandle<()> {
    let mut client = postgres::Client::connect(
        &db.connection()
            .replace("user=postgres", &format!("user={mallory}")),
        postgres::NoTls,
    )
    .unwrap();
    client.batch_execute("begin").unwrap();
    let attack = client.batch_execute(race.attack);
    // Expressions in statistics came with PostgreSQL 14.
    if attack.is_err() && race.what.starts_with("statistics") {
        client.batch_execute("rollback; begin").unwrap();
    } else {
        attack.unwrap();
    }
    // One message, so that no round trip delays her.
    let wait = format!(
        "do $$ declare since timestamptz := clock_timestamp(); begin
             loop exit when {} or clock_timestamp() - since > interval '4 s'; end loop;
         end $$; commit",
        race.until
    );
    thread::spawn(move || client.batch_execute(&wait).unwrap())
}

/// The body of a function that creates a file when a superuser executes it.
pub(super) const SNAP: &str =
    "execute format('copy (select 1) to program %L', 'cat > bang_' || current_database());";

/// Verifies that the trap works when executed.
pub(super) fn assert_snaps(db: &TestDatabase<'_>) {
    db.client()
        .batch_execute(&format!("do $$ begin {SNAP} end $$"))
        .unwrap();
    assert!(snapped(db), "no trap at all");
}

/// Reports whether her code ran in a session that still exists, or as a superuser at any time.
pub(super) fn snapped(db: &TestDatabase<'_>) -> bool {
    let locked =
        "select count(*) from pg_locks where locktype = 'advisory' and objid = 4711 and database =
        (select oid from pg_database where datname = current_database())";
    db.ask(locked) != "0"
        || db
            .ask("select count(*) from pg_ls_dir('.') as f where f = 'bang_' || current_database()")
            != "0"
}

pub(super) fn read(url: &str) -> Box<dyn Session> {
    Connector::new(url.parse().unwrap())
        .connect(Purpose::Read)
        .unwrap()
}

/// The guarded query of a gate.
pub(super) fn question_of(sql: &str) -> Question<'_> {
    static LIMITS: LazyLock<RunLimits> = LazyLock::new(RunLimits::default);
    static PATH: LazyLock<Vec<String>> =
        LazyLock::new(|| vec!["\"public\"".to_owned(), "pg_temp".to_owned()]);
    Question {
        sql,
        path: &PATH,
        limits: &LIMITS,
        within: Within::OwnTransaction,
    }
}

/// Evaluates a gate on a session that the caller controls.
pub(super) fn ask(session: &mut dyn Session, gate: &str) -> Result<Table, QuestionError> {
    ask_within(session, gate, Within::OwnTransaction)
}

pub(super) fn ask_within(
    session: &mut dyn Session,
    gate: &str,
    within: Within,
) -> Result<Table, QuestionError> {
    session
        .batch("begin isolation level read committed read only")
        .unwrap();
    question::ask(
        session,
        &Question {
            within,
            ..question_of(gate)
        },
    )
    .map(|(_, table)| table)
}

pub(super) fn says_ready(answer: &Result<Table, QuestionError>) -> bool {
    let Ok(table) = answer else { return false };
    let at = table
        .columns
        .iter()
        .position(|name| name == "ready")
        .unwrap();
    table
        .rows
        .first()
        .is_some_and(|row| row[at].as_deref() == Some("t"))
}

/// Runs each race in a new database per round, with the gate evaluated as this role (the owner for Mallory).
fn races(races: &[Race], role: &str, may_snap: bool) {
    let cluster = Cluster::shared();
    let mut wrong = Vec::new();
    for race in races {
        for round in 0..rounds() {
            let db = cluster.database("race");
            let mallory = format!("mallory_{}", db.name());
            laid(&db, &mallory);
            let role = if role == "owner" {
                mallory.as_str()
            } else {
                role
            };
            let mut session = read(&as_role(&db, role));
            let attacking = attack(&db, &mallory, race);
            let answer = ask(session.as_mut(), race.gate);
            attacking.join().unwrap();
            let what = format!("{} as {role}, round {round}", race.what);
            if says_ready(&answer) {
                wrong.push(format!("{what}: READY"));
            }
            if !may_snap && snapped(&db) {
                wrong.push(format!("{what}: it snapped"));
            }
            if let Err(QuestionError::Database(error @ DatabaseError::Connection(_))) = &answer {
                wrong.push(format!("{what}: {error}"));
            }
            drop(session);
            db.client()
                .batch_execute(&format!(
                    "drop owned by {mallory} cascade; drop role {mallory}"
                ))
                .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn whoever_commits_while_the_gate_waits_for_a_superuser() {
    races(&CERTAIN, "postgres", false);
}

#[test]
fn whoever_commits_while_the_gate_waits_for_a_reader() {
    races(&CERTAIN, GATE_USER, false);
}

#[test]
fn whoever_commits_while_the_gate_waits_for_the_owner() {
    races(&CERTAIN, "owner", false);
}

/// The planner may evaluate an object committed in the last round trip, but as a role without rights (`gate_role.rs`);
/// and the answer is discarded.
#[test]
fn whoever_commits_between_check_and_execution() {
    races(&LUCKY, GATE_USER, true);
}

/// Inside a run the role may be a superuser, if the trust root allows any role. The run locks the gate's tables, so the
/// check sees the index before its evaluation.
#[test]
fn an_index_that_waits_for_the_gate_inside_a_run() {
    for _ in 0..rounds().min(10) {
        let (db, release, site) = small_without_gate_user("inrun");
        let mallory = format!("mallory_{}", db.name());
        laid_for_run(&db, &mallory);
        let release = release.gate(
            "approved",
            "select count(*) > 0 as ready, 'x' as reason from public.approvals where id > 0\n",
        );
        let bundle = site.pack(&release.tier("slow", "select pg_sleep(1);\n"));
        let operator = site.operator(&bundle, &db.url());
        let before = pgseal_testkit::release::dump(&db);
        let run: Running = operator.start("run");
        wait_until("the tier runs", || {
            db.ask("select count(*) from pg_stat_activity where datname = current_database() and query like 'select pg_sleep(1)%'") == "1"
        });
        let race = Race {
            what: "an index",
            gate: "",
            attack: "create index evil_i on public.approvals ((public.evil(1) + id))",
            until: "exists (select from pg_locks where relation = 'public.approvals'::regclass
                and mode = 'ShareUpdateExclusiveLock' and not granted)",
        };
        attack(&db, &mallory, &race).join().unwrap();
        let answer = run.end();
        answer.fails_saying(
            30,
            &["function public.evil(integer), user-defined, in an index"],
        );
        assert!(!snapped(&db), "{answer}");
        db.client()
            .batch_execute("drop index public.evil_i")
            .unwrap();
        pgseal_testkit::release::assert_same(&before, &pgseal_testkit::release::dump(&db));
        db.client()
            .batch_execute(&format!(
                "drop owned by {mallory} cascade; drop role {mallory}"
            ))
            .unwrap();
    }
}

/// Applies [`laid`] to a database that has the table of a small release.
fn laid_for_run(db: &TestDatabase<'_>, mallory: &str) {
    db.client()
        .batch_execute("drop table public.approvals")
        .unwrap();
    laid(db, mallory);
}

/// Without an attacker: a nightly job reloads the table that the gate reads. The table is empty in no committed state.
#[test]
fn a_table_that_is_reloaded_is_never_empty() {
    let reloads = [
        "truncate public.blockers; insert into public.blockers values (1)",
        "alter table public.blockers alter id type bigint",
        "alter table public.blockers alter id type integer",
        "delete from public.blockers; insert into public.blockers values (1)",
    ];
    let (db, release, site) = small("reload");
    db.client()
        .batch_execute(
            "create table public.blockers (id integer); insert into public.blockers values (1)",
        )
        .unwrap();
    let free = "select 'free' as name, count(*) = 0 as ok, count(*)::text as detail from public.blockers;\n";
    let gate =
        "select count(*) = 0 as ready, count(*) || ' blockers' as reason from public.blockers;\n";
    let bundle = site.pack(&release.clone().gate("free", gate).verify(
        "free",
        "any",
        "read-only",
        free,
    ));
    let operator = site.operator(&bundle, &db.url());
    assert_eq!(operator.gate().code, 20);
    for reload in reloads {
        for command in ["gate", "plan", "run", "check"] {
            let mut job = db.client();
            job.batch_execute(&format!("begin; {reload}")).unwrap();
            let asked = operator.start(command);
            // A reload that only deletes blocks no reader.
            if !reload.starts_with("delete") {
                wait_until("the question waits", || {
                    db.ask("select count(*) from pg_locks where relation = 'public.blockers'::regclass and not granted")
                        != "0"
                });
            }
            job.batch_execute("commit").unwrap();
            let answer = asked.end();
            let code = if command == "check" { 22 } else { 20 };
            assert_eq!(answer.code, code, "{command} beside {reload}: {answer}");
        }
    }
}

/// The planner locks a partition after its snapshot was taken, so the gate is evaluated again.
#[test]
fn a_partition_that_is_reloaded_is_never_empty() {
    let (db, _, _) = small_without_gate_user("partition");
    db.client()
        .batch_execute(
            "create table public.blockers (id integer) partition by range (id);
             create table public.some partition of public.blockers for values from (0) to (9);
             insert into public.blockers values (1)",
        )
        .unwrap();
    for role in ["postgres", GATE_USER] {
        for _ in 0..rounds() {
            let url = as_role(&db, role);
            let mut job = db.client();
            job.batch_execute(
                "begin; truncate public.some; insert into public.blockers values (1)",
            )
            .unwrap();
            let asking = thread::spawn(move || {
                ask(
                    read(&url).as_mut(),
                    "select count(*) = 0 as ready, count(*)::text as reason from public.blockers",
                )
                .unwrap()
            });
            wait_until("the planner waits", || {
                db.ask("select count(*) from pg_locks where relation = 'public.some'::regclass and not granted") != "0"
            });
            job.batch_execute("commit").unwrap();
            assert_eq!(
                asking.join().unwrap().rows,
                [[Some("f".to_owned()), Some("1".to_owned())]]
            );
        }
    }
}

/// A slow query over all objects that can change meanwhile.
const SLOW: &str = "select count(*) > 0 as ready, min(upper(who)) as reason
    from public.wide cross join generate_series(1, 1500000) as n where m = 'x' and who || n <> ''";

const WIDE: &str = "
    create type public.mood as enum ('x', 'y');
    create table public.wide (id integer, who text, m public.mood);
    alter table public.wide add constraint positive check (id > 0) not valid;
    create table public.other (id integer, who text, m public.mood, check (id > 0));
    create index by_id on public.wide (id);
    insert into public.wide values (1, 'a', 'x')";

/// A change concurrent with a guarded query either waits for it or invalidates its answer. Rules, policies, defaults
/// and columns can't change under its lock; all other objects have a version.
#[test]
fn every_change_beside_a_question_is_seen() {
    let changes = [
        ("an index", "create index on public.wide (who)"),
        ("statistics", "create statistics public.s on id, who from public.wide"),
        ("a child", "create table public.child () inherits (public.wide)"),
        ("an option", "alter table public.wide set (fillfactor = 90)"),
        ("a column's option", "alter table public.wide alter who set statistics 7"),
        ("a constraint", "alter table public.wide validate constraint positive"),
        ("a type", "alter type public.mood rename to moods"),
        (
            "a cast",
            "create function public.c(public.mood) returns integer language sql immutable as 'select 1';
                    create cast (public.mood as integer) with function public.c(public.mood)",
        ),
        ("a function", "alter function pg_catalog.upper(text) cost 2"),
        (
            "an operator",
            "alter operator pg_catalog.|| (text, anynonarray) owner to current_user;
                         alter operator pg_catalog.|| (text, anynonarray) set schema public;
                         alter operator public.|| (text, anynonarray) set schema pg_catalog",
        ),
    ];
    for (what, change) in changes {
        let answer = beside(|db| {
            db.client()
                .batch_execute(change)
                .unwrap_or_else(|error| panic!("{what}: {error}"));
        });
        assert!(
            matches!(answer, Err(QuestionError::Changed(_))),
            "{what}: {answer:?}"
        );
    }
    for change in [
        "create rule r as on insert to public.wide do nothing",
        "create policy p on public.wide using (true)",
        "alter table public.wide alter who set default 'x'",
        "alter table public.wide add c integer",
        "truncate public.wide",
    ] {
        let answer = beside(|db| {
            let error = db
                .client()
                .batch_execute(&format!("set lock_timeout = 100; {change}"))
                .unwrap_err();
            assert_eq!(
                error.code().map(|code| code.code()),
                Some("55P03"),
                "{change}"
            );
        });
        assert!(answer.is_ok(), "{change}: {answer:?}");
    }
}

/// Functions of text search look up configurations, mappings and dictionaries during execution.
#[test]
fn a_change_of_text_search_beside_a_question_is_seen() {
    for matches in ["who @@ 'a'", "to_tsvector('simple', who) @@ 'a'"] {
        let db = Cluster::shared().database("search");
        db.client().batch_execute(WIDE).unwrap();
        db.client()
            .batch_execute("grant select on all tables in schema public to public")
            .unwrap();
        let question =
            format!("select count(*) > 0 as ready, 'x' as reason from public.wide where {matches}");
        let mut session = Between::new(read(&as_role(&db, GATE_USER)), |sql| {
            if sql == FETCH {
                db.client()
                    .batch_execute("create text search configuration public.mine (copy = simple)")
                    .unwrap();
            }
        });
        let answer = ask(&mut session, &question);
        assert!(
            matches!(answer, Err(QuestionError::Changed(_))),
            "{matches}: {answer:?}"
        );
    }
}

/// Its owner could create a mapping for the duration of planning.
#[test]
fn text_search_beside_what_somebody_can_change_is_refused() {
    let db = Cluster::shared().database("search");
    let role = format!("mallory_{}", db.name());
    db.client()
        .batch_execute(&format!(
            "create role {role} login; grant create on schema public to {role}; {WIDE}"
        ))
        .unwrap();
    let mut own = db.client();
    own.batch_execute(&format!("set role {role}")).unwrap();
    let mut superuser = db.client();
    let answer = || {
        ask(
            read(&db.url()).as_mut(),
            "select 'late cat'::text @@ 'cat'::text as ready, 'x' as reason",
        )
    };
    superuser
        .batch_execute("create text search configuration public.theirs (copy = simple)")
        .unwrap();

    assert!(says_ready(&answer()));
    for made in [
        "configuration public.mine (copy = simple)",
        "dictionary public.mine (template = simple)",
    ] {
        own.batch_execute(&format!("create text search {made}"))
            .unwrap();
        let refused = answer().unwrap_err().to_string();
        assert!(
            refused.contains(&format!(
                "text search, beside a configuration or dictionary that {role} can"
            )),
            "{refused}"
        );
        let kind = made.split(' ').next().unwrap();
        own.batch_execute(&format!("drop text search {kind} public.mine"))
            .unwrap();
    }
    assert!(says_ready(&answer()));
    drop(own);
    superuser
        .batch_execute(&format!("drop owned by {role}; drop role {role}"))
        .unwrap();
}

fn beside(act: impl Fn(&TestDatabase<'_>)) -> Result<Table, QuestionError> {
    beside_of(SLOW, act)
}

/// Returns the answer of a guarded query with `act` executed during its evaluation: the server's process is stopped
/// meanwhile, so that the query cannot end before, however busy the machine is.
fn beside_of(question: &str, act: impl Fn(&TestDatabase<'_>)) -> Result<Table, QuestionError> {
    let executing = |db: &TestDatabase<'_>| {
        db.ask(
            "select coalesce(max(pid), 0) from pg_stat_activity where datname = current_database()
             and query like 'FETCH FORWARD%' and state = 'active'",
        )
    };
    loop {
        let db = Cluster::shared().database("beside");
        let mut client = db.client();
        client.batch_execute(WIDE).unwrap();
        client
            .batch_execute("grant select on all tables in schema public to public")
            .unwrap();
        let url = as_role(&db, GATE_USER);
        let stopped = thread::scope(|scope| {
            let asking = scope.spawn(|| ask(read(&url).as_mut(), question));
            wait_until("it is executed", || {
                asking.is_finished() || executing(&db) != "0"
            });
            let backend = executing(&db);
            if backend == "0" {
                return None;
            }
            signal("-STOP", &backend);
            let acted = (executing(&db) == backend)
                .then(|| std::panic::catch_unwind(AssertUnwindSafe(|| act(&db))));
            signal("-CONT", &backend);
            let answer = asking.join().unwrap();
            acted?.unwrap_or_else(|panic| resume_unwind(panic));
            Some(answer)
        });
        if let Some(answer) = stopped {
            return answer;
        }
    }
}

/// Catalogs with objects that depend on a relation, as pg_depend lists them, and the check that reads each. A kind that
/// a later version of PostgreSQL adds is not in the list.
const REACHED: &[(&str, &str)] = &[
    ("pg_rewrite", "versions: rules, and the tree"),
    ("pg_policy", "versions: policies, and the tree"),
    ("pg_constraint", "versions: constraints, and what they need"),
    ("pg_class", "versions: indexes, children"),
    (
        "pg_statistic_ext",
        "versions: statistics, and what they need",
    ),
    (
        "pg_attrdef",
        "not changed below the lock; what virtual columns need is in the tree",
    ),
    (
        "pg_type",
        "the type of its rows: types, where the tree has it",
    ),
    ("pg_trigger", "not reached: a SELECT fires none"),
    ("pg_publication_rel", "not reached: what is replicated"),
    (
        "pg_proc",
        "not reached from the relation: a function over its rows, in the tree where it is called",
    ),
    ("pg_cast", "versions: casts, and types"),
    (
        "pg_operator",
        "not reached from the relation: in the tree where it is called",
    ),
];

#[test]
fn every_kind_of_object_behind_a_relation_is_known() {
    let db = Cluster::shared().database("kinds");
    db.client().batch_execute(WIDE).unwrap();
    db.client()
        .batch_execute(
            "create view public.view as select * from public.wide;
             create rule r as on insert to public.wide do also nothing;
             create policy p on public.wide using (id > 0);
             create statistics public.st on id, who from public.wide;
             create table public.gen (id serial primary key, twice integer generated always as (1 + 1) stored, big text);
             create table public.fk (id integer references public.gen);
             create table public.child () inherits (public.wide);
             create table public.parts (id integer) partition by list (id);
             create table public.part partition of public.parts for values in (1);
             create materialized view public.mat as select * from public.wide;
             create function public.over(public.wide) returns integer language sql as 'select 1';
             create function public.fires() returns trigger language plpgsql as 'begin return new; end';
             create trigger t before insert on public.wide for each row execute function public.fires();
             create publication pub for table public.wide;
             create function public.cast_it(public.wide) returns integer language sql as 'select 1';
             create cast (public.wide as integer) with function public.cast_it(public.wide);
             create function public.eq(public.wide, public.wide) returns boolean language sql as 'select true';
             create operator public.=== (leftarg = public.wide, rightarg = public.wide, function = public.eq);",
        )
        .unwrap();
    // Depends on the relation itself or on its row type.
    let found = db
        .client()
        .query(
            "select distinct d.classid::regclass::text from pg_depend d
         where d.refclassid = 'pg_class'::regclass and d.refobjid >= 16384
            or d.refclassid = 'pg_type'::regclass and d.refobjid in (select reltype from pg_class where oid >= 16384)
         order by 1",
            &[],
        )
        .unwrap();
    let found: Vec<String> = found.iter().map(|row| row.get(0)).collect();
    for kind in &found {
        assert!(
            REACHED.iter().any(|(known, _)| known == kind),
            "{kind} depends on relations, and is not looked at"
        );
    }
    for (kind, _) in REACHED {
        assert!(
            found.iter().any(|there| there == kind),
            "{kind} is not tried: {found:?}"
        );
    }
}

/// All code that could run as the gate's role exists beforehand; none of it runs, as any role.
#[test]
fn literals_that_somebody_reads() {
    let mood = "create type public.feel as enum ('sad', 'glad');
        create function public.cast_it(public.feel) returns text language plpgsql immutable as
            $$ begin perform public.bang(); return 'x'; end $$;
        create cast (public.feel as text) with function public.cast_it(public.feel);";
    let traps = [
        ("an array of a domain over an enumeration",
         "create domain public.d as public.feel check (value || 'x' <> 'y');
          alter table public.approvals add f public.d[];", "f @> '{sad}'"),
        ("a range of a domain",
         "create domain public.d as text check (public.evil(value)); create type public.r as range (subtype = public.d);
          alter table public.approvals add f public.r;", "f = '[a,b]'"),
        ("a domain over a composite type",
         "create type public.comp as (a public.feel); create domain public.d as public.comp check (quote_literal(value) <> '');
          create function public.text_of(public.comp) returns text language plpgsql immutable as
              $$ begin perform public.bang(); return 'x'; end $$;
          create cast (public.comp as text) with function public.text_of(public.comp);
          alter table public.approvals add f public.d;", "f = '(sad)'"),
        ("a domain over a domain",
         "create domain public.d0 as text check (public.evil(value)); create domain public.d as public.d0;
          alter table public.approvals add f public.d[];", "f = '{x}'"),
        ("a domain over an array of an enumeration",
         "create type public.plain as enum ('a'); create domain public.d as public.plain[] check (public.evil('x'));",
         "'{a}'::public.d is not null"),
        ("an array of a domain over an array of an enumeration",
         "create type public.plain as enum ('a'); create domain public.d as public.plain[] check (public.evil('x'));
          alter table public.approvals add f public.d[];",
         "f = array['{a}'::public.d]"),
        ("a column of XMLTABLE",
         "create domain public.d as text check (public.evil(value)); create type public.comp as (a public.d);",
         "exists (select from xmltable('/r' passing xmlparse(document '<r/>') columns a public.comp path 'x' default '(sad)'))"),
        ("a column of JSON_TABLE",
         "create domain public.d as text check (public.evil(value)); create type public.comp as (a public.d);",
         "exists (select from json_table('{}', '$' columns (a public.comp path '$.x' default '(sad)' on empty)))"),
    ];
    for (what, lay, condition) in traps {
        let db = Cluster::shared().database("literal");
        let mallory = format!("mallory_{}", db.name());
        laid(&db, &mallory);
        db.client()
            .batch_execute(&format!("set role {mallory}; {mood} {lay}"))
            .unwrap();
        // No gate role has rights worth an attack, but code must not run as a role that has them either.
        for role in ["postgres", GATE_USER, &mallory] {
            let mut session = read(&as_role(&db, role));
            let gate = format!("select {condition} as ready, 'x' as reason from public.approvals");
            let answer = ask(session.as_mut(), &gate);
            assert!(answer.is_err(), "{what} as {role}: {answer:?}");
            assert!(!snapped(&db), "{what} as {role}: it snapped");
        }
        db.client()
            .batch_execute(&format!(
                "drop owned by {mallory} cascade; drop role {mallory}"
            ))
            .unwrap();
    }
}

/// A superuser's cast between two built-in types, also from a domain over one.
#[test]
fn casts_between_own_types() {
    let db = Cluster::shared().database("owncast");
    db.client()
        .batch_execute(&format!(
            "{LAY} create function public.e(point) returns text language plpgsql immutable as
                 $$ begin perform public.bang(); return 'x'; end $$;
             create cast (point as text) with function public.e(point);
             create domain public.place as point; create table public.places (p public.place);
             insert into public.places values ('(1,2)')"
        ))
        .unwrap();
    for gate in [
        "select true as ready, quote_literal(point '(1,2)') as reason",
        "select true as ready, 'x' || point '(1,2)' as reason",
        "select true as ready, quote_literal(array[point '(1,2)']) as reason",
        "select true as ready, min(quote_literal(p)) as reason from public.places",
    ] {
        let mut session = read(&db.url());
        let error = ask(session.as_mut(), gate).unwrap_err().to_string();
        assert!(
            error.contains("cast by function public.e(point)"),
            "{gate}: {error}"
        );
        assert!(!snapped(&db), "{gate}: it snapped");
    }
    let mut session = read(&db.url());
    ask(
        session.as_mut(),
        "select true as ready, 'no point' as reason",
    )
    .unwrap();
    drop(session);
    db.client()
        .batch_execute("drop cast (point as text)")
        .unwrap();
}

/// Stops a thread when its test ends, even by a panic.
pub(super) struct Stops<'s>(pub &'s AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The gates of a usual release still get answers next to constant writes and a frequent autovacuum.
#[test]
fn a_busy_table_is_no_change() {
    let (db, release, site) = small("busy");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stops = Stops(&stop);
        scope.spawn(|| {
            let mut client = db.client();
            let mut analyzed = Instant::now();
            while !stop.load(Ordering::Relaxed) {
                client
                    .batch_execute(
                        "insert into public.approvals values (gen_random_uuid()::text); update public.approvals set who = who;
                         delete from public.approvals where who <> 'somebody'",
                    )
                    .unwrap();
                if analyzed.elapsed() > Duration::from_millis(200) {
                    client.batch_execute("analyze public.approvals").unwrap();
                    analyzed = Instant::now();
                }
            }
        });
        for _ in 0..20 {
            operator.gate().done();
        }
        operator.run().done();
        operator.rollback().done();
    });
}

/// A run's gates lock their tables only for the query, and don't wait for sessions that read or write rows.
#[test]
fn locks_of_gates_inside_a_run_are_given_back() {
    let (db, release, site) = small("locksgate");
    let bundle = site.pack(&Release::clone(&release).tier("slow", "select pg_sleep(1);\n"));
    let operator = site.operator(&bundle, &db.url());
    let run = operator.start("run");
    wait_until("the tier runs", || {
        db.ask("select count(*) from pg_stat_activity where datname = current_database() and query like 'select pg_sleep(1)%'") == "1"
    });
    let kept = "select count(*) from pg_locks where relation = 'public.approvals'::regclass";
    assert_eq!(db.ask(kept), "0");
    run.end().done();
}

/// A superuser's run reads no objects of other roles, since no lock keeps the owner of a materialized view from adding
/// statistics.
#[test]
fn a_materialized_view_of_another_role_inside_a_run() {
    let (db, release, site) = small("matview");
    let owner = format!("owner_{}", db.name());
    db.client()
        .batch_execute(&format!(
            "create role {owner}; grant select on public.approvals to {owner};
             create materialized view public.mv as select * from public.approvals; alter materialized view public.mv owner to {owner}"
        ))
        .unwrap();
    let bundle = site.pack(&release.gate(
        "approved",
        "select count(*) > 0 as ready, 'x' as reason from public.mv;\n",
    ));
    let operator = site.operator(&bundle, &db.url());
    for command in ["gate", "run"] {
        operator
            .ask_with(command, &[])
            .fails_saying(21, &[&format!("public.mv belongs to {owner}")]);
    }
    db.client()
        .batch_execute("alter materialized view public.mv owner to postgres")
        .unwrap();
    operator.run().done();
    db.client()
        .batch_execute(&format!("drop owned by {owner}; drop role {owner}"))
        .unwrap();
}

/// Queries whose meaning could change without their literals, and literals of built-in types.
#[test]
fn questions_are_answered_with_their_literals() {
    let db = Cluster::shared().database("asks");
    for (condition, is) in [
        ("'a'::text is distinct from 'b'", "t"),
        ("'a'::text is not distinct from 'b'", "f"),
        ("'b' is distinct from 'b'::text", "f"),
        ("int4range '[1,5)' @> 3", "t"),
        ("character varying(3) 'abc' = 'abc'", "t"),
        (
            "timestamp with time zone '2026-01-01 00:00Z' < now() at time zone 'UTC'",
            "t",
        ),
        ("interval '1' year > interval '1 day'", "t"),
        ("U&'!0061' uescape '!' = 'a'", "t"),
        ("'a' like 'b' escape 'c' or 'x' in ('x', 'y')", "t"),
        ("extract('year' from date '2026-01-01') = 2026", "t"),
        (
            "(select sum(n) over (order by n range between '1' preceding and current row) from (values (1)) as v(n)) = 1",
            "t",
        ),
        (
            "(select count(*) from (select 'a' union select 'b' limit '2') as u) = 2",
            "t",
        ),
        ("'{\"a\": [1]}'::jsonb -> 'a' @> '1'", "t"),
        ("array['a', 'b'] = '{a,b}'", "t"),
        ("case 'a' when 'a' then 'yes' else 'no' end = 'yes'", "t"),
    ] {
        let gate = format!("select {condition} as ready, 'x' as reason");
        let answer = ask(read(&db.url()).as_mut(), &gate)
            .unwrap_or_else(|error| panic!("{condition}: {error}"));
        assert_eq!(answer.rows[0][0].as_deref(), Some(is), "{condition}");
    }
}

/// A cast that is created in the last round trip and dropped afterwards could run in functions that look up casts at
/// run time.
#[test]
fn values_whose_casts_are_looked_up_later() {
    let db = Cluster::shared().database("later");
    let mallory = format!("mallory_{}", db.name());
    laid(&db, &mallory);
    db.client()
        .batch_execute(
            "create table public.t (id integer, m public.mood, a public.mood[], w text[], j jsonb);
             create domain public.code as text check (public.evil(value) is not null);
             alter table public.t add d public.code;
             insert into public.t values (1, 'yes', '{yes}', '{w}', '{}');
             grant select on public.t to public",
        )
        .unwrap();
    let asked = |condition: &str| {
        let gate =
            format!("select {condition} as ready, 'x' as reason from public.t where m = 'yes'");
        ask(read(&as_role(&db, GATE_USER)).as_mut(), &gate)
    };
    // SQL/JSON constructors are no functions in the tree.
    let version: i32 = db
        .ask("select current_setting('server_version_num')")
        .parse()
        .unwrap();
    let constructors = [
        "json_array(m)::text <> ''",
        "json_object('m': m returning jsonb)::text <> ''",
    ];
    let scalars = ["json_scalar(m)::text <> ''"];
    let constructors = constructors.iter().filter(|_| version >= 160_000);
    let values = [
        "to_json((select json_value(t.j, '$.x' returning public.mood) from public.t as x order by x.id + 1 limit 1))::text <> ''",
        "to_json(json_value(j, '$.x' returning public.mood))::text <> ''",
    ];
    let scalars = scalars.iter().chain(&values).filter(|_| version >= 170_000);
    for condition in constructors.chain(scalars) {
        let error = asked(&format!("count({condition}) > 0"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("whose casts it would look for when it runs"),
            "{condition}: {error}"
        );
    }
    for condition in [
        "jsonb_agg(m)::text <> ''",
        "min(quote_literal(m)) <> ''",
        "count('mood ' || m) > 0",
        "json_agg(row(1, m))::text <> ''",
        "to_json(array_agg(m))::text <> ''",
        "count(row_to_json(row(m))) > 0",
        // An expression next to a value is not mistaken for the value.
        "count(to_json((select x.a[1] from public.t as x order by x.id + 1 limit 1))) > 0",
        "count(to_json((select x.a[1:1] from public.t as x order by x.id + 1 limit 1))) > 0",
    ] {
        let error = asked(condition).unwrap_err().to_string();
        assert!(
            error.contains("whose casts it would look for when it runs (write x::text;"),
            "{condition}: {error}"
        );
    }
    // A superuser's domain, too: its check calls another role's function.
    let gate = "select count(json_populate_record(row(d), '{}'::json)::text) > 0 as ready, 'x' as reason from public.t";
    let error = ask(read(&as_role(&db, GATE_USER)).as_mut(), gate)
        .unwrap_err()
        .to_string();
    assert!(error.contains("function json_populate_record"), "{error}");
    let error = asked("count(t) > 0").unwrap_err().to_string();
    assert!(
        error.contains("a whole row of ") && error.contains("(name its columns)"),
        "{error}"
    );
    for condition in [
        "jsonb_agg(m::text)::text <> ''",
        "count(*) || ' rows' <> ''",
        "max(m) = 'yes' and count(m) > 0",
        "max(format('%s %L', m, d) || concat(m, a)) <> '' and bool_and(row(m, id) = row(m, id)) and max(array_to_string(a, ',')) <> ''",
        "array_agg(m order by m) @> '{yes}' and bool_and('yes' = any (a) and m in ('yes', 'no') and cardinality(a) > 0)",
        "count(pg_typeof(d)) >= 0 and min(lower(d)) is null and count(distinct m) > 0",
        "jsonb_build_object('n', count(*), 'all', bool_and(m = 'yes'), 'one', (select 1))::text <> ''",
        "count('x' || w[1]) > 0 and count(quote_literal(w[1:2] collate \"C\")) > 0",
        "json_build_array((select x.w[1] from public.t as x order by x.id limit 1))::text <> ''",
    ] {
        asked(condition).unwrap_or_else(|error| panic!("{condition}: {error}"));
    }
    db.client()
        .batch_execute(&format!(
            "drop table public.t; drop owned by {mallory} cascade; drop role {mallory}"
        ))
        .unwrap();
}

/// The same behind a table: the planner evaluates the functions of a constraint, and inlines SQL functions.
#[test]
fn values_whose_casts_are_looked_up_behind_tables() {
    let db = Cluster::shared().database("behind");
    let mallory = format!("mallory_{}", db.name());
    laid(&db, &mallory);
    let asked = |constraint: &str| {
        db.client()
            .batch_execute(&format!(
                "drop table if exists public.t; create table public.t (id integer, who text, m public.mood);
                 create table public.below (check ({constraint})) inherits (public.t); grant select on public.t to public"
            ))
            .unwrap_or_else(|error| panic!("{constraint}: {error}"));
        let answer = ask(
            read(&as_role(&db, GATE_USER)).as_mut(),
            "select count(*) = 0 as ready, 'x' as reason from public.t",
        );
        db.client()
            .batch_execute("drop table public.t cascade")
            .unwrap();
        answer
    };
    for constraint in [
        "quote_literal('yes'::public.mood) <> 'z'",
        "'is ' || 'yes'::public.mood <> 'z'",
        "to_json(array['yes'::public.mood])::text <> 'z'",
        "who is null or quote_nullable('yes'::text::public.mood) <> 'z'",
    ] {
        let error = asked(constraint).unwrap_err().to_string();
        assert!(
            error.contains(
                "whose casts it would look for, in an index, constraint or key of public.below"
            ),
            "{constraint}: {error}"
        );
    }
    for constraint in [
        "m <> 'yes'::public.mood",
        "quote_literal(who) <> 'z'",
        "m <> 'yes'::public.mood), check (jsonb_typeof('{}'::jsonb) <> who",
        "m = any ('{yes,no}'::public.mood[]) and 'is ' || who <> 'z'",
    ] {
        asked(constraint).unwrap_or_else(|error| panic!("{constraint}: {error}"));
    }
    db.client()
        .batch_execute(&format!(
            "drop owned by {mallory} cascade; drop role {mallory}"
        ))
        .unwrap();
}

/// PostgreSQL 13 parses its own SQL functions at run time: `relnamespace = 11` in `shobj_description` resolves to this
/// operator.
#[test]
fn operators_that_stand_before_postgresqls_own() {
    let db = Cluster::shared().database("before");
    let mallory = format!("mallory_{}", db.name());
    laid(&db, &mallory);
    let gate = "select shobj_description(oid, 'pg_database') is distinct from 'freeze' as ready, 'x' as reason
        from pg_database where datname = current_database()";
    db.client()
        .batch_execute(&format!(
            "comment on database \"{}\" is 'freeze'",
            db.name()
        ))
        .unwrap();
    let asked = || ask(read(&as_role(&db, GATE_USER)).as_mut(), gate);
    let is_13 = db.ask("select current_setting('server_version_num')::integer < 140000") == "t";
    let says = |answer: Result<Table, QuestionError>, words: &str| {
        assert!(
            answer
                .as_ref()
                .is_err_and(|error| error.to_string().contains(words)),
            "{answer:?}"
        );
    };
    if is_13 {
        // The operator could be created at the time of parsing.
        says(
            asked(),
            "function shobj_description(oid,name), a text that PostgreSQL before 14 parses when it runs",
        );
    } else {
        assert!(asked().is_ok_and(|table| table.rows[0][0].as_deref() == Some("f")));
    }
    db.client()
        .batch_execute(&format!(
            "set role {mallory}; create function public.no(oid, integer) returns boolean language sql immutable as 'select false';
             create operator public.= (leftarg = oid, rightarg = integer, function = public.no)"
        ))
        .unwrap();
    if is_13 {
        says(asked(), "operator public.=(oid,integer), user-defined");
        let plain = "select true as ready, 'x' as reason";
        says(
            ask(read(&as_role(&db, GATE_USER)).as_mut(), plain),
            "operator public.=(oid,integer), user-defined",
        );
    } else {
        let answer = asked();
        assert!(answer.is_ok() && !says_ready(&answer), "{answer:?}");
    }
    db.client()
        .batch_execute(&format!(
            "drop owned by {mallory} cascade; drop role {mallory}"
        ))
        .unwrap();
}

/// The server prints some white space in names verbatim, and no field may begin after it.
#[test]
fn names_with_white_space() {
    let db = Cluster::shared().database("blanks");
    let mallory = format!("mallory_{}", db.name());
    laid(&db, &mallory);
    db.client()
        .batch_execute(&format!(
            "set role {mallory}; create type public.mine as enum ('a'); create table public.st (m public.mine)"
        ))
        .unwrap();
    for blank in [
        '\u{b}', '\u{c}', '\r', '\u{85}', '\u{a0}', '\u{2028}', ' ', '\t', '\n',
    ] {
        let gate = format!(
            "select to_json((select s.m as \"x{blank}:vartype{blank}25\" from public.st s)) is null as ready, 'x' as reason"
        );
        let answer = ask(read(&as_role(&db, GATE_USER)).as_mut(), &gate);
        assert!(
            answer
                .as_ref()
                .is_err_and(|error| error.to_string().contains("whose casts it would look for")),
            "{blank:?}: {answer:?}"
        );
    }
    db.client()
        .batch_execute(&format!(
            "drop owned by {mallory} cascade; drop role {mallory}"
        ))
        .unwrap();
}

/// Two tables are swapped continuously, together with the gate's input from each: for the table of this name the gate
/// is never true.
#[test]
fn names_that_are_bound_before_the_rows_are_read() {
    let db = Cluster::shared().database("names");
    let mut client = db.client();
    client
        .batch_execute(
            "create table public.t (); create table public.u (); alter table public.u enable row level security",
        )
        .unwrap();
    let gate = "select relrowsecurity as ready, 'x' as reason from pg_class where oid = 'public.t'::regclass";
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                client
                    .batch_execute(
                        "begin; alter table public.t rename to x; alter table public.u rename to t; alter table public.x rename to u;
                         alter table public.t disable row level security; alter table public.u enable row level security; commit",
                    )
                    .unwrap();
            }
        });
        let ready = (0..60.max(10 * rounds()))
            .filter(|_| says_ready(&ask(read(&as_role(&db, GATE_USER)).as_mut(), gate)))
            .count();
        is_over.store(true, Ordering::Relaxed);
        swapping.join().unwrap();
        assert_eq!(ready, 0);
    });
}

/// The planner looks up the casts of a set operation, which appear in no tree. Columns of one type, and of built-in
/// types, are accepted.
#[test]
fn set_operations_of_different_types() {
    let db = Cluster::shared().database("union");
    let mallory = format!("mallory_{}", db.name());
    laid(&db, &mallory);
    db.client()
        .batch_execute(&format!(
            "set role {mallory};
             create type public.one as enum ('a'); create type public.two as enum ('a');
             create function public.evil(public.one) returns public.two language plpgsql as
                 $$ begin perform public.bang(); return 'a'; end $$;
             create cast (public.one as public.two) with function public.evil(public.one) as implicit;
             create domain public.d as text check (public.evil(value));
             create type public.plain as enum ('a');
             create table public.ones (m public.one, t text, v public.d[], p public.plain);
             create table public.twos (m public.two, t text, v text[], p public.plain);
             insert into public.ones values ('a', 'x', null, 'a'); insert into public.twos values ('a', 'x', '{{q}}', 'a');
             create view public.mixed as select m from public.ones union all select m from public.twos;
             grant select on public.ones, public.twos, public.mixed to public"
        ))
        .unwrap();
    let ready = "count(*) >= 0 as ready, 'x' as reason";
    for mixed in [
        "select m from public.ones union all select m from public.twos",
        // In a view the set operation appears only in the rewritten tree.
        "table public.mixed",
        "select m from public.ones intersect select m from public.twos",
        "select t from public.twos union (select t from public.ones except select 'x')",
        "select v from public.ones union all select v from public.twos",
        "select array[m] from public.ones union select array[m] from public.twos",
        "table public.ones union all select m, t, v::public.d[], p from public.twos",
        "with recursive r(v) as (select v from public.ones union all select a.v from public.twos a join r on false) table r",
    ] {
        for role in ["postgres", GATE_USER] {
            let gate = format!("select {ready} from ({mixed}) as x");
            let answer = ask(read(&as_role(&db, role)).as_mut(), &gate);
            let is_plain = mixed.contains("except select 'x'");
            assert_eq!(answer.is_ok(), is_plain, "{mixed} as {role}: {answer:?}");
            assert!(!snapped(&db), "{mixed} as {role}: it snapped");
        }
    }
    for plain in [
        "select p, t from public.ones union all select p, t from public.twos",
        "select 1 as n union all select 2::bigint union select null",
        "select current_user, now(), t is null, exists (select from public.ones) from public.ones union select 'x', null, true, false",
        "select p from public.ones union all select 'a'",
        "select t collate \"C\" from public.ones union all select t from public.twos",
        "select grouping(t), t from public.ones group by t union all select 1, 'x'",
        "select (array['a', 'b'])[1] union all select t from public.ones",
        "with recursive n(i) as (values (1) union all select i + 1 from n where i < 3) select i from n",
        "select (select max(p) from public.ones) union all select p from public.twos",
    ] {
        let gate = format!("select {ready} from ({plain}) as x");
        let answer = ask(read(&as_role(&db, GATE_USER)).as_mut(), &gate);
        assert!(answer.is_ok(), "{plain}: {answer:?}");
    }
    db.client()
        .batch_execute(&format!(
            "drop owned by {mallory} cascade; drop role {mallory}"
        ))
        .unwrap();
}

/// A role that may create in a schema of the path could hide objects of a later schema. Names behind such a schema are
/// not resolved.
#[test]
fn names_that_others_can_hide() {
    let db = Cluster::shared().database("hidden");
    let mallory = format!("mallory_{}", db.name());
    laid(&db, &mallory);
    db.client()
        .batch_execute(&format!(
            "create schema app; create table app.t (ok boolean); insert into app.t values (true); create table public.first ();
             create schema \"o\"\"pen\"; grant create on schema \"o\"\"pen\" to {mallory};
             create schema own authorization {mallory}; revoke create on schema own from {mallory};
             create schema was; grant usage, create on schema was to {mallory}; create schema typed; create type typed.old as enum ('a');
             alter type typed.old owner to {mallory};
             grant usage on schema app, \"o\"\"pen\" to public; grant select on all tables in schema app, public to public;
             revoke create on schema public from public, {mallory}"
        ))
        .unwrap();
    let asked = |path: &[&str], from: &str| {
        let path: Vec<String> = path
            .iter()
            .chain(&["pg_temp"])
            .map(|schema| (*schema).to_owned())
            .collect();
        let gate = format!("select bool_and(ok) as ready, 'x' as reason from {from}");
        let mut session = read(&as_role(&db, GATE_USER));
        session
            .batch("begin isolation level read committed read only")
            .unwrap();
        question::ask(
            session.as_mut(),
            &Question {
                path: &path,
                ..question_of(&gate)
            },
        )
        .map(|(_, table)| table)
    };
    const OPEN: &str = "\"o\"\"pen\"";
    for (path, from) in [
        (&[OPEN, "\"app\""][..], "t"),
        (&["\"public\"", OPEN, "\"app\""], "t"),
        (
            &[OPEN, "\"app\""],
            "app.t where 't'::regclass::oid > 0::oid",
        ),
        // As the owner she can grant herself the revoked right again.
        (&["\"own\"", "\"app\""], "t"),
        (&["\"was\"", "\"app\""], "t"),
        // Renaming a type needs no right on the schema.
        (&["\"typed\"", "\"app\""], "t"),
        (&["\"public\"", "\"app\""], "t"),
        // A role that may create in a database can create a missing schema.
        (&["\"missing\"", "\"app\""], "t"),
    ] {
        if path[0] == "\"missing\"" {
            db.client()
                .batch_execute(&format!(
                    "grant create on database \"{}\" to {mallory}",
                    db.name()
                ))
                .unwrap();
        }
        let answer = asked(path, from);
        assert!(
            matches!(answer, Err(QuestionError::Hidden(..))),
            "{path:?} {from}: {answer:?}"
        );
    }
    db.client()
        .batch_execute(&format!(
            "revoke create on database \"{}\" from {mallory}",
            db.name()
        ))
        .unwrap();
    // Objects created before the right was revoked.
    let mut creating = postgres::Client::connect(
        &db.connection()
            .replace("user=postgres", &format!("user={mallory}")),
        postgres::NoTls,
    )
    .unwrap();
    creating
        .batch_execute("begin; create table was.t (ok boolean)")
        .unwrap();
    db.client()
        .batch_execute(&format!("revoke create on schema was from {mallory}"))
        .unwrap();
    let answer = asked(&["\"was\"", "\"app\""], "t");
    assert!(
        matches!(answer, Err(QuestionError::Hidden(..))),
        "{answer:?}"
    );
    creating.batch_execute("rollback").unwrap();
    for (path, from) in [
        (&["\"was\"", "\"app\""][..], "t"),
        (&[OPEN, "\"app\""], "app.t"),
        (&["\"app\"", OPEN], "t"),
        (&["\"missing\"", "\"app\""], "t"),
        (
            &["\"public\"", OPEN, "\"app\""],
            "app.t where not exists (select from first)",
        ),
    ] {
        let answer = asked(path, from);
        assert!(says_ready(&answer), "{path:?} {from}: {answer:?}");
    }
    db.client()
        .batch_execute(&format!(
            "drop owned by {mallory} cascade; drop role {mallory}"
        ))
        .unwrap();
}
