//! The three moments at which the catalog is queried.
//!
//! All of them run outside of a transaction, on a session with the release's `search_path`
//! ([`crate::release::settings::use_release_path`]), so that names without a schema resolve as in the
//! statement itself. The path is unchanged afterwards.

use super::answer::{Before, Effect, Refused, of_another_statement};
use super::global::{self, Kind};
use super::names::{relation, under_own_path};
use super::{create_index, drop_index, index, partition, reindex, working};
use crate::database::{DatabaseError, Session};
use crate::release::failure::Failure;
use psql_script::{NonTransactional, Reindexed};

/// Records the state before the statement is sent. Refuses to begin if an earlier crash or another session
/// left an obstacle: an INVALID index of that name, `_ccnew` and `_ccold` on the table, a partly detached
/// partition or a partly dropped database.
///
/// # Errors
///
/// The obstacle and the way to clear it, or a failed catalog query.
pub fn before(session: &mut dyn Session, statement: &NonTransactional) -> Result<Before, Failure> {
    look_before(session, statement).map_err(failure)
}

/// Confirms the server's answer by the catalog (threat 31: `IF NOT EXISTS` passes over an INVALID index).
/// `Some` is a remark for the operator.
///
/// # Errors
///
/// The actual state, or a failed catalog query.
pub fn confirm(
    session: &mut dyn Session,
    statement: &NonTransactional,
    before: &Before,
) -> Result<Option<String>, Failure> {
    look_after(session, statement, before).map_err(failure)
}

/// Finds the outcome of a statement after a crash or an error. `sql` is its text as it was sent.
///
/// A statement whose names resolve to other objects now is not sent again: that would have an effect which
/// was never signed. Only evidence by oid counts for it.
///
/// The caller must hold the run's lock: a statement still on its way to the server, and therefore
/// invisible, belongs to a session that still holds it.
///
/// # Errors
///
/// A failed catalog query, or `before` is about another kind of statement.
pub fn find(
    session: &mut dyn Session,
    statement: &NonTransactional,
    before: &Before,
    sql: &str,
) -> Result<Effect, DatabaseError> {
    let (now, second) = (named(session, statement)?, second(session, statement)?);
    under_own_path(session, |session| {
        let effect = of_it(session, statement, before, now, sql)?;
        let Effect::NotThere(how) = &effect else {
            return Ok(effect);
        };
        Ok(match elsewhere(session, statement, before, now, second)? {
            Some(name) => Effect::Undecidable(format!(
                "{how}; but {name} means something else now than before it was sent: look what it would do, then say \
                 whether it counts as done, or is to be sent again"
            )),
            None => effect,
        })
    })
}

/// The first name of the statement that resolves to another object than the recorded one.
fn elsewhere(
    session: &mut dyn Session,
    statement: &NonTransactional,
    before: &Before,
    now: Option<u32>,
    second: Option<u32>,
) -> Result<Option<String>, DatabaseError> {
    let unless = |same: bool, name: &dyn std::fmt::Display| Ok((!same).then(|| name.to_string()));
    match (statement, before) {
        (NonTransactional::CreateIndex { table: name, .. }, Before::CreateIndex { table, .. }) => {
            unless(now == *table, name)
        }
        (NonTransactional::DropIndex { index: name }, Before::DropIndex { index }) => {
            // It may have meant something that is no index.
            let is_new = now
                .map(|now| index::by_oid(session, now))
                .transpose()?
                .flatten();
            unless(
                now == *index || is_new.is_none_or(|relation| relation.index.is_none()),
                name,
            )
        }
        // Built anew, an index is another one of the same name.
        (
            NonTransactional::Reindex {
                of: Reindexed::Index(name),
            },
            Before::Reindex {
                tables: Some(tables),
                ..
            },
        ) => {
            let of = now
                .map(|now| index::by_oid(session, now))
                .transpose()?
                .flatten();
            let table = of
                .and_then(|relation| relation.index)
                .map(|index| index.table);
            unless(
                table.map_or(tables.is_empty(), |table| tables.contains(&table)),
                name,
            )
        }
        (
            NonTransactional::Reindex {
                of: Reindexed::Table(name),
            },
            Before::Reindex {
                tables: Some(tables),
                ..
            },
        ) => unless(
            now.map_or(tables.is_empty(), |now| tables.contains(&now)),
            name,
        ),
        (NonTransactional::Detach { parent: name, .. }, Before::Detach { parent, .. })
            if now != *parent =>
        {
            unless(false, name)
        }
        (
            NonTransactional::Detach {
                partition: name, ..
            },
            Before::Detach { partition, .. },
        ) => unless(second == *partition, name),
        (NonTransactional::DropDatabase(name), Before::Database { oid: None }) => {
            unless(!global::is_there(session, Kind::Database, name)?, name)
        }
        (NonTransactional::DropTablespace(name), Before::Tablespace { oid: None }) => {
            unless(!global::is_there(session, Kind::Tablespace, name)?, name)
        }
        _ => Ok(None),
    }
}

