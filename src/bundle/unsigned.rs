//! A release as the bytes that will be signed, and with its signatures.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::definition::Definition;
use crate::archive::names::Names;
use crate::archive::section::Section;
use crate::archive::write::ArchiveWriter;
use crate::archive::{MAGIC, gzip};
use crate::digest::Digest;
use crate::entry_path::EntryPath;
use crate::format::json::{self, JsonError};
use crate::format::manifest::{File, Stored};
use crate::format::statement::{
    DigestSet, PAYLOAD_TYPE, ReleaseId, ReleasePredicateType, Statement, StatementType, Subject,
};
use crate::format::timestamp::Timestamp;
use crate::limits;
use crate::trust::{KeyId, SecretKey};

/// A packed release without signatures.
pub struct UnsignedBundle {
    statement: Vec<u8>,
    files: BTreeMap<EntryPath, Vec<u8>>,
}

/// A packed release with its signatures.
pub struct SignedBundle {
    unsigned: UnsignedBundle,
    signatures: BTreeMap<KeyId, [u8; 64]>,
}

/// Why a release can't be packed although its definition holds.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The statement can't be written.
    #[error(transparent)]
    Statement(#[from] JsonError),
    /// A file can't be read again, or is no longer what it was.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: EntryPath,
        /// What the system says.
        source: io::Error,
    },
    /// Compression failed.
    #[error("can't compress: {0}")]
    Io(#[from] io::Error),
    /// A member's name that can't be unpacked beside the others; a large file is stored as `NAME.gz`.
    #[error("member {0} is there twice, is also a directory, or differs from another only in case: rename a file")]
    Clash(EntryPath),
    /// The stored name is too long.
    #[error("{0} would be stored as {0}.gz, which is longer than 100 bytes: shorten the path")]
    TooLong(EntryPath),
    /// More files than the format takes.
    #[error("the release has {0} files, at most {most} fit", most = limits::MEMBERS - 2 - limits::ADDED_MEMBERS)]
    TooManyFiles(usize),
    /// The statement would be too large.
    #[error("statement.json would have {0} bytes, at most {most} are allowed", most = limits::STATEMENT_BYTES)]
    StatementTooLarge(usize),
}

impl UnsignedBundle {
    /// Packs a definition. No clock is read: `created` is the caller's.
    pub fn pack(definition: Definition, created: Option<Timestamp>) -> Result<Self, PackError> {
        let (mut manifest, source) = definition.into_parts();
        manifest.created = created;
        let (mut files, mut names) = (BTreeMap::new(), Names::default());
        for (path, content) in source.files() {
            let content = content.map_err(|source| PackError::Read { path: path.clone(), source })?;
            let (name, stored, bytes) = store(path, &content)?;
            if !names.add(name.as_str()) {
                return Err(PackError::Clash(name));
            }
            files.insert(name, bytes);
            let (size, sha256) = (content.len() as u64, Digest::of(&content));
            manifest.files.push(File { path: path.clone(), stored, size, sha256 });
        }
        if files.len() > limits::MEMBERS - 2 - limits::ADDED_MEMBERS {
            return Err(PackError::TooManyFiles(files.len()));
        }
        let subject = |(name, bytes): (&EntryPath, &Vec<u8>)| Subject {
            name: name.to_string(),
            digest: DigestSet { sha256: Digest::of(bytes) },
        };
        let statement = json::to_canonical(&Statement {
            type_: StatementType::V1,
            subject: files.iter().map(subject).collect(),
            predicate_type: ReleasePredicateType::V1,
            predicate: manifest,
        })?;
        if statement.len() as u64 > limits::STATEMENT_BYTES {
            return Err(PackError::StatementTooLarge(statement.len()));
        }
        Ok(Self { statement, files })
    }

    /// The release's name in approvals, ledger and receipts.
    pub fn release_id(&self) -> ReleaseId {
        ReleaseId::of(&self.statement)
    }

    /// How many files it has.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// Signs; no keys give a bundle that is signed later by [`super::UntrustedBundle::write_with`].
    pub fn sign(self, keys: &[SecretKey]) -> SignedBundle {
        let sign = |key: &SecretKey| (key.public_key().id(), key.sign(PAYLOAD_TYPE, &self.statement));
        SignedBundle { signatures: keys.iter().map(sign).collect(), unsigned: self }
    }
}

impl SignedBundle {
    /// Writes the file.
    pub fn write<W: Write>(&self, out: W) -> io::Result<W> {
        let mut archive = ArchiveWriter::new(out);
        archive.member(&Section::Magic.path(), MAGIC)?;
        archive.member(&Section::Statement.path(), &self.unsigned.statement)?;
        for (id, signature) in &self.signatures {
            archive.member(&Section::Signature(id.digest()).path(), signature)?;
        }
        for (path, bytes) in &self.unsigned.files {
            archive.member(path, bytes)?;
        }
        archive.finish()
    }
}

/// A file of 64 KiB or more that shrinks is stored as `PATH.gz` (FORMAT.md 4.2).
fn store(path: &EntryPath, content: &[u8]) -> Result<(EntryPath, Stored, Vec<u8>), PackError> {
    if content.len() as u64 >= limits::GZIP_FROM_BYTES {
        let compressed = gzip::compress(content)?;
        if compressed.len() < content.len() {
            let name = format!("{path}.gz").parse().map_err(|_| PackError::TooLong(path.clone()))?;
            return Ok((name, Stored::Gzip, compressed));
        }
    }
    Ok((path.clone(), Stored::Raw, content.to_vec()))
}
