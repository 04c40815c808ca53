//! An archive against its log: what is gone, what is another file now, what nobody logged, and whether the log is still
//! the one that was signed. All faults, not the first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::append::pending;
use super::checkpoint::Checkpoint;
use super::hash::leaf;
use super::proof::{Leaves, check_consistency, consistency};
use super::stored::Stored;
use super::tile::{Content, Tile, WIDTH};
use super::{CHECKPOINT, TILE};
use crate::digest::{Digest, Hasher};
use crate::durable;
use crate::format::json;
use crate::format::log_entry::{LogEntry, LogKind};
use crate::parallel;
use crate::trust::TrustRoot;
use crate::words::count;

/// What an archive is, compared with its log.
#[derive(Debug)]
pub struct Comparison {
    /// The log's checkpoint as it stands there; `None` when there is none that can be read.
    pub checkpoint: Option<Checkpoint>,
    /// What was logged, in the order of the log, as far as it can be read.
    pub entries: Vec<LogEntry>,
    /// What is wrong, if anything.
    pub faults: Vec<LogFault>,
}

/// Something that is wrong with an archive or its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFault {
    /// What it is.
    pub kind: LogFaultKind,
    /// Where, below the archive.
    pub path: PathBuf,
    /// What it is, for people.
    pub sentence: String,
}

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogFaultKind {
    /// A logged file is gone.
    Deleted,
    /// A logged file has another content.
    Rewritten,
    /// A file of a kind that archives take is not in the log.
    Unlogged,
    /// The log's own files don't agree, or one is damaged or gone.
    Broken,
    /// No `log` key that counts has signed the checkpoint.
    Unsigned,
    /// Entries stand behind the checkpoint: an append was interrupted, or an older checkpoint was put back.
    Unfinished,
    /// A checkpoint that somebody kept is of a larger log: entries were taken away.
    Shrunk,
    /// A checkpoint that somebody kept is of another log: entries were changed, and the log was signed anew.
    Fork,
}

impl LogFaultKind {
    /// As `--json` has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::Rewritten => "rewritten",
            Self::Unlogged => "unlogged",
            Self::Broken => "broken",
            Self::Unsigned => "unsigned",
            Self::Unfinished => "unfinished",
            Self::Shrunk => "shrunk",
            Self::Fork => "fork",
        }
    }
}

/// Compares an archive with its log, and the log with checkpoints of it that were kept elsewhere. Log and list of files are
/// read while nobody appends; then every file is read. An error is only that the directory can't be read.
pub fn compare(dir: &Path, root: &TrustRoot, since: &[Checkpoint]) -> io::Result<Comparison> {
    if !std::fs::metadata(dir)?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "not a directory"));
    }
    let mut faults = Faults::default();
    // Best effort: where it can't be locked, an append at this moment may look like a fault.
    let lock = durable::lock(&dir.join(CHECKPOINT));
    let checkpoint = read_checkpoint(dir, root, &mut faults);
    let size = checkpoint.as_ref().map_or(0, Checkpoint::size);
    let (bytes, is_whole) = read_entries(dir, size, &mut faults);
    let leaves = Leaves::new(bytes.iter().map(|entry| leaf(entry)).collect());
    if let Some(checkpoint) = checkpoint.as_ref().filter(|_| is_whole) {
        check_tree(dir, checkpoint, &leaves, &mut faults);
    }
    let files = walk(dir, &mut faults);
    drop(lock);
    if let Some(checkpoint) = checkpoint.as_ref().filter(|_| is_whole) {
        since.iter().for_each(|kept| check_kept(kept, checkpoint, root, &leaves, &mut faults));
    }
    let entries = parse(&bytes, &mut faults);
    check_files(dir, &entries, files, &mut faults);
    Ok(Comparison { checkpoint, entries, faults: faults.0 })
}

#[derive(Default)]
struct Faults(Vec<LogFault>);

impl Faults {
    fn tell(&mut self, kind: LogFaultKind, path: impl Into<PathBuf>, sentence: impl Into<String>) {
        self.0.push(LogFault { kind, path: path.into(), sentence: sentence.into() });
    }
}

