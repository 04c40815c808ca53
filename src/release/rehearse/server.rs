//! The server of the clone: the operations that a rehearsal needs, and the maintenance session.

use std::path::Path;
use std::sync::Arc;

use super::clone::{CloneError, KEPT, OID, PATIENCE};
use crate::database::{Connect, DatabaseError, Purpose, Session};
use crate::release::cancellation::{Cancellable, CancellationToken};

/// The server of the maintenance database that the operator named; implemented by the adapter.
pub trait Server {
    /// A connector for a database of this server.
    fn database(&self, name: &str) -> Arc<dyn Connect + Send>;

    /// Copies a database into an empty one by `pg_dump` and `pg_restore`. An error is a sentence.
    fn copy(&self, from: &str, to: &str, is_stopped: &dyn Fn() -> bool) -> Result<(), String>;

    /// Restores a dump in one of `pg_dump`'s own formats into an empty database.
    fn restore(&self, dump: &Path, to: &str, is_stopped: &dyn Fn() -> bool) -> Result<(), String>;
}

/// The first key of the advisory lock of a rehearsal in progress. The second key is the beginning of the rehearsal's id. Value:
/// the first 4 bytes of SHA-256("pgseal rehearsal lock 1").
const LOCK: &str = "1231710774";

/// Minimum size in bytes from which copying files is cheaper than copying through the write-ahead log.
const LARGE: u64 = 1 << 30;

/// A session in the maintenance database.
pub(super) struct Admin {
    // Dropped first, so that no cancellation arrives while the session closes.
    _cancellable: Cancellable,
    pub session: Box<dyn Session>,
    pub database: String,
}

/// Properties of a database for `CREATE DATABASE`.
pub(super) struct Described {
    pub owner: String,
    /// Options for locale and encoding.
    pub locale: String,
}

impl Admin {
    /// Opens the session, without time limits of the role or the database.
    pub fn open(connect: &dyn Connect, stop: &CancellationToken) -> Result<Self, DatabaseError> {
        let mut session = connect.connect(Purpose::Write)?;
        let cancellable = stop.watch(session.canceller());
        session.set_patience(PATIENCE);
        session
            .batch("SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0")?;
        if session.server_version_num() >= 140_000 {
            session.batch("SET idle_session_timeout = 0")?;
        }
        let database =
            session.query("select pg_catalog.current_database()::pg_catalog.text", &[])?;
        let database = database.single().unwrap_or_default().to_owned();
        Ok(Self {
            _cancellable: cancellable,
            session,
            database,
        })
    }

