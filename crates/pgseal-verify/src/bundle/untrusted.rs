//! A well-formed but unauthenticated bundle. It gives no access to the release's files.

use std::io;

use crate::archive::read::{Archive, ArchiveError, Member};
use crate::archive::section::{Part, Section};
use crate::archive::source::ByteSource;
use crate::format::statement::ReleaseId;
use crate::limits;
use crate::trust::KeyId;
use crate::trust::attestations::ClaimedStatement;
use crate::trust::evidence::ClaimedToken;
use crate::trust::root::ClaimedSignature;
use crate::workers::{Alone, Workers};

/// A parsed file: headers, raw signatures, and statements and time stamps as unread bytes.
pub struct UntrustedBundle {
    archive: Archive,
    statement: Vec<u8>,
    signatures: Vec<ClaimedSignature>,
    added: Attestations,
    workers: &'static dyn Workers,
}

/// Additions to a packed release, other than its signatures.
#[derive(Clone, Debug, Default)]
pub struct Attestations {
    /// Approvals and notarisations, by ascending key id.
    pub statements: Vec<ClaimedStatement>,
    /// Time stamps, by ascending key id.
    pub tokens: Vec<ClaimedToken>,
}

/// Error in a file's structure.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum MalformedError {
    /// Invalid archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The statement is missing.
    #[error("the bundle has no statement.json")]
    NoStatement,
    /// The statement exceeds the maximum size; holds its size in bytes.
    #[error("statement.json has {0} bytes, at most {most} are allowed", most = limits::STATEMENT_BYTES)]
    StatementTooLarge(u64),
    /// A signature of the wrong length.
    #[error("signature {0} has {1} bytes, expected 64")]
    SignatureLength(KeyId, u64),
    /// Too many signatures.
    #[error("more than {} signatures", limits::SIGNATURES)]
    TooManySignatures,
    /// An approval, notarisation or time stamp exceeds the maximum size; holds its name and its
    /// size in bytes.
    #[error("{0} has {1} bytes, at most {most} are allowed", most = limits::ADDED_BYTES)]
    AddedTooLarge(String, u64),
    /// Too many approvals and notarisations.
    #[error("more than {} statements in approvals/", limits::ADDED_STATEMENTS)]
    TooManyAdded,
    /// A statement without its signature, or a signature without its statement.
    #[error(
        "approvals/ holds only half of what key {0} said: KEYID.json and KEYID.sig belong together"
    )]
    HalfAdded(KeyId),
    /// Not an approval file: it has a bundle's members, or no approval.
    #[error("not an approval file: {0}")]
    NotAnApproval(&'static str),
}

impl UntrustedBundle {
    /// Parses headers, raw signatures, and the statement as bytes. Later work runs on the calling
    /// thread.
    /// ```
    /// use pgseal_verify::{InMemory, UntrustedBundle};
    ///
    /// // Nothing of it is believed yet, and not every file gets this far.
    /// let error = UntrustedBundle::parse(Box::new(InMemory(b"no bundle".to_vec().into()))).err();
    /// assert!(error.is_some());
    /// ```
    pub fn parse(source: Box<dyn ByteSource>) -> Result<Self, MalformedError> {
        Self::parse_with(source, &Alone)
    }

    /// Like [`Self::parse`], with threads for later hashing and decompression.
    pub fn parse_with(
        source: Box<dyn ByteSource>,
        workers: &'static dyn Workers,
    ) -> Result<Self, MalformedError> {
        let archive = Archive::parse(source)?;
        let (mut statement, mut signatures) = (None, Vec::new());
        for member in archive.members() {
            match &member.section {
                Section::Statement if member.size > limits::STATEMENT_BYTES => {
                    return Err(MalformedError::StatementTooLarge(member.size));
                }
                Section::Statement => statement = Some(read(&archive, member)?),
                Section::Signature(_) if signatures.len() == limits::SIGNATURES => {
                    return Err(MalformedError::TooManySignatures);
                }
                Section::Signature(id) => {
                    let id = KeyId::claimed(*id);
                    signatures.push((id, signature(&archive, member, id)?));
                }
                Section::Magic | Section::Added(..) | Section::Timestamp(_) | Section::File(_) => {}
            }
        }
        let (statement, added) = (
            statement.ok_or(MalformedError::NoStatement)?,
            Attestations::read(&archive)?,
        );
        Ok(Self {
            archive,
            statement,
            signatures,
            added,
            workers,
        })
    }

