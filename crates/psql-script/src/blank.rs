//! Replaces literals by NULL, so that the server can parse a text without running the input
//! functions of types.

use super::position::count_characters;
use super::tokens::{Kind, Tokens};

/// The first type outside of PostgreSQL's own that a text casts to with modifiers, as in
/// `x::public.geometry(point)`. The server runs the type's modifier function while it parses,
/// before any catalog query can check it.
pub fn foreign_modifiers(sql: &str) -> Option<String> {
    let tokens = Tokens::new(sql);
    // Matching each AS to its CAST is not worth the work: with any CAST, every AS counts.
    let in_cast = (0..tokens.list.len()).any(|i| tokens.is(i, "cast") && tokens.mark(i + 1, b'('));
    (1..tokens.list.len()).find_map(|i| {
        let cast = i > 1 && tokens.mark(i - 1, b':') && tokens.mark(i - 2, b':');
        if !(cast || in_cast && tokens.is(i - 1, "as")) {
            return None;
        }
        let last = last_of_name(&tokens, i);
        let is_own = last == i && tokens.is_listed(i, TYPES_WITH_MODIFIERS);
        (tokens.mark(last + 1, b'(') && !is_own)
            .then(|| tokens.identifier(last))
            .flatten()
    })
}

/// Replacement of a literal: NULL of the type that a literal has before the server resolves it. A
/// bare NULL would turn `x IS DISTINCT FROM 'y'` into a null test.
const BLANK: &str = " CAST(NULL AS pg_catalog.unknown) ";

/// A text with NULL in place of its literals.
pub struct WithoutLiterals {
    /// The text, with NULL for its literals.
    pub text: String,
    /// Character ranges of each replacement, in order: from and to in `text`, and in the original.
    replaced: Vec<[(u32, u32); 2]>,
}

impl WithoutLiterals {
    /// The position after the last character of `text`, from 1.
    pub fn end(&self) -> u32 {
        characters(&self.text) + 1
    }

    /// The position in the original of a character of `text` (from 1), and whether that character
    /// belongs to a replacement.
    pub fn locate(&self, position: u32) -> (u32, bool) {
        let before = self
            .replaced
            .iter()
            .rfind(|[(from, _), _]| *from < position);
        match before {
            None => (position, false),
            Some([(_, to), (from, _)]) if position <= *to => (from + 1, true),
            Some([(_, to), (_, end)]) => (position - to + end, false),
        }
    }
}

/// Replaces every literal whose type the server has to resolve by NULL: while parsing, the server
/// would run the input function of that type. A literal stays if its type is certainly one of
/// PostgreSQL's own, or if the grammar accepts nothing else. The server refuses the text if NULL
/// is not allowed in its place. The final semicolon is removed too, so that the text fits in
/// parentheses.
///
/// `server` is its `server_version_num`: before PostgreSQL 17, `json_table` is an ordinary
/// function.
pub fn without_literals(sql: &str, server: u32) -> WithoutLiterals {
    let tokens = Tokens::new(sql);
    let (mut text, mut replaced) = (String::with_capacity(sql.len()), Vec::new());
    let (mut from, mut i) = (0, 0);
    while i < tokens.list.len() {
        if !matches!(tokens.kind(i), Some(Kind::Text | Kind::Dollar))
            || stays(&tokens, i, server >= 170_000)
        {
            i += 1;
            continue;
        }
        // `U&'...' UESCAPE '!'` is one literal.
        let last = if tokens.is(i + 1, "uescape") {
            i + 2
        } else {
            i
        };
        let typed_from = typed_from(&tokens, i);
        let start = tokens.list[typed_from.unwrap_or(i)].start;
        text.push_str(&sql[from..start]);
        let at = characters(&text);
        match typed_from {
            Some(_) => text.push_str(&format!(
                " CAST(NULL AS {}) ",
                &sql[start..tokens.list[i - 1].end]
            )),
            None => text.push_str(BLANK),
        }
        from = tokens.list.get(last).map_or(sql.len(), |token| token.end);
        replaced.push([
            (at, characters(&text)),
            (characters(&sql[..start]), characters(&sql[..from])),
        ]);
        i = last + 1;
    }
    let semicolon = tokens
        .list
        .last()
        .filter(|token| token.kind == Kind::Mark(b';'));
    text.push_str(&sql[from..semicolon.map_or(sql.len(), |token| token.start)]);
    WithoutLiterals { text, replaced }
}

