//! The result for one file: a line of JSONL, a row of Parquet, a line of the table.

use std::path::Path;

use serde::Serialize;

use super::fault::{Fault, FaultKind, Scope};
use super::file_facts::{FileFacts, ReleaseFacts};
use super::kind::Kind;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::timestamp::Timestamp;

/// The result for one file or one path that could not be listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A path, `ARCHIVE.tar/MEMBER`, or a URL. Bytes that are not UTF-8 are written `\xff`.
    pub path: String,
    pub kind: Kind,
    pub bytes: Option<u64>,
    /// Time of writing, as the place reports it; only `--since` uses it.
    pub modified: Option<Timestamp>,
    pub trust_sha256: Digest,
    pub as_of: Timestamp,
    /// The release id of a bundle that is not authentic.
    pub claimed_id: Option<Digest>,
    pub facts: Option<FileFacts>,
    /// Faults of the file itself and of the cross-checks.
    pub faults: Vec<Fault>,
    /// Remarks for an auditor that are not faults.
    pub notes: Vec<Fault>,
}

impl Finding {
    /// The facts of a file about a release, and the release.
    pub fn of_release(&self) -> Option<(&FileFacts, &ReleaseFacts)> {
        let facts = self.facts.as_ref()?;
        Some((facts, facts.release.as_ref()?))
    }

    /// Whether it is an unsigned receipt: no fault, but no proof.
    pub fn is_unsigned(&self) -> bool {
        matches!(self.kind, Kind::Receipt | Kind::Rehearsal | Kind::Rollout)
            && self
                .facts
                .as_ref()
                .is_some_and(|facts| facts.signers.is_empty())
    }

    /// Whether no file is behind it: a missing file, or an invalid part of the log.
    pub fn is_absent(&self) -> bool {
        let is_gone = |fault: &Fault| {
            matches!(
                fault.kind,
                FaultKind::LogDeleted | FaultKind::ReceiptMissing
            )
        };
        match self.kind {
            Kind::Log => self.facts.is_none(),
            _ => self.is_passed_over() || self.faults.iter().chain(&self.notes).any(is_gone),
        }
    }

    /// Whether it was skipped and nothing else is known of it.
    pub fn is_passed_over(&self) -> bool {
        self.facts.is_none()
            && self.faults.is_empty()
            && !self.notes.is_empty()
            && self
                .notes
                .iter()
                .all(|note| note.kind == FaultKind::PassedOver)
    }

    /// Whether the file itself has no fault, regardless of its place, the rest of the archive and
    /// its journal.
    pub fn is_sound(&self) -> bool {
        let is_of_file = |fault: &Fault| {
            fault.kind.scope() == Scope::File && fault.kind != FaultKind::JournalDiffers
        };
        !self.faults.iter().any(is_of_file)
    }

    pub fn is_faulty(&self) -> bool {
        !self.faults.is_empty()
    }
}

/// The text of a path in findings. The mapping is injective, also for paths that are not UTF-8.
pub fn told(path: &Path) -> String {
    let chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let rest: String = chunk
            .invalid()
            .iter()
            .map(|byte| format!("\\x{byte:02x}"))
            .collect();
        format!("{}{rest}", chunk.valid().replace('\\', "\\\\"))
    };
    path.as_os_str()
        .as_encoded_bytes()
        .utf8_chunks()
        .map(chunk)
        .collect()
}
