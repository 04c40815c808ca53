//! An archive against its log: what is gone, what is another file now, what nobody logged, and whether the log is still
//! the one that was signed. All faults, not the first.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use files::Logged;

use super::append::{pending, there};
use super::checkpoint::{Checkpoint, CheckpointError};
use super::hash::{empty, leaf};
use super::proof::{Leaves, check_consistency, consistency};
use super::stored::Stored;
use super::tile::{Content, Tile, WIDTH};
use super::{CHECKPOINT, Lost, REPAIR_CHECKPOINT, REPAIR_TILES, TILE};
use crate::digest::{Digest, Hasher};
use crate::durable;
use crate::format::json;
use crate::format::log_entry::LogEntry;
use crate::trust::TrustRoot;
use crate::trust::root::SignatureError;
use crate::words::count;

mod files;

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
    if !super::has_log(dir) {
        since.iter().for_each(|kept| tell_gone(kept, root, &mut faults));
        if since.is_empty() {
            faults.tell(LogFaultKind::Broken, CHECKPOINT, "there is no log");
        }
        return Ok(Comparison { checkpoint: None, entries: Vec::new(), faults: faults.0 });
    }
    // Best effort: where it can't be locked, an append at this moment may look like a fault.
    let lock = durable::lock(&dir.join(CHECKPOINT));
    let checkpoint = read_checkpoint(dir, &mut faults);
    let head = checkpoint.as_ref().filter(|checkpoint| is_its_own(checkpoint, root, &mut faults));
    if let Some(head) = head {
        check_pending(dir, head, &mut faults);
    }
    // What nobody's checkpoint bounds is what is there.
    let size = head.map_or_else(|| there(dir), Checkpoint::size);
    let (read, is_whole) = read_entries(dir, size, &mut faults);
    let is_unreadable = read.is_empty() && checkpoint.as_ref().is_none_or(|checkpoint| checkpoint.size() > 0);
    let leaves = Leaves::new(read.iter().map(|(_, entry)| leaf(entry)).collect());
    let bad = head.filter(|_| is_whole).map(|head| check_tree(dir, head, &leaves, &mut faults)).unwrap_or_default();
    let files = files::walk(dir, &mut faults);
    drop(lock);
    if is_whole && !is_unreadable {
        since.iter().for_each(|kept| check_kept(kept, head, root, &leaves, &mut faults));
    }
    let (bad, good): (Vec<_>, Vec<_>) = read.into_iter().partition(|(at, _)| bad.contains(at));
    let entries = parse(&good, size, &mut faults);
    if is_unreadable {
        tell_unreadable(dir, &mut faults);
    } else {
        let damaged = bad.into_iter().map(|(_, entry)| entry).collect();
        files::check(dir, &Logged { entries: &entries, damaged, is_whole }, files, &mut faults);
    }
    Ok(Comparison { checkpoint, entries, faults: faults.0 })
}

#[derive(Default)]
struct Faults(Vec<LogFault>);

impl Faults {
    fn tell(&mut self, kind: LogFaultKind, path: impl Into<PathBuf>, sentence: impl Into<String>) {
        self.0.push(LogFault { kind, path: path.into(), sentence: sentence.into() });
    }
}

/// Of a log of which nothing is there but a checkpoint that somebody kept.
fn tell_gone(kept: &Checkpoint, root: &TrustRoot, faults: &mut Faults) {
    let which = format!("a checkpoint of {} was kept", count(kept.size(), "entry"));
    match kept.authenticate(root) {
        Ok(_) => faults.tell(
            LogFaultKind::Deleted,
            CHECKPOINT,
            format!("the log of {} is gone, of which {which}; so the files can't be compared with it", kept.origin()),
        ),
        Err(error) => faults.tell(
            LogFaultKind::Unsigned,
            CHECKPOINT,
            format!("there is no log, and {which} that is not signed by a log key: {error}"),
        ),
    }
}

fn read_checkpoint(dir: &Path, faults: &mut Faults) -> Option<Checkpoint> {
    let error = match Checkpoint::read(&dir.join(CHECKPOINT)) {
        Ok(checkpoint) => return Some(checkpoint),
        Err(error) => error,
    };
    let what = match &error {
        CheckpointError::Io(io) if io.kind() == io::ErrorKind::NotFound => "gone".to_owned(),
        error => error.to_string(),
    };
    faults.tell(LogFaultKind::Broken, CHECKPOINT, format!("{what}: {REPAIR_CHECKPOINT}"));
    None
}

/// Whether a checkpoint is as a key signed it, also one that doesn't count any more. What was changed since says nothing
/// about the log.
fn is_its_own(checkpoint: &Checkpoint, root: &TrustRoot, faults: &mut Faults) -> bool {
    let Err(error) = checkpoint.authenticate(root) else { return true };
    faults.tell(LogFaultKind::Unsigned, CHECKPOINT, format!("not signed by a log key that counts: {error}"));
    matches!(error, SignatureError::Threshold { why, .. } if !why.is_empty())
}