/// Compares the catalog with the recorded state. `now` is the object to which the statement's first
/// name resolves now.
fn of_it(
    session: &mut dyn Session,
    statement: &NonTransactional,
    before: &Before,
    now: Option<u32>,
    sql: &str,
) -> Result<Effect, DatabaseError> {
    // Server processes first, catalog second: the effects of a statement that has ended by then are
    // in the catalog.
    if let Some(who) = working::on(session, sql, &tables(before))? {
        return Ok(Effect::StillRunning(who));
    }
    match (statement, before) {
        (NonTransactional::CreateIndex { name, .. }, Before::CreateIndex { table, relation }) => {
            create_index::find(session, *table, *relation, name, sql)
        }
        (NonTransactional::DropIndex { .. }, Before::DropIndex { index }) => drop_index::find(session, *index, now),
        (NonTransactional::Reindex { .. }, Before::Reindex { tables, indexes, invalid }) => {
            reindex::find(session, tables.as_deref(), indexes, invalid)
        }
        (NonTransactional::Detach { partition: name, .. }, Before::Detach { parent, partition, attached }) => {
            partition::find(session, *parent, *partition, *attached, name)
        }
        (NonTransactional::CreateDatabase(name), Before::Database { oid }) => {
            global::find_created(session, Kind::Database, *oid, name)
        }
        (NonTransactional::DropDatabase(name), Before::Database { oid }) => {
            global::find_dropped(session, Kind::Database, *oid, name)
        }
        (NonTransactional::CreateTablespace(name), Before::Tablespace { oid }) => {
            global::find_created(session, Kind::Tablespace, *oid, name)
        }
        (NonTransactional::DropTablespace(name), Before::Tablespace { oid }) => {
            global::find_dropped(session, Kind::Tablespace, *oid, name)
        }
        (NonTransactional::Maintenance | NonTransactional::AlterSystem(_), Before::Nothing) => {
            Ok(Effect::NotThere("whether it was complete is not to be seen, and repeating it does no harm".to_owned()))
        }
        (NonTransactional::Procedure, Before::Nothing) => Ok(Effect::Undecidable(
            "how far a procedure came is not to be seen in the catalog: look at what it should have done, then say \
             whether it counts as done"
                .to_owned(),
        )),
        (NonTransactional::Unknown(what), Before::Nothing) => Ok(Effect::Undecidable(format!(
            "what came of {what} is not to be seen in the catalog: look for it, then say whether it counts as done"
        ))),
        _ => Err(of_another_statement()),
    }
}

