//! `pgseal attach FILE ITEM...`

use std::path::{Path, PathBuf};

use super::args::{TrustArgs, now, public_key, unopened};
use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, shown};
use super::rewrite;
use crate::archive::source;
use crate::bundle::add::Addition;
use crate::bundle::{Added, AuthenticateError, UntrustedBundle};
use crate::digest::Digest;
use crate::format::approval::{ApprovalStatement, Decision};
use crate::format::json;
use crate::format::notarisation::{NotarisationStatement, SeenSignature};
use crate::format::statement::{PAYLOAD_TYPE, ReleaseId};
use crate::format::timestamp::Timestamp;
use crate::format::trust_document::KeyStatus;
use crate::limits;
use crate::trust::added::{AddedStatement, ClaimedStatement};
use crate::trust::evidence::{ClaimedToken, Proofs, TokenError};
use crate::trust::root::{ClaimedSignature, name};
use crate::trust::{KeyId, PublicKey, TrustRoot, timestamp};
use crate::trust::{pae, policy};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The bundle; replaced by one with more in it
    file: PathBuf,
    /// What to add: an approval file, a signature of 64 bytes, or a time stamp (RFC 3161)
    #[arg(required = true, value_name = "ITEM")]
    items: Vec<PathBuf>,
    /// The public key of a signature [default: the one of the trust root that it is by]
    #[arg(long, value_name = "KEY.pub")]
    key: Option<PathBuf>,
    /// What was signed, as --tbs wrote it [default: the release]
    #[arg(long, value_name = "TBS")]
    tbs: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

/// What a file is, by its first bytes.
enum Item {
    Approvals(Vec<ClaimedStatement>),
    Signature([u8; 64]),
    Token(Vec<u8>),
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load_if_there()?;
    let items: Vec<Item> = args.items.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
    let key = args.key.as_deref().map(public_key).transpose()?;
    let tbs = args.tbs.as_deref().map(|path| Ok::<_, CliError>((path, bytes_of(path)?))).transpose()?;
    if root.is_none() {
        out.warning("no trust root was named (--trust): nobody has checked whether a host takes what is added");
    }
    let (statement, (id, told)) = rewrite::add(&args.file, |bundle| {
        let desk = Desk {
            bundle,
            root: root.as_ref(),
            key: key.as_ref(),
            tbs: tbs.as_ref().map(|(_, bytes)| bytes.as_slice()),
        };
        let (mut additions, mut told) = (Vec::new(), Vec::new());
        for (item, path) in items.iter().zip(&args.items) {
            let before = additions.len();
            desk.take(item, &mut additions).map_err(|error| error.about(path))?;
            told.extend(additions[before..].iter().map(|addition| (path.clone(), what(addition))));
        }
        Ok((additions, (bundle.claimed_release_id(), told)))
    })?;
    out.document(&serde_json::json!({
        "file": args.file.to_string_lossy(),
        "release": statement.predicate.release,
        "release_id": id,
        "added": told.iter().map(|(path, (kind, key))| serde_json::json!({
            "item": path.to_string_lossy(), "kind": kind, "key_id": key,
        })).collect::<Vec<_>>(),
    }));
    for (path, (kind, key)) in told {
        out.line(format!("{}: added {} ({kind} by {key})", shown(&args.file), shown(&path)));
    }
    Ok(Exit::Done)
}

fn what(addition: &Addition) -> (&'static str, KeyId) {
    match addition {
        Addition::Signature((key, _)) => ("signature", *key),
        Addition::Statement(added) => ("statement", added.key),
        Addition::Token((key, _)) => ("time stamp for the signature", *key),
    }
}

fn read(path: &Path) -> Result<Item, CliError> {
    let bytes = bytes_of(path)?;
    if let Ok(signature) = <[u8; 64]>::try_from(bytes.as_slice()) {
        return Ok(Item::Signature(signature));
    }
    if bytes.starts_with(b"pgseal\0") {
        let source = source::open(path).map_err(|error| unopened(path, &error))?;
        let added = Added::parse(source).map_err(|error| CliError::from(error).about(path))?;
        return Ok(Item::Approvals(added.statements));
    }
    if timestamp::looks_like_one(&bytes) {
        return timestamp::canonical(&bytes)
            .map(Item::Token)
            .map_err(|error| CliError::new(Exit::Malformed, error).about(path));
    }
    let text = "neither an approval file, nor a signature of 64 bytes, nor a time stamp (RFC 3161)";
    Err(CliError::new(Exit::Malformed, text)
        .about(path)
        .hint("a signature is its 64 raw bytes: `base64 -d` makes them of text"))
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, CliError> {
    let source = source::open(path).map_err(|error| unopened(path, &error))?;
    let most = limits::STATEMENT_BYTES + 1024;
    if source.size() > most {
        return Err(CliError::new(Exit::Malformed, "the file is too large to be added to a bundle").about(path));
    }
    let mut bytes = vec![0; source.size() as usize];
    source.read_exact_at(&mut bytes, 0).map_err(|error| CliError::io(path, &error))?;
    Ok(bytes)
}

/// When a person said something, and what.
fn said(body: &[u8]) -> Option<(Timestamp, Decision)> {
    let read = json::from_canonical::<ApprovalStatement>(body).ok()?;
    Some((read.predicate.at, read.predicate.decision))
}

/// Everything that is checked before something is added.
struct Desk<'a> {
    bundle: &'a UntrustedBundle,
    root: Option<&'a TrustRoot>,
    key: Option<&'a PublicKey>,
    tbs: Option<&'a [u8]>,
}

impl Desk<'_> {
    /// Adds an item to those that were taken before it.
    fn take(&self, item: &Item, taken: &mut Vec<Addition>) -> Result<(), CliError> {
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
            CliError::new(Exit::NotAuthentic, "the signature does not hold for this release and key")
                .hint("sign exactly the bytes that --tbs wrote, by Ed25519 without prehash, and name them by --tbs")
        })
    }

    fn check_release_role(&self, key: KeyId) -> Result<(), CliError> {
        match self.root.map(|root| root.role_of(&key)) {
            None => Ok(()),
            Some(Some(role)) if *role == name("release") => Ok(()),
            Some(_) => {
                Err(CliError::new(Exit::Usage, format!("key {key} does not have the role release in the trust root"))
                    .hint("nothing was added"))
            }
        }
    }

    fn token(&self, token: &[u8], taken: &[Addition]) -> Result<Addition, CliError> {
        let signatures = self.signatures(taken);
        let about = signatures.iter().find(|(_, signature)| timestamp::is_about(token, signature));
        let signature @ (key, _) = about.ok_or_else(|| {
            CliError::new(Exit::NotAuthentic, "the time stamp is about none of the signatures in the bundle")
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
