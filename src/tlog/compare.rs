//! Compares an archive with its log: deleted, rewritten and unlogged files, and changes of the
//! signed log itself. Reports all faults, not only the first.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use damaged::Damaged;
use files::Logged;
use pending::Pending;

use super::append::there;
use super::checkpoint::{Checkpoint, CheckpointError};
use super::hash::leaf;
use super::proof::Leaves;
use super::read;
use super::stored::Stored;
use super::tile::{Content, Tile, WIDTH};
use super::{CHECKPOINT, Lost, REPAIR_CHECKPOINT, REPAIR_TILES, TILE};
use crate::durable::{self, DirHandle, is_link};
use crate::trust::TrustRoot;
use crate::trust::root::SignatureError;
use pgseal_verify::digest::{Digest, Hasher};
use pgseal_verify::format::json;
use pgseal_verify::format::log_entry::LogEntry;
use pgseal_verify::plural::count;

use LogFaultKind::{Broken, Deleted, Unsigned};

mod damaged;
mod files;
mod pending;
mod tree;

#[derive(Debug)]
pub struct Comparison {
    /// The log's checkpoint on disk; `None` if it is missing or unreadable.
    pub checkpoint: Option<Checkpoint>,
    /// The readable entries, in the order of the log.
    pub entries: Vec<LogEntry>,
    /// Files logged only after the checkpoint, according to unsigned entries. One fault covers all
    /// of them.
    pub behind: Vec<PathBuf>,
    pub faults: Vec<LogFault>,
}

/// A fault of an archive or its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFault {
    pub kind: LogFaultKind,
    pub path: PathBuf,
    pub sentence: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogFaultKind {
    Deleted,
    Rewritten,
    /// A file of a loggable kind is not in the log, or its entry cannot be verified.
    Unlogged,
    /// The log's own files disagree, or one is damaged or missing.
    Broken,
    /// No `log` key that counts has signed the checkpoint.
    Unsigned,
    /// Entries after the checkpoint: an append was interrupted, or an older checkpoint was
    /// restored.
    Unfinished,
    /// A checkpoint kept elsewhere is of a larger log: entries were removed.
    Shrunk,
    /// A checkpoint kept elsewhere is of another log: entries were changed, and the log was signed
    /// again.
    Fork,
}

impl LogFaultKind {
    /// Spelling in `--json`.
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

/// Progress of a comparison, reported from any thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Waits for the lock of an append; at most half a minute.
    Waiting,
    /// Some of the logged files were read.
    Read { done: usize, of: usize },
}

/// Compares an archive with its log, and the log with its checkpoints kept elsewhere. A lock
/// excludes appends while the log and the list of files are read; then every file is read. The only
/// error is an unreadable directory.
pub fn compare(
    dir: &Path,
    root: &TrustRoot,
    since: &[Checkpoint],
    seen: &(dyn Fn(Progress) + Sync),
) -> io::Result<Comparison> {
    if !std::fs::metadata(dir)?.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::NotADirectory,
            "not a directory",
        ));
    }
    let mut faults = Faults::default();
    if !super::has_log(dir) {
        since
            .iter()
            .for_each(|kept| report_gone(kept, root, &mut faults));
        if since.is_empty() {
            faults.add(Broken, CHECKPOINT, "there is no log");
        }
        return Ok(Comparison {
            checkpoint: None,
            entries: Vec::new(),
            behind: Vec::new(),
            faults: faults.0,
        });
    }
    // Best effort: without a lock, a concurrent append may look like a fault.
    let lock = durable::lock_shared(&dir.join(CHECKPOINT), &|| seen(Progress::Waiting));
    let checkpoint = read_checkpoint(dir, &mut faults);
    let head = checkpoint
        .as_ref()
        .filter(|checkpoint| is_its_own(checkpoint, root, &mut faults));
    let below = DirHandle::open(dir)?;
    let is_elsewhere = [TILE, "tile/entries"].iter().any(|path| {
        below
            .names(Path::new(path))
            .is_err_and(|error| is_link(&error))
    });
    let pending = head
        .filter(|_| !is_elsewhere)
        .and_then(|head| Pending::report(dir, head, &mut faults));
    // Without a checkpoint, the entries on disk determine the size.
    let size = head.map_or_else(|| there(dir), |head| head.size());
    let (read, is_whole) = if is_elsewhere {
        (Vec::new(), false)
    } else {
        read_entries(dir, size, &mut faults)
    };
    let is_unreadable = read.is_empty()
        && checkpoint
            .as_ref()
            .is_none_or(|checkpoint| checkpoint.size() > 0);
    let leaves = Leaves::new(read.iter().map(|(_, entry)| leaf(entry)).collect());
    let bad_at = head
        .filter(|_| is_whole)
        .map(|head| tree::check(dir, head, &leaves, &mut faults))
        .unwrap_or_default();
    let files = files::walk(dir, &mut faults);
    drop(lock);
    if is_whole && !is_unreadable {
        since
            .iter()
            .for_each(|kept| tree::check_kept(kept, head, root, &leaves, &mut faults));
    }
    let (bad, good): (Vec<_>, Vec<_>) = read
        .into_iter()
        .partition(|(at, _)| bad_at.contains_key(at));
    let (entries, mut behind) = (parse(&good, size, &mut faults), Vec::new());
    if is_elsewhere {
        let lost = "so the files can't be compared with the log, which lies in the archive itself";
        faults.add(
            Broken,
            TILE,
            format!("it is or has a link, {lost}: put the directory itself there"),
        );
    } else if is_unreadable {
        report_unreadable(dir, &mut faults);
    } else {
        let hash = |at: u64| bad_at.get(&at).copied().flatten();
        let damaged = bad
            .into_iter()
            .map(|(at, bytes)| Damaged {
                bytes,
                leaf: hash(at),
            })
            .collect();
        let after = pending.as_ref().map_or(&[][..], |pending| &pending.entries);
        let logged = Logged {
            below: &below,
            entries: &entries,
            behind: after,
            damaged,
            is_whole,
        };
        behind = files::check(&logged, files, &mut faults, &|done, of| {
            seen(Progress::Read { done, of })
        });
    }
    if let Some(pending) = pending {
        pending.report_files(behind.len(), &mut faults);
    }
    Ok(Comparison {
        checkpoint,
        entries,
        behind,
        faults: faults.0,
    })
}

