//! Locks that a tier's transaction holds after the tier, as other sessions see them.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{ClonedDatabase, Steps};
use crate::database::{DatabaseError, Purpose, Session};
use crate::release::event::{Event, Observer};
use crate::release::failure::Failure;
use crate::release::run_context::RunContext;
use pgseal_verify::format::rehearsal::{CommitPoint, FromPoint, LockRecord};

/// Modes from the weakest to the strongest (PostgreSQL manual, "Table-Level Locks").
const MODES: [&str; 8] = [
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

/// Shared catalogs that a release can change from any database. A writer holds the lock until COMMIT.
const SHARED: &str = "pg_authid,pg_auth_members,pg_tablespace,pg_subscription,pg_replication_origin,pg_parameter_acl,pg_shseclabel";

/// Relations of this database as other sessions see them: without those that the transaction created, and with those that it
/// dropped.
const HELD: &str = "select pg_catalog.concat(n.nspname, '.', c.relname), l.mode
    from pg_catalog.pg_locks l
    join pg_catalog.pg_class c on c.oid = l.relation
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where l.pid = $1::int and l.locktype = 'relation' and l.granted
      and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
      and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pgseal')
    order by 1, 2";

const HELD_SHARED: &str = "select c.relname::text
    from pg_catalog.pg_locks l join pg_catalog.pg_class c on c.oid = l.relation
    where l.pid = $1::int and l.locktype = 'relation' and l.granted and l.database = 0
      and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
      and c.relname = any (string_to_array($2, ','))
    order by 1";

/// A digest of the shared properties of all databases but this one, whose own name, settings, rights and comment a release may
/// change. It is compared between the transaction and another session. Nothing depends on the search path.
const OTHERS: &str = "select pg_catalog.md5(pg_catalog.concat(
        (select pg_catalog.string_agg((pg_catalog.to_jsonb(d) operator(pg_catalog.-) 'datfrozenxid' operator(pg_catalog.-) 'datminmxid')::pg_catalog.text, ',' order by oid)
         from pg_catalog.pg_database d where oid operator(pg_catalog.<>) $1::pg_catalog.text::pg_catalog.oid),
        (select pg_catalog.string_agg(pg_catalog.concat_ws(' ', setdatabase, setrole, setconfig), ',' order by setdatabase, setrole)
         from pg_catalog.pg_db_role_setting where setdatabase operator(pg_catalog.<>) $1::pg_catalog.text::pg_catalog.oid),
        (select pg_catalog.string_agg(pg_catalog.concat_ws(' ', objoid, classoid, description), ',' order by objoid, classoid)
         from pg_catalog.pg_shdescription
         where objoid operator(pg_catalog.<>) $1::pg_catalog.text::pg_catalog.oid),
        (select pg_catalog.string_agg(pg_catalog.concat_ws(' ', oid, spcacl, spcoptions), ',' order by oid)
         from pg_catalog.pg_tablespace)))";

/// Maximum comparisons: another session may commit between the two queries.
const TRIES: u32 = 5;

/// Reports the locks to the observer. Fails if the tier changes objects that all databases of the server share: COMMIT would
/// change them for the source too.
pub(in crate::release) fn look(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    clone: &ClonedDatabase,
    tier: &str,
    observer: &mut dyn Observer,
) -> Result<(), Failure> {
    let held = &held(session, order, clone, tier)?;
    observer.event(Event::Locked { tier, held });
    Ok(())
}

/// The last check before COMMIT, after deferred triggers, which may take locks too.
pub(in crate::release) fn look_again(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    clone: &ClonedDatabase,
    tier: &str,
    observer: &mut dyn Observer,
) -> Result<(), Failure> {
    let what = "what ran at the end of the transaction";
    let held = &held(session, order, clone, what)?;
    observer.event(Event::Locked { tier, held });
    Ok(())
}

/// A relation, and the mode of its lock.
type Lock = (String, String);

/// The locks of a transaction that changes nothing but the clone.
fn held(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    clone: &ClonedDatabase,
    what: &str,
) -> Result<Vec<Lock>, Failure> {
    let (held, shared) = query(session, order, clone)
        .map_err(|error| Failure::database("can't ask for the locks", &error))?;
    let Some(shared) = shared else {
        return Ok(held);
    };
    let hint = "rehearse it on a server of its own, from a dump: there it is allowed";
    Err(Failure {
        hint: Some(hint.to_owned()),
        ..Failure::plain(format!(
            "{what} changes what all databases of this server share ({shared}), which no clone can keep to itself"
        ))
    })
}

