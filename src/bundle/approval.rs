//! Builds the statements that are added to a release: approvals, withdrawals, notarisations.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use crate::trust::root::ClaimedSignature;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::approval::{Approval, ApprovalStatement, Decision};
use pgseal_verify::format::database_pattern::DatabasePattern;
use pgseal_verify::format::json::{self, JsonError};
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::name::{AprCode, Name};
use pgseal_verify::format::notarisation::{Notarisation, NotarisationStatement, SeenSignature};
use pgseal_verify::format::statement::{DigestSet, ReleaseId, Subject, title};
use pgseal_verify::format::timestamp::Timestamp;

/// A person's decision about a release.
#[derive(Clone, Debug)]
pub struct AttestationDraft {
    pub decision: Decision,
    /// Role of the signer.
    pub role: Name,
    /// Code of the ratified proposal.
    pub apr: Option<AprCode>,
    /// Time by the person's clock.
    pub at: Timestamp,
    /// Last moment at which it counts.
    pub expires: Option<Timestamp>,
    /// The databases that it is for, if not all of the release.
    pub only_on: Option<DatabasePattern>,
    /// Number of runs on one database.
    pub runs: NonZeroU32,
    /// The person's own words.
    pub reason: Option<String>,
}

/// The canonical statement of a decision, to sign.
pub fn statement(
    manifest: &Manifest,
    id: ReleaseId,
    draft: AttestationDraft,
) -> Result<Vec<u8>, JsonError> {
    json::to_canonical(&ApprovalStatement {
        subject: subject(manifest, id),
        predicate: Approval {
            decision: draft.decision,
            role: draft.role,
            apr: draft.apr,
            release: manifest.release.clone(),
            target: manifest.target.clone(),
            only_on: draft.only_on,
            at: draft.at,
            expires: draft.expires,
            runs: draft.runs,
            reason: draft.reason,
        },
    })
}

/// The canonical statement of a notary: all current signatures, each with the time when this notary
/// first saw it, which `before` records.
pub fn notarisation(
    manifest: &Manifest,
    id: ReleaseId,
    signatures: &[ClaimedSignature],
    before: Option<&Notarisation>,
    now: Timestamp,
) -> Result<Vec<u8>, JsonError> {
    let known = |key_id: Digest, sha256: Digest| {
        let seen = before?
            .signatures
            .iter()
            .find(|seen| seen.key_id == key_id && seen.sha256 == sha256)?;
        Some(seen.at)
    };
    let mut seen = BTreeMap::new();
    for (key, signature) in signatures {
        let (key_id, sha256) = (key.digest(), Digest::of(signature));
        let at = known(key_id, sha256).unwrap_or(now);
        seen.insert(key_id, SeenSignature { key_id, sha256, at });
    }
    let signatures = seen.into_values().collect();
    json::to_canonical(&NotarisationStatement {
        subject: subject(manifest, id),
        predicate: Notarisation { signatures },
    })
}

fn subject(manifest: &Manifest, id: ReleaseId) -> Vec<Subject> {
    let name = title(&manifest.release.name, &manifest.release.version);
    vec![Subject {
        name,
        digest: DigestSet {
            sha256: id.digest(),
        },
    }]
}
