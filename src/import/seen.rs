//! Relations and columns that statements are seen to create, drop and rename: whether each is there before and after.

use crate::lint::effects::Effects;
use crate::lint::objects::{Kind, Object};
use psql_script::ObjectName;

/// Something that a probe looks for.
#[derive(Clone, PartialEq)]
pub enum Named {
    Relation(ObjectName),
    Column(ObjectName, String),
}

#[derive(Default)]
struct Seen(Vec<(Named, bool, bool)>);

/// Those that differ between before and after: the name, whether it is there before, and after.
pub fn seen(effects: &[Effects]) -> Vec<(Named, bool, bool)> {
    let mut seen = Seen::default();
    for effects in effects {
        // ALTER TABLE drops and renames what was there before it.
        for object in &effects.dropped {
            seen.drop(object);
        }
        for object in &effects.created {
            seen.create(object);
        }
        for (object, name) in &effects.renamed {
            seen.rename(object, name);
        }
        if let Some(moved) = &effects.moved {
            seen.relation_goes(&moved.name, false);
        }
    }
    seen.differing()
}

impl Seen {
    /// `doubtful`: the statement does not say whether it was there, and before is taken to be like after.
    fn set(&mut self, name: Named, is: bool, doubtful: bool) {
        match self.0.iter_mut().find(|(known, ..)| *known == name) {
            Some(known) => known.2 = is,
            None => self.0.push((name, if doubtful { is } else { !is }, is)),
        }
    }

    fn create(&mut self, object: &Object) {
        match (&object.kind, &object.of) {
            (Kind::Table | Kind::View | Kind::Sequence, _) if !object.replaces => {
                self.set(Named::Relation(object.name.clone()), true, false);
            }
            (Kind::Column, Some(table)) => {
                let column = Named::Column(table.clone(), object.name.name.clone());
                self.set(column, true, false);
            }
            _ => {}
        }
    }

    fn drop(&mut self, object: &Object) {
        match (&object.kind, &object.of) {
            (Kind::Table | Kind::View | Kind::Sequence, _) => {
                self.relation_goes(&object.name, object.conditional);
            }
            (Kind::Column, Some(table)) => {
                let column = Named::Column(table.clone(), object.name.name.clone());
                self.set(column, false, object.conditional);
            }
            _ => {}
        }
    }

    fn rename(&mut self, object: &Object, name: &str) {
        match (&object.kind, &object.of) {
            (Kind::Table, _) => {
                self.relation_goes(&object.name, false);
                let renamed = ObjectName {
                    name: name.to_owned(),
                    ..object.name.clone()
                };
                self.set(Named::Relation(renamed), true, false);
            }
            (Kind::Column, Some(table)) => {
                let old = Named::Column(table.clone(), object.name.name.clone());
                self.set(old, false, false);
                self.set(Named::Column(table.clone(), name.to_owned()), true, false);
            }
            _ => {}
        }
    }

    /// A relation goes with its columns.
    fn relation_goes(&mut self, relation: &ObjectName, doubtful: bool) {
        self.set(Named::Relation(relation.clone()), false, doubtful);
        for (name, _, is) in &mut self.0 {
            if matches!(name, Named::Column(table, _) if table == relation) {
                *is = false;
            }
        }
    }

    fn differing(mut self) -> Vec<(Named, bool, bool)> {
        // The columns of a new table say no more than the table.
        let new: Vec<ObjectName> = self
            .0
            .iter()
            .filter_map(|(name, was, _)| match name {
                Named::Relation(name) if !was => Some(name.clone()),
                _ => None,
            })
            .collect();
        self.0.retain(|(name, was, is)| {
            let of_new = matches!(name, Named::Column(table, _) if new.contains(table));
            was != is && !of_new
        });
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::effects::effects;
    use psql_script::Tokens;

    #[test]
    fn what_differs_between_before_and_after() {
        for (sql, expected) in [
            (&["create table a (b int)"][..], &["a false true"][..]),
            (&["create table a (b int)", "drop table a"], &[]),
            (&["drop table if exists a"], &[]),
            (&["alter type a rename value 'b' to 'c'"], &[]),
            (
                &["alter table a rename value to c"],
                &["a.value true false", "a.c false true"],
            ),
            (&["drop table a"], &["a true false"]),
            (&["alter table a add column b int"], &["a.b false true"]),
            (
                &[
                    "alter table a add column b int",
                    "alter table a drop column if exists b",
                ],
                &[],
            ),
            (
                &[
                    "alter table a add column b int",
                    "alter table a drop column c",
                    "alter table a rename column b to c",
                ],
                &[],
            ),
            (
                &["alter table a rename column b to c"],
                &["a.b true false", "a.c false true"],
            ),
            (
                &["alter table a add column b int", "drop table a"],
                &["a true false"],
            ),
            (
                &[
                    "create table a (b int)",
                    "alter table a add column c int",
                    "alter table a rename to d",
                ],
                &["d false true"],
            ),
        ] {
            let effects: Vec<Effects> = sql.iter().map(|sql| effects(&Tokens::new(sql))).collect();
            let found = seen(&effects);
            let found: Vec<String> = found
                .iter()
                .map(|(name, was, is)| match name {
                    Named::Relation(name) => format!("{name} {was} {is}"),
                    Named::Column(table, column) => format!("{table}.{column} {was} {is}"),
                })
                .collect();
            assert_eq!(found, expected, "{sql:?}");
        }
    }
}
