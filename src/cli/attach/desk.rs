//! What is checked before something is added to a bundle: that a host takes it, and that nothing better goes.

use super::super::args::now;
use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::kind::Kind;
use super::Item;
use crate::bundle::add::Addition;
use crate::bundle::{AuthenticateError, UntrustedBundle};
use crate::digest::Digest;
use crate::format::approval::{ApprovalStatement, Decision};
use crate::format::json;
use crate::format::notarisation::{NotarisationStatement, SeenSignature};
use crate::format::statement::{PAYLOAD_TYPE, ReleaseId};
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::KeyStatus;
use crate::trust::added::{AddedStatement, ClaimedStatement};
use crate::trust::evidence::{ClaimedToken, Proofs, TokenError};
use crate::trust::root::{ClaimedSignature, name};
use crate::trust::{KeyId, PublicKey, TrustRoot, timestamp};
use crate::trust::{pae, policy};

/// When a person said something, and what.
fn said(body: &[u8]) -> Option<(Timestamp, Decision)> {
    let read = json::from_canonical::<ApprovalStatement>(body).ok()?;
    Some((read.predicate.at, read.predicate.decision))
}

/// Everything that is checked before something is added.
pub struct Desk<'a> {
    pub bundle: &'a UntrustedBundle,
    pub root: Option<&'a TrustRoot>,
    pub key: Option<&'a PublicKey>,
    pub tbs: Option<&'a [u8]>,
}

