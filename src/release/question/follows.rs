//! What expressions of indexes, constraints and keys keep of the session that wrote them: PostgreSQL labels some functions immutable
//! whose results follow settings (`bytea_output`, `extra_float_digits`, `timezone_abbreviations`). Where rows were written under
//! others than a question is asked under, such an index or CHECK hides them, and "no blockers" would be READY.

use std::collections::BTreeSet;

use super::nodes;
use super::tree::is_made;

/// Types of PostgreSQL's own whose texts follow settings, or did when the server labelled that immutable: `bytea`, `float4`,
/// `float8`, `interval` (PostgreSQL 13), and geometric ones (PostgreSQL, `catalog/pg_type.dat`).
const TYPES: [u32; 11] = [17, 700, FLOAT8, 1186, 600, 601, 602, 603, 604, 628, 718];

/// `float8` stands for a type that is not known.
const FLOAT8: u32 = 701;

/// The functions that make texts of them, and `quote_ident` (PostgreSQL, `catalog/pg_proc.dat`).
const FUNCTIONS: [u32; 12] = [31, 201, 215, 1161, 118, 120, 122, 124, 348, 1451, 1491, 1282];

/// `timezone`, `date_trunc`, `date_add` and `date_subtract` with a zone by name: an abbreviation means what the session says (the same).
const ZONED: [u32; 5] = [1159, 2069, 1284, 6222, 6273];

const TEXT: u32 = 25;

/// Nodes that make texts of the values in these fields, by functions that stand in no tree.
const WRITES: [(&str, &str); 4] =
    [("COERCEVIAIO", ":arg"), ("JSONCONSTRUCTOREXPR", ":args"), ("XMLEXPR", ":args"), ("XMLEXPR", ":named_args")];

/// What follows settings, by oid.
#[derive(Default)]
pub(super) struct Follows {
    /// Of values that become texts. Of a type that is not PostgreSQL's own its output decides.
    pub types: BTreeSet<u32>,
    pub functions: BTreeSet<u32>,
}

#[derive(Default)]
struct Kept {
    function: Option<u32>,
    has_zone: bool,
    /// Of a constant: its length and bytes.
    value: Vec<i16>,
}

impl Follows {
    /// Adds what a tree has of it.
    pub fn collect(&mut self, tree: &str) {
        nodes::walk::<Kept>(
            tree,
            |node, word| match node.field {
                ":funcid" => node.kept.function = word.parse().ok(),
                ":constvalue" => node.kept.value.extend(word.parse::<i16>().ok()),
                _ => {}
            },
            |node, above| {
                let found = node
                    .kept
                    .function
                    .filter(|oid| FUNCTIONS.contains(oid) || ZONED.contains(oid) && !node.kept.has_zone);
                self.functions.extend(found);
                let Some(parent) = above.last_mut() else { return };
                if WRITES.contains(&(parent.name, parent.field)) {
                    let kind = node.kind.unwrap_or(FLOAT8);
                    self.types.extend(Some(kind).filter(|kind| TYPES.contains(kind) || is_made(kind)));
                }
                parent.kept.has_zone |= parent.field == ":args" && node.kind == Some(TEXT) && is_zone(&node.kept.value);
            },
        );
    }
}

/// Whether a constant, as the tree has it, is the name of a zone that is no abbreviation. `UTC` is none that anybody changes but by
/// a time zone of that name in POSIX's notation.
fn is_zone(value: &[i16]) -> bool {
    // Its length in all, and four bytes with the same.
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
            (follows.types.into_iter().collect::<Vec<_>>(), follows.functions.into_iter().collect::<Vec<_>>())
        };
        let nothing = (vec![], vec![]);
        assert_eq!(of("({COERCEVIAIO :arg {VAR :varno 1 :vartype 17} :resulttype 25})"), (vec![17], vec![]));
        assert_eq!(of("{COERCEVIAIO :arg {VAR :vartype 25} :resulttype 701}"), nothing);
        assert_eq!(of("{COERCEVIAIO :arg {SOMETHINGNEW :x 1} :resulttype 25}"), (vec![FLOAT8], vec![]));
        assert_eq!(of("{COERCEVIAIO :arg {VAR :vartype 16400} :resulttype 25}"), (vec![16_400], vec![]));
        assert_eq!(of("{OPEXPR :opno 1 :args ({VAR :vartype 701} {COERCEVIAIO :arg {VAR :vartype 23}})}"), nothing);
        let array = "{ARRAYCOERCEEXPR :arg {VAR :vartype 1001} :elemexpr {COERCEVIAIO :arg {CASETESTEXPR :typeId 17}}}";
        assert_eq!(of(array), (vec![17], vec![]));
        assert_eq!(of("{XMLEXPR :op 1 :named_args ({VAR :vartype 17}) :args <> :type 142}"), (vec![17], vec![]));
        assert_eq!(of("{JSONCONSTRUCTOREXPR :args ({VAR :vartype 701}) :returning {X :y 1}}"), (vec![701], vec![]));
        assert_eq!(of("{FUNCEXPR :funcid 31 :args ({VAR :vartype 17})}"), (vec![], vec![31]));
        let zoned = |bytes: &str| {
            let length = bytes.split(' ').count() + 4;
            let value = format!(":constvalue {length} [ {} 0 0 0 {bytes} ]", 4 * length);
            of(&format!("{{FUNCEXPR :funcid 1159 :args ({{CONST :consttype 25 {value}}} {{VAR :vartype 1184}})}}"))
        };
        assert_eq!(zoned("85 84 67"), nothing);
        assert_eq!(zoned("69 84 67 47 85 84 67"), nothing);
        assert_eq!(zoned("69 83 84"), (vec![], vec![1159]));
        assert_eq!(of("{FUNCEXPR :funcid 1159 :args ({VAR :vartype 25} {VAR :vartype 1184})}"), (vec![], vec![1159]));
    }
}
