//! Finds names in a statement that could reach out of the database, or touch the server's files and
//! processes.
//!
//! This is a review aid, not a sandbox. It reads names, and a name can be hidden by a view, a
//! trigger, a function created earlier, an operator, a cast, or dynamic SQL. Only the role that
//! runs a release really limits it. Bodies of functions and DO blocks are read one level deep,
//! literals after EXECUTE one level deeper.

use super::names::{
    is_dispatch_function, is_outside_extension, is_sometimes_syntax, is_syntax, is_untrusted,
};
use super::tokens::{Kind, Tokens, character};

/// A name that could send data out of the database, or reach the server's files or processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// Label for people and for the manifest: `NOTIFY`, `dblink_exec`, `CREATE EXTENSION dblink`.
    pub name: String,
    /// The server's 1-based character position in the statement; [`super::Statement::locate`] maps
    /// it to the source.
    pub at: u32,
}

/// A name directly before a parenthesis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// The schema, if one is written.
    pub schema: Option<String>,
    /// The name as the server folds it: lower case unless quoted, with `U&` escapes decoded.
    pub name: String,
    /// The first byte of the name or its schema.
    pub start: usize,
}

/// Every name directly before a parenthesis that can be a function. Excluded are reserved words,
/// constructs such as `IN (`, `VALUES (` or `numeric(10, 2)`, and the columns of `INSERT INTO t
/// (a)` and `CREATE TABLE t (a int)`. Other column lists, as in `WITH x (a) AS`, are included: one
/// name too many does no harm.
#[cfg(test)]
fn calls(sql: &str) -> Vec<Call> {
    let tokens = Tokens::new(sql);
    (0..tokens.list.len())
        .filter_map(|i| call(&tokens, i))
        .collect()
}

fn call(tokens: &Tokens, i: usize) -> Option<Call> {
    if !tokens.mark(i + 1, b'(') || is_syntax(tokens.word(i)) {
        return None;
    }
    let behind_parenthesis = i > 0 && tokens.mark(i - 1, b')');
    let by = i > 0 && tokens.is(i, "by") && tokens.is_any(i - 1, &["group", "order", "partition"]);
    if by || (behind_parenthesis && tokens.is_any(i, &["over", "filter"])) {
        return None;
    }
    if is_sometimes_syntax(tokens.word(i)) && !begins_expression(tokens, i) {
        return None;
    }
    let name = tokens.identifier(i)?;
    let schema = if i > 1 && tokens.mark(i - 1, b'.') {
        tokens.identifier(i - 2)
    } else {
        None
    };
    let first = if schema.is_some() { i - 2 } else { i };
    if first > 0 && names_a_table(tokens, first - 1) {
        return None;
    }
    let start = tokens.list[first].start;
    Some(Call {
        schema,
        name,
        start,
    })
}

/// True if an expression can begin at this token, judged by the token before.
fn begins_expression(tokens: &Tokens, i: usize) -> bool {
    const BEFORE: &[&str] = &[
        "select",
        "where",
        "and",
        "or",
        "not",
        "on",
        "when",
        "then",
        "else",
        "case",
        "by",
        "having",
        "from",
        "lateral",
        "distinct",
        "all",
        "in",
        "between",
        "returning",
        "values",
        "limit",
        "offset",
        "any",
        "some",
        "using",
    ];
    match i.checked_sub(1).and_then(|before| tokens.kind(before)) {
        Some(Kind::Mark(mark)) => !matches!(mark, b')' | b']'),
        Some(Kind::Word) => tokens.is_any(i - 1, BEFORE),
        _ => false,
    }
}

/// True if a table's name with its columns follows this token.
pub(super) fn names_a_table(tokens: &Tokens, i: usize) -> bool {
    let if_not_exists = i > 2 && tokens.are(i - 2, &["if", "not", "exists"]);
    tokens.is_any(i, &["into", "references"]) || if_not_exists || (tokens.is(i, "table") && i > 0)
}

pub(super) fn dispatches(tokens: &Tokens) -> Vec<Dispatch> {
    let mut found = Vec::new();
    look(tokens, 0, &mut found);
    let mut out: Vec<Dispatch> = found
        .into_iter()
        .map(|(name, byte)| Dispatch {
            name,
            at: character(tokens.sql, byte),
        })
        .collect();
    out.sort_by_key(|dispatch| dispatch.at);
    out.dedup();
    out
}

/// Maximum depth of literals read as SQL: a body, and the text it executes.
const DEEPEST: u32 = 2;

