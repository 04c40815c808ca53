//! A packed release before and after signing.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::definition::Definition;
use super::source::Content;
use super::spill::{Spill, Spilled, Spilling};
use crate::parallel;
use crate::trust::{KeyId, SecretKey};
use pgseal_verify::archive::names::Names;
use pgseal_verify::archive::section::Section;
use pgseal_verify::archive::write::ArchiveWriter;
use pgseal_verify::archive::{MAGIC, gzip};
use pgseal_verify::digest::{Digest, Hasher};
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::json::{self, JsonError};
use pgseal_verify::format::manifest::{File, Stored};
use pgseal_verify::format::statement::{DigestSet, PAYLOAD_TYPE, ReleaseId, Statement, Subject};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::limits;

/// A packed release without signatures.
pub struct UnsignedBundle {
    statement: Vec<u8>,
    files: BTreeMap<EntryPath, Bytes>,
    spill: Spill,
}

/// The stored bytes of a file until they are written.
enum Bytes {
    /// Uncompressed, at their original location.
    Raw(Content),
    /// Compressed, with the size in bytes.
    Gzip(Spilled, u64),
}

/// A packed release with its signatures.
pub struct SignedBundle {
    unsigned: UnsignedBundle,
    signatures: BTreeMap<KeyId, [u8; 64]>,
}

/// Reason why a valid definition can't be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    #[error(transparent)]
    Statement(#[from] JsonError),
    #[error("{path}: {source}")]
    Read {
        /// Path in the release directory.
        path: EntryPath,
        source: io::Error,
    },
    #[error("can't compress: {0}")]
    Io(#[from] io::Error),
    /// A member with a name that clashes with another when unpacked; a large file is stored as
    /// `NAME.gz`.
    #[error(
        "member {0} is there twice, is also a directory, or differs from another only in case: rename a file"
    )]
    Clash(EntryPath),
    #[error("{0} would be stored as {0}.gz, which is longer than 100 bytes: shorten the path")]
    TooLong(EntryPath),
    #[error("the release has {0} files, at most {most} fit", most = limits::MEMBERS - 2 - limits::ADDED_MEMBERS)]
    TooManyFiles(usize),
    #[error("statement.json would have {0} bytes, at most {most} are allowed", most = limits::STATEMENT_BYTES)]
    StatementTooLarge(usize),
}

impl UnsignedBundle {
    /// Packs a definition in memory. It reads no clock: the caller sets `created`.
    pub fn pack(definition: Definition, created: Option<Timestamp>) -> Result<Self, PackError> {
        Self::pack_with(definition, created, Spill::in_memory(), &|_| ())
    }

    /// Packs a definition on all cores, one file per core. `seen` is called from any thread with
    /// the size in bytes of each finished file.
    pub fn pack_with(
        definition: Definition,
        created: Option<Timestamp>,
        spill: Spill,
        seen: &(dyn Fn(u64) + Sync),
    ) -> Result<Self, PackError> {
        let (mut manifest, source) = definition.into_parts();
        manifest.created = created;
        let contents: Vec<(EntryPath, Content)> = source.into_contents().into_iter().collect();
        let stored = parallel::map(
            &contents,
            |(_, content)| cost(content),
            |(path, content)| {
                let stored = store(path, content, &spill);
                seen(content.size());
                stored
            },
        );
        let (mut files, mut names, mut subject) = (BTreeMap::new(), Names::default(), Vec::new());
        for ((path, content), stored) in contents.into_iter().zip(stored) {
            let (sha256, compressed) = stored?;
            let (size, mut name, mut stored) = (content.size(), path.clone(), Stored::Raw);
            let (stored_sha256, bytes) = match compressed {
                None => (sha256, Bytes::Raw(content)),
                Some(compressed) => {
                    name = format!("{path}.gz")
                        .parse()
                        .map_err(|_| PackError::TooLong(path.clone()))?;
                    stored = Stored::Gzip;
                    (
                        compressed.sha256,
                        Bytes::Gzip(compressed.bytes, compressed.size),
                    )
                }
            };
            if !names.add(name.as_str()) {
                return Err(PackError::Clash(name));
            }
            subject.push(Subject {
                name: name.to_string(),
                digest: DigestSet {
                    sha256: stored_sha256,
                },
            });
            files.insert(name, bytes);
            manifest.files.push(File {
                path,
                stored,
                size,
                sha256,
            });
        }
        if files.len() > limits::MEMBERS - 2 - limits::ADDED_MEMBERS {
            return Err(PackError::TooManyFiles(files.len()));
        }
        subject.sort_by(|a, b| a.name.cmp(&b.name));
        let statement = json::to_canonical(&Statement {
            subject,
            predicate: manifest,
        })?;
        if statement.len() as u64 > limits::STATEMENT_BYTES {
            return Err(PackError::StatementTooLarge(statement.len()));
        }
        Ok(Self {
            statement,
            files,
            spill,
        })
    }

