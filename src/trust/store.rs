//! Trust documents on disk: `FILE`, with its signatures in `FILE.sigs/VERSION.KEYID.sig`, 64 raw
//! bytes each. `FILE.sigs/VERSION.KEYID.before.sig` is a signature by a key that only the version
//! before lists; it records that version's agreement.
//!
//! A version's signatures are written under names unique to that version, before the document is
//! renamed into place. `FILE` and its version's signatures therefore match even after an
//! interruption.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::key_id::KeyId;
use super::root::{ClaimedSignature, DraftRoot, TrustError, TrustRoot};
use super::rotation::{Candidate, Step};
use crate::durable;
use pgseal_verify::format::file_name::is_kept_version;
use pgseal_verify::format::json::JsonError;
use pgseal_verify::limits;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path}: {source}", path = path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: {source}", path = path.display())]
    Trust { path: PathBuf, source: TrustError },
    #[error("{path}: it is cut off or no signature: it has {found} bytes, a signature has 64", path = path.display())]
    Signature { path: PathBuf, found: usize },
    #[error("{path}: the directory holds no trust document", path = .0.display())]
    NoDocuments(PathBuf),
    /// A draft's path is taken by a file, or by signatures of another draft.
    #[error("{path} exists already", path = .0.display())]
    Exists(PathBuf),
}

pub fn read(path: &Path) -> Result<TrustRoot, StoreError> {
    let draft = read_document(path)?;
    let mut signatures = read_signatures(&signed_in(path), draft.document().version)?;
    signatures.retain(|(_, by_key_before)| !by_key_before);
    let listed: Vec<_> = signatures
        .into_iter()
        .map(|(signature, _)| signature)
        .collect();
    draft.signed(&listed).map_err(|source| StoreError::Trust {
        path: path.to_owned(),
        source: source.into(),
    })
}

/// Reads a document that may lack signatures; its own rules are checked.
pub fn read_draft(path: &Path) -> Result<Candidate, StoreError> {
    let draft = read_document(path)?;
    let signatures = read_signatures(&signed_in(path), draft.document().version)?;
    let signatures = signatures.into_iter().map(|(signature, _)| signature);
    Ok(Candidate {
        draft,
        signatures: signatures.collect(),
    })
}

/// Reads candidate versions from trust documents and from directories that contain some.
pub fn read_chain(paths: &[PathBuf]) -> Result<Vec<Candidate>, StoreError> {
    let mut chain = Vec::new();
    for path in paths {
        if path.is_dir() {
            let documents = documents_in(path)?;
            if documents.is_empty() {
                return Err(StoreError::NoDocuments(path.clone()));
            }
            for document in documents {
                chain.push(read_draft(&document)?);
            }
        } else {
            chain.push(read_draft(path)?);
        }
    }
    Ok(chain)
}

/// Writes a new draft, and its existing signatures.
pub fn create(
    path: &Path,
    draft: &DraftRoot,
    signatures: &[ClaimedSignature],
) -> Result<(), StoreError> {
    // Signatures of an earlier draft with the same name would be invalid for this one.
    if !read_signatures(&signatures_dir(path), draft.document().version)?.is_empty() {
        return Err(StoreError::Exists(signatures_dir(path)));
    }
    if path.symlink_metadata().is_ok() {
        return Err(StoreError::Exists(path.to_owned()));
    }
    if !signatures.is_empty() {
        add_signatures(path, draft, signatures)?;
    }
    durable::create_new(path, |file| file.write_all(draft.bytes()))
        .map_err(|source| io_error(path, plain(source)))
}

/// Adds signatures to a document. Each is a separate file, so that concurrent signers don't
/// conflict.
pub fn add_signatures(
    path: &Path,
    draft: &DraftRoot,
    signatures: &[ClaimedSignature],
) -> Result<(), StoreError> {
    let dir = signatures_dir(path);
    let io = |source| io_error(&dir, source);
    fs::create_dir_all(&dir).map_err(io)?;
    durable::sync_dir(&dir).map_err(io)?;
    for (id, signature) in signatures {
        replace(&dir.join(signature_name(draft, id)), signature)?;
    }
    Ok(())
}

/// The trust root of this host, locked against other installations. Replacing it requires this
/// type.
pub struct Installed {
    path: PathBuf,
    root: TrustRoot,
    _lock: fs::File,
}

