//! The journal of a rollout: `STEM.rollout.jsonl`. Each line is on the medium before its step is
//! taken, and its writer holds the file's lock.

use std::fs::{File, TryLockError};
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::course::Course;
use crate::durable;
use crate::record::journal::{self, Step};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::receipt::Action;
use pgseal_verify::format::rollout::RolloutDatabase;

pub type Journal = journal::Journal<RolloutStep>;

/// A step of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutStep {
    /// The databases are known, and the first is about to begin.
    Begin(Box<Begin>),
    /// The command on a database is about to start.
    Started {
        /// Position in the list of databases.
        at: usize,
    },
    /// The command on a database ended.
    Ended {
        at: usize,
        database: RolloutDatabase,
    },
    /// A database of a finished wave answered the soak question.
    Soak {
        at: usize,
        ready: bool,
        reason: String,
    },
    /// No further database begins.
    Stopping { why: String },
    End {
        /// The exit code of the rollout.
        exit: u8,
    },
}

/// The first step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    pub rollout_id: String,
    pub action: Action,
    pub release: Release,
    pub release_id: Digest,
    pub plan_sha256: Digest,
    /// Number of databases at the same time.
    pub parallel: NonZeroUsize,
    /// The rollout that this one continues.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resumes: Option<String>,
    /// All databases, each as it was known at the begin.
    pub databases: Vec<RolloutDatabase>,
}

impl Step for RolloutStep {
    const EXTENSION: &'static str = "rollout.jsonl";
}

/// A journal that was read.
pub struct Found {
    pub path: PathBuf,
    pub course: Course,
    /// Whether its writer is alive.
    pub is_running: bool,
}

/// Takes the lead of all rollouts in a directory, for as long as the file lives; `None` if another
/// process has it.
pub fn lead(dir: &Path) -> io::Result<Option<File>> {
    durable::create_dirs(dir)?;
    let dir = File::open(dir)?;
    match dir.try_lock() {
        Ok(()) => Ok(Some(dir)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Reads a journal; `None` if it is empty. A damaged one is an error: an older one would be taken for
/// the newest.
pub fn read(path: &Path) -> io::Result<Option<Found>> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the journal is damaged");
    let metadata = std::fs::metadata(path)?;
    // A pipe would wait for a writer.
    if !metadata.is_file() {
        return Err(damaged());
    }
    // Before the lines, so that a rollout that ends meanwhile counts as running, and not as killed.
    let is_running = match File::open(path)?.try_lock_shared() {
        Ok(()) => false,
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(error)) => return Err(error),
    };
    let chain = journal::read_chain::<RolloutStep>(path)?.ok_or_else(damaged)?;
    if chain.lines.is_empty() {
        return Ok(None);
    }
    let course = Course::of(chain.lines).ok_or_else(damaged)?;
    Ok(Some(course).map(|course| Found {
        path: path.to_owned(),
        course,
        is_running,
    }))
}

/// The newest journal in a directory that `is_wanted`.
pub fn newest(dir: &Path, is_wanted: impl Fn(&Course) -> bool) -> io::Result<Option<Found>> {
    let mut newest: Option<Found> = None;
    for path in journal::files_in(dir, RolloutStep::EXTENSION)? {
        let found = read(&path)?.filter(|found| is_wanted(&found.course));
        // Names are in the order of time within one release and action; of one second, the last.
        newest = match (newest, found) {
            (Some(known), Some(found)) if found.course.at < known.course.at => Some(known),
            (known, found) => found.or(known),
        };
    }
    Ok(newest)
}
