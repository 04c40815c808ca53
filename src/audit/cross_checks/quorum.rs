//! Required and given approvals of each bundle, from the bundle and from separate files.

use std::collections::{BTreeMap, BTreeSet};

use super::archive::Archive;
use crate::audit::file_facts::{ApprovalFacts, FileFacts, Quorum, RoleQuorum};
use crate::audit::finding::Finding;
use crate::audit::kind::Kind;
use crate::trust::{JudgedAt, KeyId, TrustRoot};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::name::AprCode;
use pgseal_verify::format::timestamp::Timestamp;

/// Sound approval files by release id, each with its path.
pub type AttachedApprovals<'a> = BTreeMap<Digest, Vec<(&'a str, &'a FileFacts)>>;

/// Collects the sound approval files.
pub fn approval_files(findings: &[Finding]) -> AttachedApprovals<'_> {
    let mut attached = AttachedApprovals::new();
    for finding in findings
        .iter()
        .filter(|finding| finding.kind == Kind::Approval && finding.is_sound())
    {
        if let Some((facts, release)) = finding.of_release() {
            let files = attached.entry(release.id).or_default();
            files.push((finding.path.as_str(), facts));
        }
    }
    attached
}

/// The quorum of each bundle, with the index of its finding.
pub(super) fn count(archive: &Archive<'_>) -> Vec<(usize, Vec<Quorum>)> {
    let attached = approval_files(archive.findings);
    let of = |(at, finding): (usize, &Finding)| {
        let bundle = finding
            .facts
            .as_ref()
            .filter(|facts| finding.kind == Kind::Bundle && facts.shown.is_some())?;
        let said = approvals_of(archive.root, finding.as_of, bundle, &attached);
        Some((at, quorums(archive.root, &said, bundle.takes_apr)))
    };
    archive.findings.iter().enumerate().filter_map(of).collect()
}

/// The approvals of a bundle, in it and in separate files: the latest decision of each key, as
/// `verify --approval` counts it.
pub fn approvals_of<'a>(
    root: &TrustRoot,
    as_of: Timestamp,
    bundle: &'a FileFacts,
    attached: &AttachedApprovals<'a>,
) -> Vec<&'a ApprovalFacts> {
    let id = bundle.release.as_ref().map(|release| release.id);
    let files = id.and_then(|id| attached.get(&id)).into_iter().flatten();
    let shown = files
        .filter(|(_, facts)| facts.shown == bundle.shown)
        .flat_map(|(_, facts)| &facts.approvals);
    latest(root, as_of, bundle.approvals.iter().chain(shown))
}

/// The latest decision of each key at a time.
pub(super) fn latest<'a>(
    root: &TrustRoot,
    as_of: Timestamp,
    said: impl Iterator<Item = &'a ApprovalFacts>,
) -> Vec<&'a ApprovalFacts> {
    let mut last = BTreeMap::<KeyId, &ApprovalFacts>::new();
    // A decision made while the key counted outranks later ones made after its revocation, which
    // may be an attacker's.
    let word = |said: &ApprovalFacts| {
        let counts = root
            .counts_since(
                &said.key_id,
                &said.role,
                JudgedAt::AsOf(as_of),
                said.evidence.proven(),
            )
            .is_ok();
        (counts, said.at <= as_of, said.at, said.decision)
    };
    for said in said {
        let known = last.entry(said.key_id).or_insert(said);
        if word(said) > word(known) {
            *known = said;
        }
    }
    last.into_values().collect()
}

/// Counts separately for each approved APR code if there are several; the highest count first.
fn quorums(root: &TrustRoot, said: &[&ApprovalFacts], takes_apr: bool) -> Vec<Quorum> {
    if root.policy().approvals.is_empty() {
        return Vec::new();
    }
    let counting = said.iter().filter(|said| said.counts);
    let codes: BTreeSet<&AprCode> = counting.filter_map(|said| said.apr.as_ref()).collect();
    if !takes_apr || codes.len() < 2 {
        return vec![quorum(root, said, None)];
    }
    let mut all: Vec<Quorum> = codes
        .into_iter()
        .map(|code| quorum(root, said, Some(code)))
        .collect();
    all.sort_by_key(|quorum| {
        std::cmp::Reverse(quorum.roles.iter().map(|role| role.counted).sum::<u64>())
    });
    all
}

fn quorum(root: &TrustRoot, said: &[&ApprovalFacts], apr: Option<&AprCode>) -> Quorum {
    let roles = root.policy().approvals.iter().map(|(role, needed)| {
        let counts = |said: &&&ApprovalFacts| {
            said.counts
                && said.role == *role
                && apr.is_none_or(|apr| said.apr.as_ref() == Some(apr))
        };
        RoleQuorum {
            role: role.clone(),
            needed: *needed,
            counted: said.iter().filter(counts).count() as u64,
        }
    });
    Quorum {
        apr: apr.cloned(),
        roles: roles.collect(),
    }
}
