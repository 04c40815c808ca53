//! Errors of files that are malformed, not authentic or rejected by the trust root, with hints.

use super::super::{Exit, Kind, display_path};
use super::CliError;
use crate::bundle::add::AddError;
use crate::bundle::attach::AttachError;
use crate::bundle::untrusted::MalformedError;
use crate::bundle::{AuthenticateError, contents::ContentError};
use crate::record::memory::MemoryError;
use crate::record::receipt::ReceiptError;
use crate::trust::attestations::AttestationError;
use crate::trust::evidence::TokenError;
use crate::trust::policy::PolicyError;
use crate::trust::root::SignatureError;
use crate::trust::secret_key::SecretKeyError;
use crate::trust::store::{self, StoreError};
use crate::trust::timestamp::TimestampError;

/// Hint for a host clock that must be wrong.
pub const CLOCK_HINT: &str = "set this host's clock: keys and expiry are judged by it, and no flag makes it right; nothing was changed";

/// Hint for a key that the trust root does not know.
const UNKNOWN_KEY: &str =
    "is this the right trust root (--trust)? `pgseal trust show` lists the keys it knows";

impl From<MalformedError> for CliError {
    fn from(error: MalformedError) -> Self {
        use pgseal_verify::archive::read::ArchiveError;
        let (kind, hint) = match &error {
            MalformedError::Archive(ArchiveError::Io(io))
                if io.kind() != std::io::ErrorKind::UnexpectedEof =>
            {
                (Kind::Io, "")
            }
            MalformedError::Archive(ArchiveError::NotABundle { .. }) => (
                Kind::NotABundle,
                "a bundle is what `pgseal pack DIR -o FILE` writes",
            ),
            MalformedError::Archive(_) => (
                Kind::BundleDamaged,
                "the file was damaged or changed on its way: compare it with the release manager's copy",
            ),
            MalformedError::NoStatement => (
                Kind::NoStatement,
                "an approval file travels beside its bundle: `pgseal verify BUNDLE --approval FILE`, or `pgseal audit FILE`",
            ),
            _ => (Kind::Malformed, ""),
        };
        Self::new(kind, error).hint(hint)
    }
}

impl From<AuthenticateError> for CliError {
    fn from(error: AuthenticateError) -> Self {
        let (kind, hint) = match &error {
            AuthenticateError::Unsigned => (
                Kind::Unsigned,
                "the release manager signs it by `pgseal sign FILE --key KEY`",
            ),
            AuthenticateError::Signature(signature) => {
                let kind = signature_kind(signature);
                let hint = match kind {
                    Kind::UnknownKey => UNKNOWN_KEY,
                    Kind::SignatureInvalid => {
                        "the bundle was changed after it was signed: don't use it"
                    }
                    Kind::KeyRevoked => {
                        "whoever has the revoked key may have made this: don't use it, unless a release manager knows its \
                         release id from before and signs it by another key"
                    }
                    _ => "another release key has to sign: `pgseal sign FILE --key KEY`",
                };
                (kind, hint)
            }
            AuthenticateError::Files(_) => (
                Kind::ContentChanged,
                "the bundle was changed after it was signed: don't use it; ask the release manager for a fresh copy",
            ),
            AuthenticateError::Added(added) => (
                Kind::AttestationInvalid,
                match added {
                    AttestationError::Signature(SignatureError::UnknownKey(_)) => UNKNOWN_KEY,
                    AttestationError::OtherRelease { .. } | AttestationError::OtherTarget(_) => {
                        "an approval is for one exact release: ask the approver to approve this one"
                    }
                    _ => {
                        "the additions were changed: take the release manager's copy, and gather the approvals again"
                    }
                },
            ),
            AuthenticateError::Token(token) => (
                Kind::TimestampInvalid,
                match token {
                    TokenError::NoAuthority(_)
                    | TokenError::Token {
                        source: TimestampError::OtherAuthority { .. },
                        ..
                    } => {
                        "`pgseal trust add-authority FILE --certificate TSA.pem` makes an authority's time stamps count"
                    }
                    _ => "the time stamp proves nothing: ask the authority for another one",
                },
            ),
            AuthenticateError::Statement(_) => (Kind::Malformed, ""),
            AuthenticateError::NewerProgram { .. } => {
                (Kind::NewerProgram, "install a newer pgseal")
            }
        };
        Self::new(kind, &error).hint(hint)
    }
}

