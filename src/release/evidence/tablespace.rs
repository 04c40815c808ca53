//! CREATE and DROP TABLESPACE. The row is committed when the directory is made, or cleared.

use super::answer::{Before, Effect, Refused};
use super::names::{oid, quoted};
use crate::database::{DatabaseError, Session};

/// Which one has the name.
pub(super) fn before(session: &mut dyn Session, name: &str) -> Result<Before, Refused> {
    Ok(Before::Tablespace { oid: by_name(session, name)? })
}

/// That it is there.
pub(super) fn confirm_created(session: &mut dyn Session, name: &str) -> Result<Option<String>, Refused> {
    match by_name(session, name)? {
        Some(_) => Ok(None),
        None => Err(Refused::not_so(&format!("there is no tablespace {}", quoted(name)))),
    }
}

/// That it is gone.
pub(super) fn confirm_dropped(session: &mut dyn Session, before: Option<u32>) -> Result<Option<String>, Refused> {
    match before.map(|before| is_there(session, before)).transpose()? {
        Some(true) => Err(Refused::not_so("the tablespace is still there")),
        _ => Ok(None),
    }
}

/// What came of CREATE TABLESPACE.
pub(super) fn find_created(
    session: &mut dyn Session,
    before: Option<u32>,
    name: &str,
) -> Result<Effect, DatabaseError> {
    let shown = quoted(name);
    Ok(match by_name(session, name)? {
        // A directory that the server made for it stays, and it then says that it is in use.
        None => Effect::NotThere(format!("there is no tablespace {shown}")),
        Some(oid) if before == Some(oid) => {
            Effect::NotThere(format!("tablespace {shown} was there before the statement was sent"))
        }
        Some(_) => Effect::Took(format!("tablespace {shown} is there, and was not before")),
    })
}

/// What came of DROP TABLESPACE.
pub(super) fn find_dropped(
    session: &mut dyn Session,
    before: Option<u32>,
    name: &str,
) -> Result<Effect, DatabaseError> {
    let shown = quoted(name);
    let Some(before) = before else {
        return Ok(Effect::NotThere(format!("there was no tablespace {shown} before the statement was sent")));
    };
    if !is_there(session, before)? {
        return Ok(Effect::Took(format!("the tablespace that was {shown} is gone")));
    }
    Ok(if by_name(session, name)? == Some(before) {
        Effect::NotThere(format!("tablespace {shown} is still there"))
    } else {
        Effect::Undecidable(format!(
            "the tablespace that was to be dropped is not called {shown} any more: drop it or keep it, then say whether the \
             statement counts as done"
        ))
    })
}

fn by_name(session: &mut dyn Session, name: &str) -> Result<Option<u32>, DatabaseError> {
    let table = session.query("select oid::text from pg_catalog.pg_tablespace where spcname = $1::name", &[name])?;
    table.single().map(oid).transpose()
}

fn is_there(session: &mut dyn Session, oid: u32) -> Result<bool, DatabaseError> {
    let table = session
        .query("select oid::text from pg_catalog.pg_tablespace where oid = $1::oid", &[oid.to_string().as_str()])?;
    Ok(table.single().is_some())
}