fn characters(text: &str) -> u32 {
    count_characters(text.as_bytes())
}

/// True if a literal can stay: it has a type of its own, follows the name of one of PostgreSQL's
/// own types, or the grammar demands a literal that becomes no value (PostgreSQL, `gram.y`:
/// `extract_arg`, `json_table`, `PATH`).
fn stays(tokens: &Tokens, i: usize, has_json_table: bool) -> bool {
    if tokens.text(i).starts_with(['b', 'B', 'x', 'X', 'n', 'N']) {
        return true;
    }
    let Some(before) = i.checked_sub(1) else {
        return false;
    };
    let is_qualified = |at: usize| at > 0 && tokens.mark(at - 1, b'.');
    let is_call = |at: usize, name: &str| tokens.is(at, name) && !is_qualified(at);
    if tokens.mark(before, b'(') && before > 0 && is_call(before - 1, "extract") {
        return true;
    }
    if has_json_table
        && let Some((function, commas)) = call_around(tokens, i)
        && is_call(function, "json_table")
        && commas == 1
        && tokens.mark(before, b',')
    {
        return true;
    }
    if is_call(before, "path") {
        return has_json_table && is_column_of_json_table(tokens, i);
    }
    if tokens.is(before, "zone") {
        return before > 1
            && tokens.is_any(before - 2, &["with", "without"])
            && tokens.is(before - 1, "time");
    }
    // `numeric(10, 2) '1.5'`
    let name = if tokens.mark(before, b')') {
        before_parenthesis(tokens, before)
    } else {
        Some(before)
    };
    name.is_some_and(|name| match name.checked_sub(1) {
        _ if tokens.is(name, "varying") => {
            name > 0 && tokens.is_any(name - 1, &["character", "char", "bit", "nchar"])
        }
        _ if tokens.is(name, "precision") => name > 0 && tokens.is(name - 1, "double"),
        _ => tokens.is_listed(name, TYPES_BEFORE_LITERALS) && !is_qualified(name),
    })
}

/// The token before the parenthesis around a token, and the number of commas between.
fn call_around(tokens: &Tokens, i: usize) -> Option<(usize, usize)> {
    let (mut depth, mut commas) = (0_usize, 0);
    for at in (0..i).rev() {
        if tokens.mark(at, b')') {
            depth += 1;
        } else if tokens.mark(at, b'(') {
            if depth == 0 {
                return Some((at.checked_sub(1)?, commas));
            }
            depth -= 1;
        } else if depth == 0 && tokens.mark(at, b',') {
            commas += 1;
        }
    }
    None
}

/// True for a token in `COLUMNS (...)` of a `JSON_TABLE`, at any depth. There the path of a column
/// is a literal by grammar; in `XMLTABLE` it is an expression.
fn is_column_of_json_table(tokens: &Tokens, i: usize) -> bool {
    let mut at = i;
    while let Some((before, _)) = call_around(tokens, at) {
        if !tokens.is(before, "columns") {
            return tokens.is(before, "json_table")
                && !(before > 0 && tokens.mark(before - 1, b'.'));
        }
        at = before;
    }
    false
}

/// The first token of the type name before a literal, as in `public.mood 'sad'`; `None` without
/// one.
fn typed_from(tokens: &Tokens, literal: usize) -> Option<usize> {
    let last = literal.checked_sub(1)?;
    let is_name = |at: usize| matches!(tokens.kind(at), Some(Kind::Word | Kind::Quoted { .. }));
    let mut start = last;
    while start > 1 && tokens.mark(start - 1, b'.') && is_name(start - 2) {
        start -= 2;
    }
    let is_type =
        is_name(last) && (start < last || matches!(tokens.kind(last), Some(Kind::Quoted { .. })));
    is_type.then_some(start)
}

