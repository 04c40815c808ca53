//! Validates additions to a bundle: every host must accept the result, and nothing stronger may be
//! replaced.

use pgseal_verify::archive::source::InMemory;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::approval::{ApprovalStatement, Decision};
use pgseal_verify::format::json;
use pgseal_verify::format::notarisation::{NotarisationStatement, SeenSignature};
use pgseal_verify::format::statement::{PAYLOAD_TYPE, ReleaseId};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::KeyStatus;

use super::add::{AddError, Addition};
use super::untrusted::{Attestations, MalformedError};
use super::{AuthenticateError, UntrustedBundle};
use crate::trust::attestations::{Attestation, ClaimedStatement};
use crate::trust::evidence::{ClaimedToken, Proofs, TokenError};
use crate::trust::root::{ClaimedSignature, name};
use crate::trust::timestamp::{self, TimestampError};
use crate::trust::{KeyId, PublicKey, TrustRoot};
use crate::trust::{pae, policy};

/// A file to add, recognised by its first bytes.
pub enum Item {
    /// The statements of an approval file.
    Approvals(Vec<ClaimedStatement>),
    /// 64 raw bytes.
    Signature([u8; 64]),
    /// A timestamp (RFC 3161) in canonical form.
    Token(Vec<u8>),
}

/// Reason why an addition is refused. A refusal leaves the bundle unchanged.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    #[error("neither an approval file, nor a signature of 64 bytes, nor a time stamp (RFC 3161)")]
    UnknownItem,
    #[error(transparent)]
    Malformed(#[from] MalformedError),
    #[error(transparent)]
    Timestamp(#[from] TimestampError),
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    #[error(transparent)]
    Bundle(#[from] AddError),
    #[error("key {0} says it in the future by this host's clock")]
    FromTheFuture(KeyId),
    #[error("key {0} is revoked: what it said before stays")]
    Revoked(KeyId),
    /// A statement older than that of the same key in the bundle, or one that omits part of it.
    #[error(
        "key {0} has said something else in this bundle at the same time or later, which stays"
    )]
    Superseded(KeyId),
    #[error("--tbs is not what `--tbs` writes (DSSE encoding)")]
    NotToBeSigned,
    /// Neither a key nor a trust root to find one in.
    #[error("cannot tell which key made this signature")]
    NoKey,
    #[error("the signature does not hold for this release and key")]
    Signature,
    #[error("key {0} does not have the role release in the trust root")]
    NotAReleaseKey(KeyId),
    /// A timestamp of a signature that the bundle does not have.
    #[error("the time stamp is about none of the signatures in the bundle")]
    NotStamped,
    #[error("the signature by key {0} has a time stamp already, which stays")]
    Stamped(KeyId),
}

impl Item {
    /// Recognises the bytes of a file.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, AttachError> {
        if let Ok(signature) = <[u8; 64]>::try_from(bytes.as_slice()) {
            return Ok(Self::Signature(signature));
        }
        if bytes.starts_with(b"pgseal\0") {
            return Ok(Self::Approvals(
                Attestations::parse(Box::new(InMemory(bytes.into())))?.statements,
            ));
        }
        if timestamp::looks_like_one(&bytes) {
            return Ok(Self::Token(timestamp::canonical(&bytes)?));
        }
        Err(AttachError::UnknownItem)
    }
}

/// Time and decision of an approval; `None` for any other statement.
fn decision(body: &[u8]) -> Option<(Timestamp, Decision)> {
    let read = json::from_canonical::<ApprovalStatement>(body).ok()?;
    Some((read.predicate.at, read.predicate.decision))
}

/// Validates additions to one bundle, in order.
pub struct AttachmentValidator<'a> {
    /// The bundle to extend.
    pub bundle: &'a UntrustedBundle,
    /// The trust root of the hosts that will read it, if known.
    pub root: Option<&'a TrustRoot>,
    /// The key of signatures; without it the trust root's keys are tried.
    pub key: Option<&'a PublicKey>,
    /// The signed pre-authentication encoding; without it that of the release.
    pub tbs: Option<&'a [u8]>,
    pub now: Timestamp,
}

