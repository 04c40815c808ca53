//! Settings assigned without `SET`: by calls of `set_config()`, and by `UPDATE pg_settings`, whose
//! rule calls it.
//!
//! Like [`super::dispatch`], this reads names in the text only: it misses a call inside of a
//! string, a function or a view. At run time, the server's report of such a change stops a script
//! (`release/reading.rs`).

use super::dispatch::names_a_table;
use super::inspect::Means;
use super::tokens::Tokens;

/// One assignment of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    /// The setting's name in lower case, as the server compares it; `None` if it is not a literal.
    pub setting: Option<String>,
    /// The value; `None` if it is not a literal.
    pub value: Option<String>,
    /// The statement form that assigns it.
    pub by: Means,
}

/// True if a text assigns `search_path` without `SET`.
pub fn assigns_search_path(sql: &str) -> bool {
    if super::plain(sql).is_some() {
        return false;
    }
    let tokens = Tokens::new(sql);
    assignments(&tokens, 0, tokens.list.len())
        .any(|found| found.setting.as_deref() == Some("search_path"))
}

/// All assignments among the tokens of one statement.
pub(super) fn assignments(
    tokens: &Tokens,
    start: usize,
    end: usize,
) -> impl Iterator<Item = Assignment> {
    // These commands name functions by their signatures, and evaluate nothing.
    let names_only = tokens.is_any(start, &["grant", "revoke", "comment", "drop", "security"]);
    let range = if names_only { end..end } else { start..end };
    range.filter_map(move |i| call(tokens, start, i).or_else(|| update(tokens, i, end)))
}

fn call(tokens: &Tokens, start: usize, i: usize) -> Option<Assignment> {
    if !names(tokens, i, "set_config") || !is_of_the_server(tokens, i) {
        return None;
    }
    let unread = Assignment {
        setting: None,
        value: None,
        by: Means::SetConfig,
    };
    if !tokens.mark(i + 1, b'(') {
        // An aggregate names its functions without parentheses.
        let aggregate = tokens.are(start, &["create", "aggregate"])
            || tokens.are(start, &["create", "or", "replace", "aggregate"]);
        return aggregate.then_some(unread);
    }
    let mut first = i;
    while first > start + 1 && tokens.mark(first - 1, b'.') {
        first -= 2;
    }
    if first > start && (is_signature(tokens, first - 1) || names_a_table(tokens, first - 1)) {
        return None;
    }
    let Some((name, behind)) =
        literal(tokens, i + 2).filter(|(_, behind)| tokens.mark(*behind, b','))
    else {
        return Some(unread);
    };
    let is_whole = |behind: usize| tokens.mark(behind, b',') || tokens.mark(behind, b')');
    let value = literal(tokens, behind + 1).filter(|(_, behind)| is_whole(*behind));
    Some(Assignment {
        setting: Some(name.to_ascii_lowercase()),
        value: value.map(|(value, _)| value),
        ..unread
    })
}

/// True if the next name is a function with its argument types.
fn is_signature(tokens: &Tokens, before: usize) -> bool {
    tokens.is_any(before, &["function", "procedure", "routine", "aggregate"])
}

fn update(tokens: &Tokens, i: usize, end: usize) -> Option<Assignment> {
    if !tokens.is(i, "update") {
        return None;
    }
    let mut at = i + 1 + usize::from(tokens.is(i + 1, "only"));
    let opened = tokens.mark(at, b'(');
    at += usize::from(opened);
    while tokens.mark(at + 1, b'.') {
        at += 2;
    }
    if !names(tokens, at, "pg_settings") || !is_of_the_server(tokens, at) {
        return None;
    }
    let unread = Assignment {
        setting: None,
        value: None,
        by: Means::PgSettings,
    };
    let behind = at + 1 + usize::from(opened);
    let Some(condition) = condition(tokens, behind, end) else {
        return Some(unread);
    };
    let Some(name) = named_row(tokens, condition + 1, end) else {
        return Some(unread);
    };
    let value = (behind..condition)
        .find(|n| tokens.is(*n, "set"))
        .and_then(|set| {
            let assigned = names(tokens, set + 1, "setting") && tokens.mark(set + 2, b'=');
            let whole =
                literal(tokens, set + 3).filter(|(_, behind)| assigned && *behind == condition);
            whole.map(|(value, _)| value)
        });
    Some(Assignment {
        setting: Some(name.to_ascii_lowercase()),
        value,
        ..unread
    })
}

/// The `WHERE` of an UPDATE without `FROM`: with a `FROM`, a column `name` may belong to another
/// table.
fn condition(tokens: &Tokens, mut i: usize, end: usize) -> Option<usize> {
    while i < end {
        if tokens.is(i, "where") {
            return Some(i);
        }
        if tokens.is(i, "from") || tokens.mark(i, b')') || tokens.mark(i, b';') {
            return None;
        }
        i = if tokens.mark(i, b'(') {
            tokens.behind_parenthesis(i)
        } else {
            i + 1
        };
    }
    None
}

/// The setting of a condition that is exactly `name = 'literal'`.
fn named_row(tokens: &Tokens, at: usize, end: usize) -> Option<String> {
    let column = if tokens.mark(at + 1, b'.') {
        at + 2
    } else {
        at
    };
    if !names(tokens, column, "name") || !tokens.mark(column + 1, b'=') {
        return None;
    }
    let (name, behind) = literal(tokens, column + 2)?;
    (behind >= end || tokens.mark(behind, b';') || tokens.mark(behind, b')')).then_some(name)
}

