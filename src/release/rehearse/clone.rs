//! Creation and removal of clones.

use std::time::Duration;

use super::server::Admin;
use super::trial::{self, TrialDatabase};
use crate::database::{Connect, DatabaseError, Purpose, Session};

/// Maximum bytes of a name (`NAMEDATALEN - 1`).
const NAME_BYTES: usize = 63;

/// Maximum connections of ordinary roles to a clone until it is filled: pgseal's own and the programs'.
pub(super) const CONNECTION_LIMIT: u32 = 8;

/// Separator of the source's name and the id in a standing clone's name.
const STANDING_MARK: &str = "_clone_";

/// Separator of the source's name and the rehearsal's id in a clone's name.
const MARK: &str = "_rehearsal_";

/// Digits of the rehearsal's id at the end of a clone's name.
const ID_DIGITS: usize = 8;

/// Client timeout: copying may take hours, and can be cancelled.
pub(super) const PATIENCE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A database that this process made for one rehearsal, or as one standing clone.
///
/// Only `create` makes one. Every operation that is allowed only on a clone requires it.
#[derive(Debug)]
pub struct ClonedDatabase {
    name: String,
    oid: String,
    suffix: String,
    source: Option<String>,
    /// Whether the server has no other database that changes of roles or other shared objects
    /// could affect.
    server_is_its_own: bool,
    /// The marker that it has as the copy of a trial database.
    trial_marker: Option<String>,
}

/// Error in making or dropping a clone.
#[derive(Debug, thiserror::Error)]
pub enum CloneError {
    #[error("the clone would be called {name:?}, and that is {what}")]
    Name { name: String, what: &'static str },
    #[error("{doing}: {error}")]
    Database { doing: String, error: DatabaseError },
    /// The database of this name is another one.
    #[error("the database {0:?} is not the one that this rehearsal made, and is left alone")]
    Other(String),
}

impl CloneError {
    pub(super) fn database(doing: impl Into<String>) -> impl FnOnce(DatabaseError) -> Self {
        move |error| Self::Database {
            doing: doing.into(),
            error,
        }
    }
}

/// Initial content of a clone.
pub(super) enum Template<'a> {
    /// A copy of a database without connections.
    Database(&'a str),
    /// Nothing, with these options of `CREATE DATABASE` for locale and encoding.
    Empty(&'a str),
}

impl ClonedDatabase {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The database that it was made of; `None` for a dump.
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    pub(super) fn oid(&self) -> &str {
        &self.oid
    }

    /// Whether a release may change objects that all databases of a server share.
    pub(in crate::release) fn server_is_its_own(&self) -> bool {
        self.server_is_its_own
    }

    /// Requires the marker of a trial database in each transaction.
    pub(super) fn requires_marker(&mut self, trial: &TrialDatabase) {
        self.trial_marker = Some(trial.marker().to_owned());
    }

    /// Fails unless the open transaction is in this very database, which still has the marker that it
    /// was copied with.
    pub(in crate::release) fn check_inside(
        &self,
        session: &mut dyn Session,
    ) -> Result<(), DatabaseError> {
        self.check(session)?;
        match &self.trial_marker {
            Some(marker) => trial::check_copy(session, marker),
            None => Ok(()),
        }
    }

    /// Fails unless the session is in this very database.
    pub(in crate::release) fn check(&self, session: &mut dyn Session) -> Result<(), DatabaseError> {
        let oid = session.query(
            "select oid::pg_catalog.text from pg_catalog.pg_database
             where datname operator(pg_catalog.=) pg_catalog.current_database()",
            &[],
        )?;
        if oid.single() == Some(self.oid.as_str()) {
            return Ok(());
        }
        Err(DatabaseError::unsound(format!(
            "the database {:?} is not the clone that this rehearsal made",
            self.name
        )))
    }
}

/// The name of a rehearsal's clone: the source's, truncated, and the beginning of the rehearsal's id.
pub fn name(source: &str, rehearsal_id: &str) -> String {
    truncated(source, &suffix(rehearsal_id))
}

/// The default name of a standing clone.
pub(super) fn standing_name(source: &str, clone_id: &str) -> String {
    let digits = clone_id.get(..ID_DIGITS).unwrap_or(clone_id);
    truncated(source, &format!("{STANDING_MARK}{digits}"))
}

fn truncated(source: &str, suffix: &str) -> String {
    let mut end = source.len().min(NAME_BYTES - suffix.len());
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &source[..end])
}

fn suffix(rehearsal_id: &str) -> String {
    let digits = rehearsal_id.get(..ID_DIGITS).unwrap_or(rehearsal_id);
    format!("{MARK}{digits}")
}

/// The name of a new clone, and the names that it must not have.
pub(super) struct Naming<'a> {
    pub name: String,
    /// End of the name that its removal requires.
    pub suffix: String,
    pub source: Option<&'a str>,
    pub target: Option<&'a str>,
}

impl<'a> Naming<'a> {
    /// The naming of a rehearsal's clone of `source`, or of that for `target` from a dump.
    pub fn of_rehearsal(rehearsal_id: &str, source: Option<&'a str>, target: &'a str) -> Self {
        Self {
            name: name(source.unwrap_or(target), rehearsal_id),
            suffix: suffix(rehearsal_id),
            source,
            target: Some(target),
        }
    }

