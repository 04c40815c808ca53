//! The one way from a file to what may be believed.

use std::collections::BTreeMap;

use super::subjects::{self, SubjectError, stored_name};
use super::untrusted::UntrustedBundle;
use crate::archive::read::{Archive, Member};
use crate::digest::Digest;
use crate::entry_path::EntryPath;
use crate::format::json::{self, JsonError};
use crate::format::manifest::{File, Manifest};
use crate::format::statement::{PAYLOAD_TYPE, ReleaseId, Statement};
use crate::format::version::PGSEAL;
use crate::trust::root::{SignatureError, name};
use crate::trust::{KeyId, TrustRoot, When};

/// A bundle whose statement is signed by enough keys of the release role, and whose files are exactly the signed ones.
///
/// Only [`UntrustedBundle::authenticate`] makes one:
///
/// ```compile_fail
/// let bundle = pgseal::bundle::AuthenticatedBundle {};
/// ```
pub struct AuthenticatedBundle {
    pub(super) archive: Archive,
    statement: Statement,
    release_id: ReleaseId,
    signers: Vec<Signer>,
    pub(super) files: BTreeMap<EntryPath, Stored>,
}

/// How a file of the release is stored.
pub(super) struct Stored {
    pub(super) member: Member,
    pub(super) stored_sha256: Digest,
    pub(super) file: File,
}

/// A key whose signature counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The key.
    pub key: KeyId,
    /// Whose it is, as the trust root says.
    pub owner: String,
}

/// Why a bundle is not authentic.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// Nobody signed it.
    #[error("the bundle is not signed")]
    Unsigned,
    /// Signed wrongly, or by too few.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The signed statement is not one that this program can read.
    #[error("statement.json is not a statement of a known format: {0}")]
    Statement(JsonError),
    /// The signed statement asks for a newer program.
    #[error("the release needs pgseal {needed} or later, this is {PGSEAL}")]
    NewerProgram {
        /// The oldest program that can read it.
        needed: String,
    },
    /// The files are not the signed ones.
    #[error(transparent)]
    Files(#[from] SubjectError),
}

impl UntrustedBundle {
    /// Checks all signatures, then reads the statement, then hashes every file. `when` is the time by which keys are
    /// judged; the library reads no clock.
    pub fn authenticate(self, root: &TrustRoot, when: When) -> Result<AuthenticatedBundle, AuthenticateError> {
        if self.signatures.is_empty() {
            return Err(AuthenticateError::Unsigned);
        }
        let counted = root.authenticate(&name("release"), PAYLOAD_TYPE, &self.statement, &self.signatures, when)?;
        let statement: Statement = json::from_canonical(&self.statement).map_err(|e| unreadable(&self.statement, e))?;
        let needed = &statement.predicate.minimum_pgseal;
        if newer(needed, PGSEAL) {
            return Err(AuthenticateError::NewerProgram { needed: needed.clone() });
        }
        subjects::check(&self.archive, &statement)?;
        let signer = |key: &KeyId| Signer { key: *key, owner: root.owner(key).to_owned() };
        Ok(AuthenticatedBundle {
            release_id: ReleaseId::of(&self.statement),
            signers: counted.iter().map(signer).collect(),
            files: index(&self.archive, &statement),
            archive: self.archive,
            statement,
        })
    }
}

impl AuthenticatedBundle {
    /// The release's name in approvals, ledger and receipts.
    pub fn release_id(&self) -> ReleaseId {
        self.release_id
    }

    /// What the release is.
    pub fn manifest(&self) -> &Manifest {
        &self.statement.predicate
    }

    /// The keys that counted, by ascending id.
    pub fn signers(&self) -> &[Signer] {
        &self.signers
    }

    /// How many files were compared.
    pub fn file_count(&self) -> usize {
        self.statement.subject.len()
    }
}

fn index(archive: &Archive, statement: &Statement) -> BTreeMap<EntryPath, Stored> {
    let members: BTreeMap<&str, &Member> = archive.members().iter().map(|m| (m.path.as_str(), m)).collect();
    let digests: BTreeMap<&str, Digest> =
        statement.subject.iter().map(|subject| (subject.name.as_str(), subject.digest.sha256)).collect();
    let stored = |file: &File| {
        let name = stored_name(file);
        let member = (*members.get(name.as_str())?).clone();
        let stored = Stored { member, stored_sha256: *digests.get(name.as_str())?, file: file.clone() };
        Some((file.path.clone(), stored))
    };
    statement.predicate.files.iter().filter_map(stored).collect()
}

/// A statement of a later format says which program can read it; its signature has held, so it may be asked.
fn unreadable(statement: &[u8], error: JsonError) -> AuthenticateError {
    let value: Option<serde_json::Value> = serde_json::from_slice(statement).ok();
    let needed = value.as_ref().and_then(|value| value.pointer("/predicate/minimum_pgseal")?.as_str());
    match needed {
        Some(needed) if newer(needed, PGSEAL) => AuthenticateError::NewerProgram { needed: needed.to_owned() },
        _ => AuthenticateError::Statement(error),
    }
}

fn newer(a: &str, b: &str) -> bool {
    let parts = |version: &str| version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u64>>();
    parts(a) > parts(b)
}