fn look(tokens: &Tokens, depth: u32, found: &mut Vec<(String, usize)>) {
    let mut reads_bodies = false;
    let mut executes = false;
    for i in 0..tokens.list.len() {
        let start = tokens.list[i].start;
        if let Some(call) = call(tokens, i)
            && is_dispatch_function(&call)
        {
            found.push((call.name, call.start));
        }
        if tokens.kind(i) == Some(Kind::Word) && starts_statement(tokens, i) {
            reads_bodies = tokens.is(i, "do") || tokens.is(i, "create") || tokens.is(i, "alter");
            executes = false;
            if let Some(name) = command(tokens, i) {
                found.push((name, start));
            }
        }
        if tokens.is(i, "execute") {
            executes = depth > 0 || !starts_statement(tokens, i);
        } else if tokens.mark(i, b';') {
            executes = false;
        }
        let body = depth == 0 && reads_bodies && is_body(tokens, i);
        if (body || executes) && depth < DEEPEST {
            literal(tokens, i, depth, found);
        }
    }
}

/// Reads a literal's text as SQL. Doubled quotes inside read as empty strings, which hides no name.
fn literal(tokens: &Tokens, i: usize, depth: u32, found: &mut Vec<(String, usize)>) {
    let text = tokens.text(i);
    let lead = match tokens.kind(i) {
        Some(Kind::Dollar) => text
            .get(1..)
            .and_then(|rest| rest.find('$'))
            .map_or(0, |n| n + 2),
        Some(Kind::Text) => text.find('\'').map_or(0, |n| n + 1),
        _ => return,
    };
    let tail = if tokens.kind(i) == Some(Kind::Dollar) {
        lead
    } else {
        1
    };
    let Some(inner) = text.get(lead..text.len().saturating_sub(tail)) else {
        return;
    };
    let mut deeper = Vec::new();
    look(&Tokens::new(inner), depth + 1, &mut deeper);
    let base = tokens.list[i].start + lead;
    found.extend(deeper.into_iter().map(|(name, at)| (name, base + at)));
}

/// True for a literal after DO (also after its LANGUAGE) or AS.
fn is_body(tokens: &Tokens, i: usize) -> bool {
    if !matches!(tokens.kind(i), Some(Kind::Dollar | Kind::Text)) || i == 0 {
        return false;
    }
    let after_language = i > 2 && tokens.is(i - 2, "language") && tokens.is(i - 3, "do");
    tokens.is_any(i - 1, &["do", "as"]) || after_language
}

/// True if a command can begin here: at the start, after a semicolon, or where PL/pgSQL and rules
/// begin one.
fn starts_statement(tokens: &Tokens, i: usize) -> bool {
    const BEFORE: &[&str] = &[
        "atomic", "begin", "then", "else", "loop", "also", "instead", "do",
    ];
    i == 0
        || tokens.mark(i - 1, b';')
        || tokens.is_any(i - 1, BEFORE)
        || tokens.mark(i - 1, b'>')
        || tokens.mark(i - 1, b'(')
}

fn command(tokens: &Tokens, i: usize) -> Option<String> {
    let word = tokens.word(i).to_ascii_uppercase();
    match word.as_str() {
        "NOTIFY" | "LISTEN" if tokens.identifier(i + 1).is_some() => Some(word),
        "LOAD" if tokens.kind(i + 1) == Some(Kind::Text) => Some(word),
        "CHECKPOINT" => Some(word),
        "COPY" => match super::inspect::copy(tokens, i)? {
            super::Copy::Program => Some("COPY PROGRAM".into()),
            super::Copy::FromFile => Some("COPY FROM file".into()),
            super::Copy::ToFile => Some("COPY TO file".into()),
            super::Copy::FromStdin | super::Copy::ToStdout => None,
        },
        "ALTER" if tokens.is(i + 1, "system") => Some("ALTER SYSTEM".into()),
        "IMPORT" if tokens.are(i + 1, &["foreign", "schema"]) => {
            Some("IMPORT FOREIGN SCHEMA".into())
        }
        "CREATE" | "ALTER" => object(tokens, i, &word),
        _ => None,
    }
}

