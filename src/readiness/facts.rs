//! ReadinessFacts about a release for a report. The caller must authenticate them first.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::Measured;
use super::cell::{Proof, ProofOf, Row};
use crate::record::ledger::Entry;
use crate::record::rehearsal;
use crate::runbook::Known;
use crate::trust::policy::Tally;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::manifest::{Manifest, ReleaseState};
use pgseal_verify::format::name::Name;
use pgseal_verify::format::receipt::{
    GateAnswer, ObservedTarget, Receipt, TrustReference, VerifyRecord,
};
use pgseal_verify::format::rehearsal::Rehearsal;
use pgseal_verify::format::timestamp::Timestamp;

pub struct ReadinessFacts {
    pub now: Timestamp,
    pub file: String,
    /// Parts of the displayed command lines.
    pub known: Known,
    /// Blocking problems, each with its question.
    pub blockers: Vec<(Row, Blocker)>,
    /// The release; `None` if the file is not authentic, so that none of its content is shown.
    pub release: Option<Box<ReleaseFacts>>,
}

/// A blocking problem, as the affected command would report it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    pub exit: u8,
    pub text: String,
    /// Lines below the description: for an error of the server, its statement, detail and context.
    pub excerpt: Vec<String>,
    pub hint: Option<String>,
    /// True if nothing failed, and a person has to act.
    pub waits: bool,
    /// True if the role that asks lacks a right, so that nothing is known.
    pub is_denied: bool,
    /// Phrase for the headline; `None` for that of its question.
    pub reason: Option<String>,
    /// The moment at which it ends by itself.
    pub until: Option<Timestamp>,
}

/// An authentic release with its facts.
pub struct ReleaseFacts {
    pub manifest: Manifest,
    pub release_id: Digest,
    pub files: usize,
    pub signers: Vec<Signer>,
    pub trust: TrustReference,
    /// Expiry of the trust root; no run is permitted afterwards.
    pub trust_expires: Timestamp,
    /// The required approvals, counted; empty if none are required.
    pub tallies: Vec<Tally>,
    /// All approvals, with their signers.
    pub approvers: Vec<Approver>,
    /// Signed receipts of this release, oldest first.
    pub receipts: Vec<Kept<Receipt>>,
    /// Signed rehearsal receipts of this release, oldest first.
    pub rehearsals: Vec<Kept<Rehearsal>>,
    /// Values of the variables, if all values required by a run are known.
    pub values: Option<BTreeMap<String, String>>,
    /// Whether a run needs a rehearsal.
    pub requires_rehearsal: bool,
    /// Maximum age of a rehearsal in days, if the release or the trust root has a limit.
    pub rehearsal_max_age_days: Option<NonZeroU32>,
    /// Approvals that the run in effect used, by its signed receipt or else by its row in the
    /// ledger; `None` if no run is in effect, or neither has them.
    pub used: Option<Vec<UsedApprover>>,
    /// Rejected evidence files with reasons: not signed, not authentic.
    pub uncounted: Vec<(String, String)>,
    /// Effects that a rollback leaves behind.
    pub left: Vec<String>,
    pub database: Database,
}

#[derive(Clone, Debug)]
pub struct Signer {
    pub key: Digest,
    pub owner: String,
    /// Earliest known time of the signature, if any.
    pub at: Option<Timestamp>,
    /// Strength of the evidence for that time: `claimed`, `notarised`, `timestamped`.
    pub evidence: &'static str,
}

/// An approver's decision about the release.
#[derive(Clone, Debug)]
pub struct Approver {
    pub key: Digest,
    pub owner: String,
    pub role: Name,
    pub apr: Option<String>,
    /// Time by the approver's clock.
    pub at: Timestamp,
    pub expires: Option<Timestamp>,
    pub evidence: &'static str,
    pub why_not: Option<String>,
}

