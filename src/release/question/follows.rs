//! Expressions of indexes and partition keys with results that depend on settings. PostgreSQL labels some functions immutable
//! whose results follow settings (`bytea_output`, `extra_float_digits`, `timezone_abbreviations`). If rows were written under
//! other settings than those of a question, such an index hides them, and "no blockers" would be READY.
//!
//! A question finds rows by an index if it has the same expression. An expression of constants alone needs no match: the planner
//! evaluates it, and the predicate of an index may then hold for any question.

use std::collections::BTreeSet;

use super::nodes;
use super::tree::is_made;

/// Types of PostgreSQL's own whose texts follow settings, or did when the server labelled that immutable: `bytea`, `float4`,
/// `float8`, `interval` (PostgreSQL 13), and geometric ones (PostgreSQL, `catalog/pg_type.dat`).
const TYPES: [u32; 11] = [17, 700, FLOAT8, 1186, 600, 601, 602, 603, 604, 628, 718];

/// `float8` stands for a type that is not known.
const FLOAT8: u32 = 701;

/// Functions that convert them to text; `quote_ident`, `age` of two `timestamptz`, `xpath`, which writes numbers; and functions that
/// send a text in the client's encoding (PostgreSQL, `catalog/pg_proc.dat`).
const FUNCTIONS: [u32; 21] = [
    31, 201, 215, 1161, 118, 120, 122, 124, 348, 1451, 1491, 1282, 1199, 2931, 2932, 2417, 324,
    3803, 4004, 3638, 3640,
];

/// `timezone`, `date_trunc`, `date_add` and `date_subtract` with a zone by name: the session's settings define abbreviations (the same).
const ZONED: [u32; 5] = [1159, 2069, 1284, 6222, 6273];

const TEXT: u32 = 25;

/// Nodes that convert the values in these fields to text, by functions that no tree shows.
const WRITES: [(&str, &str); 4] = [
    ("COERCEVIAIO", ":arg"),
    ("JSONCONSTRUCTOREXPR", ":args"),
    ("XMLEXPR", ":args"),
    ("XMLEXPR", ":named_args"),
];

/// Types with a text that no setting changes: `boolean`, `name`, `int8`, `int2`, `int4`, `text`, `xml`, `varchar`, `numeric`. XML and JSON
/// convert all others in their own ways, independent of the labels of the types' functions.
const PLAIN: [u32; 9] = [16, 19, 20, 21, 23, TEXT, 142, 1043, 1700];

/// Nodes that call a function or an operator, with the field of its oid.
const CALLS: [(&str, &str); 5] = [
    ("FUNCEXPR", ":funcid"),
    ("OPEXPR", ":opno"),
    ("DISTINCTEXPR", ":opno"),
    ("NULLIFEXPR", ":opno"),
    ("SCALARARRAYOPEXPR", ":opno"),
];

/// Columns, and placeholders for another value in a CASE or a cast of an array.
const COLUMNS: [&str; 2] = ["VAR", "CASETESTEXPR"];

/// Values of `:funcformat` for explicit and implicit casts (PostgreSQL, `nodes/primnodes.h`, "CoercionForm").
const CASTS: [&str; 2] = ["1", "2"];

/// Objects that follow settings, by oid.
#[derive(Default)]
pub(super) struct Follows {
    /// Types of values that are converted to text. For a type that is not PostgreSQL's own, its output function decides.
    types: BTreeSet<u32>,
    functions: BTreeSet<u32>,
    /// Functions and operators of constants alone, except casts.
    calls: BTreeSet<u32>,
    operations: BTreeSet<u32>,
}

#[derive(Default)]
struct Kept {
    function: Option<u32>,
    called: Option<u32>,
    is_cast: bool,
    has_column: bool,
    has_zone: bool,
    /// Of a constant: its length and bytes.
    value: Vec<i16>,
}

impl Follows {
    /// Types, functions, and functions and operators of constants.
    pub fn lists(&self) -> [&BTreeSet<u32>; 4] {
        [&self.types, &self.functions, &self.calls, &self.operations]
    }

    /// Adds the objects of a tree.
    pub fn collect(&mut self, tree: &str) {
        nodes::walk::<Kept>(
            tree,
            |node, word| {
                match node.field {
                    ":funcid" => node.kept.function = word.parse().ok(),
                    ":funcformat" => node.kept.is_cast = CASTS.contains(&word),
                    ":constvalue" => node.kept.value.extend(word.parse::<i16>().ok()),
                    _ => {}
                }
                if CALLS.contains(&(node.name, node.field)) {
                    node.kept.called = word.parse().ok();
                }
            },
            |node, above| {
                let kept = &node.kept;
                self.functions.extend(kept.function.filter(|oid| {
                    FUNCTIONS.contains(oid) || ZONED.contains(oid) && !kept.has_zone
                }));
                let has_column = kept.has_column || COLUMNS.contains(&node.name);
                let of_constants = kept.called.filter(|_| !has_column && !kept.is_cast);
                if kept.function.is_some() {
                    &mut self.calls
                } else {
                    &mut self.operations
                }
                .extend(of_constants);
                let Some(parent) = above.last_mut() else {
                    return;
                };
                parent.kept.has_column |= has_column;
                parent.kept.has_zone |=
                    parent.field == ":args" && node.kind == Some(TEXT) && is_zone(&kept.value);
                if WRITES.contains(&(parent.name, parent.field)) {
                    let kind = node.kind.unwrap_or(FLOAT8);
                    let follows = match parent.name {
                        "COERCEVIAIO" => TYPES.contains(&kind) || is_made(&kind),
                        _ => !PLAIN.contains(&kind),
                    };
                    self.types.extend(Some(kind).filter(|_| follows));
                }
            },
        );
    }
}