impl Desk<'_> {
    /// Adds an item to those that were taken before it.
    pub fn take(&self, item: &Item, taken: &mut Vec<Addition>) -> Result<(), CliError> {
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

    /// An approval, notarisation or withdrawal. What the same key said later stays.
    fn statement(&self, claimed: ClaimedStatement, taken: &[Addition]) -> Result<Addition, CliError> {
        match self.root {
            None => claimed.claims_to_be_about(self.id()).map_err(AuthenticateError::from)?,
            Some(root) => {
                if let AddedStatement::Approval(approval) =
                    root.added(&claimed, self.id()).map_err(AuthenticateError::from)?
                {
                    approval.shows(&self.bundle.claimed_release()?.predicate).map_err(AuthenticateError::from)?;
                }
            }
        }
        let from_the_future = |body: &[u8]| {
            said(body).is_some_and(|(at, what)| what == Decision::Approve && policy::is_behind(now(), at))
        };
        if from_the_future(&claimed.body) {
            let text = format!("key {} says it in the future by this host's clock", claimed.key);
            return Err(
                CliError::new(Exit::Usage, text).hint("is this clock right, or the approver's? nothing was added")
            );
        }
        let known = self.statements(taken).into_iter().find(|known| known.key == claimed.key);
        let known = known.filter(|known| known.body != claimed.body && !from_the_future(&known.body));
        let entry = self.root.and_then(|root| root.entry(&claimed.key));
        if known.is_some() && entry.is_some_and(|entry| entry.status == KeyStatus::Revoked) {
            let text = format!("key {} is revoked: what it said before stays", claimed.key);
            return Err(
                CliError::new(Exit::Usage, text).hint("whoever has the key now may have made this; nothing was added")
            );
        }
        if known.is_some_and(|known| said(&known.body) > said(&claimed.body) || self.forgets(known, &claimed)) {
            let text = format!(
                "key {} has said something else in this bundle at the same time or later, which stays",
                claimed.key
            );
            return Err(CliError::new(Exit::Usage, text).hint("nothing was added"));
        }
        Ok(Addition::Statement(claimed))
    }

    /// Whether a notary's word lacks what an earlier one says of signatures that are here, or dates it later.
    fn forgets(&self, known: &ClaimedStatement, new: &ClaimedStatement) -> bool {
        let seen =
            |body: &[u8]| json::from_canonical::<NotarisationStatement>(body).map(|read| read.predicate.signatures);
        let (Ok(known), Ok(new)) = (seen(&known.body), seen(&new.body)) else { return false };
        let here = self.bundle.all_signatures();
        let is_here = |entry: &&SeenSignature| {
            here.iter().any(|(key, bytes)| key.digest() == entry.key_id && Digest::of(bytes) == entry.sha256)
        };
        let kept = |entry: &SeenSignature| {
            let same = |other: &SeenSignature| other.key_id == entry.key_id && other.sha256 == entry.sha256;
            new.iter().any(|other| same(other) && other.at <= entry.at)
        };
        known.iter().filter(is_here).any(|entry| !kept(entry))
    }

    /// The statements of the bundle once `taken` is in it: the last of each key.
    fn statements<'s>(&'s self, taken: &'s [Addition]) -> Vec<&'s ClaimedStatement> {
        let new = taken.iter().rev().filter_map(|addition| match addition {
            Addition::Statement(added) => Some(added),
            Addition::Signature(_) | Addition::Token(_) => None,
        });
        let mut statements: Vec<&ClaimedStatement> = Vec::new();
        for added in new.chain(&self.bundle.claimed_added().statements) {
            if statements.iter().all(|later| later.key != added.key) {
                statements.push(added);
            }
        }
        statements
    }

    /// Every signature of the bundle once `taken` is in it.
    fn signatures(&self, taken: &[Addition]) -> Vec<ClaimedSignature> {
        let new = taken.iter().filter_map(|addition| match addition {
            Addition::Signature(signature) => Some(*signature),
            Addition::Statement(_) | Addition::Token(_) => None,
        });
        let added = self.statements(taken).into_iter().map(|added| (added.key, added.signature));
        self.bundle.claimed_signatures().iter().copied().chain(new).chain(added).collect()
    }

    fn signature(&self, signature: [u8; 64], taken: &[Addition]) -> Result<Addition, CliError> {
        let (payload_type, body) = match self.tbs {
            Some(tbs) => pae::decode(tbs)
                .ok_or_else(|| CliError::new(Exit::Malformed, "--tbs is not what `--tbs` writes (DSSE encoding)"))?,
            None => (PAYLOAD_TYPE, self.bundle.claimed_statement()),
        };
        let key = self.signer(payload_type, body, &signature)?;
        if body == self.bundle.claimed_statement() && payload_type == PAYLOAD_TYPE {
            self.check_release_role(key)?;
            return Ok(Addition::Signature((key, signature)));
        }
        self.statement(ClaimedStatement { key, body: body.to_vec(), signature }, taken)
    }

    /// The key that a signature is by: the named one, or the one of the trust root for which it holds.
    fn signer(&self, payload_type: &str, body: &[u8], signature: &[u8; 64]) -> Result<KeyId, CliError> {
        let holds = |key: &&PublicKey| key.signed(payload_type, body, signature);
        let found = match (self.key, self.root) {
            (Some(key), _) => Some(key).filter(holds),
            (None, Some(root)) => root.draft().keys().map(|(key, _)| key).find(holds),
            (None, None) => {
                return Err(CliError::new(Exit::Usage, "by which key is the signature?").hint("--key KEY.pub"));
            }
        };
        found.map(PublicKey::id).ok_or_else(|| {
            CliError::new(Kind::SignatureInvalid, "the signature does not hold for this release and key")
                .hint("sign exactly the bytes that --tbs wrote, by Ed25519 without prehash, and name them by --tbs")
        })
    }

    fn check_release_role(&self, key: KeyId) -> Result<(), CliError> {
        match self.root.map(|root| root.role_of(&key)) {
            None => Ok(()),
            Some(Some(role)) if *role == name("release") => Ok(()),
            Some(_) => {
                Err(CliError::new(Kind::KeyRole, format!("key {key} does not have the role release in the trust root"))
                    .hint("nothing was added"))
            }
        }
    }

    fn token(&self, token: &[u8], taken: &[Addition]) -> Result<Addition, CliError> {
        let signatures = self.signatures(taken);
        let about = signatures.iter().find(|(_, signature)| timestamp::is_about(token, signature));
        let signature @ (key, _) = about.ok_or_else(|| {
            CliError::new(Kind::TimestampInvalid, "the time stamp is about none of the signatures in the bundle")
                .hint("ask for one of signatures/KEYID.sig: openssl ts -query -data KEYID.sig -sha256 -out request.tsq")
        })?;
        let claimed = (*key, token.to_vec());
        // What a time stamp proves about the signature; without a trust root nobody knows, and the first one stays.
        let proves = |token: &ClaimedToken| match self.root {
            Some(root) => {
                let proofs = Proofs::gather(root, &signatures, &[], std::slice::from_ref(token))?;
                Ok::<_, TokenError>(proofs.proven(signature).is_some())
            }
            None => Ok(timestamp::is_about(&token.1, &signature.1)),
        };
        proves(&claimed).map_err(|error| CliError::from(AuthenticateError::from(error)))?;
        // The first time stamp of a signature is the oldest, and the one worth keeping.
        let new = taken.iter().filter_map(|addition| match addition {
            Addition::Token(token) => Some(token),
            Addition::Signature(_) | Addition::Statement(_) => None,
        });
        let mut known = new.chain(&self.bundle.claimed_added().tokens).filter(|(known, _)| known == key);
        if known.any(|known| matches!(proves(known), Ok(true))) {
            let text = format!("the signature by key {key} has a time stamp already, which stays");
            return Err(CliError::new(Exit::Usage, text).hint("nothing was added"));
        }
        Ok(Addition::Token(claimed))
    }

    fn id(&self) -> ReleaseId {
        self.bundle.claimed_release_id()
    }
}
