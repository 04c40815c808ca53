//! Whether a text is one plain SELECT, as gates and probes have to be.
//!
//! The server has the last word: it gets the text as a cursor's query. This check says so when packing, with a place.

use super::position::count_characters;
use super::tokens::{Kind, Tokens, character};

/// Why a text is not one plain SELECT.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct NotSelect {
    /// In words.
    pub problem: &'static str,
    /// The server's 1-based character position.
    pub at: u32,
}

/// Checks that the text is one SELECT, VALUES, TABLE or WITH query that only reads.
pub fn single_select(sql: &str) -> Result<(), NotSelect> {
    let tokens = Tokens::new(sql);
    let fault = |i: usize, problem| {
        let byte = tokens.list.get(i).map_or(sql.len(), |token| token.start);
        Err(NotSelect { problem, at: character(sql, byte) })
    };
    match tokens.statements().as_slice() {
        [] => return fault(0, "there is no statement"),
        [_] => {}
        [_, (second, _), ..] => return fault(*second, "there is more than one statement"),
    }
    let first = (0..tokens.list.len()).find(|i| !tokens.mark(*i, b'(')).unwrap_or(0);
    if !tokens.is_any(first, &["select", "values", "table", "with"]) {
        return fault(first, "only SELECT, VALUES, TABLE and WITH can be asked");
    }
    for i in 0..tokens.list.len() {
        if tokens.kind(i) == Some(Kind::Broken) {
            return fault(i, "a quote or comment is not closed");
        }
        if tokens.is(i, "into") {
            return fault(i, "INTO creates a table");
        }
        let locks = tokens.is(i, "for") && tokens.is_any(i + 1, &["update", "share", "no", "key"]);
        if locks {
            return fault(i, "FOR UPDATE and FOR SHARE lock rows");
        }
        // a command of a CTE stands behind `(`, the one that uses CTEs behind `)`
        let begins = i > 0 && (tokens.mark(i - 1, b'(') || tokens.mark(i - 1, b')'));
        if begins && tokens.is_any(i, &["insert", "update", "delete", "merge"]) && !tokens.mark(i + 1, b'(') {
            return fault(i, "a part of the query changes data");
        }
    }
    Ok(())
}

/// [`single_select`] as a yes or no.
pub fn is_single_select(sql: &str) -> bool {
    single_select(sql).is_ok()
}

/// Whether a statement returns rows and is no plain SELECT, so that nobody would read them: a check in it would be lost.
pub fn rows_unread(sql: &str) -> bool {
    let tokens = Tokens::new(sql);
    let first = (0..tokens.list.len()).find(|i| !tokens.mark(*i, b'(')).unwrap_or(0);
    let queries = ["select", "values", "table", "with", "execute", "fetch", "show", "explain", "call"];
    let returning = (0..tokens.list.len()).any(|i| tokens.is(i, "returning"));
    let copied = super::inspect::copy(&tokens, first) == Some(super::inspect::Copy::ToStdout);
    (tokens.is_any(first, &queries) || returning || copied) && !is_single_select(sql)
}

/// Types outside of PostgreSQL's own that a text casts to with modifiers, as in `x::public.geometry(point)`. The server runs
/// the type's modifier function while it parses, before anything can be asked of the catalog.
pub fn foreign_modifiers(sql: &str) -> Option<String> {
    let tokens = Tokens::new(sql);
    // Which AS belongs to a CAST is not worth finding out: where there is one, all of them count.
    let in_cast = (0..tokens.list.len()).any(|i| tokens.is(i, "cast") && tokens.mark(i + 1, b'('));
    (1..tokens.list.len()).find_map(|i| {
        let cast = i > 1 && tokens.mark(i - 1, b':') && tokens.mark(i - 2, b':');
        if !(cast || in_cast && tokens.is(i - 1, "as")) {
            return None;
        }
        let last = last_of_name(&tokens, i);
        let is_own = last == i && tokens.is_any(i, TYPES_WITH_MODIFIERS);
        (tokens.mark(last + 1, b'(') && !is_own).then(|| tokens.identifier(last)).flatten()
    })
}

/// A text with NULL for its literals.
pub struct WithoutLiterals {
    /// The text.
    pub text: String,
    /// Of each replacement, in order, what it covers: the characters from and to in `text`, and in the text that it was.
    replaced: Vec<[(u32, u32); 2]>,
}

impl WithoutLiterals {
    /// Where a character of `text` (from 1) is in the text that it was, and whether it stands in the place of a literal.
    pub fn locate(&self, position: u32) -> (u32, bool) {
        let before = self.replaced.iter().rfind(|[(from, _), _]| *from < position);
        match before {
            None => (position, false),
            Some([(_, to), (from, _)]) if position <= *to => (from + 1, true),
            Some([(_, to), (_, end)]) => (position - to + end, false),
        }
    }
}

