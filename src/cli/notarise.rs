//! `pgseal notarise FILE`

use std::path::PathBuf;

use super::args::{TrustArgs, now};
use super::attestor::{counts_now, look};
use super::rewrite;
use super::signer::SignerArgs;
use super::{CliError, Exit, Kind, Output, ResultExt, display_path, escape};
use crate::bundle::add::Addition;
use crate::bundle::{UntrustedBundle, approval};
use crate::trust::attestations::ClaimedStatement;
use crate::trust::root::name;
use crate::trust::{JudgedAt, KeyId, PublicKey, TrustRoot};
use pgseal_verify::format::json;
use pgseal_verify::format::notarisation::{Notarisation, NotarisationStatement};
use pgseal_verify::format::statement::PAYLOAD_TYPE;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The bundle; replaced by one in which the notary says which signatures are there now
    file: PathBuf,
    #[command(flatten)]
    signer: SignerArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load_if_there()?;
    let seen = look(&args.file, root.as_ref(), out)?;
    let manifest = &seen.manifest;
    let signer = args.signer.open()?;
    let public = signer.public_key();
    let key = public.id();
    check_role(root.as_ref(), &public)?;
    let id = seen.bundle.claimed_release_id();
    let (_, statement) = rewrite::add(&args.file, out, |bundle| {
        if bundle.claimed_release_id() != id {
            return Err(CliError::internal(format!(
                "{}: changed while it was read",
                display_path(&args.file)
            )));
        }
        // Under the lock, by the current clock: waiting for other writers may have taken long.
        let now = now();
        if let Some(root) = &root {
            bundle
                .check_signatures(root, JudgedAt::At(now))
                .about(&args.file)?;
        }
        let before = said_before(bundle, &public);
        let mut signatures = bundle.all_signatures();
        // A notary does not attest its own signature.
        signatures.retain(|(other, _)| *other != key);
        let body = approval::notarisation(manifest, id, &signatures, before.as_ref(), now)
            .map_err(CliError::internal)?;
        let signature = signer.sign(PAYLOAD_TYPE, &body)?;
        let added = ClaimedStatement {
            key,
            body: body.clone(),
            signature,
        };
        Ok((vec![Addition::Statement(added)], body))
    })?;
    let said: NotarisationStatement =
        json::from_canonical(&statement).map_err(CliError::internal)?;
    let said = said.predicate;
    out.document(&serde_json::json!({
        "file": args.file.to_string_lossy(), "release_id": id, "key_id": key, "signatures": said.signatures,
    }));
    for seen in &said.signatures {
        let (at, key) = (seen.at, seen.key_id);
        let owner = root.as_ref().map(|root| root.owner(&KeyId::claimed(key)));
        let owner = owner.map_or(String::new(), |owner| format!(" ({})", escape(owner)));
        out.line(format!("seen at {at}: the signature by {key}{owner}"));
    }
    out.line(format!("notarised by {key}: {}", display_path(&args.file)));
    Ok(Exit::Done)
}

fn check_role(root: Option<&TrustRoot>, key: &PublicKey) -> Result<(), CliError> {
    let Some(root) = root else { return Ok(()) };
    let (id, notary) = (key.id(), name("notary"));
    let role = root.role_of(&id);
    if role == Some(&notary) {
        return counts_now(root, id, &notary);
    }
    let has = role.map_or("is not in the trust root".to_owned(), |role| {
        format!("has the role {role}")
    });
    Err(CliError::new(
        Kind::KeyRole,
        format!("key {id} {has}: a notary's key has the role notary"),
    )
    .hint("nothing was signed"))
}

/// This notary's earlier statement, with the times at which it first saw the signatures.
fn said_before(bundle: &UntrustedBundle, key: &PublicKey) -> Option<Notarisation> {
    let mut statements = bundle.claimed_attestations().statements.iter();
    let said = statements.find(|said| said.key == key.id())?;
    if !key.signed(PAYLOAD_TYPE, &said.body, &said.signature) {
        return None;
    }
    let statement = json::from_canonical::<NotarisationStatement>(&said.body).ok()?;
    Some(statement.predicate)
}
