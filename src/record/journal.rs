//! The journal: a run's own file in the directory of its receipt, one JSON line a step, each with
//! the digest of the line before, fsynced before the step that it announces. `status` reads it if
//! the run ended without a receipt. Rollouts have journals with steps of their own.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::durable;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::receipt::{Action, ObservedTarget, Outcome, TrustReference};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::limits;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line<S = JournalStep> {
    /// The digest of the previous line without its line feed; of no bytes for the first.
    pub prev_sha256: Digest,
    pub at: Timestamp,
    pub step: S,
}

/// The steps of a kind of journal.
pub trait Step: Serialize + DeserializeOwned {
    /// The end of the journal's name.
    const EXTENSION: &'static str;

    /// Shortens long texts.
    fn fitted(self) -> Self {
        self
    }
}

impl Step for JournalStep {
    const EXTENSION: &'static str = "journal";

    fn fitted(self) -> Self {
        match self {
            Self::Retry { why } => Self::Retry {
                why: why.chars().take(WHY_CHARS).collect(),
            },
            step => step,
        }
    }
}

/// A step of a run, written before it is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalStep {
    /// The transaction is about to begin.
    Begin {
        /// Id of the run in the ledger and the receipt.
        run_id: String,
        action: Action,
        /// `one-roof 1.0.0`.
        release: String,
        release_id: Digest,
        target: Box<ObservedTarget>,
        trust: TrustReference,
        /// The unfinished run that this one resumes.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        resumes: Option<String>,
    },
    /// COMMIT is about to be sent.
    Commit {
        /// The server's transaction id, for `pg_xact_status`.
        transaction_id: String,
    },
    /// COMMIT was answered, and the run continues.
    Committed {
        transaction_id: String,
    },
    /// A statement outside of any transaction is about to be sent.
    Statement {
        tier: String,
        /// `file:line:column`.
        at: String,
    },
    /// A lock timeout or the like changed nothing, and the transaction is retried.
    Retry {
        why: String,
    },
    End {
        outcome: Outcome,
    },
}

/// Bytes that are reserved when a journal is created, and again whenever half of them are used: about
/// 3,000 lines.
const ROOM: u64 = 1 << 20;

/// Maximum length in characters of a recorded retry reason.
const WHY_CHARS: usize = 1_000;

/// An open journal. If it is dropped before its first line, no file remains.
pub struct Journal<S: Step = JournalStep> {
    file: File,
    path: PathBuf,
    last: Option<Digest>,
    /// Size of the lines on the medium.
    length: u64,
    /// End of the reserved bytes.
    room: u64,
    /// True if a partly written line may follow them.
    torn: bool,
    steps: PhantomData<fn(S)>,
}

impl<S: Step> Journal<S> {
    /// Creates the file, and `dir` if it is missing, with reserved bytes. Fails without a trace if the
    /// medium is full or read-only, or the file exists.
    pub fn create(dir: &Path, stem: &str) -> io::Result<Self> {
        durable::create_dirs(dir)?;
        let path = dir.join(format!("{stem}.{}", S::EXTENSION));
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)?;
        let mut journal = Self {
            file,
            path,
            last: None,
            length: 0,
            room: 0,
            torn: false,
            steps: PhantomData,
        };
        journal.take_room()?;
        journal.file.sync_all()?;
        durable::sync_dir(&journal.path)?;
        Ok(journal)
    }

    /// Appends a step, which is on the medium on return. After an error it is not written; later steps
    /// may be.
    pub fn write(&mut self, at: Timestamp, step: S) -> io::Result<()> {
        let line = Line {
            prev_sha256: self.last.unwrap_or_else(|| Digest::of(b"")),
            at,
            step: step.fitted(),
        };
        let mut bytes = serde_json::to_vec(&line)?;
        let digest = Digest::of(&bytes);
        bytes.push(b'\n');
        let length = self.length + bytes.len() as u64;
        // Longer journals are not read. The last line of a run always fits, because its room was
        // reserved before.
        if length > limits::JOURNAL_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if length + ROOM / 2 > self.room {
            // The line itself may still fit; the write below decides.
            let _ = self.take_room();
        }
        if self.torn {
            // A part of a line left by a full medium must not precede the next one.
            self.file.set_len(self.length)?;
        }
        self.torn = true;
        self.file.write_all(&bytes)?;
        self.file.sync_all()?;
        self.torn = false;
        (self.length, self.last) = (length, Some(digest));
        Ok(())
    }

    /// The digest of its last line; `None` before the first.
    pub fn last(&self) -> Option<Digest> {
        self.last
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Locks the file for the life of this journal, so that others can see that its writer lives.
    pub fn lock(&self) -> io::Result<()> {
        Ok(self.file.try_lock()?)
    }

    fn take_room(&mut self) -> io::Result<()> {
        durable::reserve(&self.file, ROOM)?;
        self.room = self.length + ROOM;
        Ok(())
    }
}

impl<S: Step> Drop for Journal<S> {
    fn drop(&mut self) {
        // Best effort, both: an empty journal proves nothing, and unused reserved space is
        // harmless.
        let _ = match self.last {
            None => std::fs::remove_file(&self.path),
            Some(_) => self.file.set_len(self.length),
        };
    }
}

/// A journal with an unbroken chain of lines.
#[derive(Debug, PartialEq, Eq)]
pub struct Chain<S = JournalStep> {
    pub lines: Vec<Line<S>>,
    pub digests: Vec<Digest>,
    /// Whether the last line is incomplete after a crash; it counts as not written.
    pub is_cut: bool,
}

