//! Execution of the backslash commands.

use super::arguments::{Argument, ArgumentFault, Arguments, is_space};
use super::copy_command::{self, End};
use super::error::ScriptError;
use super::frame::Frame;
use super::inspect::Copy;
use super::lexemes::span;
use super::meta::{Command, Sending};
use super::path::resolve;
use super::place::{Place, all_arguments, argument_fault};
use super::psql_variables::{ROW_COUNT, Setting, setting};
use super::script::{Bound, Script, Step};
use super::statement::{CopySource, Statement, Then};
use super::variables::Value;

impl Script<'_> {
    /// Executes the meta-command at the current byte.
    pub(super) fn command(&mut self) -> Result<Option<Step>, ScriptError> {
        let Some(frame) = self.frames.last_mut() else {
            return Ok(None);
        };
        let start = frame.at;
        let name_end = span(&frame.line, start + 1, frame.line.len(), |b| {
            !is_space(b) && b != b'\\'
        });
        let name = String::from_utf8_lossy(&frame.line[start + 1..name_end]).into_owned();
        let active = frame.conditions.active();
        if active
            && self.unsettled
            && memchr::memmem::find(&frame.line[name_end..], ROW_COUNT.as_bytes()).is_some()
        {
            return Ok(Some(Step::Await));
        }
        frame.drop_fed_line();
        if active {
            frame.buffer.interrupt();
        }
        let origin = frame.origin(start);
        let place = Place {
            name: &name,
            origin: &origin,
        };
        let command = Command::named(&name);
        if self.restricted.is_some() && command != Command::Unrestrict {
            return Err(place.refused(
                "between \\restrict and \\unrestrict no other meta-command may stand",
                None,
            ));
        }
        match command {
            Command::If | Command::Elif | Command::Else | Command::Endif => {
                self.condition(command, name_end, &place)?;
                return Ok(None);
            }
            // also in a branch that is not taken
            Command::Unknown => return Err(place.unknown()),
            _ if !active => {
                skip_arguments(frame, &name, name_end, &place)?;
                return Ok(None);
            }
            Command::Refused { reason, hint } => return Err(place.refused(reason, hint)),
            _ => {}
        }
        let line = std::mem::take(&mut frame.line);
        let mut lexer = Arguments::new(&line, name_end, Some(&self.variables));
        let read = read_arguments(command, &mut lexer);
        let behind = lexer.finish();
        let Some(frame) = self.frames.last_mut() else {
            return Ok(None);
        };
        frame.line = line;
        let arguments = read.map_err(|fault| argument_fault(fault, frame, &name))?;
        frame.at = behind;
        self.run(command, arguments, &place)
    }

    fn run(
        &mut self,
        command: Command,
        arguments: Vec<Argument>,
        place: &Place<'_>,
    ) -> Result<Option<Step>, ScriptError> {
        match command {
            Command::Echo(to) => {
                let text = echo_text(&arguments);
                return Ok(Some(Step::Echo {
                    to,
                    text,
                    origin: place.origin.clone(),
                }));
            }
            Command::Set => self.set(arguments, place)?,
            Command::Unset => {
                let name = place.only(arguments)?.text;
                self.put(&name, None, false, place)?;
            }
            Command::Include { relative } => {
                let path = place.only(arguments)?;
                if path.unknown {
                    return Err(place.refused(
                        "its path is known only while the script runs",
                        Some("name the file here"),
                    ));
                }
                self.include(&path.without_semicolons().text, relative, place.origin)?;
            }
            Command::Send(sending) => {
                let prefix = self.sending_argument(sending, arguments, place)?;
                return self.send_buffer(sending.then(prefix), place.origin);
            }
            Command::Copy => return self.copy(arguments, place),
            Command::Bind => {
                self.bound = Some(Bound::Parameters(
                    arguments.into_iter().map(|a| a.text).collect(),
                ));
            }
            Command::BindNamed => {
                let mut texts = arguments.into_iter().map(|argument| argument.text);
                let name = texts
                    .next()
                    .ok_or_else(|| place.bad("missing required argument".into()))?;
                self.bound = Some(Bound::Named {
                    name,
                    parameters: texts.collect(),
                });
            }
            Command::Parse => {
                let name = place.only(arguments)?.text;
                let step = self.send_buffer(Then::Prepare { name: name.clone() }, place.origin)?;
                if let Some(Step::Statement(statement)) = &step {
                    self.prepared.insert(name, statement.sql.clone());
                }
                return Ok(step);
            }
            Command::ClosePrepared => {
                self.prepared.remove(&place.only(arguments)?.text);
                self.forget_buffer();
            }
            Command::Reset => self.forget_buffer(),
            Command::Encoding => {
                let encoding = arguments
                    .into_iter()
                    .next()
                    .map(|a| a.without_semicolons().text.to_ascii_lowercase());
                if !matches!(
                    encoding.as_deref(),
                    None | Some("utf8" | "utf-8" | "unicode")
                ) {
                    return Err(
                        place.refused("scripts are UTF-8 here", Some("convert the file to UTF-8"))
                    );
                }
            }
            Command::Output => place.only_dev_null(arguments)?,
            Command::Restrict => {
                self.restricted = Some(place.only(arguments)?.without_semicolons().text)
            }
            Command::Unrestrict => {
                let key = place.only(arguments)?.without_semicolons().text;
                if self.restricted.take() != Some(key) {
                    return Err(place.bad("the key is not the one of \\restrict".into()));
                }
            }
            // as in psql, \q ends its own file, not the whole script, and sends the rest of the
            // buffer
            Command::Quit => {
                let Some(frame) = self.frames.last_mut() else {
                    return Ok(None);
                };
                let last = super::assemble::end_of_file(frame)?;
                let step = last
                    .map(|statement| self.send(statement))
                    .transpose()?
                    .flatten();
                self.frames.pop();
                return Ok(step);
            }
            Command::Display | Command::DisplayLine => {}
            Command::If
            | Command::Elif
            | Command::Else
            | Command::Endif
            | Command::Refused { .. }
            | Command::Unknown => {}
        }
        Ok(None)
    }

    fn set(&mut self, arguments: Vec<Argument>, place: &Place<'_>) -> Result<(), ScriptError> {
        let mut arguments = arguments.into_iter();
        // alone it lists the variables, which only shows something
        let Some(name) = arguments.next() else {
            return Ok(());
        };
        let (mut value, mut outside, mut unknown) = (String::new(), false, false);
        for argument in arguments {
            value.push_str(&argument.text);
            outside |= argument.outside;
            unknown |= argument.unknown;
        }
        if unknown {
            return self
                .variables
                .set_unknown(&name.text, true)
                .map_err(|bad| place.bad(bad.to_string()));
        }
        self.put(&name.text, Some(&value), outside, place)
    }

    fn put(
        &mut self,
        name: &str,
        value: Option<&str>,
        outside: bool,
        place: &Place<'_>,
    ) -> Result<(), ScriptError> {
        match setting(name, value) {
            Setting::Value(text) => {
                let put = self.variables.put(name, Value::Known { text, outside });
                put.map_err(|bad| place.bad(bad.to_string()))?;
            }
            Setting::Unset => self.variables.unset(name),
            Setting::Invalid(problem) => return Err(place.bad(problem)),
            Setting::Refused(reason) => {
                return Err(place.bad(format!("{name} can't have this value: {reason}")));
            }
        }
        Ok(())
    }

    /// The prefix of `\gset`; checks that `\g` writes to no file or pipe.
    fn sending_argument(
        &self,
        sending: Sending,
        mut arguments: Vec<Argument>,
        place: &Place<'_>,
    ) -> Result<String, ScriptError> {
        match sending {
            Sending::Show => {
                if arguments
                    .first()
                    .is_some_and(|argument| argument.text.starts_with('('))
                {
                    let last = arguments
                        .iter()
                        .position(|argument| argument.text.ends_with(')'));
                    let last = last.ok_or_else(|| place.bad("missing right parenthesis".into()))?;
                    arguments.drain(..=last);
                }
                place.only_dev_null(arguments)?;
            }
            Sending::Store => {
                let mut arguments = arguments.into_iter();
                let prefix = arguments
                    .next()
                    .filter(|first| !first.text.starts_with("--") || first.quoted);
                if prefix.is_some() {
                    place.none_but_comment(arguments.as_slice())?;
                }
                return Ok(prefix.map(|prefix| prefix.text).unwrap_or_default());
            }
            Sending::Execute | Sending::Describe => place.none_but_comment(&arguments)?,
            Sending::Crosstab => {}
        }
        Ok(String::new())
    }

    fn copy(
        &mut self,
        arguments: Vec<Argument>,
        place: &Place<'_>,
    ) -> Result<Option<Step>, ScriptError> {
        let Some(frame) = self.frames.last_mut() else {
            return Ok(None);
        };
        let text = arguments
            .into_iter()
            .next()
            .map(|line| line.text)
            .unwrap_or_default();
        let parsed = copy_command::parse(&text, frame.scanner.escapes_everywhere)
            .map_err(|problem| place.bad(problem))?;
        let mut statement = Statement::at(parsed.sql, place.origin.clone());
        let direction = statement.inspect().copy;
        let (expected, source) = match parsed.end {
            End::Refused { reason, hint } => return Err(place.refused(reason, Some(hint))),
            End::Nowhere => (Copy::ToStdout, None),
            End::Script => (
                Copy::FromStdin,
                Some(CopySource::Script {
                    line: frame.next_number(),
                }),
            ),
            End::File(path) => {
                let path = resolve(&path, None).map_err(|reason| ScriptError::Path {
                    path: path.clone(),
                    reason,
                    origin: Some(place.origin.clone()),
                })?;
                (Copy::FromStdin, Some(CopySource::File(path)))
            }
        };
        if direction != Some(expected) {
            return Err(place.bad("psql and the server read this differently".into()));
        }
        frame.data_due = matches!(source, Some(CopySource::Script { .. }));
        if let Some(CopySource::File(path)) = &source {
            self.files.open(path).map_err(|source| ScriptError::Read {
                path: path.clone(),
                origin: Some(place.origin.clone()),
                source,
            })?;
        }
        statement.copy = source;
        self.send(statement)
    }

    fn forget_buffer(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.buffer = Default::default();
            frame.scanner.reset();
        }
    }
}

