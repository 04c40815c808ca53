//! Set operations (`UNION`, `INTERSECT`, `EXCEPT`) over columns of different types. The parser only proves that values can be
//! cast to the common type. The planner looks the cast up and executes it, and no tree shows it (PostgreSQL, `prepunion.c`,
//! `generate_setop_tlist`).

use super::nodes::{self, Columns, Node};
use super::tree::is_made;

/// Whether a set operation has a column of different types, one of them unknown or not PostgreSQL's own.
pub fn mixes_types(tree: &str) -> bool {
    let mut mixes = false;
    if !tree.contains(SET_OPERATION) {
        return mixes;
    }
    nodes::walk(tree, read, |node, above| {
        mixes |= node.kept.mixes();
        tell(node, above);
    });
    mixes
}

const SET_OPERATION: &str = "SETOPERATIONSTMT";

#[derive(Default)]
struct Kept {
    /// Of a query: the columns of its subqueries.
    arms: Vec<Columns>,
    /// Of a query: the common types of its set operations; of a set operation: its own.
    common: Vec<Columns>,
}

impl Kept {
    fn mixes(&self) -> bool {
        let Some((common, others)) = self.common.split_first() else {
            return false;
        };
        let is_other = |kind: &Option<u32>| kind.as_ref().is_none_or(is_made);
        others.iter().chain(&self.arms).any(|columns| {
            columns.len() != common.len()
                || columns
                    .iter()
                    .zip(common)
                    .any(|(one, other)| one != other && (is_other(one) || is_other(other)))
        })
    }
}

fn read<'t>(node: &mut Node<'t, Kept>, word: &'t str) {
    if let (SET_OPERATION, ":colTypes", Ok(number)) = (node.name, node.field, word.parse()) {
        match node.kept.common.last_mut() {
            Some(common) => common.push(Some(number)),
            None => node.kept.common.push(vec![Some(number)]),
        }
    }
}

/// Records a set operation or a subquery in the query around it.
fn tell(mut node: Node<'_, Kept>, above: &mut [Node<'_, Kept>]) {
    let Some(query) = above.iter_mut().rev().find(|node| node.name == "QUERY") else {
        return;
    };
    match node.name {
        SET_OPERATION => query.kept.common.append(&mut node.kept.common),
        "RTE" | "RANGETBLENTRY" if query.field == ":rtable" && !node.columns.is_empty() => {
            query.kept.arms.push(node.columns);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_arms_and_of_what_they_become() {
        let arm = |kind: u32| {
            format!(
                "{{RTE :rtekind 1 :subquery {{QUERY :commandType 1 :targetList ({{TARGETENTRY :expr {{VAR :vartype {kind}}} :resno 1 \
                 :resjunk false}} {{TARGETENTRY :expr {{VAR :vartype 20}} :resno 2 :resjunk true}})}}}}"
            )
        };
        let union = |one: u32, two: u32, common: u32| {
            format!(
                "{{QUERY :rtable ({} {}) :setOperations {{SETOPERATIONSTMT :op 0 :larg {{RANGETBLREF :rtindex 1}} :rarg \
                 {{RANGETBLREF :rtindex 2}} :colTypes (o {common}) :colTypmods (i -1)}}}}",
                arm(one),
                arm(two)
            )
        };
        for same in [(25, 25, 25), (23, 20, 20), (16_400, 16_400, 16_400)] {
            assert!(!mixes_types(&union(same.0, same.1, same.2)), "{same:?}");
        }
        for mixed in [
            (16_400, 16_401, 16_401),
            (16_400, 25, 25),
            (25, 16_400, 16_400),
            (25, 25, 16_400),
        ] {
            assert!(mixes_types(&union(mixed.0, mixed.1, mixed.2)), "{mixed:?}");
        }
        assert!(mixes_types(&union(25, 25, 25).replacen(
            "{VAR :vartype 25}",
            "{SOMETHINGNEW :x 1}",
            1
        )));
        let nested = union(25, 16_400, 25);
        assert!(mixes_types(&format!(
            "{{QUERY :cteList ({{COMMONTABLEEXPR :ctequery {nested}}})}}"
        )));
    }
}
