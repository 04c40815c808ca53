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
    let exists = |path: &&PathBuf| path.symlink_metadata().is_ok();
    if let Some(path) = [&secret, &public].into_iter().find(exists) {
        let path = display_path(path);
        let message = format!("{path} exists already, and a key is never replaced");
        return Err(CliError::new(Kind::FileExists, message).hint("choose another name"));
    }
    let passphrase = match args.no_passphrase {
        true => None,
        false => {
            let name = secret.display().to_string();
            Some(args.passphrase.new_passphrase(&name)?)
        }
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
    let (secret, public) = (display_path(&secret), display_path(&public));
    out.line(format!("secret: {secret} (mode 0600: keep it)"));
    out.line(format!("public: {public} (give it away)"));
    Ok(Exit::Done)
}
