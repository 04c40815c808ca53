//! Makes the statements that people add to a release: approvals, withdrawals, notarisations.

use std::collections::BTreeMap;

use crate::trust::root::ClaimedSignature;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::approval::{Approval, ApprovalStatement, Decision};
use pgseal_verify::format::json::{self, JsonError};
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::name::{AprCode, Name};
use pgseal_verify::format::notarisation::{Notarisation, NotarisationStatement, SeenSignature};
use pgseal_verify::format::statement::{DigestSet, ReleaseId, Subject, title};
use pgseal_verify::format::timestamp::Timestamp;

/// What a person says about a release.
#[derive(Clone, Debug)]
pub struct Word {
    /// Yes, or no longer.
    pub decision: Decision,
    /// In which role.
    pub role: Name,
    /// The code of the ratified proposal.
    pub apr: Option<AprCode>,
    /// The person's clock.
    pub at: Timestamp,
    /// It counts up to this moment.
    pub expires: Option<Timestamp>,
    /// Why.
    pub reason: Option<String>,
}

/// The canonical statement of a person's word, to sign.
pub fn statement(manifest: &Manifest, id: ReleaseId, word: Word) -> Result<Vec<u8>, JsonError> {
    let Word { decision, role, apr, at, expires, reason } = word;
    let (release, target) = (manifest.release.clone(), manifest.target.clone());
    json::to_canonical(&ApprovalStatement {
        subject: subject(manifest, id),
        predicate: Approval { decision, role, apr, release, target, at, expires, reason },
    })
}

/// The canonical statement of a notary: all signatures that are there now, each with the time when this notary first
/// saw it, as `before` says.
pub fn notarisation(
    manifest: &Manifest,
    id: ReleaseId,
    signatures: &[ClaimedSignature],
    before: Option<&Notarisation>,
    now: Timestamp,
) -> Result<Vec<u8>, JsonError> {
    let known = |key_id: Digest, sha256: Digest| {
        let seen = before?.signatures.iter().find(|seen| seen.key_id == key_id && seen.sha256 == sha256)?;
        Some(seen.at)
    };
    let seen = signatures.iter().map(|(key, signature)| {
        let (key_id, sha256) = (key.digest(), Digest::of(signature));
        (key_id, SeenSignature { key_id, sha256, at: known(key_id, sha256).unwrap_or(now) })
    });
    let signatures = seen.collect::<BTreeMap<Digest, SeenSignature>>().into_values().collect();
    json::to_canonical(&NotarisationStatement {
        subject: subject(manifest, id),
        predicate: Notarisation { signatures },
    })
}

fn subject(manifest: &Manifest, id: ReleaseId) -> Vec<Subject> {
    let name = title(&manifest.release.name, &manifest.release.version);
    vec![Subject { name, digest: DigestSet { sha256: id.digest() } }]
}
