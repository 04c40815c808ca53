//! The faults that `audit` would report because of files that are about to be added.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::args::now;
use super::super::output::{Output, escape};
use super::super::progress::Notifier;
use crate::archiving::TEMPORARY;
use crate::audit::cross_checks::{self, Coverage};
use crate::audit::place::directory::Directory;
use crate::audit::{Fault, Finding, Judge, Place, sweep};
use crate::trust::TrustRoot;
use pgseal_verify::format::timestamp::Timestamp;

/// A fault, and the path of its file.
type Told = (String, Fault);

/// Compares the faults of the archive with those of the archive and the files. What is logged
/// cannot go, so this comes first.
pub fn faults(
    dir: &Path,
    files: &[PathBuf],
    root: &TrustRoot,
    as_of: Option<Timestamp>,
    out: Output,
) -> Vec<Told> {
    let now = now();
    let as_of = as_of.unwrap_or(now);
    let judge = Judge { root, as_of, now };
    let notifier = Notifier::drawing(out);
    notifier.moving(|| "finding out what an audit would say".to_owned());
    let swept = |paths: &mut dyn Iterator<Item = &Path>| {
        let places = paths.map(|path| Arc::new(Directory::new(path)) as Arc<dyn Place>);
        sweep::sweep(places.collect(), &judge, None, &|_| ())
    };
    let mut before = swept(&mut [dir].into_iter());
    // The copies of this command.
    let is_copy = |finding: &Finding| {
        let mut parts = Path::new(&finding.path).components();
        parts.any(|part| {
            part.as_os_str()
                .as_encoded_bytes()
                .starts_with(TEMPORARY.as_bytes())
        })
    };
    before.retain(|finding| !is_copy(finding));
    let more = swept(&mut files.iter().map(PathBuf::as_path));
    notifier.finish();
    let mut both = before.clone();
    both.extend(more);
    both.sort_by(|one, other| one.path.cmp(&other.path));
    // Files that are in the archive already.
    both.dedup();
    let before = told(before, root);
    let mut after = told(both, root);
    after.retain(|one| !before.contains(one));
    after
}

fn told(mut findings: Vec<Finding>, root: &TrustRoot) -> Vec<Told> {
    cross_checks::check(&mut findings, root, Coverage::Whole);
    let of_finding = |finding: Finding| {
        let path = finding.path;
        let faults = finding.faults.into_iter();
        faults.map(move |fault| (path.clone(), fault))
    };
    findings.into_iter().flat_map(of_finding).collect()
}

/// Prints the faults.
pub fn show(faults: &[Told], out: Output) {
    for (path, fault) in faults {
        let (path, sentence) = (escape(path), escape(&fault.sentence));
        out.warning(format!(
            "`pgseal audit` would report {path}: {sentence} ({})",
            fault.kind.as_str()
        ));
    }
}
