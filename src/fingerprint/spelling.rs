//! Normalises definitions that the server spells differently after it has parsed its own spelling.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

/// `(ARRAY['a'::character varying, ...])::text[]`: the server's first spelling of `varchar_column
/// in ('a', ...)`.
static CAST_ARRAY: LazyLock<Regex> = LazyLock::new(|| {
    let item = r"'(?:[^']|'')*'::character varying";
    Regex::new(&format!(r"\(ARRAY\[({item}(?:, {item})*)\]\)::text\[\]"))
        .expect("a pattern of our own")
});

static ITEM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"'(?:[^']|'')*'::character varying").expect("a pattern of our own")
});

/// The stable spelling. The server casts the array as a whole and writes that form. When it parses
/// the form again, it casts the elements, and keeps this second form; both mean the same. Otherwise
/// a restored dump would differ from its source.
pub(super) fn settled(definition: &str) -> Cow<'_, str> {
    CAST_ARRAY.replace_all(definition, |array: &Captures<'_>| {
        let items = ITEM
            .find_iter(&array[1])
            .map(|item| format!("({})::text", item.as_str()));
        format!("ARRAY[{}]", items.collect::<Vec<_>>().join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_list_are_one() {
        let first = "((k)::text = ANY ((ARRAY['a'::character varying, 'it''s, ]'::character varying])::text[]))";
        let again = "((k)::text = ANY (ARRAY[('a'::character varying)::text, ('it''s, ]'::character varying)::text]))";
        assert_eq!(settled(first), again);
        assert_eq!(settled(again), again);
        assert_ne!(settled(&first.replace("'a'", "'b'")), again);
    }

    #[test]
    fn other_casts_stay() {
        for text in [
            "(ARRAY[a, b])::text[]",
            "(ARRAY['a'::character varying])::bpchar[]",
            "'x'::text[]",
        ] {
            assert_eq!(settled(text), text);
        }
    }
}
