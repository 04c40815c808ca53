//! Members of one name with different contents. All of them are judged, and which one is left where the tar file is extracted
//! is up to the program: most leave the last, `tar --keep-old-files` the first.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::slice::Slice;
use super::tar_file;
use super::tar_header::Entry;
use crate::audit::kind::Kind;
use pgseal_verify::archive::section::Section;
use pgseal_verify::archive::source::ByteSource;
use pgseal_verify::digest::Digest;
use pgseal_verify::limits;

/// At most so many bytes of each of two members are compared at once.
const CHUNK: u64 = 64 << 10;

/// How two members of one name differ, the worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Differ {
    /// Not at all: copies.
    Nothing,
    /// In some bytes.
    Contents,
    /// Bundles of different releases, as they say themselves.
    Releases,
}

/// The members that are audited, by name: the first of each, and how those that follow differ from it.
pub struct Copies {
    source: Arc<dyn ByteSource>,
    first: HashMap<PathBuf, (Entry, Differ)>,
}

impl Copies {
    /// No members yet.
    pub fn new(source: &Arc<dyn ByteSource>) -> Self {
        Self { source: source.clone(), first: HashMap::new() }
    }

    /// Adds a member by the name that it has where it is extracted.
    pub fn add(&mut self, name: &Path, kind: Kind, entry: Entry) {
        match self.first.get_mut(name) {
            None => {
                self.first.insert(name.to_owned(), (entry, Differ::Nothing));
            }
            Some((_, Differ::Releases)) => {}
            Some((first, known)) => {
                // What can't be compared is not the same.
                let differ = differ(&self.source, first, &entry, kind).unwrap_or(Differ::Contents);
                *known = differ.max(*known);
            }
        }
    }

    /// The names that mean several contents, in order.
    pub fn told(self) -> Vec<(PathBuf, Differ)> {
        let differ = |(name, (_, differ))| (differ != Differ::Nothing).then_some((name, differ));
        let mut told: Vec<(PathBuf, Differ)> = self.first.into_iter().filter_map(differ).collect();
        told.sort();
        told
    }
}

fn differ(source: &Arc<dyn ByteSource>, first: &Entry, other: &Entry, kind: Kind) -> io::Result<Differ> {
    let open = |entry: &Entry| Slice::open(source, entry.offset, entry.size);
    let (first, other) = (open(first)?, open(other)?);
    if is_same(first.as_ref(), other.as_ref())? {
        return Ok(Differ::Nothing);
    }
    let release = |bundle: &dyn ByteSource| {
        let statement = tar_file::member(bundle, Section::Statement.path().as_str(), limits::STATEMENT_BYTES)?;
        Some(Digest::of(&statement))
    };
    let of_bundles = (kind == Kind::Bundle).then(|| release(first.as_ref()).zip(release(other.as_ref()))).flatten();
    Ok(if of_bundles.is_some_and(|(one, two)| one != two) { Differ::Releases } else { Differ::Contents })
}

fn is_same(one: &dyn ByteSource, other: &dyn ByteSource) -> io::Result<bool> {
    if one.size() != other.size() {
        return Ok(false);
    }
    let mut offset = 0;
    while offset < one.size() {
        let size = CHUNK.min(one.size() - offset) as usize;
        let (mut left, mut right) = (vec![0; size], vec![0; size]);
        one.read_exact_at(&mut left, offset)?;
        other.read_exact_at(&mut right, offset)?;
        if left != right {
            return Ok(false);
        }
        offset += size as u64;
    }
    Ok(true)
}
