//! Compares a journal with its receipt, which names the last line: changes and cuts are detected.

use std::io;
use std::path::{Path, PathBuf};

use crate::record::journal::{self, Chain, JournalStep};
use pgseal_verify::format::receipt::{Outcome, ReceiptStatement};
use pgseal_verify::format::statement::title;

/// Result of comparing a receipt with its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalCheck {
    Missing,
    /// The journal has this many lines and agrees with the receipt.
    Agrees(usize),
    /// The receipt names no journal, as those of an earlier version; the chain of so many lines holds.
    Unnamed(usize),
    Differs(String),
}

/// Compares `STEM.journal` with `STEM.receipt.json`. A missing journal is not an error.
pub fn journal_of(receipt: &Path, statement: &ReceiptStatement) -> io::Result<JournalCheck> {
    match journal::read_chain(&journal_path(receipt)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(JournalCheck::Missing),
        chain => Ok(compare(chain?.as_ref(), statement)),
    }
}

/// Like [`journal_of`], of a journal from any source; `None` is a damaged one.
pub fn compare(chain: Option<&Chain>, statement: &ReceiptStatement) -> JournalCheck {
    let Some(chain) = chain else {
        let why = "it is damaged: a line is not a journal's, or does not follow the one before";
        return JournalCheck::Differs(why.to_owned());
    };
    match difference(chain, statement) {
        Some(why) => JournalCheck::Differs(why.to_owned()),
        None if statement.predicate.journal_sha256.is_none() => {
            JournalCheck::Unnamed(chain.lines.len())
        }
        None => JournalCheck::Agrees(chain.lines.len()),
    }
}

/// Fails unless the journal beside a receipt is whole, and shows how the run ended.
pub(super) fn prove(
    receipt: &Path,
    statement: &ReceiptStatement,
) -> io::Result<Result<(), String>> {
    let chain = match journal::read_chain(&journal_path(receipt)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Err("it is missing".to_owned()));
        }
        chain => chain?,
    };
    let doubt = match compare(chain.as_ref(), statement) {
        JournalCheck::Agrees(_) => chain.as_ref().and_then(|chain| open_end(chain, statement)),
        JournalCheck::Differs(why) => return Ok(Err(why)),
        JournalCheck::Missing | JournalCheck::Unnamed(_) => Some("the receipt does not name it"),
    };
    Ok(doubt.map_or(Ok(()), |why| Err(why.to_owned())))
}

/// The reason why a journal leaves the outcome open.
fn open_end(chain: &Chain, statement: &ReceiptStatement) -> Option<&'static str> {
    let steps = || chain.lines.iter().rev().map(|line| &line.step);
    if !matches!(steps().next(), Some(JournalStep::End { .. })) {
        return Some("its last line is missing, which has the outcome");
    }
    let committed = steps().find_map(|step| match step {
        JournalStep::Commit { transaction_id } => Some(transaction_id),
        _ => None,
    });
    let receipt = &statement.predicate;
    let is_committed = receipt.outcome == Outcome::Committed;
    (is_committed && committed != receipt.transaction_id.as_ref())
        .then_some("it has no COMMIT of the receipt's transaction")
}

pub fn journal_path(receipt: &Path) -> PathBuf {
    // STEM.receipt.json
    receipt.with_extension("").with_extension("journal")
}

fn difference(chain: &Chain, statement: &ReceiptStatement) -> Option<&'static str> {
    let receipt = &statement.predicate;
    if chain.is_cut {
        return Some("its last line is cut off");
    }
    let about = statement
        .subject
        .first()
        .map(|subject| subject.digest.sha256);
    match chain.lines.first().map(|line| &line.step) {
        Some(JournalStep::Begin {
            run_id,
            action,
            release_id,
            release,
            target,
            trust,
            resumes,
        }) => {
            let run = (run_id, *action, Some(*release_id), resumes);
            if run != (&receipt.run_id, receipt.action, about, &receipt.resumes) {
                return Some("it is of another run");
            }
            if *release != title(&receipt.release.name, &receipt.release.version) {
                return Some("it is of another release");
            }
            if **target != receipt.target {
                return Some("it is of another database");
            }
            if *trust != receipt.trust {
                return Some("it names another trust root");
            }
        }
        _ => return Some("it is of another run"),
    }
    let (last, end) = chain
        .lines
        .split_last()
        .map(|(last, before)| (before.len(), last))?;
    // The last line follows from the receipt; it is missing if the medium was full.
    let named = match &end.step {
        JournalStep::End { outcome }
            if (*outcome, end.at) == (receipt.outcome, receipt.finished) =>
        {
            last.checked_sub(1)
        }
        JournalStep::End { .. } => return Some("it ends otherwise than the receipt"),
        _ => Some(last),
    };
    let digest = named.and_then(|at| chain.digests.get(at));
    match receipt.journal_sha256 {
        Some(named) if digest != Some(&named) => {
            Some("it is not the one that the receipt names: lines are missing, or others")
        }
        _ => None,
    }
}
