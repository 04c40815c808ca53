//! A cell: one question about a release, its answer, how old it is, and what proves it.

use serde::Serialize;

use super::facts::Trouble;
use super::words::sentence;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::timestamp::Timestamp;

/// The questions, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Row {
    /// The files are exactly the signed ones.
    Files,
    /// Enough keys signed, and the trust root lets it run.
    Signatures,
    /// Enough people said yes.
    Approvals,
    /// It worked on a clone, and could be undone.
    Rehearsal,
    /// This is the database that it is for.
    Target,
    /// What ran here before.
    Ledger,
    /// The gates are open.
    Gate,
    /// The probe sees what the state expects.
    State,
    /// The verify scripts hold.
    Checks,
}

impl Row {
    /// All of them, as they are shown.
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

    /// The one word for it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Files => "Files",
            Self::Signatures => "Signatures",
            Self::Approvals => "Approvals",
            Self::Rehearsal => "Rehearsal",
            Self::Target => "Target",
            Self::Ledger => "Ledger",
            Self::Gate => "Gate",
            Self::State => "State",
            Self::Checks => "Checks",
        }
    }

    /// The question, for somebody who knows no SQL.
    pub fn question(self) -> &'static str {
        match self {
            Self::Files => "Is every file exactly the one that was signed?",
            Self::Signatures => "Did the people sign it who have to?",
            Self::Approvals => "Have enough people said yes?",
            Self::Rehearsal => "Did it work on a copy, and could it be undone there?",
            Self::Target => "Is this the right database?",
            Self::Ledger => "What has run here before?",
            Self::Gate => "Is the gate open?",
            Self::State => "Is the database as the release expects it?",
            Self::Checks => "Do the checks hold?",
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Proved.
    Go,
    /// The release or the trust root asks for nothing here.
    NotNeeded,
    /// It waits for a person.
    NoGo,
    /// Something is wrong; the exit code of the command that meets it.
    Stop(u8),
    /// There is no evidence, or it is too old. Never counts as GO.
    Unknown,
}

impl Mark {
    /// Whether it stands in nobody's way.
    pub fn is_clear(&self) -> bool {
        matches!(self, Self::Go | Self::NotNeeded)
    }

    /// As people read it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Go => "GO",
            Self::NotNeeded => "NOT NEEDED",
            Self::NoGo => "NO-GO",
            Self::Stop(_) => "STOP",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// One answer and its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The question.
    pub row: Row,
    /// The answer.
    pub mark: Mark,
    /// The same in a sentence.
    pub says: String,
    /// What stands below the sentence, line by line: of an error of the server its statement, detail and context.
    pub excerpt: Vec<String>,
    /// Single findings: a gate, an approver, a check that did not hold.
    pub details: Vec<String>,
    /// What a person can do about it, where the answer is not clear.
    pub way_out: Option<String>,
    /// The command that does or shows it.
    pub command: Option<String>,
    /// From when the evidence is.
    pub at: Option<Timestamp>,
    /// From this moment on it is stale; `None`: it doesn't age.
    pub until: Option<Timestamp>,
    /// What proves it.
    pub proofs: Vec<Proof>,
}

impl Cell {
    /// An answer without anything else.
    pub fn new(row: Row, mark: Mark, says: impl Into<String>) -> Self {
        Self {
            row,
            mark,
            says: says.into(),
            excerpt: Vec::new(),
            details: Vec::new(),
            way_out: None,
            command: None,
            at: None,
            until: None,
            proofs: Vec::new(),
        }
    }

    /// No evidence.
    pub fn unknown(row: Row, says: impl Into<String>) -> Self {
        Self::new(row, Mark::Unknown, says)
    }

    /// What stands in the way.
    pub fn trouble(row: Row, trouble: &Trouble) -> Self {
        let mark = if trouble.waits { Mark::NoGo } else { Mark::Stop(trouble.exit) };
        Self {
            way_out: trouble.hint.as_deref().map(sentence),
            excerpt: trouble.excerpt.clone(),
            ..Self::new(row, mark, sentence(&trouble.text))
        }
    }

    /// With the time of its evidence, and from when it is stale.
    pub fn dated(self, at: Timestamp, until: Option<Timestamp>) -> Self {
        Self { at: Some(at), until, ..self }
    }

    /// With evidence.
    pub fn proved(mut self, proofs: impl IntoIterator<Item = Proof>) -> Self {
        self.proofs.extend(proofs);
        self
    }

    /// With single findings.
    pub fn details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }

    /// With what a person can do.
    pub fn way_out(self, way_out: impl Into<String>, command: Option<String>) -> Self {
        Self { way_out: Some(way_out.into()), command, ..self }
    }
}

/// A piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// What it is.
    pub of: ProofOf,
    /// A file's name, or what was asked.
    pub name: String,
    /// The digest of the file; of a bundle, of its signed statement, which is the release id.
    pub sha256: Option<Digest>,
    /// Ids of the keys that signed it.
    pub keys: Vec<Digest>,
    /// From when it is.
    pub at: Option<Timestamp>,
}

/// The kinds of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProofOf {
    /// The signed file itself.
    Bundle,
    /// The trust root by which it was judged.
    TrustRoot,
    /// A signed approval.
    Approval,
    /// A signed rehearsal receipt.
    Rehearsal,
    /// A signed receipt of a run or rollback.
    Receipt,
    /// The database's own answer.
    Answer,
    /// A row of pgseal's table in the database.
    LedgerRow,
}

impl ProofOf {
    /// For people.
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
