//! What is known of a release when a report is made. Whoever fills this in has authenticated what is in it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::cell::Row;
use crate::record::ledger::Entry;
use crate::record::rehearsal;
use crate::runbook::Known;
use crate::trust::policy::Tally;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::manifest::{Manifest, When};
use pgseal_verify::format::name::Name;
use pgseal_verify::format::receipt::{GateAnswer, ObservedTarget, Receipt, TrustReference, VerifyRecord};
use pgseal_verify::format::rehearsal::Rehearsal;
use pgseal_verify::format::timestamp::Timestamp;

/// Everything.
pub struct Facts {
    /// The host's clock.
    pub now: Timestamp,
    /// The bundle's file name.
    pub file: String,
    /// What belongs on the command lines that are shown.
    pub known: Known,
    /// What stands in the way, each by the question that it answers.
    pub troubles: Vec<(Row, Trouble)>,
    /// The release; `None` where the file is not authentic, of which nothing is shown.
    pub release: Option<Box<ReleaseFacts>>,
}

/// Something that stands in the way, as the command says it that would meet it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// That command's exit code.
    pub exit: u8,
    /// What is wrong or missing.
    pub text: String,
    /// What stands below it, line by line: of a server's error the statement, its detail and context.
    pub excerpt: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whether nothing is wrong, and a person has something to do.
    pub waits: bool,
}

/// An authentic release and what is known of it.
pub struct ReleaseFacts {
    /// What it is.
    pub manifest: Manifest,
    /// Its id.
    pub release_id: Digest,
    /// Files that were compared.
    pub files: usize,
    /// Whose signatures counted.
    pub signers: Vec<Signer>,
    /// By which trust root.
    pub trust: TrustReference,
    /// From then on nothing runs by it.
    pub trust_expires: Timestamp,
    /// The approvals that a run needs, counted; empty: none.
    pub tallies: Vec<Tally>,
    /// Who said what.
    pub approvers: Vec<Approver>,
    /// Signed receipts of this release, oldest first.
    pub receipts: Vec<Kept<Receipt>>,
    /// Signed rehearsal receipts of this release, oldest first.
    pub rehearsals: Vec<Kept<Rehearsal>>,
    /// The values of the variables, where all that a run needs are known.
    pub values: Option<BTreeMap<String, String>>,
    /// How many days old a rehearsal may be, where the release or the trust root says so.
    pub rehearsal_max_age_days: Option<NonZeroU32>,
    /// Files that could have been evidence and are none, and why: not signed, not authentic.
    pub uncounted: Vec<(String, String)>,
    /// What the database said.
    pub database: Database,
}

/// A signature that counted.
#[derive(Clone, Debug)]
pub struct Signer {
    /// The key.
    pub key: Digest,
    /// Whose it is, as the trust root says.
    pub owner: String,
    /// Since when the signature exists, where anybody says so.
    pub at: Option<Timestamp>,
    /// How well that is known: `claimed`, `notarised`, `timestamped`.
    pub evidence: &'static str,
}

/// What somebody said about the release.
#[derive(Clone, Debug)]
pub struct Approver {
    /// The key.
    pub key: Digest,
    /// Whose it is, as the trust root says.
    pub owner: String,
    /// In which role.
    pub role: Name,
    /// The code of the ratified proposal.
    pub apr: Option<String>,
    /// The approver's clock.
    pub at: Timestamp,
    /// Until when it counts.
    pub expires: Option<Timestamp>,
    /// How well the time is known.
    pub evidence: &'static str,
    /// Why it does not count, if it doesn't.
    pub why_not: Option<String>,
}

/// A signed document beside the bundle.
pub struct Kept<T> {
    /// Its file name.
    pub name: String,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// The key that signed it.
    pub key: Digest,
    /// Whose it is, as the trust root says.
    pub owner: String,
    /// What it says.
    pub document: T,
}

/// What the database said.
pub enum Database {
    /// Nobody asked it.
    NotAsked,
    /// It was asked and gave no answer; the reason is among the troubles.
    Silent,
    /// It answered.
    Answered(Box<Answers>),
}

/// The database's answers. What is `None` was not asked, because of a trouble before it.
pub struct Answers {
    /// When it was asked.
    pub at: Timestamp,
    /// What it is.
    pub target: ObservedTarget,
    /// The ledger's row of this release, where it is in effect.
    pub in_effect: Option<Entry>,
    /// Rows of the ledger.
    pub rows: usize,
    /// The gates.
    pub gates: Option<Vec<GateAnswer>>,
    /// What the state's probe sees.
    pub observed: Option<BTreeMap<String, Option<String>>>,
    /// The verify scripts of that state: `baseline`, or `finalized` once it is in effect.
    pub checks: Option<(When, Vec<VerifyRecord>)>,
}

impl Facts {
    /// What stands in the way of one question.
    pub fn trouble(&self, row: Row) -> Option<&Trouble> {
        // What is wrong before what waits.
        let of_row = || self.troubles.iter().filter(move |(about, _)| *about == row).map(|(_, trouble)| trouble);
        of_row().find(|trouble| !trouble.waits).or_else(|| of_row().next())
    }
}

impl ReleaseFacts {
    /// The answers, if the database gave any.
    pub fn answers(&self) -> Option<&Answers> {
        match &self.database {
            Database::Answered(answers) => Some(answers),
            Database::NotAsked | Database::Silent => None,
        }
    }

    /// The ledger's row, where the release is in effect.
    pub fn in_effect(&self) -> Option<&Entry> {
        self.answers()?.in_effect.as_ref()
    }

    /// The receipt of the run that is in effect: it names the run of the ledger's row.
    pub fn receipt_in_effect(&self) -> Option<&Kept<Receipt>> {
        let run = &self.in_effect()?.run_id;
        let of_it = |kept: &&Kept<Receipt>| {
            kept.document.outcome == pgseal_verify::format::receipt::Outcome::Committed
                && (kept.document.run_id == *run || kept.document.resumes.as_ref() == Some(run))
        };
        self.receipts.iter().rfind(of_it)
    }

    /// The newest receipt.
    pub fn newest_receipt(&self) -> Option<&Kept<Receipt>> {
        self.receipts.last()
    }

    /// The rehearsal that speaks for the release, as `run` chooses it.
    pub fn newest_rehearsal(&self) -> Option<&Kept<Rehearsal>> {
        rehearsal::newest(&self.rehearsals, |kept| &kept.document, &self.manifest.target.database, self.values.as_ref())
    }
}
