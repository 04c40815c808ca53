//! Steps: outcomes of a run's tiers, and of each statement outside of a transaction.

use std::time::Duration;

use super::schema::one_row;
use super::{Entry, entries, unfinished};
use crate::database::{DatabaseError, Session};

/// Outcome of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A tier, committed with this row.
    Tier,
    /// The end of a transaction of the run; a lost COMMIT is resolved by its id.
    Committed,
    /// A statement outside of a transaction is about to be sent.
    Started,
    /// A statement of a tier without transaction is done.
    Done,
    /// The server refused the statement, and it has no leftovers.
    Failed,
    /// The answer was lost, but the catalog or the operator confirms that the statement took
    /// effect.
    Found,
    /// The answer was lost, and the catalog or the operator confirms that the statement must be
    /// sent again.
    Again,
    /// The run is complete.
    Finished,
}

impl Happened {
    /// As the ledger writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tier => "tier",
            Self::Committed => "committed",
            Self::Started => "started",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Found => "found",
            Self::Again => "again",
            Self::Finished => "finished",
        }
    }

    fn from_text(text: &str) -> Option<Self> {
        let all = [
            Self::Tier,
            Self::Committed,
            Self::Started,
            Self::Done,
            Self::Failed,
            Self::Found,
            Self::Again,
            Self::Finished,
        ];
        all.into_iter().find(|happened| happened.as_str() == text)
    }
}

/// A row of `pgseal.steps`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub at: String,
    pub happened: Happened,
    pub tier: Option<String>,
    /// The statement's number in the tier, from 1.
    pub statement: Option<u32>,
    /// `file:line:column`.
    pub place: Option<String>,
    /// `CREATE INDEX`, ...
    pub verb: Option<String>,
    /// SHA-256 of the statement as it is sent, lower hex.
    pub sql_sha256: Option<String>,
    /// The state recorded before the statement, or the evidence for its outcome, as JSON.
    pub evidence: Option<String>,
}

/// A step to be added.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewStep<'a> {
    /// The run with the ledger row.
    pub run_id: &'a str,
    /// The run that executes the step: the same, or one that resumes it.
    pub by_run: &'a str,
    pub happened: Option<Happened>,
    pub tier: Option<&'a str>,
    /// The statement's number in the tier, from 1.
    pub statement: Option<u32>,
    /// `file:line:column`.
    pub place: Option<&'a str>,
    /// `CREATE INDEX`, ...
    pub verb: Option<&'a str>,
    /// SHA-256 of the statement, lower hex.
    pub sql_sha256: Option<&'a str>,
    /// Rows that the server reported.
    pub rows: Option<u64>,
    pub took: Option<Duration>,
    /// The transaction that this row is written in.
    pub transaction_id: Option<&'a str>,
    pub evidence: Option<&'a str>,
}

/// Adds a step in the open transaction.
pub fn add_step(session: &mut dyn Session, new: &NewStep<'_>) -> Result<(), DatabaseError> {
    let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    let added = session.query(
        "insert into pgseal.steps
             (run_id, by_run, happened, tier, statement, place, verb, sql_sha256, rows, milliseconds, transaction_id,
              evidence)
         values ($1::pg_catalog.text, $2::pg_catalog.text, $3::pg_catalog.text, nullif($4::pg_catalog.text, ''),
                 nullif($5::pg_catalog.text, '')::pg_catalog.int4, nullif($6::pg_catalog.text, ''),
                 nullif($7::pg_catalog.text, ''), nullif($8::pg_catalog.text, ''),
                 nullif($9::pg_catalog.text, '')::pg_catalog.int8, nullif($10::pg_catalog.text, '')::pg_catalog.int8,
                 nullif($11::pg_catalog.text, ''), nullif($12::pg_catalog.text, '')::pg_catalog.jsonb)
         returning '1'::pg_catalog.text",
        &[
            new.run_id,
            new.by_run,
            new.happened.map(Happened::as_str).unwrap_or_default(),
            new.tier.unwrap_or_default(),
            &number(new.statement.map(u64::from)),
            new.place.unwrap_or_default(),
            new.verb.unwrap_or_default(),
            new.sql_sha256.unwrap_or_default(),
            &number(new.rows),
            &number(new.took.map(|took| took.as_millis() as u64)),
            new.transaction_id.unwrap_or_default(),
            new.evidence.unwrap_or_default(),
        ],
    )?;
    one_row(&added)
}

/// The steps of a run, oldest first. The ledger must exist.
pub fn steps_of(session: &mut dyn Session, run_id: &str) -> Result<Vec<Step>, DatabaseError> {
    let table = session.query(
        "select to_char(timezone('UTC', at), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), happened, tier, statement::text, place,
                verb, sql_sha256, evidence::text
         from pgseal.steps as row where run_id = $1::text order by row.id",
        &[run_id],
    );
    table
        .map_err(super::denied)?
        .rows
        .into_iter()
        .map(step)
        .collect()
}

/// The unfinished run of any release, and its steps.
pub fn unfinished_run(
    session: &mut dyn Session,
) -> Result<Option<(Entry, Vec<Step>)>, DatabaseError> {
    let rows = entries(session)?;
    let Some(entry) = unfinished(&rows) else {
        return Ok(None);
    };
    Ok(Some((entry.clone(), steps_of(session, &entry.run_id)?)))
}

fn step(row: Vec<Option<String>>) -> Result<Step, DatabaseError> {
    let mut values = row.into_iter();
    let mut next = || values.next().flatten();
    let (at, happened) = (next().unwrap_or_default(), next().unwrap_or_default());
    let happened = Happened::from_text(&happened).ok_or_else(|| {
        DatabaseError::ledger(format!(
            "the ledger has a step {happened:?}, which pgseal never wrote"
        ))
    })?;
    Ok(Step {
        at,
        happened,
        tier: next(),
        statement: next().and_then(|number| number.parse().ok()),
        place: next(),
        verb: next(),
        sql_sha256: next(),
        evidence: next(),
    })
}
