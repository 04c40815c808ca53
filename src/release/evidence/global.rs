//! CREATE and DROP of DATABASE and TABLESPACE, which belong to no database. The catalog row is
//! committed when the files or the directory exist; the row of a dropped one goes when they are
//! gone. Since the minor releases of 2023 (15.4, 14.9, 13.12, ...) `datconnlimit = -2` marks a
//! database whose files may be gone.

use super::answer::{Effect, Refused};
use super::look::Look;
use super::names::oid;
use crate::database::{DatabaseError, Session};
use crate::release::settings::quoted;

/// A catalog of all databases.
pub(super) struct Catalog {
    word: &'static str,
    /// Oid and whether it is partly dropped, by name. The server truncates a long name in its own
    /// encoding.
    by_name: &'static str,
    by_oid: &'static str,
}

pub(super) const DATABASE: Catalog = Catalog {
    word: "database",
    by_name: "select oid::text, (datconnlimit = -2)::text from pg_catalog.pg_database where datname = $1::pg_catalog.name",
    by_oid: "select datname::text from pg_catalog.pg_database where oid = $1::oid",
};

pub(super) const TABLESPACE: Catalog = Catalog {
    word: "tablespace",
    by_name: "select oid::text, 'false' from pg_catalog.pg_tablespace where spcname = $1::pg_catalog.name",
    by_oid: "select spcname::text from pg_catalog.pg_tablespace where oid = $1::oid",
};

/// A row of the catalog.
struct Row {
    oid: u32,
    /// A database that is partly dropped: no client can connect to it.
    broken: bool,
}

impl Catalog {
    fn by_name(&self, session: &mut dyn Session, name: &str) -> Result<Option<Row>, DatabaseError> {
        let table = session.query(self.by_name, &[name])?;
        let Some(row) = table.rows.first() else {
            return Ok(None);
        };
        let value = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
        Ok(Some(Row {
            oid: oid(value(0))?,
            broken: value(1) == "true",
        }))
    }

    fn by_oid(
        &self,
        session: &mut dyn Session,
        oid: Option<u32>,
    ) -> Result<Option<String>, DatabaseError> {
        let Some(oid) = oid else { return Ok(None) };
        let table = session.query(self.by_oid, &[&oid.to_string()])?;
        Ok(table.single().map(str::to_owned))
    }
}

/// Returns the object of that name. Refuses to create one that is partly dropped.
pub(super) fn before(
    session: &mut dyn Session,
    catalog: &Catalog,
    name: &str,
    creates: bool,
) -> Result<Option<u32>, Refused> {
    match catalog.by_name(session, name)? {
        Some(there) if creates && there.broken => {
            let (shown, word) = (quoted(name), catalog.word);
            Err(Refused::found(
                format!("{word} {shown} is there already, dropped in part"),
                format!(
                    "end it with DROP {} {shown}, then run again",
                    word.to_ascii_uppercase()
                ),
            ))
        }
        there => Ok(there.map(|there| there.oid)),
    }
}

/// CREATE or DROP of an object with the state before it.
pub(super) struct Global<'a> {
    pub catalog: &'static Catalog,
    pub name: &'a str,
    pub creates: bool,
    /// The object of that name.
    pub before: Option<u32>,
}

impl Look for Global<'_> {
    fn confirm(&self, session: &mut dyn Session) -> Result<Option<String>, Refused> {
        let word = self.catalog.word;
        let wrong = if self.creates {
            let there = self.catalog.by_name(session, self.name)?;
            let is_whole = there.is_some_and(|there| !there.broken);
            (!is_whole).then(|| format!("there is no {word} {}", quoted(self.name)))
        } else {
            let there = self.catalog.by_oid(session, self.before)?;
            there.map(|name| format!("{word} {} is still there", quoted(&name)))
        };
        wrong.map_or(Ok(None), |what| Err(Refused::not_so(&what)))
    }

    fn find(&self, session: &mut dyn Session, _: &str) -> Result<Effect, DatabaseError> {
        if self.creates {
            self.find_created(session)
        } else {
            self.find_dropped(session)
        }
    }

    fn changed_name(&self, session: &mut dyn Session) -> Result<Option<String>, DatabaseError> {
        if self.creates || self.before.is_some() {
            return Ok(None);
        }
        let there = self.catalog.by_name(session, self.name)?;
        Ok(there.map(|_| self.name.to_owned()))
    }
}

impl Global<'_> {
    fn find_created(&self, session: &mut dyn Session) -> Result<Effect, DatabaseError> {
        let (shown, word) = (quoted(self.name), self.catalog.word);
        Ok(match self.catalog.by_name(session, self.name)? {
            // A directory that the server made for a tablespace stays, and it then says that it is
            // in use.
            None => Effect::NotThere(format!("there is no {word} {shown}")),
            Some(there) if self.before == Some(there.oid) => Effect::NotThere(format!(
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

    fn find_dropped(&self, session: &mut dyn Session) -> Result<Effect, DatabaseError> {
        let (shown, word) = (quoted(self.name), self.catalog.word);
        let Some(before) = self.before else {
            return Ok(Effect::NotThere(format!(
                "there was no {word} {shown} before the statement was sent"
            )));
        };
        if self.catalog.by_oid(session, self.before)?.is_none() {
            return Ok(Effect::Took(format!("the {word} that was {shown} is gone")));
        }
        Ok(match self.catalog.by_name(session, self.name)? {
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
}
