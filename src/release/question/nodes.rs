//! Walks the nodes of a tree (`{VAR :varno 1 :vartype 25}`), and determines the type of each node's value.
//!
//! An unknown type stays unknown for the nodes above it; no other type replaces it.

use super::tree::BLANKS;

/// `boolean`, `integer` (PostgreSQL, `catalog/pg_type.dat`).
const BOOLEAN: u32 = 16;
const INTEGER: u32 = 23;

/// Fields with the type of a node's value (PostgreSQL, `nodes/primnodes.h`); of several the last counts. PostgreSQL 13 has no
/// `:refrestype`: a slice of an array has its element's type here, which is PostgreSQL's own only if the array's is.
const TYPE: [&str; 16] = [
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
    ":typeId",
    ":refelemtype",
    ":refrestype",
];

/// Nodes with the type of their value in another field.
const TYPED: [(&str, &str); 3] = [
    ("SQLVALUEFUNCTION", ":type"),
    ("XMLEXPR", ":type"),
    ("JSONRETURNING", ":typid"),
];

/// Nodes whose value is a boolean.
const BOOLEANS: [&str; 7] = [
    "BOOLEXPR",
    "NULLTEST",
    "BOOLEANTEST",
    "SCALARARRAYOPEXPR",
    "ROWCOMPARE",
    "ROWCOMPAREEXPR",
    "JSONISPREDICATE",
];

/// The highest of the subqueries whose value is a boolean: EXISTS, ALL, ANY and comparisons of rows (PostgreSQL,
/// `nodes/primnodes.h`, "SubLinkType").
const LAST_BOOLEAN_SUBLINK: u32 = 3;

/// Nodes whose value has the type of the node in one of their fields.
const PASSED_ON: [(&str, &str); 7] = [
    ("TARGETENTRY", ":expr"),
    ("COLLATE", ":arg"),
    ("COLLATEEXPR", ":arg"),
    ("NAMEDARGEXPR", ":arg"),
    ("JSONVALUEEXPR", ":formatted_expr"),
    ("JSONEXPR", ":returning"),
    ("JSONCONSTRUCTOREXPR", ":returning"),
];

/// The types of columns; `None` is unknown.
pub(super) type Columns = Vec<Option<u32>>;

/// A node that is being read.
#[derive(Default)]
pub(super) struct Node<'t, V> {
    pub name: &'t str,
    /// The field that comes next or was read last.
    pub field: &'t str,
    /// The type of its value.
    pub kind: Option<u32>,
    /// Of a query, or of the subquery of a table entry: its columns.
    pub columns: Columns,
    /// Whether a query's column is not part of its result.
    is_junk: bool,
    /// Data of the caller.
    pub kept: V,
}

impl<V> Node<'_, V> {
    fn begin(&mut self) {
        self.kind = match self.name {
            name if BOOLEANS.contains(&name) => Some(BOOLEAN),
            "GROUPINGFUNC" => Some(INTEGER),
            _ => None,
        }
    }

    fn take(&mut self, value: &str) {
        if self.field == ":resjunk" {
            self.is_junk = value == "true";
            return;
        }
        let Ok(number) = value.parse() else { return };
        if self.name == "SUBLINK" && self.field == ":subLinkType" && number <= LAST_BOOLEAN_SUBLINK
        {
            self.kind = Some(BOOLEAN);
        } else if TYPED.contains(&(self.name, self.field)) || TYPE.contains(&self.field) {
            self.kind = Some(number);
        }
    }

    /// Applies a completed node inside this one.
    fn take_node(&mut self, ended: &mut Self) {
        match (self.name, self.field, ended.name) {
            ("QUERY", ":targetList", "TARGETENTRY") if !ended.is_junk => {
                self.columns.push(ended.kind)
            }
            ("RTE" | "RANGETBLENTRY", ":subquery", "QUERY") => {
                self.columns = std::mem::take(&mut ended.columns)
            }
            ("SUBLINK", ":subselect", "QUERY") if self.kind.is_none() => {
                self.kind = ended.columns.first().copied().flatten();
            }
            (name, field, _) if PASSED_ON.contains(&(name, field)) => self.kind = ended.kind,
            _ => {}
        }
    }
}

