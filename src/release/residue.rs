//! Detects the residue of verify scripts: proves that there is none, or names it.
//!
//! Rows of a rolled-back transaction are gone. Two kinds of residue remain possible: values drawn
//! from sequences, since `nextval` is not rolled back (PostgreSQL manual, "Sequence Manipulation
//! Functions"), and writes of a function outside of this transaction. So the tables that the script
//! locked for writing are compared, before and after, by number of rows and digest. Every sequence
//! that it has drawn from is compared by its value.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::run_context::RunContext;
use super::settings;
use crate::database::{DatabaseError, Purpose, Session, Table};
use crate::fingerprint::{self, FingerprintError};
use pgseal_verify::format::fingerprint::TableData;

/// The residue of a script, as far as known.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Residue {
    /// Tables and sequences that the script wrote to and that are unchanged.
    pub same: Vec<String>,
    /// Residue, a sentence each.
    pub left: Vec<String>,
    /// Objects that cannot be compared, with reasons. The rollback of the script's transaction is
    /// certain all the same.
    pub unproved: Vec<String>,
}

impl Residue {
    /// Notes why rows cannot be compared; fails if the server did not answer.
    fn proved<T>(
        &mut self,
        taken: Result<T, FingerprintError>,
    ) -> Result<Option<T>, DatabaseError> {
        match taken {
            Ok(taken) => Ok(Some(taken)),
            Err(FingerprintError::Database(error)) => Err(error),
            Err(other) => {
                self.unproved.push(other.to_string());
                Ok(None)
            }
        }
    }
}

/// The database before a script.
pub struct Before {
    session: Box<dyn Session>,
    sequences: BTreeMap<String, Value>,
    began: Instant,
}

/// Facts about a script's own transaction, queried before it ends.
#[derive(Default)]
pub struct Traces {
    /// Object identifiers of the relations that it has locked for writing.
    written: Vec<String>,
    /// Its transaction id, if one was assigned.
    transaction: Option<String>,
}

/// The name of a sequence, and the last value drawn from it.
type Value = (String, Option<String>);

/// Minimum wait before checking whether other sessions write to a table continuously.
const CONTROL: Duration = Duration::from_secs(1);
/// Maximum of the same wait.
const LONGEST_CONTROL: Duration = Duration::from_secs(5);

/// Tables and sequences of this database that this session has locked for writing.
///
/// Relation locks are held until the transaction ends. A sequence's lock belongs to the whole
/// transaction even if a part of it failed (`lock_and_open_sequence` in PostgreSQL's `sequence.c`).
const WRITTEN: &str = "select distinct l.relation::pg_catalog.text
    from pg_catalog.pg_locks l
    where l.pid = pg_catalog.pg_backend_pid() and l.locktype = 'relation' and l.granted
      and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
      and l.mode not in ('AccessShareLock', 'RowShareLock')";

/// Those of the given relations that existed before and hold rows.
const THERE: &str = "select pg_catalog.format('%I.%I', n.nspname, c.relname)
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.oid::pg_catalog.text = any (pg_catalog.string_to_array($1, ',')) and c.relkind in ('r', 'm')
      and c.relpersistence <> 't' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pgseal')
    order by 1";

/// The value of a sequence from which nothing was drawn.
const NOT_DRAWN_FROM: &str = "not drawn from";

/// Every sequence, by its oid, with its last value if this role could draw from it.
///
/// A query by name is unsafe: the owner of the sequence or its schema could replace it by a view,
/// with code that runs as this role. The function locks a sequence as drawing does, so it is called
/// outside of any transaction.
const SEQUENCES: &str = "select c.oid::pg_catalog.text, pg_catalog.format('%I.%I', n.nspname, c.relname),
        case when pg_catalog.has_sequence_privilege(c.oid, 'USAGE') or pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
             then coalesce(pg_catalog.pg_sequence_last_value(c.oid)::pg_catalog.text, 'not drawn from') end
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'S' and c.relpersistence <> 't'";

impl Before {
    /// Remembers the database's current state: a snapshot, kept by a session of its own, and the
    /// last values of sequences, which no snapshot holds.
    pub fn remember(order: &RunContext<'_>) -> Result<Self, DatabaseError> {
        let mut session = order.connect.connect(Purpose::Read)?;
        settings::reset(session.as_mut(), order.limits)?;
        let sequences = sequences(session.as_mut())?;
        begin(session.as_mut())?;
        Ok(Self {
            session,
            sequences,
            began: Instant::now(),
        })
    }

