//! `pgseal sign FILE --key KEY`

use std::path::PathBuf;

use super::args::{TrustArgs, open};
use super::rewrite;
use super::signer::SignerArgs;
use super::tbs::TbsArgs;
use super::{CliError, Exit, Kind, Output, ResultExt, display_path, escape};
use crate::bundle::UntrustedBundle;
use crate::bundle::add::Addition;
use crate::trust::change::standing;
use crate::trust::root::name;
use crate::trust::{KeyId, TrustRoot};
use pgseal_verify::format::statement::{PAYLOAD_TYPE, title};
use pgseal_verify::format::trust_document::KeyStatus;
use pgseal_verify::plural;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The bundle; replaced by one with one signature more
    file: PathBuf,
    #[command(flatten)]
    signer: SignerArgs,
    #[command(flatten)]
    tbs: TbsArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    if args.tbs.is_given() {
        let bundle = open(&args.file)?;
        bundle.claimed_release().about(&args.file)?;
        return args
            .tbs
            .write(&args.file, PAYLOAD_TYPE, bundle.claimed_statement(), out);
    }
    let signer = args.signer.open()?;
    let key = signer.public_key().id();
    let root = check_role(&args.trust, key, out)?;
    let (statement, (id, count)) = rewrite::add(&args.file, out, |bundle| {
        // Only a bundle that contains a release may be signed.
        bundle.claimed_release().about(&args.file)?;
        check_others(root.as_ref(), bundle).about(&args.file)?;
        let signature = signer.sign(PAYLOAD_TYPE, bundle.claimed_statement())?;
        let count = bundle.claimed_signatures().len() + 1;
        Ok((
            vec![Addition::Signature((key, signature))],
            (bundle.claimed_release_id(), count),
        ))
    })?;
    let release = statement.predicate.release;
    out.document(&serde_json::json!({
        "file": args.file.to_string_lossy(), "release": release, "release_id": id, "signer": key, "signatures": count,
    }));
    let (file, title) = (
        display_path(&args.file),
        title(&release.name, &release.version),
    );
    out.line(format!("{file}: {title}: {}", escape(&release.summary)));
    out.line(format!("release id {id}"));
    let signatures = plural::count(count, "signature");
    out.line(format!("signed by {key}, {signatures}"));
    Ok(Exit::Done)
}

/// Validates the signer's role by the trust root, if one is known. A signature of an unknown key makes
/// every host refuse the bundle, and cannot be removed.
pub fn check_role(
    trust: &TrustArgs,
    id: KeyId,
    out: Output,
) -> Result<Option<TrustRoot>, CliError> {
    let Some(root) = trust.load_if_there()? else {
        out.note(format!(
            "no trust root is here, so it is not checked whether key {id} may sign releases"
        ));
        return Ok(None);
    };
    let has = match root.entry(&id) {
        None => "is not in the trust root".to_owned(),
        Some(entry) if entry.role != name("release") => {
            format!("has the role {} in the trust root", entry.role)
        }
        Some(entry) if entry.status != KeyStatus::Active => {
            format!("does not count any more{}", standing(entry))
        }
        Some(_) => return Ok(Some(root)),
    };
    let hint = "nothing was signed; releases are signed by keys of the role release; --trust names another trust root";
    Err(CliError::new(Kind::KeyRole, format!("key {id} {has}")).hint(hint))
}

/// Refuses a bundle with a signature of an unknown key: one signature more could not mend it.
fn check_others(root: Option<&TrustRoot>, bundle: &UntrustedBundle) -> Result<(), CliError> {
    let Some(root) = root else { return Ok(()) };
    let signers = bundle.claimed_signatures().iter().map(|(key, _)| key);
    let mut unknown = signers.filter(|key| root.entry(key).is_none());
    let Some(key) = unknown.next() else {
        return Ok(());
    };
    let text =
        format!("it is signed by key {key}, which is not in the trust root, so no host takes it");
    Err(CliError::new(Kind::NotAuthentic, text)
        .hint("nothing was signed; `pgseal pack DIR -o FILE --replace` makes it anew, --trust names a newer trust root"))
}