fn read_checkpoint(dir: &Path, root: &TrustRoot, faults: &mut Faults) -> Option<Checkpoint> {
    let checkpoint = Checkpoint::read(&dir.join(CHECKPOINT));
    let checkpoint = checkpoint.map_err(|error| faults.tell(LogFaultKind::Broken, CHECKPOINT, error.to_string()));
    let checkpoint = checkpoint.ok()?;
    if let Err(error) = checkpoint.authenticate(root) {
        faults.tell(LogFaultKind::Unsigned, CHECKPOINT, format!("not signed by a log key that counts: {error}"));
    }
    match pending(dir, checkpoint.size()).map(|entries| entries.len()) {
        Ok(0) => {}
        Ok(more) => faults.tell(
            LogFaultKind::Unfinished,
            CHECKPOINT,
            format!(
                "{} behind it: `archive add` was interrupted (the next one finishes it), or an older checkpoint was put back",
                stand(more)
            ),
        ),
        Err(error) => faults.tell(LogFaultKind::Broken, error.path.clone(), error.reason.to_string()),
    }
    Some(checkpoint)
}

fn stand(entries: usize) -> String {
    if entries == 1 { "1 entry stands".to_owned() } else { format!("{} stand", count(entries, "entry")) }
}

/// The entries, and whether all of them are there. Of a bundle that can't be read the places stay empty.
fn read_entries(dir: &Path, size: u64, faults: &mut Faults) -> (Vec<Vec<u8>>, bool) {
    let (stored, mut all, mut is_whole) = (Stored::new(dir, size), Vec::new(), true);
    for index in 0..size.div_ceil(WIDTH) {
        match stored.entries(index) {
            Ok(entries) => all.extend(entries),
            Err(error) => {
                is_whole = false;
                let lost = "so nobody can say what was logged there";
                faults.tell(LogFaultKind::Broken, error.path, format!("{}: {lost}", error.reason));
                // A checkpoint of any size can be written; where nothing is, nothing more is looked for.
                if !dir.join(TILE).is_dir() {
                    break;
                }
            }
        }
    }
    (all, is_whole)
}

/// Whether entries, tiles and checkpoint are of one tree. Where they are not, whose fault it is: what leads to the root
/// that was signed is right.
fn check_tree(dir: &Path, checkpoint: &Checkpoint, leaves: &Leaves, faults: &mut Faults) {
    let (size, stored) = (checkpoint.size(), Stored::new(dir, checkpoint.size()));
    let entries_hold = leaves.root(size) == Some(checkpoint.root());
    let before = faults.0.len();
    for tile in Tile::all(size) {
        let Content::Hashes(level) = tile.content else { continue };
        match stored.hashes(level, tile.index) {
            Err(error) => faults.tell(LogFaultKind::Broken, error.path, error.reason.to_string()),
            Ok(hashes) => {
                let from = usize::try_from(tile.index * WIDTH).unwrap_or(usize::MAX);
                let expected = leaves.level(level * 8).get(from..from + hashes.len()).unwrap_or_default();
                let Some(at) = (0..hashes.len()).find(|at| expected.get(*at) != hashes.get(*at)) else { continue };
                if entries_hold {
                    faults.tell(LogFaultKind::Broken, tile.to_string(), "not the hashes of the entries");
                } else if level == 0 {
                    let bundle = Tile { content: Content::Entries, ..tile };
                    let entry = tile.index * WIDTH + at as u64;
                    faults.tell(
                        LogFaultKind::Broken,
                        bundle.to_string(),
                        format!("entry {entry} is not the one that was logged: the tile {tile} has another hash"),
                    );
                }
            }
        }
    }
    if !entries_hold && faults.0.len() == before {
        let why = "the entries don't lead to the root hash that it signs";
        faults.tell(LogFaultKind::Broken, CHECKPOINT, format!("{why} ({})", count(size, "entry")));
    }
}

fn check_kept(kept: &Checkpoint, checkpoint: &Checkpoint, root: &TrustRoot, leaves: &Leaves, faults: &mut Faults) {
    let (old, new) = (kept.size(), checkpoint.size());
    let which = format!("the checkpoint that was kept, of {},", count(old, "entry"));
    if let Err(error) = kept.authenticate(root) {
        return faults.tell(LogFaultKind::Unsigned, CHECKPOINT, format!("{which} is not signed by a log key: {error}"));
    }
    if kept.origin() != checkpoint.origin() {
        let sentence = format!("{which} is of the log {:?}, and this is {:?}", kept.origin(), checkpoint.origin());
        return faults.tell(LogFaultKind::Fork, CHECKPOINT, sentence);
    }
    if old > new {
        let sentence = format!("{which} is of a larger log than this, of {new}: entries were taken away");
        return faults.tell(LogFaultKind::Shrunk, CHECKPOINT, sentence);
    }
    let proof = consistency(leaves, old, new).map_err(|error| error.to_string());
    let holds = proof.and_then(|proof| {
        check_consistency((old, kept.root()), (new, checkpoint.root()), &proof).map_err(|error| error.to_string())
    });
    if let Err(error) = holds {
        let sentence = format!("{which} is not the beginning of this log: what was logged then was changed ({error})");
        faults.tell(LogFaultKind::Fork, CHECKPOINT, sentence);
    }
}

