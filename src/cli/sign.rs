//! `pgseal sign FILE --key KEY`

use std::path::PathBuf;

use super::args::{PassphraseArgs, TrustArgs, open, unopened};
use super::error::CliError;
use super::exit::Exit;
use super::output::{Output, escape, shown};
use crate::bundle::untrusted::AddSignatureError;
use crate::durable;
use crate::format::statement::title;
use crate::trust::KeyId;
use crate::trust::root::name;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The bundle; replaced by one with one signature more
    file: PathBuf,
    /// The secret key
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let keys = args.passphrase.keys(std::slice::from_ref(&args.key))?;
    let key = keys.first().ok_or_else(|| CliError::new(Exit::Internal, "no key"))?;
    check_role(args, key.public_key().id(), out)?;
    // The file that a link leads to is the one that is read and replaced; not the link.
    let file = args.file.canonicalize().map_err(|error| CliError::io(&args.file, &error))?;
    // One signer at a time: a signature that another process adds meanwhile would be lost.
    let _lock = durable::lock(&file).map_err(|error| unopened(&args.file, &error))?;
    let bundle = open(&file)?;
    let (id, mut statement, mut refused) = (bundle.claimed_release_id(), None, None);
    let written = durable::replace(&file, |file| {
        match bundle.write_with_signature(key, std::io::BufWriter::new(file)) {
            Ok((_, signed)) => statement = Some(signed),
            Err(AddSignatureError::Io(error)) => return Err(error),
            Err(error) => refused = Some(error),
        }
        if refused.is_some() { Err(std::io::Error::other("refused")) } else { Ok(()) }
    });
    if let Some(error) = refused {
        return Err(CliError::from(error).about(&args.file));
    }
    written.map_err(|error| CliError::io(&args.file, &error))?;
    let release = statement.map(|statement| statement.predicate.release);
    let signer = key.public_key().id();
    out.document(&serde_json::json!({
        "file": args.file.to_string_lossy(), "release": release, "release_id": id, "signer": signer,
        "signatures": bundle.signature_count() + 1,
    }));
    if let Some(release) = release {
        let what = title(&release.name, &release.version);
        out.line(format!("{}: {what}: {}", shown(&args.file), escape(&release.summary)));
    }
    out.line(format!("release id {id}"));
    out.line(format!("signed by {signer}, {} signature(s)", bundle.signature_count() + 1));
    Ok(Exit::Done)
}

/// A signature that the trust root doesn't know makes every host refuse the bundle, and can't be taken away again: refused
/// by a root that was named for this, and told by one of the environment, which may be another host's.
fn check_role(args: &Args, id: KeyId, out: Output) -> Result<(), CliError> {
    let Some(root) = args.trust.load_if_named()? else { return Ok(()) };
    let role = root.role_of(&id);
    if role == Some(&name("release")) {
        return Ok(());
    }
    let has =
        role.map_or("is not in the trust root".to_owned(), |role| format!("has the role {role} in the trust root"));
    if args.trust.is_given() {
        let hint = "nothing was signed; releases are signed by keys of the role release";
        return Err(CliError::new(Exit::Usage, format!("key {id} {has}")).hint(hint));
    }
    out.warning(format!("key {id} {has}: a host with this trust root refuses the bundle"));
    Ok(())
}
