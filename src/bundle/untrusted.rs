//! A well-formed bundle that nobody has vouched for. It shows nothing of its content.

use std::io::{self, Write};

use super::subjects::{self, SubjectError};
use crate::archive::read::{Archive, ArchiveError, Member};
use crate::archive::section::Section;
use crate::archive::source::ByteSource;
use crate::archive::write::ArchiveWriter;
use crate::format::json::{self, JsonError};
use crate::format::statement::{PAYLOAD_TYPE, ReleaseId, Statement};
use crate::limits;
use crate::trust::root::ClaimedSignature;
use crate::trust::{KeyId, SecretKey};

/// A parsed file: headers, raw signatures, and the statement's bytes, unread.
pub struct UntrustedBundle {
    pub(super) archive: Archive,
    pub(super) statement: Vec<u8>,
    pub(super) signatures: Vec<ClaimedSignature>,
}

/// Why a file is malformed.
#[derive(Debug, thiserror::Error)]
pub enum MalformedError {
    /// As an archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Without its statement.
    #[error("the bundle has no statement.json")]
    NoStatement,
    /// With a statement of a size that no release has.
    #[error("statement.json has {0} bytes, at most {most} are allowed", most = limits::STATEMENT_BYTES)]
    StatementTooLarge(u64),
    /// With a signature that is none.
    #[error("signature {0} has {1} bytes, expected 64")]
    SignatureLength(KeyId, u64),
    /// With more signatures than allowed.
    #[error("more than {} signatures", limits::SIGNATURES)]
    TooManySignatures,
    /// With a part that this version can't check, and so refuses.
    #[error("the bundle carries approvals, which pgseal {} can't check", crate::format::version::PGSEAL)]
    Approvals,
}

/// Why a signature can't be added.
#[derive(Debug, thiserror::Error)]
pub enum AddSignatureError {
    /// The statement is not a release's.
    #[error("statement.json: {0}")]
    Statement(#[from] JsonError),
    /// The files are not the ones that the statement lists.
    #[error("the bundle's files are not those of its statement: {0}")]
    Subjects(#[from] SubjectError),
    /// It is there already.
    #[error("the bundle is already signed by key {0}")]
    AlreadySigned(KeyId),
    /// The bundle has as many as the format takes.
    #[error("the bundle already has {} signatures", limits::SIGNATURES)]
    TooManySignatures,
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl UntrustedBundle {
    /// Parses: fixed headers, raw signatures, and the statement as bytes.
    pub fn parse(source: Box<dyn ByteSource>) -> Result<Self, MalformedError> {
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
                    let length = || MalformedError::SignatureLength(id, member.size);
                    let bytes = if member.size == 64 { read(&archive, member)? } else { Vec::new() };
                    signatures.push((id, <[u8; 64]>::try_from(bytes).map_err(|_| length())?));
                }
                Section::Approval(_) => return Err(MalformedError::Approvals),
                Section::Magic | Section::File(_) => {}
            }
        }
        let statement = statement.ok_or(MalformedError::NoStatement)?;
        Ok(Self { archive, statement, signatures })
    }

    /// What the digest of the statement would be called, if it were authentic.
    pub fn claimed_release_id(&self) -> ReleaseId {
        ReleaseId::of(&self.statement)
    }

    /// How many signatures there are, valid or not.
    pub fn signature_count(&self) -> usize {
        self.signatures.len()
    }

    /// Writes the same bundle with one signature more, by someone who thereby vouches for its statement. The statement
    /// must be a release's, and the files its own; the other signatures are copied as they are.
    pub fn write_with_signature<W: Write>(&self, key: &SecretKey, out: W) -> Result<(W, Statement), AddSignatureError> {
        let statement: Statement = json::from_canonical(&self.statement)?;
        subjects::check(&self.archive, &statement)?;
        let id = key.public_key().id();
        if self.signatures.iter().any(|(other, _)| *other == id) {
            return Err(AddSignatureError::AlreadySigned(id));
        }
        if self.signatures.len() == limits::SIGNATURES {
            return Err(AddSignatureError::TooManySignatures);
        }
        let new = Section::Signature(id.digest());
        let mut pending = Some(key.sign(PAYLOAD_TYPE, &self.statement));
        let mut archive = ArchiveWriter::new(out);
        for member in self.archive.members() {
            if member.section > new
                && let Some(signature) = pending.take()
            {
                archive.member(&Section::signature_path(id.digest()), &signature)?;
            }
            archive.begin(&member.path, member.size)?;
            self.archive.pieces(member, |piece| archive.piece(piece))?;
            archive.end(member.size)?;
        }
        if let Some(signature) = pending.take() {
            archive.member(&Section::signature_path(id.digest()), &signature)?;
        }
        Ok((archive.finish()?, statement))
    }
}

fn read(archive: &Archive, member: &Member) -> Result<Vec<u8>, ArchiveError> {
    Ok(archive.read(member)?)
}
