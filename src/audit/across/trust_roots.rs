//! The versions of the trust root: do they lead to the one that judges?

use std::collections::{BTreeMap, BTreeSet};

use super::archive::{Archive, answer};
use super::{Answer, Extent, Weight};
use crate::audit::facts::TrustRootFacts;
use crate::audit::fault::FaultKind;
use crate::trust::KeyId;
use crate::trust::root::name;

/// A document of the same root keys that does not lead to the one that judges is a fork. A version between two others that
/// is not here is a fault; that the first ones are not here is none.
pub fn ask(archive: &Archive<'_>) -> Vec<Answer> {
    let judge = archive.root.document().version;
    let family = family(archive);
    let (mut line, mut answers) = (BTreeMap::from([(judge, (None, archive.root.digest()))]), Vec::new());
    // The ancestors first: they are the measure.
    let (own, others): (Vec<_>, Vec<_>) =
        archive.trust_roots().partition(|(_, facts)| archive.ancestors.contains_key(&facts.sha256));
    for (at, facts) in own {
        line.entry(facts.version).or_insert((Some(at), facts.sha256)).0.get_or_insert(at);
    }
    for (at, facts) in others {
        let version = facts.version;
        let (weight, kind, text) = if !facts.root_keys.iter().any(|key| family.contains(key)) {
            let text = format!("version {version} of a trust root that shares no root key with the one that judges");
            (Weight::Note, FaultKind::TrustForeign, text)
        } else if let Some((known, digest)) = line.get(&version) {
            if *digest == facts.sha256 {
                continue;
            }
            let other = known.map_or("the one that judges", |known| archive.path(known));
            let text = format!("version {version} of the trust root is another document than {other}");
            (Weight::Fault, FaultKind::TrustFork, text)
        } else if version > judge {
            let text = format!("version {version} of the trust root: this audit judges by version {judge}");
            (Weight::Note, FaultKind::TrustNewer, text)
        } else {
            line.insert(version, (Some(at), facts.sha256));
            continue;
        };
        answers.push(answer(at, weight, kind, text));
    }
    if archive.extent == Extent::Whole {
        answers.extend(holes(&line));
    }
    answers
}

/// The root keys of the one that judges, and of those that led to it.
fn family(archive: &Archive<'_>) -> BTreeSet<KeyId> {
    let root = name("root");
    let own = archive.root.draft().keys().filter(|(_, entry)| entry.role == root).map(|(key, _)| key.id());
    let before =
        archive.ancestors.values().flatten().flat_map(|facts: &&TrustRootFacts| facts.root_keys.iter().copied());
    own.chain(before).collect()
}

fn holes(line: &BTreeMap<u32, (Option<usize>, crate::digest::Digest)>) -> Vec<Answer> {
    let versions: Vec<(u32, Option<usize>)> = line.iter().map(|(version, (at, _))| (*version, *at)).collect();
    let hole = |pair: &[(u32, Option<usize>)]| {
        let ((below, at), (above, _)) = (pair[0], pair[1]);
        let (from, to) = (below + 1, above.checked_sub(1)?);
        let which = if from == to { format!("version {from}") } else { format!("versions {from} to {to}") };
        let text = format!("{which} of the trust root, between this one and version {above}, is not here");
        (from <= to).then(|| answer(at.unwrap_or_default(), Weight::Fault, FaultKind::TrustVersionMissing, text))
    };
    // Below another version there is always one that was found: the one that judges is the last.
    versions.windows(2).filter_map(hole).collect()
}
