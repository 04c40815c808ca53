//! Classification of files by name, shared by all of pgseal: audits read exactly the files that an
//! archive's log must contain.

use std::path::Path;

/// Suffix of the names of rehearsal receipts.
pub const REHEARSAL: &str = ".rehearsal.json";

/// Suffix of the names of rollout receipts.
pub const ROLLOUT: &str = ".rollout.json";

/// Suffix of the names of signed answers.
pub const EVIDENCE: &str = ".evidence.json";

/// Type of a file, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// `*.pgseal`
    Bundle,
    /// `*.approval`: approvals in a separate file next to a bundle.
    Approval,
    /// `*.receipt.json`
    Receipt,
    /// `*.rehearsal.json`
    Rehearsal,
    /// `*.rollout.json`
    Rollout,
    /// `*.evidence.json`: the signed answer of a command that only reads.
    Evidence,
    /// `trust.json`, `trust.2.json`, `acme.trust.json`, and the earlier versions in
    /// `trust.json.sigs/`.
    TrustRoot,
    /// `*.sig`, `*.tsr`: a signature or timestamp, without meaning apart from its signed sibling
    /// file.
    Signature,
    /// `*.journal`
    Journal,
    /// `*.tar`
    Tar,
}

impl Named {
    /// Classifies by the end of the name, which need not be UTF-8; `None` for other files.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.as_encoded_bytes();
        let ends = [
            (".pgseal", Self::Bundle),
            (".approval", Self::Approval),
            (".receipt.json", Self::Receipt),
            (REHEARSAL, Self::Rehearsal),
            (ROLLOUT, Self::Rollout),
            (EVIDENCE, Self::Evidence),
            (".sig", Self::Signature),
            (".tsr", Self::Signature),
            (".journal", Self::Journal),
            (".tar", Self::Tar),
        ];
        let by_end = ends
            .into_iter()
            .find_map(|(end, named)| name.ends_with(end.as_bytes()).then_some(named));
        by_end.or_else(|| is_trust_root(path, name).then_some(Self::TrustRoot))
    }
}

/// True for an earlier version of a trust root as `trust install` keeps it: among the signatures.
pub fn is_kept_version(path: &Path) -> bool {
    let stem = path
        .file_name()
        .and_then(|name| name.as_encoded_bytes().strip_suffix(b".json"));
    let is_number =
        stem.is_some_and(|stem| !stem.is_empty() && stem.iter().all(u8::is_ascii_digit));
    is_number
        && path
            .parent()
            .and_then(Path::extension)
            .is_some_and(|extension| extension == "sigs")
}

fn is_trust_root(path: &Path, name: &[u8]) -> bool {
    let Some(stem) = name.strip_suffix(b".json") else {
        return false;
    };
    stem == b"trust"
        || [&b"trust."[..], b"trust-", b"trust_"]
            .iter()
            .any(|start| stem.starts_with(start))
        || [&b".trust"[..], b"-trust", b"_trust"]
            .iter()
            .any(|end| stem.ends_with(end))
        || is_kept_version(path)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn by_name() {
        for (name, named) in [
            ("a/one-roof-1.0.0.pgseal", Some(Named::Bundle)),
            (".pgseal", Some(Named::Bundle)),
            ("x.approval", Some(Named::Approval)),
            ("x.receipt.json", Some(Named::Receipt)),
            ("x.receipt.sig", Some(Named::Signature)),
            ("x.receipt.tsr", Some(Named::Signature)),
            ("x.journal", Some(Named::Journal)),
            ("x.rehearsal.json", Some(Named::Rehearsal)),
            ("x.evidence.json", Some(Named::Evidence)),
            ("x.rollout.json", Some(Named::Rollout)),
            ("x.rollout.jsonl", None),
            ("x.after.fingerprint.json", None),
            ("2026.tar", Some(Named::Tar)),
            ("trust.json", Some(Named::TrustRoot)),
            ("trust.2.json", Some(Named::TrustRoot)),
            ("trust-2.json", Some(Named::TrustRoot)),
            ("acme.trust.json", Some(Named::TrustRoot)),
            ("trust.json.sigs/3.json", Some(Named::TrustRoot)),
            ("3.json", None),
            ("trust.json.sigs/a.json", None),
            ("package.json", None),
            ("a.pgseal.tlog-proof", None),
            ("README", None),
        ] {
            assert_eq!(Named::of(Path::new(name)), named, "{name}");
        }
        assert_eq!(
            Named::of(Path::new(OsStr::from_bytes(b"\xff.pgseal"))),
            Some(Named::Bundle)
        );
    }
}
