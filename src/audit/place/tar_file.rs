//! Tar files, whose members are read in place: plain ustar files and directories only. Any other
//! feature rejects the whole file: programs extract it differently, so the audit might judge other
//! files than users get.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::left_over::left_over;
use super::{Found, Place, Unlisted, small};
use crate::audit::fault::FaultKind;
use crate::audit::kind::Kind;
use crate::tlog::{CHECKPOINT, TILE};
use pgseal_verify::archive::BLOCK;
use pgseal_verify::archive::header::{has_checksum, octal};
use pgseal_verify::archive::source::{ByteSource, InMemory};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::limits;

/// Most padding in bytes after the last member: programs pad to their write size.
const PADDING_BYTES: u64 = 16 << 20;

/// An open tar file with an index of its members in memory.
pub struct TarFile {
    path: PathBuf,
    source: Arc<dyn ByteSource>,
    modified: Option<Timestamp>,
    members: io::Result<BTreeMap<PathBuf, Span>>,
}

/// Offset and size of a member's content.
type Span = (u64, u64);

impl TarFile {
    /// Reads all headers. Members are listed below the path of the tar file, with its time: a
    /// member's own time is not the time of storage.
    pub fn read(path: &Path, source: Arc<dyn ByteSource>, modified: Option<Timestamp>) -> Self {
        let members = members(path, source.as_ref());
        Self {
            path: path.to_owned(),
            source,
            modified,
            members,
        }
    }

    fn content(&self, path: &Path) -> Option<io::Result<Box<dyn ByteSource>>> {
        let (offset, size) = *self.members.as_ref().ok()?.get(path)?;
        let content = Content {
            source: self.source.clone(),
            offset,
            size,
        };
        if size > limits::BUFFERED_BUNDLE_BYTES {
            return Some(Ok(Box::new(content)));
        }
        let mut bytes = vec![0; size as usize];
        let read = content.read_exact_at(&mut bytes, 0);
        Some(read.map(|()| Box::new(InMemory(bytes.into())) as Box<dyn ByteSource>))
    }
}

impl Place for TarFile {
    fn list(&self, tell: &mut dyn FnMut(Result<Found, Unlisted>)) {
        let members = match &self.members {
            Ok(members) => members,
            Err(error) => {
                let copy = io::Error::new(error.kind(), error.to_string());
                let mut unlisted = Unlisted::unreadable(&self.path, Kind::Tar, copy);
                if error.kind() == io::ErrorKind::InvalidData {
                    unlisted.fault = FaultKind::Malformed;
                }
                return tell(Err(unlisted));
            }
        };
        for (path, (_, size)) in members {
            if let Some(kind) = Kind::of(path) {
                tell(Ok(Found {
                    path: path.clone(),
                    kind,
                    bytes: Some(*size),
                    modified: self.modified,
                }));
            } else if let Some(missing) = left_over(path, |path| members.contains_key(path)) {
                tell(Err(missing));
            }
        }
        if members.keys().any(|path| is_of_log(path)) {
            let why = "the log of an archive in it is not read: extract it and audit the directory";
            tell(Err(Unlisted::passed_over(&self.path, Kind::Tar, why)));
        }
    }

    fn open(&self, found: &Found) -> io::Result<Box<dyn ByteSource>> {
        self.content(&found.path).ok_or(io::ErrorKind::NotFound)?
    }

    fn sibling(&self, found: &Found, name: &Path) -> io::Result<Option<Vec<u8>>> {
        self.content(&found.path.with_file_name(name))
            .map(|content| small(content?.as_ref()))
            .transpose()
    }
}

struct Content {
    source: Arc<dyn ByteSource>,
    offset: u64,
    size: u64,
}

impl ByteSource for Content {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.source.read_exact_at(buffer, self.offset + offset)
    }
}

