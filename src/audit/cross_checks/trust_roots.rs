//! Checks that the versions of the trust root lead to the one of this audit.

use std::collections::{BTreeMap, BTreeSet};

use super::archive::Archive;
use super::{Answer, Coverage, Severity, plural_range};
use crate::audit::fault::FaultKind;
use crate::audit::file::root_keys;
use crate::audit::file_facts::TrustRootFacts;
use crate::trust::KeyId;

/// Walks down from the trust root of this audit. Each version names the digest of the one before,
/// so a different document of that version is a fork, even if the named one is absent. A missing
/// version between two others is a fault; missing first versions are not.
pub fn check(archive: &Archive<'_>) -> Vec<Answer> {
    let judge = archive.root.document();
    let family = family(archive);
    let (mut versions, mut answers) = (Versions::new(), Vec::new());
    for (at, facts) in archive.trust_roots() {
        if !facts.root_keys.iter().any(|key| family.contains(key)) {
            let version = facts.version;
            let text = format!(
                "version {version} of a trust root that shares no root key with the one that judges"
            );
            answers.push(Answer::note(at, FaultKind::TrustForeign, text));
        } else if facts.version > judge.version {
            answers.push(later(archive, at, facts));
        } else {
            versions.entry(facts.version).or_default().push((at, facts));
        }
    }
    answers.extend(forks(archive, &versions));
    if archive.extent == Coverage::Whole {
        answers.extend(holes(&versions, judge.version));
    }
    answers
}

/// Trust roots by version, in order of their paths.
type Versions<'a> = BTreeMap<u32, Vec<(usize, &'a TrustRootFacts)>>;

/// Reports a later version. The version right after the trust root of this audit must name its
/// digest.
fn later(archive: &Archive<'_>, at: usize, facts: &TrustRootFacts) -> Answer {
    let (version, judge) = (facts.version, archive.root.document().version);
    if version - 1 == judge && facts.prev_sha256 != Some(archive.root.digest()) {
        let text = format!(
            "version {version} of the trust root follows another version {judge} than the one that judges"
        );
        return Answer::fault(at, FaultKind::TrustFork, text);
    }
    let text = format!("version {version} of the trust root: this audit judges by version {judge}");
    Answer::note(at, FaultKind::TrustNewer, text)
}

/// Reports forks. If no document here names the digest of a version, the first one by path is the
/// reference.
fn forks(archive: &Archive<'_>, versions: &Versions<'_>) -> Vec<Answer> {
    let judge = archive.root.document();
    let judges = "the one that judges";
    // The known digest of each version, and the document that names it.
    let mut named = BTreeMap::from([(judge.version, (archive.root.digest(), judges))]);
    if let Some(before) = judge.prev_sha256 {
        named.insert(judge.version - 1, (before, judges));
    }
    let mut answers = Vec::new();
    for (version, roots) in versions.iter().rev() {
        let known = named.get(version).copied();
        let measure = match known {
            Some((digest, _)) => roots.iter().find(|(_, facts)| facts.sha256 == digest),
            None => roots.first(),
        };
        let other = match (measure, known) {
            (Some((at, _)), _) => archive.path(*at).to_owned(),
            (None, Some((_, by))) if *version < judge.version => {
                format!("the one that {by} follows, which is not here")
            }
            (None, _) => judges.to_owned(),
        };
        let is_fork = |facts: &TrustRootFacts| {
            measure.is_none_or(|(_, measure)| facts.sha256 != measure.sha256)
        };
        for (at, _) in roots.iter().filter(|(_, facts)| is_fork(facts)) {
            let text =
                format!("version {version} of the trust root is another document than {other}");
            answers.push(Answer::fault(*at, FaultKind::TrustFork, text));
        }
        if let Some((at, facts)) = measure
            && let Some((before, digest)) = version.checked_sub(1).zip(facts.prev_sha256)
        {
            named.insert(before, (digest, archive.path(*at)));
        }
    }
    answers
}

/// The root keys of the trust root of this audit and of its ancestors.
fn family(archive: &Archive<'_>) -> BTreeSet<KeyId> {
    let own = root_keys(archive.root.draft());
    let before = archive
        .ancestors
        .values()
        .flatten()
        .flat_map(|facts: &&TrustRootFacts| facts.root_keys.iter().copied());
    own.chain(before).collect()
}

/// Reports missing versions. A gap directly below the version of this audit is a note if that
/// version is not in the archive: the archive ends there.
fn holes(versions: &Versions<'_>, judge: u32) -> Vec<Answer> {
    let mut ends: Vec<u32> = versions.keys().copied().collect();
    if ends.last().is_some_and(|last| *last < judge) {
        ends.push(judge);
    }
    let hole = |pair: &[u32]| {
        let (below, above) = (pair[0], pair[1]);
        let (from, to) = (below + 1, above.checked_sub(1)?);
        let which = plural_range("version", from, to);
        let is_here = versions.contains_key(&above);
        let (severity, that) = if is_here {
            (Severity::Fault, "")
        } else {
            (Severity::Note, ", which judges and is not here itself")
        };
        let text = format!(
            "{which} of the trust root, between this one and version {above}{that}, is not here"
        );
        let (at, _) = versions.get(&below)?.first()?;
        (from <= to).then(|| Answer::new(*at, severity, FaultKind::TrustVersionMissing, text))
    };
    ends.windows(2).filter_map(hole).collect()
}
