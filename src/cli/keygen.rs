//! `pgseal keygen NAME [--no-passphrase]`

use std::path::PathBuf;

use super::args::PassphraseArgs;
use super::{CliError, Exit, Kind, Output, display_path};
use crate::durable;
use crate::trust::SecretKey;
use std::io::Write;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Writes NAME.key (secret, mode 0600) and NAME.pub; neither may exist
    name: PathBuf,
    /// Don't encrypt the secret key: for development and tests
    #[arg(long)]
    no_passphrase: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let with = |extension: &str| {
        let mut path = args.name.clone().into_os_string();
        path.push(extension);
        PathBuf::from(path)
    };
    let (secret, public) = (with(".key"), with(".pub"));
    if let Some(there) = [&secret, &public]
        .into_iter()
        .find(|path| path.symlink_metadata().is_ok())
    {
        let message = format!(
            "{} exists already, and a key is never replaced",
            display_path(there)
        );
        return Err(CliError::new(Kind::FileExists, message).hint("choose another name"));
    }
    let passphrase = match args.no_passphrase {
        true => None,
        false => Some(
            args.passphrase
                .new_passphrase(&secret.display().to_string())?,
        ),
    };
    let key = SecretKey::generate()?;
    key.write_new(&secret, passphrase.as_ref().map(|text| text.as_str()))?;
    let pem = key.public_key().to_pem();
    durable::create_new(&public, |file| file.write_all(pem.as_bytes())).map_err(|error| {
        // A leftover secret key without its public half would block the next attempt.
        let _ = std::fs::remove_file(&secret);
        CliError::io(&public, &error)
    })?;
    let id = key.public_key().id();
    out.document(
        &serde_json::json!({ "key_id": id, "secret": secret.to_string_lossy(), "public": public.to_string_lossy() }),
    );
    out.line(format!("key {id}"));
    out.line(format!(
        "secret: {} (mode 0600: keep it)",
        display_path(&secret)
    ));
    out.line(format!("public: {} (give it away)", display_path(&public)));
    Ok(Exit::Done)
}
