//! What a file is, by its name.

use std::path::Path;

use serde::Serialize;

use pgseal_verify::format::file_name::Named;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `*.pgseal`; also everything that is named by itself and is none of the others.
    Bundle,
    /// `*.approval`: approvals that travel beside a bundle.
    Approval,
    /// `*.receipt.json`
    Receipt,
    /// `*.rehearsal.json`
    Rehearsal,
    /// `trust.json`, `trust.2.json`, `acme.trust.json`, and the earlier versions in `trust.json.sigs/`.
    TrustRoot,
    /// `*.tar`: what is in it is audited; found itself only where it can't be read.
    Tar,
    /// Found only where it can't be listed.
    Directory,
    /// The log of an archive, or a file of it that doesn't hold.
    Log,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Bundle,
        Self::Approval,
        Self::Receipt,
        Self::Rehearsal,
        Self::TrustRoot,
        Self::Tar,
        Self::Directory,
        Self::Log,
    ];

    /// By the end of its name; `None` for what is nobody's business, or no file of its own.
    pub fn of(path: &Path) -> Option<Self> {
        match Named::of(path)? {
            Named::Bundle => Some(Self::Bundle),
            Named::Approval => Some(Self::Approval),
            Named::Receipt => Some(Self::Receipt),
            Named::Rehearsal => Some(Self::Rehearsal),
            Named::TrustRoot => Some(Self::TrustRoot),
            Named::Tar => Some(Self::Tar),
            Named::Signature | Named::Journal => None,
        }
    }

    /// What holds files, and is found itself only where something is wrong with it.
    pub fn is_place(self) -> bool {
        matches!(self, Self::Tar | Self::Directory)
    }

    /// As JSON writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Approval => "approval",
            Self::Receipt => "receipt",
            Self::Rehearsal => "rehearsal",
            Self::TrustRoot => "trust-root",
            Self::Tar => "tar",
            Self::Directory => "directory",
            Self::Log => "log",
        }
    }

    /// As people say it.
    pub fn words(self) -> &'static str {
        match self {
            Self::TrustRoot => "trust root",
            other => other.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name() {
        for (name, kind) in [
            ("a/one-roof-1.0.0.pgseal", Some(Kind::Bundle)),
            ("x.rehearsal.json", Some(Kind::Rehearsal)),
            ("2026.tar", Some(Kind::Tar)),
            ("trust-2.json", Some(Kind::TrustRoot)),
            ("x.receipt.sig", None),
            ("x.journal", None),
            ("README", None),
        ] {
            assert_eq!(Kind::of(Path::new(name)), kind, "{name}");
        }
        let said = Kind::ALL.map(|kind| serde_json::to_value(kind).map(|value| value == kind.as_str()).ok());
        assert_eq!(said, [Some(true); 8]);
    }
}
