//! Writes and authenticates rehearsal receipts: `STEM.rehearsal.json`, and `STEM.rehearsal.sig` when the host has a
//! `receipt` key. What a run may rest on is a [`Proved`] one.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use super::signed::{self, Parts, ReceiptError, Reservation};
use super::size;
use crate::digest::Digest;
use crate::format::file_name::REHEARSAL;
use crate::format::json;
use crate::format::manifest::Manifest;
use crate::format::rehearsal::{Rehearsal, RehearsalOutcome, RehearsalPredicateType, RehearsalStatement};
use crate::format::statement::{ReleaseId, StatementType};
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::Policy;
use crate::trust::evidence::Evidence;
use crate::trust::policy::is_behind;
use crate::trust::{KeyId, SecretKey, TrustRoot, When};
use crate::words::count;

/// Whether a file has the name of a rehearsal receipt.
pub fn is_one(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(REHEARSAL.as_bytes()))
}

/// Takes the names and the room of a rehearsal receipt in a directory that is there. Dropped it leaves nothing.
pub fn reserve(dir: &Path, stem: &str, is_signed: bool) -> io::Result<Reservation> {
    signed::reserve(dir, stem, "rehearsal", is_signed)
}

impl Reservation {
    /// Writes the rehearsal receipt and gives its path.
    pub fn write_rehearsal(
        self,
        release_id: ReleaseId,
        rehearsal: Rehearsal,
        key: Option<&SecretKey>,
    ) -> io::Result<PathBuf> {
        let statement = RehearsalStatement {
            type_: StatementType::V1,
            subject: signed::subject(&rehearsal.release, release_id),
            predicate_type: RehearsalPredicateType::V1,
            predicate: Rehearsal { signer: key.map(|key| key.public_key().id().digest()), ..rehearsal },
        };
        let bytes = size::fitted(statement, size::shorten_rehearsal).map_err(io::Error::other)?;
        self.write_bytes(&bytes, key)
    }
}

/// A rehearsal receipt whose signature held, or that claims none.
pub struct ReadRehearsal {
    /// What it says.
    pub statement: RehearsalStatement,
    /// Whose signature it is, and since when it exists; `None` for one that was never signed, which proves nothing.
    pub signed: Option<(KeyId, Evidence)>,
}

/// What a rehearsal receipt says, whoever signed it. It proves nothing.
pub fn claimed(path: &Path) -> Result<RehearsalStatement, ReceiptError> {
    parse(&signed::read_limited(path)?)
}

/// Reads `STEM.rehearsal.json` with its signature and, where there is one, its time stamp `STEM.rehearsal.tsr`.
pub fn read(path: &Path, root: &TrustRoot, when: When) -> Result<ReadRehearsal, ReceiptError> {
    check(Parts::read(path)?, root, when)
}

/// The same of bytes that came from anywhere.
pub fn check(parts: Parts, root: &TrustRoot, when: When) -> Result<ReadRehearsal, ReceiptError> {
    let signed::Read { statement, signed } = signed::check(parts, root, when, parse)?;
    Ok(ReadRehearsal { statement, signed })
}

fn parse(document: &[u8]) -> Result<RehearsalStatement, ReceiptError> {
    let statement: RehearsalStatement = json::from_canonical(document)?;
    signed::check_subject(&statement.subject, &statement.predicate.release)?;
    Ok(statement)
}

impl signed::Signed for RehearsalStatement {
    fn signer(&self) -> Option<Digest> {
        self.predicate.signer
    }

    fn finished(&self) -> Timestamp {
        self.predicate.finished
    }
}

/// What a run asks of a rehearsal.
pub struct Demand<'a> {
    /// Of which release.
    pub release: ReleaseId,
    /// On a clone of which database; or of a dump, which has no name: its digest stands in the receipt.
    pub database: &'a str,
    /// With which values of the variables: a script can do something else under others.
    pub variables: &'a BTreeMap<String, String>,
    /// How many days old it may be; `None` for any age.
    pub max_age_days: Option<NonZeroU32>,
    /// The host's clock.
    pub now: Timestamp,
}

/// How many days old a rehearsal may be by the release and by the policy: the lower of the two limits, whoever wants the
/// rehearsal. `None` where neither has one.
pub fn max_age_days(manifest: &Manifest, policy: &Policy) -> Option<NonZeroU32> {
    [manifest.rehearsal_max_age_days, policy.rehearsal_max_age_days].into_iter().flatten().min()
}

/// Which of several rehearsals of one release speaks for it: the newest that says something about it on this database, with
/// these values. One that compared not all rows says nothing against an older one that did; one on a clone of another
/// database, or with other values, only says something where it failed. Where none says anything, the newest. Without values
/// any will do: nobody has said yet what a run would be given.
pub fn newest<T>(
    all: impl IntoIterator<Item = T>,
    of: impl Fn(&T) -> &Rehearsal,
    database: &str,
    variables: Option<&BTreeMap<String, String>>,
) -> Option<T> {
    let says_something = |rehearsal: &Rehearsal| match rehearsal.outcome {
        RehearsalOutcome::Failed => true,
        RehearsalOutcome::Limited => false,
        RehearsalOutcome::Proved | RehearsalOutcome::Incomplete => {
            is_of(rehearsal, database) && variables.is_none_or(|values| *values == rehearsal.variables)
        }
    };
    all.into_iter().max_by_key(|one| {
        let rehearsal = of(one);
        // Of two at the same second the worse counts.
        (says_something(rehearsal), rehearsal.finished, rehearsal.outcome != RehearsalOutcome::Proved)
    })
}

