//! Walks the nodes of a tree (`{VAR :varno 1 :vartype 25}`), and says which type the value of each has.

use super::tree::BLANKS;

/// `boolean` (PostgreSQL, `catalog/pg_type.dat`).
const BOOLEAN: u32 = 16;

/// Fields with the type of a node's value (PostgreSQL, `nodes/primnodes.h`).
const TYPE: [&str; 14] = [
    ":vartype",
    ":consttype",
    ":paramtype",
    ":funcresulttype",
    ":opresulttype",
    ":aggtype",
    ":wintype",
    ":resulttype",
    ":casetype",
    ":coalescetype",
    ":minmaxtype",
    ":array_typeid",
    ":row_typeid",
    ":refrestype",
];

/// Nodes with the type of their value in `:type`.
const TYPED: [&str; 2] = ["SQLVALUEFUNCTION", "XMLEXPR"];

/// Nodes whose value is a boolean.
const BOOLEANS: [&str; 6] =
    ["BOOLEXPR", "NULLTEST", "BOOLEANTEST", "SCALARARRAYOPEXPR", "ROWCOMPARE", "ROWCOMPAREEXPR"];

/// The highest of the subqueries whose value is a boolean: EXISTS, ALL, ANY and comparisons of rows (PostgreSQL,
/// `nodes/primnodes.h`, "SubLinkType").
const LAST_BOOLEAN_SUBLINK: u32 = 3;

/// A node that was begun.
#[derive(Default)]
pub(super) struct Node<'t, V> {
    pub name: &'t str,
    /// The field that comes next or was read last.
    pub field: &'t str,
    /// The type of its value, where it says so itself.
    pub kind: Option<u32>,
    /// What the reader keeps of it.
    pub kept: V,
}

impl<V> Node<'_, V> {
    fn take(&mut self, number: u32) {
        self.kind = match (self.name, self.field) {
            ("SUBLINK", ":subLinkType") if number <= LAST_BOOLEAN_SUBLINK => Some(BOOLEAN),
            (name, ":type") if TYPED.contains(&name) => Some(number),
            (_, field) if TYPE.contains(&field) => Some(number),
            _ => return,
        }
    }
}

/// Reads a tree: gives `word` each value of a node's fields that is no node, and `end` each node when all in it was read, with
/// those that it stands in, the nearest last.
pub(super) fn walk<'t, V: Default>(
    tree: &'t str,
    mut word: impl FnMut(&mut Node<'t, V>, &'t str),
    mut end: impl FnMut(Node<'t, V>, &mut [Node<'t, V>]),
) {
    let mut open: Vec<Node<'t, V>> = Vec::new();
    for token in tokens(tree) {
        match (token, open.last_mut()) {
            ("{", _) => open.push(Node::default()),
            ("}", _) => {
                if let Some(node) = open.pop() {
                    end(node, &mut open);
                }
            }
            ("(" | ")", _) | (_, None) => {}
            (name, Some(node)) if node.name.is_empty() => {
                node.name = name;
                node.kind = BOOLEANS.contains(&name).then_some(BOOLEAN);
            }
            (field, Some(node)) if field.starts_with(':') => node.field = field,
            (value, Some(node)) => {
                if let Ok(number) = value.parse() {
                    node.take(number);
                }
                word(node, value);
            }
        }
    }
}

/// Words, braces and parentheses. What belongs to a name, the server writes behind backslashes.
fn tokens(tree: &str) -> impl Iterator<Item = &str> {
    let mut rest = tree;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(BLANKS);
        let first = rest.chars().next()?;
        let end = match first {
            '{' | '}' | '(' | ')' => 1,
            _ => {
                let mut is_escaped = false;
                let stops = |byte: u8| {
                    let stops = !is_escaped && matches!(byte, b' ' | b'\n' | b'\t' | b'{' | b'}' | b'(' | b')');
                    is_escaped = !is_escaped && byte == b'\\';
                    stops
                };
                rest.bytes().position(stops).unwrap_or(rest.len())
            }
        };
        let (word, behind) = rest.split_at(end);
        rest = behind;
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_and_the_types_of_their_values() {
        let mut found = Vec::new();
        walk::<()>(
            r"({QUERY :a {VAR :varno 1 :vartype\n25} :b ({SUBLINK :subLinkType 0 :x \}} {BOOLEXPR :op 1} {SUBLINK :subLinkType 4}) :c {XMLEXPR :type 142}})"
                .replace(r"\n", "\n")
                .as_str(),
            |_, _| {},
            |node, above| found.push((node.name.to_owned(), node.kind, above.last().map(|above| above.field.to_owned()))),
        );
        let is = |name: &str, kind, field: Option<&str>| (name.to_owned(), kind, field.map(str::to_owned));
        assert_eq!(
            found,
            [
                is("VAR", Some(25), Some(":a")),
                is("SUBLINK", Some(16), Some(":b")),
                is("BOOLEXPR", Some(16), Some(":b")),
                is("SUBLINK", None, Some(":b")),
                is("XMLEXPR", Some(142), Some(":c")),
                is("QUERY", None, None),
            ]
        );
    }
}
