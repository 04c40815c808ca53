//! Several sessions on one snapshot of the database: one exports it, the others import it
//! (PostgreSQL manual, "Snapshot Synchronization Functions").

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::error::FingerprintError;
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

/// Implements [`super::take`].
pub(super) fn take(
    connect: &dyn Connect,
    scope: &Scope,
    workers: NonZeroUsize,
    taken: Timestamp,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Fingerprint, FingerprintError> {
    let mut session = connect.connect(Purpose::Read)?;
    session.set_patience(PATIENCE);
    settings::begin(session.as_mut())?;
    let snapshot = session.query("select pg_catalog.pg_export_snapshot()", &[])?;
    let snapshot = snapshot.single().unwrap_or_default().to_owned();
    settings::settle(session.as_mut())?;
    let tables = tables::of(session.as_mut(), scope)?;
    let work = Work::new(&tables, progress);
    let helpers = workers.get().min(work.tables.len()).saturating_sub(1);
    let objects = std::thread::scope(|threads| {
        let help = || work.help(connect, &snapshot);
        let helping: Vec<_> = (0..helpers).map(|_| threads.spawn(help)).collect();
        let objects = objects::read(session.as_mut())
            .inspect(|objects| progress(Progress::Objects(objects.len())));
        let own = objects.and_then(|objects| work.carry_on(session.as_mut()).map(|()| objects));
        if own.is_err() {
            work.failed.store(true, Ordering::Relaxed);
        }
        // The first failure is the cause, in any thread.
        let mut results = helping.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(_) => Err(FingerprintError::Unsound(
                "a thread ended without an answer".to_owned(),
            )),
        });
        let others = results.by_ref().collect::<Vec<_>>();
        others.into_iter().collect::<Result<Vec<()>, _>>().and(own)
    })?;
    let data = work
        .data
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    if data.len() != tables.len() {
        return Err(FingerprintError::Unsound(format!(
            "{} of {} tables were read",
            data.len(),
            tables.len()
        )));
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

impl<'a> Work<'a> {
    fn new(tables: &'a [RowsOf], progress: &'a (dyn Fn(Progress<'_>) + Sync)) -> Self {
        let mut tables: Vec<&RowsOf> = tables.iter().collect();
        tables.sort_by_key(|table| std::cmp::Reverse(table.size));
        let (next, done, failed) = (
            AtomicUsize::new(0),
            AtomicUsize::new(0),
            AtomicBool::new(false),
        );
        Self {
            tables,
            next,
            done,
            failed,
            data: Mutex::default(),
            progress,
        }
    }

    fn help(&self, connect: &dyn Connect, snapshot: &str) -> Result<(), FingerprintError> {
        let helped = self
            .opened(connect, snapshot)
            .map_err(FingerprintError::from);
        let helped = helped.and_then(|mut session| self.carry_on(session.as_mut()));
        if helped.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        helped
    }

    fn opened(
        &self,
        connect: &dyn Connect,
        snapshot: &str,
    ) -> Result<Box<dyn Session>, DatabaseError> {
        let mut session = connect.connect(Purpose::Read)?;
        session.set_patience(PATIENCE);
        settings::begin(session.as_mut())?;
        if !snapshot
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        {
            return Err(DatabaseError::unsound(
                "the server's snapshot has a name like none".to_owned(),
            ));
        }
        session.batch(&format!("SET TRANSACTION SNAPSHOT '{snapshot}'"))?;
        settings::settle(session.as_mut())?;
        Ok(session)
    }

    /// Reads tables until none is left, or until a session failed.
    fn carry_on(&self, session: &mut dyn Session) -> Result<(), FingerprintError> {
        while !self.failed.load(Ordering::Relaxed) {
            let Some(table) = self.tables.get(self.next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            (self.progress)(Progress::Begun { table: &table.name });
            let data = rows::read(session, table, rows::MOST_AT_ONCE)?;
            let (done, of) = (
                self.done.fetch_add(1, Ordering::Relaxed) + 1,
                self.tables.len(),
            );
            (self.progress)(Progress::Done {
                table: &table.name,
                rows: data.rows,
                done,
                of,
            });
            self.data
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(table.name.clone(), data);
        }
        Ok(())
    }
}