/// An approval that counted for the run in effect.
#[derive(Clone, Debug)]
pub struct UsedApprover {
    pub key: Digest,
    pub owner: String,
    /// Role and code of the approval; only a receipt has them.
    pub role: Option<(Name, Option<String>)>,
    /// Time by the approver's clock.
    pub at: Timestamp,
}

/// A signed document next to the bundle.
pub struct Kept<T> {
    pub name: String,
    pub sha256: Digest,
    pub key: Digest,
    pub owner: String,
    pub document: T,
}

pub enum Database {
    NotAsked,
    /// The query failed; the reason is among the blockers.
    Silent,
    Answered(Box<Answers>),
}

/// Results from the database. A `None` was not queried because of an earlier problem.
pub struct Answers {
    pub at: Timestamp,
    pub target: ObservedTarget,
    /// The ledger's row of this release, if it is in effect.
    pub in_effect: Option<Entry>,
    pub rows: usize,
    pub gates: Option<Vec<GateAnswer>>,
    pub observed: Option<BTreeMap<String, Option<String>>>,
    /// The approvals that count on this database, if they are too few, and whether earlier runs
    /// used the others up.
    pub too_few: Option<(Vec<Tally>, bool)>,
    /// The verify scripts of that state: `baseline`, or `finalized` once it is in effect.
    pub checks: Option<(ReleaseState, Vec<VerifyRecord>)>,
    /// Errors of those that the role that asks may not run; they are not in `checks`.
    pub denied_checks: Vec<String>,
}

impl<T> Kept<T> {
    /// The document as evidence, with the time of its content.
    pub fn proof(&self, of: ProofOf, at: Timestamp) -> Proof {
        Proof {
            sha256: Some(self.sha256),
            keys: vec![self.key],
            at: Some(at),
            ..Proof::new(of, self.name.as_str())
        }
    }
}

impl ReadinessFacts {
    pub fn trouble(&self, row: Row) -> Option<&Blocker> {
        // Failures take precedence over pending actions of people.
        let of_row = self.blockers.iter().filter(|(about, _)| *about == row);
        of_row
            .map(|(_, trouble)| trouble)
            .min_by_key(|trouble| (trouble.waits, trouble.is_denied))
    }
}

impl ReleaseFacts {
    pub fn answers(&self) -> Option<&Answers> {
        match &self.database {
            Database::Answered(answers) => Some(answers),
            Database::NotAsked | Database::Silent => None,
        }
    }

    pub fn in_effect(&self) -> Option<&Entry> {
        self.answers()?.in_effect.as_ref()
    }

    /// The receipt of the run in effect, found by the run id in the ledger's row.
    pub fn receipt_in_effect(&self) -> Option<&Kept<Receipt>> {
        let run = &self.in_effect()?.run_id;
        let of_it = |kept: &&Kept<Receipt>| {
            kept.document.outcome == pgseal_verify::format::receipt::Outcome::Committed
                && (kept.document.run_id == *run || kept.document.resumes.as_ref() == Some(run))
        };
        self.receipts.iter().rfind(of_it)
    }

    /// The database that was asked, or those of the release.
    pub fn database(&self) -> String {
        match self.answers() {
            Some(answers) => answers.target.database.clone(),
            None => self.manifest.target.database.to_string(),
        }
    }

    pub fn newest_receipt(&self) -> Option<&Kept<Receipt>> {
        self.receipts.last()
    }

    /// That rehearsal as the measure of a run.
    pub fn measured(&self) -> Option<Measured<'_>> {
        Some(Measured {
            manifest: &self.manifest,
            rehearsal: &self.newest_rehearsal()?.document,
            values: self.values.as_ref(),
            leaves: !self.left.is_empty(),
        })
    }

    /// The relevant rehearsal of the release, selected as `run` selects it.
    pub fn newest_rehearsal(&self) -> Option<&Kept<Rehearsal>> {
        rehearsal::newest(
            &self.rehearsals,
            |kept| &kept.document,
            &self.manifest,
            self.values.as_ref(),
        )
    }
}
