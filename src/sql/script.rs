//! The interpreter of psql scripts: from a file and its includes to steps, one pull at a time.
//!
//! It holds the open files and one statement, never the list of all. Variables can be read and changed between two
//! pulls; a statement has the values of the moment it is pulled.

use super::arguments::{Argument, ArgumentFault, Arguments, is_space};
use super::assemble::{LineStop, end_of_file, finish, scan_line};
use super::error::{FileError, ScriptError};
use super::frame::Frame;
use super::lexemes::span;
use super::meta::{Command, EchoTarget, SHELL};
use super::path::resolve;
use super::position::{Origin, Source};
use super::statement::Statement;
use super::variables::Variables;
use std::sync::Arc;

/// How many files deep includes may nest.
pub const MAX_INCLUDE_DEPTH: usize = 32;

/// How the interpreter obtains files. Names are `/`-separated paths inside the release, without `.` and `..`.
pub trait Files {
    /// The whole file.
    fn read(&self, path: &str) -> Result<Arc<[u8]>, FileError>;
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
    /// What follows depends on how the statement before ended: say it by [`Script::answered`] and pull again.
    Await,
}

/// A script that is being read.
pub struct Script<'f> {
    files: &'f dyn Files,
    frames: Vec<Frame>,
    variables: Variables,
    included: Vec<String>,
    /// The key of `\restrict`, until the same key comes with `\unrestrict`.
    restricted: Option<String>,
}

impl<'f> Script<'f> {
    /// Opens the script at `path`.
    pub fn open(files: &'f dyn Files, path: &str, variables: Variables) -> Result<Self, ScriptError> {
        let mut script = Self { files, frames: Vec::new(), variables, included: Vec::new(), restricted: None };
        let path =
            resolve(path, None).map_err(|reason| ScriptError::Path { path: path.into(), reason, origin: None })?;
        script.push(&path, None)?;
        Ok(script)
    }

    /// The next step, or `None` at the end. After an error the script is spent.
    pub fn next_step(&mut self) -> Result<Option<Step>, ScriptError> {
        let step = self.advance();
        if step.is_err() {
            self.frames.clear();
        }
        step
    }

