//! The adapter of the port `database.rs` against a real server: batches, parameters, rows, COPY.

use std::io::Read;
use std::time::Instant;

use pgseal::database::{DatabaseError, Purpose, Session, Table};
use pgseal::postgres::PostgresSession;

use pgseal_testkit::cluster::{Cluster, TestDatabase};

fn empty() -> TestDatabase<'static> {
    Cluster::shared().database("adapter")
}

fn session(db: &TestDatabase<'_>) -> PostgresSession {
    open(db, Purpose::Write)
}

fn open(db: &TestDatabase<'_>, purpose: Purpose) -> PostgresSession {
    PostgresSession::open(&db.connection().parse().unwrap(), purpose).unwrap()
}

/// Queries one value through the session under test.
fn ask(session: &mut PostgresSession, sql: &str) -> String {
    session
        .rows(sql, 1)
        .unwrap()
        .single()
        .unwrap_or("NULL")
        .to_owned()
}

fn server_code<T: std::fmt::Debug>(result: Result<T, DatabaseError>) -> String {
    match result {
        Err(DatabaseError::Server(error)) => error.code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_answers_by_statement() {
    let db = empty();
    let mut session = session(&db);
    session.execute("BEGIN").unwrap();
    let batch = "create table public.t (n integer);
insert into public.t select generate_series(1, 5);
select * from public.t;
update public.t set n = n + 1 where n > 3;
delete from public.t";
    session.send_batch(batch).unwrap();
    let answer = session.receive_batch().unwrap();
    assert_eq!((answer.rows, answer.error), (vec![0, 5, 5, 2, 5], None));
    session.execute("COMMIT").unwrap();
    assert_eq!(ask(&mut session, "select count(*) from public.t"), "0");
    // Rows of a megabyte per statement are discarded and counted, even if the answers fill many packets.
    let many = "select repeat('x', 10000) from generate_series(1, 100);".repeat(20);
    session.send_batch(&many).unwrap();
    assert_eq!(session.receive_batch().unwrap().rows, [100; 20]);
    let unasked = session.receive_batch();
    assert!(
        matches!(&unasked, Err(DatabaseError::Unsound(found)) if found.message.contains("no batch")),
        "{unasked:?}"
    );
}

#[test]
fn a_syntax_error_anywhere_runs_nothing_of_the_message() {
    let db = empty();
    let mut session = session(&db);
    session.execute("BEGIN").unwrap();
    let good = "create table public.t (n integer);\n-- ä😀: characters, not bytes\n";
    session
        .send_batch(&format!("{good}insert intoo public.t values (1)"))
        .unwrap();
    let answer = session.receive_batch().unwrap();
    let error = answer.error.unwrap();
    assert_eq!((answer.rows, error.code.as_str()), (vec![], "42601"));
    assert_eq!(error.position, Some(good.chars().count() as u32 + 8));
    session.execute("ROLLBACK").unwrap();
    assert_eq!(
        ask(&mut session, "select pg_catalog.to_regclass('public.t')"),
        "NULL"
    );
}

#[test]
fn an_error_in_the_middle_says_what_was_complete_before() {
    let db = empty();
    let mut session = session(&db);
    session.execute("BEGIN").unwrap();
    let good =
        "create table public.t (n integer check (n > 0));\ninsert into public.t values (1), (2);\n";
    let bad = "insert into public.t select 1 - nn from generate_series(1, 3) nn;\ninsert into public.t values (9)";
    session.send_batch(&format!("{good}{bad}")).unwrap();
    let answer = session.receive_batch().unwrap();
    let error = answer.error.unwrap();
    assert_eq!(
        (answer.rows, error.code.as_str(), error.position),
        (vec![0, 2], "23514", None)
    );
    assert!(error.detail.unwrap().contains("(0)"));
    session.execute("ROLLBACK").unwrap();
    // An analysis error also has its position counted from the start of the message.
    session.execute("BEGIN").unwrap();
    let good = "create table public.t (n integer);\n";
    session
        .send_batch(&format!("{good}select nobody from public.t"))
        .unwrap();
    let answer = session.receive_batch().unwrap();
    let error = answer.error.unwrap();
    assert_eq!((answer.rows, error.code.as_str()), (vec![0], "42703"));
    assert_eq!(error.position, Some(good.chars().count() as u32 + 8));
}

/// Attributes notices to their statements wherever packets end: two hundred statements with growing answers, in two
/// batches that are in flight together.
#[test]
fn notices_belong_to_the_statement_that_said_them() {
    let db = empty();
    let mut session = session(&db);
    session
        .batch(
            "create table public.t (n integer, said text);
create function public.say() returns trigger language plpgsql as $$ begin
    if new.said is not null then raise notice '%', new.said; raise warning '%', new.n; end if;
    return new; end $$;
create trigger say before insert on public.t for each row execute function public.say();",
        )
        .unwrap();
    session.execute("BEGIN").unwrap();
    let statement = |batch: usize, n: usize| match n % 7 {
        0 | 6 => format!("insert into public.t values ({n}, 'batch {batch} statement {n}');\n"),
        3 => format!(
            "select repeat('x', {n}) from generate_series(1, {});\n",
            n * 5
        ),
        _ => format!(
            "insert into public.t select {n} from generate_series(1, {});\n",
            n % 5
        ),
    };
    for batch in 0..2 {
        session
            .send_batch(&(0..200).map(|n| statement(batch, n)).collect::<String>())
            .unwrap();
    }
    for batch in 0..2 {
        let answer = session.receive_batch().unwrap();
        assert_eq!((answer.rows.len(), answer.error), (200, None));
        let notices = session.notices();
        let said: Vec<usize> = (0..200).filter(|n| n % 7 == 0 || n % 7 == 6).collect();
        assert_eq!(notices.len(), 2 * said.len());
        for (pair, n) in notices.chunks(2).zip(said) {
            assert_eq!(pair[0].message, format!("batch {batch} statement {n}"));
            assert_eq!(
                (pair[0].statement, pair[0].severity.as_str()),
                (n, "NOTICE")
            );
            assert_eq!(
                (pair[1].statement, pair[1].severity.as_str()),
                (n, "WARNING")
            );
            assert!(pair[0].context.as_ref().unwrap().contains("public.say"));
        }
    }
    session
        .execute("do $$ begin raise notice 'alone'; end $$")
        .unwrap();
    let notices = session.notices();
    assert_eq!(
        (
            notices.len(),
            notices[0].statement,
            notices[0].message.as_str()
        ),
        (1, 0, "alone")
    );
}

#[test]
fn after_an_error_the_other_batches_answer_too() {
    let db = empty();
    let mut session = session(&db);
    session
        .execute("create table public.t (n integer)")
        .unwrap();
    let three = |session: &mut PostgresSession| {
        session.execute("BEGIN").unwrap();
        session
            .send_batch("insert into public.t values (1); select 1 / 0; select 2")
            .unwrap();
        session
            .send_batch("insert into public.t values (3)")
            .unwrap();
        session
            .send_batch("insert into public.t values (4)")
            .unwrap();
    };
    // Received one by one.
    three(&mut session);
    let answer = session.receive_batch().unwrap();
    assert_eq!(
        (answer.rows, answer.error.unwrap().code.as_str()),
        (vec![1], "22012")
    );
    for _ in 0..2 {
        let answer = session.receive_batch().unwrap();
        assert_eq!(
            (answer.rows, answer.error.unwrap().code.as_str()),
            (vec![], "25P02")
        );
    }
    session.execute("ROLLBACK").unwrap();
    assert_eq!(ask(&mut session, "select count(*) from public.t"), "0");
    // Two of them, or all, stay in flight.
    for received in [1, 0] {
        three(&mut session);
        for _ in 0..received {
            session.receive_batch().unwrap();
        }
        session.execute("ROLLBACK").unwrap();
        assert_eq!(ask(&mut session, "select 40 + 2"), "42");
        assert_eq!(ask(&mut session, "select count(*) from public.t"), "0");
    }
    // Batches in flight at the end of a session are not committed.
    session.execute("BEGIN").unwrap();
    session
        .send_batch("insert into public.t values (5)")
        .unwrap();
    drop(session);
    assert_eq!(db.ask("select count(*) from public.t"), "0");
}

/// Keeps more data in flight than all buffers hold, in both directions.
#[test]
fn batches_larger_than_every_buffer() {
    let db = empty();
    let mut session = session(&db);
    let answers = "select repeat('x', 100000) from generate_series(1, 20);".repeat(3);
    let text = format!("{answers} select length('{}')", "y".repeat(4 << 20));
    let started = Instant::now();
    for _ in 0..3 {
        session.send_batch(&text).unwrap();
    }
    for _ in 0..3 {
        assert_eq!(session.receive_batch().unwrap().rows, [20, 20, 20, 1]);
    }
    assert!(started.elapsed().as_secs() < 60);
}

#[test]
fn a_connection_that_ends_in_between() {
    let db = empty();
    let mut session = session(&db);
    let pid = ask(&mut session, "select pg_catalog.pg_backend_pid()");
    session.execute("BEGIN").unwrap();
    session
        .send_batch("select 1; select pg_catalog.pg_sleep(60)")
        .unwrap();
    session.send_batch("select 2").unwrap();
    assert_eq!(
        db.ask(&format!(
            "select pg_catalog.pg_terminate_backend({pid}, 10000)"
        )),
        "t"
    );
    for _ in 0..2 {
        let answer = session.receive_batch();
        let told = matches!(&answer, Err(DatabaseError::Connection(found)) if found.message.contains("administrator"));
        assert!(told, "{answer:?}");
    }
    // The session stays lost, and no call blocks.
    assert!(matches!(
        session.execute("ROLLBACK"),
        Err(DatabaseError::Connection(_))
    ));
    assert!(matches!(
        session.send_batch("select 1"),
        Err(DatabaseError::Connection(_))
    ));
    assert!(matches!(
        session.rows("select 1", 1),
        Err(DatabaseError::Connection(_))
    ));
    // The session is terminated while it is idle.
    let mut session = self::session(&db);
    let pid = ask(&mut session, "select pg_catalog.pg_backend_pid()");
    db.ask(&format!(
        "select pg_catalog.pg_terminate_backend({pid}, 10000)"
    ));
    let answer = session.execute("select 1");
    let told = matches!(&answer, Err(DatabaseError::Connection(found)) if found.message.contains("administrator"));
    assert!(told, "{answer:?}");
}

#[test]
fn rows_of_one_statement_and_no_more() {
    let db = empty();
    let mut session = session(&db);
    session
        .execute("create table public.t (n integer, at date)")
        .unwrap();
    let text = |value: &str| Some(value.to_owned());
    let table = session
        .rows(
            "insert into public.t values (1, '2026-01-02'), (2, null) returning *",
            2,
        )
        .unwrap();
    assert_eq!(table.columns, ["n", "at"]);
    assert_eq!(
        table.rows,
        [vec![text("1"), text("2026-01-02")], vec![text("2"), None]]
    );
    assert_eq!(
        session
            .rows("select n as a, true as b from public.t where false", 1)
            .unwrap()
            .columns,
        ["a", "b"]
    );
    assert_eq!(
        session.rows("create table public.u ()", 1).unwrap(),
        Table::default()
    );
    // Excess rows are not kept, and the session remains usable.
    let many = session.rows("select generate_series(1, 100000)", 3);
    assert!(
        matches!(&many, Err(DatabaseError::Unsound(found)) if found.message.contains("at most 3")),
        "{many:?}"
    );
    // Two statements, where the second one would end the transaction.
    session.execute("BEGIN").unwrap();
    session.execute("SAVEPOINT s").unwrap();
    for sql in [
        "select 1; select 2",
        "select 1; delete from public.t; commit",
        "select 1;;commit",
        "select 1 \n; rollback",
    ] {
        assert_eq!(server_code(session.rows(sql, 1)), "42601", "{sql}");
        session.execute("ROLLBACK TO s").unwrap();
    }
    assert_eq!(ask(&mut session, "select count(*) from public.t"), "2");
    assert_eq!(server_code(session.rows("select 1 / 0", 1)), "22012");
    session.execute("ROLLBACK").unwrap();
}

#[test]
fn parameters_in_text_form() {
    let db = empty();
    let mut session = session(&db);
    session
        .execute("create type public.mood as enum ('sad', 'happy')")
        .unwrap();
    let create = "create table public.t (i integer, b bigint, t text, f boolean, n numeric, j jsonb, a integer[],
        m public.mood, at timestamptz)";
    session.execute(create).unwrap();
    let values = [
        "-7",
        "9223372036854775807",
        "it's \\ ä\n\"",
        "yes",
        "1.50",
        "{\"a\": 1}",
        "{1,2}",
        "happy",
    ];
    let mut values = values.map(str::to_owned).to_vec();
    values.push("2026-01-02 03:04:05+00".to_owned());
    let insert = "insert into public.t values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    assert_eq!(session.execute_with(insert, &values).unwrap(), 1);
    let check = "select i = -7 and b = 9223372036854775807 and t = E'it''s \\\\ ä\\n\"' and f and n::text = '1.50'
        and j = '{\"a\":1}' and a = array[1, 2] and m = 'happy' and extract(year from at) = 2026 from public.t";
    assert_eq!(ask(&mut session, check), "t");
    // Rows are counted and discarded; a parameter is always a value.
    let text = |value: &str| vec![value.to_owned()];
    assert_eq!(
        session
            .execute_with("select generate_series(1, $1)", &text("100000"))
            .unwrap(),
        100_000
    );
    let quoted = "update public.t set t = $1";
    assert_eq!(
        session
            .execute_with(quoted, &text("'; drop table public.t; --"))
            .unwrap(),
        1
    );
    assert_eq!(
        ask(&mut session, "select t from public.t"),
        "'; drop table public.t; --"
    );
    assert_eq!(
        server_code(session.execute_with("select $1::integer", &text("seven"))),
        "22P02"
    );
    assert_eq!(
        server_code(session.execute_with("select $1, $2", &text("one"))),
        "08P01"
    );
    assert_eq!(
        server_code(session.execute_with("select 1; select $1", &text("one"))),
        "42601"
    );
    assert_eq!(session.execute_with("select 1", &[]).unwrap(), 1);
}

#[test]
fn a_session_for_reading_reads() {
    let db = empty();
    let mut session = open(&db, Purpose::Read);
    assert!(session.server_version_num() > 100_000);
    assert_eq!(
        server_code(session.execute("create table public.t ()")),
        "25006"
    );
    assert_eq!(ask(&mut session, "show search_path"), "pg_catalog,pg_temp");
    assert_eq!(ask(&mut session, "show transaction_read_only"), "on");
    let pid = ask(&mut session, "select pg_catalog.pg_backend_pid()");
    drop(session);
    // The driver sent Terminate, so the session must end promptly.
    let gone = format!("select count(*) from pg_catalog.pg_stat_activity where pid = {pid}");
    let left = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        db.ask(&gone) == "0"
    });
    assert!(left);
}