/// The text with NULL for every literal whose type the server finds out by itself: it reads those while it parses, by the
/// input function of the type it finds. A literal stays where its type is one of PostgreSQL's own for sure, and where the
/// grammar takes nothing else. Where NULL can't stand all the same, the server refuses the text.
pub fn without_literals(sql: &str) -> WithoutLiterals {
    let tokens = Tokens::new(sql);
    let (mut text, mut replaced) = (String::with_capacity(sql.len()), Vec::new());
    let (mut from, mut i) = (0, 0);
    while i < tokens.list.len() {
        if !matches!(tokens.kind(i), Some(Kind::Text | Kind::Dollar)) || stays(&tokens, i) {
            i += 1;
            continue;
        }
        // `U&'...' UESCAPE '!'` is one literal.
        let last = if tokens.is(i + 1, "uescape") { i + 2 } else { i };
        let typed_from = typed_from(&tokens, i);
        let start = tokens.list[typed_from.unwrap_or(i)].start;
        text.push_str(&sql[from..start]);
        let at = characters(&text);
        match typed_from {
            Some(_) => text.push_str(&format!(" CAST(NULL AS {}) ", &sql[start..tokens.list[i - 1].end])),
            None => text.push_str(" NULL "),
        }
        from = tokens.list.get(last).map_or(sql.len(), |token| token.end);
        replaced.push([(at, characters(&text)), (characters(&sql[..start]), characters(&sql[..from]))]);
        i = last + 1;
    }
    text.push_str(&sql[from..]);
    WithoutLiterals { text, replaced }
}

fn characters(text: &str) -> u32 {
    count_characters(text.as_bytes())
}

/// Whether a literal can stay: it has a type of its own, stands behind the name of one of PostgreSQL's own types, or where
/// the grammar demands a literal that becomes no value (PostgreSQL, `gram.y`: `extract_arg`, `json_table`, `PATH`).
fn stays(tokens: &Tokens, i: usize) -> bool {
    if tokens.text(i).starts_with(['b', 'B', 'x', 'X', 'n', 'N']) {
        return true;
    }
    let Some(before) = i.checked_sub(1) else { return false };
    if tokens.mark(before, b'(') && before > 0 && tokens.is(before - 1, "extract") {
        return true;
    }
    let is_qualified = |at: usize| at > 0 && tokens.mark(at - 1, b'.');
    if tokens.is(before, "path") {
        return !is_qualified(before);
    }
    if tokens.is(before, "zone") {
        return before > 1 && tokens.is_any(before - 2, &["with", "without"]) && tokens.is(before - 1, "time");
    }
    if is_path_of_json_table(tokens, i) {
        return true;
    }
    // `numeric(10, 2) '1.5'`
    let name = if tokens.mark(before, b')') { before_parenthesis(tokens, before) } else { Some(before) };
    name.is_some_and(|name| tokens.is_any(name, TYPES_BEFORE_LITERALS) && !is_qualified(name))
}

/// The second argument of `JSON_TABLE`, which has to be a literal.
fn is_path_of_json_table(tokens: &Tokens, i: usize) -> bool {
    let mut depth = 0_usize;
    let mut commas = 0;
    for at in (0..i).rev() {
        if tokens.mark(at, b')') {
            depth += 1;
        } else if tokens.mark(at, b'(') {
            if depth == 0 {
                let directly = tokens.mark(i - 1, b',');
                return commas == 1 && directly && at > 0 && tokens.is(at - 1, "json_table");
            }
            depth -= 1;
        } else if depth == 0 && tokens.mark(at, b',') {
            commas += 1;
        }
    }
    false
}

/// Where the name of a type begins that a literal stands behind, as in `public.mood 'sad'`; `None` where it has none.
fn typed_from(tokens: &Tokens, literal: usize) -> Option<usize> {
    let last = literal.checked_sub(1)?;
    let is_name = |at: usize| matches!(tokens.kind(at), Some(Kind::Word | Kind::Quoted { .. }));
    let mut start = last;
    while start > 1 && tokens.mark(start - 1, b'.') && is_name(start - 2) {
        start -= 2;
    }
    let is_type = is_name(last) && (start < last || matches!(tokens.kind(last), Some(Kind::Quoted { .. })));
    is_type.then_some(start)
}

/// The last part of a name that begins at `i`: the type, behind its schema.
fn last_of_name(tokens: &Tokens, i: usize) -> usize {
    let mut last = i;
    while tokens.mark(last + 1, b'.') {
        last += 2;
    }
    last
}

/// What stands before the parenthesis that the one at `i` closes.
fn before_parenthesis(tokens: &Tokens, i: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for at in (0..=i).rev() {
        if tokens.mark(at, b')') {
            depth += 1;
        } else if tokens.mark(at, b'(') {
            depth -= 1;
            if depth == 0 {
                return at.checked_sub(1);
            }
        }
    }
    None
}

