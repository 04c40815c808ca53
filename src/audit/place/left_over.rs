//! What stands beside a receipt, where the receipt is not there.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Unlisted;
use crate::audit::fault::FaultKind;
use crate::audit::kind::Kind;
use pgseal_verify::format::file_name::REHEARSAL;

/// The ends of names: of receipts, and of what is beside them, the one that says most first.
const RECEIPTS: [(&str, Kind, &[&str]); 2] = [
    (".receipt.json", Kind::Receipt, &[".receipt.sig", ".receipt.tsr", ".journal"]),
    (REHEARSAL, Kind::Rehearsal, &[".rehearsal.sig", ".rehearsal.tsr"]),
];

/// Told at the first of what is left over of one receipt, so that it is missed once. A journal alone is left by a run that was
/// killed too, so it is a note.
pub fn left_over(path: &Path, is_here: impl Fn(&Path) -> bool) -> Option<Unlisted> {
    let name = path.file_name()?.as_bytes();
    let (stem, receipt, kind, before, own) = RECEIPTS.into_iter().find_map(|(receipt, kind, ends)| {
        ends.iter().enumerate().find_map(|(at, end)| {
            let stem = name.strip_suffix(end.as_bytes())?;
            Some((stem, receipt, kind, &ends[..at], *end))
        })
    })?;
    let sibling = |end: &str| -> PathBuf { path.with_file_name(OsStr::from_bytes(&[stem, end.as_bytes()].concat())) };
    if std::iter::once(&receipt).chain(before).any(|end| is_here(&sibling(end))) {
        return None;
    }
    let text = format!("what belongs to it is here, and it is not: *{own}");
    Some(Unlisted {
        path: sibling(receipt),
        kind,
        word: FaultKind::ReceiptMissing,
        error: io::Error::other(text),
        is_note: own == ".journal",
    })
}
