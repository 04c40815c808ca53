//! Which functions of a tree are given values of which types: some look for casts by the type of a value when they run
//! (`to_json`, `anytextcat`, `quote_literal`), and such a cast stands in no tree.

use std::collections::BTreeSet;

use super::tree::{BLANKS, FIRST_NORMAL_OBJECT};

/// The types of rows without a name, and of arrays of them (PostgreSQL, `catalog/pg_type.dat`): they can hold any.
const RECORDS: [u32; 2] = [2249, 2287];

/// `boolean` (PostgreSQL, `catalog/pg_type.dat`).
pub(super) const BOOLEAN: u32 = 16;

/// Fields with the type of a node's value (PostgreSQL, `nodes/primnodes.h`).
pub(super) const TYPE: [&str; 14] = [
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

/// `to_json` (PostgreSQL, `catalog/pg_proc.dat`): stands for a function that is not known, and for the constructors of SQL/JSON
/// (`json_array`, PostgreSQL 16), which do what it does and have none.
const TO_JSON: u32 = 3176;

/// Nodes whose value is a boolean.
pub(super) const BOOLEANS: [&str; 6] =
    ["BOOLEXPR", "NULLTEST", "BOOLEANTEST", "SCALARARRAYOPEXPR", "ROWCOMPARE", "ROWCOMPAREEXPR"];

/// Fields with the function of a node that has arguments.
const FUNCTION: [&str; 4] = [":funcid", ":opfuncid", ":aggfnoid", ":winfnoid"];

/// Fields whose node has the type that its parent has.
const PASSED_ON: [&str; 4] = [":expr", ":arg", ":subselect", ":targetList"];

#[derive(Default)]
struct Node<'t> {
    name: &'t str,
    field: &'t str,
    function: Option<u32>,
    kind: Option<u32>,
    passed_on: Option<u32>,
    arguments: Vec<Option<u32>>,
}

impl Node<'_> {
    fn kind(&self) -> Option<u32> {
        if BOOLEANS.contains(&self.name) { Some(BOOLEAN) } else { self.kind.or(self.passed_on) }
    }
}

/// The functions that are given a value whose type is not PostgreSQL's own, may hold one that is not, or is not known.
pub fn given_others(tree: &str) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut open: Vec<Node<'_>> = Vec::new();
    let mut is_named = false;
    for word in words(tree) {
        match word {
            "{" => {
                open.push(Node::default());
                is_named = false;
            }
            "}" => {
                let Some(node) = open.pop() else { continue };
                let function = node.function.or(node.name.starts_with("JSON").then_some(TO_JSON));
                if let Some(function) = function
                    && node.arguments.iter().any(|kind| kind.is_none_or(is_other))
                {
                    found.insert(function);
                }
                let Some(parent) = open.last_mut() else { continue };
                if parent.field == ":args" {
                    parent.arguments.push(node.kind());
                } else if PASSED_ON.contains(&parent.field) {
                    parent.passed_on = parent.passed_on.or(node.kind());
                }
            }
            "(" | ")" => {}
            _ => {
                let Some(node) = open.last_mut() else { continue };
                if !is_named {
                    (node.name, is_named) = (word, true);
                } else if word.starts_with(':') {
                    node.field = word;
                } else if let Ok(oid) = word.parse::<u32>() {
                    if TYPE.contains(&node.field) {
                        node.kind = Some(oid);
                    } else if FUNCTION.contains(&node.field) {
                        // A tree that was stored need not have that of an operator.
                        node.function = Some(if oid == 0 { TO_JSON } else { oid });
                    }
                }
            }
        }
    }
    found
}

fn is_other(kind: u32) -> bool {
    kind >= FIRST_NORMAL_OBJECT || RECORDS.contains(&kind)
}

/// Words, braces and parentheses. What belongs to a name, the server writes behind backslashes.
pub(super) fn words(tree: &str) -> impl Iterator<Item = &str> {
    let mut rest = tree;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(BLANKS);
        let first = rest.chars().next()?;
        let end = match first {
            '{' | '}' | '(' | ')' => 1,
            _ => {
                let mut is_escaped = false;
                let stops = |c: char| {
                    let stops = !is_escaped && (BLANKS.contains(&c) || "{}()".contains(c));
                    is_escaped = !is_escaped && c == '\\';
                    stops
                };
                rest.find(stops).unwrap_or(rest.len())
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
    fn values_that_functions_are_given() {
        let of = |tree: &str| given_others(tree).into_iter().collect::<Vec<_>>();
        assert_eq!(
            of("({QUERY :targetList ({TARGETENTRY :expr {FUNCEXPR :funcid 7 :args ({VAR :vartype 16400})}})})"),
            [7]
        );
        assert_eq!(of("{FUNCEXPR :funcid 7 :args ({VAR :vartype 25} {CONST :consttype 23})}"), [0; 0]);
        // Aggregates have their arguments in target entries; a cast has the type that it gives.
        assert_eq!(of("{AGGREF :aggfnoid 8 :args ({TARGETENTRY :expr {VAR :vartype 16400} :resno 1})}"), [8]);
        assert_eq!(
            of("{OPEXPR :opno 1 :opfuncid 9 :args ({COERCEVIAIO :arg {VAR :vartype 16400} :resulttype 25})}"),
            [0; 0]
        );
        assert_eq!(of("{FUNCEXPR :funcid 7 :args ({ROW :args ({VAR :vartype 16400}) :row_typeid 2249})}"), [7]);
        assert_eq!(
            of("{FUNCEXPR :funcid 7 :args ({BOOLEXPR :args ({OPEXPR :opfuncid 3 :args ({VAR :vartype 16400})})})}"),
            [3]
        );
        let sublink = "{FUNCEXPR :funcid 7 :args ({SUBLINK :subselect {QUERY :targetList ({TARGETENTRY :expr {VAR :vartype 20}})}})}";
        assert_eq!(of(sublink), [0; 0]);
        assert_eq!(of("{FUNCEXPR :funcid 7 :args ({SOMETHINGNEW :x 1})}"), [7]);
        assert_eq!(of("{JSONCONSTRUCTOREXPR :type 2 :args ({VAR :vartype 16400}) :func <>}"), [TO_JSON]);
        assert_eq!(of("{JSONCONSTRUCTOREXPR :type 2 :args ({VAR :vartype 25}) :func <>}"), [0; 0]);
        // White space that the server writes without a backslash belongs to a name.
        let blanks = "\u{b}\u{c}\r\u{85}\u{a0}\u{2028}";
        for blank in blanks.chars() {
            let named = format!("{{FUNCEXPR :funcid 7 :args ({{VAR :vartype 16400 :x a{blank}:vartype{blank}25}})}}");
            assert_eq!(of(&named), [7], "{blank:?}");
        }
        assert_eq!(of(r"{ALIAS :aliasname \}a\{ :b 1} {FUNCEXPR :funcid 7 :args ({VAR :vartype 16400})}"), [7]);
    }
}
