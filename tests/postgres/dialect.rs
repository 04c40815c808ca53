//! Scripts through psql and through a release, on two fresh databases of one server: the same schema, data, notices,
//! warnings, and the same statements in the server's log.
//!
//! The scripts are `dialect/*.sql`; a line `--@ PATH` begins another file of the release. Scripts that the engine
//! doesn't support yet are listed in `tests/psql/corpus/not_yet.txt` as `dialect/NAME`.
//!
//! The server logs each message as received. psql sends one statement per message; pgseal sends several, or one by the
//! extended protocol. So each message is split into statements, by the server's lexical rules and not by the program
//! under test, and white space around a statement is removed. Comments stay: both programs send them.

use std::{fs, path::Path, sync::OnceLock, thread, time::Duration};

use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::release::{Release, Site, assert_same, dump, psql};
use pgseal_testkit::server_words;

/// Markers before and after a script, to find its statements in the log.
const FIRST: &str = "select 'the script begins';\n";
const LAST: &str = "\nselect 'the script ends';\n";

#[test]
fn scripts_have_the_effect_that_psql_gives_them() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres/dialect");
    let mut paths: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let not_yet = not_yet();
    let mut faults = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let listed = not_yet.iter().any(|entry| entry == name);
        match compare(name, &fs::read_to_string(&path).unwrap()) {
            Ok(_) if listed => faults.push(format!("{name}: works; take it off the list")),
            Err(refusal) if !listed => faults.push(format!("{name}: {refusal}")),
            _ => {}
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Combines every quote form with every kind of text, in thousands of statements.
#[test]
fn thousands_of_statements_have_the_effect_that_psql_gives_them() {
    let mut sql = String::from("create table public.said (n integer, form integer, text text);\n");
    for n in 0..3_000 {
        let (form, text) = literal(n);
        sql.push_str(match n % 7 {
            0 => "-- a comment; with 'quotes\n",
            1 => "/* one /* in another; */ */ ",
            2 => "\n\n  ",
            3 => "\t",
            _ => "",
        });
        sql.push_str(&format!(
            "insert into public.said values ({n}, {form}, {text})"
        ));
        sql.push_str(match n % 5 {
            0 => " ;\n",
            1 => ";  ",
            2 => "\n;\n",
            3 => " -- end;\n;\n",
            _ => ";\n",
        });
        if n % 100 == 0 {
            sql.push_str("\ncopy public.said from stdin;\n");
            for row in 0..10 {
                sql.push_str(&format!("{n}\t{row}\ta;\\tb'\\\\.\n"));
            }
            sql.push_str("\\.\n");
        }
    }
    let statements = compare("thousands", &sql).unwrap();
    assert!(statements > 3_000, "{statements}");
}

/// Returns one of many spellings of one of many texts.
fn literal(n: usize) -> (usize, String) {
    const TEXTS: [&str; 9] = [
        "plain",
        "it's",
        "semi;colon",
        "back\\slash",
        "line\nfeed;",
        "--no comment",
        "/*none",
        "größe ✓",
        "$1 :x \"q\"",
    ];
    let text = TEXTS[n % TEXTS.len()];
    let doubled = text.replace('\'', "''");
    let escaped = text
        .replace('\\', "\\\\")
        .replace('\'', "\\'")
        .replace('\n', "\\n");
    let unicode = doubled.replace('\\', "\\\\");
    let form = n / TEXTS.len() % 8;
    let literal = match form {
        0 => format!("'{doubled}'"),
        1 => format!("E'{escaped}'"),
        2 => format!("$${text}$$"),
        3 => format!("$tag${text}$tag$"),
        4 => format!("U&'{unicode}'"),
        5 => format!("'{doubled}'\n  'more;'"),
        6 => format!("/* ; */ '{doubled}' /* ' */"),
        _ => format!("$größe$ {text} $$;$$ $größe$::text"),
    };
    (form, literal)
}

/// Runs a script both ways; returns the number of its statements, or the reason why pgseal refuses it. Panics at a
/// difference.
fn compare(name: &str, text: &str) -> Result<usize, String> {
    let (script, files) = files(text);
    let mut release = Release::on("").tier(name, &format!("{FIRST}{script}{LAST}"));
    for (path, text) in files {
        release = release.file(&path, text);
    }
    let (by_hand, db) = (database("byhand"), database("released"));
    let site = Site::new();
    let dir = site.path("by_hand");
    release.write(&dir);
    let tier = format!("tiers/{name}.sql");
    let psql = psql(
        &by_hand,
        &["-1", "-f", "tiers/widgets.sql", "-f", &tier],
        &dir,
    );
    let said = String::from_utf8_lossy(&psql.stderr).into_owned();
    assert!(psql.status.success(), "{name}: {said}");

    let release = release.targeting(db.name());
    let bundle = site.path("bundle");
    let packed = site.try_pack(&release, &bundle);
    if packed.code != 0 {
        return Err(packed.stderr);
    }
    let operator = site.operator(&bundle, &db.url());
    let ran = operator.run();
    if ran.code != 0 {
        return Err(ran.stderr);
    }
    assert_same(&dump(&by_hand), &dump(&db));
    let (theirs, ours) = (logged(name, &by_hand), logged(name, &db));
    assert_equal(name, "statements", &theirs.statements, &ours.statements);
    assert_equal(name, "notices", &theirs.notices, &ours.notices);
    assert_equal(
        name,
        "warnings",
        &warnings_of_psql(&said),
        &warnings_of_receipt(&operator.receipt()),
    );
    Ok(theirs.statements.len())
}

/// Splits a text into the script and its included files.
fn files(text: &str) -> (String, Vec<(String, String)>) {
    let mut script = String::new();
    let mut files: Vec<(String, String)> = Vec::new();
    for line in text.split_inclusive('\n') {
        match (line.strip_prefix("--@ "), files.last_mut()) {
            (Some(path), _) => files.push((path.trim().to_owned(), String::new())),
            (None, Some((_, file))) => file.push_str(line),
            (None, None) => script.push_str(line),
        }
    }
    (script, files)
}

fn not_yet() -> Vec<String> {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/psql/corpus/not_yet.txt");
    let list = fs::read_to_string(list).unwrap();
    let names = list
        .lines()
        .filter_map(|line| Some(line.strip_prefix("dialect/")?.split_once(": ")?.0));
    names.map(str::to_owned).collect()
}

/// Starts a server that logs all statements, each with its database.
fn cluster() -> &'static Cluster {
    static LOGGING: OnceLock<Cluster> = OnceLock::new();
    LOGGING.get_or_init(|| {
        let cluster = Cluster::own();
        let db = cluster.database("admin");
        for sql in [
            "alter system set log_line_prefix = '<%d %p> '",
            "alter system set log_statement = 'all'",
            "alter system set log_min_messages = 'notice'",
            "alter system set log_error_verbosity = 'terse'",
            "select pg_reload_conf()",
        ] {
            db.client().simple_query(sql).unwrap();
        }
        // The server reloads its settings asynchronously.
        while db.ask("show log_line_prefix") != "<%d %p> " {
            thread::sleep(Duration::from_millis(20));
        }
        drop(db);
        cluster
    })
}

