//! One name and version, two releases: somebody signed both, and nobody can say which one people mean.

use std::collections::BTreeMap;

use super::archive::{Archive, answer};
use super::{Answer, Weight};
use crate::audit::facts::ReleaseFacts;
use crate::audit::fault::FaultKind;

/// Of several releases one is the measure: one that the archive's log has, or else the first by its path. Each other one is a
/// fault, once; the measure has a note, since it may be the wrong one.
pub fn ask(archive: &Archive<'_>) -> Vec<Answer> {
    let mut named = BTreeMap::<_, Vec<_>>::new();
    for bundles in archive.bundles.values() {
        if let Some((at, release)) = bundles.first() {
            named.entry((&release.name, &release.version)).or_default().push((*at, *release));
        }
    }
    named.into_values().filter(|releases| releases.len() > 1).flat_map(|releases| told(archive, releases)).collect()
}

fn told(archive: &Archive<'_>, releases: Vec<(usize, &ReleaseFacts)>) -> Vec<Answer> {
    // A copy elsewhere takes nothing away from the one that was logged.
    let logged = |release: &ReleaseFacts| archive.bundles[&release.id].iter().find(|(at, _)| archive.is_logged(*at));
    let mut ranked: Vec<(bool, usize, &ReleaseFacts)> = releases
        .into_iter()
        .map(|(first, release)| {
            let logged = logged(release).map(|(at, _)| *at);
            (logged.is_none(), logged.unwrap_or(first), release)
        })
        .collect();
    ranked.sort();
    let Some(((_, measure, release), others)) = ranked.split_first() else { return Vec::new() };
    let two = |other: usize| {
        format!("{} is another release in {}: two of one name and version", release.title(), archive.path(other))
    };
    let mut answers: Vec<Answer> =
        others.iter().map(|(_, at, _)| answer(*at, Weight::Fault, FaultKind::Equivocation, two(*measure))).collect();
    answers.extend(others.iter().map(|(_, at, _)| answer(*measure, Weight::Note, FaultKind::Equivocation, two(*at))));
    answers
}
