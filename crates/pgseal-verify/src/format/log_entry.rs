//! The document of an entry in an archive's log: one file and its type.

use std::borrow::Borrow;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::file_name::Named;
use super::version::Format1;
use crate::digest::{Digest, string_conversions};

/// Content of one leaf of the log; its canonical bytes are the leaf.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogEntry {
    /// Format of the document.
    pub format: Format1,
    /// Type of the file.
    pub kind: LogKind,
    /// Path of the file in the archive.
    pub path: ArchivePath,
    /// The release that the file belongs to; absent for a trust root and for the signed answer of
    /// `fingerprint`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub release_id: Option<Digest>,
    /// The digest of the whole file.
    pub sha256: Digest,
    /// Length of the file in bytes.
    pub size: u64,
}

/// Type of a file in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    /// A bundle.
    Release,
    /// Approvals in a separate file next to a bundle.
    Approval,
    /// The receipt of a run or rollback.
    Receipt,
    /// The receipt of a rehearsal.
    Rehearsal,
    /// The receipt of a rollout.
    Rollout,
    /// The signed answer of a command that only reads.
    Evidence,
    /// A version of the trust root.
    Trust,
    /// A signature or timestamp of a receipt or a trust root in a sibling file; the signed file
    /// proves nothing without it.
    Signature,
    /// The journal of a receipt's run.
    Journal,
}

impl LogKind {
    /// Spelling in the entry.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Approval => "approval",
            Self::Receipt => "receipt",
            Self::Rehearsal => "rehearsal",
            Self::Rollout => "rollout",
            Self::Evidence => "evidence",
            Self::Trust => "trust",
            Self::Signature => "signature",
            Self::Journal => "journal",
        }
    }

    /// The type for a file's name; `None` for files that no archive accepts.
    pub fn of(path: &Path) -> Option<Self> {
        match Named::of(path)? {
            Named::Bundle => Some(Self::Release),
            Named::Approval => Some(Self::Approval),
            Named::Receipt => Some(Self::Receipt),
            Named::Rehearsal => Some(Self::Rehearsal),
            Named::Rollout => Some(Self::Rollout),
            Named::Evidence => Some(Self::Evidence),
            Named::TrustRoot => Some(Self::Trust),
            Named::Signature => Some(Self::Signature),
            Named::Journal => Some(Self::Journal),
            Named::Tar => None,
        }
    }
}

/// A path below an archive's directory: segments joined by `/`, without `.`, `..`, empty segments
/// and control characters, at most 1,024 bytes; not a path of the log itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArchivePath(String);

/// Reason why a text is not a path in an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum ArchivePathError {
    /// Outside the grammar.
    #[error(
        "{0:?} is no path in an archive: a plain relative path of at most 1024 bytes, with / between its parts"
    )]
    Grammar(String),
    /// A path reserved for the log itself.
    #[error("{0:?} is a path of the log itself")]
    Reserved(String),
}

impl ArchivePath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ArchivePath {
    type Err = ArchivePathError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let wrong = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
        if path.len() > 1024 || path.contains(char::is_control) || path.split('/').any(wrong) {
            return Err(ArchivePathError::Grammar(path.chars().take(80).collect()));
        }
        let first = path
            .split('/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        match first.as_str() {
            "checkpoint" | "tile" => Err(ArchivePathError::Reserved(path.to_owned())),
            _ => Ok(Self(path.to_owned())),
        }
    }
}

string_conversions!(ArchivePath);

impl Borrow<str> for ArchivePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ArchivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ArchivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::json;

    #[test]
    fn paths_stay_below_the_archive_and_out_of_the_log() {
        for path in [
            "a.pgseal",
            "2026/06/a b.pgseal",
            "tiles/x",
            "sub/checkpoint",
            "\u{e4}",
        ] {
            assert!(path.parse::<ArchivePath>().is_ok(), "{path:?}");
        }
        let long = "a".repeat(1025);
        for path in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/./b",
            "a\nb",
            "checkpoint",
            "tile/0/000",
            "TILE/x",
            &long,
        ] {
            assert!(path.parse::<ArchivePath>().is_err(), "{path:?}");
        }
    }

    #[test]
    fn an_entry_has_one_spelling() {
        let entry = LogEntry {
            format: Format1,
            kind: LogKind::Release,
            path: "a.pgseal".parse().expect("a path"),
            release_id: Some(Digest::of(b"id")),
            sha256: Digest::of(b"abc"),
            size: 3,
        };
        let bytes = json::to_canonical(&entry).expect("plain");
        assert!(
            bytes.starts_with(b"{\"format\":1,\"kind\":\"release\",\"path\":\"a.pgseal\","),
            "{bytes:?}"
        );
        assert_eq!(
            json::from_canonical::<LogEntry>(&bytes).expect("its own bytes"),
            entry
        );
        assert!(json::from_canonical::<LogEntry>(&[&bytes[..], b"\n"].concat()).is_err());
    }
}