fn database(prefix: &str) -> TestDatabase<'static> {
    let template = cluster().template("small_before", |db| {
        db.client().batch_execute(super::BEFORE).unwrap()
    });
    TestDatabase::from_template(cluster(), template, prefix)
}

/// The server's log between the first and the last statement of a script.
#[derive(Default)]
struct Logged {
    statements: Vec<String>,
    notices: Vec<String>,
}

fn logged(name: &str, db: &TestDatabase<'_>) -> Logged {
    let log = fs::read_to_string(cluster().server().dir().join("log")).unwrap();
    let mut messages: Vec<(String, String)> = Vec::new();
    let mut foreign = true;
    for line in log.lines() {
        if let Some(more) = line.strip_prefix('\t') {
            if let (false, Some((_, text))) = (foreign, messages.last_mut()) {
                text.push('\n');
                text.push_str(more);
            }
            continue;
        }
        let head = line
            .strip_prefix('<')
            .and_then(|line| line.split_once("> "));
        let ours = head.filter(|(session, _)| session.split(' ').next() == Some(db.name()));
        foreign = ours.is_none();
        if let Some((session, text)) = ours {
            messages.push((session.to_owned(), text.to_owned()));
        }
    }
    within(&messages, &format!("{name} on {}", db.name()))
}

/// Extracts the session of the script, from FIRST to LAST.
fn within(messages: &[(String, String)], name: &str) -> Logged {
    let first = messages
        .iter()
        .find(|(_, text)| text.contains(FIRST.trim()));
    let (session, _) =
        first.unwrap_or_else(|| panic!("{name}: the log has no beginning of the script"));
    let mut logged = Logged::default();
    let (mut begun, mut ended, mut closed) = (false, false, false);
    for (_, text) in messages.iter().filter(|(of, _)| of == session) {
        // Prepared statements of the driver have names.
        let prepared = text
            .strip_prefix("LOG:  execute ")
            .and_then(|text| text.split_once(": "));
        let sql = text
            .strip_prefix("LOG:  statement: ")
            .or(prepared.map(|(_, sql)| sql));
        // A batch is logged before the notices of its statements.
        closed |= ended && sql.is_some();
        for statement in sql.map(server_words::texts).unwrap_or_default() {
            begun |= statement == FIRST.trim().trim_end_matches(';');
            ended |= statement == LAST.trim().trim_end_matches(';');
            // psql's own query for \gdesc
            let of_psql =
                statement.starts_with("SELECT name AS \"Column\", pg_catalog.format_type(tp");
            // pgseal's own query after a statement that may have changed a time limit
            let of_pgseal =
                statement.starts_with("select name, setting from pg_catalog.pg_settings");
            if begun && !ended && !of_psql && !of_pgseal {
                logged.statements.push(statement);
            }
        }
        // LOG also reports parameters and durations.
        if sql.is_none() && begun && !closed && !text.starts_with("LOG:  ") {
            logged.notices.push(text.clone());
        }
    }
    assert!(ended, "{name}: the log has no end of the script");
    logged
}

/// The texts after `psql:FILE:LINE: WARNING:`.
fn warnings_of_psql(said: &str) -> Vec<String> {
    let lines = said.lines().filter(|line| line.starts_with("psql:"));
    lines
        .filter_map(|line| Some(line.split_once(": WARNING:  ")?.1.to_owned()))
        .collect()
}

/// The warnings of a receipt, without their positions.
fn warnings_of_receipt(receipt: &serde_json::Value) -> Vec<String> {
    let tiers = receipt["tiers"].as_array().unwrap().iter();
    let warnings = tiers.flat_map(|tier| tier["warnings"].as_array().into_iter().flatten());
    warnings
        .map(|warning| {
            warning
                .as_str()
                .unwrap()
                .split_once(": ")
                .unwrap()
                .1
                .to_owned()
        })
        .collect()
}

fn assert_equal(name: &str, what: &str, theirs: &[String], ours: &[String]) {
    let at = theirs
        .iter()
        .zip(ours)
        .take_while(|(theirs, ours)| theirs == ours)
        .count();
    assert!(
        theirs == ours,
        "{name}: {what} {} of {} (psql) and {} (pgseal): {:?}, {:?}",
        at + 1,
        theirs.len(),
        ours.len(),
        theirs.get(at),
        ours.get(at)
    );
}
