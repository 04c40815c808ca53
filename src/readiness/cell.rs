//! A cell of the matrix: one question about a release, with its answer, the age of the answer, and
//! the evidence.

use serde::Serialize;

use super::facts::Blocker;
use super::human_time::sentence;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::timestamp::Timestamp;

/// The questions, in display order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Row {
    /// The files are exactly the signed ones.
    Files,
    /// Enough keys signed, and the trust root permits the run.
    Signatures,
    Approvals,
    /// The release succeeded on a clone, and could be rolled back.
    Rehearsal,
    /// The database is the release's target.
    Target,
    /// Earlier runs in the ledger.
    Ledger,
    /// The gates are open.
    Gate,
    /// The probe returns the values expected by the state.
    State,
    /// The verify scripts succeed.
    Checks,
}

impl Row {
    pub const ALL: [Self; 9] = [
        Self::Files,
        Self::Signatures,
        Self::Approvals,
        Self::Rehearsal,
        Self::Target,
        Self::Ledger,
        Self::Gate,
        Self::State,
        Self::Checks,
    ];

    pub fn title(self) -> &'static str {
        self.texts().0
    }

    /// The question for readers without knowledge of SQL.
    pub fn question(self) -> &'static str {
        self.texts().1
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Files => ("Files", "Is every file exactly the one that was signed?"),
            Self::Signatures => ("Signatures", "Did the people sign it who have to?"),
            Self::Approvals => ("Approvals", "Have enough people said yes?"),
            Self::Rehearsal => (
                "Rehearsal",
                "Did it work on a copy, and could it be undone there?",
            ),
            Self::Target => ("Target", "Is this the right database?"),
            Self::Ledger => ("Ledger", "What has run here before?"),
            Self::Gate => ("Gate", "Is the gate open?"),
            Self::State => ("State", "Is the database as the release expects it?"),
            Self::Checks => ("Checks", "Do the checks hold?"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellStatus {
    Go,
    /// Neither the release nor the trust root requires it.
    NotNeeded,
    /// A person has to act first.
    NoGo,
    /// Earlier runs used the approvals.
    Held,
    /// A failure, with the exit code of the command that would report it.
    Stop(u8),
    /// The evidence is missing or too old. Never counts as GO.
    Unknown,
}

impl CellStatus {
    /// True if it does not block the release.
    pub fn is_clear(&self) -> bool {
        matches!(self, Self::Go | Self::NotNeeded)
    }

    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Go => "GO",
            Self::NotNeeded => "NOT NEEDED",
            Self::NoGo => "NO-GO",
            Self::Held => "HELD",
            Self::Stop(_) => "STOP",
            Self::Unknown => "UNKNOWN",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    pub row: Row,
    pub mark: CellStatus,
    pub says: String,
    /// Lines below the sentence: for an error of the server, its statement, detail and context.
    pub excerpt: Vec<String>,
    /// Single findings: a gate, an approver, a failed check.
    pub details: Vec<String>,
    /// Advice for people, if the answer is not clear.
    pub way_out: Option<String>,
    /// The command that follows the advice or shows more.
    pub command: Option<String>,
    /// Phrase for the headline; `None` for that of the question.
    pub reason: Option<String>,
    pub at: Option<Timestamp>,
    /// Moment at which the evidence becomes stale; `None` if it never does.
    pub until: Option<Timestamp>,
    pub proofs: Vec<Proof>,
}

impl Cell {
    /// An answer without evidence or advice.
    pub fn new(row: Row, mark: CellStatus, says: impl Into<String>) -> Self {
        Self {
            row,
            mark,
            says: says.into(),
            excerpt: Vec::new(),
            details: Vec::new(),
            way_out: None,
            command: None,
            reason: None,
            at: None,
            until: None,
            proofs: Vec::new(),
        }
    }

    /// An answer without evidence, marked UNKNOWN.
    pub fn unknown(row: Row, says: impl Into<String>) -> Self {
        Self::new(row, CellStatus::Unknown, says)
    }

    /// The answer for a blocking problem.
    pub fn trouble(row: Row, trouble: &Blocker) -> Self {
        let mark = match trouble {
            Blocker { waits: true, .. } => CellStatus::NoGo,
            Blocker {
                is_denied: true, ..
            } => CellStatus::Unknown,
            _ => CellStatus::Stop(trouble.exit),
        };
        Self {
            way_out: trouble.hint.as_deref().map(sentence),
            excerpt: trouble.excerpt.clone(),
            reason: trouble.reason.clone(),
            until: trouble.until,
            ..Self::new(row, mark, sentence(&trouble.text))
        }
    }

    /// Adds the time of the evidence, and the moment at which it becomes stale.
    pub fn dated(self, at: Timestamp, until: Option<Timestamp>) -> Self {
        Self {
            at: Some(at),
            until,
            ..self
        }
    }

    pub fn proved(mut self, proofs: impl IntoIterator<Item = Proof>) -> Self {
        self.proofs.extend(proofs);
        self
    }

    pub fn details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }

    pub fn way_out(self, way_out: impl Into<String>, command: Option<String>) -> Self {
        Self {
            way_out: Some(way_out.into()),
            command,
            ..self
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    pub of: ProofOf,
    /// Name of a file, or description of a query.
    pub name: String,
    /// Digest of the file; for a bundle, of its signed statement, which is the release id.
    pub sha256: Option<Digest>,
    pub keys: Vec<Digest>,
    pub at: Option<Timestamp>,
}

impl Proof {
    /// Evidence without a digest, keys or a time.
    pub fn new(of: ProofOf, name: impl Into<String>) -> Self {
        Self {
            of,
            name: name.into(),
            sha256: None,
            keys: Vec::new(),
            at: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProofOf {
    Bundle,
    TrustRoot,
    Approval,
    Rehearsal,
    /// A signed receipt of a run or rollback.
    Receipt,
    Answer,
    /// A row of pgseal's table in the database.
    LedgerRow,
}

impl ProofOf {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "signed file",
            Self::TrustRoot => "trust root",
            Self::Approval => "signed approval",
            Self::Rehearsal => "signed rehearsal receipt",
            Self::Receipt => "signed receipt",
            Self::Answer => "answer of the database",
            Self::LedgerRow => "row of the ledger",
        }
    }
}
