//! Whether a text is one plain SELECT, as gates and probes have to be.
//!
//! The server has the last word: it gets the text as a cursor's query. This check says so when packing, with a place.

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

/// Every name that could be a type's: behind `::`, behind the `AS` of a `CAST`, and before a literal, as in
/// `date '2026-01-01'`. With each, the name of its array type. More than there are, never less.
pub fn type_names(sql: &str) -> Vec<String> {
    let tokens = Tokens::new(sql);
    let mut names = Vec::new();
    // Which AS belongs to a CAST is not worth finding out: where there is one, all of them count.
    let in_cast = (0..tokens.list.len()).any(|i| tokens.is(i, "cast") && tokens.mark(i + 1, b'('));
    for i in 0..tokens.list.len() {
        let cast = i > 1 && tokens.mark(i - 1, b':') && tokens.mark(i - 2, b':');
        let literal = matches!(tokens.kind(i + 1), Some(Kind::Text | Kind::Dollar));
        // Behind a schema, the type is the last of the names.
        let mut last = i;
        while tokens.mark(last + 1, b'.') {
            last += 2;
        }
        if cast || literal || (i > 0 && in_cast && tokens.is(i - 1, "as")) {
            names.extend(tokens.identifier(last).into_iter().flat_map(|name| [format!("_{name}"), name]));
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The text with NULL for every literal whose type the server finds out by itself: it reads those while it parses, by the
/// input function of the type it finds. A literal behind the name of one of PostgreSQL's own types stays. Where NULL can't
/// stand, the server refuses the text.
pub fn without_literals(sql: &str) -> String {
    let tokens = Tokens::new(sql);
    let mut out = String::with_capacity(sql.len());
    let mut from = 0;
    for (i, token) in tokens.list.iter().enumerate() {
        // These have a type of their own.
        let typed = tokens.text(i).starts_with(['b', 'B', 'x', 'X', 'n', 'N']);
        let named = i > 0 && tokens.is_any(i - 1, TYPES_BEFORE_LITERALS) && !(i > 1 && tokens.mark(i - 2, b'.'));
        if matches!(token.kind, Kind::Text | Kind::Dollar) && !typed && !named {
            out.push_str(&sql[from..token.start]);
            out.push_str(" NULL ");
            from = token.end;
        }
    }
    out.push_str(&sql[from..]);
    out
}

const TYPES_BEFORE_LITERALS: &[&str] =
    &["date", "time", "timestamp", "timestamptz", "interval", "json", "jsonb", "regclass"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_types() {
        let sql = "select '{1}'::a.dm[], cast(x as \"C p\"), rr '[1,2]', b.r2 $$x$$, y::text from t as u";
        let names = type_names(sql);
        for name in ["dm", "_dm", "C p", "rr", "r2", "text", "u"] {
            assert!(names.iter().any(|found| found == name), "{name} {names:?}");
        }
    }

    #[test]
    fn literals_are_left_out() {
        let sql = "select a = '{1}', date '2026-01-01', $$x$$, E'\\'', x'1F', b.date 'y' /* 'c' */ from \"t'\"";
        let without =
            "select a =  NULL , date '2026-01-01',  NULL ,  NULL , x'1F', b.date  NULL  /* 'c' */ from \"t'\"";
        assert_eq!(without_literals(sql), without);
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