/// A string literal, optionally with `::text`, and the token after it. A cast to another type may
/// change the value.
fn literal(tokens: &Tokens, i: usize) -> Option<(String, usize)> {
    let value = tokens.literal(i)?;
    let cast = tokens.mark(i + 1, b':') && tokens.mark(i + 2, b':') && names(tokens, i + 3, "text");
    Some((value, if cast { i + 4 } else { i + 1 }))
}

fn names(tokens: &Tokens, i: usize, name: &str) -> bool {
    tokens.is(i, name)
        || tokens.word(i).is_empty() && tokens.identifier(i).is_some_and(|found| found == name)
}

/// True if the name has no schema, or the schema `pg_catalog`.
fn is_of_the_server(tokens: &Tokens, i: usize) -> bool {
    i < 2 || !tokens.mark(i - 1, b'.') || names(tokens, i - 2, "pg_catalog")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sql: &str) -> Vec<(Option<String>, Option<String>)> {
        let tokens = Tokens::new(sql);
        assignments(&tokens, 0, tokens.list.len())
            .map(|found| (found.setting, found.value))
            .collect()
    }

    fn some(setting: &str, value: Option<&str>) -> Vec<(Option<String>, Option<String>)> {
        vec![(Some(setting.to_owned()), value.map(str::to_owned))]
    }

    #[test]
    fn calls_wherever_and_however_written() {
        for sql in [
            "select set_config('A', 'x', false)",
            "SELECT Pg_Catalog . SET_CONFIG /* x */ ( -- y\n 'a'::text , 'x' , true)",
            "select d.pg_catalog.set_config('a', 'x', false)",
            r#"select U&"set\005fconfig"(E'\x61', $$x$$, false)"#,
            r#"select U&"set!005fconfig" uescape '!' (U&'!0061' uescape '!', 'x', false)"#,
            "with s as (select \"set_config\"('a', 'x', false)) insert into t select * from s",
            "insert into t values (1, set_config('a', 'x'::text, false))",
            "select * from rows from (set_config('a', 'x', false))",
            "create view v as select set_config('a', 'x', false)",
            "update t set a = 1 where set_config('a', 'x', false) is not null",
            "select 1 as comment, set_config('a', 'x', false)",
        ] {
            assert_eq!(found(sql), some("a", Some("x")), "{sql}");
        }
        for sql in [
            "select set_config('a', b, false)",
            "select set_config('a', 'x' || 'y', false)",
        ] {
            assert_eq!(found(sql), some("a", None), "{sql}");
        }
    }

    #[test]
    fn names_that_no_literal_says() {
        for sql in [
            "select set_config('a' || 'b', 'x', false)",
            "select set_config(('a'), 'x', false)",
            "select set_config(n, 'x', false) from t",
            "select set_config($1, 'x', false)",
            "select set_config(all 'a', 'x', false)",
            "select set_config(setting_name => 'a', new_value => 'x', is_local => false)",
            "select set_config(new_value := 'x', setting_name := 'a', is_local := false)",
            "select set_config(N'a ', 'x', false)",
            "select set_config('a '::bpchar, 'x', false)",
            "select set_config(text 'a', 'x', false)",
            "select set_config(cast('a' as text), 'x', false)",
            "select set_config('a' collate \"C\", 'x', false)",
            "select set_config(variadic array['a'])",
            "select set_config(",
            "create aggregate a(text, boolean) (sfunc = set_config, stype = text, initcond = 'a')",
            "create or replace aggregate a(text, boolean) (sfunc = pg_catalog.\"set_config\", stype = text)",
            "update pg_settings set setting = 'x'",
            "update pg_settings set setting = 'x' where name like 'a'",
            "update pg_settings set setting = 'x' where name = 'a' or name = 'b'",
            "update pg_settings set setting = 'x' where name in ('a')",
            "update pg_settings set setting = 'x' where name = 'a'::bpchar",
            "update pg_settings set setting = 'x' from (select 'a' as name) s where s.name = 'a'",
            "update pg_settings set setting = 'x' where current of c",
        ] {
            assert_eq!(found(sql), [(None, None)], "{sql}");
        }
    }

    #[test]
    fn rows_of_pg_settings() {
        for sql in [
            "update pg_settings set setting = 'x' where name = 'A'",
            "UPDATE ONLY (pg_catalog.pg_settings) SET setting = E'x' WHERE name = 'a'::text;",
            "update \"pg_settings\" * as s set setting = 'x' where s.name = 'a'",
            "explain analyze update/**/pg_settings set \"setting\"='x' where name='a'",
            "create rule r as on insert to t do also (update pg_settings set setting = 'x' where name = 'a')",
        ] {
            assert_eq!(found(sql), some("a", Some("x")), "{sql}");
        }
        let computed =
            "update pg_settings set setting = (select b from t where c) where name = 'a'";
        assert_eq!(found(computed), some("a", None));
    }

    #[test]
    fn what_assigns_nothing() {
        for sql in [
            "select app.set_config(a)",
            "select set_config from t",
            "select 'set_config(', pg_settings.name from pg_settings where name = 'a'",
            "grant execute on function f(int), pg_catalog.set_config(text, text, boolean) to u",
            "revoke all on function set_config(text, text, boolean) from public",
            "comment on function set_config(text, text, boolean) is 'x'",
            "drop function set_config(text)",
            "create or replace function set_config(n text) returns int return 1",
            "alter function pg_catalog.set_config(text, text, boolean) owner to u",
            "insert into set_config (a) values (1)",
            "update app.pg_settings set setting = 'x'",
            "select 1 from pg_settings for update",
            "grant update on pg_settings to u",
            "set work_mem = '1MB'",
        ] {
            assert_eq!(found(sql), [], "{sql}");
        }
    }
}