/// Reads the arguments by the rules of the command.
fn read_arguments(
    command: Command,
    lexer: &mut Arguments<'_>,
) -> Result<Vec<Argument>, ArgumentFault> {
    match command {
        Command::Copy | Command::DisplayLine => {
            let line = String::from_utf8_lossy(lexer.whole_line()).into_owned();
            Ok(vec![Argument::plain(line)])
        }
        Command::Send(Sending::Show) | Command::Output => {
            let first = lexer.next_file_or_pipe()?;
            let options = first
                .as_ref()
                .is_some_and(|first| first.text.starts_with('('));
            let mut all: Vec<Argument> = first.into_iter().collect();
            while options && all.last().is_some_and(|last| !last.text.ends_with(')')) {
                match lexer.next()? {
                    Some(next) => all.push(next),
                    None => break,
                }
            }
            if options {
                all.extend(lexer.next_file_or_pipe()?);
            }
            all.extend(all_arguments(lexer)?);
            Ok(all)
        }
        _ => all_arguments(lexer),
    }
}

/// Skips a command in a branch that is not taken.
fn skip_arguments(
    frame: &mut Frame<'_>,
    name: &str,
    name_end: usize,
    place: &Place<'_>,
) -> Result<(), ScriptError> {
    let mut lexer = Arguments::new(&frame.line, name_end, None);
    if Command::takes_the_line(name) {
        lexer.whole_line();
    } else if let Err(fault) = all_arguments(&mut lexer) {
        return Err(argument_fault(fault, frame, place.name));
    }
    let behind = lexer.finish();
    frame.at = behind;
    Ok(())
}

/// The text of `\echo`: the arguments separated by one blank. An unquoted `-n` in front suppresses
/// the line feed.
fn echo_text(arguments: &[Argument]) -> String {
    let (feed, words) = match arguments.split_first() {
        Some((first, rest)) if first.text == "-n" && !first.quoted => ("", rest),
        _ => ("\n", arguments),
    };
    let words: Vec<&str> = words
        .iter()
        .map(|argument| argument.text.as_str())
        .collect();
    words.join(" ") + feed
}
