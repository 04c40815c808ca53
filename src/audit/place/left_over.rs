//! Sibling files of a receipt that is missing.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Unlisted;
use crate::audit::fault::FaultKind;
use crate::audit::kind::Kind;
use pgseal_verify::format::file_name::{EVIDENCE, REHEARSAL, ROLLOUT};

/// Suffixes of receipts and of their siblings, in order of decreasing evidence.
const RECEIPTS: [(&str, Kind, &[&str]); 4] = [
    (
        ".receipt.json",
        Kind::Receipt,
        &[".receipt.sig", ".receipt.tsr", ".journal"],
    ),
    (
        REHEARSAL,
        Kind::Rehearsal,
        &[".rehearsal.sig", ".rehearsal.tsr"],
    ),
    (ROLLOUT, Kind::Rollout, &[".rollout.sig", ".rollout.tsr"]),
    (
        EVIDENCE,
        Kind::Evidence,
        &[".evidence.sig", ".evidence.tsr"],
    ),
];

/// Reports a missing receipt at the first of its siblings, so that it is reported once. A journal
/// alone gives a note, since a killed run leaves one too.
pub fn left_over(path: &Path, is_here: impl Fn(&Path) -> bool) -> Option<Unlisted> {
    let name = path.file_name()?.as_bytes();
    let (stem, receipt, kind, before, own) =
        RECEIPTS.into_iter().find_map(|(receipt, kind, ends)| {
            ends.iter().enumerate().find_map(|(at, end)| {
                let stem = name.strip_suffix(end.as_bytes())?;
                Some((stem, receipt, kind, &ends[..at], *end))
            })
        })?;
    let sibling = |end: &str| -> PathBuf {
        path.with_file_name(OsStr::from_bytes(&[stem, end.as_bytes()].concat()))
    };
    if std::iter::once(&receipt)
        .chain(before)
        .any(|end| is_here(&sibling(end)))
    {
        return None;
    }
    let text = format!("what belongs to it is here, and it is not: *{own}");
    Some(Unlisted {
        path: sibling(receipt),
        kind,
        fault: FaultKind::ReceiptMissing,
        error: io::Error::other(text),
        is_note: own == ".journal",
    })
}