/// Reads a journal; `None` if a line is malformed or does not follow the previous one.
pub fn read_chain<S: Step>(path: &Path) -> io::Result<Option<Chain<S>>> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > limits::JOURNAL_BYTES {
        return Ok(None);
    }
    Ok(chain(std::fs::read(path)?))
}

/// Like [`read_chain`], of bytes from any source.
pub fn chain<S: Step>(mut bytes: Vec<u8>) -> Option<Chain<S>> {
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    let whole = end.map_or(0, |at| at + 1);
    let mut chain = Chain {
        lines: Vec::new(),
        digests: Vec::new(),
        is_cut: whole < bytes.len(),
    };
    bytes.truncate(whole);
    let text = String::from_utf8(bytes).ok()?;
    for text in text.split_terminator('\n') {
        let before = chain.digests.last().copied();
        let before = before.unwrap_or_else(|| Digest::of(b""));
        let line = line_of(text).filter(|line| line.prev_sha256 == before);
        chain.lines.push(line?);
        chain.digests.push(Digest::of(text.as_bytes()));
    }
    Some(chain)
}

/// Reads a line that says what it is read as, and nothing else: derived readers also take lists for objects, null for an absent
/// field, and fields of a step that they don't know.
fn line_of<S: Step>(text: &str) -> Option<Line<S>> {
    let line: Line<S> = serde_json::from_str(text).ok()?;
    let said: serde_json::Value = serde_json::from_str(text).ok()?;
    (serde_json::to_value(&line).ok()? == said).then_some(line)
}

/// The lines of a journal; `None` as in [`read_chain`].
pub fn read(path: &Path) -> io::Result<Option<Vec<Line>>> {
    Ok(read_chain(path)?.map(|chain| chain.lines))
}

/// The journals of runs in a directory, ordered by name; none if it does not exist.
pub fn all_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    files_in(dir, JournalStep::EXTENSION)
}

/// The files of a directory by the end of their names; none if it does not exist.
pub fn files_in(dir: &Path, end: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>()?;
    let end = format!(".{end}");
    paths.retain(|path| {
        let name = path.file_name().unwrap_or_default();
        name.len() > end.len() && name.as_encoded_bytes().ends_with(end.as_bytes())
    });
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_it_is_read_as_and_nothing_else() {
        let line = |at: &str, step: &str| {
            format!(
                "{{\"at\":{at}, \"prev_sha256\":\"{}\", \"step\":{step}}}\n",
                Digest::of(b"")
            )
        };
        let at = "\"2026-11-21T12:00:00Z\"";
        let end = "{\"end\":{\"outcome\":\"committed\"}}";
        assert_eq!(
            chain::<JournalStep>(line(at, end).into_bytes()).map(|chain| chain.lines.len()),
            Some(1)
        );
        let list = format!("[\"{}\",{at},{end}]\n", Digest::of(b""));
        for other in [
            list,
            line(at, "{\"end\":[\"committed\"]}"),
            line(at, "{\"end\":{\"outcome\":\"committed\",\"more\":1}}"),
        ] {
            assert_eq!(
                chain::<JournalStep>(other.clone().into_bytes()),
                None,
                "{other}"
            );
        }
    }

    #[test]
    fn a_changed_or_removed_line_breaks_the_chain() {
        let dir = tempfile::tempdir().expect("temp dir");
        let mut journal = Journal::create(dir.path(), "a").expect("new");
        assert!(
            Journal::<JournalStep>::create(dir.path(), "a").is_err(),
            "an existing journal is never overwritten"
        );
        let at = Timestamp::from_seconds(0).expect("epoch");
        for id in ["1", "2", "3"] {
            let transaction_id = id.to_owned();
            let written = journal.write(at, JournalStep::Commit { transaction_id });
            written.expect("written");
        }
        let path = journal.path().to_owned();
        drop(journal);
        assert_eq!(read(&path).expect("read").map(|lines| lines.len()), Some(3));
        let text = std::fs::read_to_string(&path).expect("text");
        std::fs::write(&path, text.replace("\"2\"", "\"9\"")).expect("changed");
        assert_eq!(read(&path).expect("read"), None);
        let mut without_second: Vec<&str> = text.lines().collect();
        without_second.remove(1);
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
        let step = |id: &str| JournalStep::Commit {
            transaction_id: id.to_owned(),
        };
        journal.write(at, step("1")).expect("written");
        let read_only = File::open(journal.path()).expect("there");
        let file = std::mem::replace(&mut journal.file, read_only);
        journal
            .write(at, step("2"))
            .expect_err("nothing can be written");
        journal.file = file;
        // A part of the line had found room.
        journal
            .file
            .write_all(b"{\"prev_sha256\":\"")
            .expect("written");
        journal.write(at, step("3")).expect("written");
        journal.write(at, step("4")).expect("written");
        let lines = read(journal.path()).expect("read").expect("a journal");
        let steps: Vec<_> = lines.into_iter().map(|line| line.step).collect();
        assert_eq!(steps, ["1", "3", "4"].map(step));
    }

    #[test]
    fn nothing_is_left_of_what_never_began() {
        let dir = tempfile::tempdir().expect("temp dir");
        let below = dir.path().join("a/b");
        drop(Journal::<JournalStep>::create(&below, "a").expect("new"));
        assert!(all_in(&below).expect("read").is_empty());
    }
}