    /// Refuses names that are no clone's.
    pub fn check(&self, admin: &Admin) -> Result<(), CloneError> {
        let refused = |what| {
            let name = self.name.clone();
            Err(CloneError::Name { name, what })
        };
        let is_name = |taken: Option<&str>| taken == Some(self.name.as_str());
        if is_name(self.source) {
            return refused("the source");
        }
        if is_name(self.target) {
            return refused("the release's target");
        }
        if self.name == admin.database {
            return refused("the database that --db names");
        }
        if self.name.is_empty() || self.name.len() > NAME_BYTES {
            return refused("no name of 1 to 63 bytes");
        }
        Ok(())
    }
}

/// Creates a clone. The server itself refuses a name that exists.
pub(super) fn create(
    admin: &mut Admin,
    naming: Naming<'_>,
    template: Template<'_>,
    owner: Option<&str>,
) -> Result<ClonedDatabase, CloneError> {
    naming.check(admin)?;
    let Naming {
        name,
        suffix,
        source,
        target,
    } = naming;
    let from = match template {
        Template::Database(database) => {
            format!("TEMPLATE {}{}", quoted(database), admin.strategy(database)?)
        }
        Template::Empty(locale) => format!("TEMPLATE template0 {locale}"),
    };
    let owner = owner.map_or(String::new(), |owner| format!(" OWNER {}", quoted(owner)));
    let error = || CloneError::database(format!("the clone {name:?} can't be made"));
    let create = format!(
        "CREATE DATABASE {} {from}{owner} CONNECTION LIMIT {CONNECTION_LIMIT}",
        quoted(&name)
    );
    admin.create(&create).map_err(error())?;
    let oid = admin.oid(&name).map_err(error())?;
    let oid = oid.ok_or_else(|| CloneError::Other(name.clone()))?;
    // The server of a source may be the production server.
    let from_dump = source.is_none() && target != Some("postgres");
    let server_is_its_own = from_dump && admin.is_alone(&name).map_err(error())?;
    Ok(ClonedDatabase {
        name,
        oid,
        source: source.map(str::to_owned),
        suffix,
        server_is_its_own,
        trial_marker: None,
    })
}

/// Drops the clone, with all connections to it; never another database. A clone that is gone is no
/// error.
pub(super) fn drop(connect: &dyn Connect, clone: &ClonedDatabase) -> Result<(), CloneError> {
    let error = || CloneError::database(format!("the clone {:?} can't be dropped", clone.name));
    let mut session = connect.connect(Purpose::Write).map_err(error())?;
    session.set_patience(PATIENCE);
    session
        .batch("SET statement_timeout = 0; SET lock_timeout = 0")
        .map_err(error())?;
    let found = session.query(OID, &[&clone.name]).map_err(error())?;
    match found.single() {
        None => return Ok(()),
        Some(oid) if oid == clone.oid && clone.name.ends_with(&clone.suffix) => {}
        Some(_) => return Err(CloneError::Other(clone.name.clone())),
    }
    let name = quoted(&clone.name);
    for statement in [
        // A release may have made a template of it.
        format!("ALTER DATABASE {name} IS_TEMPLATE false"),
        format!("DROP DATABASE {name} WITH (FORCE)"),
    ] {
        session.execute(&statement).map_err(error())?;
    }
    Ok(())
}

/// Appends to the clone's own comment that it is kept, and since when, so that no later rehearsal
/// reports it as left over.
pub(super) fn mark_kept(
    connect: &dyn Connect,
    clone: &ClonedDatabase,
    since: &str,
) -> Result<(), CloneError> {
    let name = &clone.name;
    let error = || CloneError::database(format!("the clone {name:?} can't be marked as kept"));
    let mut session = connect.connect(Purpose::Write).map_err(error())?;
    let found = session.query(
        "select oid::pg_catalog.text, pg_catalog.shobj_description(oid, 'pg_database') from pg_catalog.pg_database
         where datname operator(pg_catalog.=) $1",
        &[name],
    );
    let mut rows = found.map_err(error())?.rows.into_iter();
    let (oid, comment) = match rows.next().as_deref() {
        Some([oid, comment]) => (oid.clone(), comment.clone()),
        _ => (None, None),
    };
    if oid.as_ref() != Some(&clone.oid) {
        return Err(CloneError::Other(name.clone()));
    }
    let digits = clone.suffix.trim_start_matches(MARK);
    let name = quoted(name);
    let kept = format!("{KEPT}{digits} on {since}; drop database {name} with (force)");
    let comment = comment.map_or(kept.clone(), |comment| format!("{comment}\n{kept}"));
    let comment = format!("COMMENT ON DATABASE {name} IS {}", literal(&comment));
    session.execute(&comment).map_err(error())?;
    Ok(())
}

/// Text in the comment of a kept clone, before the digits at the end of its name.
pub(super) const KEPT: &str = "kept by pgseal rehearse ";

/// Query of a database's oid.
pub(super) const OID: &str = "select oid::pg_catalog.text from pg_catalog.pg_database
     where datname operator(pg_catalog.=) $1";

/// Quotes a name as an identifier.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes a text as a literal; `standard_conforming_strings` is on in every session.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_end_with_the_rehearsals_own_mark() {
        let id = "0123456789abcdef0123456789abcdef";
        assert_eq!(name("directus", id), "directus_rehearsal_01234567");
        for source in [
            "x".repeat(63),
            "ä".repeat(31),
            "\"'; drop database x;--".to_owned(),
            String::new(),
        ] {
            let name = name(&source, id);
            assert!(
                name.len() <= NAME_BYTES && name.ends_with("_rehearsal_01234567"),
                "{name}"
            );
            assert!(
                source.starts_with(name.strip_suffix("_rehearsal_01234567").unwrap()),
                "{name}"
            );
        }
    }

    #[test]
    fn quotes_stay_inside() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's \\"), "'it''s \\'");
    }
}