/// Names that, without a schema, are types of PostgreSQL's own: `pg_catalog` comes first in the path of every question.
const TYPES_BEFORE_LITERALS: &[&str] = &[
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "json",
    "jsonb",
    "jsonpath",
    "regclass",
    "regtype",
    "regproc",
    "regprocedure",
    "regrole",
    "regnamespace",
    "oid",
    "name",
    "text",
    "varchar",
    "char",
    "bpchar",
    "varying",
    "int",
    "integer",
    "int2",
    "int4",
    "int8",
    "smallint",
    "bigint",
    "numeric",
    "decimal",
    "dec",
    "real",
    "float",
    "float4",
    "float8",
    "precision",
    "money",
    "bool",
    "boolean",
    "uuid",
    "bytea",
    "inet",
    "cidr",
    "macaddr",
    "xml",
    "bit",
    "point",
    "box",
    "circle",
    "line",
    "lseg",
    "polygon",
    "tsvector",
    "tsquery",
    "pg_lsn",
];

/// Those of them that take modifiers.
const TYPES_WITH_MODIFIERS: &[&str] = &[
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "varchar",
    "char",
    "character",
    "nchar",
    "bpchar",
    "varying",
    "numeric",
    "decimal",
    "dec",
    "float",
    "bit",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_of_foreign_types() {
        for sql in [
            "select x::public.mt(5)",
            "select cast(x as mt(5))",
            "select x :: \"M t\" (5)",
            "select x::public.numeric(1)",
        ] {
            assert!(foreign_modifiers(sql).is_some(), "{sql}");
        }
        for sql in [
            "select x::numeric(10, 2)",
            "select cast(x as varchar(5)) from t as u",
            "select x::public.mt",
            "select f(5)",
        ] {
            assert_eq!(foreign_modifiers(sql), None, "{sql}");
        }
    }

    #[test]
    fn literals_are_left_out() {
        for (sql, without) in [
            ("a = '{1}', $$x$$, E'\\'' /* 'c' */ from \"t'\"", "a =  NULL ,  NULL ,  NULL  /* 'c' */ from \"t'\""),
            ("'a'\n 'b', U&'!0061' UESCAPE '!', 1", " NULL ,  NULL , 1"),
            ("b.date 'y', \"Mood\" 'x'", " CAST(NULL AS b.date) ,  CAST(NULL AS \"Mood\") "),
            ("t at time zone 'UTC', a, 'x' path", "t at time zone  NULL , a,  NULL  path"),
            (
                "f(json_table, 'x'), json_table(f('y'), g, 'z')",
                "f(json_table,  NULL ), json_table(f( NULL ), g,  NULL )",
            ),
            ("public.path 'x', public.zone 'x'", " CAST(NULL AS public.path) ,  CAST(NULL AS public.zone) "),
        ] {
            assert_eq!(without_literals(sql).text, without);
        }
        for sql in [
            "date '2026-01-01', x'1F', numeric(10, 2) '1.5', timestamp(3) with time zone 'x', double precision '1'",
            "extract('year' from t), json_table(j, '$.a' columns (b text path '$.b'))",
        ] {
            assert_eq!(without_literals(sql).text, sql);
        }
    }

    #[test]
    fn places_are_those_of_the_text_with_literals() {
        let sql = "select 'é', '' from t where 'x' = u";
        let blank = without_literals(sql);
        let at = |text: &str, word: &str| text.find(word).map(|byte| characters(&text[..byte]) + 1).unwrap();
        for word in ["select", "from", "t where", "= u"] {
            assert_eq!(blank.locate(at(&blank.text, word)), (at(sql, word), false), "{word}");
        }
        assert_eq!(blank.locate(at(&blank.text, "NULL")), (at(sql, "'é'"), true));
    }

    #[test]
    fn plain_queries_pass() {
        for sql in [
            "select 1;",
            "-- c\n(select 1) union (select 2)",
            "values (1), (2)",
            "table t",
            "with a as (select 1) select * from a where 'into' = \"into\"",
            "select substring(a from 1 for 2), delete from t",
        ] {
            assert_eq!(single_select(sql), Ok(()), "{sql}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for sql in [
            "",
            ";",
            "delete from t",
            "select 1; select 2",
            "select 1; commit",
            "select 1 into t",
            "with a as (delete from t returning *) select * from a",
            "with a as (select 1) delete from t",
            "with a as not materialized (insert into t values (1) returning *) select 1",
            "select * from t for update",
            "select * from t for no key update",
            "explain analyze select 1",
            "select 'a",
            "select 1 /* a",
        ] {
            assert!(!is_single_select(sql), "{sql}");
        }
    }
}
