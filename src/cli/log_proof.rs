//! Proof of inclusion that travels with a bundle: `FILE.tlog-proof` shows that an archive's log
//! contains it.

use std::path::{Path, PathBuf};

use super::{CliError, Kind, Output, ResultExt, escape};
use crate::tlog::compare::file_digest;
use crate::tlog::proof_file::Logged;
use crate::tlog::read;
use crate::trust::TrustRoot;
use pgseal_verify::format::log_entry::LogKind;
use pgseal_verify::format::statement::ReleaseId;

/// A verified proof for one bundle.
pub struct OfBundle {
    logged: Logged,
    owner: String,
    proof: PathBuf,
    /// Whether the file is byte for byte the logged one. The release is the same in either case.
    is_same_file: bool,
}

/// Validates a proof. An invalid proof named by the operator is an error. An invalid sibling of the
/// bundle is only a warning, because nothing vouches for it and the bundle is valid without it.
pub fn check(
    given: Option<&Path>,
    file: &Path,
    root: &TrustRoot,
    release: ReleaseId,
    out: Output,
) -> Result<Option<OfBundle>, CliError> {
    if let Some(proof) = given {
        return of_bundle(proof, file, root, release).map(Some);
    }
    let beside = read::proof_path(file);
    if beside.symlink_metadata().is_err() {
        return Ok(None);
    }
    of_bundle(&beside, file, root, release).map(Some).or_else(|error| {
        error.lines.iter().for_each(|line| out.warning(line));
        out.note(
            "the proof beside the bundle counts for nothing, and whether a log has the bundle is not known: \
             remove it, or make a fresh one by `pgseal archive prove`; --log-proof makes it an error",
        );
        Ok(None)
    })
}

fn of_bundle(
    proof: &Path,
    file: &Path,
    root: &TrustRoot,
    release: ReleaseId,
) -> Result<OfBundle, CliError> {
    let logged = read::proof(proof)
        .about(proof)?
        .authenticate(root)
        .about(proof)?;
    let entry = logged.entry();
    if entry.kind != LogKind::Release || entry.release_id != Some(release.digest()) {
        let id = entry.release_id;
        let what = id.map_or_else(|| "no release".to_owned(), |id| format!("release {id}"));
        let kind = entry.kind.as_str();
        let text = format!("it is the proof of another file, a {kind} of {what}");
        return Err(CliError::new(Kind::ProofInvalid, text)
            .about(proof)
            .hint("each file has a proof of its own: `pgseal archive prove DIR FILE` makes one"));
    }
    let is_same_file = file_digest(file).at(file)? == (entry.size, entry.sha256);
    let owner = root.owner(&logged.head().key()).to_owned();
    Ok(OfBundle {
        logged,
        owner,
        proof: proof.to_owned(),
        is_same_file,
    })
}

/// JSON object for `--json`.
pub fn document(of: &OfBundle) -> serde_json::Value {
    let (logged, head) = (&of.logged, of.logged.head());
    serde_json::json!({
        "proof": of.proof.to_string_lossy(), "origin": head.origin(), "index": logged.index(), "size": head.size(),
        "root_sha256": head.root(), "key_id": head.key(), "owner": of.owner, "path": logged.entry().path,
        "same_file": of.is_same_file,
    })
}

/// Prints the proof as text.
pub fn show(of: &OfBundle, out: Output) {
    let (logged, head) = (&of.logged, of.logged.head());
    let (origin, owner) = (escape(head.origin()), escape(&of.owner));
    let (index, size, key) = (logged.index(), head.size(), head.key());
    out.line(format!(
        "in the log {origin}: entry {index} of {size}, signed by {owner} ({key})"
    ));
    if !of.is_same_file {
        out.note("the release was logged in another file: signatures or approvals were added or taken away since");
    }
}
