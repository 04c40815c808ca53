//! Audits trust roots of any age, with the sibling signatures `FILE.sigs/VERSION.KEYID.sig`.

use std::io;
use std::path::Path;

use super::signatures::{signature_kind, signer};
use super::{Audited, malformed, not_authentic, unreadable};
use crate::audit::fault::{Fault, FaultKind};
use crate::audit::file_facts::{FileFacts, TrustRootFacts, Verdict};
use crate::audit::judge::Judge;
use crate::audit::place::{Found, Place, small};
use crate::trust::evidence::Evidence;
use crate::trust::root::{ClaimedSignature, DraftRoot, name};
use crate::trust::{KeyId, TrustRoot};

/// Audits a trust root by its own rules and the signatures of its own root keys. The cross-checks
/// validate that it follows the previous version.
pub fn audit(place: &dyn Place, found: &Found, judge: &Judge<'_>) -> Result<Audited, Fault> {
    let bytes = place
        .open(found)
        .and_then(|source| small(source.as_ref()))
        .map_err(unreadable)?;
    let draft = DraftRoot::parse(bytes).map_err(malformed)?;
    let signatures = signatures(place, found, &draft).map_err(unreadable)?;
    if signatures.is_empty() {
        let error = "the trust root is not signed";
        return Err(not_authentic(FaultKind::Unsigned, error));
    }
    let root = draft
        .signed(&signatures)
        .map_err(|error| not_authentic(signature_kind(&error), error))?;
    let evidence = Evidence::Claimed(root.document().issued);
    let facts = FileFacts {
        signers: signatures
            .iter()
            .map(|(key, _)| signer(judge, *key, evidence, None))
            .collect(),
        trust_root: Some(facts(&root)),
        ..FileFacts::new(Verdict::yes(), Verdict::yes())
    };
    Ok(Audited {
        facts: Some(facts),
        ..Audited::default()
    })
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
    for key in root_keys(draft) {
        let path = dir.join(format!("{version}.{key}.sig"));
        let Some(bytes) = place.sibling(found, &path)? else {
            continue;
        };
        let wrong = |bytes: Vec<u8>| {
            let length = bytes.len();
            let text = format!("the signature by key {key} has {length} bytes, expected 64");
            io::Error::new(io::ErrorKind::InvalidData, text)
        };
        signatures.push((key, <[u8; 64]>::try_from(bytes).map_err(wrong)?));
    }
    Ok(signatures)
}

fn facts(root: &TrustRoot) -> TrustRootFacts {
    let document = root.document();
    TrustRootFacts {
        version: document.version,
        sha256: root.digest(),
        prev_sha256: document.prev_sha256,
        issued: document.issued,
        expires: document.expires,
        root_keys: root_keys(root.draft()).collect(),
        approvals: document.policy.approvals.clone(),
        blocked_releases: document.policy.blocked_releases.clone(),
        require_rehearsal: document.policy.require_rehearsal,
        require_run_on: document.policy.require_run_on.clone(),
        windows: document.policy.windows.clone(),
        freezes: document.policy.freezes.clone(),
    }
}

pub fn root_keys(draft: &DraftRoot) -> impl Iterator<Item = KeyId> {
    let root = name("root");
    let keys = draft.keys().filter(move |(_, entry)| entry.role == root);
    keys.map(|(key, _)| key.id())
}
