//! Different signed releases with the same name and version.

use std::collections::BTreeMap;

use super::archive::{Archive, answer};
use super::{Answer, Severity};
use crate::audit::facts::ReleaseFacts;
use crate::audit::fault::FaultKind;

/// Takes one release as the reference and reports one fault for each other release. The reference
/// gets a note for each, since it may be the wrong one.
pub fn ask(archive: &Archive<'_>) -> Vec<Answer> {
    let mut named = BTreeMap::<_, Vec<_>>::new();
    for bundles in archive.bundles.values() {
        if let Some((_, release)) = bundles.first() {
            named
                .entry((&release.name, &release.version))
                .or_default()
                .push(*release);
        }
    }
    named
        .into_values()
        .filter(|releases| releases.len() > 1)
        .flat_map(|releases| told(archive, releases))
        .collect()
}

fn told(archive: &Archive<'_>, releases: Vec<&ReleaseFacts>) -> Vec<Answer> {
    let ranked = archive.ranked(releases);
    let Some(((measure, release), others)) = ranked.split_first() else {
        return Vec::new();
    };
    let two = |other: usize| {
        format!(
            "{} is another release in {}: two of one name and version",
            release.title(),
            archive.path(other)
        )
    };
    let mut answers: Vec<Answer> = others
        .iter()
        .map(|(at, _)| answer(*at, Severity::Fault, FaultKind::Equivocation, two(*measure)))
        .collect();
    answers.extend(
        others
            .iter()
            .map(|(at, _)| answer(*measure, Severity::Note, FaultKind::Equivocation, two(*at))),
    );
    answers
}
