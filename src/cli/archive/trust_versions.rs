//! Versions of the trust root in an archive: `VERSION.trust.json` with signatures in
//! `VERSION.trust.json.sigs/`, so that each can be read by itself years later.

use std::path::{Path, PathBuf};

use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::output::display_path;
use super::taken::Found;
use crate::trust::rotation::{Candidate, walk};
use crate::trust::store::{self, signed_in};
use crate::trust::{DraftRoot, TrustRoot};
use pgseal_verify::format::log_entry::LogKind;

/// Documents that may lead from the trust root back to an older version. Each is trusted only by
/// its digest.
pub struct Known(Vec<DraftRoot>);

impl Known {
    /// Collects documents next to the trust root, next to the given files and in the archive.
    pub fn gather(trust: &Path, files: &[PathBuf], archive: &Path) -> Self {
        let mut paths: Vec<PathBuf> = files.to_vec();
        for file in std::iter::once(trust).chain(files.iter().map(PathBuf::as_path)) {
            paths.extend(listed(&signed_in(file)));
        }
        paths.extend(listed(archive));
        // Filter by name, so that only these files of a large archive are read. Documents among
        // signatures have no ending but `.json`.
        let documents = paths.iter().filter(|path| {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let kind = LogKind::of(path);
            kind == Some(LogKind::Trust) || (kind.is_none() && name.ends_with(".json"))
        });
        // An unreadable document is skipped; if the chain needs it, authentication reports that.
        Self(documents.filter_map(|path| read(path).ok()).collect())
    }
}

fn read(path: &Path) -> Result<DraftRoot, CliError> {
    Ok(store::read_draft(path)?.draft)
}

fn listed(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths
}

/// A trust root's document and its previous versions, which are kept among its signatures.
pub fn of(path: &Path) -> Result<Vec<Found>, CliError> {
    let newest = read(path)?.document().version;
    let mut all = Vec::new();
    for version in 1..=newest {
        let from = if version == newest {
            path.to_owned()
        } else {
            signed_in(path).join(format!("{version}.json"))
        };
        if !from.is_file() {
            continue;
        }
        let name = format!("{version}.trust.json");
        let beside = signatures(&signed_in(path), &from, &format!("{name}.sigs"))?;
        let beside = beside
            .into_iter()
            .map(|(from, name)| (from, name, LogKind::Signature))
            .collect();
        all.push(Found {
            from,
            name,
            kind: LogKind::Trust,
            beside,
        });
    }
    Ok(all)
}

/// Signatures of a document in a directory, with their paths below an archive directory `name`.
pub fn signatures(
    dir: &Path,
    document: &Path,
    name: &str,
) -> Result<Vec<(PathBuf, String)>, CliError> {
    let start = format!("{}.", read(document)?.document().version);
    let named = listed(dir).into_iter().filter_map(|path| {
        let file = path.file_name()?.to_str()?.to_owned();
        let is_of = file.starts_with(&start) && file.ends_with(".sig");
        is_of.then(|| (path, format!("{name}/{file}")))
    });
    Ok(named.collect())
}

/// Checks that a document is a version of this trust root: the root itself, an older version that
/// it leads back to by the digests of previous versions, or the next one.
pub fn authenticate(
    document: &Path,
    typed: &Path,
    root: &TrustRoot,
    known: &Known,
) -> Result<(), CliError> {
    let read = store::read(document).map_err(|error| match error {
        store::StoreError::Trust { source, .. } => CliError::from(store::StoreError::Trust {
            path: typed.to_owned(),
            source,
        }),
        error => error.into(),
    })?;
    let (installed, version) = (root.document().version, read.document().version);
    if version > installed {
        let Candidate { draft, signatures } = store::read_draft(document)?;
        return walk(root, vec![Candidate { draft, signatures }]).map(drop).map_err(|error| {
            CliError::new(Exit::NotAuthentic, format!("{}: {error}", display_path(typed)))
                .hint("a version after the next is added when the one before it is the trust root (--trust)")
        });
    }
    let mut next = Some(root.digest());
    while let Some(digest) = next {
        if digest == read.digest() {
            return Ok(());
        }
        let chain = std::iter::once(root.draft()).chain(&known.0);
        next = chain
            .into_iter()
            .find(|draft| draft.digest() == digest)
            .and_then(|draft| draft.document().prev_sha256);
    }
    let text = format!(
        "{}: version {version} is none that version {installed} of the trust root goes back to",
        display_path(typed)
    );
    Err(CliError::new(Exit::NotAuthentic, text)
        .hint("the versions between them prove it: they lie in FILE.sigs beside the trust root; add them with it"))
}
