//! FileFacts about the log of an archive.

use super::signatures::signer;
use crate::audit::file_facts::{FileFacts, LogFacts, Verdict};
use crate::audit::judge::Judge;
use crate::tlog::Checkpoint;
use crate::trust::evidence::Evidence;

/// FileFacts from a log's checkpoint, with its number of entries and of checkpoints compared. A
/// checkpoint has no time: it counts unless its key was revoked.
pub fn facts(
    judge: &Judge<'_>,
    checkpoint: &Checkpoint,
    entries: usize,
    compared: usize,
) -> FileFacts {
    let head = checkpoint.authenticate(judge.root);
    let verdict = Verdict::of(head.as_ref());
    let signers = head
        .iter()
        .map(|head| signer(judge, head.key(), Evidence::Claimed(None), None))
        .collect();
    let log = LogFacts {
        origin: checkpoint.origin().to_owned(),
        entries: entries as u64,
        compared: compared as u64,
    };
    FileFacts {
        signers,
        log: Some(log),
        ..FileFacts::new(verdict.clone(), verdict)
    }
}