    /// Threads for hashing and decompression.
    pub(super) fn workers(&self) -> &'static dyn Workers {
        self.workers
    }

    /// The archive's members.
    pub(super) fn archive(&self) -> &Archive {
        &self.archive
    }

    /// The archive, the statement, its signatures, and the additions.
    pub(super) fn into_parts(self) -> (Archive, Vec<u8>, Vec<ClaimedSignature>, Attestations) {
        (self.archive, self.statement, self.signatures, self.added)
    }

    /// The statement's digest, which becomes the release id if the bundle is authentic.
    pub fn claimed_release_id(&self) -> ReleaseId {
        ReleaseId::of(&self.statement)
    }

    /// The statement's bytes, which release keys sign. Unauthenticated.
    pub fn claimed_statement(&self) -> &[u8] {
        &self.statement
    }

    /// The release's signatures, valid or not.
    pub fn claimed_signatures(&self) -> &[ClaimedSignature] {
        &self.signatures
    }

    /// Additions after packing, valid or not.
    pub fn claimed_attestations(&self) -> &Attestations {
        &self.added
    }

    /// Every signature in the bundle, valid or not: the release's, and those of added statements.
    pub fn all_signatures(&self) -> Vec<ClaimedSignature> {
        let added = self
            .added
            .statements
            .iter()
            .map(|added| (added.key, added.signature));
        self.signatures.iter().copied().chain(added).collect()
    }
}

impl Attestations {
    /// Parses an approval file: the format's name, then approvals as in a bundle, and no other
    /// members.
    pub fn parse(source: Box<dyn ByteSource>) -> Result<Self, MalformedError> {
        let archive = Archive::parse(source)?;
        let foreign =
            |member: &&Member| !matches!(member.section, Section::Magic | Section::Added(..));
        if archive.members().iter().any(|member| foreign(&member)) {
            return Err(MalformedError::NotAnApproval(
                "it holds members of a bundle",
            ));
        }
        let added = Self::read(&archive)?;
        if added.statements.is_empty() {
            Err(MalformedError::NotAnApproval("it is empty"))
        } else {
            Ok(added)
        }
    }

    fn read(archive: &Archive) -> Result<Self, MalformedError> {
        let (mut added, mut pending) = (Self::default(), None);
        for member in archive.members() {
            match (&member.section, pending.take()) {
                (Section::Added(id, Part::Signature), Some((key, body)))
                    if KeyId::claimed(*id) == key =>
                {
                    let signature = signature(archive, member, key)?;
                    added.statements.push(ClaimedStatement {
                        key,
                        body,
                        signature,
                    });
                }
                (_, Some((key, _))) => return Err(MalformedError::HalfAdded(key)),
                (Section::Added(id, Part::Signature), None) => {
                    return Err(MalformedError::HalfAdded(KeyId::claimed(*id)));
                }
                (Section::Added(..), None)
                    if added.statements.len() == limits::ADDED_STATEMENTS =>
                {
                    return Err(MalformedError::TooManyAdded);
                }
                (Section::Added(id, Part::Statement), None) => {
                    pending = Some((KeyId::claimed(*id), small(archive, member)?));
                }
                (Section::Timestamp(id), None) => added
                    .tokens
                    .push((KeyId::claimed(*id), small(archive, member)?)),
                (
                    Section::Magic | Section::Statement | Section::Signature(_) | Section::File(_),
                    None,
                ) => {}
            }
        }
        match pending {
            Some((key, _)) => Err(MalformedError::HalfAdded(key)),
            None => Ok(added),
        }
    }
}

fn signature(archive: &Archive, member: &Member, id: KeyId) -> Result<[u8; 64], MalformedError> {
    let bytes = if member.size == 64 {
        read(archive, member)?
    } else {
        Vec::new()
    };
    <[u8; 64]>::try_from(bytes).map_err(|_| MalformedError::SignatureLength(id, member.size))
}

fn small(archive: &Archive, member: &Member) -> Result<Vec<u8>, MalformedError> {
    if member.size > limits::ADDED_BYTES {
        return Err(MalformedError::AddedTooLarge(
            member.path.to_string(),
            member.size,
        ));
    }
    Ok(read(archive, member)?)
}

fn read(archive: &Archive, member: &Member) -> Result<Vec<u8>, ArchiveError> {
    archive.read(member).map_err(io::Error::into)
}
