//! The order of a bundle's members (FORMAT.md 2.4).

use crate::digest::Digest;
use crate::entry_path::EntryPath;

/// What a member is, by its name. The order of the variants is the order of the file; within a section, names ascend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// `pgseal`
    Magic,
    /// `statement.json`
    Statement,
    /// `signatures/KEYID.sig`
    Signature(Digest),
    /// `approvals/...`: reserved for approvals that are added after signing.
    Approval(EntryPath),
    /// A file of the release.
    File(EntryPath),
}

impl Section {
    /// The section of a name; `None` for a reserved name that has no meaning.
    pub fn of(path: &EntryPath) -> Option<Self> {
        match path.as_str().split_once('/') {
            None if path.as_str() == "pgseal" => Some(Self::Magic),
            None if path.as_str() == "statement.json" => Some(Self::Statement),
            Some(("signatures", name)) => Some(Self::Signature(name.strip_suffix(".sig")?.parse().ok()?)),
            Some(("approvals", _)) => Some(Self::Approval(path.clone())),
            _ if path.is_reserved() => None,
            _ => Some(Self::File(path.clone())),
        }
    }

    /// The member's name of a signature.
    pub fn signature_path(key_id: Digest) -> EntryPath {
        format!("signatures/{key_id}.sig").parse().expect("11 + 64 + 4 bytes of the grammar")
    }
}
