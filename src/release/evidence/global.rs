//! CREATE and DROP of DATABASE and TABLESPACE, which belong to no database. The catalog row is
//! committed when the files or the directory exist; the row of a dropped one goes when they are
//! gone. Since the minor releases of 2023 (15.4, 14.9, 13.12, ...) `datconnlimit = -2` marks a
//! database whose files may be gone.

use super::answer::{Before, Effect, Refused};
use super::names::oid;
use crate::database::{DatabaseError, Session};
use crate::release::settings::quoted;

/// Which of the two.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Database,
    Tablespace,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Tablespace => "tablespace",
        }
    }
}

/// Refuses to create a database or tablespace that exists, even partly dropped.
pub(super) fn before(
    session: &mut dyn Session,
    kind: Kind,
    name: &str,
    creates: bool,
) -> Result<Before, Refused> {
    let there = by_name(session, kind, name)?;
    if creates && there.as_ref().is_some_and(|there| there.broken) {
        let shown = quoted(name);
        return Err(Refused::found(
            format!("{} {shown} is there already, dropped in part", kind.word()),
            format!(
                "end it with DROP {} {shown}, then run again",
                kind.word().to_ascii_uppercase()
            ),
        ));
    }
    let oid = there.map(|there| there.oid);
    Ok(match kind {
        Kind::Database => Before::Database { oid },
        Kind::Tablespace => Before::Tablespace { oid },
    })
}

/// That it is there.
pub(super) fn confirm_created(
    session: &mut dyn Session,
    kind: Kind,
    name: &str,
) -> Result<Option<String>, Refused> {
    match by_name(session, kind, name)? {
        Some(there) if !there.broken => Ok(None),
        _ => Err(Refused::not_so(&format!(
            "there is no {} {}",
            kind.word(),
            quoted(name)
        ))),
    }
}

/// That it is gone.
pub(super) fn confirm_dropped(
    session: &mut dyn Session,
    kind: Kind,
    before: Option<u32>,
) -> Result<Option<String>, Refused> {
    match before
        .map(|before| by_oid(session, kind, before))
        .transpose()?
        .flatten()
    {
        None => Ok(None),
        Some(name) => Err(Refused::not_so(&format!(
            "{} {} is still there",
            kind.word(),
            quoted(&name)
        ))),
    }
}

/// Outcome of CREATE.
pub(super) fn find_created(
    session: &mut dyn Session,
    kind: Kind,
    before: Option<u32>,
    name: &str,
) -> Result<Effect, DatabaseError> {
    let (shown, word) = (quoted(name), kind.word());
    Ok(match by_name(session, kind, name)? {
        // The directory that the server made for a tablespace stays, and a retry reports it as in
        // use.
        None => Effect::NotThere(format!("there is no {word} {shown}")),
        Some(there) if before == Some(there.oid) => Effect::NotThere(format!(
            "{word} {shown} was there before the statement was sent"
        )),
        Some(there) if there.broken => Effect::Undecidable(format!(
            "{word} {shown} was not there before, and is dropped in part now: end that with DROP {} {shown}, then have the \
             statement sent again",
            word.to_ascii_uppercase()
        )),
        Some(_) => Effect::Took(format!("{word} {shown} is there, and was not before")),
    })
}

/// Outcome of DROP.
pub(super) fn find_dropped(
    session: &mut dyn Session,
    kind: Kind,
    before: Option<u32>,
    name: &str,
) -> Result<Effect, DatabaseError> {
    let (shown, word) = (quoted(name), kind.word());
    let Some(before) = before else {
        return Ok(Effect::NotThere(format!(
            "there was no {word} {shown} before the statement was sent"
        )));
    };
    if by_oid(session, kind, before)?.is_none() {
        return Ok(Effect::Took(format!("the {word} that was {shown} is gone")));
    }
    Ok(match by_name(session, kind, name)? {
        Some(there) if there.oid == before && there.broken => Effect::NotThere(format!(
            "{word} {shown} is dropped in part: dropping it again ends it"
        )),
        Some(there) if there.oid == before => {
            Effect::NotThere(format!("{word} {shown} is still there"))
        }
        _ => Effect::Undecidable(format!(
            "the {word} that was to be dropped is not called {shown} any more: drop it or keep it, then say whether the \
             statement counts as done"
        )),
    })
}

/// Whether one has this name.
pub(super) fn is_there(
    session: &mut dyn Session,
    kind: Kind,
    name: &str,
) -> Result<bool, DatabaseError> {
    Ok(by_name(session, kind, name)?.is_some())
}

struct There {
    oid: u32,
    /// A partly dropped database, which accepts no connections.
    broken: bool,
}

fn by_name(
    session: &mut dyn Session,
    kind: Kind,
    name: &str,
) -> Result<Option<There>, DatabaseError> {
    // The server cuts a long name, in its own encoding.
    let sql = match kind {
        Kind::Database => {
            "select oid::text, (datconnlimit = -2)::text from pg_catalog.pg_database where datname = $1::pg_catalog.name"
        }
        Kind::Tablespace => {
            "select oid::text, 'false' from pg_catalog.pg_tablespace where spcname = $1::pg_catalog.name"
        }
    };
    let table = session.query(sql, &[name])?;
    let Some(row) = table.rows.first() else {
        return Ok(None);
    };
    let value = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
    Ok(Some(There {
        oid: oid(value(0))?,
        broken: value(1) == "true",
    }))
}

fn by_oid(
    session: &mut dyn Session,
    kind: Kind,
    oid: u32,
) -> Result<Option<String>, DatabaseError> {
    let sql = match kind {
        Kind::Database => "select datname::text from pg_catalog.pg_database where oid = $1::oid",
        Kind::Tablespace => {
            "select spcname::text from pg_catalog.pg_tablespace where oid = $1::oid"
        }
    };
    let table = session.query(sql, &[oid.to_string().as_str()])?;
    Ok(table.single().map(str::to_owned))
}