fn object(tokens: &Tokens, i: usize, verb: &str) -> Option<String> {
    const OBJECTS: &[(&[&str], &str)] = &[
        (&["server"], "SERVER"),
        (&["foreign", "table"], "FOREIGN TABLE"),
        (&["foreign", "data", "wrapper"], "FOREIGN DATA WRAPPER"),
        (&["user", "mapping"], "USER MAPPING"),
        (&["subscription"], "SUBSCRIPTION"),
        (&["publication"], "PUBLICATION"),
    ];
    if let Some((_, name)) = OBJECTS.iter().find(|(words, _)| tokens.are(i + 1, words)) {
        return Some(format!("{verb} {name}"));
    }
    let mut at = i + 1;
    while tokens.is_any(at, &["or", "replace", "trusted", "procedural"]) {
        at += 1;
    }
    if tokens.is_any(at, &["extension", "language"]) {
        let kind = tokens.word(at).to_ascii_uppercase();
        let name = if tokens.are(at + 1, &["if", "not", "exists"]) {
            at + 4
        } else {
            at + 1
        };
        let name = tokens.identifier(name)?;
        let outside = is_outside_extension(&name) || (kind == "LANGUAGE" && is_untrusted(&name));
        return outside.then(|| format!("{verb} {kind} {name}"));
    }
    if tokens.is_any(at, &["function", "procedure"]) {
        let end = (at..tokens.list.len())
            .find(|n| tokens.mark(*n, b';'))
            .unwrap_or(tokens.list.len());
        let language = (at..end).find(|n| tokens.is(*n, "language"))? + 1;
        let name = tokens.identifier(language).unwrap_or_else(|| {
            tokens
                .text(language)
                .trim_matches('\'')
                .to_ascii_lowercase()
        });
        return is_untrusted(&name).then(|| format!("{verb} FUNCTION in {name}"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sql: &str) -> Vec<String> {
        dispatches(&Tokens::new(sql))
            .into_iter()
            .map(|dispatch| dispatch.name)
            .collect()
    }

    #[test]
    fn functions_by_name_however_written() {
        assert_eq!(names("select pg_notify('a', 'b')"), ["pg_notify"]);
        assert_eq!(
            names(r#"select "dblink_exec" /* x */ ('a')"#),
            ["dblink_exec"]
        );
        assert_eq!(names(r#"select U&"dblin\006b"('a')"#), ["dblink"]);
        assert_eq!(
            names("select net.http_get('a'), cron.schedule('b')"),
            ["http_get", "schedule"]
        );
        assert_eq!(
            names("select PG_READ_FILE('a'), pg_drop_replication_slot('s')"),
            ["pg_read_file", "pg_drop_replication_slot"]
        );
        assert!(names("insert into http_log (a) values (1)").is_empty());
        assert!(names("create table if not exists s.http_log (a int)").is_empty());
        assert!(names("select 'pg_notify(1)', pg_notify_log, lower('x')").is_empty());
    }

    #[test]
    fn commands_only_where_they_begin() {
        assert_eq!(names("notify ch, 'x'"), ["NOTIFY"]);
        assert_eq!(names("load 'lib'"), ["LOAD"]);
        assert_eq!(names("copy t to program 'cat'"), ["COPY PROGRAM"]);
        assert_eq!(names("copy t from '/etc/passwd'"), ["COPY FROM file"]);
        assert_eq!(
            names("create extension if not exists dblink"),
            ["CREATE EXTENSION dblink"]
        );
        assert_eq!(
            names("create function f() returns int language c as 'x', 'y'"),
            ["CREATE FUNCTION in c"]
        );
        assert_eq!(
            names("create foreign table t () server s"),
            ["CREATE FOREIGN TABLE"]
        );
        assert_eq!(
            names("create rule r as on insert to t do also notify x"),
            ["NOTIFY"]
        );
        assert!(names("select load, notify from checkpoint").is_empty());
        assert!(names("create extension pgcrypto").is_empty());
        assert!(names("copy t from stdin").is_empty());
    }

    #[test]
    fn bodies_are_read_and_positions_mapped() {
        let sql = "do $x$ begin perform 1; notify é; execute 'select dblink(1)'; end $x$";
        let found = dispatches(&Tokens::new(sql));
        let at = |name: &str| {
            u32::try_from(
                sql.chars().count() - sql[sql.find(name).expect("there")..].chars().count(),
            )
            .expect("small")
                + 1
        };
        assert_eq!(
            found,
            [
                Dispatch {
                    name: "NOTIFY".into(),
                    at: at("notify")
                },
                Dispatch {
                    name: "dblink".into(),
                    at: at("dblink")
                },
            ]
        );
        assert_eq!(
            names(
                "create function f() returns void language plpgsql as 'begin perform pg_notify(''a'', ''b''); end'"
            ),
            ["pg_notify"]
        );
        assert_eq!(
            names("create procedure p() begin atomic notify x; end"),
            ["NOTIFY"]
        );
        assert!(names("insert into t values ('notify x')").is_empty());
    }

    #[test]
    fn calls_leave_syntax_out() {
        let found: Vec<_> =
            calls("select count(*) over (partition by a), s.F(1) from t where x in (1) and cast(a as numeric(3))")
                .into_iter()
                .map(|call| (call.schema, call.name, call.start + 1))
                .collect();
        let names = |sql| {
            calls(sql)
                .into_iter()
                .map(|call| call.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names(
                "select left(a, 1), x.key(2) from t left join (select 1) u on right(a) = 'x' where a like ('b')"
            ),
            ["left", "key", "right"]
        );
        assert_eq!(
            found,
            [
                (None, "count".into(), 8),
                (Some("s".into()), "f".into(), 40)
            ]
        );
    }
}