    /// The data of the COPY that was given out last; good until the next step, which skips what was not read.
    pub fn copy_data(&mut self, _statement: &Statement) -> Result<Box<dyn std::io::Read + '_>, ScriptError> {
        match self.frames.last_mut().and_then(|frame| frame.data.take()) {
            Some(data) => Ok(Box::new(std::io::Cursor::new(data.as_bytes().to_vec()))),
            None => Ok(Box::new(std::io::empty())),
        }
    }

    /// Says how the last statement ended: `ROW_COUNT` is this number of rows.
    pub fn answered(&mut self, _rows: u64) {}

    /// Carries out the `\gset` of a statement: sets variables from its only row.
    pub fn store(
        &mut self,
        _statement: &Statement,
        _columns: &[String],
        _rows: &[Vec<Option<String>>],
    ) -> Result<(), ScriptError> {
        Ok(())
    }

    /// The variables as they are now.
    pub fn variables(&self) -> &Variables {
        &self.variables
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
            if !frame.in_line && !frame.advance() {
                let last = end_of_file(frame)?;
                self.frames.pop();
                if let Some(statement) = last {
                    return Ok(Some(Step::Statement(statement)));
                }
                continue;
            }
            match scan_line(frame, &self.variables)? {
                LineStop::Statement => return finish(frame, true).map(|statement| Some(Step::Statement(statement))),
                LineStop::Command => {
                    if let Some(step) = self.command()? {
                        return Ok(Some(step));
                    }
                }
                LineStop::End => frame.in_line = false,
            }
        }
        Ok(None)
    }

    /// Runs the meta-command at the scan's place.
    fn command(&mut self) -> Result<Option<Step>, ScriptError> {
        let Some(frame) = self.frames.last_mut() else { return Ok(None) };
        frame.drop_fed_line();
        let source = frame.source.clone();
        let start = frame.at;
        let name_end = span(&source.bytes, start + 1, frame.line_end, |b| !is_space(b) && b != b'\\');
        let name = String::from_utf8_lossy(&source.bytes[start + 1..name_end]).into_owned();
        let origin = frame.origin(start);
        let command = Command::named(&name);
        let place = Place { name: &name, origin: &origin };
        if let Command::Refused { reason, hint } = command {
            return Err(place.refused(reason, hint));
        }
        if self.restricted.is_some() && command != Command::Unrestrict {
            return Err(place.refused("between \\restrict and \\unrestrict no other meta-command may stand", None));
        }
        if !command.leaves_the_statement_alone() && !frame.buffer.is_blank(&frame.source) {
            return Err(place.refused("it stands in the middle of a statement", Some("end the statement before it")));
        }

        let mut lexer = Arguments::new(&source.bytes, name_end, frame.line_end, &self.variables);
        let mut arguments = Vec::new();
        while let Some(argument) = lexer.next().map_err(|fault| argument_fault(fault, frame, &name))? {
            arguments.push(argument);
        }
        frame.at = lexer.finish();
        self.run(command, arguments, &place)
    }

    fn run(&mut self, command: Command, arguments: Vec<Argument>, place: &Place) -> Result<Option<Step>, ScriptError> {
        match command {
            Command::Echo(to) => {
                let text = echo_text(&arguments);
                return Ok(Some(Step::Echo { to, text, origin: place.origin.clone() }));
            }
            Command::Set => self.set(arguments, place)?,
            Command::Unset => {
                let name = place.only(arguments)?.text;
                self.variables.unset(&name);
            }
            Command::Include { relative } => {
                let path = place.only(arguments)?.without_semicolons().text;
                self.include(&path, relative, place.origin)?;
            }
            Command::Encoding => {
                let encoding = arguments.into_iter().next().map(|a| a.without_semicolons().text.to_ascii_lowercase());
                if !matches!(encoding.as_deref(), None | Some("utf8" | "utf-8" | "unicode")) {
                    return Err(place.refused("scripts are UTF-8 here", Some("convert the file to UTF-8")));
                }
            }
            Command::Output => match arguments.into_iter().next().map(|a| a.without_semicolons().text) {
                None => {}
                Some(target) if target == "/dev/null" => {}
                Some(target) if target.starts_with('|') => return Err(place.refused(SHELL, None)),
                Some(_) => {
                    return Err(place.refused("it writes a file on the host", Some("only \\o /dev/null is accepted")));
                }
            },
            Command::Restrict => self.restricted = Some(place.only(arguments)?.without_semicolons().text),
            Command::Unrestrict => {
                let key = place.only(arguments)?.without_semicolons().text;
                if self.restricted.take() != Some(key) {
                    return Err(place.bad("the key is not the one of \\restrict".into()));
                }
            }
            // as in psql, \q ends the file it stands in, not the whole script
            Command::Quit => {
                if let Some(mut frame) = self.frames.pop() {
                    return Ok(end_of_file(&mut frame)?.map(Step::Statement));
                }
            }
            Command::Display => {}
            Command::Refused { reason, hint } => return Err(place.refused(reason, hint)),
        }
        Ok(None)
    }

    fn set(&mut self, arguments: Vec<Argument>, place: &Place) -> Result<(), ScriptError> {
        let mut arguments = arguments.into_iter();
        // alone it lists the variables, which only shows something
        let Some(name) = arguments.next() else { return Ok(()) };
        let value: String = arguments.map(|argument| argument.text).collect();
        if let Some(reason) = unsafe_setting(&name.text, &value) {
            return Err(place.refused(reason, None));
        }
        self.variables.set(&name.text, value).map_err(|bad| place.bad(bad.to_string()))
    }

    fn include(&mut self, path: &str, relative: bool, origin: &Origin) -> Result<(), ScriptError> {
        let base = self.frames.last().filter(|_| relative).map(|frame| Arc::clone(&frame.source.name));
        let resolved = resolve(path, base.as_deref()).map_err(|reason| ScriptError::Path {
            path: path.into(),
            reason,
            origin: Some(origin.clone()),
        })?;
        if self.frames.iter().any(|frame| *frame.source.name == *resolved) {
            return Err(ScriptError::Cycle { path: resolved, origin: origin.clone() });
        }
        if self.frames.len() > MAX_INCLUDE_DEPTH {
            return Err(ScriptError::TooDeep { limit: MAX_INCLUDE_DEPTH, origin: origin.clone() });
        }
        self.push(&resolved, Some(origin))
    }

    /// Reads a file and checks its bytes once, so that nothing behind has to.
    fn push(&mut self, path: &str, from: Option<&Origin>) -> Result<(), ScriptError> {
        let bytes = self.files.read(path).map_err(|source| ScriptError::Read {
            path: path.into(),
            origin: from.cloned(),
            source,
        })?;
        let source = Source::new(path.into(), bytes);
        let included_from = from
            .map(|origin| std::iter::once(origin.at.clone()).chain(origin.included_from.iter().cloned()).collect())
            .unwrap_or_default();
        let problem = match std::str::from_utf8(&source.bytes) {
            Err(error) => Some(("a byte that is not UTF-8", error.valid_up_to())),
            Ok(_) => source.bytes.iter().position(|b| *b == 0).map(|at| ("a NUL character", at)),
        };
        if let Some((problem, at)) = problem {
            return Err(ScriptError::Encoding {
                problem,
                origin: Origin { at: source.position(at, 1, 0), included_from },
            });
        }
        if !self.included.iter().any(|seen| seen == path) {
            self.included.push(path.to_owned());
        }
        self.frames.push(Frame::new(source, included_from));
        Ok(())
    }
}

