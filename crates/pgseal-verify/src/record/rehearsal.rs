//! Authentication of rehearsal receipts. A run may rely on a [`Proved`] one.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::signed::{self, Parts, ReceiptError};
use crate::digest::Digest;
use crate::format::database_pattern::Databases;
use crate::format::manifest::Manifest;
use crate::format::rehearsal::{Rehearsal, RehearsalOutcome, RehearsalStatement};
use crate::format::statement::{ReleaseId, Subject};
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::Policy;
use crate::format::wire;
use crate::plural::count;
use crate::trust::evidence::Evidence;
use crate::trust::policy::is_behind;
use crate::trust::{JudgedAt, KeyId, TrustRoot};

/// A rehearsal receipt with a valid signature, or one that claims none.
pub struct ReadRehearsal {
    /// Content of the receipt.
    pub statement: RehearsalStatement,
    /// Signing key and the evidence for the time of the signature; `None` for an unsigned receipt,
    /// which proves nothing.
    pub signed: Option<(KeyId, Evidence)>,
}

/// Checks a rehearsal receipt's signature and timestamp.
/// ```
/// use pgseal_verify::{JudgedAt, Parts, Proved, RehearsalDemand, TrustRoot, check_rehearsal};
///
/// /// The proof that a run needs, from the receipt of a rehearsal.
/// fn proof(parts: Parts, root: &TrustRoot, demand: &RehearsalDemand<'_>) -> Result<Proved, Box<dyn std::error::Error>> {
///     let read = check_rehearsal(parts, root, JudgedAt::At(demand.now))?;
///     Ok(read.prove(demand)?)
/// }
/// ```
pub fn check(
    parts: Parts,
    root: &TrustRoot,
    when: JudgedAt,
) -> Result<ReadRehearsal, ReceiptError> {
    let signed::Read { statement, signed } = signed::check(parts, root, when, claims)?;
    Ok(ReadRehearsal { statement, signed })
}

/// Parses a rehearsal receipt without checking its signature. The result proves nothing.
pub fn claims(document: &[u8]) -> Result<RehearsalStatement, ReceiptError> {
    let statement: RehearsalStatement = wire::read(document)?;
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

/// A run's requirements of a rehearsal.
pub struct Demand<'a> {
    /// Id of the rehearsed release.
    pub release: ReleaseId,
    /// Its manifest. The clone was made from one of its databases; a dump has no database name, and
    /// the receipt contains its digest.
    pub manifest: &'a Manifest,
    /// Values of the variables: a script can behave differently with others.
    pub variables: &'a BTreeMap<String, String>,
    /// Maximum age in days; `None` for no limit.
    pub max_age_days: Option<NonZeroU32>,
    /// The host's clock.
    pub now: Timestamp,
}

/// Maximum age in days of a rehearsal: the lower limit of release and policy, independent of which
/// one requires the rehearsal. `None` if neither has one.
pub fn max_age_days(manifest: &Manifest, policy: &Policy) -> Option<NonZeroU32> {
    [
        manifest.rehearsal_max_age_days,
        policy.rehearsal_max_age_days,
    ]
    .into_iter()
    .flatten()
    .min()
}

/// Selects the relevant one of several rehearsals of one release: the newest conclusive one for
/// these databases and these values.
///
/// A `Limited` rehearsal does not supersede an older proof. One on a clone of another database, or
/// with other values, is conclusive only if it failed. Without a conclusive one, the newest is
/// selected. With `variables` absent, any values match: the values of a run are not known yet.
pub fn newest<T>(
    all: impl IntoIterator<Item = T>,
    of: impl Fn(&T) -> &Rehearsal,
    manifest: &Manifest,
    variables: Option<&BTreeMap<String, String>>,
) -> Option<T> {
    // docs/decisions/057
    let says_something = |rehearsal: &Rehearsal| match rehearsal.outcome {
        RehearsalOutcome::Failed => true,
        RehearsalOutcome::Limited => false,
        RehearsalOutcome::Proved | RehearsalOutcome::Incomplete => {
            is_of(rehearsal, &manifest.target.database)
                && variables.is_none_or(|run| manifest.is_rehearsed(run, &rehearsal.variables))
        }
    };
    all.into_iter().max_by_key(|one| {
        let rehearsal = of(one);
        // Of two at the same second, the worse one counts.
        (
            says_something(rehearsal),
            rehearsal.finished,
            rehearsal.outcome != RehearsalOutcome::Proved,
        )
    })
}

fn is_of(rehearsal: &Rehearsal, databases: &Databases) -> bool {
    rehearsal
        .source
        .database
        .as_ref()
        .is_none_or(|source| databases.has_name(source))
}

/// The proof that a release was rehearsed, for a run to rely on. It replaces neither approvals nor
/// gates.
///
/// Only [`ReadRehearsal::prove`] makes one.
#[derive(Debug)]
pub struct Proved {
    release: ReleaseId,
    variables: BTreeMap<String, String>,
}

