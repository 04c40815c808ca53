//! Adds signatures, statements and time stamps to a bundle. The release is unchanged: the payload's
//! bytes are copied.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::subjects::{self, SubjectError};
use super::untrusted::UntrustedBundle;
use crate::archive::MAGIC;
use crate::archive::section::{Part, Section};
use crate::archive::write::ArchiveWriter;
use crate::format::json::JsonError;
use crate::format::statement::Statement;
use crate::format::wire;
use crate::limits;
use crate::trust::attestations::ClaimedStatement;
use crate::trust::evidence::ClaimedToken;
use crate::trust::root::ClaimedSignature;
use crate::trust::{KeyId, timestamp};

/// One addition. The caller has validated it.
#[derive(Clone, Debug)]
pub enum Addition {
    /// A signature of the release.
    Signature(ClaimedSignature),
    /// An approval, withdrawal or notarisation. Replaces the same key's previous statement and that
    /// statement's time stamp.
    Statement(ClaimedStatement),
    /// A time stamp for an existing signature.
    Token(ClaimedToken),
}

/// Error in adding to a bundle.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum AddError {
    /// The statement is not that of a release.
    #[error("statement.json: {0}")]
    Statement(#[from] JsonError),
    /// The files differ from the statement's list.
    #[error("the bundle's files are not those of its statement: {0}")]
    Subjects(#[from] SubjectError),
    /// The release already has a signature by this key.
    #[error("the bundle is already signed by key {0}")]
    AlreadySigned(KeyId),
    /// The format's maximum number of signatures is exceeded.
    #[error("the bundle already has {} signatures", limits::SIGNATURES)]
    TooManySignatures,
    /// The format's maximum number of approvals and notarisations is exceeded.
    #[error(
        "the bundle already has {} approvals and notarisations",
        limits::ADDED_STATEMENTS
    )]
    TooManyStatements,
    /// Longer than the format allows, in bytes.
    #[error("it has {0} bytes, at most {most} are allowed", most = limits::ADDED_BYTES)]
    TooLarge(usize),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl UntrustedBundle {
    /// Reads the unauthenticated statement, for a caller about to sign or approve it. It must be
    /// that of a release, and must match the bundle's files.
    pub fn claimed_release(&self) -> Result<Statement, AddError> {
        let statement: Statement = wire::read(self.claimed_statement())?;
        subjects::check(self.archive(), &statement, self.workers())?;
        Ok(statement)
    }

    /// Writes a copy of the bundle with the additions.
    pub fn write_with<W: Write>(
        &self,
        additions: Vec<Addition>,
        out: W,
    ) -> Result<(W, Statement), AddError> {
        let statement = self.claimed_release()?;
        let mut members = self.added_members();
        for addition in additions {
            add(&mut members, addition)?;
        }
        let count =
            |wanted: fn(&Section) -> bool| members.keys().filter(|section| wanted(section)).count();
        if count(|section| matches!(section, Section::Signature(_))) > limits::SIGNATURES {
            return Err(AddError::TooManySignatures);
        }
        if count(|section| matches!(section, Section::Added(_, Part::Statement)))
            > limits::ADDED_STATEMENTS
        {
            return Err(AddError::TooManyStatements);
        }
        let mut archive = ArchiveWriter::new(out);
        archive.member(&Section::Magic.path(), MAGIC)?;
        archive.member(&Section::Statement.path(), self.claimed_statement())?;
        for (section, bytes) in &members {
            archive.member(&section.path(), bytes)?;
        }
        for member in self
            .archive()
            .members()
            .iter()
            .filter(|member| matches!(member.section, Section::File(_)))
        {
            archive.begin(&member.path, member.size)?;
            self.archive()
                .pieces(member, |piece| archive.piece(piece))?;
            archive.end(member.size)?;
        }
        Ok((archive.finish()?, statement))
    }

    fn added_members(&self) -> BTreeMap<Section, Vec<u8>> {
        let signatures = self
            .claimed_signatures()
            .iter()
            .map(|(key, bytes)| (Section::Signature(key.digest()), bytes.to_vec()));
        let statements = self
            .claimed_attestations()
            .statements
            .iter()
            .flat_map(halves);
        let tokens = self
            .claimed_attestations()
            .tokens
            .iter()
            .map(|(key, bytes)| (Section::Timestamp(key.digest()), bytes.clone()));
        signatures.chain(statements).chain(tokens).collect()
    }
}

/// Writes an approval file: statements about one release, kept apart from its bundle.
pub fn write_approvals<W: Write>(statements: &[ClaimedStatement], out: W) -> io::Result<W> {
    let members: BTreeMap<Section, Vec<u8>> = statements.iter().flat_map(halves).collect();
    let mut archive = ArchiveWriter::new(out);
    archive.member(&Section::Magic.path(), MAGIC)?;
    for (section, bytes) in &members {
        archive.member(&section.path(), bytes)?;
    }
    archive.finish()
}

fn halves(added: &ClaimedStatement) -> [(Section, Vec<u8>); 2] {
    let id = added.key.digest();
    [
        (Section::Added(id, Part::Statement), added.body.clone()),
        (
            Section::Added(id, Part::Signature),
            added.signature.to_vec(),
        ),
    ]
}

fn add(members: &mut BTreeMap<Section, Vec<u8>>, addition: Addition) -> Result<(), AddError> {
    match addition {
        Addition::Signature((key, bytes)) => {
            let before = members.insert(Section::Signature(key.digest()), bytes.to_vec());
            before.map_or(Ok(()), |_| Err(AddError::AlreadySigned(key)))
        }
        Addition::Statement(added) if added.body.len() as u64 > limits::ADDED_BYTES => {
            Err(AddError::TooLarge(added.body.len()))
        }
        Addition::Statement(added) => {
            let id = added.key.digest();
            let before = members
                .get(&Section::Added(id, Part::Signature))
                .filter(|before| **before != added.signature);
            let stamp = Section::Timestamp(id);
            // A replaced signature's time stamp is removed. A time stamp for the key's other
            // signature stays.
            if let Some((before, token)) = before.zip(members.get(&stamp))
                && timestamp::is_about(token, before)
            {
                members.remove(&stamp);
            }
            members.extend(halves(&added));
            Ok(())
        }
        Addition::Token((_, bytes)) if bytes.len() as u64 > limits::ADDED_BYTES => {
            Err(AddError::TooLarge(bytes.len()))
        }
        Addition::Token((key, bytes)) => {
            members.insert(Section::Timestamp(key.digest()), bytes);
            Ok(())
        }
    }
}