/// The last part of a name that begins at `i`: the type, after its schema.
fn last_of_name(tokens: &Tokens, i: usize) -> usize {
    let mut last = i;
    while tokens.mark(last + 1, b'.') {
        last += 2;
    }
    last
}

/// The token before the parenthesis that the one at `i` closes.
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

/// Unqualified names that are types of PostgreSQL's own from version 13 on: `pg_catalog` comes
/// first in the search path of every guarded query.
#[rustfmt::skip]
const TYPES_BEFORE_LITERALS: &str = "\
    date time timetz timestamp timestamptz interval json jsonb jsonpath xml uuid bytea regclass \
    regtype regproc regprocedure regoper regoperator regrole regnamespace regconfig regdictionary \
    regcollation oid xid cid tid pg_lsn name text char character varchar nchar bpchar bit varbit \
    int integer int2 int4 int8 smallint bigint numeric decimal dec real float float4 float8 money \
    bool boolean inet cidr macaddr macaddr8 point box circle line lseg polygon tsvector tsquery \
    int4range int8range numrange tsrange tstzrange daterange";

/// Types of that list that take modifiers.
const TYPES_WITH_MODIFIERS: &str = "\
    time timetz timestamp timestamptz interval varchar char character nchar bpchar varying numeric \
    decimal dec float bit";

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
            ("a; -- it", "a"),
            ("a ; b;", "a ; b"),
            (
                "a = '{1}', $$x$$, E'\\'' /* 'c' */ from \"t'\"",
                "a =  CAST(NULL AS pg_catalog.unknown) ,  CAST(NULL AS pg_catalog.unknown) ,  CAST(NULL AS pg_catalog.unknown)  /* 'c' */ from \"t'\"",
            ),
            (
                "'a'\n 'b', U&'!0061' UESCAPE '!', 1",
                " CAST(NULL AS pg_catalog.unknown) ,  CAST(NULL AS pg_catalog.unknown) , 1",
            ),
            (
                "b.date 'y', \"Mood\" 'x'",
                " CAST(NULL AS b.date) ,  CAST(NULL AS \"Mood\") ",
            ),
            (
                "t at time zone 'UTC', a, 'x' path",
                "t at time zone  CAST(NULL AS pg_catalog.unknown) , a,  CAST(NULL AS pg_catalog.unknown)  path",
            ),
            (
                "f(json_table, 'x'), json_table(f('y'), g, 'z')",
                "f(json_table,  CAST(NULL AS pg_catalog.unknown) ), json_table(f( CAST(NULL AS pg_catalog.unknown) ), g,  CAST(NULL AS pg_catalog.unknown) )",
            ),
            (
                "public.path 'x', public.zone 'x'",
                " CAST(NULL AS public.path) ,  CAST(NULL AS public.zone) ",
            ),
        ] {
            assert_eq!(without_literals(sql, 180_000).text, without);
        }
        for sql in [
            "date '2026-01-01', x'1F', numeric(10, 2) '1.5', timestamp(3) with time zone 'x', double precision '1'",
            "extract('year' from t), character varying(3) 'x', daterange '[2026-01-01,)'",
            "json_table(j, '$.a' columns (b text path '$.b', nested path '$.c' columns (d text path '$.d')))",
        ] {
            assert_eq!(without_literals(sql, 180_000).text, sql);
        }
        for sql in [
            "json_table(j, 'x')",
            "json_table(j, (select columns(b path 'x')))",
            "datemultirange 'x'",
        ] {
            assert!(
                without_literals(sql, 160_000).text.contains(BLANK.trim()),
                "{sql}"
            );
        }
    }

    #[test]
    fn places_are_those_of_the_text_with_literals() {
        let sql = "select 'é', '' from t where 'x' = u";
        let blank = without_literals(sql, 180_000);
        let at = |text: &str, word: &str| {
            text.find(word)
                .map(|byte| characters(&text[..byte]) + 1)
                .unwrap()
        };
        for word in ["select", "from", "t where", "= u"] {
            assert_eq!(
                blank.locate(at(&blank.text, word)),
                (at(sql, word), false),
                "{word}"
            );
        }
        assert_eq!(
            blank.locate(at(&blank.text, "CAST")),
            (at(sql, "'é'"), true)
        );
    }
}
