//! Connections as libpq makes them: the real program next to the real psql, with the same strings, variables and files.
//! A password appears in no output.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use pgseal::database::Session as _;
use tempfile::TempDir;

use pgseal_testkit::release::{BEFORE, Release, Site};
use pgseal_testkit::server::{Server, session};

const HBA: &str = "local all postgres trust
local all all scram-sha-256
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
";

/// A text that occurs nowhere else.
const PASSWORD: &str = "xyZZy:42\\@/p";

/// Two servers, and a home directory with the files that libpq reads.
struct Place {
    one: Server,
    two: Server,
    home: TempDir,
}

impl Place {
    fn new() -> Self {
        let start = || {
            let server = Server::start(HBA, "log_min_error_statement = panic\n");
            let role = format!("create role lena superuser login password '{PASSWORD}'");
            // In two messages: the text of a message is logged before it runs.
            let mut quiet = session(&server.local("postgres"));
            quiet.batch("set log_statement = 'none'").unwrap();
            quiet.batch(&role).unwrap();
            server.sql("create database shop");
            server.sql("create database \"a/b c\"");
            server
        };
        let place = Self {
            one: start(),
            two: start(),
            home: tempfile::tempdir().unwrap(),
        };
        let (one, two) = (place.one.port, place.two.port);
        place.write(
            ".pgpass",
            &format!(
                "# all\n*:{one}:*:lena:{}\nlocalhost:{two}:shop:lena:{}\n",
                escaped(),
                escaped()
            ),
        );
        place.write(
            ".pg_service.conf",
            &format!("[other]\nport=1\n\n# the shop\n[shop]\nhost=127.0.0.1\nport={two}\ndbname=shop\nuser=postgres\n"),
        );
        place
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn command(
        &self,
        program: impl AsRef<std::ffi::OsStr>,
        variables: &[(&str, String)],
    ) -> Command {
        let mut command = Command::new(program);
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG"))
        {
            command.env_remove(name);
        }
        command
            .env("HOME", self.home.path())
            .env("PGSYSCONFDIR", self.home.path().join("system"));
        command.envs(variables.iter().map(|(name, value)| (*name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// Connects with psql; returns role, database and cluster.
    fn psql(&self, db: Option<&str>, variables: &[(&str, String)]) -> Result<String, String> {
        let query =
            "select current_user, current_database(), system_identifier from pg_control_system()";
        let mut command = self.command("psql", variables);
        command.args(["-XAtw", "-F", " ", "-c", query]);
        let output = command
            .args(db.iter().flat_map(|db| ["-d", db]))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        }
    }

    /// Does the same with pgseal.
    fn pgseal(&self, db: Option<&str>, variables: &[(&str, String)]) -> Result<String, String> {
        let mut command = self.command(pgseal_testkit::pgseal(), variables);
        command
            .args(["status", "--json", "--receipts"])
            .arg(self.home.path().join("receipts"));
        let output = command
            .args(db.iter().flat_map(|db| ["--db", db]))
            .output()
            .unwrap();
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let target = &document["target"];
        let word = |name: &str| target[name].as_str().unwrap().to_owned();
        Ok([word("role"), word("database"), word("system_identifier")].join(" "))
    }
}

fn escaped() -> String {
    PASSWORD.replace('\\', "\\\\").replace(':', "\\:")
}

fn percent(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The argument of `--db`, the variables, and whether a connection is expected.
type Case = (Option<String>, Vec<(&'static str, String)>, bool);

/// With every string and environment psql and pgseal reach the same database, or both fail.
#[test]
fn the_same_place_as_psql() {
    let place = Place::new();
    let (one, two) = (place.one.port, place.two.port);
    let socket = place.one.path("").to_str().unwrap().to_owned();
    let dead = pgseal_testkit::server::free_port();
    place.write(
        "other/services",
        &format!("[far]\nport={one}\nhost=127.0.0.1\nuser=lena\ndbname=shop\n"),
    );
    place.write(
        "system/pg_service.conf",
        &format!("[system]\nport={one}\nhost={socket}\nuser=postgres\ndbname=a/b c\n"),
    );
    place.write("wide", &format!("*:*:*:*:{}\n", escaped()));
    place.write("wrong", "*:*:*:*:nonsense\n");
    place.write("bare", "*:*:*:*\n");
    let home = place.home.path().to_str().unwrap();
    let (password, encoded) = (PASSWORD.replace('\\', "\\\\"), percent(PASSWORD));
    let socket_in_url = socket.replace('/', "%2F");
    let env = |pairs: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        pairs
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect()
    };
    let (one_text, two_text, ports) = (one.to_string(), two.to_string(), format!("{dead},{two}"));
    let here = env(&[
        ("PGHOST", "127.0.0.1"),
        ("PGPORT", &one_text),
        ("PGUSER", "postgres"),
        ("PGDATABASE", "shop"),
    ]);
    let none = || env(&[]);
    let cases: Vec<Case> = vec![
        // URLs.
        (
            Some(format!("postgresql://postgres@127.0.0.1:{one}/shop")),
            none(),
            true,
        ),
        (
            Some(format!("postgres://postgres@127.0.0.1:{one}")),
            none(),
            true,
        ),
        (
            Some(format!(
                "postgresql://lena:{encoded}@127.0.0.1:{one}/a%2Fb%20c"
            )),
            none(),
            true,
        ),
        (
            Some(format!(
                "postgresql://postgres@127.0.0.1:{dead},127.0.0.1:{two}/shop?connect_timeout=3"
            )),
            none(),
            true,
        ),
        (
            Some(format!(
                "postgresql://{socket_in_url}:{one}/shop?user=postgres"
            )),
            none(),
            true,
        ),
        (
            Some(format!(
                "postgresql:///shop?host={socket}&port={one}&user=postgres"
            )),
            none(),
            true,
        ),
        (
            Some(format!(
                "postgresql://postgres@localhost:{one}/shop?hostaddr=127.0.0.1"
            )),
            none(),
            true,
        ),
        (
            Some(format!(
                "postgresql://postgres@[::1]:{dead},127.0.0.1:{one}/shop"
            )),
            none(),
            true,
        ),
        (
            Some(format!(
                "postgresql://postgres@127.0.0.1:{one}/shop?sslmode=maybe"
            )),
            none(),
            false,
        ),
        (
            Some(format!(
                "postgresql://postgres@127.0.0.1:{one}/shop?nonsense=1"
            )),
            none(),
            false,
        ),
        (
            Some(format!("postgresql://postgres@127.0.0.1:{one}/%zz")),
            none(),
            false,
        ),
        (
            Some(format!(
                "postgresql://postgres@127.0.0.1:{one},127.0.0.1/shop?port=1,2,3"
            )),
            none(),
            false,
        ),
        // Keywords.
        (
            Some(format!(
                "host=127.0.0.1 port={one} user=postgres dbname=shop"
            )),
            none(),
            true,
        ),
        (
            Some(format!(
                "host = 127.0.0.1 port='{one}' user=postgres dbname='a/b c'"
            )),
            none(),
            true,
        ),
        (
            Some(format!(
                "host=127.0.0.1 port={one} user=lena dbname=shop password='{password}'"
            )),
            none(),
            true,
        ),
        (
            Some(format!(
                "host=127.0.0.1,127.0.0.1 port={dead},{two} user=postgres dbname=shop"
            )),
            none(),
            true,
        ),
        (
            Some(format!(
                "host={socket} port={one} user=postgres user=lena user=postgres dbname=shop"
            )),
            none(),
            true,
        ),
        (
            Some(format!("host=127.0.0.1 port={one} user=postgres dbname")),
            none(),
            false,
        ),
        (
            Some(format!(
                "host=127.0.0.1 port={one} user='postgres dbname=shop"
            )),
            none(),
            false,
        ),
        (
            Some(format!(
                "host=127.0.0.1,127.0.0.1 port={one},{one},{one} user=postgres"
            )),
            none(),
            false,
        ),
        (
            Some(format!(
                "host=127.0.0.1 port={one} user=postgres dbname=nowhere"
            )),
            none(),
            false,
        ),
        // Variables and their precedence.
        (None, here.clone(), true),
        (Some("postgres".to_owned()), here.clone(), true),
        (Some("dbname=postgres".to_owned()), here.clone(), true),
        (Some(format!("port={two}")), here.clone(), true),
        (
            Some(format!("postgresql://:{two}/postgres")),
            here.clone(),
            true,
        ),
        (
            None,
            env(&[
                ("PGHOSTADDR", "127.0.0.1"),
                ("PGPORT", &two_text),
                ("PGUSER", "postgres"),
            ]),
            true,
        ),
        (
            None,
            env(&[
                ("PGHOST", "127.0.0.1,127.0.0.1"),
                ("PGPORT", &ports),
                ("PGUSER", "postgres"),
            ]),
            true,
        ),
        (
            None,
            [
                &here[..],
                &env(&[("PGUSER", "lena"), ("PGPASSWORD", PASSWORD)]),
            ]
            .concat(),
            true,
        ),
        (
            None,
            [
                &here[..],
                &env(&[("PGUSER", "lena"), ("PGPASSWORD", "wrong")]),
            ]
            .concat(),
            false,
        ),
        (
            None,
            [&here[..], &env(&[("PGSSLMODE", "require")])].concat(),
            false,
        ),
        (
            None,
            [
                &here[..],
                &env(&[("PGSSLMODE", "prefer"), ("PGCHANNELBINDING", "prefer")]),
            ]
            .concat(),
            true,
        ),
        (
            None,
            [&here[..], &env(&[("PGCHANNELBINDING", "require")])].concat(),
            false,
        ),
        (
            None,
            [&here[..], &env(&[("PGREQUIRESSL", "1")])].concat(),
            false,
        ),
        (
            None,
            [
                &here[..],
                &env(&[
                    ("PGTARGETSESSIONATTRS", "read-write"),
                    ("PGCONNECT_TIMEOUT", "5"),
                ]),
            ]
            .concat(),
            true,
        ),
        (
            None,
            [&here[..], &env(&[("PGTARGETSESSIONATTRS", "standby")])].concat(),
            false,
        ),
        // Password files.
        (
            Some(format!("host=127.0.0.1 port={one} user=lena dbname=shop")),
            none(),
            true,
        ),
        (
            Some(format!("host=127.0.0.1 port={two} user=lena dbname=shop")),
            none(),
            false,
        ),
        (
            Some(format!(
                "host=localhost hostaddr=127.0.0.1 port={two} user=lena dbname=shop"
            )),
            none(),
            true,
        ),
        (
            Some(format!(
                "host=localhost hostaddr=127.0.0.1 port={two} user=lena dbname=postgres"
            )),
            none(),
            false,
        ),
        (
            Some(format!("host={socket} port={one} user=lena dbname=shop")),
            none(),
            true,
        ),
        (
            Some(format!(
                "host=127.0.0.1 port={two} user=lena dbname=shop passfile={home}/wide"
            )),
            none(),
            true,
        ),
        (
            Some(format!("host=127.0.0.1 port={one} user=lena")),
            env(&[("PGPASSFILE", &format!("{home}/wrong"))]),
            false,
        ),
        (
            Some(format!("host=127.0.0.1 port={one} user=lena")),
            env(&[("PGPASSFILE", &format!("{home}/bare"))]),
            false,
        ),
        (
            Some(format!("host=127.0.0.1 port={one} user=lena")),
            env(&[("PGPASSFILE", "/nowhere")]),
            false,
        ),
        // Services.
        (Some("service=shop".to_owned()), none(), true),
        (Some("postgresql:///?service=shop".to_owned()), none(), true),
        (
            Some(format!("service=shop dbname=postgres port={one}")),
            none(),
            true,
        ),
        (
            None,
            env(&[("PGSERVICE", "shop"), ("PGPORT", "1"), ("PGUSER", "nobody")]),
            true,
        ),
        (
            None,
            env(&[
                ("PGSERVICE", "shop"),
                ("PGSERVICEFILE", &format!("{home}/other/services")),
            ]),
            false,
        ),
        (
            Some("service=far dbname=postgres".to_owned()),
            env(&[("PGSERVICEFILE", &format!("{home}/other/services"))]),
            true,
        ),
        (Some("service=system".to_owned()), none(), true),
        (Some("service=nobody".to_owned()), none(), false),
    ];
    let count = cases.len();
    for (db, variables, reached) in cases {
        let psql = place.psql(db.as_deref(), &variables);
        let pgseal = place.pgseal(db.as_deref(), &variables);
        assert_eq!(psql.is_ok(), reached, "psql {db:?} {variables:?}: {psql:?}");
        assert_eq!(
            pgseal.clone().ok(),
            psql.ok(),
            "{db:?} {variables:?}: {pgseal:?}"
        );
    }
    assert!(count > 50, "{count}");
}

/// Options of libpq that pgseal does not support are errors, never ignored.
#[test]
fn what_is_not_followed_is_refused() {
    let place = Place::new();
    let db = format!(
        "host=127.0.0.1 port={} user=postgres dbname=shop",
        place.one.port
    );
    assert!(place.pgseal(Some(&db), &[]).is_ok());
    for (name, value) in [
        ("PGOPTIONS", "-c work_mem=1MB"),
        ("PGTZ", "Asia/Kathmandu"),
        ("PGDATESTYLE", "German"),
        ("PGGEQO", "off"),
        ("PGREQUIREPEER", "postgres"),
        ("PGGSSENCMODE", "require"),
        ("PGREQUIREAUTH", "scram-sha-256"),
        ("PGLOADBALANCEHOSTS", "random"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGSSLCRLDIR", "/nowhere"),
        ("PGSSLMODE", "always"),
    ] {
        let error = place
            .pgseal(Some(&db), &[(name, value.to_owned())])
            .unwrap_err();
        assert!(
            error.contains("can't understand the connection"),
            "{name}: {error}"
        );
    }
    for more in [
        "options=-cx.y=z",
        "requirepeer=postgres",
        "sslpassword=x",
        "load_balance_hosts=random",
    ] {
        let error = place
            .pgseal(Some(&format!("{db} {more}")), &[])
            .unwrap_err();
        let name = more.split('=').next().unwrap();
        assert!(error.contains(name), "{more}: {error}");
    }
    // A password file that others may read is ignored, and the error names it.
    let lena = db.replace("user=postgres", "user=lena");
    let path = place.home.path().join(".pgpass");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = place.pgseal(Some(&lena), &[]).unwrap_err();
    assert!(
        error.contains("may be read by others") && error.contains("asks for the password"),
        "{error}"
    );
}

/// The password appears neither in the output and files of pgseal nor in the server's log.
#[test]
fn a_password_shows_nowhere() {
    let place = Place::new();
    place.one.sql("alter role lena set search_path = public");
    session(&place.one.local("shop")).batch(BEFORE).unwrap();
    let (site, port, encoded) = (Site::without_gate_user(), place.one.port, percent(PASSWORD));
    let bundle = site.pack(&Release::on("shop"));
    let url = |password: &str, rest: &str| format!("postgresql://lena:{password}@{rest}");
    let good = url(&encoded, &format!("127.0.0.1:{port}/shop"));
    let operator = site.operator(&bundle, &good);
    let mut said = String::new();
    for command in ["gate", "plan", "run", "check", "run", "rollback"] {
        let answer = operator.ask(command);
        assert!(
            answer
                .stderr
                .contains("can be read by everybody on this host"),
            "{answer}"
        );
        said.push_str(&format!(
            "{answer}{}",
            operator.ask_with(command, &["--json"])
        ));
    }
    for (db, what) in [
        (
            url(&encoded, &format!("127.0.0.1:{port}/nowhere")),
            "does not exist",
        ),
        (
            url(
                &encoded,
                &format!("127.0.0.1:{}/shop", pgseal_testkit::server::free_port()),
            ),
            "refused",
        ),
        (url(&encoded, "nowhere.invalid/shop"), "nowhere.invalid"),
        (
            url(&encoded, &format!("127.0.0.1:{port}/shop?sslmode=require")),
            "has no TLS",
        ),
        (
            url(&encoded, &format!("127.0.0.1:{port}/shop?nonsense=1")),
            "nonsense",
        ),
        (
            url(&encoded, &format!("127.0.0.1:{port}/shop?sslmode=maybe")),
            "maybe",
        ),
        (url(&format!("{encoded}%zz"), "h/shop"), "hexadecimal"),
        // Not percent-encoded: a part of it is parsed as the port.
        (url("xyZZy/42", "h/shop"), "%3A"),
        (
            format!(
                "host=127.0.0.1 port={port} user=lena dbname=shop password={PASSWORD} {PASSWORD}"
            ),
            "no \"=\"",
        ),
        (
            format!("host=127.0.0.1 port={port} user=lena dbname=shop password=wrong{PASSWORD}"),
            "authentication failed",
        ),
    ] {
        let answer = site.operator(&bundle, &db).gate();
        assert!(
            answer.code != 0 && answer.stderr.contains(what),
            "{what}: {answer}"
        );
        said.push_str(&answer.to_string());
    }
    assert!(
        operator.records(".json").len() + operator.records(".jsonl").len() > 1,
        "receipts and journals are there"
    );
    let mut kept = place.one.log();
    collect(operator.receipts(), &mut kept);
    assert!(
        kept.contains("pg_is_in_recovery") && kept.contains("widgets"),
        "the log and the records are read"
    );
    for secret in [PASSWORD, "xyZZy", &encoded, &encoded[..12]] {
        assert!(!said.contains(secret), "said: {secret}");
        assert!(!kept.contains(secret), "kept: {secret}");
    }
}

fn collect(path: &Path, into: &mut String) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), into);
        }
    } else {
        into.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
    }
}
