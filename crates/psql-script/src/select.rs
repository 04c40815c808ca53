//! Checks that a text is one plain SELECT, as gates and probes must be.
//!
//! The server decides in the end: it runs the text as a cursor's query. This check reports the
//! error earlier, when packing, with its position.

use super::tokens::{Kind, Tokens, character};

/// Reason why a text is not one plain SELECT.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct NotSelect {
    /// The reason in words.
    pub problem: &'static str,
    /// The server's 1-based character position.
    pub at: u32,
}

/// Checks that the text is one SELECT, VALUES, TABLE or WITH query that only reads.
pub fn single_select(sql: &str) -> Result<(), NotSelect> {
    let tokens = Tokens::new(sql);
    let fault = |i: usize, problem| {
        let byte = tokens.list.get(i).map_or(sql.len(), |token| token.start);
        Err(NotSelect {
            problem,
            at: character(sql, byte),
        })
    };
    match tokens.statements().as_slice() {
        [] => return fault(0, "there is no statement"),
        [_] => {}
        [_, (second, _), ..] => return fault(*second, "there is more than one statement"),
    }
    let first = first_word(&tokens);
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
        // a command of a CTE follows `(`, the command that uses CTEs follows `)`
        let begins = i > 0 && (tokens.mark(i - 1, b'(') || tokens.mark(i - 1, b')'));
        if begins
            && tokens.is_any(i, &["insert", "update", "delete", "merge"])
            && !tokens.mark(i + 1, b'(')
        {
            return fault(i, "a part of the query changes data");
        }
    }
    Ok(())
}

/// The first token that is no opening parenthesis.
fn first_word(tokens: &Tokens) -> usize {
    (0..tokens.list.len())
        .find(|i| !tokens.mark(*i, b'('))
        .unwrap_or(0)
}

/// [`single_select`] as a Boolean.
pub fn is_single_select(sql: &str) -> bool {
    single_select(sql).is_ok()
}

/// True if a statement returns rows that no caller reads, because it is not a plain SELECT: a check
/// in it would be lost.
pub fn rows_unread(sql: &str) -> bool {
    let tokens = Tokens::new(sql);
    let first = first_word(&tokens);
    let queries = [
        "select", "values", "table", "with", "execute", "fetch", "show", "explain", "call",
    ];
    let returning = (0..tokens.list.len()).any(|i| tokens.is(i, "returning"));
    let copied = super::inspect::copy(&tokens, first) == Some(super::inspect::Copy::ToStdout);
    (tokens.is_any(first, &queries) || returning || copied) && !is_single_select(sql)
}

#[cfg(test)]
mod tests {
    use super::*;

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