/// Generates lines of a table with two columns; fails after line `end` if `fails` is set.
struct Lines {
    next: usize,
    end: usize,
    fails: bool,
    rest: Vec<u8>,
}

impl Lines {
    fn new(end: usize) -> Self {
        Self {
            next: 0,
            end,
            fails: false,
            rest: Vec::new(),
        }
    }
}

impl Read for Lines {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.rest.is_empty() {
            if self.next == self.end && self.fails {
                return Err(std::io::Error::other("the medium is gone"));
            }
            let until = self.end.min(self.next + 100);
            self.rest = (self.next..until)
                .flat_map(|n| format!("{n}\trow number {n:>90}\n").into_bytes())
                .collect();
            self.next = until;
        }
        let size = into.len().min(self.rest.len());
        into[..size].copy_from_slice(&self.rest[..size]);
        self.rest.drain(..size);
        Ok(size)
    }
}

/// Peak resident memory of this process, in KiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

const COPY: &str = "COPY public.t (n, label) FROM STDIN";

#[test]
fn a_million_rows_in_little_memory() {
    let db = empty();
    let mut session = session(&db);
    session
        .execute("create table public.t (n integer check (n >= 0), label text)")
        .unwrap();
    let before = peak();
    assert_eq!(
        session.copy_in(COPY, &mut Lines::new(1_000_000)).unwrap(),
        1_000_000
    );
    // The data has 109 MB; other tests share this process. The reported peak may fall: the kernel updates it only when
    // memory is freed, and otherwise reports the current size if that is larger.
    let more = peak().saturating_sub(before);
    assert!(more < 48 << 10, "{more} KiB more");
    assert_eq!(
        ask(
            &mut session,
            "select count(*) || ' ' || sum(n) from public.t"
        ),
        "1000000 499999500000"
    );
    assert_eq!(
        session.copy_out("COPY public.t TO STDOUT").unwrap(),
        108_888_890
    );
    assert_eq!(session.copy_in(COPY, &mut Lines::new(0)).unwrap(), 0);
}

