//! Set operations (`UNION`, `INTERSECT`, `EXCEPT`) over columns of different types. The parser only proves that values can be
//! cast to the common type; the planner looks the cast up, which stands in no tree then, and executes it (PostgreSQL,
//! `prepunion.c`, `generate_setop_tlist`).

use super::given::{BOOLEAN, BOOLEANS, TYPE, words};
use super::tree::FIRST_NORMAL_OBJECT;

/// Whether a set operation has a column whose types differ, one of them not PostgreSQL's own, or not known.
pub fn mixes_types(tree: &str) -> bool {
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
                if node.mixes() {
                    return true;
                }
                node.close(&mut open);
            }
            "(" | ")" => {}
            _ => {
                let Some(node) = open.last_mut() else { continue };
                if !is_named {
                    (node.name, is_named) = (word, true);
                } else {
                    node.read(word);
                }
            }
        }
    }
    false
}

type Columns = Vec<Option<u32>>;

#[derive(Default)]
struct Node<'t> {
    name: &'t str,
    field: &'t str,
    kind: Option<u32>,
    is_junk: bool,
    /// Of a query, or of the subquery of a table entry: its columns.
    columns: Columns,
    /// Of a query: those of its subqueries.
    arms: Vec<Columns>,
    /// Of a query: the common types of its set operations; of a set operation: its own.
    common: Vec<Columns>,
}

impl<'t> Node<'t> {
    fn read(&mut self, word: &'t str) {
        if word.starts_with(':') {
            self.field = word;
        } else if self.field == ":resjunk" {
            self.is_junk |= word == "true";
        } else if let Ok(number) = word.parse::<u32>() {
            match (self.name, self.field) {
                ("SETOPERATIONSTMT", ":colTypes") => match self.common.last_mut() {
                    Some(common) => common.push(Some(number)),
                    None => self.common.push(vec![Some(number)]),
                },
                ("SQLVALUEFUNCTION" | "XMLEXPR", ":type") => self.kind = Some(number),
                // EXISTS, ALL, ANY and comparisons of rows (PostgreSQL, `nodes/primnodes.h`, "SubLinkType").
                ("SUBLINK", ":subLinkType") if number <= 3 => self.kind = Some(BOOLEAN),
                (_, field) if TYPE.contains(&field) => self.kind = Some(number),
                _ => {}
            }
        }
    }

    /// Tells the node that it stands in what it is.
    fn close(mut self, open: &mut [Self]) {
        if self.name == "SETOPERATIONSTMT" {
            if let Some(query) = open.iter_mut().rev().find(|node| node.name == "QUERY") {
                query.common.append(&mut self.common);
            }
            return;
        }
        let Some(parent) = open.last_mut() else { return };
        match (parent.name, parent.field, self.name) {
            ("QUERY", ":targetList", "TARGETENTRY") if !self.is_junk => parent.columns.push(self.kind),
            ("TARGETENTRY", ":expr", name) if BOOLEANS.contains(&name) => parent.kind = Some(BOOLEAN),
            ("TARGETENTRY", ":expr", _) => parent.kind = self.kind,
            ("SUBLINK", ":subselect", "QUERY") if parent.kind.is_none() => {
                parent.kind = self.columns.first().copied().flatten();
            }
            ("RTE" | "RANGETBLENTRY", ":subquery", "QUERY") => parent.columns = self.columns,
            ("QUERY", ":rtable", "RTE" | "RANGETBLENTRY") if !self.columns.is_empty() => parent.arms.push(self.columns),
            _ => {}
        }
    }

    fn mixes(&self) -> bool {
        let Some((common, others)) = self.common.split_first().filter(|_| self.name == "QUERY") else { return false };
        let is_other = |kind: Option<u32>| kind.is_none_or(|kind| kind >= FIRST_NORMAL_OBJECT);
        others.iter().chain(&self.arms).any(|columns| {
            columns.len() != common.len()
                || columns.iter().zip(common).any(|(one, other)| one != other && (is_other(*one) || is_other(*other)))
        })
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
        for mixed in [(16_400, 16_401, 16_401), (16_400, 25, 25), (25, 16_400, 16_400), (25, 25, 16_400)] {
            assert!(mixes_types(&union(mixed.0, mixed.1, mixed.2)), "{mixed:?}");
        }
        assert!(mixes_types(&union(25, 25, 25).replacen("{VAR :vartype 25}", "{SOMETHINGNEW :x 1}", 1)));
        let nested = union(25, 16_400, 25);
        assert!(mixes_types(&format!("{{QUERY :cteList ({{COMMONTABLEEXPR :ctequery {nested}}})}}")));
    }
}
