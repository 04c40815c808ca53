//! Which columns an index is made of, by its own words: it goes with each of them. What may be something else is none of them.

use super::tokens::{Kind, Tokens};

/// Words behind which no column stands: the name of a type, a collation.
const BEFORE_OTHERS: [&str; 4] = [":", "::", "as", "collate"];

/// Of `CREATE INDEX`, from behind its table on.
pub fn names(tokens: &Tokens<'_>, behind: usize) -> Vec<String> {
    let Some(open) = (behind..tokens.len()).find(|i| tokens.is(*i, "(")) else { return Vec::new() };
    let mut names = Vec::new();
    let mut next = list(tokens, open, &mut names);
    if tokens.is(next, "include") && tokens.is(next + 1, "(") {
        next = list(tokens, next + 1, &mut names);
    }
    // Words of WITH and TABLESPACE are no columns.
    let condition = (next..tokens.len()).find(|i| tokens.is(*i, "where"));
    if let Some(condition) = condition {
        expression(tokens, condition + 1, tokens.len(), &mut names);
    }
    names
}

/// A list in parentheses: of each member the column, or the columns of its expression, and not what follows about
/// collation, operators and order. The place behind it.
fn list(tokens: &Tokens<'_>, open: usize, names: &mut Vec<String>) -> usize {
    let behind = tokens.behind_parenthesis(open);
    let end = behind.saturating_sub(1);
    let mut i = open + 1;
    while i < end {
        match tokens.name(i) {
            Some((name, next)) if !tokens.is(next, "(") => names.push(name.name),
            called => {
                let start = called.map_or(i, |(_, next)| next);
                expression(tokens, start, tokens.behind_parenthesis(start).min(end), names);
            }
        }
        while i < end && !tokens.is(i, ",") {
            i = if tokens.is(i, "(") { tokens.behind_parenthesis(i) } else { i + 1 };
        }
        i += 1;
    }
    behind
}

/// Every name that no function, type or collation has.
fn expression(tokens: &Tokens<'_>, start: usize, end: usize, names: &mut Vec<String>) {
    let mut i = start;
    while i < end {
        let Some((name, next)) = tokens.name(i) else {
            i += 1;
            continue;
        };
        let is_typed = i > 0 && BEFORE_OTHERS.iter().any(|word| tokens.is(i - 1, word));
        let behind = behind_type(tokens, i, next);
        // `date '2026-01-01'`, `interval '1' year`
        let is_literal = tokens.get(behind).is_some_and(|token| token.kind == Kind::Text);
        if is_typed || is_literal {
            i = behind_fields(tokens, behind + usize::from(is_literal));
            continue;
        }
        let is_called = tokens.is(next, "(");
        let is_word = ["as", "from"].iter().any(|word| tokens.is(i, word)) || tokens.is(next, "from");
        let is_other = is_called || is_word || is_time_zone(tokens, i);
        if !is_other {
            names.push(name.name);
        }
        i = next;
    }
}

/// The place behind the name of a type that ends at `next`, as far as its words could be taken for names: with all words of
/// the types that have several (PostgreSQL, `gram.y`).
fn behind_type(tokens: &Tokens<'_>, i: usize, next: usize) -> usize {
    let first = tokens.behind(i, &["national"]);
    let any = |words: &[&str]| words.iter().any(|word| tokens.is(first, word));
    let size = |next| if tokens.is(next, "(") { tokens.behind_parenthesis(next) } else { next };
    if tokens.are(i, &["double", "precision"]) {
        i + 2
    } else if any(&["character", "char", "nchar", "bit"]) {
        size(tokens.behind(first + 1, &["varying"]))
    } else if any(&["time", "timestamp"]) {
        let next = size(next);
        tokens.behind(tokens.behind(next, &["with", "time", "zone"]), &["without", "time", "zone"])
    } else if any(&["interval"]) {
        behind_fields(tokens, size(next))
    } else {
        next
    }
}

/// `YEAR TO MONTH` and the like, behind an interval.
fn behind_fields(tokens: &Tokens<'_>, i: usize) -> usize {
    let is_field = |i| ["year", "month", "day", "hour", "minute", "second"].iter().any(|field| tokens.is(i, field));
    match () {
        () if is_field(i) && tokens.is(i + 1, "to") && is_field(i + 2) => i + 3,
        () if is_field(i) => i + 1,
        () => i,
    }
}

/// `AT TIME ZONE`
fn is_time_zone(tokens: &Tokens<'_>, i: usize) -> bool {
    (0..3).any(|word| i >= word && tokens.are(i - word, &["at", "time", "zone"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_nothing_else() {
        for (definition, columns) in [
            ("(a, \"B\")", "a B"),
            ("using btree (a text_pattern_ops desc nulls last, b collate \"C\" asc) with (fillfactor = 70)", "a b"),
            ("using gin (lower(a), (b || c)) tablespace fast", "a b c"),
            ("(a) include (c) where d", "a c d"),
            ("(pg_catalog.lower(t.a))", "a"),
            ("((a::lower), cast(b as text), date(c at time zone 'UTC'), extract(year from d))", "a b c d"),
            (
                "((a::double precision), cast(b as character varying(7)), (c::national character varying || d))",
                "a b c d",
            ),
            (
                "((a::timestamp(3) without time zone), (b::time with time zone), ((c)::bit varying(3)), (national || 'x'))",
                "a b c national",
            ),
            ("((a + interval '1' year), (b::interval day to second), (c * double precision '1.5'))", "a b c"),
            (
                "(precision, \"double\", (time + zone), (varying::\"double\" + year))",
                "precision double time zone varying year",
            ),
            ("using btree", ""),
            ("(", ""),
        ] {
            assert_eq!(names(&Tokens::of(definition), 0).join(" "), columns, "{definition}");
        }
    }
}