/// Whether a constant, in the tree's form, is the name of a zone and not an abbreviation. `UTC` counts: only a time zone of that
/// name in POSIX notation could change it.
fn is_zone(value: &[i16]) -> bool {
    // After the total length, and four bytes with the same.
    let name = value.get(5..).unwrap_or_default();
    name.iter().copied().eq("UTC".bytes().map(i16::from)) || name.contains(&i16::from(b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_become_texts_and_zones() {
        let of = |tree: &str| {
            let mut follows = Follows::default();
            follows.collect(tree);
            assert!(
                follows.calls.is_empty() && follows.operations.is_empty(),
                "{tree}"
            );
            (
                follows.types.into_iter().collect::<Vec<_>>(),
                follows.functions.into_iter().collect::<Vec<_>>(),
            )
        };
        let nothing = (vec![], vec![]);
        assert_eq!(
            of("({COERCEVIAIO :arg {VAR :varno 1 :vartype 17} :resulttype 25})"),
            (vec![17], vec![])
        );
        assert_eq!(
            of("{COERCEVIAIO :arg {VAR :vartype 25} :resulttype 701}"),
            nothing
        );
        assert_eq!(
            of("{COERCEVIAIO :arg {SOMETHINGNEW :x 1} :resulttype 25}"),
            (vec![FLOAT8], vec![])
        );
        assert_eq!(
            of("{COERCEVIAIO :arg {VAR :vartype 16400} :resulttype 25}"),
            (vec![16_400], vec![])
        );
        assert_eq!(
            of("{OPEXPR :opno 1 :args ({VAR :vartype 701} {COERCEVIAIO :arg {VAR :vartype 23}})}"),
            nothing
        );
        let array = "{ARRAYCOERCEEXPR :arg {VAR :vartype 1001} :elemexpr {COERCEVIAIO :arg {CASETESTEXPR :typeId 17}}}";
        assert_eq!(of(array), (vec![17], vec![]));
        assert_eq!(
            of("{XMLEXPR :op 1 :named_args ({VAR :vartype 17}) :args <> :type 142}"),
            (vec![17], vec![])
        );
        assert_eq!(
            of("{XMLEXPR :op 1 :args ({VAR :vartype 1184} {VAR :vartype 25}) :type 142}"),
            (vec![1184], vec![])
        );
        assert_eq!(
            of("{JSONCONSTRUCTOREXPR :args ({VAR :vartype 701}) :returning {X :y 1}}"),
            (vec![701], vec![])
        );
        assert_eq!(
            of("{FUNCEXPR :funcid 31 :args ({VAR :vartype 17})}"),
            (vec![], vec![31])
        );
        let zoned = |bytes: &str| {
            let length = bytes.split(' ').count() + 4;
            let value = format!(":constvalue {length} [ {} 0 0 0 {bytes} ]", 4 * length);
            of(&format!(
                "{{FUNCEXPR :funcid 1159 :args ({{CONST :consttype 25 {value}}} {{VAR :vartype 1184}})}}"
            ))
        };
        assert_eq!(zoned("85 84 67"), nothing);
        assert_eq!(zoned("69 84 67 47 85 84 67"), nothing);
        assert_eq!(zoned("69 83 84"), (vec![], vec![1159]));
        assert_eq!(
            of("{FUNCEXPR :funcid 1159 :args ({VAR :vartype 25} {VAR :vartype 1184})}"),
            (vec![], vec![1159])
        );
    }

    #[test]
    fn calls_of_constants() {
        let of = |tree: &str| {
            let mut follows = Follows::default();
            follows.collect(tree);
            (
                follows.calls.into_iter().collect::<Vec<_>>(),
                follows.operations.into_iter().collect::<Vec<_>>(),
            )
        };
        let age = "{FUNCEXPR :funcid 9 :funcformat 0 :args ({CONST :consttype 1184} {CONST :consttype 1184})}";
        assert_eq!(of(age), (vec![9], vec![]));
        let whole = format!(
            "({{OPEXPR :opno 96 :opfuncid 0 :args ({{VAR :vartype 23}} {{CASEEXPR :args ({age})}})}})"
        );
        assert_eq!(of(&whole), (vec![9], vec![]));
        assert_eq!(
            of(&whole.replace("VAR :vartype", "CONST :consttype")),
            (vec![9], vec![96])
        );
        let cast = "{OPEXPR :opno 5 :args ({VAR :vartype 1700} {FUNCEXPR :funcid 1740 :funcformat 2 :args ({CONST :consttype 23})})}";
        assert_eq!(of(cast), (vec![], vec![]));
        assert_eq!(
            of(
                "{CASEEXPR :arg {VAR :vartype 25} :args ({OPEXPR :opno 98 :args ({CASETESTEXPR :typeId 25} {CONST :x 1})})}"
            ),
            (vec![], vec![])
        );
    }
}
