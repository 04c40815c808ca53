//! CREATE and DROP DATABASE. The row of a new database is committed when its files are there; that of a dropped one goes
//! when they are gone, and says since 2023's minor versions (15.4, 14.9, 13.12, ...) that they may be
//! (`datconnlimit = -2`).

use super::answer::{Before, Effect, Refused};
use super::names::{oid, quoted};
use crate::database::{DatabaseError, Session};

/// Refuses to create what is there, dropped in part.
pub(super) fn before(session: &mut dyn Session, name: &str, creates: bool) -> Result<Before, Refused> {
    let there = by_name(session, name)?;
    match &there {
        Some(there) if creates && there.broken => Err(Refused::found(
            format!("database {} is there already, dropped in part", quoted(name)),
            format!("end it with DROP DATABASE {}, then run again", quoted(name)),
        )),
        _ => Ok(Before::Database { oid: there.map(|there| there.oid) }),
    }
}

/// That it is there.
pub(super) fn confirm_created(session: &mut dyn Session, name: &str) -> Result<Option<String>, Refused> {
    match by_name(session, name)? {
        Some(there) if !there.broken => Ok(None),
        _ => Err(Refused::not_so(&format!("there is no database {}", quoted(name)))),
    }
}

/// That it is gone.
pub(super) fn confirm_dropped(session: &mut dyn Session, before: Option<u32>) -> Result<Option<String>, Refused> {
    match before.map(|before| by_oid(session, before)).transpose()?.flatten() {
        None => Ok(None),
        Some(name) => Err(Refused::not_so(&format!("database {} is still there", quoted(&name)))),
    }
}

/// What came of CREATE DATABASE.
pub(super) fn find_created(
    session: &mut dyn Session,
    before: Option<u32>,
    name: &str,
) -> Result<Effect, DatabaseError> {
    let shown = quoted(name);
    Ok(match by_name(session, name)? {
        None => Effect::NotThere(format!("there is no database {shown}")),
        Some(there) if before == Some(there.oid) => {
            Effect::NotThere(format!("database {shown} was there before the statement was sent"))
        }
        Some(there) if there.broken => Effect::Undecidable(format!(
            "database {shown} was not there before, and is dropped in part now: end that with DROP DATABASE {shown}, then \
             have the statement sent again"
        )),
        Some(_) => Effect::Took(format!("database {shown} is there, and was not before")),
    })
}

/// What came of DROP DATABASE.
pub(super) fn find_dropped(
    session: &mut dyn Session,
    before: Option<u32>,
    name: &str,
) -> Result<Effect, DatabaseError> {
    let shown = quoted(name);
    let Some(before) = before else {
        return Ok(Effect::NotThere(format!("there was no database {shown} before the statement was sent")));
    };
    if by_oid(session, before)?.is_none() {
        return Ok(Effect::Took(format!("the database that was {shown} is gone")));
    }
    Ok(match by_name(session, name)? {
        Some(there) if there.oid == before && there.broken => {
            Effect::NotThere(format!("database {shown} is dropped in part: dropping it again ends it"))
        }
        Some(there) if there.oid == before => Effect::NotThere(format!("database {shown} is still there")),
        _ => Effect::Undecidable(format!(
            "the database that was to be dropped is not called {shown} any more: drop it or keep it, then say whether the \
             statement counts as done"
        )),
    })
}

struct Database {
    oid: u32,
    /// Dropped in part: nobody can connect to it.
    broken: bool,
}

fn by_name(session: &mut dyn Session, name: &str) -> Result<Option<Database>, DatabaseError> {
    let table = session.query(
        "select oid::text, (datconnlimit = -2)::text from pg_catalog.pg_database where datname = $1::name",
        &[name],
    )?;
    let Some(row) = table.rows.first() else { return Ok(None) };
    let value = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
    Ok(Some(Database { oid: oid(value(0))?, broken: value(1) == "true" }))
}

fn by_oid(session: &mut dyn Session, oid: u32) -> Result<Option<String>, DatabaseError> {
    let table = session
        .query("select datname::text from pg_catalog.pg_database where oid = $1::oid", &[oid.to_string().as_str()])?;
    Ok(table.single().map(str::to_owned))
}
