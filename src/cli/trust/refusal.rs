//! Errors of drafts and rotation, with hints.

use super::super::error::authentic::signature_kind;
use super::super::{CliError, Kind, display_path};
use crate::trust::draft::DraftError;
use crate::trust::policy;
use crate::trust::root::{SignatureError, TrustError};
use crate::trust::rotation::RotationError;
use crate::trust::store::StoreError;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::TrustDocument;

impl From<DraftError> for CliError {
    fn from(error: DraftError) -> Self {
        let this = Self::new(Kind::DraftRefused, &error);
        match &error {
            DraftError::NoAuthority { .. } => this.hint("name it by its owner or id; nothing was written"),
            DraftError::NoKey(_) => {
                this.hint("`pgseal trust show FILE` lists the keys: name one by its file, id or owner")
            }
            DraftError::ManyKeys { .. } => this.hint("name it by its id"),
            DraftError::KnownKey { .. } => this.hint("a key has one role for ever; make a new one by `pgseal keygen`"),
            DraftError::Longer { .. } => this.hint("name an earlier --not-after"),
            DraftError::Clock { .. } => this.hint("set this host's clock; nothing was written"),
            DraftError::Rule(TrustError::Threshold { .. }) => {
                this.hint("add a key first (`revoke --new NEW.pub` does both at once), or lower the threshold; nothing was written")
            }
            DraftError::Rule(TrustError::Policy { .. }) => {
                this.hint("lower what is required by `pgseal trust set-policy FILE --require ROLE=N`; nothing was written")
            }
            DraftError::NoRole(_) => this.hint("a role begins with its first key: `pgseal trust add-key`"),
            _ => this.hint("nothing was written"),
        }
    }
}

impl From<SignatureError> for CliError {
    fn from(error: SignatureError) -> Self {
        Self::new(signature_kind(&error), error)
    }
}

impl From<RotationError> for CliError {
    fn from(error: RotationError) -> Self {
        let too_few = |source: &SignatureError| matches!(source, SignatureError::Threshold { .. });
        let hint = match &error {
            RotationError::Role { .. } => {
                "a key has one role for ever: its owners draft it again, with a new key"
            }
            RotationError::Nothing => "name a trust document, or a directory with some",
            RotationError::Installed { .. } => {
                "there is nothing to do; `pgseal trust show` shows it"
            }
            RotationError::Rollback { .. } => {
                "a trust root never goes back: ask its owners for a version after the installed one"
            }
            RotationError::Fork { .. } | RotationError::Previous { .. } => {
                "don't install either: ask the owners of the root keys which one is theirs, and how the other was made"
            }
            RotationError::Skip { .. } => {
                "bring every version in between too, with its .sigs directory"
            }
            RotationError::Issued { .. } => {
                "its owners draft it again on a host whose clock is right"
            }
            RotationError::Stranger { .. } => {
                "take that file out of the .sigs directory if its owner is known to you; else ask for a fresh copy"
            }
            RotationError::Agreement { source, .. } | RotationError::Own { source, .. }
                if too_few(source) =>
            {
                "more root keys must sign: `pgseal trust sign DRAFT --key ROOT.key`; bring its .sigs directory whole"
            }
            RotationError::Agreement { .. } | RotationError::Own { .. } => {
                "the document or a signature was changed on its way: ask for a fresh copy"
            }
        };
        let kind = match &error {
            RotationError::Installed { .. } => Kind::TrustInstalled,
            RotationError::Rollback { .. } => Kind::TrustRollback,
            RotationError::Fork { .. } | RotationError::Previous { .. } => Kind::TrustFork,
            RotationError::Skip { .. } => Kind::TrustGap,
            RotationError::Agreement { source, .. } | RotationError::Own { source, .. } => {
                signature_kind(source)
            }
            RotationError::Role { .. }
            | RotationError::Nothing
            | RotationError::Issued { .. }
            | RotationError::Stranger { .. } => Kind::TrustRefused,
        };
        Self::new(kind, &error).hint(format!("{hint}; nothing was changed"))
    }
}

/// Converts an error about the base of a draft. A base that lacks signatures is itself a draft.
pub fn base(error: StoreError) -> CliError {
    match &error {
        StoreError::Trust {
            path,
            source:
                TrustError::Signature(SignatureError::Threshold {
                    counted, threshold, ..
                }),
        } => {
            let text = format!(
                "{} is a draft that lacks root signatures ({counted} of {threshold})",
                display_path(path)
            );
            CliError::new(Kind::DraftUnsigned, text).hint(
                "one command makes one version: collect its signatures first, then draft the next",
            )
        }
        _ => error.into(),
    }
}

/// Converts an error about the new draft. An existing file with the default name is usually the
/// same person's previous draft.
pub fn draft_exists(error: StoreError, command: &str, by_default: bool) -> CliError {
    match &error {
        StoreError::Exists(path) if by_default && path.is_file() => {
            CliError::new(Kind::FileExists, &error).hint(format!(
                "draft from it instead (pgseal trust {command} {} ...) when it is signed and installed, or name \
             another file by -o; nothing was written",
                display_path(path)
            ))
        }
        _ => error.into(),
    }
}

/// Converts an error about replacing a trust root.
pub fn unwritten(error: StoreError) -> CliError {
    match &error {
        StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            CliError::new(Kind::Io, &error)
                .hint("run it as the owner of the trust root; nothing was changed")
        }
        _ => error.into(),
    }
}

/// Converts an error about a version that is signed and installed at once. Missing signatures are a
/// mistake of the caller.
pub fn at_once(error: RotationError) -> CliError {
    CliError::new(Kind::DraftUnsigned, error)
        .hint("nothing was written; use -o DRAFT, then `pgseal trust sign DRAFT --key ROOT.key` by each root key")
}

/// Rejects a version issued in the future. It would lock out every host with a correct clock, and
/// no host could draft the next version.
pub fn from_the_future(document: &TrustDocument, now: Timestamp) -> Result<(), CliError> {
    match document.issued {
        Some(issued) if policy::is_behind(now, issued) => {
            let text = format!(
                "version {} was issued on {issued}, and this host's clock says {now}",
                document.version
            );
            Err(CliError::new(Kind::TrustRefused, text).hint(
                "is this clock right? Otherwise its owners draft it again where the clock is; nothing was changed",
            ))
        }
        _ => Ok(()),
    }
}
