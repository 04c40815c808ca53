//! `pgseal archive init DIR --key KEY`

use std::path::{Path, PathBuf};

use super::super::args::TrustArgs;
use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::host;
use super::super::output::{Output, display_path, escape};
use super::super::signer::SignerArgs;
use crate::durable;
use crate::tlog::append;
use crate::trust::note::{is_name, verifier_key};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The archive; made where there is none
    dir: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    signer: SignerArgs,
    /// The log's own name, for ever, which no other log has, like example.com/releases [default: HOST/DIR]
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load()?;
    let signer = args.signer.open()?;
    let key = signer.public_key();
    super::check_role(&root, &key)?;
    let is_new = !args.dir.exists();
    if is_new {
        durable::create_dirs(&args.dir).map_err(|error| CliError::io(&args.dir, &error))?;
    }
    let origin = args.origin.clone().unwrap_or_else(|| own_name(&args.dir));
    let made = append::create(&args.dir, &origin, &root, signer.as_ref()).map_err(|error| {
        if is_new {
            // The directory is new and empty. Best effort: the first error matters.
            let _ = std::fs::remove_dir(&args.dir);
        }
        super::unusable(&args.dir, error)
    })?;
    let (id, verifier) = (key.id(), verifier_key(&origin, &key));
    out.document(&serde_json::json!({
        "archive": args.dir.to_string_lossy(), "checkpoint": super::document(&made), "key_id": id, "verifier_key": verifier,
    }));
    out.line(format!(
        "{}: an empty log, {}",
        display_path(&args.dir),
        escape(&origin)
    ));
    out.line(format!(
        "its checkpoints are signed by {id}; for other tools: {}",
        escape(&verifier)
    ));
    Ok(Exit::Done)
}

/// `HOST/DIR`, with characters that an origin can't have replaced.
fn own_name(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = dir
        .file_name()
        .map_or("archive".into(), |name| name.to_string_lossy());
    let own = format!("{}/{name}", host::operator().host);
    own.chars()
        .map(|c| if is_name(&c.to_string()) { c } else { '-' })
        .collect()
}