impl AttachmentValidator<'_> {
    /// Validates an item and appends it to the accepted ones.
    pub fn take(&self, item: &Item, taken: &mut Vec<Addition>) -> Result<(), AttachError> {
        match item {
            Item::Approvals(statements) => {
                for claimed in statements {
                    taken.push(self.statement(claimed.clone(), taken)?);
                }
            }
            Item::Signature(signature) => taken.push(self.signature(*signature, taken)?),
            Item::Token(token) => taken.push(self.token(token, taken)?),
        }
        Ok(())
    }

    /// Validates an approval, notarisation or withdrawal. A later statement of the same key stays.
    fn statement(
        &self,
        claimed: ClaimedStatement,
        taken: &[Addition],
    ) -> Result<Addition, AttachError> {
        match self.root {
            None => claimed
                .claims_to_be_about(self.id())
                .map_err(AuthenticateError::from)?,
            Some(root) => {
                if let Attestation::Approval(approval) = root
                    .attestation(&claimed, self.id())
                    .map_err(AuthenticateError::from)?
                {
                    approval
                        .shows(&self.bundle.claimed_release()?.predicate)
                        .map_err(AuthenticateError::from)?;
                }
            }
        }
        let from_the_future = |body: &[u8]| {
            decision(body).is_some_and(|(at, what)| {
                what == Decision::Approve && policy::is_behind(self.now, at)
            })
        };
        if from_the_future(&claimed.body) {
            return Err(AttachError::FromTheFuture(claimed.key));
        }
        let known = self
            .statements(taken)
            .into_iter()
            .find(|known| known.key == claimed.key);
        let known =
            known.filter(|known| known.body != claimed.body && !from_the_future(&known.body));
        let entry = self.root.and_then(|root| root.entry(&claimed.key));
        if known.is_some() && entry.is_some_and(|entry| entry.status == KeyStatus::Revoked) {
            return Err(AttachError::Revoked(claimed.key));
        }
        if known.is_some_and(|known| {
            decision(&known.body) > decision(&claimed.body) || self.forgets(known, &claimed)
        }) {
            return Err(AttachError::Superseded(claimed.key));
        }
        Ok(Addition::Statement(claimed))
    }

    /// Whether a notarisation omits present signatures that the earlier one lists, or dates them
    /// later.
    fn forgets(&self, known: &ClaimedStatement, new: &ClaimedStatement) -> bool {
        let seen = |body: &[u8]| {
            json::from_canonical::<NotarisationStatement>(body)
                .map(|read| read.predicate.signatures)
        };
        let (Ok(known), Ok(new)) = (seen(&known.body), seen(&new.body)) else {
            return false;
        };
        let here = self.bundle.all_signatures();
        let is_here = |entry: &&SeenSignature| {
            here.iter().any(|(key, bytes)| {
                key.digest() == entry.key_id && Digest::of(bytes) == entry.sha256
            })
        };
        let kept = |entry: &SeenSignature| {
            let same = |other: &SeenSignature| {
                other.key_id == entry.key_id && other.sha256 == entry.sha256
            };
            new.iter().any(|other| same(other) && other.at <= entry.at)
        };
        known.iter().filter(is_here).any(|entry| !kept(entry))
    }

    /// The statements of the bundle including `taken`: the last of each key.
    fn statements<'s>(&'s self, taken: &'s [Addition]) -> Vec<&'s ClaimedStatement> {
        let new = taken.iter().rev().filter_map(|addition| match addition {
            Addition::Statement(added) => Some(added),
            Addition::Signature(_) | Addition::Token(_) => None,
        });
        let mut statements: Vec<&ClaimedStatement> = Vec::new();
        for added in new.chain(&self.bundle.claimed_attestations().statements) {
            if statements.iter().all(|later| later.key != added.key) {
                statements.push(added);
            }
        }
        statements
    }

    /// Every signature of the bundle including `taken`.
    fn signatures(&self, taken: &[Addition]) -> Vec<ClaimedSignature> {
        let new = taken.iter().filter_map(|addition| match addition {
            Addition::Signature(signature) => Some(*signature),
            Addition::Statement(_) | Addition::Token(_) => None,
        });
        let added = self
            .statements(taken)
            .into_iter()
            .map(|added| (added.key, added.signature));
        self.bundle
            .claimed_signatures()
            .iter()
            .copied()
            .chain(new)
            .chain(added)
            .collect()
    }

    fn signature(&self, signature: [u8; 64], taken: &[Addition]) -> Result<Addition, AttachError> {
        let (payload_type, body) = match self.tbs {
            Some(tbs) => pae::decode(tbs).ok_or(AttachError::NotToBeSigned)?,
            None => (PAYLOAD_TYPE, self.bundle.claimed_statement()),
        };
        let key = self.signer(payload_type, body, &signature)?;
        if body == self.bundle.claimed_statement() && payload_type == PAYLOAD_TYPE {
            self.check_release_role(key)?;
            return Ok(Addition::Signature((key, signature)));
        }
        self.statement(
            ClaimedStatement {
                key,
                body: body.to_vec(),
                signature,
            },
            taken,
        )
    }

    /// The key of a signature: the given one, or the one of the trust root that verifies it.
    fn signer(
        &self,
        payload_type: &str,
        body: &[u8],
        signature: &[u8; 64],
    ) -> Result<KeyId, AttachError> {
        let holds = |key: &&PublicKey| key.signed(payload_type, body, signature);
        let found = match (self.key, self.root) {
            (Some(key), _) => Some(key).filter(holds),
            (None, Some(root)) => root.draft().keys().map(|(key, _)| key).find(holds),
            (None, None) => return Err(AttachError::NoKey),
        };
        found.map(PublicKey::id).ok_or(AttachError::Signature)
    }

    fn check_release_role(&self, key: KeyId) -> Result<(), AttachError> {
        match self.root.map(|root| root.role_of(&key)) {
            None => Ok(()),
            Some(Some(role)) if *role == name("release") => Ok(()),
            Some(_) => Err(AttachError::NotAReleaseKey(key)),
        }
    }

    fn token(&self, token: &[u8], taken: &[Addition]) -> Result<Addition, AttachError> {
        let signatures = self.signatures(taken);
        let about = signatures
            .iter()
            .find(|(_, signature)| timestamp::is_about(token, signature));
        let signature @ (key, _) = about.ok_or(AttachError::NotStamped)?;
        let claimed = (*key, token.to_vec());
        // Without a trust root no timestamp can be verified, and the first one stays.
        let proves = |token: &ClaimedToken| match self.root {
            Some(root) => {
                let proofs = Proofs::gather(root, &signatures, &[], std::slice::from_ref(token))?;
                Ok::<_, TokenError>(proofs.proven(signature).is_some())
            }
            None => Ok(timestamp::is_about(&token.1, &signature.1)),
        };
        proves(&claimed).map_err(AuthenticateError::from)?;
        // The first timestamp of a signature is the oldest, so it is kept.
        let new = taken.iter().filter_map(|addition| match addition {
            Addition::Token(token) => Some(token),
            Addition::Signature(_) | Addition::Statement(_) => None,
        });
        let mut known = new
            .chain(&self.bundle.claimed_attestations().tokens)
            .filter(|(known, _)| known == key);
        if known.any(|known| matches!(proves(known), Ok(true))) {
            return Err(AttachError::Stamped(*key));
        }
        Ok(Addition::Token(claimed))
    }

    fn id(&self) -> ReleaseId {
        self.bundle.claimed_release_id()
    }
}