impl Proved {
    /// True if it covers this release with these values of its variables.
    pub fn is_for(&self, release: ReleaseId, variables: &BTreeMap<String, String>) -> bool {
        self.release == release && self.variables == *variables
    }
}

/// Reason why a rehearsal receipt does not prove that the release was rehearsed.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum UnprovedError {
    /// A receipt that is not authentic.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// A receipt without a signature.
    #[error("it is not signed: its author is unknown")]
    Unsigned,
    /// A receipt of another release, or of another version of it.
    #[error("it is of another release ({0})")]
    Release(Digest),
    /// A failed rehearsal.
    #[error("that rehearsal failed{0}")]
    Failed(String),
    /// A successful rehearsal that did not compare all rows.
    #[error(
        "that rehearsal did not compare all rows (--schema-only, --tables) or not roll back from every commit point: what becomes of data is not proved"
    )]
    Limited,
    /// A rehearsal that ended early.
    #[error("that rehearsal did not come to its end{0}")]
    Incomplete(String),
    /// A clone of another database.
    #[error("its clone was made of the database {0:?}, the release is for another")]
    Source(String),
    /// Other values of the variables.
    #[error("it was rehearsed with other values ({})", said(.0))]
    Values(BTreeMap<String, String>),
    /// A rehearsal beyond the maximum age.
    #[error("that rehearsal ended on {finished}, and may be {} old", count(max.get(), "day"))]
    Old {
        /// End of the rehearsal.
        finished: Timestamp,
        /// Maximum age in days.
        max: NonZeroU32,
    },
    /// A rehearsal in the future by this host's clock: one of the two clocks is wrong, and the age
    /// is unknown.
    #[error("that rehearsal ended on {0}, which is in the future by this host's clock")]
    Future(Timestamp),
}

/// Formats values: `ticket=CHG-17, mode=on`; `none`. The values are untrusted text.
pub fn said(values: &BTreeMap<String, String>) -> String {
    let list: Vec<String> = values
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if list.is_empty() {
        "none".to_owned()
    } else {
        list.join(", ")
    }
}

/// Fails unless a receipt is signed and of this release.
pub(super) fn is_evidence_of(
    subjects: &[Subject],
    is_signed: bool,
    release: ReleaseId,
) -> Result<(), UnprovedError> {
    match subjects.first() {
        Some(subject) if subject.digest.sha256 == release.digest() => {}
        Some(subject) => return Err(UnprovedError::Release(subject.digest.sha256)),
        None => return Err(ReceiptError::Subject.into()),
    }
    is_signed.then_some(()).ok_or(UnprovedError::Unsigned)
}

impl ReadRehearsal {
    /// Fails unless it is a signed receipt of this release.
    pub fn is_evidence_of(&self, release: ReleaseId) -> Result<(), UnprovedError> {
        is_evidence_of(&self.statement.subject, self.signed.is_some(), release)
    }

    /// Judges whether it proves that the release was rehearsed. A newer receipt may contradict it:
    /// see [`newest`].
    pub fn prove(&self, demand: &Demand<'_>) -> Result<Proved, UnprovedError> {
        self.is_evidence_of(demand.release)?;
        let rehearsal = &self.statement.predicate;
        let why = || {
            rehearsal
                .error_lines()
                .next()
                .map(|error| format!(": {error}"))
                .unwrap_or_default()
        };
        match rehearsal.outcome {
            RehearsalOutcome::Proved => {}
            RehearsalOutcome::Limited => return Err(UnprovedError::Limited),
            RehearsalOutcome::Failed => return Err(UnprovedError::Failed(why())),
            RehearsalOutcome::Incomplete => return Err(UnprovedError::Incomplete(why())),
        }
        if let Some(source) = rehearsal
            .source
            .database
            .as_ref()
            .filter(|_| !is_of(rehearsal, &demand.manifest.target.database))
        {
            return Err(UnprovedError::Source(source.clone()));
        }
        if !demand
            .manifest
            .is_rehearsed(demand.variables, &rehearsal.variables)
        {
            return Err(UnprovedError::Values(rehearsal.variables.clone()));
        }
        let finished = rehearsal.finished;
        if is_behind(demand.now, finished) {
            return Err(UnprovedError::Future(finished));
        }
        let age = demand.now.seconds().saturating_sub(finished.seconds());
        match demand.max_age_days {
            Some(max) if age > i64::from(max.get()) * DAY => {
                Err(UnprovedError::Old { finished, max })
            }
            _ => Ok(Proved {
                release: demand.release,
                variables: demand.variables.clone(),
            }),
        }
    }
}

/// Length of a day in seconds.
const DAY: i64 = 24 * 60 * 60;
