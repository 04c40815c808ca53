//! The ledger: pgseal's tables in the target database. Rows are only added, in the transaction that they
//! describe.
//!
//! - `pgseal.ledger`: one row for each run or rollback, written in its first transaction;
//! - `pgseal.steps`: outcomes of its tiers, and of each statement outside of a transaction.
//!
//! A run is in effect once it has the step `finished`; until then it can be resumed or rolled back.

mod schema;
mod step;

use crate::database::{DatabaseError, Session};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::name::Name;
use pgseal_verify::format::receipt::{
    Action, CountedApproval, ObservedTarget, Operator, TrustReference,
};
use pgseal_verify::format::release_range::ReleaseRange;
use pgseal_verify::format::statement::ReleaseId;
use pgseal_verify::format::timestamp::Timestamp;
pub use schema::{ensure, may_be_made};
use std::collections::BTreeMap;
pub use step::{Happened, NewStep, Step, add_step, steps_of, unfinished_run};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Sequence number of the entry.
    pub id: u64,
    /// The server's clock at the start of the transaction.
    pub at: String,
    /// `run` or `rollback`.
    pub action: String,
    pub release: String,
    pub version: String,
    pub sequence: u32,
    pub release_id: String,
    /// The run that wrote it.
    pub run_id: String,
    /// The transaction that wrote it.
    pub transaction_id: String,
    pub role: String,
    pub variables: BTreeMap<String, String>,
    /// The approvals that the run used; `None` if they are not as pgseal writes them.
    pub approvals: Option<Vec<UsedApproval>>,
    /// The releases that it requires; `None` if they are not as pgseal writes them.
    pub requires: Option<Vec<ReleaseRange>>,
    /// The releases that it conflicts with; `None` as above.
    pub conflicts: Option<Vec<ReleaseRange>>,
    /// Whether the run is complete; only then it is in effect.
    pub finished: bool,
}

/// The part of a [`CountedApproval`] that identifies the approval, and its time.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct UsedApproval {
    /// Id of the approver's key.
    pub key_id: Digest,
    /// Digest of the signed statement.
    pub sha256: Digest,
    /// Time by the approver's clock.
    pub at: Timestamp,
}

/// The runs of one release's name that were not rolled back, oldest first: a rollback removes the
/// newest run, and the one before it is in effect again.
pub fn standing<'e>(rows: impl IntoIterator<Item = &'e Entry>) -> Vec<&'e Entry> {
    let mut stack: Vec<&Entry> = Vec::new();
    for row in rows {
        if row.action == Action::Run.as_str() {
            stack.push(row);
        } else if stack
            .last()
            .is_some_and(|top| top.release_id == row.release_id)
        {
            stack.pop();
        }
    }
    stack
}

pub fn in_effect<'e>(rows: impl IntoIterator<Item = &'e Entry>) -> Vec<&'e Entry> {
    let mut rows = standing(rows);
    rows.retain(|row| row.finished);
    rows
}

/// The releases in effect, oldest first: of each name the newest run that was not rolled back.
pub fn current(rows: &[Entry]) -> Vec<&Entry> {
    let mut by_name: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for row in rows {
        by_name.entry(&row.release).or_default().push(row);
    }
    let mut tops: Vec<&Entry> = by_name
        .into_values()
        .filter_map(|rows| in_effect(rows).pop())
        .collect();
    tops.sort_by_key(|row| row.id);
    tops
}

/// The unfinished run of any release.
pub fn unfinished(rows: &[Entry]) -> Option<&Entry> {
    let is_standing = |run: &&Entry| {
        let of_its_name = rows.iter().filter(|row| row.release == run.release);
        standing(of_its_name).iter().any(|row| row.id == run.id)
    };
    let is_open = |row: &&Entry| row.action == Action::Run.as_str() && !row.finished;
    rows.iter().filter(is_open).rev().find(is_standing)
}

/// All rows, oldest first; none if no release ever ran.
pub fn entries(session: &mut dyn Session) -> Result<Vec<Entry>, DatabaseError> {
    if schema::version(session)?.is_none() {
        return Ok(Vec::new());
    }
    let table = session.query(
        "select id::text, to_char(timezone('UTC', at), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), action, release, version,
                sequence::text, release_id, run_id, transaction_id, role, variables::text,
                approvals::text, requires::text, conflicts::text,
                (exists (select from pgseal.steps s where s.run_id = row.run_id and s.happened = 'finished'))::text
         from pgseal.ledger as row order by row.id",
        &[],
    );
    Ok(table.map_err(denied)?.rows.into_iter().map(entry).collect())
}

/// Marks the error of a role that may not read the ledger.
fn denied(error: DatabaseError) -> DatabaseError {
    match error {
        DatabaseError::Server(server) if server.code == "42501" => {
            DatabaseError::LedgerDenied(server)
        }
        other => other,
    }
}