/// The locks, and a changed object that all databases of the server share.
fn query(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    clone: &ClonedDatabase,
) -> Result<(Vec<Lock>, Option<String>), DatabaseError> {
    let pid = session.query(
        "select pg_catalog.int4out(pg_catalog.pg_backend_pid())::pg_catalog.text",
        &[],
    )?;
    let pid = pid.single().unwrap_or_default().to_owned();
    let mut other = order.connect.connect(Purpose::Read)?;
    // A release that locks the catalog itself must not block this query of its own rehearsal.
    other.batch("SET lock_timeout = 2000; SET statement_timeout = 10000")?;
    let rows = other.query(HELD, &[&pid])?.rows.into_iter();
    let held = rows.filter_map(|row| <[Option<String>; 2]>::try_from(row).ok());
    let held = held.filter_map(|[relation, mode]| relation.zip(mode));
    let held = held.collect();
    if clone.server_is_its_own() {
        return Ok((held, None));
    }
    let shared = other.query(HELD_SHARED, &[&pid, SHARED])?.rows;
    let mut shared = shared.into_iter().flatten().flatten().next();
    if shared.is_none() && changes_others(session, other.as_mut(), clone)? {
        let text = "settings, rights or comments of another database or of a tablespace";
        shared = Some(text.to_owned());
    }
    Ok((held, shared))
}

fn changes_others(
    session: &mut dyn Session,
    other: &mut dyn Session,
    clone: &ClonedDatabase,
) -> Result<bool, DatabaseError> {
    for _ in 0..TRIES {
        let ours = session.query(OTHERS, &[clone.oid()])?;
        if ours.single() == other.query(OTHERS, &[clone.oid()])?.single() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Observes a run, and records its locks and its commit points for the receipt.
///
/// A lock counts from the last moment at which it was not held, which is before the script that
/// takes it, to the answer to COMMIT. So the recorded time is never less than the real one.
pub(super) struct Recorder<'a> {
    to: &'a mut dyn Steps,
    times: Times,
    points: Vec<CommitPoint>,
    more_points: u64,
}

/// Records of a run for the receipt.
pub(super) struct Observed {
    /// The locks of each relation, the strongest first.
    pub locks: Vec<LockRecord>,
    pub points: Vec<CommitPoint>,
    /// Number of further points.
    pub more_points: u64,
}

/// Maximum commit points of a rehearsal. Each costs a run up to it, a rollback and a fingerprint.
const MAX_POINTS: usize = 500;

impl<'a> Recorder<'a> {
    pub fn new(to: &'a mut dyn Steps) -> Self {
        Self {
            to,
            times: Times::default(),
            points: Vec::new(),
            more_points: 0,
        }
    }

    /// Number of commit points so far.
    pub fn points(&self) -> u64 {
        self.points.len() as u64 + self.more_points
    }

    pub fn end(self) -> Observed {
        Observed {
            locks: self.times.locks(),
            points: self.points,
            more_points: self.more_points,
        }
    }
}

impl Observer for Recorder<'_> {
    fn event(&mut self, event: Event<'_>) {
        let now = Instant::now();
        match &event {
            Event::Transaction => self.times.begun(now),
            Event::Locked { tier, held } => self.times.locked(tier, held, now),
            Event::Committed => self.times.committed(now),
            Event::CommitPoint { tier, at } if self.points.len() < MAX_POINTS => {
                self.points.push(CommitPoint {
                    tier: (*tier).to_owned(),
                    at: at.map(ToString::to_string),
                    rollback: FromPoint::Untried,
                });
            }
            Event::CommitPoint { .. } => self.more_points += 1,
            _ => {}
        }
        self.to.event(event);
    }
}

/// The times of locks.
#[derive(Default)]
struct Times {
    /// The last moment at which the locks of the transaction were known.
    known: Option<Instant>,
    /// Locks of the open transaction: the tier that took them, and the last moment before that.
    open: BTreeMap<Lock, (String, Instant)>,
    /// The locks, with the number of their transaction.
    records: Vec<(usize, LockRecord)>,
    transactions: usize,
}

impl Times {
    fn begun(&mut self, now: Instant) {
        self.open.clear();
        self.known = Some(now);
        self.transactions += 1;
    }