    /// Marks this rehearsal as in progress for other rehearsals, until the session ends.
    pub fn mark(&mut self, rehearsal_id: &str) -> Result<(), DatabaseError> {
        let id = rehearsal_id.get(..8).unwrap_or_default();
        let mark = "select pg_catalog.pg_try_advisory_lock(
            $1::pg_catalog.int4, ('x' || $2)::pg_catalog.bit(32)::pg_catalog.int4)::pg_catalog.text";
        self.session.query(mark, &[LOCK, id]).map(drop)
    }

    /// Clones of killed rehearsals: neither in progress nor marked as kept.
    pub fn leftovers(&mut self) -> Result<Vec<String>, DatabaseError> {
        let found = self.session.query(
            "select datname::text from pg_catalog.pg_database d
             where datname ~ '_rehearsal_[0-9a-f]{8}$' and not exists (
                 select from pg_catalog.pg_locks l
                 where l.locktype = 'advisory' and l.classid = $1::bigint::oid and l.objsubid = 2
                   and lpad(to_hex(l.objid::bigint), 8, '0') = right(d.datname, 8))
               and position($2 || right(d.datname, 8) in coalesce(shobj_description(d.oid, 'pg_database'), '')) = 0
             order by 1",
            &[LOCK, KEPT],
        )?;
        Ok(found.rows.into_iter().flatten().flatten().collect())
    }

    pub fn oid(&mut self, database: &str) -> Result<Option<String>, DatabaseError> {
        Ok(self
            .session
            .query(OID, &[database])?
            .single()
            .map(str::to_owned))
    }

    /// Whether the server has no databases but this clone and those of initdb.
    pub fn is_alone(&mut self, clone: &str) -> Result<bool, DatabaseError> {
        let others = self.session.query(
            "select count(*)::text from pg_catalog.pg_database
             where datname not in ('template0', 'template1', 'postgres') and datname <> $1",
            &[clone],
        )?;
        Ok(others.single() == Some("0"))
    }

    /// The number of other connections to a database.
    pub fn connections(&mut self, database: &str) -> Result<u64, DatabaseError> {
        let count = self.session.query(
            "select count(*)::text from pg_catalog.pg_stat_activity
             where datname = $1 and pid <> pg_catalog.pg_backend_pid() and backend_type = 'client backend'",
            &[database],
        )?;
        Ok(count
            .single()
            .and_then(|count| count.parse().ok())
            .unwrap_or(0))
    }

    /// The other sessions of a database, for people.
    pub fn sessions(&mut self, database: &str) -> Result<Vec<String>, DatabaseError> {
        let found = self.session.query(
            "select format('process %s (%s, user %s)', pid, coalesce(nullif(application_name, ''), 'no name'), usename)
             from pg_catalog.pg_stat_activity
             where datname = $1 and pid <> pg_catalog.pg_backend_pid() and backend_type = 'client backend'
             order by pid limit 5",
            &[database],
        )?;
        let mut sessions: Vec<String> = found.rows.into_iter().flatten().flatten().collect();
        if sessions.is_empty() {
            sessions.push("sessions that have ended since, or that are not of clients".to_owned());
        }
        Ok(sessions)
    }

    /// The databases that accept connections, without templates.
    pub fn databases(&mut self) -> Result<Vec<String>, DatabaseError> {
        let found = self.session.query(
            "select datname::text from pg_catalog.pg_database
             where datallowconn and not datistemplate order by datname::text collate \"C\"",
            &[],
        )?;
        Ok(found.rows.into_iter().flatten().flatten().collect())
    }

    /// Executes CREATE DATABASE. From PostgreSQL 18 on, files are cloned where the file system can.
    pub fn create(&mut self, statement: &str) -> Result<(), DatabaseError> {
        let may_clone = self.session.server_version_num() >= 180_000
            && self.session.execute("SET file_copy_method = clone").is_ok();
        match self.session.execute(statement) {
            // A file system that can't clone.
            Err(error) if may_clone && error.code().is_some_and(is_of_files) => {
                self.session.execute("SET file_copy_method = copy")?;
                self.session.execute(statement).map(drop)
            }
            created => created.map(drop),
        }
    }

    /// The `STRATEGY` of copying a large database by template (PostgreSQL 15 and later).
    pub fn strategy(&mut self, database: &str) -> Result<&'static str, CloneError> {
        let size = self.session.query(
            "select pg_catalog.pg_database_size($1::name)::text",
            &[database],
        );
        let size = size.map_err(CloneError::database(format!(
            "the size of {database:?} can't be asked"
        )))?;
        let is_large = size
            .single()
            .and_then(|size| size.parse::<u64>().ok())
            .is_some_and(|size| size >= LARGE);
        let known = self.session.server_version_num() >= 150_000;
        Ok(if known && is_large {
            " STRATEGY file_copy"
        } else {
            ""
        })
    }

    /// The properties of a database; `None` if it does not exist.
    pub fn describe(&mut self, database: &str) -> Result<Option<Described>, DatabaseError> {
        // Columns of later versions are read by their names, from JSON.
        let found = self.session.query(
            "select pg_catalog.pg_get_userbyid(datdba)::text, pg_catalog.pg_encoding_to_char(encoding)::text,
                    datcollate::text, datctype::text, to_jsonb(d) ->> 'datlocprovider',
                    coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale'), to_jsonb(d) ->> 'daticurules'
             from pg_catalog.pg_database d where datname = $1",
            &[database],
        )?;
        let Some(row) = found.rows.into_iter().next() else {
            return Ok(None);
        };
        let value = |at: usize| row.get(at).cloned().flatten();
        let option = |word: &str, at: usize| {
            value(at)
                .map(|value| format!(" {word} {}", super::clone::literal(&value)))
                .unwrap_or_default()
        };
        let (provider, locale) = match value(4).as_deref() {
            Some("i") => (
                " LOCALE_PROVIDER icu",
                format!("{}{}", option("ICU_LOCALE", 5), option("ICU_RULES", 6)),
            ),
            Some("b") => (" LOCALE_PROVIDER builtin", option("BUILTIN_LOCALE", 5)),
            _ => ("", String::new()),
        };
        let locale = format!(
            "{}{}{}{provider}{locale}",
            option("ENCODING", 1),
            option("LC_COLLATE", 2),
            option("LC_CTYPE", 3)
        );
        Ok(Some(Described {
            owner: value(0).unwrap_or_default(),
            locale,
        }))
    }
}

/// Whether an SQLSTATE is of the file system: `system_error`, and a feature that it lacks.
fn is_of_files(code: &str) -> bool {
    code.starts_with("58") || code == "0A000"
}
