//! Checks function bodies in SQL-standard form, `BEGIN ATOMIC ... END`, where psql counts words and
//! the server parses.
//!
//! psql 15 counts BEGIN and CASE up and END down, at parenthesis depth 0, in any role of the word.
//! The count goes wrong on `select 1 as end;` or on a column called `begin`. This check finds every
//! body in which that could happen.

use super::tokens::Tokens;

/// The byte at which psql's count and the server's grammar diverge, and the reason.
pub(super) fn disagreement(sql: &str) -> Option<(usize, &'static str)> {
    let tokens = Tokens::new(sql);
    let (mut parens, mut depth) = (0usize, 0usize);
    for (i, token) in tokens.list.iter().enumerate() {
        let starts_statement = i > 0 && (tokens.mark(i - 1, b';') || tokens.is(i - 1, "atomic"));
        let fault = |problem| Some((token.start, problem));
        if tokens.mark(i, b'(') {
            parens += 1;
        } else if tokens.mark(i, b')') {
            parens = parens.saturating_sub(1);
        } else if parens > 0 {
            continue;
        } else if tokens.mark(i, b';') && depth > 1 {
            return fault("a statement of a function body ends while psql still counts a CASE");
        } else if tokens.is(i, "begin") {
            if depth > 0 || !tokens.is(i + 1, "atomic") {
                return fault("psql counts this BEGIN as the start of a function body");
            }
            depth = 1;
        } else if tokens.is(i, "case") && depth > 0 {
            depth += 1;
        } else if tokens.is(i, "end") && depth > 0 {
            if starts_statement != (depth == 1) {
                return fault(
                    "psql counts this END as the end of something else than the server does",
                );
            }
            depth -= 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::disagreement;

    #[test]
    fn honest_bodies_agree() {
        for body in [
            "select 1;",
            "",
            "select case when a then 1 else 2 end; select (select 2 as end);",
            "insert into t values (1);",
        ] {
            let sql = format!("create function f() returns int begin atomic {body} end;");
            assert_eq!(disagreement(&sql), None, "{sql}");
        }
    }

    #[test]
    fn labels_called_like_keywords_are_found() {
        for body in [
            "select 1 as end;",
            "select 1 end;",
            "select begin from t;",
            "select 1 as case;",
            "select t.end from t;",
        ] {
            let sql = format!("create function f() returns int begin atomic {body} end;");
            assert!(disagreement(&sql).is_some(), "{sql}");
        }
        assert!(
            disagreement("create function begin() returns int language sql as 'select 1';")
                .is_some()
        );
    }
}
