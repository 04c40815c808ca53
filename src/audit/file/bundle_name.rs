//! Compares a bundle's file name, which is not signed, with its release.

use std::path::Path;

use crate::audit::fault::{Fault, FaultKind};
use crate::audit::file_facts::ReleaseFacts;

/// Returns a note if a bundle named `NAME-VERSION.pgseal` is another version of that name. All
/// other names are accepted, including part of the version (`shop-1`), a suffix after it
/// (`shop-1.0.0-copy`), or the sequence.
pub fn differs(path: &Path, release: &ReleaseFacts) -> Option<Fault> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".pgseal")?;
    let said = stem
        .strip_prefix(release.name.as_str())?
        .strip_prefix('-')?;
    let said = said.strip_prefix('v').unwrap_or(said);
    let version = release.version.as_str();
    let version = version.strip_prefix('v').unwrap_or(version);
    let is_version = said.starts_with(|first: char| first.is_ascii_digit());
    let is_same =
        begins(said, version) || begins(version, said) || said == release.sequence.to_string();
    (is_version && !is_same).then(|| {
        let text = format!(
            "by its name it is {} {said}; it is {}",
            release.name,
            release.title()
        );
        Fault::new(FaultKind::NameDiffers, text)
    })
}

/// Whether `text` starts with `with` at a word boundary.
fn begins(text: &str, with: &str) -> bool {
    text.strip_prefix(with)
        .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgseal_verify::digest::Digest;

    #[test]
    fn another_version_is_told_and_any_other_name_is_not() {
        for (file, version, is_told) in [
            ("shop-2.0.0", "1.0.0", true),
            ("shop-v2", "1.0.0", true),
            ("shop-1.0.1", "1.0.0", true),
            ("shop-1.0.0", "1.0.01", true),
            ("shop-10", "1.0.0", true),
            ("shop-1.0.0", "1.0.0", false),
            ("shop-v1.0.0", "1.0.0", false),
            ("shop-1", "1.0.0", false),
            ("shop-1.0.0-copy", "1.0.0", false),
            ("shop-7", "1.0.0", false),
            ("shop-api-2.0.0", "1.0.0", false),
            ("other-2.0.0", "1.0.0", false),
            ("release", "1.0.0", false),
        ] {
            let (name, version) = (
                "shop".parse().expect("a name"),
                version.parse().expect("a version"),
            );
            let release = ReleaseFacts {
                name,
                version,
                sequence: 7,
                id: Digest::of(b""),
            };
            let path = format!("archive/{file}.pgseal");
            assert_eq!(
                differs(Path::new(&path), &release).is_some(),
                is_told,
                "{file} {}",
                release.version
            );
        }
    }
}
