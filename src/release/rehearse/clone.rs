//! The clone: its name, how it is made, and how it goes again.

use std::time::Duration;

use super::server::Admin;
use crate::database::{Connect, DatabaseError, Purpose, Session};

/// Names of the server have so many bytes (`NAMEDATALEN - 1`).
const NAME_BYTES: usize = 63;

/// Stands between the source's name and the rehearsal's.
const MARK: &str = "_rehearsal_";

/// How many digits of the rehearsal's id a clone's name ends with.
const ID_DIGITS: usize = 8;

/// Copying may take hours; it can be cancelled.
pub(super) const PATIENCE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A database that this process made for one rehearsal, and that nobody else needs.
///
/// Only the maker of clones makes one, and everything that is allowed on a clone alone asks for it.
#[derive(Debug)]
pub struct ClonedDatabase {
    name: String,
    oid: String,
    suffix: String,
    /// Nothing else stands on the server that a change of roles or other shared objects could reach.
    server_is_its_own: bool,
}

/// Why there is no clone.
#[derive(Debug, thiserror::Error)]
pub enum CloneError {
    #[error("the clone would be called {name:?}, and that is {what}")]
    Name { name: String, what: &'static str },
    #[error("{doing}: {error}")]
    Database { doing: String, error: DatabaseError },
    /// The database of this name is not the one that was made.
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

/// What a clone must not be called.
pub(super) struct Taken<'a> {
    pub source: Option<&'a str>,
    pub target: &'a str,
    pub maintenance: &'a str,
}

/// How a clone begins.
pub(super) enum Template<'a> {
    /// With everything of a database that nobody is connected to.
    Database(&'a str),
    /// Empty, with these words of `CREATE DATABASE` about locale and encoding.
    Empty(&'a str),
}

impl ClonedDatabase {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn oid(&self) -> &str {
        &self.oid
    }

    /// Whether a release may change here what all databases of a server share.
    pub(in crate::release) fn server_is_its_own(&self) -> bool {
        self.server_is_its_own
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

/// The name of a rehearsal's clone: what can be kept of the source's, and the beginning of the rehearsal's id.
pub fn name(source: &str, rehearsal_id: &str) -> String {
    let suffix = suffix(rehearsal_id);
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

/// Makes it. The server itself refuses a name that exists.
pub(super) fn create(
    admin: &mut Admin,
    (source, rehearsal_id): (&str, &str),
    taken: &Taken<'_>,
    template: Template<'_>,
    owner: Option<&str>,
) -> Result<ClonedDatabase, CloneError> {
    let (name, suffix) = (name(source, rehearsal_id), suffix(rehearsal_id));
    let whose = [
        (taken.source, "the source"),
        (Some(taken.target), "the release's target"),
        (Some(taken.maintenance), "the database that --db names"),
    ];
    if let Some((_, what)) = whose
        .into_iter()
        .find(|(other, _)| *other == Some(name.as_str()))
    {
        return Err(CloneError::Name { name, what });
    }
    let from = match template {
        Template::Database(database) => {
            format!("TEMPLATE {}{}", quoted(database), admin.strategy(database)?)
        }
        Template::Empty(locale) => format!("TEMPLATE template0 {locale}"),
    };
    let owner = owner
        .map(|owner| format!(" OWNER {}", quoted(owner)))
        .unwrap_or_default();
    let doing = || format!("the clone {name:?} can't be made");
    let create = format!("CREATE DATABASE {} {from}{owner}", quoted(&name));
    admin
        .session
        .execute(&create)
        .map_err(CloneError::database(doing()))?;
    let oid = admin.oid(&name).map_err(CloneError::database(doing()))?;
    let oid = oid.ok_or_else(|| CloneError::Other(name.clone()))?;
    // Where the source is, production may be.
    let from_dump = taken.source.is_none() && taken.target != "postgres";
    let server_is_its_own = from_dump
        && admin
            .is_alone(&name)
            .map_err(CloneError::database(doing()))?;
    Ok(ClonedDatabase {
        name,
        oid,
        suffix,
        server_is_its_own,
    })
}

/// Drops it, whoever is connected to it; nothing but the very database that [`create`] made. One that is gone is gone.
pub(super) fn drop(connect: &dyn Connect, clone: &ClonedDatabase) -> Result<(), CloneError> {
    let doing = || CloneError::database(format!("the clone {:?} can't be dropped", clone.name));
    let mut session = connect.connect(Purpose::Write).map_err(doing())?;
    session.set_patience(PATIENCE);
    session
        .batch("SET statement_timeout = 0; SET lock_timeout = 0")
        .map_err(doing())?;
    let found = session.query(OID, &[&clone.name]).map_err(doing())?;
    match found.single() {
        None => Ok(()),
        Some(oid) if oid == clone.oid && clone.name.ends_with(&clone.suffix) => {
            // A release may have made a template of it.
            session
                .execute(&format!(
                    "ALTER DATABASE {} IS_TEMPLATE false",
                    quoted(&clone.name)
                ))
                .map_err(doing())?;
            session
                .execute(&format!(
                    "DROP DATABASE {} WITH (FORCE)",
                    quoted(&clone.name)
                ))
                .map_err(doing())?;
            Ok(())
        }
        Some(_) => Err(CloneError::Other(clone.name.clone())),
    }
}

/// Writes below the clone's own comment that it is kept, and since when, so that no later rehearsal calls it left-over.
pub(super) fn mark_kept(
    connect: &dyn Connect,
    clone: &ClonedDatabase,
    since: &str,
) -> Result<(), CloneError> {
    let doing = || {
        CloneError::database(format!(
            "the clone {:?} can't be marked as kept",
            clone.name
        ))
    };
    let mut session = connect.connect(Purpose::Write).map_err(doing())?;
    let found = session.query(
        "select oid::pg_catalog.text, pg_catalog.shobj_description(oid, 'pg_database') from pg_catalog.pg_database
         where datname operator(pg_catalog.=) $1",
        &[&clone.name],
    );
    let rows = found.map_err(doing())?.rows;
    let [oid, comment] = rows.first().map(Vec::as_slice).unwrap_or_default() else {
        return Err(CloneError::Other(clone.name.clone()));
    };
    if oid.as_deref() != Some(clone.oid.as_str()) {
        return Err(CloneError::Other(clone.name.clone()));
    }
    let digits = clone.suffix.trim_start_matches(MARK);
    let kept = format!(
        "{KEPT}{digits} on {since}; drop database {} with (force)",
        quoted(&clone.name)
    );
    let comment = comment
        .iter()
        .map(String::as_str)
        .chain([kept.as_str()])
        .collect::<Vec<_>>()
        .join("\n");
    let comment = format!(
        "COMMENT ON DATABASE {} IS {}",
        quoted(&clone.name),
        literal(&comment)
    );
    session.execute(&comment).map_err(doing())?;
    Ok(())
}

/// What the comment of a kept clone says, before the digits that its name ends with.
pub(super) const KEPT: &str = "kept by pgseal rehearse ";

/// The oid of a database.
pub(super) const OID: &str = "select oid::pg_catalog.text from pg_catalog.pg_database
     where datname operator(pg_catalog.=) $1";

/// A name as an identifier.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as a literal; sessions read strings as the standard says.
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
