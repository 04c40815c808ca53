//! Compares index definitions of different spelling: a script's statement and the server's own
//! text.

use super::tokens::Tokens;

/// An index's definition without its name and table: uniqueness, method, columns and conditions, as
/// spelled. Equal shapes make the same index; different shapes may do so too. `None` for other
/// statements.
pub fn index_shape(sql: &str) -> Option<String> {
    let tokens = Tokens::new(sql);
    let (start, end) = *tokens.statements().first()?;
    let is_unique = tokens.is(start + 1, "unique");
    let index = start + 1 + usize::from(is_unique);
    if !tokens.is(start, "create") || !tokens.is(index, "index") {
        return None;
    }
    let on = (index..end).find(|at| tokens.is(*at, "on"))?;
    let mut at = on + 2 + usize::from(tokens.is(on + 1, "only"));
    while tokens.mark(at, b'.') {
        at += 2;
    }
    let mut shape = vec![if is_unique { "unique" } else { "" }.to_owned()];
    if tokens.is(at, "using") {
        shape.push(tokens.identifier(at + 1)?);
        at += 2;
    } else {
        shape.push("btree".to_owned());
    }
    shape.extend((at..end).map(|at| {
        tokens
            .identifier(at)
            .unwrap_or_else(|| tokens.text(at).to_owned())
    }));
    Some(shape.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_indexes() {
        let shape = |sql: &str| index_shape(sql).expect("an index");
        let said =
            "CREATE UNIQUE INDEX u ON public.t USING btree (email, lower(\"Name\")) WHERE (id > 0)";
        assert_eq!(
            shape(
                "create unique index concurrently if not exists u on only \"public\" . t (email, lower(\"Name\")) where (id > 0);"
            ),
            shape(said)
        );
        for other in [
            "create index concurrently u on public.t (email, lower(\"Name\")) where (id > 0)",
            "create unique index concurrently u on public.t (id, lower(\"Name\")) where (id > 0)",
            "create unique index concurrently u on public.t (email, lower(name)) where (id > 0)",
            "create unique index concurrently u on public.t using hash (email, lower(\"Name\")) where (id > 0)",
            "create unique index concurrently u on public.t (email, lower(\"Name\"))",
        ] {
            assert_ne!(shape(other), shape(said), "{other}");
        }
        assert_eq!(index_shape("reindex index concurrently u"), None);
    }
}