    /// Identifies the release in approvals, ledger and receipts.
    pub fn release_id(&self) -> ReleaseId {
        ReleaseId::of(&self.statement)
    }

    /// Number of files.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// Signs the statement. A bundle packed without keys is signed later by
    /// [`super::UntrustedBundle::write_with`].
    pub fn sign(self, keys: &[SecretKey]) -> SignedBundle {
        let sign = |key: &SecretKey| {
            (
                key.public_key().id(),
                key.sign(PAYLOAD_TYPE, &self.statement),
            )
        };
        SignedBundle {
            signatures: keys.iter().map(sign).collect(),
            unsigned: self,
        }
    }
}

impl SignedBundle {
    /// Writes the bundle.
    pub fn write<W: Write>(&self, out: W) -> io::Result<W> {
        let mut archive = ArchiveWriter::new(out);
        archive.member(&Section::Magic.path(), MAGIC)?;
        archive.member(&Section::Statement.path(), &self.unsigned.statement)?;
        for (id, signature) in &self.signatures {
            archive.member(&Section::Signature(id.digest()).path(), signature)?;
        }
        for (path, bytes) in &self.unsigned.files {
            let size = match bytes {
                Bytes::Raw(content) => content.size(),
                Bytes::Gzip(_, size) => *size,
            };
            archive.begin(path, size)?;
            match bytes {
                Bytes::Raw(content) => content
                    .copy(|piece| archive.piece(piece))
                    .map_err(|error| about(path, &error))?,
                Bytes::Gzip(spilled, _) => {
                    spilled.copy(&self.unsigned.spill, |piece| archive.piece(piece))?
                }
            }
            archive.end(size)?;
        }
        archive.finish()
    }
}

fn about(path: &EntryPath, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{path}: {error}"))
}

/// A file stored compressed.
struct Compressed {
    bytes: Spilled,
    size: u64,
    sha256: Digest,
}

/// A writer of compressed bytes that computes their digest.
struct Counted<'s> {
    spilling: Spilling<'s>,
    hasher: Hasher,
    size: u64,
    /// Whether writing failed, rather than reading.
    failed: bool,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self
            .spilling
            .write(bytes)
            .inspect_err(|_| self.failed = true)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The digest of a file's content, and its compressed bytes if it is stored compressed. That
/// applies to files of 64 KiB or more that shrink (FORMAT.md 4.2).
fn store(
    path: &EntryPath,
    content: &Content,
    spill: &Spill,
) -> Result<(Digest, Option<Compressed>), PackError> {
    let sha256 = content.sha256();
    if content.size() < limits::GZIP_FROM_BYTES {
        return Ok((sha256, None));
    }
    let read = |source| PackError::Read {
        path: path.clone(),
        source,
    };
    let mut reader = content.reader().map_err(read)?;
    let mut out = Counted {
        spilling: spill.begin(),
        hasher: Hasher::default(),
        size: 0,
        failed: false,
    };
    let compressed = gzip::compress_stream(&mut reader, &mut out);
    if let Err(error) = compressed {
        return Err(if out.failed {
            PackError::Io(error)
        } else {
            read(error)
        });
    }
    if out.size >= content.size() {
        return Ok((sha256, None));
    }
    let (size, stored) = (out.size, out.hasher.finish());
    Ok((
        sha256,
        Some(Compressed {
            bytes: out.spilling.end()?,
            size,
            sha256: stored,
        }),
    ))
}

/// Cost of deflating relative to hashing the same content.
const DEFLATING: u64 = 16;

fn cost(content: &Content) -> u64 {
    match content.size() {
        size if size < limits::GZIP_FROM_BYTES => size,
        size => size.saturating_mul(DEFLATING),
    }
}
