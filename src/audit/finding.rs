//! What was found about one file: a line of JSONL, a row of Parquet, a line of the table.

use std::path::Path;

use serde::Serialize;

use super::facts::Facts;
use super::fault::{Fault, FaultKind, Scope};
use super::kind::Kind;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::timestamp::Timestamp;

/// What was found about one file, or about what could not be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where it is: a path, `ARCHIVE.tar/MEMBER`, or a URL. Bytes that are no text are written `\xff`.
    pub path: String,
    /// What it is, by its name.
    pub kind: Kind,
    /// How many bytes it has, where that is known.
    pub bytes: Option<u64>,
    /// When it was written, as its place says; nothing is decided by it but what `--since` reads again.
    pub modified: Option<Timestamp>,
    /// The digest of the trust root by which it was judged.
    pub trust_sha256: Digest,
    /// The time by which it was judged.
    pub as_of: Timestamp,
    /// The release that a bundle says it is, by its id, where that may not be believed.
    pub claimed_id: Option<Digest>,
    /// What it says, as far as that may be believed.
    pub facts: Option<Facts>,
    /// What is wrong, of itself and across the archive.
    pub faults: Vec<Fault>,
    /// What an auditor will want to know, and what is not wrong.
    pub notes: Vec<Fault>,
}

impl Finding {
    /// A receipt that nobody signed: no fault, and no proof.
    pub fn is_unsigned(&self) -> bool {
        matches!(self.kind, Kind::Receipt | Kind::Rehearsal)
            && self.facts.as_ref().is_some_and(|facts| facts.signers.is_empty())
    }

    /// What is no file that is there: gone, or a part of the log that doesn't hold.
    pub fn is_absent(&self) -> bool {
        let is_gone = |fault: &Fault| matches!(fault.kind, FaultKind::LogDeleted | FaultKind::ReceiptMissing);
        match self.kind {
            Kind::Log => self.facts.is_none(),
            _ => self.is_passed_over() || self.faults.iter().chain(&self.notes).any(is_gone),
        }
    }

    /// What was not looked into, and nothing else is known of it.
    pub fn is_passed_over(&self) -> bool {
        self.facts.is_none()
            && self.faults.is_empty()
            && !self.notes.is_empty()
            && self.notes.iter().all(|note| note.kind == FaultKind::PassedOver)
    }

    /// Whether the file itself is well, whatever its place, the rest of the archive or the journal beside it says.
    pub fn is_sound(&self) -> bool {
        let is_of_file = |fault: &Fault| fault.kind.scope() == Scope::File && fault.kind != FaultKind::JournalDiffers;
        !self.faults.iter().any(is_of_file)
    }

    /// Whether something is wrong.
    pub fn is_faulty(&self) -> bool {
        !self.faults.is_empty()
    }
}

/// A path as findings have it: one text for each name, also for those that are no text, and no text for two.
pub fn told(path: &Path) -> String {
    let chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let rest: String = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("{}{rest}", chunk.valid().replace('\\', "\\\\"))
    };
    path.as_os_str().as_encoded_bytes().utf8_chunks().map(chunk).collect()
}