/// Reads a tree. Calls `word` for each field value that is no node, and `end` for each completed node, with the nodes around it,
/// the nearest last.
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
                let Some(mut node) = open.pop() else { continue };
                if let Some(parent) = open.last_mut() {
                    parent.take_node(&mut node);
                }
                end(node, &mut open);
            }
            ("(" | ")", _) | (_, None) => {}
            (name, Some(node)) if node.name.is_empty() => {
                node.name = name;
                node.begin();
            }
            (field, Some(node)) if field.starts_with(':') => node.field = field,
            (value, Some(node)) => {
                node.take(value);
                word(node, value);
            }
        }
    }
}

/// Words, braces and parentheses. The server escapes those in names by backslashes.
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
                    let stops = !is_escaped
                        && matches!(byte, b' ' | b'\n' | b'\t' | b'{' | b'}' | b'(' | b')');
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

    /// Every node with its type, in order of completion.
    fn kinds(tree: &str) -> Vec<(String, Option<u32>)> {
        let mut found = Vec::new();
        walk::<()>(
            tree,
            |_, _| {},
            |node, _| found.push((node.name.to_owned(), node.kind)),
        );
        found
    }

    #[test]
    fn nodes_and_the_types_of_their_values() {
        let is = |name: &str, kind| (name.to_owned(), kind);
        let tree = "({QUERY :a {VAR :varno 1 :vartype\n25} :b ({SUBLINK :subLinkType 0 :x \\}} {BOOLEXPR :op 1} {SUBLINK :subLinkType 4}) \
                    :c {XMLEXPR :type 142} :d {COLLATE :arg {VAR :vartype 25} :collOid 100} :e {JSONEXPR :op 1 :formatted_expr \
                    {VAR :vartype 114} :returning {JSONRETURNING :typid 16400}} :f {GROUPINGFUNC :args ({VAR :vartype 16400})}})";
        let expected = [
            is("VAR", Some(25)),
            is("SUBLINK", Some(16)),
            is("BOOLEXPR", Some(16)),
            is("SUBLINK", None),
            is("XMLEXPR", Some(142)),
            is("VAR", Some(25)),
            is("COLLATE", Some(25)),
            is("VAR", Some(114)),
            is("JSONRETURNING", Some(16_400)),
            is("JSONEXPR", Some(16_400)),
            is("VAR", Some(16_400)),
            is("GROUPINGFUNC", Some(23)),
            is("QUERY", None),
        ];
        assert_eq!(kinds(tree), expected);
    }

    #[test]
    fn nothing_stands_in_for_a_type_that_is_not_known() {
        let sublink = |first: &str| {
            format!(
                "{{SUBLINK :subLinkType 4 :subselect {{QUERY :targetList ({{TARGETENTRY :expr {first} :resjunk false}} \
                 {{TARGETENTRY :expr {{OPEXPR :opresulttype 23}} :resjunk true}})}}}}"
            )
        };
        let of = |tree: &str| kinds(tree).pop().and_then(|(_, kind)| kind);
        assert_eq!(of(&sublink("{VAR :vartype 25}")), Some(25));
        assert_eq!(of(&sublink("{SOMETHINGNEW :x 1}")), None);
        assert_eq!(
            of(&sublink(
                "{SUBSCRIPTINGREF :refcontainertype 16401 :refelemtype 16400 :refexpr {VAR :vartype 16401}}"
            )),
            Some(16_400)
        );
        assert_eq!(
            of("{SUBSCRIPTINGREF :refelemtype 16400 :refrestype 16401}"),
            Some(16_401)
        );
    }
}
