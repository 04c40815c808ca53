//! A test bench for one statement: the recorded state before it, a killable session of its own, and queries for its
//! effect.

use std::thread::JoinHandle;

use pgseal::database::{DatabaseError, Purpose, Session};
use pgseal::postgres::PostgresSession;
use pgseal::release::evidence::{Before, Effect, before, confirm, find};
use pgseal::release::failure::Failure;
use pgseal_verify::format::json;
use postgres::Client;
use psql_script::{NonTransactional, classify};

use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::wait_until;

/// Creates a database with a schema whose name needs quotes, first on the path.
pub fn shop() -> TestDatabase<'static> {
    let db = Cluster::shared().database("evidence");
    fill(&db);
    db
}

pub fn fill(db: &TestDatabase<'_>) {
    db.client()
        .batch_execute(
            r#"create schema "The ""Shop"""; create schema other;
            create table "The ""Shop""".items (id integer primary key, kind integer, label text);
            insert into "The ""Shop""".items select n, n % 7, repeat('x', n) from generate_series(1, 100) n;"#,
        )
        .unwrap();
}

/// The path of the release.
const PATH: &str = r#"SET search_path = "The ""Shop""", other"#;

pub fn session(db: &TestDatabase<'_>) -> PostgresSession {
    session_as(db, "postgres")
}

/// Opens a session as a run does, as the given role.
pub fn session_as(db: &TestDatabase<'_>, role: &str) -> PostgresSession {
    let text = format!("{} user={role}", db.connection());
    let mut session = PostgresSession::open(&text.parse().unwrap(), Purpose::Write).unwrap();
    session.batch(PATH).unwrap();
    session
}

/// Returns why the statement must not begin.
pub fn refused(db: &TestDatabase<'_>, sql: &str) -> Failure {
    before(&mut session(db), &classify(sql).unwrap()).unwrap_err()
}

pub struct Bench<'d> {
    db: &'d TestDatabase<'d>,
    pub sql: String,
    pub statement: NonTransactional,
    pub before: Before,
    pub looker: PostgresSession,
}

impl<'d> Bench<'d> {
    /// Records the state before the statement, as the ledger would.
    pub fn new(db: &'d TestDatabase<'d>, sql: &str) -> Self {
        let statement = classify(sql).unwrap();
        let mut looker = session(db);
        let before = before(&mut looker, &statement).unwrap();
        let before = json::from_canonical(&json::to_canonical(&before).unwrap()).unwrap();
        Self {
            db,
            sql: sql.to_owned(),
            statement,
            before,
            looker,
        }
    }

    /// Continues on a new session with the recorded state.
    pub fn anew(self) -> Self {
        Self {
            looker: session(self.db),
            ..self
        }
    }