fn look_before(session: &mut dyn Session, statement: &NonTransactional) -> Result<Before, Refused> {
    let now = named(session, statement)?;
    let second = second(session, statement)?;
    under_own_path(session, |session| match statement {
        NonTransactional::CreateIndex {
            name,
            if_not_exists,
            ..
        } => create_index::before(session, now, name, *if_not_exists),
        NonTransactional::DropIndex { .. } => drop_index::before(session, now),
        NonTransactional::Reindex { of } => reindex::before(session, of, now),
        NonTransactional::Detach { .. } => partition::before(session, now, second),
        NonTransactional::CreateDatabase(name) => {
            global::before(session, Kind::Database, name, true)
        }
        NonTransactional::DropDatabase(name) => {
            global::before(session, Kind::Database, name, false)
        }
        NonTransactional::CreateTablespace(name) => {
            global::before(session, Kind::Tablespace, name, true)
        }
        NonTransactional::DropTablespace(name) => {
            global::before(session, Kind::Tablespace, name, false)
        }
        NonTransactional::Maintenance
        | NonTransactional::AlterSystem(_)
        | NonTransactional::Procedure => Ok(Before::Nothing),
        NonTransactional::Unknown(what) => Err(Refused::found(
            format!("what came of it could not be looked up after a crash: {what}"),
            "write it with a plain name, or run it by hand".to_owned(),
        )),
    })
}

fn look_after(
    session: &mut dyn Session,
    statement: &NonTransactional,
    before: &Before,
) -> Result<Option<String>, Refused> {
    let now = named(session, statement)?;
    under_own_path(session, |session| match (statement, before) {
        (NonTransactional::CreateIndex { name, .. }, Before::CreateIndex { table, relation }) => {
            create_index::confirm(session, *table, *relation, name)
        }
        (NonTransactional::DropIndex { .. }, Before::DropIndex { index }) => {
            drop_index::confirm(session, *index)
        }
        (
            NonTransactional::Reindex { of },
            Before::Reindex {
                tables,
                indexes,
                invalid,
            },
        ) => reindex::confirm(session, tables.as_deref(), indexes, invalid, of, now),
        (
            NonTransactional::Detach {
                partition: name, ..
            },
            Before::Detach {
                parent, partition, ..
            },
        ) => partition::confirm(session, *parent, *partition, name),
        (NonTransactional::CreateDatabase(name), Before::Database { .. }) => {
            global::confirm_created(session, Kind::Database, name)
        }
        (NonTransactional::DropDatabase(_), Before::Database { oid }) => {
            global::confirm_dropped(session, Kind::Database, *oid)
        }
        (NonTransactional::CreateTablespace(name), Before::Tablespace { .. }) => {
            global::confirm_created(session, Kind::Tablespace, name)
        }
        (NonTransactional::DropTablespace(_), Before::Tablespace { oid }) => {
            global::confirm_dropped(session, Kind::Tablespace, *oid)
        }
        (
            NonTransactional::Maintenance
            | NonTransactional::AlterSystem(_)
            | NonTransactional::Procedure
            | NonTransactional::Unknown(_),
            Before::Nothing,
        ) => Ok(None),
        _ => Err(of_another_statement().into()),
    })
}

/// The object to which the statement's first name resolves now.
fn named(
    session: &mut dyn Session,
    statement: &NonTransactional,
) -> Result<Option<u32>, DatabaseError> {
    match statement {
        NonTransactional::CreateIndex { table: name, .. }
        | NonTransactional::DropIndex { index: name }
        | NonTransactional::Reindex {
            of: Reindexed::Index(name) | Reindexed::Table(name),
        }
        | NonTransactional::Detach { parent: name, .. } => relation(session, name),
        _ => Ok(None),
    }
}

/// The object to which its second name resolves now.
fn second(
    session: &mut dyn Session,
    statement: &NonTransactional,
) -> Result<Option<u32>, DatabaseError> {
    match statement {
        NonTransactional::Detach { partition, .. } => relation(session, partition),
        _ => Ok(None),
    }
}

/// The relations that a process would hold that still works on the statement.
fn tables(before: &Before) -> Vec<u32> {
    match before {
        Before::CreateIndex {
            table: Some(table), ..
        } => vec![*table],
        Before::DropIndex { index: Some(index) } => vec![*index],
        Before::Reindex {
            tables: Some(tables),
            ..
        } => tables.clone(),
        Before::Detach {
            parent, partition, ..
        } => parent.iter().chain(partition).copied().collect(),
        _ => Vec::new(),
    }
}

fn failure(refused: Refused) -> Failure {
    match refused {
        Refused::Found(failure) => failure,
        Refused::Database(error) => {
            Failure::database("the catalog can't be asked about the statement", &error)
        }
    }
}
