//! The file that is already where a bundle is to be written.

use std::path::Path;

use crate::bundle::add::Addition;
use crate::cli::args::open;
use crate::cli::{CliError, Kind, Output, display_path, rewrite};
use crate::trust::SecretKey;
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::statement::{PAYLOAD_TYPE, ReleaseId, title};
use pgseal_verify::plural::count;

/// Tells that the file to be replaced has the same name and version, and another id.
pub fn tell_namesake(path: &Path, release: &Release, id: ReleaseId, out: Output) {
    let Ok(bundle) = open(path) else { return };
    let (Ok(statement), other) = (bundle.claimed_release(), bundle.claimed_release_id()) else {
        return;
    };
    let was = statement.predicate.release;
    if other != id && (&was.name, &was.version) == (&release.name, &release.version) {
        let title = title(&was.name, &was.version);
        out.note(format!(
            "another {title} ({other}) was in {}: raise the version if it left this host",
            display_path(path)
        ));
    }
}

/// Whether a bundle of this very release is there already. Another file is an error.
pub fn is_same(path: &Path, id: ReleaseId) -> Result<bool, CliError> {
    if !path.is_file() {
        return Ok(false);
    }
    let refused = |what: String| {
        let text = format!("{}: {what} is there", display_path(path));
        CliError::new(Kind::FileExists, text)
            .hint("nothing was written; name another file, or say --replace to give it up")
    };
    let bundle = open(path).map_err(|_| refused("a file that is no bundle".to_owned()))?;
    if bundle.claimed_release_id() == id {
        return Ok(true);
    }
    let name = match bundle.claimed_release() {
        Ok(statement) => {
            let release = statement.predicate.release;
            title(&release.name, &release.version)
        }
        Err(_) => "a release".to_owned(),
    };
    let signatures = count(bundle.claimed_signatures().len(), "signature");
    let statements = bundle.claimed_attestations().statements.len();
    let approvals = count(statements, "approval");
    let other = bundle.claimed_release_id();
    Err(refused(format!(
        "{name} with another id ({other}), {signatures} and {approvals}"
    )))
}

/// Signs the bundle that is there, by the keys that have not.
pub fn sign(path: &Path, keys: &[SecretKey], out: Output) -> Result<(), CliError> {
    let (_, ()) = rewrite::add(path, out, |bundle| {
        let has_signed = |key: &&SecretKey| {
            let id = key.public_key().id();
            bundle.claimed_signatures().iter().any(|(by, _)| *by == id)
        };
        let signature = |key: &SecretKey| {
            let signature = key.sign(PAYLOAD_TYPE, bundle.claimed_statement());
            Addition::Signature((key.public_key().id(), signature))
        };
        let missing = keys.iter().filter(|key| !has_signed(key));
        Ok((missing.map(signature).collect(), ()))
    })?;
    Ok(())
}
