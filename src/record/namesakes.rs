//! Records of another release of the same name and version: a draft that was packed again.

use std::collections::BTreeSet;
use std::path::Path;

use super::definitions::{files_in, receipts_in};
use super::{receipt, rehearsal};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::file_name::REHEARSAL;
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::statement::ReleaseId;

/// Ids of other releases of this name and version, by the receipts of a directory. They are claims:
/// no signature is checked.
pub fn ids(receipts: &Path, release: &Release, id: ReleaseId) -> BTreeSet<Digest> {
    let runs = receipts_in(receipts).unwrap_or_default();
    let runs = runs.iter().filter_map(|path| {
        let said = receipt::claimed(path).ok()?;
        Some((said.subject.first()?.digest.sha256, said.predicate.release))
    });
    let rehearsals = files_in(receipts, REHEARSAL).unwrap_or_default();
    let rehearsals = rehearsals.iter().filter_map(|path| {
        let said = rehearsal::claimed(path).ok()?;
        Some((said.subject.first()?.digest.sha256, said.predicate.release))
    });
    let same = |of: &Release| (&of.name, &of.version) == (&release.name, &release.version);
    runs.chain(rehearsals)
        .filter(|(other, of)| same(of) && *other != id.digest())
        .map(|(other, _)| other)
        .collect()
}