#[test]
fn a_copy_that_fails_on_either_side() {
    let db = empty();
    let mut session = session(&db);
    session
        .execute("create table public.t (n integer check (n <> 5), label text)")
        .unwrap();
    session
        .execute("create table public.big (n integer, label text)")
        .unwrap();
    let failed = |session: &mut PostgresSession, result: Result<u64, DatabaseError>, code: &str| {
        let Err(DatabaseError::Server(error)) = result else {
            panic!("{result:?}")
        };
        assert_eq!(error.code, code, "{error:?}");
        // The connection stays in step: each query gets its own answer, and the transaction has failed.
        assert_eq!(server_code(session.execute("select 1")), "25P02");
        session.execute("ROLLBACK").unwrap();
        for n in 1..4 {
            assert_eq!(ask(session, &format!("select {n}")), n.to_string());
        }
        assert_eq!(ask(session, "select count(*) from public.t"), "0");
        error
    };
    for rows in [20, 300_000] {
        session.execute("BEGIN").unwrap();
        let result = session.copy_in(COPY, &mut Lines::new(rows));
        let error = failed(&mut session, result, "23514");
        assert!(error.context.unwrap().contains("line 6"));
    }
    session.execute("BEGIN").unwrap();
    let result = session.copy_in(COPY, &mut &b"1\tone\nx\ttwo\n"[..]);
    let context = failed(&mut session, result, "22P02").context.unwrap();
    assert!(context.contains("line 2, column n"), "{context}");
    // Rejected before the first byte, by the parser, by a missing table, and as two statements.
    for (sql, code) in [
        ("COPY public.t FROM STDINN", "42601"),
        ("COPY public.nothing FROM STDIN", "42P01"),
        ("COPY public.t FROM STDIN; COMMIT", "42601"),
        ("COMMIT; COPY public.t FROM STDIN", "42601"),
    ] {
        session.execute("BEGIN").unwrap();
        let result = session.copy_in(sql, &mut Lines::new(300_000));
        failed(&mut session, result, code);
    }
    // The reader fails immediately, in the first message, and in a later one.
    for end in [0, 3, 200_000] {
        session.execute("BEGIN").unwrap();
        let result = session.copy_in(
            "COPY public.big FROM STDIN",
            &mut Lines {
                fails: true,
                ..Lines::new(end)
            },
        );
        assert!(
            matches!(&result, Err(DatabaseError::Unsound(found)) if found.message.contains("the medium is gone")),
            "{result:?}"
        );
        assert_eq!(server_code(session.execute("select 1")), "25P02");
        session.execute("ROLLBACK").unwrap();
        assert_eq!(ask(&mut session, "select count(*) from public.big"), "0");
    }
    // Not a COPY.
    let result = session.copy_in("select 1", &mut Lines::new(9));
    assert!(
        matches!(&result, Err(DatabaseError::Unsound(found)) if found.message.contains("ask for data")),
        "{result:?}"
    );
    // In the wrong direction the session ends, because its state would be a guess.
    let result = session.copy_in("COPY public.t TO STDOUT", &mut Lines::new(300_000));
    assert!(
        matches!(&result, Err(DatabaseError::Connection(_))),
        "{result:?}"
    );
    assert!(matches!(
        session.execute("select 1"),
        Err(DatabaseError::Connection(_))
    ));
}

