//! A tar file with bundles, approvals and receipts in it. Nothing is unpacked: members are read where they are.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::left_over::left_over;
use super::slice::Slice;
use super::tar_copies::{Copies, Differ};
use super::tar_header::{self, Entry, Told};
use super::{Found, Place, Unlisted, small};
use crate::audit::fault::FaultKind;
use crate::audit::kind::Kind;
use crate::tlog::{CHECKPOINT, TILE};
use pgseal_verify::archive::source::ByteSource;
use pgseal_verify::format::file_name::Named;
use pgseal_verify::format::timestamp::Timestamp;

/// What is wrong with two members of one name.
const WHICH: &str = "which one is extracted depends on the program";

/// An open tar file, with the names of its members in memory.
pub struct TarFile {
    path: PathBuf,
    source: Arc<dyn ByteSource>,
    found: Vec<Found>,
    members: HashMap<PathBuf, (u64, u64)>,
    /// What is no plain file, and what is wrong with the tar file itself.
    wrong: Vec<(PathBuf, Kind, io::Error)>,
    /// The names of several members with different contents.
    twice: Vec<PathBuf>,
}

impl TarFile {
    /// Reads all headers. Members are told below the path of the file; of two with one name the second is `NAME#2`.
    pub fn read(path: &Path, source: Arc<dyn ByteSource>, modified: Option<Timestamp>) -> Self {
        let (path_of, source_of) = (path.to_owned(), source.clone());
        let (found, members, wrong, twice) = (Vec::new(), HashMap::new(), Vec::new(), Vec::new());
        let mut tar = Self { path: path_of, source: source_of, found, members, wrong, twice };
        let (mut names, mut sidecars, mut copies) = (Names::default(), Sidecars::default(), Copies::new(&source));
        let read = tar_header::entries(source.as_ref(), |told| match told {
            Told::File(Entry { name, offset, size }) => {
                tar.wrong.extend(sidecars.add([&name], None).map(|error| (path.to_owned(), Kind::Tar, error)));
                let plain = plain(name);
                let at = names.own(path.join(&plain));
                tar.members.insert(at.clone(), (offset, size));
                if let Some(kind) = Kind::of(&plain) {
                    copies.add(&plain, kind, Entry { name: Vec::new(), offset, size });
                    // A member's own time says when somebody made the file, not when it came here.
                    tar.found.push(Found { path: at, kind, bytes: Some(size), modified });
                }
            }
            Told::Doubtful(called, error) => {
                tar.wrong.extend(sidecars.add(&called, Some(&error)).map(|error| (path.to_owned(), Kind::Tar, error)));
                let of_kind = called.into_iter().map(plain).find_map(|plain| Some((Kind::of(&plain)?, plain)));
                if let Some((kind, plain)) = of_kind {
                    tar.wrong.push((names.own(path.join(plain)), kind, error));
                }
            }
            Told::Wrong(error) => tar.wrong.push((path.to_owned(), Kind::Tar, error)),
        });
        tar.wrong.extend(read.err().map(|error| (path.to_owned(), Kind::Tar, error)));
        for (name, differ) in copies.told() {
            match differ {
                Differ::Nothing => {}
                Differ::Contents => tar.twice.push(name),
                Differ::Releases => {
                    let text = format!("{} is there more than once, as different releases; {WHICH}", name.display());
                    let error = io::Error::new(io::ErrorKind::InvalidData, text);
                    tar.wrong.push((path.to_owned(), Kind::Tar, error));
                }
            }
        }
        tar
    }
}

