//! The interpreter of psql scripts: turns a file and its includes into steps, one pull at a time.
//!
//! It holds the open files' current lines and one statement, never a whole file. Callers can report
//! a statement's result between two pulls. A statement uses the variables' values at the moment of
//! its pull.

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
use super::psql_variables;
use super::results::result_names;
use super::statement::{CopySource, Statement, Then};
use super::strings::Strings;
use super::tokens::Tokens;
use super::variables::Variables;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

/// Maximum depth of nested includes, in files.
pub const MAX_INCLUDE_DEPTH: usize = 32;

/// Maximum number of includes that a script may execute.
const MAX_INCLUDES: usize = 10_000;

/// Source of a script's files. Names are `/`-separated paths inside the release, without `.` and
/// `..`.
pub trait Files {
    /// Opens a file at its beginning.
    fn open(&self, path: &str) -> Result<Box<dyn Read + '_>, FileError>;
}

/// The next action of a script.
#[derive(Debug)]
pub enum Step {
    /// A statement to send.
    Statement(Statement),
    /// A text to show.
    Echo {
        /// Destination of the text.
        to: EchoTarget,
        /// The text, with a line feed unless the script wrote `\echo -n`.
        text: String,
        /// Source location of the command.
        origin: Origin,
    },
    /// The next step depends on the result of the last statement: report it by
    /// [`Script::answered`]. An unreported result counts as unknown.
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
    /// Parameters from `\bind` and `\bind_named` for the next statement.
    pub(super) bound: Option<Bound>,
    /// Texts prepared by `\parse`, by name.
    pub(super) prepared: BTreeMap<String, String>,
    /// True while the last statement's result has not been reported.
    pub(super) unsettled: bool,
    /// True if the last step was [`Step::Await`].
    awaiting: bool,
    /// Number of opened files.
    includes: usize,
    /// The last statement, if its `\gset` has not been executed yet.
    stored: Option<Statement>,
    strings: Strings,
    pub(super) ways: Option<Ways>,
    pub(super) complaints: Option<Vec<ScriptError>>,
}

/// Parameters from `\bind` and `\bind_named` for the next statement.
pub(super) enum Bound {
    Parameters(Vec<String>),
    Named {
        name: String,
        parameters: Vec<String>,
    },
}

/// One way through the conditions that only a run can decide.
#[derive(Clone, Debug, Default)]
pub(super) struct Ways {
    /// Decisions to make, first to last; later ones are true.
    pub prescribed: Vec<bool>,
    /// Decisions made.
    pub taken: Vec<bool>,
}

impl<'f> Script<'f> {
    /// Opens the script at `path`.
    pub fn open(
        files: &'f dyn Files,
        path: &str,
        variables: Variables,
    ) -> Result<Self, ScriptError> {
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
        psql_variables::set_defaults(&mut script.variables);
        let path = resolve(path, None).map_err(|reason| ScriptError::Path {
            path: path.into(),
            reason,
            origin: None,
        })?;
        script.push(&path, None)?;
        Ok(script)
    }

    /// The next step, or `None` at the end. Not usable after an error.
    pub fn next_step(&mut self) -> Result<Option<Step>, ScriptError> {
        if std::mem::take(&mut self.awaiting) {
            self.answered(None);
        }
        if let Some(statement) = self.stored.take()
            && let Then::Store { prefix } = &statement.then
        {
            self.variables
                .doubt(prefix, result_names(&statement.sql).as_deref());
        }
        let step = self.advance();
        self.awaiting = matches!(step, Ok(Some(Step::Await)));
        if step.is_err() {
            self.frames.clear();
        }
        step
    }

    /// The data of the COPY returned last, valid until the next step, which skips unread data.
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
                let binary = (0..tokens.list.len())
                    .any(|i| tokens.is(i, "binary") || tokens.text(i) == "'binary'");
                if binary {
                    Ok(file)
                } else {
                    Ok(Box::new(data::Lines::new(file)))
                }
            }
        }
    }

    /// Collects the errors of conditions without a known value. From the first call on, such
    /// conditions are false, as in psql. Only for inspecting a script.
    pub fn complaints(&mut self) -> Vec<ScriptError> {
        self.complaints.replace(Vec::new()).unwrap_or_default()
    }

    /// The variables, for changes between two steps.
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
                // psql queries the setting line by line
                frame.scanner.escapes_everywhere = self.strings.escape_everywhere();
                if !frame.advance()? {
                    let last = end_of_file(frame)?;
                    if let Some(origin) = frame.conditions.open() {
                        return Err(ScriptError::Unterminated {
                            what: "\\if",
                            origin: origin.clone(),
                        });
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
            let around = Surroundings {
                variables: &self.variables,
                unsettled: self.unsettled,
                exploring: self.ways.is_some(),
            };
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

    pub(super) fn include(
        &mut self,
        path: &str,
        relative: bool,
        origin: &Origin,
    ) -> Result<(), ScriptError> {
        let base = self
            .frames
            .last()
            .filter(|_| relative)
            .map(|frame| Arc::clone(&frame.file));
        let resolved = resolve(path, base.as_deref()).map_err(|reason| ScriptError::Path {
            path: path.into(),
            reason,
            origin: Some(origin.clone()),
        })?;
        if self.frames.iter().any(|frame| *frame.file == *resolved) {
            return Err(ScriptError::Cycle {
                path: resolved,
                origin: origin.clone(),
            });
        }
        self.includes += 1;
        if self.frames.len() > MAX_INCLUDE_DEPTH || self.includes > MAX_INCLUDES {
            return Err(ScriptError::TooDeep {
                limit: MAX_INCLUDE_DEPTH,
                origin: origin.clone(),
            });
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
            .map(|origin| {
                std::iter::once(origin.at.clone())
                    .chain(origin.included_from.iter().cloned())
                    .collect()
            })
            .unwrap_or_default();
        if !self.included.iter().any(|seen| seen == path) {
            self.included.push(path.to_owned());
        }
        self.frames.push(Frame::new(path, reader, included_from));
        Ok(())
    }
}

/// Drops a statement that ended in a branch that is not taken, with its COPY data. psql would read
/// the data as SQL and fail on the `\.` after them.
fn pass_over(frame: &mut Frame<'_>) -> Result<(), ScriptError> {
    let kept = frame.conditions.kept_length();
    let text = String::from_utf8_lossy(frame.buffer.text_from(kept));
    let copies = inspect::first_word_is(&text, "copy")
        && inspect::inspect(&text).copy == Some(Copy::FromStdin);
    frame.buffer.truncate(kept);
    // forgets a body begun in the branch
    frame.scanner.take_saw_begin();
    if copies {
        frame.skip_untaken_data()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
