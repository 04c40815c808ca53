//! CREATE INDEX CONCURRENTLY: the server commits the index's row as INVALID first and marks it
//! valid last. A failure between the two leaves an INVALID index, which `IF NOT EXISTS` later skips
//! (threat 31).

use super::answer::{Before, Effect, Refused};
use super::index::{Index, Relation, beside};
use super::look::Look;
use super::working;
use crate::database::{DatabaseError, Session};
use psql_script::{ObjectName, index_shape};

/// Refuses an existing INVALID index of that name, and a relation that `IF NOT EXISTS` would take
/// for the index.
pub(super) fn before(
    session: &mut dyn Session,
    table: Option<u32>,
    name: &str,
    if_not_exists: bool,
) -> Result<Before, Refused> {
    let Some(table) = table else {
        return Ok(Before::CreateIndex {
            table: None,
            relation: None,
        });
    };
    let there = beside(session, table, name)?;
    if let Some(relation) = &there {
        check(session, relation, table, if_not_exists)?;
    }
    Ok(Before::CreateIndex {
        table: Some(table),
        relation: there.map(|relation| relation.oid),
    })
}

fn check(
    session: &mut dyn Session,
    there: &Relation,
    table: u32,
    if_not_exists: bool,
) -> Result<(), Refused> {
    let name = &there.name;
    let foreign = match &there.index {
        Some(index) if index.table == table => {
            return if index.valid {
                Ok(())
            } else {
                Err(invalid(session, name, index)?)
            };
        }
        Some(_) => "an index of another table",
        None => "no index",
    };
    if !if_not_exists {
        // The server reports the name conflict.
        return Ok(());
    }
    Err(Refused::found(
        format!("{name} is there already and is {foreign}: IF NOT EXISTS would pass over it"),
        "give the index another name, or rename what has this one".to_owned(),
    ))
}

fn invalid(session: &mut dyn Session, name: &str, index: &Index) -> Result<Refused, DatabaseError> {
    Ok(match working::holder(session, &[index.table])? {
        Some(who) => Refused::found(
            format!("index {name} is there already and INVALID, and {who}: it may be building it"),
            "wait for it, then run again".to_owned(),
        ),
        None => Refused::found(
            format!(
                "index {name} is there already and INVALID: an earlier CREATE INDEX CONCURRENTLY did not finish"
            ),
            format!(
                "if it is not needed, drop it with {}, then run again",
                drop_statement(name)
            ),
        ),
    })
}

/// CREATE INDEX CONCURRENTLY with the state before it.
pub(super) struct CreateIndex<'a> {
    pub name: &'a str,
    /// The name of its table, and what that means now.
    pub on: &'a ObjectName,
    pub now: Option<u32>,
    pub table: Option<u32>,
    /// The relation that already had the index's name.
    pub relation: Option<u32>,
}

impl Look for CreateIndex<'_> {
    fn relations(&self) -> Vec<u32> {
        self.table.into_iter().collect()
    }

    /// Confirms that the index exists, is valid and belongs to this table. Returns a note if it
    /// existed before.
    fn confirm(&self, session: &mut dyn Session) -> Result<Option<String>, Refused> {
        let Some(table) = self.table else {
            return Err(Refused::not_so("its table was not there before"));
        };
        let name = self.name;
        let Some(there) = beside(session, table, name)? else {
            return Err(Refused::not_so(&format!(
                "there is no index {name:?} beside its table"
            )));
        };
        let shown = &there.name;
        match &there.index {
            Some(index) if index.table != table => Err(Refused::not_so(&format!(
                "{shown} is an index of another table"
            ))),
            None => Err(Refused::not_so(&format!("{shown} is no index"))),
            Some(index) if !index.valid => Err(Refused::found(
                format!("the server said that it is done, but index {shown} is INVALID"),
                format!("drop it with {}, then go on", drop_statement(shown)),
            )),
            Some(index) if self.relation == Some(there.oid) => Ok(Some(format!(
                "index {shown} was there before, valid, and is left as it was: {}",
                index.definition
            ))),
            Some(_) => Ok(None),
        }
    }

    /// Finds whether the index is absent, valid or INVALID.
    fn find(&self, session: &mut dyn Session, sql: &str) -> Result<Effect, DatabaseError> {
        let not_there = |how: String| Ok(Effect::NotThere(how));
        let Some(table) = self.table else {
            return not_there("its table was not there".to_owned());
        };
        let Some(there) = beside(session, table, self.name)? else {
            return not_there(format!("there is no index {:?}", self.name));
        };
        let shown = &there.name;
        if self.relation == Some(there.oid) {
            return not_there(format!("{shown} was there before the statement was sent"));
        }
        let index = match &there.index {
            Some(index) if index.table == table => index,
            Some(_) => return not_there(format!("{shown} is an index of another table")),
            None => return not_there(format!("{shown} is no index, and not of this statement")),
        };
        let definition = &index.definition;
        if !index.valid {
            return Ok(match working::holder(session, &[table])? {
                Some(who) => {
                    Effect::StillRunning(format!("index {shown} is not valid yet, and {who}"))
                }
                None => Effect::Leftover {
                    what: format!("index {shown} is INVALID, and was not there before"),
                    cleanup: vec![drop_statement(shown)],
                },
            });
        }
        // Another client may have created an index of that name when the statement never began.
        Ok(if index_shape(sql) == index_shape(definition) {
            Effect::Took(format!(
                "index {shown} is valid, and was not there before: {definition}"
            ))
        } else {
            Effect::Undecidable(format!(
                "index {shown} is valid, and was not there before, but it is spelled otherwise than the statement has it: {definition}; \
                 look whether it is the statement's, then say whether it counts as done"
            ))
        })
    }

    fn changed_name(&self, _: &mut dyn Session) -> Result<Option<String>, DatabaseError> {
        Ok((self.now != self.table).then(|| self.on.to_string()))
    }
}

fn drop_statement(name: &str) -> String {
    format!("DROP INDEX CONCURRENTLY {name}")
}