impl From<AttachError> for CliError {
    fn from(error: AttachError) -> Self {
        let (kind, hint) = match error {
            AttachError::Malformed(error) => return error.into(),
            AttachError::Authenticate(error) => return error.into(),
            AttachError::Bundle(error) => return error.into(),
            AttachError::Timestamp(error) => return Self::new(Kind::Malformed, error),
            AttachError::UnknownItem => (
                Kind::Malformed,
                "a signature is its 64 raw bytes: `base64 -d` makes them of text",
            ),
            AttachError::FromTheFuture(_) => (
                Kind::Usage,
                "is this clock right, or the approver's? nothing was added",
            ),
            AttachError::Revoked(_) => (
                Kind::KeyRole,
                "a thief of the key may have made this; nothing was added",
            ),
            AttachError::NotToBeSigned => (
                Kind::Malformed,
                "name the file that `--tbs` wrote; nothing was added",
            ),
            AttachError::NoKey => (Kind::Usage, "--key KEY.pub"),
            AttachError::Signature => (
                Kind::SignatureInvalid,
                "sign exactly the bytes that --tbs wrote, by Ed25519 without prehash, and name them by --tbs",
            ),
            AttachError::NotStamped => (
                Kind::TimestampInvalid,
                "ask for one of signatures/KEYID.sig: openssl ts -query -data KEYID.sig -sha256 -out request.tsq",
            ),
            AttachError::NotAReleaseKey(_) => (Kind::KeyRole, "nothing was added"),
            AttachError::Superseded(_) | AttachError::Stamped(_) => {
                (Kind::AlreadyAttached, "nothing was added")
            }
        };
        Self::new(kind, error).hint(hint)
    }
}

/// Error kind for a signature that does not count.
pub fn signature_kind(error: &SignatureError) -> Kind {
    match error {
        SignatureError::UnknownKey(_) => Kind::UnknownKey,
        SignatureError::Invalid(_) => Kind::SignatureInvalid,
        SignatureError::Threshold { why, .. } if why.iter().any(|(_, _, why)| why.is_revoked()) => {
            Kind::KeyRevoked
        }
        SignatureError::Threshold { .. } => Kind::SignaturesMissing,
    }
}

impl From<PolicyError> for CliError {
    fn from(error: PolicyError) -> Self {
        let (kind, hint) = match &error {
            PolicyError::Expired { .. } => (
                Kind::TrustExpired,
                "install a newer trust root; what was true earlier is shown by `pgseal verify FILE --as-of TIME`",
            ),
            PolicyError::Blocked(_) => (
                Kind::ReleaseBlocked,
                "the owners of the root keys have blocked it: ask them why",
            ),
            PolicyError::Sequence { .. } => (
                Kind::SequenceTooLow,
                "an old release is not run again: ask for the newest one",
            ),
            PolicyError::Source { .. } => (
                Kind::SourceNotAllowed,
                "nothing was changed; `pgseal pack DIR -o FILE --source-from-ci` states the source, `pgseal trust show` has the repositories",
            ),
            PolicyError::ClockBehind { .. } => (Kind::ClockBehind, CLOCK_HINT),
            PolicyError::OutsideWindow { .. } => (
                Kind::OutsideWindow,
                "`pgseal run FILE --wait` begins at that moment; a rollback may begin at any time; `pgseal trust show` has the windows",
            ),
            PolicyError::Used(_) => (
                Kind::ApprovalsUsed,
                "nothing was changed; if it is to run again, each of them approves it anew by `pgseal approve FILE --key KEY`, for more than one run by --runs N",
            ),
            PolicyError::Approvals(tallies) => {
                match tallies.iter().flat_map(|tally| &tally.other_codes).next() {
                    Some(code) => {
                        return Self::new(Kind::AprMismatch, &error).hint(format!(
                        "what was approved is {code}: order the run with -v ratified_apr={code}, or ask for approvals of this proposal"
                    ));
                    }
                    None => (
                        Kind::ApprovalsMissing,
                        "each missing approver reads the runbook and signs by `pgseal approve FILE --key KEY --role ROLE --apr CODE`; \
                     what came beside the bundle is named by --approval FILE",
                    ),
                }
            }
        };
        Self::new(kind, &error).hint(hint)
    }
}