#[test]
fn a_trigger_behind_the_last_byte_of_copy_to() {
    let db = empty();
    let mut session = session(&db);
    session
        .batch(
            "create table public.t (n integer);
create function public.no() returns trigger language plpgsql as $$ begin raise exception 'not %', new.n; end $$;
create trigger no after insert on public.t for each row execute function public.no();",
        )
        .unwrap();
    let result = session.copy_out("COPY (insert into public.t values (1) returning n) TO STDOUT");
    assert_eq!(server_code(result), "P0001");
    assert_eq!(ask(&mut session, "select count(*) from public.t"), "0");
}

#[test]
fn by_tcp_and_by_target_session_attrs() {
    let db = empty();
    for (attrs, purpose, ok) in [
        ("read-write", Purpose::Read, true),
        ("read-write", Purpose::Write, true),
        ("read-only", Purpose::Read, false),
    ] {
        let text = format!("{} target_session_attrs={attrs}", db.connection());
        let opened = PostgresSession::open(&text.parse().unwrap(), purpose);
        assert_eq!(opened.is_ok(), ok, "{attrs} {purpose:?}");
    }
    // No server listens on this port.
    let nobody = "host=localhost port=1 user=postgres dbname=postgres"
        .parse()
        .unwrap();
    let error = PostgresSession::open(&nobody, Purpose::Read).err().unwrap();
    assert!(
        matches!(&error, DatabaseError::Connection(found) if found.message.contains("Connection refused")),
        "{error:?}"
    );
}