#[derive(Default)]
struct Faults(Vec<LogFault>);

impl Faults {
    fn add(&mut self, kind: LogFaultKind, path: impl Into<PathBuf>, sentence: impl Into<String>) {
        self.0.push(LogFault {
            kind,
            path: path.into(),
            sentence: sentence.into(),
        });
    }
}

/// Reports a log of which only a kept checkpoint remains.
fn report_gone(kept: &Checkpoint, root: &TrustRoot, faults: &mut Faults) {
    let which = format!("a checkpoint of {} was kept", count(kept.size(), "entry"));
    match kept.authenticate(root) {
        Ok(_) => faults.add(
            Deleted,
            CHECKPOINT,
            format!(
                "the log of {} is gone, of which {which}; so the files can't be compared with it",
                kept.origin()
            ),
        ),
        Err(error) => faults.add(
            Unsigned,
            CHECKPOINT,
            format!("there is no log, and {which} that is not signed by a log key: {error}"),
        ),
    }
}

fn read_checkpoint(dir: &Path, faults: &mut Faults) -> Option<Checkpoint> {
    let error = match read::checkpoint_of(dir) {
        Ok(checkpoint) => return Some(checkpoint),
        Err(error) => error,
    };
    let what = match &error {
        CheckpointError::Io(io) if io.kind() == io::ErrorKind::NotFound => "gone".to_owned(),
        error => error.to_string(),
    };
    faults.add(Broken, CHECKPOINT, format!("{what}: {REPAIR_CHECKPOINT}"));
    None
}

/// True if the checkpoint is unchanged since a key signed it, even one that no longer counts. A
/// changed checkpoint proves nothing about the log.
fn is_its_own(checkpoint: &Checkpoint, root: &TrustRoot, faults: &mut Faults) -> bool {
    let Err(error) = checkpoint.authenticate(root) else {
        return true;
    };
    faults.add(
        Unsigned,
        CHECKPOINT,
        format!("not signed by a log key that counts: {error}"),
    );
    matches!(error, SignatureError::Threshold { why, .. } if !why.is_empty())
}

fn report_unreadable(dir: &Path, faults: &mut Faults) {
    let lost = "so the files can't be compared with the log";
    let sentence = match Lost::of(dir) {
        Some(Lost::Tiles) => format!("gone, {lost}: {REPAIR_TILES}"),
        _ => format!("no entry can be read, {lost}"),
    };
    faults.add(Broken, TILE, sentence);
}

/// Number of consecutive lost tiles after which the log counts as ended.
const LOST_TOGETHER: usize = 16;

/// The entries with their indexes, and whether all of them are present.
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
            // The size may be forged.
            Err(_) if lost_together == LOST_TOGETHER => {
                let more = "the search ends here: the entries behind that are unknown";
                faults.add(Broken, TILE, more);
                break;
            }
            Err(error) => {
                lost_together += 1;
                is_whole = false;
                let lost = "so the entries there are unknown";
                faults.add(Broken, error.path, format!("{}: {lost}", error.reason));
            }
        }
    }
    (all, is_whole)
}

fn parse(read: &[(u64, Vec<u8>)], size: u64, faults: &mut Faults) -> Vec<LogEntry> {
    let mut entries = Vec::with_capacity(read.len());
    for (at, entry) in read {
        match json::from_canonical(entry) {
            Ok(entry) => entries.push(entry),
            Err(error) => {
                let bundle =
                    Tile::of(Content::Entries, at / WIDTH, size).map(|tile| tile.to_string());
                faults.add(
                    Broken,
                    bundle.unwrap_or_default(),
                    format!("entry {at} is none: {error}"),
                );
            }
        }
    }
    entries
}

/// Length and digest of a file given by the user.
pub fn file_digest(path: &Path) -> io::Result<(u64, Digest)> {
    digest_of(durable::open_regular(path)?, &|_| {})
}

/// Length and digest of an open file; `read` receives the number of bytes of each read.
pub fn digest_of(mut file: File, read: &dyn Fn(u64)) -> io::Result<(u64, Digest)> {
    let (mut hasher, mut size) = (Hasher::default(), 0);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((size, hasher.finish())),
            more => {
                hasher.update(&buffer[..more]);
                size += more as u64;
                read(more as u64);
            }
        }
    }
}