impl From<ContentError> for CliError {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::NotFound(_) => Self::new(Kind::NoFile, &error)
                .hint("`pgseal inspect FILE` lists the files of a release"),
            ContentError::Io { .. } => Self::new(Kind::Io, &error),
            _ => Self::new(Kind::ContentChanged, &error),
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        if let StoreError::Trust { path, .. } = &error
            && path.is_file()
            && !store::signed_in(path).exists()
        {
            let missing = display_path(store::signed_in(path));
            return Self::new(Kind::TrustInvalid, error).hint(format!(
                "there is no directory {missing}: it belongs to the file, copy both"
            ));
        }
        let (kind, hint) = match &error {
            StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                return Self::new(Kind::NoTrustRoot, format!("no trust root: {error}")).hint(
                    "name it by --trust FILE or PGSEAL_TRUST; `pgseal trust init` makes one",
                );
            }
            StoreError::Io { .. } => (Kind::Io, ""),
            StoreError::Trust { .. } => (Kind::TrustInvalid, ""),
            StoreError::Signature { .. } => (
                Kind::TrustInvalid,
                "take a fresh copy of the trust root with all of its .sigs directory",
            ),
            StoreError::NoDocuments(_) => {
                (Kind::NoTrustRoot, "name the trust documents themselves")
            }
            StoreError::Exists(_) => (
                Kind::FileExists,
                "nothing was written; move it away, or name another draft by -o DRAFT",
            ),
        };
        Self::new(kind, error).hint(hint)
    }
}

impl From<SecretKeyError> for CliError {
    fn from(error: SecretKeyError) -> Self {
        let (kind, hint) = match &error {
            SecretKeyError::Readable { path, .. } => {
                return Self::new(Kind::KeyUnusable, &error).hint(format!(
                    "chmod 600 {}; if others may have read it, make a new key",
                    display_path(path)
                ));
            }
            SecretKeyError::NotEd25519 { .. } => (
                Kind::KeyUnusable,
                "`pgseal keygen NAME` makes an Ed25519 key",
            ),
            SecretKeyError::Io { .. } | SecretKeyError::Passphrase { .. } => {
                (Kind::KeyUnusable, "")
            }
            SecretKeyError::NoPassphrase { .. } => (
                Kind::KeyUnusable,
                "run it on a terminal, or give --passphrase-fd N: a line for each encrypted key",
            ),
            SecretKeyError::Random(_) => (Kind::Internal, ""),
        };
        Self::new(kind, &error).hint(hint)
    }
}

impl From<AddError> for CliError {
    fn from(error: AddError) -> Self {
        let kind = match &error {
            AddError::Statement(_) => Kind::Malformed,
            AddError::Subjects(_) => Kind::ContentChanged,
            AddError::AlreadySigned(_)
            | AddError::TooManySignatures
            | AddError::TooManyStatements
            | AddError::TooLarge(_) => Kind::AlreadyAttached,
            AddError::Io(_) => Kind::Io,
        };
        Self::new(kind, error)
    }
}

impl From<MemoryError> for CliError {
    fn from(error: MemoryError) -> Self {
        match &error {
            MemoryError::ClockBehind { .. } => Self::new(Kind::ClockBehind, error)
                .hint(CLOCK_HINT)
                .also_hint("if the time of that file is wrong, move it out of --receipts, and keep it"),
            MemoryError::Damaged(_) => Self::new(Kind::JournalDamaged, error).hint(
                "find out who changed it, then move it away; `pgseal status` says what the ledger knows of its run",
            ),
            MemoryError::Io { .. } => Self::new(Kind::Io, error),
        }
    }
}

/// Exit code of an error in a receipt.
pub fn receipt_exit(error: &ReceiptError) -> Exit {
    match error {
        ReceiptError::Io(error) if error.kind() != std::io::ErrorKind::InvalidInput => {
            Exit::Internal
        }
        ReceiptError::Io(_) | ReceiptError::Document(_) => Exit::Malformed,
        ReceiptError::Stripped { .. }
        | ReceiptError::Subject
        | ReceiptError::SignatureLength(_)
        | ReceiptError::Signature(_)
        | ReceiptError::Token(_) => Exit::NotAuthentic,
    }
}
