//! How paths are spelled. One directory may be named in several ways, and a file that an earlier audit knew by one of them is
//! the same file by another.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::earlier::is_below;
use crate::audit::finding::told;

/// A path without what says nothing: `./archive/` is `archive`. `..` stays: behind a link it leads elsewhere.
pub fn plain(path: &Path) -> PathBuf {
    let plain: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    // No path at all is not the directory where we are.
    if plain.as_os_str().is_empty() && !path.as_os_str().is_empty() { PathBuf::from(".") } else { plain }
}

/// Whether it is a URL, which names the same wherever it is read.
pub fn is_url(path: &str) -> bool {
    path.split_once("://").is_some_and(|(scheme, _)| !scheme.contains('/'))
}

/// How this audit spells the paths that it is given.
pub struct Spelling {
    here: String,
    /// Each place in full, by its name and without links, and as findings have it.
    places: Vec<(String, String)>,
    /// Directories without links, by their names in full.
    real: RefCell<BTreeMap<PathBuf, String>>,
}

impl Spelling {
    /// Of the paths that are audited, as they are read from `here`.
    pub fn new(paths: &[PathBuf], here: &Path) -> Self {
        let mut spelling = Self { here: told(here), places: Vec::new(), real: RefCell::default() };
        let named = paths.iter().map(|path| (spelling.in_full(&told(path)), told(path)));
        let real = paths.iter().filter_map(|path| Some((told(&path.canonicalize().ok()?), told(path))));
        spelling.places = named.chain(real).collect();
        spelling
    }

    /// A path as an earlier audit had it, as this one has it where it lists it.
    pub fn own(&self, path: String) -> String {
        if self.places.iter().any(|(_, place)| is_below(&path, place)) {
            return path;
        }
        let full = self.in_full(&path);
        let own = |full: &str| {
            let (place, own) = self.places.iter().find(|(place, _)| is_below(full, place))?;
            Some(format!("{}{}", own.trim_end_matches('/'), &full[place.len()..]))
        };
        own(&full).or_else(|| own(&self.without_links(&full)?)).unwrap_or(path)
    }

    fn in_full(&self, path: &str) -> String {
        if is_url(path) {
            return path.to_owned();
        }
        let from = if path.starts_with('/') { "" } else { &self.here };
        let parts = from.split('/').chain(path.split('/')).filter(|part| !part.is_empty() && *part != ".");
        parts.map(|part| format!("/{part}")).collect()
    }

    /// Through the last directory on the way that is there still. A file that is a link has its own name, as findings have it.
    fn without_links(&self, full: &str) -> Option<String> {
        if is_url(full) {
            return None;
        }
        let dir = Path::new(full).ancestors().skip(1).find(|dir| dir.is_dir())?;
        let mut known = self.real.borrow_mut();
        let real = match known.get(dir) {
            Some(real) => real,
            None => known.entry(dir.to_owned()).or_insert(told(&dir.canonicalize().ok()?)),
        };
        let rest = Path::new(full).strip_prefix(dir).ok()?.to_str()?;
        Some(format!("{}/{rest}", real.trim_end_matches('/')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_goes() {
        for (path, is) in [
            ("archive", "archive"),
            ("./archive//a/./b/", "archive/a/b"),
            ("/srv/", "/srv"),
            (".", "."),
            ("./", "."),
            ("/", "/"),
            ("../a", "../a"),
            ("", ""),
        ] {
            assert_eq!(plain(Path::new(path)), PathBuf::from(is), "{path}");
        }
    }

    #[test]
    fn one_file_by_several_names() {
        let of = |place: &str| Spelling::new(&[PathBuf::from(place)], Path::new("/srv"));
        for (place, path, own) in [
            ("archive", "./archive//a.pgseal", "archive/a.pgseal"),
            ("archive", "/srv/archive/a.tar/b.pgseal", "archive/a.tar/b.pgseal"),
            ("/srv/archive", "archive/a.pgseal", "/srv/archive/a.pgseal"),
            (".", "archive/a.pgseal", "./archive/a.pgseal"),
            ("/", "a.pgseal", "/srv/a.pgseal"),
            ("archive", "archive-old/a.pgseal", "archive-old/a.pgseal"),
            ("archive", "/archive/a.pgseal", "/archive/a.pgseal"),
            ("archive", "s3://archive/a.pgseal", "s3://archive/a.pgseal"),
            ("s3://archive/a", "s3://archive/a/b.pgseal", "s3://archive/a/b.pgseal"),
        ] {
            assert_eq!(of(place).own(path.to_owned()), own, "{path} in {place}");
        }
    }
}
