//! The interpreter of psql scripts: from a file and its includes to steps, one pull at a time.
//!
//! It holds the open files' current lines and one statement, never a whole file. What a statement answered can be told
//! between two pulls; a statement has the values of the moment it is pulled.

mod answers;
mod sending;

use super::assemble::{LineStop, Surroundings, end_of_file, finish, scan_line};
use super::data;
use super::error::{FileError, ScriptError};
use super::frame::Frame;
use super::inspect::{self, Copy};
use super::meta::EchoTarget;
use super::path::resolve;
use super::position::{Origin, Position};
use super::results::result_names;
use super::special;
use super::statement::{CopySource, Statement, Then};
use super::strings::Strings;
use super::tokens::Tokens;
use super::variables::Variables;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

/// How many files deep includes may nest.
pub const MAX_INCLUDE_DEPTH: usize = 32;

/// How many includes a script may carry out.
const MAX_INCLUDES: usize = 10_000;

/// How the interpreter obtains files. Names are `/`-separated paths inside the release, without `.` and `..`.
pub trait Files {
    /// The file, from its beginning.
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, FileError>;
}

/// What a script does next.
#[derive(Debug)]
pub enum Step {
    /// Send this.
    Statement(Statement),
    /// Show this; the text ends with a line feed unless the script said `\echo -n`.
    Echo {
        /// Where it goes.
        to: EchoTarget,
        /// With its line feed, if it has one.
        text: String,
        /// Where the command stands.
        origin: Origin,
    },
    /// What follows depends on how the statement before ended: say it by [`Script::answered`], or nobody knows.
    Await,
}

/// A script that is being read.
pub struct Script<'f> {
    pub(super) files: &'f dyn Files,
    pub(super) frames: Vec<Frame<'f>>,
    pub(super) variables: Variables,
    included: Vec<String>,
    /// The key of `\restrict`, until the same key comes with `\unrestrict`.
    pub(super) restricted: Option<String>,
    /// What `\bind` and `\bind_named` left for the statement that comes.
    pub(super) bound: Option<Bound>,
    /// Texts by the names that `\parse` gave them.
    pub(super) prepared: BTreeMap<String, String>,
    /// The last statement was given out, and nobody said how it ended.
    pub(super) unsettled: bool,
    /// The last step was [`Step::Await`].
    awaiting: bool,
    /// Files that were opened.
    includes: usize,
    /// The last statement, if its `\gset` is not carried out yet.
    stored: Option<Statement>,
    strings: Strings,
    pub(super) ways: Option<Ways>,
    pub(super) complaints: Option<Vec<ScriptError>>,
}

/// What `\bind` and `\bind_named` left for the statement that comes.
pub(super) enum Bound {
    Parameters(Vec<String>),
    Named { name: String, parameters: Vec<String> },
}

/// One way through the conditions that only a run can decide.
#[derive(Clone, Debug, Default)]
pub(super) struct Ways {
    /// What to decide, first to last; then always "it holds".
    pub prescribed: Vec<bool>,
    /// What was decided.
    pub taken: Vec<bool>,
}

impl<'f> Script<'f> {
    /// Opens the script at `path`.
    pub fn open(files: &'f dyn Files, path: &str, variables: Variables) -> Result<Self, ScriptError> {
        let mut script = Self {
            files,
            frames: Vec::new(),
            variables,
            included: Vec::new(),
            restricted: None,
            bound: None,
            prepared: BTreeMap::new(),
            unsettled: false,
            awaiting: false,
            includes: 0,
            stored: None,
            strings: Strings::default(),
            ways: None,
            complaints: None,
        };
        special::set_defaults(&mut script.variables);
        let path =
            resolve(path, None).map_err(|reason| ScriptError::Path { path: path.into(), reason, origin: None })?;
        script.push(&path, None)?;
        Ok(script)
    }

    /// The next step, or `None` at the end. After an error the script is spent.
    pub fn next_step(&mut self) -> Result<Option<Step>, ScriptError> {
        if std::mem::take(&mut self.awaiting) {
            self.answered(None);
        }
        if let Some(statement) = self.stored.take()
            && let Then::Store { prefix } = &statement.then
        {
            self.variables.doubt(prefix, result_names(&statement.sql).as_deref());
        }
        let step = self.advance();
        self.awaiting = matches!(step, Ok(Some(Step::Await)));
        if step.is_err() {
            self.frames.clear();
        }
        step
    }

