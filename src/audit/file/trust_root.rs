//! Audits trust roots of any age, with the sibling signatures `FILE.sigs/VERSION.KEYID.sig`.

use std::io;
use std::path::Path;

use super::signatures::{signer, word};
use super::{Audited, malformed, not_authentic, unreadable};
use crate::audit::facts::{Facts, TrustRootFacts, Verdict};
use crate::audit::fault::{Fault, FaultKind};
use crate::audit::judge::Judge;
use crate::audit::place::{Found, Place, small};
use crate::trust::evidence::Evidence;
use crate::trust::root::{ClaimedSignature, DraftRoot, name};
use crate::trust::{KeyId, TrustRoot};

/// Audits a trust root by its own rules and the signatures of its own root keys. The cross-checks
/// validate that it follows the previous version.
pub fn audit(place: &dyn Place, found: &Found, judge: &Judge<'_>) -> Audited {
    let bytes = match place.open(found).and_then(|source| small(source.as_ref())) {
        Ok(bytes) => bytes,
        Err(error) => return Audited::fault(unreadable(&error)),
    };
    let draft = match DraftRoot::parse(bytes) {
        Ok(draft) => draft,
        Err(error) => return Audited::fault(malformed(&error)),
    };
    let signatures = match signatures(place, found, &draft) {
        Ok(signatures) => signatures,
        Err(error) => return Audited::fault(unreadable(&error)),
    };
    let signed = judged(signatures, draft);
    match signed {
        Ok((root, keys)) => {
            let signers = keys
                .into_iter()
                .map(|key| signer(judge, key, claimed(&root), None))
                .collect();
            let yes = || Verdict::of(Ok(()));
            let facts = Facts {
                signers,
                trust_root: Some(facts(&root)),
                ..Facts::new(yes(), yes())
            };
            Audited {
                facts: Some(facts),
                ..Audited::default()
            }
        }
        Err(fault) => Audited::fault(fault),
    }
}

fn judged(
    signatures: Vec<ClaimedSignature>,
    draft: DraftRoot,
) -> Result<(TrustRoot, Vec<KeyId>), Fault> {
    if signatures.is_empty() {
        return Err(Fault::new(
            FaultKind::Unsigned,
            "not authentic: the trust root is not signed",
        ));
    }
    let keys = signatures.iter().map(|(key, _)| *key).collect();
    let signed = draft
        .signed(&signatures)
        .map_err(|error| not_authentic(word(&error), &error))?;
    Ok((signed, keys))
}

/// Reads the signatures of its own root keys by file name. Keys that only the previous version
/// lists sign to approve this one; installation checks those signatures.
fn signatures(
    place: &dyn Place,
    found: &Found,
    draft: &DraftRoot,
) -> io::Result<Vec<ClaimedSignature>> {
    // `install` keeps earlier versions in the directory of signatures.
    let kept = found
        .path
        .parent()
        .and_then(|dir| dir.extension())
        .is_some_and(|extension| extension == "sigs");
    let mut dir = found.path.file_name().unwrap_or_default().to_owned();
    dir.push(".sigs");
    let dir = if kept { Path::new("") } else { Path::new(&dir) };
    let version = draft.document().version;
    let mut signatures = Vec::new();
    for (key, entry) in draft.keys() {
        if entry.role != name("root") {
            continue;
        }
        let Some(bytes) = place.sibling(found, &dir.join(format!("{version}.{}.sig", key.id())))?
        else {
            continue;
        };
        let cut = |bytes: Vec<u8>| {
            let text = format!(
                "the signature by key {} has {} bytes, expected 64",
                key.id(),
                bytes.len()
            );
            io::Error::new(io::ErrorKind::InvalidData, text)
        };
        signatures.push((key.id(), <[u8; 64]>::try_from(bytes).map_err(cut)?));
    }
    Ok(signatures)
}

fn claimed(root: &TrustRoot) -> Evidence {
    Evidence::Claimed(root.document().issued)
}

fn facts(root: &TrustRoot) -> TrustRootFacts {
    let document = root.document();
    let root_role = name("root");
    TrustRootFacts {
        version: document.version,
        sha256: root.digest(),
        prev_sha256: document.prev_sha256,
        issued: document.issued,
        expires: document.expires,
        root_keys: root
            .draft()
            .keys()
            .filter(|(_, entry)| entry.role == root_role)
            .map(|(key, _)| key.id())
            .collect(),
        approvals: document.policy.approvals.clone(),
        blocked_releases: document.policy.blocked_releases.clone(),
        require_rehearsal: document.policy.require_rehearsal,
    }
}
