//! Sequences of a name's releases: duplicates and gaps.

use std::collections::BTreeMap;

use super::archive::{Archive, answer};
use super::{Answer, Coverage, Severity};
use crate::audit::facts::ReleaseFacts;
use crate::audit::fault::FaultKind;
use pgseal_verify::format::name::Name;

/// The releases of a name by sequence, each with one of its bundles; the reference comes first.
type Numbered<'a> = BTreeMap<u32, Vec<(usize, &'a ReleaseFacts)>>;

/// Reports two versions with one sequence as a fault and a gap as a note. Sequences only have to
/// ascend, so a gap does not prove that a release is missing. A signed file that names a missing
/// release gets a fault in another check.
pub fn ask(archive: &Archive<'_>) -> Vec<Answer> {
    let mut names = BTreeMap::<&Name, BTreeMap<u32, Vec<&ReleaseFacts>>>::new();
    for bundles in archive.bundles.values() {
        if let Some((_, release)) = bundles.first() {
            names
                .entry(&release.name)
                .or_default()
                .entry(release.sequence)
                .or_default()
                .push(*release);
        }
    }
    let mut answers = Vec::new();
    for (name, numbered) in names {
        let ranked = numbered
            .into_iter()
            .map(|(number, releases)| (number, archive.ranked(releases)));
        let numbered: Numbered<'_> = ranked.collect();
        for releases in numbered.values() {
            answers.extend(twice(archive, releases));
        }
        if archive.extent == Coverage::Whole {
            answers.extend(gaps(name, &numbered));
        }
    }
    answers
}

/// Reports two versions with one sequence. Releases with the same version as well are equivocation,
/// reported elsewhere.
fn twice(archive: &Archive<'_>, releases: &[(usize, &ReleaseFacts)]) -> Vec<Answer> {
    let mut seen: Vec<(usize, &ReleaseFacts)> = Vec::new();
    let mut answers = Vec::new();
    for (at, release) in releases {
        if seen
            .iter()
            .any(|(_, known)| known.version == release.version)
        {
            continue;
        }
        if let Some((first, known)) = seen.first() {
            let (number, path) = (release.sequence, archive.path(*first));
            let text = format!(
                "{} has sequence {number}, and so has {} in {path}",
                release.title(),
                known.title()
            );
            answers.push(answer(*at, Severity::Fault, FaultKind::SequenceTwice, text));
        }
        seen.push((*at, release));
    }
    answers
}

/// Reports gaps if sequences are mostly consecutive. With as many missing numbers as releases, they
/// are probably dates or another scheme.
fn gaps(name: &Name, numbered: &Numbered<'_>) -> Vec<Answer> {
    let numbers: Vec<u32> = numbered.keys().copied().collect();
    let missing: u64 = numbers
        .windows(2)
        .map(|pair| u64::from(pair[1] - pair[0] - 1))
        .sum();
    if missing >= numbers.len() as u64 {
        return Vec::new();
    }
    let holes = numbers.windows(2).filter(|pair| pair[1] - pair[0] > 1);
    let told = |pair: &[u32]| {
        let (from, to) = (pair[0] + 1, pair[1] - 1);
        let which = if from == to {
            format!("sequence {from}")
        } else {
            format!("sequences {from} to {to}")
        };
        let (at, _) = numbered.get(&pair[1])?.first()?;
        let text = format!("no release here has {which} of {name}");
        Some(answer(*at, Severity::Note, FaultKind::Gap, text))
    };
    holes.filter_map(told).collect()
}
