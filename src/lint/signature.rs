//! The types of a function's arguments, so that functions of one name can be told apart. What isn't certain is not told.

use super::tokens::{Kind, Tokens};

/// Names of one type.
const ALIASES: [(&str, &str); 15] = [
    ("int", "int4"),
    ("integer", "int4"),
    ("bigint", "int8"),
    ("smallint", "int2"),
    ("real", "float4"),
    ("double precision", "float8"),
    ("boolean", "bool"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("character", "bpchar"),
    ("char", "bpchar"),
    ("character varying", "varchar"),
    ("char varying", "varchar"),
    ("bit varying", "varbit"),
    ("timestamp with time zone", "timestamptz"),
];

/// Of a function, whose list opens at a place; `kind` is where the word FUNCTION should stand.
pub fn arguments(tokens: &Tokens<'_>, kind: usize, open: usize) -> Option<Vec<String>> {
    if !tokens.is(kind, "function") || !tokens.is(open, "(") {
        return None;
    }
    let end = tokens.behind_parenthesis(open) - 1;
    let (mut types, mut i) = (Vec::new(), open + 1);
    while i < end {
        let mut next = i;
        while next < end && !tokens.is(next, ",") {
            next = if tokens.is(next, "(") { tokens.behind_parenthesis(next) } else { next + 1 };
        }
        if !tokens.is(i, "out") {
            types.push(argument(tokens, i, next)?);
        }
        i = next + 1;
    }
    Some(types)
}

/// The type of one argument, behind its mode and name and before its default.
fn argument(tokens: &Tokens<'_>, mut i: usize, end: usize) -> Option<String> {
    i += usize::from(["in", "inout", "variadic"].iter().any(|mode| tokens.is(i, mode)));
    let (mut words, mut is_array) = (Vec::new(), false);
    while i < end && !["default", "=", ":", ":="].iter().any(|word| tokens.is(i, word)) {
        let token = tokens.get(i)?;
        if tokens.is(i, "(") {
            i = tokens.behind_parenthesis(i);
            continue;
        }
        match tokens.name(i) {
            Some(_) if tokens.is(i, "array") => is_array = true,
            Some((name, next)) => {
                words.push(name.name);
                i = next;
                continue;
            }
            None if token.text == "[" => is_array = true,
            None if token.text == "]" || token.kind == Kind::Mark && token.text.parse::<u32>().is_ok() => {}
            None => return None,
        }
        i += 1;
    }
    let name = type_name(&words)?;
    Some(if is_array { format!("{name}[]") } else { name })
}

/// Of the words of an argument, the last ones are its type, and at most one before them is its name.
fn type_name(words: &[String]) -> Option<String> {
    let canonical = |name: &str| {
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
        alias.map_or_else(|| name.to_owned(), |(_, name)| (*name).to_owned())
    };
    match words {
        [.., zone]
            if ["zone", "year", "month", "day", "hour", "minute", "second", "float"].contains(&zone.as_str()) =>
        {
            None
        }
        [name] | [_, name] if name != "varying" && name != "precision" => Some(canonical(name)),
        [first, last] | [_, first, last] if last == "varying" || last == "precision" => {
            Some(canonical(&format!("{first} {last}")))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_nothing_else() {
        for (list, types) in [
            ("()", Some("")),
            ("(int, text)", Some("int4 text")),
            ("(a integer default f(1, 2), inout b pg_catalog.varchar(3) = 'x', out c int)", Some("int4 varchar")),
            ("(variadic a int[], b double precision, character varying array)", Some("int4[] float8 varchar[]")),
            ("(a t.b%type)", None),
            ("(timestamp with time zone)", None),
            ("(national character varying(3), setof a b)", None),
            ("", None),
        ] {
            let sql = format!("drop function if exists f{list}");
            let tokens = Tokens::of(&sql);
            let found = arguments(&tokens, 1, 5).map(|types| types.join(" "));
            assert_eq!(found.as_deref(), types, "{list}");
        }
    }
}
