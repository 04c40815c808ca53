//! Splits statements joined by `\;` at the server's boundaries.

use super::inspect::{Inspection, inspect};
use super::position::count_characters;
use super::tokens::Tokens;

/// One of the statements of a text.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// Text from the first token to the last, without surrounding comments.
    pub sql: &'a str,
    /// Number of characters of the whole text before this part.
    pub before: u32,
    /// Properties of this part.
    pub inspection: Inspection,
}

/// Splits a text at the server's boundaries. Each part must be sent alone: the server then refuses
/// a wrong split.
pub fn parts(sql: &str) -> Vec<Part<'_>> {
    let tokens = Tokens::new(sql);
    let part = |(first, end): (usize, usize)| {
        let (start, end) = (tokens.list[first].start, tokens.list[end - 1].end);
        let text = &sql[start..end];
        Part {
            sql: text,
            before: count_characters(&sql.as_bytes()[..start]),
            inspection: inspect(text),
        }
    };
    tokens.statements().into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn cut_where_the_server_cuts() {
        let sql = "/* é */ select 1; -- c\n;create function f() returns int begin atomic select 1; end ; commit";
        let found = parts(sql);
        let texts: Vec<&str> = found.iter().map(|part| part.sql).collect();
        assert_eq!(
            texts,
            [
                "select 1",
                "create function f() returns int begin atomic select 1; end",
                "commit"
            ]
        );
        assert_eq!(found[0].before, 8);
        assert_eq!(found[2].inspection.transaction_control, Some("COMMIT"));
    }
}