/// The first member of a name in whatever of a tar file can be read, where it has at most so many bytes.
pub fn member(source: &dyn ByteSource, name: &str, at_most: u64) -> Option<Vec<u8>> {
    let mut first = None;
    // What is wrong behind it takes nothing away.
    let _ = tar_header::entries(source, |told| match told {
        Told::File(entry) if entry.name == name.as_bytes() => {
            first.get_or_insert(entry);
        }
        _ => {}
    });
    let Entry { offset, size, .. } = first.filter(|entry| entry.size <= at_most)?;
    let mut bytes = vec![0; size as usize];
    source.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

/// `./a` and `/a` are `a`; `..` leads nowhere, since nothing is unpacked.
fn plain(name: Vec<u8>) -> PathBuf {
    let name = PathBuf::from(OsString::from_vec(name));
    name.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

/// The signatures and journals in a tar file. They are judged with what they stand beside, and that takes the first of a
/// name, where a program that extracts leaves the last.
#[derive(Default)]
struct Sidecars(HashSet<PathBuf>);

impl Sidecars {
    /// Adds a member of these names, which may be in doubt, and says what is wrong with that.
    fn add<'a>(
        &mut self,
        called: impl IntoIterator<Item = &'a Vec<u8>>,
        doubt: Option<&io::Error>,
    ) -> Option<io::Error> {
        let called: BTreeSet<(PathBuf, bool)> = called
            .into_iter()
            .map(|name| (plain(name.clone()), leads_up(name)))
            .filter(|(at, _)| is_sidecar(at))
            .collect();
        let mut error = None;
        for (at, leads_up) in called {
            let why = match leads_up {
                true => Some("leads up with .., to where it may replace another one".to_owned()),
                false if self.0.contains(&at) => {
                    Some("is there twice, and which one is extracted last is not judged".to_owned())
                }
                false => doubt.map(|doubt| format!("is no plain file: {doubt}")),
            };
            error = error.or(why.map(|why| {
                let text = format!("the signature or journal {} {why}", at.display());
                io::Error::new(io::ErrorKind::InvalidData, text)
            }));
            self.0.insert(at);
        }
        error
    }
}

fn is_sidecar(path: &Path) -> bool {
    matches!(Named::of(path), Some(Named::Signature | Named::Journal))
}

fn leads_up(name: &[u8]) -> bool {
    name.split(|byte| *byte == b'/').any(|part| part == b"..")
}

/// The names that members have in the answer, each with the copies that were told of it: thousands of one name are a few
/// steps each.
#[derive(Default)]
struct Names(HashMap<PathBuf, usize>);

impl Names {
    /// A name that no other member has.
    fn own(&mut self, name: PathBuf) -> PathBuf {
        let Some(copies) = self.0.get(&name).copied() else {
            self.0.insert(name.clone(), 1);
            return name;
        };
        let mut copy = copies;
        loop {
            copy += 1;
            let mut again = name.clone().into_os_string();
            again.push(format!("#{copy}"));
            let again = PathBuf::from(again);
            if !self.0.contains_key(&again) {
                self.0.insert(again.clone(), 1);
                self.0.insert(name, copy);
                return again;
            }
        }
    }
}

/// Whether a member is a checkpoint, or one of the tiles of a log's entries.
fn is_of_log(member: &Path) -> bool {
    let entries = Path::new(TILE).join("entries");
    member.file_name().is_some_and(|name| name == CHECKPOINT) || member.ancestors().any(|dir| dir.ends_with(&entries))
}

impl Place for TarFile {
    fn list(&self, tell: &mut dyn FnMut(Result<Found, Unlisted>)) {
        self.found.iter().for_each(|found| tell(Ok(found.clone())));
        for (path, kind, error) in &self.wrong {
            let copy = io::Error::new(error.kind(), error.to_string());
            let unlisted = match error.kind() {
                io::ErrorKind::InvalidData => Unlisted::malformed,
                _ => Unlisted::unreadable,
            };
            tell(Err(unlisted(path, *kind, copy)));
        }
        for name in &self.twice {
            let text = format!("{} is in it more than once, with different contents; {WHICH}", name.display());
            let error = io::Error::other(text);
            let word = FaultKind::NameTwice;
            tell(Err(Unlisted { path: self.path.clone(), kind: Kind::Tar, word, error, is_note: true }));
        }
        for name in self.members.keys() {
            if let Some(missing) = left_over(name, |path| self.members.contains_key(path)) {
                tell(Err(missing));
            }
        }
        if self.members.keys().any(|name| is_of_log(name)) {
            let why = "the log of an archive in it is not asked: unpack it and audit the directory";
            tell(Err(Unlisted::passed_over(&self.path, Kind::Tar, why)));
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
