//! One name and version, two releases: somebody signed both, and nobody can say which one people mean.

use std::collections::BTreeMap;

use super::archive::{Archive, answer};
use super::{Answer, Weight};
use crate::audit::fault::FaultKind;

/// Of several releases the one that comes first by its path is the measure; each other one is a fault, once.
pub fn ask(archive: &Archive<'_>) -> Vec<Answer> {
    let mut named = BTreeMap::<_, Vec<_>>::new();
    for bundles in archive.bundles.values() {
        if let Some((at, release)) = bundles.first() {
            named.entry((&release.name, &release.version)).or_default().push((*at, *release));
        }
    }
    let mut answers = Vec::new();
    for mut releases in named.into_values() {
        releases.sort();
        let Some(((first, _), others)) = releases.split_first() else { continue };
        for (at, release) in others {
            let (title, path) = (release.title(), archive.path(*first));
            let text = format!("{title} is another release in {path}: two of one name and version");
            answers.push(answer(*at, Weight::Fault, FaultKind::Equivocation, text));
        }
    }
    answers
}