/// The rows of one release's name, oldest first.
pub fn of_release(session: &mut dyn Session, name: &Name) -> Result<Vec<Entry>, DatabaseError> {
    let mut rows = entries(session)?;
    rows.retain(|entry| entry.release == name.as_str());
    Ok(rows)
}

/// Fields of a row that the server cannot fill in.
pub struct NewEntry<'a> {
    pub action: Action,
    pub release: &'a Release,
    pub release_id: ReleaseId,
    pub run_id: &'a str,
    pub transaction_id: &'a str,
    pub variables: &'a BTreeMap<String, String>,
    /// Ids of the keys that signed, joined by commas.
    pub signers: &'a str,
    pub approvals: &'a [CountedApproval],
    pub requires: &'a [ReleaseRange],
    pub conflicts: &'a [ReleaseRange],
    pub trust: &'a TrustReference,
    pub target: &'a ObservedTarget,
    pub operator: &'a Operator,
    /// Values of the probe before the run.
    pub before: Option<&'a BTreeMap<String, Option<String>>>,
}

/// Adds a row, in the run's first transaction.
pub fn add(session: &mut dyn Session, new: &NewEntry<'_>) -> Result<(), DatabaseError> {
    let target = new.target;
    let added = session.query(
        "insert into pgseal.ledger
             (action, release, version, sequence, release_id, run_id, transaction_id, signers, pgseal, variables,
              approvals, trust_version, trust_sha256, operator, host, server_version, system_identifier, timeline, before,
              requires, conflicts)
         values ($1::text, $2::text, $3::text, $4::text::bigint, $5::text, $6::text, $7::text, $8::text, $9::text,
                 $10::text::jsonb, $11::text::jsonb, $12::text::bigint, $13::text, $14::text, $15::text, $16::text,
                 nullif($17::text, ''), nullif($18::text, '')::bigint, $19::text::jsonb,
                 $20::text::jsonb, $21::text::jsonb)
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
            pgseal_verify::format::version::PGSEAL,
            &serde_json::json!(new.variables).to_string(),
            &serde_json::json!(new.approvals).to_string(),
            &new.trust.version.to_string(),
            &new.trust.sha256.to_string(),
            &new.operator.user,
            &new.operator.host,
            &target.server_version,
            target.system_identifier.as_deref().unwrap_or_default(),
            &target.timeline.map(|timeline| timeline.to_string()).unwrap_or_default(),
            &serde_json::json!(new.before).to_string(),
            &serde_json::json!(new.requires).to_string(),
            &serde_json::json!(new.conflicts).to_string(),
        ],
    )?;
    schema::one_row(&added)
}

/// Whether a row of a transaction of a run exists, which proves the commit.
pub fn has_transaction(
    session: &mut dyn Session,
    run_id: &str,
    transaction_id: &str,
) -> Result<bool, DatabaseError> {
    if schema::version(session)?.is_none() {
        return Ok(false);
    }
    let found = session.query(
        "select (exists (select from pgseal.steps where run_id = $1::text and transaction_id = $2::text)
              or exists (select from pgseal.ledger where run_id = $1::text and transaction_id = $2::text))::int::text",
        &[run_id, transaction_id],
    )?;
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
        approvals: serde_json::from_str(&next()).ok(),
        requires: serde_json::from_str(&next()).ok(),
        conflicts: serde_json::from_str(&next()).ok(),
        finished: next() == "true",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u64, action: &str, release: &str, finished: bool) -> Entry {
        Entry {
            id,
            at: String::new(),
            action: action.to_owned(),
            release: release.to_owned(),
            version: "1".to_owned(),
            sequence: 1,
            release_id: release.to_owned(),
            run_id: id.to_string(),
            transaction_id: String::new(),
            role: String::new(),
            variables: BTreeMap::new(),
            approvals: Some(Vec::new()),
            requires: Some(Vec::new()),
            conflicts: Some(Vec::new()),
            finished,
        }
    }

    #[test]
    fn what_stopped_half_way_is_neither_in_effect_nor_forgotten() {
        let rows = [row(1, "run", "a", true), row(2, "run", "b", false)];
        assert_eq!(unfinished(&rows).map(|row| row.id), Some(2));
        assert_eq!(in_effect(&rows[1..]), Vec::<&Entry>::new());
        let rolled_back = [rows.as_slice(), &[row(3, "rollback", "b", true)]].concat();
        assert_eq!(unfinished(&rolled_back), None);
        assert_eq!(standing(&rolled_back[1..]), Vec::<&Entry>::new());
        // Of another release of that name: it is still open.
        let mut other = row(3, "rollback", "b", true);
        other.release_id = "c".to_owned();
        assert_eq!(
            unfinished(&[rows.as_slice(), &[other]].concat()).map(|row| row.id),
            Some(2)
        );
    }
}
