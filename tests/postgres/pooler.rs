//! The real PgBouncer in front of a real server: it is detected and refused in every configuration.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use pgseal::database::{DatabaseError, Purpose};
use pgseal::postgres::PostgresSession;
use tempfile::TempDir;

use super::small;
use pgseal_testkit::cluster::TestDatabase;
use pgseal_testkit::server::{Kept, free_port, own};

struct Pooler {
    dir: TempDir,
    port: u16,
    _running: Kept,
}

impl Pooler {
    /// Starts in front of the shared cluster; `settings` are additional lines of the configuration.
    fn before(db: &TestDatabase<'_>, settings: &str) -> Self {
        let (dir, port) = (tempfile::tempdir_in("/tmp").unwrap(), free_port());
        let socket = db.connection();
        let host = socket
            .split_whitespace()
            .find_map(|word| word.strip_prefix("host="))
            .unwrap()
            .replace('\'', "");
        let own_dir = dir.path().display();
        let ini = format!(
            "[databases]\n* = host={host} port=5432 user=postgres\n[pgbouncer]\nlisten_port = {port}\n\
             unix_socket_dir = {own_dir}\nauth_type = any\nlogfile = {own_dir}/log\npidfile = {own_dir}/pid\n{settings}\n"
        );
        std::fs::write(dir.path().join("ini"), ini).unwrap();
        own(dir.path());
        own(&dir.path().join("ini"));
        let debian = Path::new("/usr/sbin/pgbouncer");
        let program = if debian.exists() {
            debian
        } else {
            Path::new("pgbouncer")
        };
        let ini = dir.path().join("ini");
        let running = Kept::start(
            program,
            &["-q", ini.to_str().unwrap()],
            "TERM",
            &dir.path().join("out"),
        );
        let since = Instant::now();
        // The socket exists before PgBouncer listens on it.
        while UnixStream::connect(dir.path().join(format!(".s.PGSQL.{port}"))).is_err() {
            let out = std::fs::read_to_string(dir.path().join("out")).unwrap();
            assert!(since.elapsed() < Duration::from_secs(20), "{out}");
            thread::sleep(Duration::from_millis(20));
        }
        Self {
            dir,
            port,
            _running: running,
        }
    }

    fn connection(&self, db: &TestDatabase<'_>) -> String {
        format!(
            "host={} port={} user=postgres dbname={}",
            self.dir.path().display(),
            self.port,
            db.name()
        )
    }

    fn refusal(&self, db: &TestDatabase<'_>, purpose: Purpose) -> String {
        match PostgresSession::open(&self.connection(db).parse().unwrap(), purpose) {
            Err(DatabaseError::Unsound(found)) => found.message,
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("a session by a pooler"),
        }
    }
}

#[test]
fn in_transaction_mode() {
    let (db, release, site) = small("pooled");
    let bundle = site.pack(&release);
    for (settings, why) in [
        ("pool_mode = transaction", "unsupported startup parameter"),
        (
            "pool_mode = transaction\nignore_startup_parameters = options",
            "search_path",
        ),
    ] {
        let pooler = Pooler::before(&db, settings);
        for purpose in [Purpose::Read, Purpose::Write, Purpose::Resolve] {
            let text = pooler.refusal(&db, purpose);
            assert!(
                text.contains("a connection pooler") && text.contains(why),
                "{settings}: {text}"
            );
        }
        let operator = site.operator(&bundle, &pooler.connection(&db));
        for command in ["gate", "plan", "run", "rollback", "check"] {
            let answer = operator.ask(command);
            // A gate without an answer is closed.
            assert_eq!(
                answer.code,
                if command == "gate" { 21 } else { 22 },
                "{command}: {answer}"
            );
            // `plan` prints a prediction; the other commands fail with a hint.
            let (said, what) = match command {
                "plan" => (&answer.stdout, "a connection pooler"),
                _ => (&answer.stderr, "name PostgreSQL's own host"),
            };
            assert!(
                said.contains("a connection pooler") && said.contains(what),
                "{command}: {answer}"
            );
        }
        assert_eq!(
            db.ask("select pg_catalog.to_regclass('public.widgets') is null"),
            "t"
        );
    }
    site.operator(&bundle, &db.url()).run().done();
}

/// In session mode a session would stay the same, but the settings that it begins with are lost.
#[test]
fn in_session_mode() {
    let (db, ..) = small("pooled_session");
    for (settings, why) in [
        ("pool_mode = session", "unsupported startup parameter"),
        (
            "pool_mode = session\nignore_startup_parameters = options",
            "search_path",
        ),
    ] {
        let text = Pooler::before(&db, settings).refusal(&db, Purpose::Write);
        assert!(
            text.contains("a connection pooler") && text.contains(why),
            "{settings}: {text}"
        );
    }
}

/// A pooler with sessions that begin with pgseal's own settings is detected by its process id.
#[test]
fn with_our_own_settings() {
    let (db, ..) = small("pooled_alike");
    let name = db.name();
    for setting in [
        "search_path = pg_catalog, pg_temp",
        "backslash_quote = safe_encoding",
        "datestyle = 'ISO, MDY'",
        "default_transaction_read_only = on",
    ] {
        db.client()
            .batch_execute(&format!("alter database {name} set {setting}"))
            .unwrap();
    }
    let pooler = Pooler::before(
        &db,
        "pool_mode = transaction\nignore_startup_parameters = options",
    );
    let text = pooler.refusal(&db, Purpose::Read);
    assert!(
        text.contains("a connection pooler") && text.contains("the process"),
        "{text}"
    );
}