fn is_of(rehearsal: &Rehearsal, database: &str) -> bool {
    rehearsal.source.database.as_ref().is_none_or(|source| source == database)
}

/// The proof that a release was rehearsed, as a run may rest on it. It says yes to nothing: approvals and gates are asked as
/// ever.
///
/// Only [`ReadRehearsal::prove`] makes one.
#[derive(Debug)]
pub struct Proved {
    release: ReleaseId,
    database: String,
    variables: BTreeMap<String, String>,
}

impl Proved {
    /// Whether it is about this release with these values of its variables, for this database.
    pub fn is_for(&self, release: ReleaseId, database: &str, variables: &BTreeMap<String, String>) -> bool {
        self.release == release && self.database == database && self.variables == *variables
    }
}

/// Why a rehearsal receipt does not prove that the release was rehearsed.
#[derive(Debug, thiserror::Error)]
pub enum UnprovedError {
    /// Not authentic.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// Nobody signed it.
    #[error("it is not signed: anybody can have written it")]
    Unsigned,
    /// Of another release, or of another version of it.
    #[error("it is of another release ({0})")]
    Release(Digest),
    /// The rehearsal failed.
    #[error("that rehearsal failed{0}")]
    Failed(String),
    /// It held as far as it went.
    #[error("that rehearsal did not compare all rows (--schema-only, --tables): what becomes of data is not proved")]
    Limited,
    /// It did not come to its end.
    #[error("that rehearsal did not come to its end{0}")]
    Incomplete(String),
    /// A clone of another database.
    #[error("its clone was made of the database {0:?}, the release is for another")]
    Source(String),
    /// With other values of the variables.
    #[error("it was rehearsed with other values ({})", said(.0))]
    Values(BTreeMap<String, String>),
    /// Too long ago.
    #[error("that rehearsal ended on {finished}, and may be {} old", count(max.get(), "day"))]
    Old {
        /// When it ended.
        finished: Timestamp,
        /// How many days old it may be.
        max: NonZeroU32,
    },
    /// By a clock that was ahead, or this one is behind: its age can't be told.
    #[error("that rehearsal ended on {0}, which is in the future by this host's clock")]
    Future(Timestamp),
}

/// `ticket=CHG-17, mode=on`; `none`. The values are other people's text.
pub fn said(values: &BTreeMap<String, String>) -> String {
    let list: Vec<String> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}

impl ReadRehearsal {
    /// Fails unless it is a signed one of this release.
    pub fn is_evidence_of(&self, release: ReleaseId) -> Result<(), UnprovedError> {
        match self.statement.subject.first() {
            Some(subject) if subject.digest.sha256 == release.digest() => {}
            Some(subject) => return Err(UnprovedError::Release(subject.digest.sha256)),
            None => return Err(ReceiptError::Subject.into()),
        }
        if self.signed.is_none() { Err(UnprovedError::Unsigned) } else { Ok(()) }
    }

    /// Judges whether it proves that the release was rehearsed. Whether a newer one says otherwise is for [`newest`].
    pub fn prove(&self, demand: &Demand<'_>) -> Result<Proved, UnprovedError> {
        self.is_evidence_of(demand.release)?;
        let rehearsal = &self.statement.predicate;
        let why = || rehearsal.error_lines().next().map(|error| format!(": {error}")).unwrap_or_default();
        match rehearsal.outcome {
            RehearsalOutcome::Proved => {}
            RehearsalOutcome::Limited => return Err(UnprovedError::Limited),
            RehearsalOutcome::Failed => return Err(UnprovedError::Failed(why())),
            RehearsalOutcome::Incomplete => return Err(UnprovedError::Incomplete(why())),
        }
        if let Some(source) = rehearsal.source.database.as_ref().filter(|_| !is_of(rehearsal, demand.database)) {
            return Err(UnprovedError::Source(source.clone()));
        }
        if rehearsal.variables != *demand.variables {
            return Err(UnprovedError::Values(rehearsal.variables.clone()));
        }
        let finished = rehearsal.finished;
        if is_behind(demand.now, finished) {
            return Err(UnprovedError::Future(finished));
        }
        let age = demand.now.seconds().saturating_sub(finished.seconds());
        match demand.max_age_days {
            Some(max) if age > i64::from(max.get()) * DAY => Err(UnprovedError::Old { finished, max }),
            _ => Ok(Proved {
                release: demand.release,
                database: demand.database.to_owned(),
                variables: rehearsal.variables.clone(),
            }),
        }
    }
}

/// In seconds.
const DAY: i64 = 24 * 60 * 60;
