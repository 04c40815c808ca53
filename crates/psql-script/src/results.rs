//! Names of the columns that a statement returns, for `\gset`, as far as its text shows them.

use super::names::is_syntax;
use super::tokens::{Kind, Tokens};

/// The names of the columns, or `None` if the text does not show them all: `*`, types, syntax that
/// is a function underneath, anything but a plain SELECT.
pub(super) fn result_names(sql: &str) -> Option<Vec<String>> {
    let tokens = Tokens::new(sql);
    let start = match tokens.statements().as_slice() {
        [.., (start, _)] if tokens.is(*start, "select") => start + 1,
        _ => return None,
    };
    let (mut names, mut depth, mut from) = (Vec::new(), 0usize, start);
    for i in start..=tokens.list.len() {
        let ends = i == tokens.list.len()
            || (depth == 0 && (tokens.mark(i, b';') || tokens.is_listed(i, CLAUSES)));
        if ends || (depth == 0 && tokens.mark(i, b',')) {
            names.push(item_name(&tokens, from, i)?);
            from = i + 1;
        }
        if ends {
            return Some(names);
        }
        match tokens.kind(i) {
            Some(Kind::Mark(b'(' | b'[')) => depth += 1,
            Some(Kind::Mark(b')' | b']')) => depth = depth.saturating_sub(1),
            Some(Kind::Broken) => return None,
            _ => {}
        }
    }
    None
}

const CLAUSES: &str = "from where group having window union intersect except order limit fetch";

/// Aggregates and functions that name their column after themselves.
const NAMED_LIKE_THEM: [&str; 8] = [
    "count", "sum", "min", "max", "avg", "exists", "coalesce", "now",
];

fn item_name(tokens: &Tokens, from: usize, to: usize) -> Option<String> {
    let last = to.checked_sub(1).filter(|last| *last >= from)?;
    let name = tokens.identifier(last);
    if last > from && tokens.is(last - 1, "as") {
        return name;
    }
    let is_path = (from..to).all(|i| {
        let part = (i - from).is_multiple_of(2);
        if part {
            tokens.identifier(i).is_some() && !is_syntax(tokens.word(i))
        } else {
            tokens.mark(i, b'.')
        }
    });
    if is_path && !(to - from).is_multiple_of(2) {
        return name;
    }
    let called = tokens.is_any(from, &NAMED_LIKE_THEM) && tokens.mark(from + 1, b'(');
    (called && tokens.behind_parenthesis(from + 1) == to)
        .then(|| tokens.word(from).to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::result_names;

    #[test]
    fn names_that_the_text_tells() {
        let names = |sql: &str| result_names(sql).map(|names| names.join(" "));
        assert_eq!(
            names("select a, t.b, \"C d\", x + 1 as e, count(*), 'x' AS F from t;").as_deref(),
            Some("a b C d e count f")
        );
        assert_eq!(
            names("select exists(select from t) as ok, (select max(a) from t) as \"M\"").as_deref(),
            Some("ok M")
        );
        assert_eq!(names("select 1 as x ; select 2 as y").as_deref(), Some("y"));
        for open in [
            "select *",
            "select trim(' x ')",
            "select int '1'",
            "select 1::int",
            "select (now() at time zone 'utc')",
            "select 1",
            "select a b",
            "call p(null)",
            "show all",
            "insert into t values (1) returning a",
            "with x as (select 1) select a from x",
            "values (1)",
            "select current_user",
        ] {
            if let Some(found) = result_names(open) {
                assert!(
                    open == "select a b" || open == "select current_user",
                    "{open}: {found:?}"
                );
            }
        }
    }
}
