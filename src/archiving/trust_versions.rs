//! Versions of the trust root in an archive: `VERSION.trust.json` with signatures in
//! `VERSION.trust.json.sigs/`, so that each can be read by itself years later.

use std::path::{Path, PathBuf};

use super::authenticate::{Candidate, NamedFile};
use super::names::kind;
use super::{AddError, FileError};
use crate::trust::rotation::walk;
use crate::trust::store::{self, StoreError, signed_in};
use crate::trust::{DraftRoot, TrustRoot};
use pgseal_verify::format::log_entry::LogKind;

/// Documents that may lead from the trust root back to an older version. Each is trusted only by
/// its digest.
pub struct KnownVersions(Vec<DraftRoot>);

impl KnownVersions {
    /// Collects documents next to the trust root, next to the given files and in the archive.
    pub fn gather(trust: &Path, files: &[PathBuf], archive: &Path) -> Self {
        let mut paths: Vec<PathBuf> = files.to_vec();
        for file in std::iter::once(trust).chain(files.iter().map(PathBuf::as_path)) {
            paths.extend(listed(&signed_in(file)));
        }
        paths.extend(listed(archive));
        // Filter by name, so that only these files of a large archive are read. An unreadable
        // document is skipped; if the chain needs it, authentication reports that.
        let documents = paths
            .iter()
            .filter(|path| matches!(kind(path), Ok(LogKind::Trust)));
        Self(documents.filter_map(|path| read(path).ok()).collect())
    }
}

fn read(path: &Path) -> Result<DraftRoot, StoreError> {
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
pub(super) fn candidates(path: &Path) -> Result<Vec<Candidate>, StoreError> {
    let newest = read(path)?.document().version;
    let mut all = Vec::new();
    for version in 1..=newest {
        let source = if version == newest {
            path.to_owned()
        } else {
            signed_in(path).join(format!("{version}.json"))
        };
        if !source.is_file() {
            continue;
        }
        let name = PathBuf::from(format!("{version}.trust.json"));
        all.push(Candidate {
            siblings: signatures(&source, &signed_in(path), &signed_in(&name))?,
            main: NamedFile {
                source,
                path: name,
                kind: LogKind::Trust,
            },
        });
    }
    Ok(all)
}

/// Signatures of a document in a directory, which is or will be `path` in the archive.
pub(super) fn signatures(
    document: &Path,
    dir: &Path,
    path: &Path,
) -> Result<Vec<NamedFile>, StoreError> {
    let start = format!("{}.", read(document)?.document().version);
    let named = listed(dir).into_iter().filter_map(|source| {
        let name = source.file_name()?.to_str()?;
        let is_of = name.starts_with(&start) && name.ends_with(".sig");
        is_of.then(|| NamedFile {
            path: path.join(name),
            kind: LogKind::Signature,
            source: source.clone(),
        })
    });
    Ok(named.collect())
}

/// Checks that a document is a version of this trust root: the root itself, an older version that
/// it leads back to by the digests of previous versions, or the next one.
pub(super) fn authenticate(
    document: &Path,
    given: &Path,
    root: &TrustRoot,
    known: &KnownVersions,
) -> Result<(), AddError> {
    let read = store::read(document).map_err(|error| match error {
        StoreError::Trust { source, .. } => StoreError::Trust {
            path: given.to_owned(),
            source,
        },
        error => error,
    })?;
    let (installed, version) = (root.document().version, read.document().version);
    if version > installed {
        let next = vec![store::read_draft(document)?];
        return walk(root, next)
            .map(drop)
            .map_err(|error| FileError::from(error).about(given));
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
    Err(FileError::UnknownVersion { version, installed }.about(given))
}
