//! Fast path of the inspection, without tokens: plain INSERT, UPDATE and DELETE, the bulk of most
//! scripts.

use super::inspect::Inspection;
use super::lexemes::is_identifier_byte;
use super::names::{is_dispatch_name, is_dispatch_schema, is_syntax};
use super::plain::plain;

/// The result of [`super::inspect::inspect`] for a plain INSERT, UPDATE or DELETE that calls no
/// function of interest; `None` for everything else.
pub(super) fn inspect_quickly(sql: &str) -> Option<Inspection> {
    let verb = plain(sql).filter(|verb| matches!(*verb, "INSERT" | "UPDATE" | "DELETE"))?;
    let bytes = sql.as_bytes();
    // a comment could separate a name from its parenthesis
    if memchr::memmem::find(bytes, b"--").is_some() {
        return None;
    }
    // parentheses inside of strings only cause needless checks
    for open in memchr::memchr_iter(b'(', bytes) {
        let end = bytes[..open]
            .iter()
            .rposition(|b| !b.is_ascii_whitespace())
            .map_or(0, |last| last + 1);
        // a statement in parentheses, as in a rule, does not occur in a plain text: leave the
        // decision to the full inspection
        if bytes[open + 1..]
            .trim_ascii_start()
            .get(..6)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"notify"))
        {
            return None;
        }
        let (start, name) = word_before(sql, end);
        if bytes[..end].last() == Some(&b'"')
            || !is_syntax(name) && is_dispatch_name(&name.to_ascii_lowercase())
        {
            return None;
        }
        if start > 0 && bytes[start - 1] == b'.' {
            // blanks may surround the dot
            let (_, schema) = word_before(sql, start - 1);
            if schema.is_empty() || is_dispatch_schema(&schema.to_ascii_lowercase()) {
                return None;
            }
        } else if bytes[..start].trim_ascii_end().ends_with(b".") {
            return None;
        }
    }
    Some(Inspection {
        verb: verb.to_owned(),
        statements: 1,
        ..Inspection::default()
    })
}

/// The word that ends at a byte, and its first byte.
fn word_before(sql: &str, end: usize) -> (usize, &str) {
    let before = sql.as_bytes()[..end]
        .iter()
        .rposition(|b| !is_identifier_byte(*b));
    let start = before.map_or(0, |before| before + 1);
    (start, &sql[start..end])
}

#[cfg(test)]
mod tests {
    use super::super::inspect::inspect;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_quick_and_calls_are_not() {
        for sql in [
            "insert into s.t (a, b) values (1, 'x(');",
            "Update t set a = (b + 1) where lower(c) in ('y');",
        ] {
            assert_eq!(inspect_quickly(sql), Some(inspect(sql)), "{sql}");
        }
        for sql in [
            "insert into t values (dblink('x'));",
            "delete from t where a = net.http_get('x');",
            "insert into t values (pg_notify -- x\n ('a'));",
            "update t set a = \"dblink\"('x');",
            "select 1;",
            "insert into t lower( notify insert into t );",
            "insert into t values (E'x');",
            "insert into t values (net . http_get('x'), \"net\".f('x'));",
        ] {
            assert_eq!(inspect_quickly(sql), None, "{sql}");
        }
    }

    proptest! {
        #[test]
        fn it_says_what_the_long_way_says(pieces in proptest::collection::vec(proptest::sample::select(vec![
            "insert into t ", "update t set a = ", "delete from t where a = ", "values ", "(1)", "(", ")", "dblink", "DBLINK_exec",
            " pg_notify", "http_get(", ".", "net.", "x", " ", "\n", "'", "''", "\"", ",", "-- c\n", "lower(", "notify ", "1", ";",
            "execute ", "é", "_replication_slot(",
        ]), 1..14)) {
            let sql = pieces.concat() + ";";
            if let Some(quick) = inspect_quickly(&sql) {
                prop_assert_eq!(quick, inspect(&sql), "{}", sql);
            }
        }
    }
}
