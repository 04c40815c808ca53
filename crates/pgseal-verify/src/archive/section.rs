//! The order of a bundle's members (FORMAT.md 2.4).

use crate::digest::Digest;
use crate::entry_path::EntryPath;

/// Type of a member, by its name. The order of the variants is the order of the file; within a
/// section, names ascend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// `pgseal`
    Magic,
    /// `statement.json`
    Statement,
    /// `signatures/KEYID.sig`
    Signature(Digest),
    /// `approvals/KEYID.json` and `approvals/KEYID.sig`: statements about the release, attached
    /// after signing.
    Added(Digest, Part),
    /// `timestamps/KEYID.tsr`: timestamp of the key's signature.
    Timestamp(Digest),
    /// A file of the release.
    File(EntryPath),
}

/// The two members of an attached statement, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The statement.
    Statement,
    /// The signature of the statement.
    Signature,
}

impl Section {
    /// The section of a name; `None` for a reserved name without a meaning.
    pub fn of(path: &EntryPath) -> Option<Self> {
        match path.as_str().split_once('/') {
            None if path.as_str() == "pgseal" => Some(Self::Magic),
            None if path.as_str() == "statement.json" => Some(Self::Statement),
            Some(("signatures", name)) => {
                Some(Self::Signature(name.strip_suffix(".sig")?.parse().ok()?))
            }
            Some(("approvals", name)) => match name.strip_suffix(".json") {
                Some(id) => Some(Self::Added(id.parse().ok()?, Part::Statement)),
                None => Some(Self::Added(
                    name.strip_suffix(".sig")?.parse().ok()?,
                    Part::Signature,
                )),
            },
            Some(("timestamps", name)) => {
                Some(Self::Timestamp(name.strip_suffix(".tsr")?.parse().ok()?))
            }
            _ if path.is_reserved() => None,
            _ => Some(Self::File(path.clone())),
        }
    }

    /// Name of the member.
    pub fn path(&self) -> EntryPath {
        let name = match self {
            Self::Magic => "pgseal".to_owned(),
            Self::Statement => "statement.json".to_owned(),
            Self::Signature(id) => format!("signatures/{id}.sig"),
            Self::Added(id, Part::Statement) => format!("approvals/{id}.json"),
            Self::Added(id, Part::Signature) => format!("approvals/{id}.sig"),
            Self::Timestamp(id) => format!("timestamps/{id}.tsr"),
            Self::File(path) => return path.clone(),
        };
        name.parse()
            .expect("at most 11 + 64 + 5 bytes of the grammar")
    }
}
