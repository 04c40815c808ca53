//! Functions of a tree with arguments of other roles' types. Some functions look for casts by the type of a value when they run
//! (`to_json`, `anytextcat`, `quote_literal`), and no tree shows such a cast.

use std::collections::BTreeSet;

use super::nodes;
use super::tree::is_made;

/// The types of rows without a name, and of arrays of them (PostgreSQL, `catalog/pg_type.dat`): they can hold any.
const RECORDS: [u32; 2] = [2249, 2287];

/// `to_json` (PostgreSQL, `catalog/pg_proc.dat`). Represents an unknown function, and the constructors of SQL/JSON (`json_array`,
/// PostgreSQL 16), which do the same without a function of their own.
const TO_JSON: u32 = 3176;

/// Fields with the function of a node that has arguments.
const FUNCTION: [&str; 4] = [":funcid", ":opfuncid", ":aggfnoid", ":winfnoid"];

#[derive(Default)]
struct Call {
    function: Option<u32>,
    arguments: Vec<Option<u32>>,
}

/// The functions with an argument whose type is unknown, is not PostgreSQL's own, or may contain such a type.
pub fn given_others(tree: &str) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    nodes::walk::<Call>(
        tree,
        |node, word| {
            if FUNCTION.contains(&node.field)
                && let Ok(oid) = word.parse()
            {
                // A stored tree may lack the function of an operator.
                node.kept.function = Some(if oid == 0 { TO_JSON } else { oid });
            }
        },
        |node, above| {
            let call = node.kept;
            let is_given = call.arguments.iter().any(|kind| kind.is_none_or(is_other));
            found.extend(
                call.function
                    .or(node.name.starts_with("JSON").then_some(TO_JSON))
                    .filter(|_| is_given),
            );
            let Some(parent) = above.last_mut() else {
                return;
            };
            if parent.field == ":args" {
                parent.kept.arguments.push(node.kind);
            }
        },
    );
    found
}

fn is_other(kind: u32) -> bool {
    is_made(&kind) || RECORDS.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_functions_are_given() {
        let of = |tree: &str| given_others(tree).into_iter().collect::<Vec<_>>();
        assert_eq!(
            of(
                "({QUERY :targetList ({TARGETENTRY :expr {FUNCEXPR :funcid 7 :args ({VAR :vartype 16400})}})})"
            ),
            [7]
        );
        assert_eq!(
            of("{FUNCEXPR :funcid 7 :args ({VAR :vartype 25} {CONST :consttype 23})}"),
            [0; 0]
        );
        // Aggregates have their arguments in target entries; a cast has the type that it gives.
        assert_eq!(
            of("{AGGREF :aggfnoid 8 :args ({TARGETENTRY :expr {VAR :vartype 16400} :resno 1})}"),
            [8]
        );
        assert_eq!(
            of(
                "{OPEXPR :opno 1 :opfuncid 9 :args ({COERCEVIAIO :arg {VAR :vartype 16400} :resulttype 25})}"
            ),
            [0; 0]
        );
        assert_eq!(
            of("{FUNCEXPR :funcid 7 :args ({ROW :args ({VAR :vartype 16400}) :row_typeid 2249})}"),
            [7]
        );
        assert_eq!(
            of(
                "{FUNCEXPR :funcid 7 :args ({BOOLEXPR :args ({OPEXPR :opfuncid 3 :args ({VAR :vartype 16400})})})}"
            ),
            [3]
        );
        let sublink = "{FUNCEXPR :funcid 7 :args ({SUBLINK :subselect {QUERY :targetList ({TARGETENTRY :expr {VAR :vartype 20}})}})}";
        assert_eq!(of(sublink), [0; 0]);
        assert_eq!(of("{FUNCEXPR :funcid 7 :args ({SOMETHINGNEW :x 1})}"), [7]);
        assert_eq!(
            of("{JSONCONSTRUCTOREXPR :type 2 :args ({VAR :vartype 16400}) :func <>}"),
            [TO_JSON]
        );
        assert_eq!(
            of("{JSONCONSTRUCTOREXPR :type 2 :args ({VAR :vartype 25}) :func <>}"),
            [0; 0]
        );
        // White space that the server writes without a backslash belongs to a name.
        let blanks = "\u{b}\u{c}\r\u{85}\u{a0}\u{2028}";
        for blank in blanks.chars() {
            let named = format!(
                "{{FUNCEXPR :funcid 7 :args ({{VAR :vartype 16400 :x a{blank}:vartype{blank}25}})}}"
            );
            assert_eq!(of(&named), [7], "{blank:?}");
        }
        assert_eq!(
            of(r"{ALIAS :aliasname \}a\{ :b 1} {FUNCEXPR :funcid 7 :args ({VAR :vartype 16400})}"),
            [7]
        );
    }
}
