//! A tar file with bundles, approvals and receipts in it. Nothing is unpacked: members are read where they are.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::slice::Slice;
use super::{Found, Place, Unlisted, small, tar_header};
use crate::archive::source::ByteSource;
use crate::audit::kind::Kind;
use crate::format::timestamp::Timestamp;

/// An open tar file, with the names of its members in memory.
pub struct TarFile {
    source: Arc<dyn ByteSource>,
    found: Vec<Found>,
    members: HashMap<PathBuf, (u64, u64)>,
    error: Option<Unlisted>,
}

impl TarFile {
    /// Reads all headers. Members are told below the path of the file; of two with one name the second is `NAME#2`.
    pub fn read(path: &Path, source: Arc<dyn ByteSource>, modified: Option<Timestamp>) -> Self {
        let mut tar = Self { source: source.clone(), found: Vec::new(), members: HashMap::new(), error: None };
        // Where the next copy of a name is to be looked for: thousands of one name are a few steps each.
        let mut copies: HashMap<PathBuf, usize> = HashMap::new();
        let read = tar_header::entries(source.as_ref(), |entry| {
            let name = PathBuf::from(OsString::from_vec(entry.name));
            // `./a` and `/a` are `a`; `..` leads nowhere, since nothing is unpacked.
            let plain: PathBuf = name.components().filter(|part| matches!(part, Component::Normal(_))).collect();
            let mut at = path.join(&plain);
            let copy = copies.entry(at.clone()).or_insert(0_usize);
            loop {
                *copy += 1;
                if *copy > 1 {
                    let mut again = path.join(&plain).into_os_string();
                    again.push(format!("#{copy}"));
                    at = again.into();
                }
                if !tar.members.contains_key(&at) {
                    break;
                }
            }
            tar.members.insert(at.clone(), (entry.offset, entry.size));
            if let Some(kind) = Kind::of(&plain) {
                // A member's own time says when somebody made the file, not when it came here.
                tar.found.push(Found { path: at, kind, bytes: Some(entry.size), modified });
            }
        });
        tar.error = read.err().map(|error| Unlisted { path: path.to_owned(), kind: Kind::Tar, error });
        tar
    }
}

impl Place for TarFile {
    fn list(&self, tell: &mut dyn FnMut(Result<Found, Unlisted>)) {
        self.found.iter().for_each(|found| tell(Ok(found.clone())));
        if let Some(Unlisted { path, kind, error }) = &self.error {
            let error = io::Error::new(error.kind(), error.to_string());
            tell(Err(Unlisted { path: path.clone(), kind: *kind, error }));
        }
    }

    fn open(&self, found: &Found) -> io::Result<Box<dyn ByteSource>> {
        let (offset, size) = self.members.get(&found.path).ok_or(io::ErrorKind::NotFound)?;
        Slice::open(&self.source, *offset, *size)
    }

    fn beside(&self, found: &Found, name: &Path) -> io::Result<Option<Vec<u8>>> {
        let Some((offset, size)) = self.members.get(&found.path.with_file_name(name)) else { return Ok(None) };
        small(Slice::open(&self.source, *offset, *size)?.as_ref()).map(Some)
    }
}
