//! The ledger: pgseal's table in the target database. Rows are only added, in the very transaction that they tell of.

use std::collections::BTreeMap;

use crate::database::{DatabaseError, Session};
use crate::format::manifest::Release;
use crate::format::name::Name;
use crate::format::receipt::Action;
use crate::format::statement::ReleaseId;

/// A row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number: the order of what happened.
    pub id: u64,
    /// The server's clock at the start of the transaction.
    pub at: String,
    /// `run` or `rollback`.
    pub action: String,
    /// The release's name.
    pub release: String,
    /// Its version.
    pub version: String,
    /// Its sequence.
    pub sequence: u32,
    /// Its id.
    pub release_id: String,
    /// The run that wrote it.
    pub run_id: String,
    /// The transaction that wrote it.
    pub transaction_id: String,
    /// Who ran it.
    pub role: String,
    /// The variables' values.
    pub variables: BTreeMap<String, String>,
}

/// Which releases of one name are in effect: a run puts one on top, its rollback takes it away again, and what was
/// below is in effect as before.
pub fn in_effect(rows: &[Entry]) -> Vec<&Entry> {
    let mut stack: Vec<&Entry> = Vec::new();
    for row in rows {
        if row.action == Action::Run.as_str() {
            stack.push(row);
        } else if stack.last().is_some_and(|top| top.release_id == row.release_id) {
            stack.pop();
        }
    }
    stack
}

/// Statements that make the ledger where it is missing. `format` says which of them a table came from.
const CREATE: [&str; 4] = [
    "create schema if not exists pgseal",
    "comment on schema pgseal is 'ledger of signed releases; written by pgseal, in the transaction of each run'",
    "create table if not exists pgseal.ledger (
        id bigint generated always as identity primary key,
        format integer not null default 1 check (format = 1),
        at timestamptz not null default transaction_timestamp(),
        action text not null check (action in ('run', 'rollback')),
        release text not null,
        version text not null,
        sequence bigint not null,
        release_id text not null check (release_id ~ '^[0-9a-f]{64}$'),
        run_id text not null unique,
        transaction_id text not null,
        role text not null default current_user,
        variables jsonb not null,
        signers text not null,
        pgseal text not null
    )",
    "comment on table pgseal.ledger is 'one row a run or rollback; the last row of a release says whether it is in effect'",
];

/// Whether there is a ledger at all. What is there must be a plain table that does nothing of its own: a view, a trigger,
/// a rule or a policy that somebody put there could run code as us, hide rows, or lose them.
fn exists(session: &mut dyn Session) -> Result<bool, DatabaseError> {
    let found = session.query(
        "select case
                when c.relkind <> 'r' then 'it is not a plain table'
                when c.relhastriggers or c.relhasrules then 'it has triggers or rules'
                when c.relrowsecurity then 'it has row security'
                when exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent)) then 'it is inherited'
                when exists (select from pg_attribute a where a.attrelid = c.oid and a.atttypid >= 16384
                               and a.attnum > 0) then 'it has columns of foreign types'
                when exists (select from pg_depend d left join pg_constraint k on k.conrelid = c.oid
                               left join pg_attrdef f on f.adrelid = c.oid
                               where d.objid in (c.oid, k.oid, f.oid) and d.refclassid = 'pg_proc'::regclass
                                 and d.refobjid >= 16384) then 'it calls functions'
                else '' end
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'pgseal' and c.relname = 'ledger'",
        &[],
    )?;
    match found.single() {
        None => Ok(false),
        Some("") => Ok(true),
        Some(why) => Err(DatabaseError::Unsound(format!("the table pgseal.ledger is not one that pgseal made: {why}"))),
    }
}

/// All rows, oldest first; none where no release ever ran.
pub fn entries(session: &mut dyn Session) -> Result<Vec<Entry>, DatabaseError> {
    if !exists(session)? {
        return Ok(Vec::new());
    }
    let table = session.query(
        "select id::text, to_char(timezone('UTC', at), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), action, release, version,
                sequence::text, release_id, run_id, transaction_id, role, variables::text
         from pgseal.ledger as row order by row.id",
        &[],
    )?;
    Ok(table.rows.into_iter().map(entry).collect())
}

/// The rows of one release's name, oldest first.
pub fn of_release(session: &mut dyn Session, name: &Name) -> Result<Vec<Entry>, DatabaseError> {
    let mut rows = entries(session)?;
    rows.retain(|entry| entry.release == name.as_str());
    Ok(rows)
}

/// What a row needs that the server doesn't know.
pub struct NewEntry<'a> {
    /// What was done.
    pub action: Action,
    /// Which release.
    pub release: &'a Release,
    /// Its id.
    pub release_id: ReleaseId,
    /// The run.
    pub run_id: &'a str,
    /// Its transaction.
    pub transaction_id: &'a str,
    /// The variables' values.
    pub variables: &'a BTreeMap<String, String>,
    /// Ids of the keys that signed, joined by commas.
    pub signers: &'a str,
}

/// Makes the ledger where it is missing. Inside the run's transaction and before its first statement, so that a role
/// that may not make it learns so at once.
pub fn ensure(session: &mut dyn Session) -> Result<(), DatabaseError> {
    if !exists(session)? {
        for statement in CREATE {
            session.query(statement, &[])?;
        }
    }
    Ok(())
}

/// Adds a row. Inside the run's transaction.
pub fn add(session: &mut dyn Session, new: &NewEntry<'_>) -> Result<(), DatabaseError> {
    let added = session.query(
        "insert into pgseal.ledger
             (action, release, version, sequence, release_id, run_id, transaction_id, signers, pgseal, variables)
         values ($1::text, $2::text, $3::text, $4::text::bigint, $5::text, $6::text, $7::text, $8::text, $9::text,
                 $10::text::jsonb)
         returning '1'::text",
        &[
            new.action.as_str(),
            new.release.name.as_str(),
            new.release.version.as_str(),
            &new.release.sequence.to_string(),
            &new.release_id.to_string(),
            new.run_id,
            new.transaction_id,
            new.signers,
            crate::format::version::PGSEAL,
            &serde_json::json!(new.variables).to_string(),
        ],
    )?;
    match added.single() {
        Some("1") => Ok(()),
        _ => Err(DatabaseError::Unsound("the ledger took no row".to_owned())),
    }
}

/// Whether the role may make the ledger, where there is none.
pub fn may_be_made(session: &mut dyn Session) -> Result<bool, DatabaseError> {
    if exists(session)? {
        return Ok(true);
    }
    let may = session.query("select has_database_privilege(current_database()::text, 'CREATE')::text", &[])?;
    Ok(may.single() == Some("true"))
}

/// Whether a run's row is there: proof that its transaction was committed.
pub fn has_run(session: &mut dyn Session, run_id: &str) -> Result<bool, DatabaseError> {
    if !exists(session)? {
        return Ok(false);
    }
    let found = session.query("select count(*)::text from pgseal.ledger where run_id = $1::text", &[run_id])?;
    Ok(found.single() == Some("1"))
}

fn entry(row: Vec<Option<String>>) -> Entry {
    let mut values = row.into_iter().map(Option::unwrap_or_default);
    let mut next = || values.next().unwrap_or_default();
    Entry {
        id: next().parse().unwrap_or_default(),
        at: next(),
        action: next(),
        release: next(),
        version: next(),
        sequence: next().parse().unwrap_or_default(),
        release_id: next(),
        run_id: next(),
        transaction_id: next(),
        role: next(),
        variables: serde_json::from_str(&next()).unwrap_or_default(),
    }
}