impl Installed {
    /// Waits for the lock, calling `waiting` if another process holds it; then reads and verifies
    /// the trust root.
    pub fn lock(path: &Path, waiting: &dyn Fn()) -> Result<Self, StoreError> {
        if path.is_symlink() {
            let source = io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is a link: name the file that it leads to",
            );
            return Err(io_error(path, source));
        }
        let lock = durable::lock(path, waiting).map_err(|source| io_error(path, source))?;
        Ok(Self {
            path: path.to_owned(),
            root: read(path)?,
            _lock: lock,
        })
    }

    pub fn root(&self) -> &TrustRoot {
        &self.root
    }

    /// Installs the last step. Before that, writes the signatures of every step, and for auditors
    /// the documents that are replaced.
    pub fn install(&self, steps: &[Step]) -> Result<(), StoreError> {
        let Some((last, earlier)) = steps.split_last() else {
            return Ok(());
        };
        let dir = signatures_dir(&self.path);
        self.may_write(&dir)?;
        for step in steps {
            let draft = step.root().draft();
            // A killed installation may have left signatures of another document with this number.
            for found in read_names(&dir, draft.document().version)? {
                if !step
                    .signatures()
                    .iter()
                    .any(|(id, _)| signature_name(draft, id) == found.name)
                {
                    let stale = dir.join(found.name);
                    fs::remove_file(&stale).map_err(|source| io_error(&stale, source))?;
                }
            }
            add_signatures(&self.path, draft, step.signatures())?;
        }
        for replaced in std::iter::once(&self.root).chain(earlier.iter().map(Step::root)) {
            let draft = replaced.draft();
            replace(
                &dir.join(format!("{}.json", draft.document().version)),
                draft.bytes(),
            )?;
        }
        replace(&self.path, last.root().draft().bytes())
    }

    /// Checks write access before anything is written, so that a caller who may not replace the
    /// document leaves no signatures either.
    fn may_write(&self, signatures: &Path) -> Result<(), StoreError> {
        let io = |source| io_error(&self.path, plain(source));
        let parent = self
            .path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        for dir in [parent, signatures].into_iter().filter(|dir| dir.is_dir()) {
            tempfile::tempfile_in(dir).map_err(io)?;
        }
        Ok(())
    }
}

fn io_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        source,
    }
}

/// The system's error without the name of the temporary file, which no longer exists.
fn plain(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path \"") {
        Some((said, _)) => io::Error::new(error.kind(), said.to_owned()),
        None => error,
    }
}

/// The directory of a document's signatures: `FILE.sigs`. For an earlier version kept by `install`,
/// it is the document's own directory.
pub fn signed_in(path: &Path) -> PathBuf {
    let kept = path.parent().filter(|_| is_kept_version(path));
    kept.map_or_else(|| signatures_dir(path), Path::to_owned)
}

fn signatures_dir(path: &Path) -> PathBuf {
    let mut dir = path.as_os_str().to_owned();
    dir.push(".sigs");
    dir.into()
}

fn signature_name(draft: &DraftRoot, id: &KeyId) -> String {
    let before = if draft.key(id).is_some() {
        ""
    } else {
        ".before"
    };
    format!("{}.{id}{before}.sig", draft.document().version)
}

fn read_document(path: &Path) -> Result<DraftRoot, StoreError> {
    let bytes = read_limited(path)?;
    DraftRoot::parse(bytes).map_err(|source| StoreError::Trust {
        path: path.to_owned(),
        source,
    })
}

/// The trust documents of a directory. A file that is not valid JSON may be truncated, so it is not
/// skipped.
fn documents_in(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let io = |source| io_error(dir, source);
    let mut documents = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.extension().is_none_or(|extension| extension != "json") || !path.is_file() {
            continue;
        }
        let value: serde_json::Value =
            serde_json::from_slice(&read_limited(&path)?).map_err(|error| {
                let source = TrustError::Document(JsonError::from(error));
                StoreError::Trust {
                    path: path.clone(),
                    source,
                }
            })?;
        if ["version", "keys", "roles"]
            .iter()
            .all(|field| value.get(field).is_some())
        {
            documents.push(path);
        }
    }
    documents.sort();
    Ok(documents)
}

/// The parsed name of a signature file.
struct Named {
    name: String,
    id: KeyId,
    by_key_before: bool,
}

/// The signatures of this version; true for those by a key that only the version before lists.
fn read_signatures(dir: &Path, version: u32) -> Result<Vec<(ClaimedSignature, bool)>, StoreError> {
    let read = |named: Named| {
        let path = dir.join(named.name);
        let signature = <[u8; 64]>::try_from(read_limited(&path)?).map_err(|bytes| bytes.len());
        let signature = signature.map_err(|found| StoreError::Signature { path, found })?;
        Ok(((named.id, signature), named.by_key_before))
    };
    read_names(dir, version)?.into_iter().map(read).collect()
}

/// Signature files of this version, sorted.
fn read_names(dir: &Path, version: u32) -> Result<Vec<Named>, StoreError> {
    let io = |source| io_error(dir, source);
    let mut names = Vec::new();
    let files = match fs::read_dir(dir) {
        // A missing directory holds no signatures; they count as missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        files => files.map_err(io)?,
    };
    for file in files {
        let Ok(name) = file.map_err(io)?.file_name().into_string() else {
            continue;
        };
        let Some(rest) = name
            .strip_prefix(&format!("{version}."))
            .and_then(|rest| rest.strip_suffix(".sig"))
        else {
            continue;
        };
        let before = rest.strip_suffix(".before");
        let Ok(id) = before.unwrap_or(rest).parse() else {
            continue;
        };
        let by_key_before = before.is_some();
        names.push(Named {
            name,
            id,
            by_key_before,
        });
    }
    names.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(names)
}

fn read_limited(path: &Path) -> Result<Vec<u8>, StoreError> {
    durable::open_regular(path)
        .and_then(|file| durable::read_limited(file, limits::DOCUMENT_BYTES))
        .map_err(|source| io_error(path, source))
}

fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    durable::replace(path, |file| file.write_all(bytes))
        .map_err(|source| io_error(path, plain(source)))
}
