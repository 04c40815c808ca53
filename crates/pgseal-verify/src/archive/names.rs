//! Detects names that cannot be unpacked together on every file system (FORMAT.md 2.4).

use std::collections::{HashMap, HashSet};

/// The names so far, as a case-insensitive file system would see them.
#[derive(Default)]
pub struct Names {
    files: HashSet<String>,
    /// Directories: folded name, and first spelling.
    directories: HashMap<String, String>,
}

impl Names {
    /// Adds a name. False if it cannot be unpacked together with the others: a file has the name of
    /// a directory, or two names differ only in case.
    pub fn add(&mut self, path: &str) -> bool {
        for (slash, _) in path.match_indices('/') {
            let folded = path[..slash].to_ascii_lowercase();
            let first = self
                .directories
                .entry(folded.clone())
                .or_insert_with(|| path[..slash].to_owned());
            if first != &path[..slash] || self.files.contains(&folded) {
                return false;
            }
        }
        let folded = path.to_ascii_lowercase();
        !self.directories.contains_key(&folded) && self.files.insert(folded)
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn what_can_not_be_unpacked_together() {
        for (first, second) in [
            ("a", "A"),
            ("a", "a/b"),
            ("a/b", "a"),
            ("A/x", "a/y"),
            ("a/b/c", "a/B/d"),
        ] {
            let mut names = Names::default();
            assert!(names.add(first) && !names.add(second), "{first} {second}");
        }
        let mut names = Names::default();
        assert!(
            ["a/b", "a/c", "ab", "a-b/c"]
                .into_iter()
                .all(|name| names.add(name))
        );
    }
}
