//! Conflicts between releases of one name: versions, sequences and gaps.

use std::collections::BTreeMap;

use super::archive::Archive;
use super::{Answer, Coverage, Severity, plural_range};
use crate::audit::fault::FaultKind;
use crate::audit::file_facts::ReleaseFacts;
use pgseal_verify::format::name::Name;
use pgseal_verify::format::receipt::{Action, Outcome};

/// The releases of a name by sequence, each with one of its bundles; the reference comes first.
type Numbered<'a> = BTreeMap<u32, Vec<(usize, &'a ReleaseFacts)>>;

/// Reports different signed releases with the same name and version. Takes one release as the
/// reference and reports one fault for each other release. The reference gets a note for each,
/// since it may be the wrong one.
pub fn equivocation(archive: &Archive<'_>) -> Vec<Answer> {
    let mut named = BTreeMap::<_, Vec<_>>::new();
    for release in archive.releases() {
        let releases = named.entry((&release.name, &release.version)).or_default();
        releases.push(release);
    }
    let mut answers = Vec::new();
    for releases in named.into_values().filter(|releases| releases.len() > 1) {
        let ranked = archive.ranked(releases);
        let Some(((reference, release), others)) = ranked.split_first() else {
            continue;
        };
        let text = |other: usize| {
            let (title, path) = (release.title(), archive.path(other));
            format!("{title} is another release in {path}: two of one name and version")
        };
        let kind = FaultKind::Equivocation;
        answers.extend(
            others
                .iter()
                .map(|(at, _)| Answer::fault(*at, kind, text(*reference))),
        );
        answers.extend(
            others
                .iter()
                .map(|(at, _)| Answer::note(*reference, kind, text(*at))),
        );
    }
    answers
}

/// Reports two versions with one sequence as a fault and a gap as a note. Sequences only have to
/// ascend, so a gap does not prove that a release is missing. A signed file that names a missing
/// release gets a fault in another check.
pub fn sequences(archive: &Archive<'_>) -> Vec<Answer> {
    let mut names = BTreeMap::<&Name, BTreeMap<u32, Vec<&ReleaseFacts>>>::new();
    for release in archive.releases() {
        let numbered = names.entry(&release.name).or_default();
        numbered.entry(release.sequence).or_default().push(release);
    }
    let mut answers = Vec::new();
    for (name, numbered) in names {
        let numbered: Numbered<'_> = numbered
            .into_iter()
            .map(|(number, releases)| (number, archive.ranked(releases)))
            .collect();
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
        let is_same = |(_, known): &(_, &ReleaseFacts)| known.version == release.version;
        if seen.iter().any(is_same) {
            continue;
        }
        if let Some((first, known)) = seen.first() {
            let (number, path) = (release.sequence, archive.path(*first));
            let text = format!(
                "{} has sequence {number}, and so has {} in {path}",
                release.title(),
                known.title()
            );
            let kind = FaultKind::SequenceTwice;
            answers.push(
                match made_way(archive, known, release) || made_way(archive, release, known) {
                    true => Answer::note(*at, kind, format!("{text}; one of them is rolled back")),
                    false => Answer::fault(*at, kind, text),
                },
            );
        }
        seen.push((*at, release));
    }
    answers
}

/// Whether signed receipts here prove that each run of a release was rolled back, and that another one
/// of its sequence ran on each of its databases.
fn made_way(archive: &Archive<'_>, release: &ReleaseFacts, other: &ReleaseFacts) -> bool {
    let mut last = BTreeMap::new();
    for record in &archive.receipts {
        let is_committed = record.receipt.outcome == Outcome::Committed;
        if record.release.id != release.id || !is_committed {
            continue;
        }
        // It proves nothing, and may be true.
        if record.severity == Severity::Note {
            return false;
        }
        let action = (record.receipt.started, record.receipt.action);
        let newest = last.entry(record.database()).or_insert(action);
        if newest.0 <= action.0 {
            *newest = action;
        }
    }
    let is_back = |(_, action): &(_, Action)| *action == Action::Rollback;
    let other_ran = |database: &_| {
        archive.receipts.iter().any(|record| {
            record.release.id == other.id
                && record.receipt.action == Action::Run
                && record.database() == *database
        })
    };
    !last.is_empty() && last.values().all(is_back) && last.keys().all(other_ran)
}

/// Reports gaps if sequences are mostly consecutive. With as many missing numbers as releases, they
/// are probably dates or another scheme.
fn gaps(name: &Name, numbered: &Numbered<'_>) -> Vec<Answer> {
    let numbers: Vec<u32> = numbered.keys().copied().collect();
    let missing = |pair: &[u32]| u64::from(pair[1] - pair[0] - 1);
    let total: u64 = numbers.windows(2).map(missing).sum();
    if total >= numbers.len() as u64 {
        return Vec::new();
    }
    let gap = |pair: &[u32]| {
        let which = plural_range("sequence", pair[0] + 1, pair[1] - 1);
        let (at, _) = numbered.get(&pair[1])?.first()?;
        let text = format!("no release here has {which} of {name}");
        Some(Answer::note(*at, FaultKind::Gap, text))
    };
    let pairs = numbers.windows(2).filter(|pair| missing(pair) > 0);
    pairs.filter_map(gap).collect()
}
