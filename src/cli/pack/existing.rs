//! The file that is already where a bundle is to be written.

use std::collections::BTreeSet;
use std::path::Path;

use crate::bundle::add::Addition;
use crate::cli::args::open;
use crate::cli::{CliError, Kind, Output, display_path, rewrite};
use crate::trust::{KeyId, SecretKey};
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

/// The place of the new bundle.
pub enum Place {
    Free,
    /// A bundle of this very release is there.
    Same,
}

/// Looks at the place. Another file there is an error.
pub fn place(path: &Path, id: ReleaseId) -> Result<Place, CliError> {
    if path.symlink_metadata().is_err() {
        return Ok(Place::Free);
    }
    let refused = |what: String| {
        let text = format!("{}: {what} is there", display_path(path));
        CliError::new(Kind::FileExists, text)
            .hint("nothing was written; name another file, or say --replace to give it up")
    };
    if path.is_dir() {
        return Err(refused("a directory".to_owned())
            .hint("nothing was written; name a file, as in DIR/NAME.pgseal"));
    }
    let bundle = open(path).map_err(|_| refused("a file that is no bundle".to_owned()))?;
    if bundle.claimed_release_id() == id {
        return Ok(Place::Same);
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
        let mut missing = Vec::new();
        for key in keys {
            let id = key.public_key().id();
            let signature = key.sign(PAYLOAD_TYPE, bundle.claimed_statement());
            let there = bundle.claimed_signatures().iter().find(|(by, _)| *by == id);
            match there {
                None => missing.push(Addition::Signature((id, signature))),
                // Ed25519 has one signature for a key and a text (RFC 8032, section 5.1.6).
                Some((_, there)) if *there == signature => {}
                Some(_) => {
                    let text = format!("the signature of key {id} that is there does not hold");
                    return Err(CliError::new(Kind::SignatureInvalid, text)
                        .about(path)
                        .hint("nothing was written; say --replace to give the file up"));
                }
            }
        }
        Ok((missing, ()))
    })?;
    Ok(())
}

/// Statements of other people in a bundle that was already there.
#[derive(Default)]
pub struct Kept {
    pub signatures: usize,
    pub approvals: usize,
}

/// Counts the signatures by other keys than these, and the approvals.
pub fn kept(path: &Path, own: &BTreeSet<KeyId>) -> Result<Kept, CliError> {
    let bundle = open(path)?;
    let signatures = bundle.claimed_signatures().iter();
    Ok(Kept {
        signatures: signatures.filter(|(by, _)| !own.contains(by)).count(),
        approvals: bundle.claimed_attestations().statements.len(),
    })
}

impl Kept {
    /// Tells what stays; nothing if the bundle had none.
    pub fn sentence(&self) -> Option<String> {
        let (signatures, approvals) = (self.signatures, self.approvals);
        (signatures + approvals > 0).then(|| {
            format!(
                "the bundle that was there keeps {} and {}: `pgseal verify FILE` judges them, --replace gives them up",
                count(signatures, "other signature"),
                count(approvals, "approval")
            )
        })
    }
}