/// A measurement, not a test: `cargo test --release --test postgres -- --ignored --nocapture speed`.
#[test]
#[ignore = "measures"]
fn speed_against_psql() {
    let db = empty();
    let mut session = session(&db);
    session
        .execute("create table public.t (n integer primary key, label text, at timestamptz)")
        .unwrap();
    let statement = |n: usize| {
        format!("insert into public.t values ({n}, 'row number {n}', '2026-01-02 03:04:05+00');\n")
    };
    let statements: Vec<String> = (0..20_000).map(statement).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("inserts.sql");
    std::fs::write(&file, statements.concat()).unwrap();
    let copied = dir.path().join("lines");
    std::io::copy(
        &mut Lines::new(1_000_000),
        &mut std::fs::File::create(&copied).unwrap(),
    )
    .unwrap();
    let psql = |arguments: &[&str]| {
        let started = Instant::now();
        let psql =
            std::process::Command::new(pgseal_testkit::cluster::programs().dir().join("psql"))
                .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &db.connection()])
                .args(arguments)
                .status();
        assert!(psql.unwrap().success());
        started.elapsed().as_secs_f64()
    };
    let mut ratios: std::collections::BTreeMap<(usize, usize), Vec<f64>> = Default::default();
    for _ in 0..5 {
        session.execute("TRUNCATE public.t").unwrap();
        let base = psql(&["-1", "-f", file.to_str().unwrap()]);
        for size in [50, 100, 200, 500, 1000] {
            for in_flight in [1, 2, 3] {
                session.execute("TRUNCATE public.t").unwrap();
                let started = Instant::now();
                session.execute("BEGIN").unwrap();
                let mut on_the_way = 0;
                for batch in statements.chunks(size) {
                    if on_the_way == in_flight {
                        assert_eq!(session.receive_batch().unwrap().rows.len(), size);
                        on_the_way -= 1;
                    }
                    session.send_batch(&batch.concat()).unwrap();
                    on_the_way += 1;
                }
                for _ in 0..on_the_way {
                    assert_eq!(session.receive_batch().unwrap().rows.len(), size);
                }
                session.execute("COMMIT").unwrap();
                ratios
                    .entry((size, in_flight))
                    .or_default()
                    .push(started.elapsed().as_secs_f64() / base);
            }
        }
        session
            .execute("create table public.c (n integer, label text)")
            .unwrap();
        let base = psql(&[
            "-c",
            &format!("\\copy public.c from '{}'", copied.display()),
        ]);
        session.execute("TRUNCATE public.c").unwrap();
        let started = Instant::now();
        let mut data = std::fs::File::open(&copied).unwrap();
        assert_eq!(
            session
                .copy_in("COPY public.c FROM STDIN", &mut data)
                .unwrap(),
            1_000_000
        );
        ratios
            .entry((0, 0))
            .or_default()
            .push(started.elapsed().as_secs_f64() / base);
        session.execute("DROP TABLE public.c").unwrap();
    }
    for ((size, in_flight), mut ratios) in ratios {
        ratios.sort_by(f64::total_cmp);
        eprintln!(
            "{size:5} {in_flight}: {:.2} of psql ({:.2} to {:.2})",
            ratios[2], ratios[0], ratios[4]
        );
    }
}