    /// Compares, after the script's transaction is rolled back. `after` is a session without a
    /// transaction.
    pub fn compare(
        mut self,
        after: &mut dyn Session,
        traces: &Traces,
        order: &RunContext<'_>,
    ) -> Result<Residue, Failure> {
        let failed =
            |error| Failure::database("can't compare the database with what it was", &error);
        let took = self.began.elapsed();
        let mut residue = Residue::default();
        settings::reset(after, order.limits).map_err(failed)?;
        if let Some(id) = &traces.transaction {
            let status = after
                .query(
                    "select pg_catalog.pg_xact_status($1::pg_catalog.text::pg_catalog.xid8)",
                    &[id],
                )
                .map_err(failed)?;
            if status.single() != Some("aborted") {
                let status = status.single().unwrap_or("of unknown outcome");
                let text = format!("its transaction {id} is {status}, not rolled back");
                residue.left.push(text);
            }
        }
        let now = sequences(after).map_err(failed)?;
        let written = self.sequences.iter();
        for (oid, (name, before)) in written.filter(|(oid, _)| traces.written.contains(oid)) {
            match now.get(oid) {
                // Without the right to read it, its value is unknown.
                Some((_, None)) => residue
                    .unproved
                    .push(format!("sequence {name}: the role may not read it")),
                // A value set by `setval(..., false)` can only be read by the sequence's name.
                Some((_, Some(value))) if value == NOT_DRAWN_FROM => {
                    residue.unproved.push(format!(
                        "sequence {name}: not drawn from, and nothing tells what it begins with"
                    ));
                }
                Some((_, value)) if value == before => residue.same.push(name.clone()),
                value => {
                    let after = value.and_then(|(_, value)| value.clone());
                    residue.left.push(format!(
                        "sequence {name} was {} and is {}: {DRAWN}",
                        said(before),
                        said(&after)
                    ));
                }
            }
        }
        let names = self.session.query(THERE, &[&traces.written.join(",")]);
        let names = column(names.map_err(failed)?);
        self.tables(names, took, order, &mut residue)
            .map_err(failed)?;
        Ok(residue)
    }

    fn tables(
        &mut self,
        names: Vec<String>,
        took: Duration,
        order: &RunContext<'_>,
        residue: &mut Residue,
    ) -> Result<(), DatabaseError> {
        if names.is_empty() {
            return Ok(());
        }
        let session = self.session.as_mut();
        // Before: the old snapshot. After: a new one.
        let taken = take(session, &names).and_then(|before| {
            begin_again(session)?;
            Ok((before, take(session, &names)?))
        });
        let Some((before, after)) = residue.proved(taken)? else {
            return Ok(());
        };
        let differ = changed(&before, &after);
        residue.same.extend(
            before
                .keys()
                .filter(|name| !is_sequence(&before, name) && !differ.contains(name))
                .cloned(),
        );
        if differ.is_empty() {
            return Ok(());
        }
        // Waits the same time again without the script, to detect tables that others write to
        // continuously. The next query reports an interruption.
        let _ = order.stop.pause(took.clamp(CONTROL, LONGEST_CONTROL));
        begin_again(session)?;
        let Some(control) = residue.proved(take(session, &names))? else {
            return Ok(());
        };
        let busy = changed(&after, &control);
        for name in differ {
            if busy.contains(&name) {
                residue
                    .unproved
                    .push(format!("{name}: others write to it all the time"));
            } else {
                let rows = |of: &Rows| of.get(&name).map_or(0, |data| data.rows);
                let (was, is) = (rows(&before), rows(&after));
                residue.left.push(format!(
                    "table {name} had {was} rows and has {is}, or others: {WRITTEN_TO}"
                ));
            }
        }
        Ok(())
    }
}

const DRAWN: &str =
    "a rollback gives back no value of a sequence; let the script write the value itself";
const WRITTEN_TO: &str =
    "a function wrote by another way than this transaction, or another session did meanwhile";

impl Traces {
    /// Queries the traces inside the script's transaction, before it ends.
    pub fn ask(session: &mut dyn Session) -> Result<Self, DatabaseError> {
        // Avoids operators that the script may have created.
        session.batch("SET LOCAL search_path = pg_catalog, pg_temp")?;
        let id = session.query(
            "select pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text",
            &[],
        )?;
        let transaction = id.single().map(str::to_owned);
        Ok(Self {
            written: column(session.query(WRITTEN, &[])?),
            transaction,
        })
    }

    /// The transaction id, which only a writing transaction is assigned.
    pub fn transaction(&self) -> Option<&str> {
        self.transaction.as_deref()
    }
}

fn begin(session: &mut dyn Session) -> Result<(), DatabaseError> {
    // Idle while the script runs, however long its limits allow.
    session.batch("SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    let snapshot = "select pg_catalog.pg_current_snapshot()::pg_catalog.text";
    session.query(snapshot, &[]).map(drop)
}

fn begin_again(session: &mut dyn Session) -> Result<(), DatabaseError> {
    session.execute("ROLLBACK")?;
    begin(session)
}

/// Rows by table. Definitions are not compared: the script's own transaction is rolled back.
type Rows = BTreeMap<String, TableData>;

fn take(session: &mut dyn Session, tables: &[String]) -> Result<Rows, FingerprintError> {
    fingerprint::rows_on(session, tables, fingerprint::MOST_AT_ONCE)
}

/// Tables with different rows. Sequences are compared separately, because a snapshot does not hold
/// their values.
fn changed(a: &Rows, b: &Rows) -> Vec<String> {
    let differs =
        |(name, data): &(&String, _)| b.get(*name) != Some(*data) && !is_sequence(a, name);
    a.iter()
        .filter(differs)
        .map(|(name, _)| name.clone())
        .collect()
}

fn is_sequence(of: &Rows, name: &str) -> bool {
    of.get(name)
        .is_some_and(|data| data.digest.starts_with("value "))
}

fn sequences(session: &mut dyn Session) -> Result<BTreeMap<String, Value>, DatabaseError> {
    let row = |row: Vec<Option<String>>| {
        let [oid, name, value]: [Option<String>; 3] = row.try_into().ok()?;
        Some((oid?, (name?, value)))
    };
    Ok(session
        .query(SEQUENCES, &[])?
        .rows
        .into_iter()
        .filter_map(row)
        .collect())
}

fn column(table: Table) -> Vec<String> {
    table.rows.into_iter().flatten().flatten().collect()
}

fn said(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("unknown")
}