fn check_pending(dir: &Path, head: &Checkpoint, faults: &mut Faults) {
    match pending(dir, head.size()).map(|entries| entries.len()) {
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
}

fn tell_unreadable(dir: &Path, faults: &mut Faults) {
    let lost = "so the files can't be compared with the log";
    match Lost::of(dir) {
        Some(Lost::Tiles) => faults.tell(LogFaultKind::Broken, TILE, format!("gone, {lost}: {REPAIR_TILES}")),
        _ => faults.tell(LogFaultKind::Broken, TILE, format!("no entry can be read, {lost}")),
    }
}

fn stand(entries: usize) -> String {
    if entries == 1 { "1 entry stands".to_owned() } else { format!("{} stand", count(entries, "entry")) }
}

/// After so many tiles that are lost one after the other the log counts as ended.
const LOST_TOGETHER: usize = 16;

/// The entries with their places, and whether all of them are there.
fn read_entries(dir: &Path, size: u64, faults: &mut Faults) -> (Vec<(u64, Vec<u8>)>, bool) {
    let (stored, mut all, mut is_whole) = (Stored::new(dir, size), Vec::new(), true);
    if !dir.join(TILE).join("entries").is_dir() {
        return (all, size == 0);
    }
    let mut lost_together = 0;
    for index in 0..size.div_ceil(WIDTH) {
        match stored.entries(index) {
            Ok(entries) => {
                lost_together = 0;
                all.extend((index * WIDTH..).zip(entries));
            }
            // The size may be anybody's word.
            Err(_) if lost_together == LOST_TOGETHER => {
                let more = "no more of it is looked for: nobody can say what was logged behind that";
                faults.tell(LogFaultKind::Broken, TILE, more);
                break;
            }
            Err(error) => {
                lost_together += 1;
                is_whole = false;
                let lost = "so nobody can say what was logged there";
                faults.tell(LogFaultKind::Broken, error.path, format!("{}: {lost}", error.reason));
            }
        }
    }
    (all, is_whole)
}

/// Whether entries, tiles and checkpoint are of one tree. Where they are not, whose fault it is: what leads to the root
/// that was signed is right. Answers with the places of entries that are not the logged ones.
fn check_tree(dir: &Path, checkpoint: &Checkpoint, leaves: &Leaves, faults: &mut Faults) -> BTreeSet<u64> {
    let (size, stored) = (checkpoint.size(), Stored::new(dir, checkpoint.size()));
    let entries_hold = leaves.root(size) == Some(checkpoint.root());
    let (before, mut bad) = (faults.0.len(), BTreeSet::new());
    for tile in Tile::all(size) {
        let Content::Hashes(level) = tile.content else { continue };
        match stored.hashes(level, tile.index) {
            Err(error) => faults.tell(LogFaultKind::Broken, error.path, error.reason.to_string()),
            Ok(hashes) => {
                let from = usize::try_from(tile.index * WIDTH).unwrap_or(usize::MAX);
                let expected = leaves.level(level * 8).get(from..from + hashes.len()).unwrap_or_default();
                let differ: Vec<u64> = (0..hashes.len())
                    .filter(|at| expected.get(*at) != hashes.get(*at))
                    .map(|at| tile.index * WIDTH + at as u64)
                    .collect();
                let Some(first) = differ.first() else { continue };
                if entries_hold {
                    faults.tell(LogFaultKind::Broken, tile.to_string(), "not the hashes of the entries");
                } else if level == 0 {
                    let bundle = Tile { content: Content::Entries, ..tile };
                    let which = match differ.len() {
                        1 => format!("entry {first} is not the one that was logged"),
                        many => format!("entry {first} and {} more are not those that were logged", many - 1),
                    };
                    let sentence = format!("{which}: the tile {tile} has another hash");
                    faults.tell(LogFaultKind::Broken, bundle.to_string(), sentence);
                    bad.extend(differ);
                }
            }
        }
    }
    if !entries_hold && faults.0.len() == before {
        let why = "the entries don't lead to the root hash that it signs";
        faults.tell(LogFaultKind::Broken, CHECKPOINT, format!("{why} ({})", count(size, "entry")));
    }
    bad
}

/// Without a checkpoint of its own a log is what its entries are.
fn check_kept(kept: &Checkpoint, head: Option<&Checkpoint>, root: &TrustRoot, leaves: &Leaves, faults: &mut Faults) {
    let (old, new) = (kept.size(), head.map_or(leaves.level(0).len() as u64, Checkpoint::size));
    let which = format!("the checkpoint that was kept, of {},", count(old, "entry"));
    if let Err(error) = kept.authenticate(root) {
        return faults.tell(LogFaultKind::Unsigned, CHECKPOINT, format!("{which} is not signed by a log key: {error}"));
    }
    if let Some(checkpoint) = head.filter(|head| head.origin() != kept.origin()) {
        let sentence = format!("{which} is of the log {:?}, and this is {:?}", kept.origin(), checkpoint.origin());
        return faults.tell(LogFaultKind::Fork, CHECKPOINT, sentence);
    }
    if old > new {
        let sentence = format!("{which} is of a larger log than this, of {new}: entries were taken away");
        return faults.tell(LogFaultKind::Shrunk, CHECKPOINT, sentence);
    }
    let proof = consistency(leaves, old, new).map_err(|error| error.to_string());
    let holds = proof.and_then(|proof| {
        let now = head.map(Checkpoint::root).or_else(|| leaves.root(new)).unwrap_or_else(empty);
        check_consistency((old, kept.root()), (new, now), &proof).map_err(|error| error.to_string())
    });
    if let Err(error) = holds {
        let sentence = format!("{which} is not the beginning of this log: what was logged then was changed ({error})");
        faults.tell(LogFaultKind::Fork, CHECKPOINT, sentence);
    }
}

fn parse(read: &[(u64, Vec<u8>)], size: u64, faults: &mut Faults) -> Vec<LogEntry> {
    let mut entries = Vec::with_capacity(read.len());
    for (at, entry) in read {
        match json::from_canonical(entry) {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                let bundle = Tile::of(Content::Entries, at / WIDTH, size).map(|tile| tile.to_string());
                faults.tell(LogFaultKind::Broken, bundle.unwrap_or_default(), format!("entry {at} is none: {error}"));
            }
        }
    }
    entries
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
