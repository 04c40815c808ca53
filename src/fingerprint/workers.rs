//! Several sessions on one snapshot of the database: one exports it, the others import it
//! (PostgreSQL manual, "Snapshot Synchronization Functions").

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use super::FingerprintError;
use super::tables::RowsOf;
use super::{Progress, document, objects, rows, settings, tables};
use crate::database::{Connect, DatabaseError, Purpose, Session};
use pgseal_verify::format::fingerprint::{Fingerprint, Scope, TableData};
use pgseal_verify::format::timestamp::Timestamp;

/// Client timeout: the server sends nothing while it reads a large table.
const PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);

/// State shared by the sessions.
struct Work<'a> {
    /// The largest table first, so that no session is left alone with it at the end.
    tables: Vec<&'a RowsOf>,
    next: AtomicUsize,
    done: AtomicUsize,
    failed: AtomicBool,
    data: Mutex<BTreeMap<String, TableData>>,
    progress: &'a (dyn Fn(Progress<'_>) + Sync),
}

/// Takes the fingerprint of a database on separate sessions: read-only, all on one snapshot,
/// independent of concurrent commits. `workers` sessions read tables in parallel; `taken` is the
/// host's clock.
///
/// The role must be able to read every table in `tables`, without row-level security. An unreadable
/// table is an error and never omitted.
pub fn take(
    connect: &dyn Connect,
    scope: &Scope,
    workers: NonZeroUsize,
    taken: Timestamp,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Fingerprint, FingerprintError> {
    let mut session = begin(connect)?;
    let snapshot = session.query("select pg_catalog.pg_export_snapshot()", &[])?;
    let snapshot = snapshot.single().unwrap_or_default().to_owned();
    settings::settle(session.as_mut())?;
    let tables = tables::of(session.as_mut(), scope)?;
    let mut largest_first: Vec<&RowsOf> = tables.iter().collect();
    largest_first.sort_by_key(|table| std::cmp::Reverse(table.size));
    let work = Work {
        tables: largest_first,
        next: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
        data: Mutex::default(),
        progress,
    };
    let helpers = workers.get().min(work.tables.len()).saturating_sub(1);
    let objects = std::thread::scope(|threads| {
        let help = || work.help(connect, &snapshot);
        let helping: Vec<_> = (0..helpers).map(|_| threads.spawn(help)).collect();
        let objects = objects::read(session.as_mut())
            .inspect(|objects| progress(Progress::Objects(objects.len())));
        let own = objects.and_then(|objects| work.read(session.as_mut()).map(|()| objects));
        if own.is_err() {
            work.failed.store(true, Ordering::Relaxed);
        }
        let panicked = || FingerprintError::Unsound("a thread ended without an answer".to_owned());
        let others = helping.into_iter().map(ScopedJoinHandle::join);
        // All are joined first. The first failure is the cause, in any thread.
        let others: Vec<_> = others.collect();
        for other in others {
            other.unwrap_or_else(|_| Err(panicked()))?;
        }
        own
    })?;
    let data = work
        .data
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let (read, all) = (data.len(), tables.len());
    if read != all {
        let text = format!("{read} of {all} tables were read");
        return Err(FingerprintError::Unsound(text));
    }
    let fingerprint = document::make(
        session.as_mut(),
        tables::resolved(scope, &tables),
        objects,
        data,
        taken,
    )?;
    session.batch("ROLLBACK")?;
    Ok(fingerprint)
}

impl Work<'_> {
    fn help(&self, connect: &dyn Connect, snapshot: &str) -> Result<(), FingerprintError> {
        let helped = open(connect, snapshot).and_then(|mut session| self.read(session.as_mut()));
        helped.inspect_err(|_| self.failed.store(true, Ordering::Relaxed))
    }

    /// Reads tables until none is left, or until a session failed.
    fn read(&self, session: &mut dyn Session) -> Result<(), FingerprintError> {
        while !self.failed.load(Ordering::Relaxed) {
            let Some(table) = self.tables.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            (self.progress)(Progress::Begun { table: &table.name });
            let data = rows::read(session, table, rows::MOST_AT_ONCE)?;
            (self.progress)(Progress::Done {
                table: &table.name,
                rows: data.rows,
                done: self.done.fetch_add(1, Ordering::Relaxed) + 1,
                of: self.tables.len(),
            });
            let mut all = self.data.lock().unwrap_or_else(PoisonError::into_inner);
            all.insert(table.name.clone(), data);
        }
        Ok(())
    }
}

/// Begins a read-only transaction on one snapshot.
pub(super) fn begin(connect: &dyn Connect) -> Result<Box<dyn Session>, DatabaseError> {
    let mut session = connect.connect(Purpose::Read)?;
    session.set_patience(PATIENCE);
    session.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    Ok(session)
}

fn open(connect: &dyn Connect, snapshot: &str) -> Result<Box<dyn Session>, FingerprintError> {
    let mut session = begin(connect)?;
    if !snapshot
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    {
        let error = DatabaseError::unsound("the server's snapshot has a name like none");
        return Err(error.into());
    }
    session.batch(&format!("SET TRANSACTION SNAPSHOT '{snapshot}'"))?;
    settings::settle(session.as_mut())?;
    Ok(session)
}