fn argument_fault(fault: ArgumentFault, frame: &Frame, command: &str) -> ScriptError {
    match fault {
        ArgumentFault::Shell { at } => ScriptError::Command {
            command: command.into(),
            reason: "back quotes reach the shell of the host",
            hint: Some("give the value with -v NAME=VALUE"),
            origin: frame.origin(at),
        },
        ArgumentFault::Special { at, name } => ScriptError::SpecialVariable { name, origin: frame.origin(at) },
        ArgumentFault::Bad { at, problem } => {
            ScriptError::Argument { command: command.into(), problem: problem.into(), origin: frame.origin(at) }
        }
    }
}

/// A command's name and place, for its errors.
struct Place<'a> {
    name: &'a str,
    origin: &'a Origin,
}

impl Place<'_> {
    fn refused(&self, reason: &'static str, hint: Option<&'static str>) -> ScriptError {
        ScriptError::Command { command: self.name.into(), reason, hint, origin: self.origin.clone() }
    }

    fn bad(&self, problem: String) -> ScriptError {
        ScriptError::Argument { command: self.name.into(), problem, origin: self.origin.clone() }
    }

    /// psql ignores further arguments with a warning; here a release says what it means.
    fn only(&self, arguments: Vec<Argument>) -> Result<Argument, ScriptError> {
        let mut arguments = arguments.into_iter();
        match (arguments.next(), arguments.next()) {
            (Some(argument), None) => Ok(argument),
            (None, _) => Err(self.bad("missing required argument".into())),
            (Some(_), Some(extra)) => Err(self.bad(format!("extra argument {:?}", extra.text))),
        }
    }
}

/// psql writes the arguments with one blank between, and takes an unquoted `-n` in front for "no line feed".
fn echo_text(arguments: &[Argument]) -> String {
    let (feed, words) = match arguments.split_first() {
        Some((first, rest)) if first.text == "-n" && !first.quoted => ("", rest),
        _ => ("\n", arguments),
    };
    let words: Vec<&str> = words.iter().map(|argument| argument.text.as_str()).collect();
    words.join(" ") + feed
}

/// Settings of psql that would change what a script does, and that a run does not have.
fn unsafe_setting(name: &str, value: &str) -> Option<&'static str> {
    let on = value.is_empty() || matches!(value.to_ascii_lowercase().as_str(), "on" | "true" | "yes" | "1");
    let off = matches!(value.to_ascii_lowercase().as_str(), "off" | "false" | "no" | "0");
    match name {
        "AUTOCOMMIT" if !on => Some("transactions belong to the run, AUTOCOMMIT can't be turned off"),
        "ON_ERROR_STOP" if !on => Some("a run always stops at the first error"),
        "ON_ERROR_ROLLBACK" if !off => Some("a run always stops at the first error"),
        "SINGLELINE" | "SINGLESTEP" if !off => Some("it changes where statements end"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