/// All files of a tar file, by path below that of the tar file.
fn members(tar: &Path, source: &dyn ByteSource) -> io::Result<BTreeMap<PathBuf, Span>> {
    let (mut members, mut at) = (BTreeMap::<PathBuf, Option<Span>>::new(), 0);
    while let Some((name, content)) = header(source, at).and_then(|block| member(&block, at))? {
        let (start, size) = (at + BLOCK as u64, content.unwrap_or_default());
        at = start + size.next_multiple_of(BLOCK as u64);
        if at > source.size() {
            return Err(refused(start, "the file is cut off"));
        }
        let content = content.map(|size| (start, size));
        let first = members.insert(tar.join(&name), content);
        if first.is_some_and(|first| first.is_some() || content.is_some()) {
            let why = format!(
                "{} is in it twice, and programs keep the first or the last",
                name.display()
            );
            return Err(refused(start, &why));
        }
    }
    check_end(source, at)?;
    let is_file = |path: &Path| members.get(path).is_some_and(Option::is_some);
    if let Some(path) = members
        .keys()
        .find(|path| path.ancestors().skip(1).any(is_file))
    {
        return Err(refused(at, &format!("{} is below a file", path.display())));
    }
    Ok(members
        .into_iter()
        .filter_map(|(path, content)| Some((path, content?)))
        .collect())
}

fn header(source: &dyn ByteSource, at: u64) -> io::Result<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    match source.read_exact_at(&mut block, at) {
        Err(_) if at + BLOCK as u64 > source.size() => Err(refused(at, "the file is cut off")),
        read => read.map(|()| block),
    }
}

/// The path of a member, and its size if it is a file; `None` for the zeros that end a tar file.
fn member(block: &[u8; BLOCK], at: u64) -> io::Result<Option<(PathBuf, Option<u64>)>> {
    if *block == [0; BLOCK] {
        return Ok(None);
    }
    decode(block).map(Some).map_err(|why| refused(at, why))
}

/// Decodes a header that all programs read alike. Modes, owners and times don't change content, so
/// any value is accepted.
fn decode(block: &[u8; BLOCK]) -> Result<(PathBuf, Option<u64>), &'static str> {
    if !has_checksum(block) {
        return Err("the checksum of a header is wrong, or it is not a tar file");
    }
    // GNU tar has its own magic, and times, sparse maps and more from byte 345 on.
    let own = match &block[257..265] {
        b"ustar\x0000" => 500,
        b"ustar  \0" => 345,
        _ => return Err("a header is not of the ustar format"),
    };
    if [&block[own..], &block[157..257]]
        .concat()
        .iter()
        .any(|byte| *byte != 0)
    {
        return Err("a header has fields that plain ustar files and directories do not have");
    }
    let mut size = [0; 12];
    size.copy_from_slice(&block[124..136]);
    // Some programs write a space instead of the last NUL.
    size[11] = if size[11] == b' ' { 0 } else { size[11] };
    let size = octal(&size).ok_or("the size of a member is not eleven octal digits")?;
    let (prefix, name) = (until_nul(&block[345..500]), until_nul(&block[..100]));
    let name = if prefix.is_empty() {
        name.to_vec()
    } else {
        [prefix, b"/", name].concat()
    };
    let path = Path::new(OsStr::from_bytes(&name));
    if name.is_empty()
        || !path
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return Err("the name of a member is empty, begins with / or has .. in it");
    }
    let plain: PathBuf = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    match block[156] {
        b'0' if !name.ends_with(b"/") && !plain.as_os_str().is_empty() => Ok((plain, Some(size))),
        b'5' if size == 0 => Ok((plain, None)),
        _ => Err(
            "a member is neither a plain file nor a directory (a link, a long name, PAX, sparse)",
        ),
    }
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Requires at least two blocks of zeros, and nothing else, up to the end.
fn check_end(source: &dyn ByteSource, at: u64) -> io::Result<()> {
    let length = source.size() - at;
    if !(2 * BLOCK as u64..=PADDING_BYTES).contains(&length) {
        return Err(refused(
            at,
            "the tar file does not end with two to 32,768 blocks of zeros",
        ));
    }
    let mut end = vec![0; length as usize];
    source.read_exact_at(&mut end, at)?;
    if end.iter().any(|byte| *byte != 0) {
        return Err(refused(at, "the tar file has content behind its end"));
    }
    Ok(())
}

/// Whether a member is a checkpoint or an entry tile of a log.
fn is_of_log(member: &Path) -> bool {
    let entries = Path::new(TILE).join("entries");
    member.file_name().is_some_and(|name| name == CHECKPOINT)
        || member.ancestors().any(|dir| dir.ends_with(&entries))
}

fn refused(at: u64, why: &str) -> io::Error {
    let text = format!("at byte {at}: {why}; extract it first, then audit the directory");
    io::Error::new(io::ErrorKind::InvalidData, text)
}
