//! Detects statements of a verify script that can report a failure. A script that passes on every
//! database proves nothing.

use super::tokens::{Kind, Tokens};

/// Functions that return a value for any argument, so that a call asserts nothing.
const HARMLESS: &str = "\
    count sum min max avg coalesce nullif greatest least string_agg array_agg json_agg jsonb_agg \
    bool_and bool_or every now clock_timestamp current_setting to_regclass to_regproc to_regtype \
    version current_schema row_number rank json_build_object jsonb_build_object concat concat_ws \
    format length lower upper exists in values and or not over filter where from as when then else \
    any all some on using select union row";

/// Functions that are called without parentheses.
const CALLED_WITHOUT: &str = "\
    current_user current_role current_catalog current_schema current_date current_time \
    current_timestamp session_user user localtimestamp";

/// True if a statement can fail, or returns a column `ok` that is not always true. In doubt the
/// result is true: only scripts that certainly prove nothing are refused.
pub fn asserts(sql: &str) -> bool {
    let tokens = Tokens::new(sql);
    let count = tokens.list.len();
    let asks = tokens.is_any(0, &["select", "with", "values", "table"]) || tokens.mark(0, b'(');
    if !asks {
        // SET, SHOW, COMMENT and the like fail only if they are mistyped.
        return count > 0 && !tokens.is_any(0, &["set", "reset", "show", "explain"]);
    }
    if is_constant(&tokens) {
        return false;
    }
    if reads_nothing_of_a_relation(&tokens) {
        return true;
    }
    let combines = (0..count).any(|i| tokens.is_any(i, &["union", "intersect", "except"]));
    (0..count).any(|i| {
        let is_ok = tokens.is(i, "ok")
            || tokens.kind(i) == Some(Kind::Quoted { unicode: false })
                && tokens.text(i) == "\"ok\"";
        let is_ok = is_ok && (combines || !is_named_true(&tokens, i));
        // A star may expand to a column `ok`; the star of count(*) does not.
        let star = tokens.mark(i, b'*')
            && (i == 0 || !tokens.mark(i - 1, b'('))
            && begins_column(&tokens, i);
        let cast = tokens.mark(i, b':') && tokens.mark(i + 1, b':') || tokens.is(i, "cast");
        let divides = tokens.mark(i, b'/') || tokens.mark(i, b'%');
        is_ok || star || cast || divides || calls(&tokens, i)
    })
}

/// True for `SELECT ... FROM name ... WHERE FALSE`: it returns no row, and is written because it fails
/// where the relation or a column is missing.
fn reads_nothing_of_a_relation(tokens: &Tokens<'_>) -> bool {
    let count = tokens.list.len();
    let names = |i: usize| tokens.is(i, "from") && tokens.identifier(i + 1).is_some();
    let nothing = |i: usize| {
        tokens.are(i, &["where", "false"]) && (i + 2 == count || tokens.mark(i + 2, b';'))
    };
    (0..count).any(names) && (0..count).any(nothing)
}

/// True if a query calls any function that is not known to return a value for any argument. Such a
/// call may do anything.
pub fn calls_something(sql: &str) -> bool {
    let tokens = Tokens::new(sql);
    (0..tokens.list.len()).any(|i| calls(&tokens, i))
}

fn calls(tokens: &Tokens<'_>, i: usize) -> bool {
    let is_name = matches!(tokens.kind(i), Some(Kind::Word | Kind::Quoted { .. }));
    is_name && tokens.mark(i + 1, b'(') && !tokens.is_listed(i, HARMLESS)
}

/// True for a star in the place of a column, not between two numbers.
fn begins_column(tokens: &Tokens<'_>, star: usize) -> bool {
    let Some(before) = star.checked_sub(1) else {
        return true;
    };
    tokens.is_any(before, &["select", "distinct", "all"])
        || tokens.mark(before, b',')
        || tokens.mark(before, b'.')
}