    pub fn find(&mut self) -> Effect {
        let effect = find(&mut self.looker, &self.statement, &self.before, &self.sql).unwrap();
        let path = self.looker.rows("show search_path", 1).unwrap();
        assert_eq!(
            path.single(),
            Some(r#""The ""Shop""", other"#),
            "the path is put back"
        );
        effect
    }

    pub fn took(&mut self) -> String {
        match self.find() {
            Effect::Took(how) => how,
            other => panic!("{}: {other:?}", self.sql),
        }
    }

    pub fn not_there(&mut self) -> String {
        match self.find() {
            Effect::NotThere(how) => how,
            other => panic!("{}: {other:?}", self.sql),
        }
    }

    pub fn still_running(&mut self) -> String {
        match self.find() {
            Effect::StillRunning(who) => who,
            other => panic!("{}: {other:?}", self.sql),
        }
    }

    pub fn undecidable(&mut self) -> String {
        match self.find() {
            Effect::Undecidable(question) => question,
            other => panic!("{}: {other:?}", self.sql),
        }
    }

    pub fn leftover(&mut self) -> Vec<String> {
        match self.find() {
            Effect::Leftover { cleanup, .. } => cleanup,
            other => panic!("{}: {other:?}", self.sql),
        }
    }

    /// Finds leftovers, removes them, and queries the effect again.
    pub fn clear(&mut self) -> Effect {
        let cleanup = self.leftover();
        assert!(!cleanup.is_empty());
        for statement in cleanup {
            self.looker
                .execute(&statement)
                .unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        self.find()
    }

    pub fn confirm(&mut self) -> Result<Option<String>, Failure> {
        confirm(&mut self.looker, &self.statement, &self.before)
    }

    /// Returns the notice to the operator about a statement that succeeded.
    pub fn confirmed(&mut self) -> Option<String> {
        self.confirm()
            .unwrap_or_else(|failure| panic!("{}: {failure:?}", self.sql))
    }

    /// Executes it again as a run would: records the state anew, executes to the end, and confirms.
    pub fn again(&mut self) {
        self.before = before(&mut self.looker, &self.statement)
            .unwrap_or_else(|failure| panic!("{failure:?}"));
        self.looker.execute(&self.sql).unwrap();
        self.confirmed();
    }

    /// Starts it on a session of its own.
    pub fn send(&self) -> Sent<'d> {
        let mut session = session(self.db);
        let pid = session
            .rows("select pg_catalog.pg_backend_pid()", 1)
            .unwrap()
            .single()
            .unwrap()
            .to_owned();
        let sql = self.sql.clone();
        Sent {
            db: self.db,
            pid,
            end: std::thread::spawn(move || session.execute(&sql)),
        }
    }
}

/// A running statement.
pub struct Sent<'d> {
    db: &'d TestDatabase<'d>,
    pub pid: String,
    end: JoinHandle<Result<u64, DatabaseError>>,
}

/// How a statement is interrupted.
#[derive(Clone, Copy, Debug)]
pub enum Kill {
    Cancel,
    Terminate,
}

pub const KILLS: [Kill; 2] = [Kill::Cancel, Kill::Terminate];

impl Sent<'_> {
    /// Waits until the statement is blocked by another session's lock or transaction.
    pub fn waits(self, what: &str) -> Self {
        let waiting = format!(
            "select count(*) from pg_locks where pid = {} and not granted and pg_blocking_pids(pid) <> '{{}}'",
            self.pid
        );
        wait_until(what, || self.db.ask(&waiting) == "1");
        self
    }

    pub fn kill(self, how: Kill) {
        let function = match how {
            Kill::Cancel => "pg_cancel_backend",
            Kill::Terminate => "pg_terminate_backend",
        };
        assert_eq!(
            self.db.ask(&format!("select {function}({})", self.pid)),
            "t"
        );
        let error = self.end.join().unwrap().unwrap_err();
        assert!(
            matches!(how, Kill::Terminate) || error.code() == Some("57014"),
            "{error}"
        );
        let there = format!(
            "select count(*) from pg_stat_activity where pid = {}",
            self.pid
        );
        if matches!(how, Kill::Terminate) {
            wait_until("the process is gone", || self.db.ask(&there) == "0");
        }
    }

    /// Waits for the statement's result.
    pub fn end(self) -> Result<u64, DatabaseError> {
        self.end.join().unwrap()
    }
}

/// A transaction of another session; it blocks others until dropped.
pub struct Somebody(Client);

impl Somebody {
    pub fn does(db: &TestDatabase<'_>, sql: &str) -> Self {
        let mut client = db.client();
        client
            .batch_execute(&format!(
                "set search_path = \"The \"\"Shop\"\"\", other; begin; {sql}"
            ))
            .unwrap();
        Self(client)
    }

    /// Opens a transaction with an old snapshot.
    pub fn remembers(db: &TestDatabase<'_>) -> Self {
        let mut client = db.client();
        client
            .batch_execute("begin isolation level repeatable read; select 1")
            .unwrap();
        Self(client)
    }

    pub fn ends(mut self) {
        self.0.batch_execute("rollback").unwrap();
    }
}
