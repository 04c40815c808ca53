//! What a verify script has left behind: proved to be nothing, or named.
//!
//! Rows of a transaction that is rolled back are gone, and yet two things can stay: what sequences gave out, since
//! `nextval` is not rolled back (PostgreSQL manual, "Sequence Manipulation Functions"), and what somebody's function did by
//! other ways than this transaction. So the tables that the script locked to write are compared, before and after, by
//! number of rows and digest; and every sequence that it has drawn from, by its value.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::order::Order;
use super::settings;
use crate::database::{DatabaseError, Purpose, Session, Table};
use crate::fingerprint::{self, FingerprintError};
use pgseal_verify::format::fingerprint::TableData;

/// What is known of a script's traces.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Residue {
    /// Tables and sequences that the script wrote to, and that are as before.
    pub same: Vec<String>,
    /// What it left, a sentence each.
    pub left: Vec<String>,
    /// What can't be compared, and why. That the script's transaction was rolled back is known all the same.
    pub unproved: Vec<String>,
}

/// The database before a script.
pub struct Before {
    session: Box<dyn Session>,
    sequences: BTreeMap<String, Value>,
    began: Instant,
}

/// What a script's own transaction knows of itself, asked before it ends.
#[derive(Default)]
pub struct Traces {
    /// Object identifiers of the relations that it has locked to write.
    written: Vec<String>,
    /// Its transaction id, if it was given one.
    transaction: Option<String>,
}

/// What a sequence has given out, and its name.
type Value = (String, Option<String>);

/// Waits at least this long before asking whether somebody else writes to a table all the time.
const CONTROL: Duration = Duration::from_secs(1);
/// And at most this long.
const LONGEST_CONTROL: Duration = Duration::from_secs(5);

/// Tables and sequences of this database on which this session holds a lock that is for writing. Locks of relations are held
/// until the transaction ends; that of a sequence belongs to the whole transaction even where a part of it failed
/// (`lock_and_open_sequence` in PostgreSQL's `sequence.c`).
const WRITTEN: &str = "select distinct l.relation::pg_catalog.text
    from pg_catalog.pg_locks l
    where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.granted
      and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
      and l.mode not in ('AccessShareLock', 'RowShareLock')";

/// What was there before, of these, and holds rows.
const THERE: &str = "select pg_catalog.format('%I.%I', n.nspname, c.relname)
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.oid::pg_catalog.text = any (pg_catalog.string_to_array($1, ',')) and c.relkind in ('r', 'm')
      and c.relpersistence <> 't' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pgseal')
    order by 1";

/// A sequence that has given out nothing.
const NOT_DRAWN_FROM: &str = "not drawn from";

/// Every sequence that this role could draw from, by its number: whoever owns it, or what it belongs to, could put a view in the place of
/// its name, with code that runs as this role. The function locks a sequence as drawing does, so it is asked outside of any
/// transaction.
const SEQUENCES: &str = "select c.oid::pg_catalog.text, pg_catalog.format('%I.%I', n.nspname, c.relname),
        case when pg_catalog.has_sequence_privilege(c.oid, 'USAGE') or pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
             then coalesce(pg_catalog.pg_sequence_last_value(c.oid)::pg_catalog.text, 'not drawn from') end
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'S' and c.relpersistence <> 't'";

impl Before {
    /// Remembers the database as it is at this moment: a snapshot that a session of its own keeps, and what the sequences
    /// have given out, which no snapshot knows.
    pub fn remember(order: &Order<'_>) -> Result<Self, DatabaseError> {
        let mut session = order.connect.connect(Purpose::Read)?;
        settings::reset(session.as_mut(), order.limits)?;
        let sequences = sequences(session.as_mut())?;
        begin(session.as_mut())?;
        Ok(Self { session, sequences, began: Instant::now() })
    }

    /// Compares, once the script's transaction is rolled back. `after` is a session without a transaction.
    pub fn compare(mut self, after: &mut dyn Session, traces: &Traces, order: &Order<'_>) -> Result<Residue, Failure> {
        let failed = |error| Failure::database("can't compare the database with what it was", &error);
        let took = self.began.elapsed();
        let mut residue = Residue::default();
        settings::reset(after, order.limits).map_err(failed)?;
        if let Some(id) = &traces.transaction {
            let status = after
                .query("select pg_catalog.pg_xact_status($1::pg_catalog.text::pg_catalog.xid8)", &[id])
                .map_err(failed)?;
            if status.single() != Some("aborted") {
                let status = status.single().unwrap_or("of unknown outcome");
                residue.left.push(format!("its transaction {id} is {status}, not rolled back"));
            }
        }
        let now = sequences(after).map_err(failed)?;
        for (oid, (name, before)) in self.sequences.iter().filter(|(oid, _)| traces.written.contains(oid)) {
            match now.get(oid) {
                // Without the right to ask nobody knows.
                Some((_, None)) => residue.unproved.push(format!("sequence {name}: the role may not read it")),
                // What `setval(..., false)` has set, a sequence says only where it is read by name.
                Some((_, Some(value))) if value == NOT_DRAWN_FROM => {
                    residue
                        .unproved
                        .push(format!("sequence {name}: not drawn from, and nothing tells what it begins with"));
                }
                Some((_, value)) if value == before => residue.same.push(name.clone()),
                value => {
                    let after = value.and_then(|(_, value)| value.clone());
                    residue.left.push(format!("sequence {name} was {} and is {}: {DRAWN}", said(before), said(&after)));
                }
            }
        }
        let names = self.session.query(THERE, &[&traces.written.join(",")]).map_err(failed)?;
        let names: Vec<String> = column(names);
        self.tables(names, took, order, &mut residue).map_err(failed)?;
        Ok(residue)
    }