    /// The data of the COPY that was given out last; good until the next step, which skips what was not read.
    pub fn copy_data(&mut self, statement: &Statement) -> Result<Box<dyn Read + '_>, ScriptError> {
        match &statement.copy {
            None => Ok(Box::new(std::io::empty())),
            Some(CopySource::Script { .. }) => match self.frames.last_mut() {
                Some(frame) => Ok(Box::new(data::Inline::new(frame))),
                None => Ok(Box::new(std::io::empty())),
            },
            Some(CopySource::File(path)) => {
                let file = self.files.open(path).map_err(|source| ScriptError::Read {
                    path: path.clone(),
                    origin: Some(statement.origin.clone()),
                    source,
                })?;
                let tokens = Tokens::new(&statement.sql);
                let binary = (0..tokens.list.len()).any(|i| tokens.is(i, "binary") || tokens.text(i) == "'binary'");
                if binary { Ok(file) } else { Ok(Box::new(data::Lines::new(file))) }
            }
        }
    }

    /// Conditions without a known value are from now on false, as in psql, and told here. Only for looking at a script.
    pub fn complaints(&mut self) -> Vec<ScriptError> {
        self.complaints.replace(Vec::new()).unwrap_or_default()
    }

    /// The variables, to change them between two steps.
    pub fn variables_mut(&mut self) -> &mut Variables {
        &mut self.variables
    }

    /// Every file read so far, in order of first use; the main file first.
    pub fn included(&self) -> &[String] {
        &self.included
    }

    fn advance(&mut self) -> Result<Option<Step>, ScriptError> {
        while let Some(frame) = self.frames.last_mut() {
            if frame.data_due {
                frame.skip_data()?;
            }
            if !frame.in_line {
                // psql asks for the setting line by line
                frame.scanner.escapes_everywhere = self.strings.escape_everywhere();
                if !frame.advance()? {
                    let last = end_of_file(frame)?;
                    if let Some(origin) = frame.conditions.open() {
                        return Err(ScriptError::Unterminated { what: "\\if", origin: origin.clone() });
                    }
                    if let Some(statement) = last {
                        let step = self.send(statement);
                        self.frames.pop();
                        return step;
                    }
                    self.frames.pop();
                    continue;
                }
            }
            let around =
                Surroundings { variables: &self.variables, unsettled: self.unsettled, exploring: self.ways.is_some() };
            match scan_line(frame, around)? {
                LineStop::Statement if frame.conditions.active() => {
                    let statement = finish(frame, true)?;
                    return self.send(statement);
                }
                LineStop::Statement => pass_over(frame)?,
                LineStop::Command => {
                    if let Some(step) = self.command()? {
                        return Ok(Some(step));
                    }
                }
                LineStop::Await => return Ok(Some(Step::Await)),
                LineStop::End => frame.in_line = false,
            }
        }
        Ok(None)
    }

    pub(super) fn include(&mut self, path: &str, relative: bool, origin: &Origin) -> Result<(), ScriptError> {
        let base = self.frames.last().filter(|_| relative).map(|frame| Arc::clone(&frame.file));
        let resolved = resolve(path, base.as_deref()).map_err(|reason| ScriptError::Path {
            path: path.into(),
            reason,
            origin: Some(origin.clone()),
        })?;
        if self.frames.iter().any(|frame| *frame.file == *resolved) {
            return Err(ScriptError::Cycle { path: resolved, origin: origin.clone() });
        }
        self.includes += 1;
        if self.frames.len() > MAX_INCLUDE_DEPTH || self.includes > MAX_INCLUDES {
            return Err(ScriptError::TooDeep { limit: MAX_INCLUDE_DEPTH, origin: origin.clone() });
        }
        self.push(&resolved, Some(origin))
    }

    fn push(&mut self, path: &str, from: Option<&Origin>) -> Result<(), ScriptError> {
        let reader = self.files.open(path).map_err(|source| ScriptError::Read {
            path: path.into(),
            origin: from.cloned(),
            source,
        })?;
        let included_from: Vec<Position> = from
            .map(|origin| std::iter::once(origin.at.clone()).chain(origin.included_from.iter().cloned()).collect())
            .unwrap_or_default();
        if !self.included.iter().any(|seen| seen == path) {
            self.included.push(path.to_owned());
        }
        self.frames.push(Frame::new(path, reader, included_from));
        Ok(())
    }
}

/// A statement ended in a branch that is not taken. Its COPY data are passed over with it; psql would take them for SQL
/// and stumble over the `\.` behind them.
fn pass_over(frame: &mut Frame<'_>) -> Result<(), ScriptError> {
    let kept = frame.conditions.kept_length();
    let text = String::from_utf8_lossy(frame.buffer.text_from(kept));
    let copies = inspect::first_word_is(&text, "copy") && inspect::inspect(&text).copy == Some(Copy::FromStdin);
    frame.buffer.truncate(kept);
    // forgets what a body in the branch began
    frame.scanner.take_saw_begin();
    if copies { frame.skip_untaken_data() } else { Ok(()) }
}

#[cfg(test)]
mod tests;
