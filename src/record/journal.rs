//! The journal: a run's own file beside its receipt, a JSON line for each step, each line with the digest of the one
//! before, fsynced before the step that it announces. It is what `status` reads when nobody came back to say how a run
//! ended.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::durable;
use crate::format::receipt::{Action, ObservedTarget, Outcome, TrustReference};
use crate::format::timestamp::Timestamp;
use crate::limits;

/// A line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The digest of the line before it, without its line feed; of no bytes for the first.
    pub prev_sha256: Digest,
    /// The host's clock.
    pub at: Timestamp,
    /// The step.
    pub step: JournalStep,
}

/// A step of a run, written before it is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalStep {
    /// The transaction is about to begin.
    Begin {
        /// Names the run in the ledger and the receipt.
        run_id: String,
        /// What was asked for.
        action: Action,
        /// `one-roof 1.0.0`.
        release: String,
        /// The release's id.
        release_id: Digest,
        /// Where.
        target: ObservedTarget,
        /// By which trust root.
        trust: TrustReference,
        /// The unfinished run that this one goes on with.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        resumes: Option<String>,
    },
    /// COMMIT is about to be sent.
    Commit {
        /// The server's transaction id: what `pg_xact_status` is asked about.
        transaction_id: String,
    },
    /// COMMIT was answered, and the run goes on.
    Committed {
        /// The server's transaction id.
        transaction_id: String,
    },
    /// A statement outside of any transaction is about to be sent.
    Statement {
        /// Its tier.
        tier: String,
        /// `file:line:column`.
        at: String,
    },
    /// A lock could not be had in time, nothing was changed, and the transaction begins anew.
    Retry {
        /// Why.
        why: String,
    },
    /// How it ended.
    End {
        /// Committed, unchanged, or unknown.
        outcome: Outcome,
    },
}

/// An open journal.
pub struct Journal {
    file: File,
    path: PathBuf,
    last: Digest,
    /// Where the last line that is there as a whole ends.
    end: u64,
    /// Something of another line may stand behind it.
    torn: bool,
}

impl Journal {
    /// Makes a new file in `dir`, which is made too. Fails before anything has happened when the medium is full,
    /// read-only, or the file exists.
    pub fn create(dir: &Path, stem: &str) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join(format!("{stem}.journal"));
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let journal = Self { file, path, last: Digest::of(b""), end: 0, torn: false };
        durable::sync_dir(&journal.path)?;
        Ok(journal)
    }

    /// Appends a step; it is on the medium when this returns. After an error it is not written, and a later step can be.
    pub fn write(&mut self, at: Timestamp, step: JournalStep) -> io::Result<()> {
        let line = Line { prev_sha256: self.last, at, step };
        let mut bytes = serde_json::to_vec(&line)?;
        let digest = Digest::of(&bytes);
        bytes.push(b'\n');
        if self.torn {
            // What a full medium took of a line must not stand before the next one.
            self.file.set_len(self.end)?;
            self.file.seek(SeekFrom::Start(self.end))?;
        }
        self.torn = true;
        self.file.write_all(&bytes)?;
        self.file.sync_all()?;
        self.torn = false;
        (self.last, self.end) = (digest, self.end + bytes.len() as u64);
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads a journal; `None` where a line is not a journal's, or doesn't follow the one before. A last line without line
/// feed was cut off by a crash and counts as not written.
pub fn read(path: &Path) -> io::Result<Option<Vec<Line>>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > limits::DOCUMENT_BYTES {
        return Ok(None);
    }
    let mut bytes = std::fs::read(path)?;
    bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
    let Ok(text) = String::from_utf8(bytes) else { return Ok(None) };
    let (mut last, mut lines) = (Digest::of(b""), Vec::new());
    for text in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
        match serde_json::from_str::<Line>(text) {
            Ok(line) if line.prev_sha256 == last => lines.push(line),
            _ => return Ok(None),
        }
        last = Digest::of(text.as_bytes());
    }
    Ok(Some(lines))
}

/// The journals of a directory, in the order of their names; none where it doesn't exist.
pub fn all_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let mut journals: Vec<_> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "journal")).collect();
    journals.sort();
    Ok(journals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_or_removed_line_breaks_the_chain() {
        let dir = tempfile::tempdir().expect("temp dir");
        let mut journal = Journal::create(dir.path(), "a").expect("new");
        assert!(Journal::create(dir.path(), "a").is_err(), "an existing journal is never overwritten");
        let at = Timestamp::from_seconds(0).expect("epoch");
        for id in ["1", "2", "3"] {
            journal.write(at, JournalStep::Commit { transaction_id: id.to_owned() }).expect("written");
        }
        let path = journal.path().to_owned();
        assert_eq!(read(&path).expect("read").map(|lines| lines.len()), Some(3));
        let text = std::fs::read_to_string(&path).expect("text");
        std::fs::write(&path, text.replace("\"2\"", "\"9\"")).expect("changed");
        assert_eq!(read(&path).expect("read"), None);
        let without_second: Vec<&str> = text.lines().enumerate().filter(|(at, _)| *at != 1).map(|(_, l)| l).collect();
        std::fs::write(&path, without_second.join("\n") + "\n").expect("removed");
        assert_eq!(read(&path).expect("read"), None);
        std::fs::write(&path, &text[..text.len() - 5]).expect("cut off");
        assert_eq!(read(&path).expect("read").map(|lines| lines.len()), Some(2));
    }

    #[test]
    fn a_line_that_the_medium_did_not_take_does_not_break_the_chain() {
        let dir = tempfile::tempdir().expect("temp dir");
        let mut journal = Journal::create(dir.path(), "a").expect("new");
        let at = Timestamp::from_seconds(0).expect("epoch");
        let step = |id: &str| JournalStep::Commit { transaction_id: id.to_owned() };
        journal.write(at, step("1")).expect("written");
        let read_only = File::open(journal.path()).expect("there");
        let file = std::mem::replace(&mut journal.file, read_only);
        journal.write(at, step("2")).expect_err("nothing can be written");
        journal.file = file;
        // A part of the line had found room.
        journal.file.write_all(b"{\"prev_sha256\":\"").expect("written");
        journal.write(at, step("3")).expect("written");
        journal.write(at, step("4")).expect("written");
        let lines = read(journal.path()).expect("read").expect("a journal");
        assert_eq!(lines.iter().map(|line| line.step.clone()).collect::<Vec<_>>(), ["1", "3", "4"].map(step));
    }
}