fn parse(bytes: &[Vec<u8>], faults: &mut Faults) -> Vec<LogEntry> {
    let mut entries = Vec::with_capacity(bytes.len());
    for (at, entry) in bytes.iter().enumerate() {
        match json::from_canonical(entry) {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                let tile = Tile { content: Content::Entries, index: at as u64 / WIDTH, width: WIDTH };
                faults.tell(LogFaultKind::Broken, tile.to_string(), format!("entry {at} is none: {error}"));
            }
        }
    }
    entries
}

/// The files of kinds that archives take, without the log itself, by their paths below the archive.
fn walk(dir: &Path, faults: &mut Faults) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let log = dir.join(TILE);
    let walk = WalkDir::new(dir).sort_by_file_name().into_iter().filter_entry(|entry| {
        // What is being written at this moment, and what was when something was killed.
        entry.path() != log && !entry.file_name().as_encoded_bytes().starts_with(b".pgseal-")
    });
    for entry in walk {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => {
                let kind = entry.file_name().to_str().and_then(LogKind::of);
                let below = entry.path().strip_prefix(dir).unwrap_or(entry.path());
                files.extend(kind.is_some().then(|| below.to_owned()));
            }
            Err(error) => {
                let path = error.path().and_then(|path| path.strip_prefix(dir).ok()).unwrap_or(Path::new(""));
                faults.tell(LogFaultKind::Broken, path, format!("can't be read: {error}"));
            }
        }
    }
    files
}

fn check_files(dir: &Path, entries: &[LogEntry], files: BTreeSet<PathBuf>, faults: &mut Faults) {
    let mut logged: BTreeMap<&str, &LogEntry> = BTreeMap::new();
    for entry in entries {
        if let Some(first) = logged.insert(entry.path.as_str(), entry) {
            let sentence = format!("logged twice, as {} and as {}", first.sha256.short(), entry.sha256.short());
            faults.tell(LogFaultKind::Broken, entry.path.as_str(), sentence);
        }
    }
    let logged: Vec<&LogEntry> = logged.into_values().collect();
    let found = parallel::map(&logged, |entry| entry.size, |entry| check_file(dir, entry));
    faults.0.extend(found.into_iter().flatten());
    let paths: BTreeSet<&Path> = logged.iter().map(|entry| Path::new(entry.path.as_str())).collect();
    for path in files.iter().filter(|path| !paths.contains(path.as_path())) {
        faults.tell(
            LogFaultKind::Unlogged,
            path,
            "not in the log: `pgseal archive add` takes it in, if it is authentic",
        );
    }
}

fn check_file(dir: &Path, entry: &LogEntry) -> Option<LogFault> {
    let path = dir.join(entry.path.as_str());
    let fault = |kind, sentence: String| Some(LogFault { kind, path: entry.path.as_str().into(), sentence });
    let what = entry.kind.as_str();
    // A link is no file of the archive: what it leads to may be elsewhere.
    let is_link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
    match file_digest(&path) {
        Ok(_) if is_link => fault(LogFaultKind::Deleted, "gone: a link is in its place".to_owned()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => fault(
            LogFaultKind::Deleted,
            format!("gone: a {what} of {} with the digest {}", count(entry.size, "byte"), entry.sha256),
        ),
        Err(error) => fault(LogFaultKind::Rewritten, format!("can't be read: {error}")),
        Ok((size, digest)) if (size, digest) != (entry.size, entry.sha256) => fault(
            LogFaultKind::Rewritten,
            format!(
                "not the file that was logged: it has {} and the digest {digest}, logged were {} and {}",
                count(size, "byte"),
                entry.size,
                entry.sha256
            ),
        ),
        Ok(_) => None,
    }
}

/// Length and digest of a file.
pub fn file_digest(path: &Path) -> io::Result<(u64, Digest)> {
    // A pipe would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    let (mut file, mut hasher, mut size) = (File::open(path)?, Hasher::default(), 0);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((size, hasher.finish())),
            read => {
                hasher.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
}
