//! Kinds of files, by name.

use std::path::Path;

use serde::Serialize;

use pgseal_verify::format::file_name::Named;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `*.pgseal`; also any file named on the command line with no other kind.
    Bundle,
    /// `*.approval`: approvals stored separately from a bundle.
    Approval,
    /// `*.receipt.json`
    Receipt,
    /// `*.rehearsal.json`
    Rehearsal,
    /// `*.rollout.json`
    Rollout,
    /// `*.evidence.json`
    Evidence,
    /// `trust.json`, `trust.2.json`, `acme.trust.json`, and the earlier versions in
    /// `trust.json.sigs/`.
    TrustRoot,
    /// `*.tar`: its members are audited; has a finding of its own only if it can't be read.
    Tar,
    /// A directory, found only if it can't be listed.
    Directory,
    /// The log of an archive, or an invalid file of it.
    Log,
}

impl Kind {
    pub const ALL: [Self; 10] = [
        Self::Bundle,
        Self::Approval,
        Self::Receipt,
        Self::Rehearsal,
        Self::Rollout,
        Self::Evidence,
        Self::TrustRoot,
        Self::Tar,
        Self::Directory,
        Self::Log,
    ];

    /// The kind by the end of the name; `None` for unrelated files, signatures and journals.
    pub fn of(path: &Path) -> Option<Self> {
        match Named::of(path)? {
            Named::Bundle => Some(Self::Bundle),
            Named::Approval => Some(Self::Approval),
            Named::Receipt => Some(Self::Receipt),
            Named::Rehearsal => Some(Self::Rehearsal),
            Named::Rollout => Some(Self::Rollout),
            Named::Evidence => Some(Self::Evidence),
            Named::TrustRoot => Some(Self::TrustRoot),
            Named::Tar => Some(Self::Tar),
            Named::Signature | Named::Journal => None,
        }
    }

    /// Whether it is a container, which has a finding of its own only for its faults.
    pub fn is_place(self) -> bool {
        matches!(self, Self::Tar | Self::Directory)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Approval => "approval",
            Self::Receipt => "receipt",
            Self::Rehearsal => "rehearsal",
            Self::Rollout => "rollout",
            Self::Evidence => "evidence",
            Self::TrustRoot => "trust-root",
            Self::Tar => "tar",
            Self::Directory => "directory",
            Self::Log => "log",
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::TrustRoot => "trust root",
            Self::Evidence => "signed answer",
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
            ("x.rollout.json", Some(Kind::Rollout)),
            ("x.evidence.json", Some(Kind::Evidence)),
            ("2026.tar", Some(Kind::Tar)),
            ("trust-2.json", Some(Kind::TrustRoot)),
            ("x.receipt.sig", None),
            ("x.journal", None),
            ("README", None),
        ] {
            assert_eq!(Kind::of(Path::new(name)), kind, "{name}");
        }
        let said = Kind::ALL.map(|kind| {
            serde_json::to_value(kind)
                .map(|value| value == kind.as_str())
                .ok()
        });
        assert_eq!(said, [Some(true); 10]);
    }
}