/// True for `true as ok` as a column of its own.
fn is_named_true(tokens: &Tokens<'_>, name: usize) -> bool {
    let Some(before) = name.checked_sub(1) else {
        return false;
    };
    let Some(value) = (if tokens.is(before, "as") {
        before.checked_sub(1)
    } else {
        Some(before)
    }) else {
        return false;
    };
    let Some(first) = value.checked_sub(1) else {
        return false;
    };
    tokens.is(value, "true")
        && (tokens.is_any(first, &["select", "all", "distinct"]) || tokens.mark(first, b','))
}

/// True if a query consists of values alone and reads nothing. A query with FALSE does not count as
/// constant, since it reports a failure.
fn is_constant(tokens: &Tokens<'_>) -> bool {
    (0..tokens.list.len()).all(|i| match tokens.kind(i) {
        Some(Kind::Text | Kind::Dollar | Kind::Number | Kind::Quoted { .. }) => true,
        Some(Kind::Mark(mark)) => matches!(mark, b',' | b';' | b'(' | b')' | b'*' | b'.'),
        Some(Kind::Word) if tokens.is_any(i, &["from", "join"]) => {
            tokens.mark(i + 1, b'(') && tokens.is(i + 2, "values")
        }
        Some(Kind::Word) if tokens.is_any(i, &["false", "table", "with", "not"]) => false,
        Some(Kind::Word) if tokens.is_listed(i, CALLED_WITHOUT) => false,
        Some(Kind::Word) if tokens.mark(i + 1, b'(') => {
            // `VALUES (`, and the columns of an alias.
            tokens.is(i, "values") || i > 0 && (tokens.mark(i - 1, b')') || tokens.is(i - 1, "as"))
        }
        // A word after a comma of FROM is another table.
        Some(Kind::Word) => !(i > 1 && tokens.mark(i - 1, b',') && behind_from(tokens, i)),
        Some(Kind::Broken) | None => false,
    })
}

/// True if the innermost clause around a token is FROM.
fn behind_from(tokens: &Tokens<'_>, i: usize) -> bool {
    let mut depth = 0_usize;
    for at in (0..i).rev() {
        if tokens.mark(at, b')') {
            depth += 1;
        } else if tokens.mark(at, b'(') {
            if depth == 0 {
                return false;
            }
            depth -= 1;
        } else if depth == 0 && tokens.is_any(at, &["select", "from", "where"]) {
            return tokens.is(at, "from");
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::asserts;

    #[test]
    fn what_can_fail() {
        for sql in [
            "select 'x' as name, count(*) = 0 as ok from t",
            "select \"ok\" from checks",
            "with a as (select 1) select * from checks",
            "select c.* from checks c",
            "do $$ begin raise exception 'x'; end $$",
            "select 1 / count(*) from t",
            "select 'public.t'::regclass",
            "select app.assert_all()",
            "insert into t values (1)",
            "select 'a' as name, true as ok union all select 'b', count(*) = 0 from t",
            "select 'a' as name, current_user = 'x' as ok",
            "select 'a' as name, false as ok",
            "select name, not bad as ok from (values (1)) v, t",
            "select * from (values ('a', true)) as v (name, ok), t",
            "select 'a', true is distinct from (select a from t) as ok",
            "SELECT id, name\n  FROM app.users\n WHERE FALSE;",
            "select a from t where false",
        ] {
            assert!(asserts(sql), "{sql}");
        }
    }

    #[test]
    fn what_holds_whatever_the_database_is_like() {
        for sql in [
            "select count(*) from t",
            "select 1 where false",
            "select a from t where false or true",
            "select 2 * 3, count(*) from t where a in (1, 2)",
            "select to_regclass('t') is not null as there",
            "set timezone = 'UTC'",
            "select 'ok'",
            "select 1 -- ok",
            "select 'a' as name, true as ok",
            "select 'a' name, true ok from t",
            "select all true \"ok\" from t;",
            "select 'a' as name, true as ok union all select 'b', true",
            "select * from (values ('a', true), ('b', true)) as v(name, ok)",
        ] {
            assert!(!asserts(sql), "{sql}");
        }
    }
}
