//! The files of a source, by relative path.

use std::path::Path;

use walkdir::WalkDir;

use super::ImportError;
use super::project::Script;

/// The files below a directory, without hidden ones, in the order of their paths.
pub fn list(dir: &Path) -> Result<Vec<String>, ImportError> {
    let walk = WalkDir::new(dir).min_depth(1).sort_by_file_name();
    let is_shown = |name: &std::ffi::OsStr| !name.as_encoded_bytes().starts_with(b".");
    let mut files = Vec::new();
    for entry in walk
        .into_iter()
        .filter_entry(|entry| is_shown(entry.file_name()))
    {
        let entry = entry.map_err(|error| ImportError::Io {
            path: error.path().unwrap_or(dir).to_owned(),
            source: error.into(),
        })?;
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(dir).unwrap_or(entry.path());
            files.push(path.to_string_lossy().into_owned());
        }
    }
    Ok(files)
}

/// A file's text, without a byte order mark.
pub fn text(dir: &Path, file: &str) -> Result<String, ImportError> {
    let path = dir.join(file);
    let bytes = std::fs::read(&path).map_err(|source| ImportError::Io { path, source })?;
    let text = String::from_utf8(bytes).map_err(|_| ImportError::Encoding {
        file: file.to_owned(),
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}

/// A file as a script.
pub fn script(dir: &Path, file: &str) -> Result<Script, ImportError> {
    Ok(Script::whole(file, text(dir, file)?))
}

/// A file's text; `None` if there is no such file.
pub fn optional(dir: &Path, file: &str) -> Result<Option<String>, ImportError> {
    match dir.join(file).is_file() {
        true => text(dir, file).map(Some),
        false => Ok(None),
    }
}

/// The last component of a path.
pub fn name(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

/// The digits at the beginning of a name, and the rest without its separator.
pub fn numbered(name: &str) -> Option<(&str, &str)> {
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = name.split_at(digits);
    (digits > 0).then(|| (number, rest.trim_start_matches(['_', '-'])))
}

/// Order of numbers of any length.
pub fn order(number: &str) -> (usize, &str) {
    let number = number.trim_start_matches('0');
    (number.len(), number)
}
