//! The relations that each column of a question reads, by its tree.

use std::collections::{BTreeMap, BTreeSet};

use super::QuestionError;
use super::fragments::{STORED, WRITABLE_BY_OTHERS};
use super::nodes::walk;
use crate::database::{DatabaseError, Parameter, Session};

/// Relations by column of a SELECT.
#[derive(Debug, PartialEq, Eq)]
pub struct ColumnRelations(BTreeMap<String, BTreeSet<u32>>);

/// The part of a node that its parent needs.
#[derive(Default)]
struct Found {
    relations: BTreeSet<u32>,
    /// Of an entry of a select list.
    name: String,
}

impl ColumnRelations {
    /// Reads the rewritten tree of a witness, of which the question is the only `WITH` query. In the
    /// tree, tables stand in the place of their views.
    ///
    /// A relation in the select list belongs to its column. Those elsewhere, in FROM, WITH, WHERE or
    /// a part of a UNION, belong to every column.
    pub(super) fn of(tree: &str) -> Self {
        let (mut columns, mut shared) = (BTreeMap::new(), BTreeSet::new());
        walk::<Found>(
            tree,
            |node, value| match node.field {
                ":relid" => node.kept.relations.extend(value.parse::<u32>()),
                ":resname" => node.kept.name = unescaped(value),
                _ => {}
            },
            |mut node, around| match around {
                [] => shared.append(&mut node.kept.relations),
                [_, with, question]
                    if with.field == ":ctequery"
                        && question.field == ":targetList"
                        && node.name == "TARGETENTRY" =>
                {
                    columns.insert(node.kept.name, node.kept.relations);
                }
                [.., parent] => parent.kept.relations.append(&mut node.kept.relations),
            },
        );
        for relations in columns.values_mut() {
            relations.extend(&shared);
        }
        Self(columns)
    }

    /// The relations of a column; `None` if there is no such column.
    pub fn of_column(&self, name: &str) -> Option<&BTreeSet<u32>> {
        self.0.get(name)
    }
}

/// The relations to lock, by quoted name and in one order, or the first one that this role cannot
/// lock against writers.
pub fn lockable(
    session: &mut dyn Session,
    relations: &BTreeSet<u32>,
) -> Result<Result<Vec<String>, String>, QuestionError> {
    let oids: Vec<u32> = relations.iter().copied().collect();
    let stored = session.query_with(STORED, &[Parameter::Oids(&oids)], false)?;
    let mut names = Vec::new();
    for row in stored.rows {
        let mut row = row.into_iter().flatten();
        let name = row.next().unwrap_or_default();
        if row.next().as_deref() != Some("t") {
            return Ok(Err(name));
        }
        names.push(name);
    }
    Ok(Ok(names))
}

/// Locks [`lockable`] relations, with their children, against writers until the transaction ends, and
/// not against readers. [`check_locked`] verifies it, since `LOCK` goes by name, and a table can be
/// renamed meanwhile.
pub fn lock_against_writers(
    session: &mut dyn Session,
    names: &[String],
) -> Result<(), DatabaseError> {
    // The weakest mode that excludes writers and itself (PostgreSQL manual, 13.3.1).
    let names = names.join(", ");
    let locked = session.execute(&format!("LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE"));
    locked.map(drop)
}

/// Fails unless this session has locked the relations and their children against writers.
pub fn check_locked(
    session: &mut dyn Session,
    relations: &BTreeSet<u32>,
) -> Result<(), QuestionError> {
    let oids: Vec<u32> = relations.iter().copied().collect();
    let open = session.query_with(WRITABLE_BY_OTHERS, &[Parameter::Oids(&oids)], false)?;
    match open.rows.into_iter().flatten().flatten().next() {
        None => Ok(()),
        Some(name) => Err(QuestionError::Unlocked(name)),
    }
}

/// A name as it was before the server put backslashes before special characters (PostgreSQL,
/// `outToken`).
fn unescaped(word: &str) -> String {
    let mut characters = word.chars();
    let mut name = String::with_capacity(word.len());
    while let Some(c) = characters.next() {
        name.extend(if c == '\\' {
            characters.next()
        } else {
            Some(c)
        });
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_belong_to_their_column_or_to_all() {
        let tree = r"({QUERY :cteList ({COMMONTABLEEXPR :ctename pgseal_question :ctequery {QUERY :commandType 1
            :rtable ({RTE :relid 20}) :cteList ({COMMONTABLEEXPR :ctequery {QUERY :rtable ({RTE :relid 30}) :targetList
            ({TARGETENTRY :expr {VAR} :resname inner})}}) :targetList ({TARGETENTRY :expr {SUBLINK :subselect {QUERY :rtable
            ({RTE :relid 40}) :targetList ({TARGETENTRY :expr {VAR} :resname x})}} :resno 1 :resname a\ b} {TARGETENTRY :expr
            {CONST} :resname \1st}) :jointree {FROMEXPR :quals {SUBLINK :subselect {QUERY :rtable ({RTE :relid 50})}}}}})
            :targetList <>})";
        let found = ColumnRelations::of(tree);
        let of = |name: &str| {
            let relations = found.of_column(name)?;
            Some(relations.iter().copied().collect::<Vec<_>>())
        };
        assert_eq!(of("a b"), Some(vec![20, 30, 40, 50]));
        assert_eq!(of("1st"), Some(vec![20, 30, 50]));
        assert_eq!((of("x"), of("inner")), (None, None));
    }
}
