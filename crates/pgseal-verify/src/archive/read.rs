//! Reads the canonical archive: parses, encodes again, and requires the same bytes.

use std::io;

use super::header::{self, HeaderError};
use super::names::Names;
use super::section::Section;
use super::source::ByteSource;
use super::{BLOCK, MAGIC, padding};
use crate::entry_path::EntryPath;
use crate::limits;

/// Reason why a file is not a bundle. All of them mean "malformed".
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum ArchiveError {
    /// An unreadable file.
    #[error("can't read the file: {0}")]
    Io(#[from] io::Error),
    /// A first member other than `pgseal` with the known content.
    #[error("not a pgseal bundle: {found}")]
    NotABundle {
        /// Description of the actual file.
        found: String,
    },
    /// A file that ends too early.
    #[error("the file is cut off: {what} at byte {at} is not there")]
    CutOff {
        /// The missing part.
        what: &'static str,
        /// Its position in bytes from the start of the file.
        at: u64,
    },
    /// A header outside the grammar.
    #[error("at byte {at}: {source}")]
    Header {
        /// Its position in bytes from the start of the file.
        at: u64,
        /// The fault in the header.
        source: HeaderError,
    },
    /// Padding that is not zero.
    #[error("at byte {at}: padding is not zero")]
    Padding {
        /// Position of the padding's first byte.
        at: u64,
    },
    /// A reserved name without a meaning.
    #[error("member {0:?} has a name that the format reserves")]
    Reserved(EntryPath),
    /// A member out of order, or a duplicate.
    #[error("member {0:?} is out of order, or there twice")]
    Order(EntryPath),
    /// Names that cannot be unpacked together: a file with the name of a directory, or names that
    /// differ only in case.
    #[error(
        "member {0:?} is also a directory of another, or differs from another only in upper and lower case"
    )]
    Clash(EntryPath),
    /// Bytes after the end of the archive.
    #[error("there are bytes after the end of the archive, from byte {0} on")]
    TrailingBytes(u64),
    /// More members than [`limits::MEMBERS`].
    #[error("more than {} members", limits::MEMBERS)]
    TooManyMembers,
}

/// A member of an archive.
#[derive(Clone, Debug)]
pub struct Member {
    /// Name in the archive.
    pub path: EntryPath,
    /// Section, derived from the name.
    pub section: Section,
    /// Position of its first byte in the file.
    pub offset: u64,
    /// Size in bytes.
    pub size: u64,
}

/// A well-formed archive. Its content is not authenticated.
pub struct Archive {
    source: Box<dyn ByteSource>,
    members: Vec<Member>,
}

impl Archive {
    /// Reads all headers and paddings, and no content except the format's own name.
    pub fn parse(source: Box<dyn ByteSource>) -> Result<Self, ArchiveError> {
        check_magic(source.as_ref())?;
        let mut members: Vec<Member> = Vec::new();
        let mut names = Names::default();
        let mut at = 0;
        loop {
            let block = read_block(source.as_ref(), at, "a header")?;
            if block == [0; BLOCK] {
                break;
            }
            let member = read_member(source.as_ref(), &block, at)?;
            if members
                .last()
                .is_some_and(|last| last.section >= member.section)
            {
                return Err(ArchiveError::Order(member.path));
            }
            if !names.add(member.path.as_str()) {
                return Err(ArchiveError::Clash(member.path));
            }
            if members.len() == limits::MEMBERS {
                return Err(ArchiveError::TooManyMembers);
            }
            at = member.offset + member.size + padding(member.size) as u64;
            members.push(member);
        }
        at += BLOCK as u64;
        if read_block(source.as_ref(), at, "the second end block")? != [0; BLOCK] {
            return Err(ArchiveError::Padding { at });
        }
        at += BLOCK as u64;
        if source.size() != at {
            return Err(ArchiveError::TrailingBytes(at));
        }
        Ok(Self { source, members })
    }

    /// All members, in the order of the file.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Reads the bytes of a member into memory.
    pub fn read(&self, member: &Member) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(member.size).map_err(io::Error::other)?];
        self.source.read_exact_at(&mut bytes, member.offset)?;
        Ok(bytes)
    }

    pub(super) fn source(&self) -> &dyn ByteSource {
        self.source.as_ref()
    }
}

/// Compares the first block and content before all other checks, so that the error can name the
/// type of a wrong file.
fn check_magic(source: &dyn ByteSource) -> Result<(), ArchiveError> {
    let not_a_bundle = |found: &str| ArchiveError::NotABundle {
        found: found.to_owned(),
    };
    let mut start = vec![0; source.size().min(BLOCK as u64 + MAGIC.len() as u64) as usize];
    source.read_exact_at(&mut start, 0)?;
    let magic: EntryPath = "pgseal".parse().expect("in the grammar");
    let expected = header::encode(&magic, MAGIC.len() as u64);
    match start.get(..BLOCK) {
        _ if start.is_empty() => Err(not_a_bundle("the file is empty")),
        Some(block) if block == expected => match &start[BLOCK..] {
            content if content == MAGIC => Ok(()),
            content if content.starts_with(b"pgseal ") => {
                Err(not_a_bundle("its format is newer than this program"))
            }
            content if content.len() < MAGIC.len() => Err(ArchiveError::CutOff {
                what: "the format's name",
                at: BLOCK as u64,
            }),
            _ => Err(not_a_bundle("its first member does not name the format")),
        },
        _ if start.starts_with(&[0x1f, 0x8b]) => Err(not_a_bundle("it is a gzip file")),
        _ if start.starts_with(b"pgseal\0") => Err(not_a_bundle(
            "its first header is damaged or of another format",
        )),
        _ if start.iter().all(|byte| *byte == 0) => Err(not_a_bundle("it begins with zeros")),
        _ => Err(not_a_bundle("it does not begin with the member \"pgseal\"")),
    }
}

fn read_member(
    source: &dyn ByteSource,
    block: &[u8; BLOCK],
    at: u64,
) -> Result<Member, ArchiveError> {
    let (path, size) =
        header::decode(block).map_err(|source| ArchiveError::Header { at, source })?;
    let section = Section::of(&path).ok_or_else(|| ArchiveError::Reserved(path.clone()))?;
    let offset = at + BLOCK as u64;
    let mut pad = [0; BLOCK];
    let pad = &mut pad[..padding(size)];
    // Neither sum can overflow: a size is below 2^33, and offset is at most the length of a file.
    if offset + size + pad.len() as u64 > source.size() {
        return Err(ArchiveError::CutOff {
            what: "a member's content",
            at: offset,
        });
    }
    source.read_exact_at(pad, offset + size)?;
    if pad.iter().any(|byte| *byte != 0) {
        return Err(ArchiveError::Padding { at: offset + size });
    }
    Ok(Member {
        path,
        section,
        offset,
        size,
    })
}

fn read_block(
    source: &dyn ByteSource,
    at: u64,
    what: &'static str,
) -> Result<[u8; BLOCK], ArchiveError> {
    if at + BLOCK as u64 > source.size() {
        return Err(ArchiveError::CutOff { what, at });
    }
    let mut block = [0; BLOCK];
    source.read_exact_at(&mut block, at)?;
    Ok(block)
}