    fn tables(
        &mut self,
        names: Vec<String>,
        took: Duration,
        order: &Order<'_>,
        residue: &mut Residue,
    ) -> Result<(), DatabaseError> {
        if names.is_empty() {
            return Ok(());
        }
        let session = self.session.as_mut();
        // Before, as the snapshot has it; after, in one of now.
        let taken = take(session, &names).and_then(|before| {
            begin_again(session)?;
            Ok((before, take(session, &names)?))
        });
        let (before, after) = match taken {
            Ok(both) => both,
            Err(FingerprintError::Database(error)) => return Err(error),
            Err(other) => {
                residue.unproved.push(other.to_string());
                return Ok(());
            }
        };
        let differ = changed(&before, &after);
        residue
            .same
            .extend(before.keys().filter(|name| !is_sequence(&before, name) && !differ.contains(name)).cloned());
        if differ.is_empty() {
            return Ok(());
        }
        // The same time again without the script: who else writes all the time shows now.
        // Whoever stops it is told so, whatever was seen.
        let _ = order.stop.pause(took.clamp(CONTROL, LONGEST_CONTROL));
        begin_again(session)?;
        let control = match take(session, &names) {
            Ok(control) => control,
            Err(FingerprintError::Database(error)) => return Err(error),
            Err(other) => {
                residue.unproved.push(other.to_string());
                return Ok(());
            }
        };
        let busy = changed(&after, &control);
        for name in differ {
            if busy.contains(&name) {
                residue.unproved.push(format!("{name}: others write to it all the time"));
            } else {
                let rows = |of: &Rows| of.get(&name).map_or(0, |data| data.rows);
                let (was, is) = (rows(&before), rows(&after));
                residue.left.push(format!("table {name} had {was} rows and has {is}, or others: {WRITTEN_TO}"));
            }
        }
        Ok(())
    }
}

const DRAWN: &str = "a rollback gives back no value of a sequence; let the script write the value itself";
const WRITTEN_TO: &str = "a function wrote by another way than this transaction, or somebody else did meanwhile";

impl Traces {
    /// Asks inside the script's transaction, before it ends.
    pub fn ask(session: &mut dyn Session) -> Result<Self, DatabaseError> {
        // Not where the script may have put operators of its own.
        session.batch("SET LOCAL search_path = pg_catalog, pg_temp")?;
        let id = session.query("select pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text", &[])?;
        let transaction = id.single().map(str::to_owned);
        Ok(Self { written: column(session.query(WRITTEN, &[])?), transaction })
    }

    /// The id that a transaction was given, which only one that writes is.
    pub fn transaction(&self) -> Option<&str> {
        self.transaction.as_deref()
    }
}

fn begin(session: &mut dyn Session) -> Result<(), DatabaseError> {
    // Idle while the script runs, however long its limits allow.
    session.batch("SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    session.query("select pg_catalog.pg_current_snapshot()::pg_catalog.text", &[]).map(drop)
}

fn begin_again(session: &mut dyn Session) -> Result<(), DatabaseError> {
    session.execute("ROLLBACK")?;
    begin(session)
}

/// Rows by table. Definitions are not compared: the script's own transaction is known to be rolled back.
type Rows = BTreeMap<String, TableData>;

fn take(session: &mut dyn Session, tables: &[String]) -> Result<Rows, FingerprintError> {
    fingerprint::rows_on(session, tables, fingerprint::MOST_AT_ONCE)
}

/// The tables whose rows are not the same. What a sequence gave out is compared apart: a snapshot doesn't know it.
fn changed(a: &Rows, b: &Rows) -> Vec<String> {
    let differs = |(name, data): &(&String, _)| b.get(*name) != Some(*data) && !is_sequence(a, name);
    a.iter().filter(differs).map(|(name, _)| name.clone()).collect()
}

fn is_sequence(of: &Rows, name: &str) -> bool {
    of.get(name).is_some_and(|data| data.digest.starts_with("value "))
}

fn sequences(session: &mut dyn Session) -> Result<BTreeMap<String, Value>, DatabaseError> {
    let row = |row: Vec<Option<String>>| {
        let [oid, name, value]: [Option<String>; 3] = row.try_into().ok()?;
        Some((oid?, (name?, value)))
    };
    Ok(session.query(SEQUENCES, &[])?.rows.into_iter().filter_map(row).collect())
}

fn column(table: Table) -> Vec<String> {
    table.rows.into_iter().flatten().flatten().collect()
}

fn said(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("unknown")
}
