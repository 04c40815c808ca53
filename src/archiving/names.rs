//! File names: the kinds that an archive takes, and which files belong together.

use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::{AddError, FileError};
use crate::tlog::{CHECKPOINT, TILE};
use pgseal_verify::format::log_entry::{LogEntry, LogKind};

/// Kind of a file by its name; any other `.json` may be a trust root.
pub(super) fn kind(path: &Path) -> Result<LogKind, AddError> {
    let name = path.file_name().and_then(|name| name.to_str());
    let is_json = name.is_some_and(|name| name.ends_with(".json"));
    LogKind::of(path)
        .or(is_json.then_some(LogKind::Trust))
        .ok_or_else(|| FileError::Name.about(path))
}

/// Files of an argument as pairs of given and canonical path: the file itself, or all main files
/// below a directory, without the log of an archive.
pub(super) fn list(path: &Path) -> Result<Vec<(PathBuf, PathBuf)>, AddError> {
    let real = path.canonicalize().map_err(AddError::io(path))?;
    if !real.is_dir() {
        return Ok(vec![(path.to_owned(), real)]);
    }
    let log = real.join(TILE);
    let is_log = real.join(CHECKPOINT).is_file();
    // Directories for temporary files, of this command and others.
    let is_temporary = |entry: &DirEntry| {
        let name = entry.file_name().as_encoded_bytes();
        entry.file_type().is_dir() && name.starts_with(b".pgseal-")
    };
    let mut files = Vec::new();
    let walk = WalkDir::new(&real).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| !(is_temporary(entry) || is_log && entry.path() == log))
    {
        let entry = entry.map_err(|source| AddError::List {
            path: real.clone(),
            source,
        })?;
        let is_main = LogKind::of(entry.path())
            .is_some_and(|kind| !matches!(kind, LogKind::Signature | LogKind::Journal));
        if is_main && !entry.file_type().is_dir() {
            let below = entry.path().strip_prefix(&real);
            let given = below.map_or_else(|_| entry.path().to_owned(), |below| path.join(below));
            files.push((given, entry.into_path()));
        }
    }
    Ok(files)
}

/// Paths of the main files that an entry may be or may belong to.
pub(super) fn mains_of(entry: &LogEntry) -> Vec<String> {
    let path = entry.path.as_str();
    match entry.kind {
        LogKind::Signature => match path.rsplit_once(".sigs/") {
            Some((main, name)) => {
                // A signature of the trust root, or of a previous version kept among its
                // signatures.
                let version = name.split('.').next().unwrap_or_default();
                vec![main.to_owned(), format!("{main}.sigs/{version}.json")]
            }
            None => {
                let stem = path
                    .strip_suffix(".sig")
                    .or_else(|| path.strip_suffix(".tsr"));
                vec![format!("{}.json", stem.unwrap_or(path))]
            }
        },
        LogKind::Journal => vec![format!(
            "{}.receipt.json",
            path.strip_suffix(".journal").unwrap_or(path)
        )],
        _ => vec![path.to_owned()],
    }
}

/// A path below the archive, if an entry of the log can have it.
pub(super) fn utf8(path: &Path) -> Result<&str, AddError> {
    path.to_str().ok_or_else(|| FileError::NotUtf8.about(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgseal_verify::digest::Digest;
    use pgseal_verify::format::version::Format1;

    #[test]
    fn a_sibling_file_belongs_to_its_main_file() {
        for (path, mains) in [
            ("a/r.receipt.sig", &["a/r.receipt.json"][..]),
            ("a.sig.receipt.sig", &["a.sig.receipt.json"]),
            ("a.sig.sig", &["a.sig.json"]),
            ("a.tsr.sig", &["a.tsr.json"]),
            ("t.json.sigs/2.ab.sig", &["t.json", "t.json.sigs/2.json"]),
            ("r.journal.journal", &["r.journal.receipt.json"]),
            ("a.sig.pgseal", &["a.sig.pgseal"]),
        ] {
            let entry = LogEntry {
                format: Format1,
                kind: kind(Path::new(path)).expect("a known kind"),
                path: path.parse().expect("a path"),
                release_id: None,
                sha256: Digest::of(b""),
                size: 0,
            };
            assert_eq!(mains_of(&entry), mains, "{path}");
        }
    }
}