    fn locked(&mut self, tier: &str, held: &[Lock], now: Instant) {
        let since = self.known.replace(now).unwrap_or(now);
        for lock in held {
            let first = || (tier.to_owned(), since);
            self.open.entry(lock.clone()).or_insert_with(first);
        }
    }

    fn committed(&mut self, now: Instant) {
        for ((relation, mode), (tier, since)) in std::mem::take(&mut self.open) {
            // Rounded up.
            let milliseconds = (now - since).as_micros().div_ceil(1000) as u64;
            let record = LockRecord {
                tier,
                relation,
                mode,
                milliseconds,
            };
            self.records.push((self.transactions, record));
        }
    }

    /// Without the locks that say nothing beside a stronger one of the same transaction or tier
    /// that was held at least as long.
    fn locks(mut self) -> Vec<LockRecord> {
        self.records.sort_by(|(_, a), (_, b)| {
            strength(&b.mode)
                .cmp(&strength(&a.mode))
                .then_with(|| a.relation.cmp(&b.relation))
                .then_with(|| b.milliseconds.cmp(&a.milliseconds))
        });
        let mut kept: BTreeMap<String, Vec<(usize, String, u64)>> = BTreeMap::new();
        self.records.retain(|(transaction, lock)| {
            let of_relation = kept.entry(lock.relation.clone()).or_default();
            let is_covered = of_relation.iter().any(|(of, tier, milliseconds)| {
                *milliseconds >= lock.milliseconds && (of == transaction || *tier == lock.tier)
            });
            if !is_covered {
                of_relation.push((*transaction, lock.tier.clone(), lock.milliseconds));
            }
            !is_covered
        });
        self.records.into_iter().map(|(_, lock)| lock).collect()
    }
}

fn strength(mode: &str) -> usize {
    MODES
        .iter()
        .position(|known| *known == mode)
        .map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_lock_counts_from_before_its_tier_to_the_answer_to_commit() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let lock = |relation: &str, mode: &str| (relation.to_owned(), format!("{mode}Lock"));
        let (a, b) = (lock("a", "AccessExclusive"), lock("b", "Share"));
        let read = lock("a", "AccessShare");
        let mut times = Times::default();
        // A failed attempt counts for nothing.
        times.begun(at(0));
        times.locked("one", &[lock("c", "Share")], at(1));
        times.begun(at(10));
        times.locked("one", std::slice::from_ref(&read), at(12));
        times.locked("two", &[read.clone(), a.clone()], at(15));
        times.locked("two", &[read, a, b.clone()], at(16));
        times.committed(at(20));
        times.begun(at(30));
        times.locked("three", std::slice::from_ref(&b), at(31));
        times.committed(at(33));
        // A tier whose statements commit one by one: its longest counts.
        for start in [40, 50] {
            times.begun(at(start));
            times.locked("four", std::slice::from_ref(&b), at(start + 1));
            times.committed(at(start / 5 + start));
        }
        let locks = times.locks().into_iter();
        let locks: Vec<_> = locks
            .map(|lock| {
                format!(
                    "{} {} {} {}",
                    lock.relation, lock.mode, lock.tier, lock.milliseconds
                )
            })
            .collect();
        assert_eq!(
            locks,
            [
                "a AccessExclusiveLock two 8000",
                "b ShareLock four 10000",
                "b ShareLock two 5000",
                "b ShareLock three 3000",
                "a AccessShareLock one 10000"
            ]
        );
    }

    struct Quiet;

    impl Observer for Quiet {
        fn event(&mut self, _: Event<'_>) {}
    }

    impl Steps for Quiet {
        fn begins(&mut self, _: &str) {}

        fn ended(&mut self, _: &pgseal_verify::format::rehearsal::RehearsalStep) {}
    }

    #[test]
    fn points_beyond_the_most_are_counted() {
        let mut quiet = Quiet;
        let mut recorder = Recorder::new(&mut quiet);
        for _ in 0..MAX_POINTS + 3 {
            recorder.event(Event::CommitPoint {
                tier: "index",
                at: None,
            });
        }
        assert_eq!(recorder.points(), MAX_POINTS as u64 + 3);
        let observed = recorder.end();
        assert_eq!(
            (observed.points.len(), observed.more_points),
            (MAX_POINTS, 3)
        );
        let is_untried = |point: &CommitPoint| point.rollback == FromPoint::Untried;
        assert!(observed.points.iter().all(is_untried));
    }
}
