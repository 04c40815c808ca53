//! File names in `archive add`: the kinds that it takes, and which files belong together.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::output::display_path;
use crate::tlog::{CHECKPOINT, TILE};
use pgseal_verify::format::log_entry::{LogEntry, LogKind};

/// Kind of a file by its name; any other `.json` may be a trust root.
pub fn kind(path: &Path) -> Result<LogKind, CliError> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let kind = LogKind::of(path).or_else(|| name.ends_with(".json").then_some(LogKind::Trust));
    kind.ok_or_else(|| {
        CliError::new(Exit::Usage, format!("{}: by its name not a file that an archive takes", display_path(path)))
            .hint("it takes *.pgseal, *.approval, *.receipt.json, *.rehearsal.json, and a trust root's *.json")
    })
}

/// Main files below a directory, without the log of an archive.
pub fn files_below(dir: &Path) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    let is_log = dir.join(CHECKPOINT).is_file();
    let log = dir.join(TILE);
    // Directories for temporary files, of this command and others.
    let aside = |entry: &walkdir::DirEntry| {
        entry.file_type().is_dir()
            && entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(b".pgseal-")
    };
    let walk = WalkDir::new(dir).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| !(aside(entry) || is_log && entry.path() == log)) {
        let entry = entry.map_err(|error| CliError::new(Exit::Internal, error).about(dir))?;
        let kind = LogKind::of(entry.path());
        let is_main =
            kind.is_some_and(|kind| !matches!(kind, LogKind::Signature | LogKind::Journal));
        files.extend((is_main && !entry.file_type().is_dir()).then(|| entry.into_path()));
    }
    Ok(files)
}

/// Paths of the main files that an entry may be or may belong to.
pub fn mains_of(entry: &LogEntry) -> Vec<String> {
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

/// A path as in the entries of the log.
pub fn text(path: &Path) -> Result<String, CliError> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        CliError::new(
            Exit::Usage,
            format!("{}: its name is not UTF-8", display_path(path)),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgseal_verify::digest::Digest;
    use pgseal_verify::format::version::Format1;

    #[test]
    fn what_stands_beside_a_file_has_one_ending_more() {
        for (kind, path, mains) in [
            (
                LogKind::Signature,
                "a/r.receipt.sig",
                &["a/r.receipt.json"][..],
            ),
            (
                LogKind::Signature,
                "a.sig.receipt.sig",
                &["a.sig.receipt.json"],
            ),
            (LogKind::Signature, "a.sig.sig", &["a.sig.json"]),
            (LogKind::Signature, "a.tsr.sig", &["a.tsr.json"]),
            (
                LogKind::Signature,
                "t.json.sigs/2.ab.sig",
                &["t.json", "t.json.sigs/2.json"],
            ),
            (
                LogKind::Journal,
                "r.journal.journal",
                &["r.journal.receipt.json"],
            ),
            (LogKind::Release, "a.sig.pgseal", &["a.sig.pgseal"]),
        ] {
            let entry = LogEntry {
                format: Format1,
                kind,
                path: path.parse().expect("a path"),
                release_id: None,
                sha256: Digest::of(b""),
                size: 0,
            };
            assert_eq!(mains_of(&entry), mains, "{path}");
        }
    }
}
