//! Writes the next version: as a draft next to the trust root, or, signed at once, as the trust
//! root itself.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::super::args::{PassphraseArgs, now, time};
use super::super::{CliError, Exit, Output, display_path};
use super::show::{self, Change, Shown};
use super::warnings::warnings;
use super::{WHEN, refusal};
use crate::trust::change::changes;
use crate::trust::draft::NextVersion;
use crate::trust::root::ClaimedSignature;
use crate::trust::rotation::{self, Candidate};
use crate::trust::store::{self, Installed};
use crate::trust::{DraftRoot, KeyId, SecretKey, Signer, TrustRoot, signatures};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::{KeyEntry, KeyStatus};

/// Arguments of every command that makes a next version.
#[derive(clap::Args, Debug)]
pub struct NextArgs {
    /// The trust root, or a signed draft of a later version
    pub file: PathBuf,
    /// Where to write the draft; must not exist [default: FILE with its version put in, as trust.2.json]
    #[arg(short, long, value_name = "DRAFT")]
    output: Option<PathBuf>,
    /// A secret root key that signs it at once (may be repeated); without -o it then takes the place of FILE
    #[arg(long, value_name = "ROOT.key")]
    root_key: Vec<PathBuf>,
    /// A new expiry [default: as before]
    #[arg(long, value_name = WHEN, value_parser = time)]
    expires: Option<Timestamp>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Makes the next version by the edit of a command, and writes or installs it.
pub fn make(
    command: &str,
    args: &NextArgs,
    edit: impl FnOnce(&mut NextVersion) -> Result<(), CliError>,
    out: Output,
) -> Result<Exit, CliError> {
    if args.root_key.is_empty() || args.output.is_some() {
        let before = store::read(&args.file).map_err(refusal::base)?;
        let draft = edited(&before, args, edit, out)?;
        let keys = args.passphrase.keys(&args.root_key)?;
        return write(
            command,
            args,
            &before,
            &draft,
            &sign(&before, &draft, &keys)?,
            out,
        );
    }
    // Ask for the passphrase before taking the lock.
    let keys = args.passphrase.keys(&args.root_key)?;
    let installed =
        Installed::lock(&args.file, &|| out.waits_for(&args.file)).map_err(refusal::base)?;
    let before = installed.root();
    let draft = edited(before, args, edit, out)?;
    let signatures = sign(before, &draft, &keys)?;
    let progress = signatures::progress(&draft, Some(before), &signatures)?;
    let steps =
        rotation::walk(before, vec![Candidate { draft, signatures }]).map_err(refusal::at_once)?;
    installed.install(&steps).map_err(refusal::unwritten)?;
    for step in &steps {
        let draft = step.root().draft();
        let (version, path) = (draft.document().version, display_path(&args.file));
        out.note(format!("wrote version {version} of {path}"));
        let steps = [change(before.draft(), draft)];
        Shown::new(&args.file, draft, progress, &steps).print_changes(out);
    }
    Ok(Exit::Done)
}

/// Changes from one version to the next.
pub fn change(before: &DraftRoot, after: &DraftRoot) -> Change {
    let changes = changes(before.document(), after.document());
    Change {
        version: after.document().version,
        sha256: after.digest(),
        changes,
    }
}

fn edited(
    before: &TrustRoot,
    args: &NextArgs,
    edit: impl FnOnce(&mut NextVersion) -> Result<(), CliError>,
    out: Output,
) -> Result<DraftRoot, CliError> {
    let mut next = NextVersion::after(before, now(), args.expires)?;
    edit(&mut next)?;
    let draft = next.finish()?;
    warnings(before.document(), draft.document())
        .into_iter()
        .for_each(|text| out.warning(text));
    Ok(draft)
}

fn sign(
    before: &TrustRoot,
    draft: &DraftRoot,
    keys: &[SecretKey],
) -> Result<Vec<ClaimedSignature>, CliError> {
    let signers: Vec<&dyn Signer> = keys.iter().map(|key| key as &dyn Signer).collect();
    for signer in &signers {
        may_sign(draft, Some(before), &signer.public_key().id())?;
    }
    Ok(signatures::sign(draft, &signers)?)
}

/// Rejects keys that must not sign the draft. A signature by a key that is root in neither version
/// makes every host reject the draft; one that counts in neither version is useless.
pub fn may_sign(draft: &DraftRoot, before: Option<&TrustRoot>, id: &KeyId) -> Result<(), CliError> {
    let versions = [Some(draft), before.map(TrustRoot::draft)];
    let entries = versions.map(|version| {
        version?
            .key(id)
            .map(|(_, entry)| entry)
            .filter(|entry| is_root(entry))
    });
    let version = draft.document().version;
    let known = before.is_some() || version == 1;
    let refused = |what: &str, hint: &str| {
        let text = format!(
            "key {id} is {what} of version {version}{}",
            if known {
                " or of the one before it"
            } else {
                ""
            }
        );
        Err(CliError::usage(text).hint(format!("{hint}; nothing was signed")))
    };
    match entries
        .iter()
        .flatten()
        .find(|entry| entry.status == KeyStatus::Active)
    {
        Some(_) => Ok(()),
        None if entries.iter().all(Option::is_none) && known => {
            refused("not a root key", "trust roots are signed by root keys")
        }
        None if entries.iter().all(Option::is_none) => refused(
            "not a root key",
            "if it is one of the version before, name that one by --trust FILE",
        ),
        None if known => refused(
            "not an active root key",
            "what a retired or revoked key signs does not count",
        ),
        // Retired or revoked by this draft: the previous version may still count it.
        None => Ok(()),
    }
}

fn is_root(entry: &KeyEntry) -> bool {
    entry.role.as_str() == "root"
}

fn write(
    command: &str,
    args: &NextArgs,
    before: &TrustRoot,
    draft: &DraftRoot,
    signatures: &[ClaimedSignature],
    out: Output,
) -> Result<Exit, CliError> {
    let (from, to) = (before.document().version, draft.document().version);
    let file = args
        .output
        .clone()
        .unwrap_or_else(|| beside(&args.file, from, to));
    let progress = signatures::progress(draft, Some(before), signatures)?;
    store::create(&file, draft, signatures)
        .map_err(|error| refusal::draft_exists(error, command, args.output.is_none()))?;
    let steps = [change(before.draft(), draft)];
    let path = display_path(&file);
    out.note(format!(
        "wrote the draft {path}; {}",
        show::signed_by(&progress, to)
    ));
    out.note(match progress.is_met() {
        true => format!("next: pgseal trust install {path}"),
        false => format!("next: pgseal trust sign {path} --key ROOT.key"),
    });
    Shown::new(&file, draft, progress, &steps).print_changes(out);
    Ok(Exit::Done)
}

/// `trust.json` -> `trust.2.json` -> `trust.3.json`
fn beside(file: &Path, from: u32, to: u32) -> PathBuf {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let stem = file.file_stem().map(OsStrExt::as_bytes).unwrap_or_default();
    let stem = stem
        .strip_suffix(format!(".{from}").as_bytes())
        .unwrap_or(stem);
    let mut name = OsString::from_vec([stem, format!(".{to}").as_bytes()].concat());
    if let Some(extension) = file.extension() {
        name.push(".");
        name.push(extension);
    }
    file.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drafts_lie_beside_what_they_follow() {
        for (file, draft) in [
            ("a/trust.json", "a/trust.2.json"),
            ("trust.1.json", "trust.2.json"),
            ("t", "t.2"),
        ] {
            assert_eq!(beside(Path::new(file), 1, 2), Path::new(draft));
        }
    }
}
