//! Assembles one statement from a file's lines: fills psql's query buffer, replaces variables, and
//! refuses text that psql and the server could read differently.

use super::atomic;
use super::boundary::boundary_fault;
use super::error::ScriptError;
use super::frame::{Frame, Pushed};
use super::inspect::{Copy, begins_without_a_word, first_word_is, joined_copy};
use super::lexemes::{Fault, Form, Reference, is_identifier_byte, skip_leading};
use super::position::Origin;
use super::psql_variables::{ROW_COUNT, is_hidden};
use super::scanner::Stop;
use super::statement::{Composed, CopySource, Statement};
use super::variables::{STAND_IN, Value, Variables, quote_identifier, quote_literal};

/// Maximum bytes of one statement that come from variables, and maximum nesting of values that name
/// variables.
const MAX_SUBSTITUTED: usize = 16 * 1024 * 1024;
const MAX_PUSHED: usize = 64;

/// Reason for the end of a line's scan.
pub(super) enum LineStop {
    /// The buffer holds a statement with its semicolon.
    Statement,
    /// At the backslash of a meta-command.
    Command,
    /// At a variable that depends on the result of the last statement.
    Await,
    End,
}

/// Script state that a scan needs.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub variables: &'a Variables,
    /// True while the last statement's result has not been reported.
    pub unsettled: bool,
    /// True if placeholders replace the values that only a run knows.
    pub exploring: bool,
}

/// Scans the line from the current byte on, into the buffer.
pub(super) fn scan_line(
    frame: &mut Frame<'_>,
    around: Surroundings<'_>,
) -> Result<LineStop, ScriptError> {
    loop {
        let fresh = frame.buffer.is_empty() && !frame.scanner.in_quote();
        let stop = match frame.pushed.last_mut() {
            Some(pushed) => {
                if fresh {
                    pushed.at = skip_leading(&pushed.value, pushed.at, pushed.value.len());
                }
                let from = pushed.at;
                let scanned = frame.scanner.next(&pushed.value, from, frame.buffer.len());
                let (at, stop) =
                    scanned.map_err(|fault| disagreement(fault.problem, frame.origin(frame.at)))?;
                let pushed = frame.pushed.last_mut().expect("looked at above");
                let piece = pushed.value[from..at].to_vec();
                pushed.at = at;
                let place = frame.position(frame.at);
                frame.buffer.substitute(&piece, place.line, place.column);
                stop
            }
            None => {
                if fresh {
                    frame.at = skip_leading(&frame.line, frame.at, frame.line.len());
                }
                let from = frame.at;
                let scanned = frame.scanner.next(&frame.line, from, frame.buffer.len());
                let (at, stop) = scanned
                    .map_err(|Fault { at, problem }| disagreement(problem, frame.origin(at)))?;
                frame.copy(from, at);
                frame.at = at;
                stop
            }
        };
        match (stop, frame.pushed.is_empty()) {
            (Stop::EndOfLine, true) => {
                frame.scanner.end_line(&frame.line);
                return Ok(LineStop::End);
            }
            (Stop::EndOfLine, false) => {
                frame.pushed.pop();
                if frame.pushed.is_empty() {
                    frame.at = behind_reference(frame);
                }
            }
            (Stop::Disputed, _) if frame.conditions.active() => return Err(disputed_end(frame)),
            (Stop::Semicolon | Stop::Disputed, true) => return Ok(LineStop::Statement),
            (Stop::Semicolon | Stop::Disputed, false) => {
                value_may_end_a_statement(frame)?;
                return Ok(LineStop::Statement);
            }
            (Stop::Backslash, true) => return Ok(LineStop::Command),
            (Stop::Forced, true) => {
                let at = frame.at;
                frame.buffer.joined |= frame.line[at + 1] == b';';
                frame.copy(at + 1, at + 2);
                frame.at = at + 2;
            }
            (Stop::Backslash | Stop::Forced, false) => {
                let problem = "a backslash, and psql would take it for a command";
                return Err(bad_value(frame, problem));
            }
            (Stop::Variable(found), _) => {
                if substitute(frame, found, around)? {
                    return Ok(LineStop::Await);
                }
            }
        }
    }
}

/// The end of the line's reference to the value just scanned.
fn behind_reference(frame: &Frame<'_>) -> usize {
    super::lexemes::reference(&frame.line, frame.at, frame.line.len())
        .map_or(frame.at, |found| found.end)
}

/// The error for a `;` that ends the statement in some psql releases only.
fn disputed_end(frame: &Frame<'_>) -> ScriptError {
    let origin = frame.origin(
        frame
            .at
            .saturating_sub(usize::from(frame.pushed.is_empty())),
    );
    ScriptError::PsqlReleases {
        problem: "they count BEGIN, CASE and END differently behind \\if and \\;, and end this statement elsewhere",
        hint: "write the bodies of functions as dollar-quoted strings, also those that \\if leaves out",
        origin,
    }
}

fn value_may_end_a_statement(frame: &Frame<'_>) -> Result<(), ScriptError> {
    let outside = frame.pushed.iter().any(|pushed| pushed.outside);
    if outside && frame.conditions.active() {
        Err(bad_value(frame, "a semicolon"))
    } else {
        Ok(())
    }
}

fn bad_value(frame: &Frame<'_>, problem: &'static str) -> ScriptError {
    let name = frame
        .pushed
        .last()
        .map(|pushed| pushed.name.clone())
        .unwrap_or_default();
    ScriptError::Value {
        name,
        problem,
        origin: frame.origin(frame.at),
    }
}

/// Replaces a variable. An unset one stays as written, as in psql, and is recorded. True if the
/// value has to be awaited.
fn substitute(
    frame: &mut Frame<'_>,
    found: Reference,
    around: Surroundings<'_>,
) -> Result<bool, ScriptError> {
    let bytes = frame
        .pushed
        .last()
        .map_or(&frame.line, |pushed| &pushed.value);
    let colon = frame.pushed.last().map_or(frame.at, |pushed| pushed.at);
    let written = bytes[colon..found.end].to_vec();
    let name = String::from_utf8_lossy(&bytes[found.name.0..found.name.1]).into_owned();
    let slice = found.form == Form::Plain && is_slice(frame);
    let active = frame.conditions.active();
    // psql replaces nothing in a branch that is not taken
    let value = around.variables.value(&name).filter(|_| active).cloned();
    let origin = frame.origin(frame.at);
    if active && name == ROW_COUNT && around.unsettled {
        return Ok(true);
    }
    if active && value.is_none() && is_hidden(&name) && !slice {
        return Err(ScriptError::SpecialVariable { name, origin });
    }
    if slice
        && value.as_ref().is_some_and(|value| {
            matches!(
                value,
                Value::Known { .. } | Value::Unknown { certain: true }
            )
        })
    {
        let problem = "an array slice whose upper bound is also the name of a variable";
        let hint = Some("write a blank behind the colon for the slice, or rename the variable");
        return Err(ScriptError::Disagreement {
            problem,
            hint,
            origin,
        });
    }
    let from_outside = matches!(
        value,
        Some(Value::Unknown { .. } | Value::Known { outside: true, .. })
    );
    if found.form == Form::Plain && from_outside && !slice {
        if frame.buffer.begins_a_statement() {
            let problem = "the beginning of a statement: nobody could have reviewed it";
            return Err(ScriptError::Value {
                name,
                problem,
                origin,
            });
        }
        frame.buffer.bare.push((name.clone(), origin.at.clone()));
    }
    let (text, outside) = match value {
        Some(Value::Known { text, outside }) => (Some(text), outside),
        Some(Value::Unknown { .. }) if slice => (None, false),
        Some(Value::Unknown { certain })
            if around.exploring || (found.form == Form::Test && certain) =>
        {
            (Some(STAND_IN.to_owned()), false)
        }
        Some(Value::Unknown { .. }) => return Err(ScriptError::Unknown { name, origin }),
        None => (None, false),
    };
    if frame.buffer.substituted > MAX_SUBSTITUTED || frame.pushed.len() > MAX_PUSHED {
        let problem = "more than a statement may take of variables";
        return Err(ScriptError::Value {
            name,
            problem,
            origin,
        });
    }
    if text.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(ScriptError::Value {
            name,
            problem: "a NUL character",
            origin,
        });
    }
    let replaced = match (found.form, text) {
        (Form::Test, value) => if value.is_some() { "TRUE" } else { "FALSE" }.to_owned(),
        // psql does not expand a variable inside of its own value
        (Form::Plain, Some(value)) if !frame.pushed.iter().any(|pushed| pushed.name == name) => {
            if let Some(pushed) = frame.pushed.last_mut() {
                pushed.at = found.end;
            }
            let outside = outside || frame.pushed.iter().any(|pushed| pushed.outside);
            frame.pushed.push(Pushed {
                name,
                value: value.into_bytes(),
                at: 0,
                outside,
            });
            return Ok(false);
        }
        (Form::Literal, Some(value)) => quote_literal(&value),
        (Form::Identifier, Some(value)) => quote_identifier(&value),
        (_, text) => {
            let is_set = text.is_some();
            if active && !is_set && !slice && !name.as_bytes()[0].is_ascii_digit() {
                frame.buffer.undefined.push((name, origin.at));
            }
            if frame.pushed.is_empty() {
                frame.copy(colon, found.end)
            } else {
                put(frame, &written)
            }
            go_on(frame, found.end);
            return Ok(false);
        }
    };
    put(frame, replaced.as_bytes());
    go_on(frame, found.end);
    Ok(false)
}

/// Appends replacement text to the buffer, mapped to the reference in the line.
fn put(frame: &mut Frame<'_>, text: &[u8]) {
    let place = frame.position(frame.at);
    frame.buffer.substitute(text, place.line, place.column);
}

/// Moves past a reference, in the line or in the value being scanned.
fn go_on(frame: &mut Frame<'_>, end: usize) {
    match frame.pushed.last_mut() {
        Some(pushed) => pushed.at = end,
        None => frame.at = end,
    }
}

/// True for the colon of `a[i:j]`: inside brackets, after an operand.
fn is_slice(frame: &Frame<'_>) -> bool {
    let operand = |b: u8| is_identifier_byte(b) || matches!(b, b']' | b')' | b'"' | b'\'');
    frame.scanner.in_brackets() && frame.buffer.last_visible().is_some_and(operand)
}

/// The last statement of a file, if it has no semicolon; `None` if the buffer is empty.
pub(super) fn end_of_file(frame: &mut Frame<'_>) -> Result<Option<Statement>, ScriptError> {
    if frame.buffer.is_empty() {
        return Ok(None);
    }
    if !frame.conditions.active() {
        return Ok(None);
    }
    if let Some((what, at)) = frame.scanner.open() {
        return Err(ScriptError::Unterminated {
            what,
            origin: frame.origin_in_buffer(at),
        });
    }
    finish(frame, false).map(Some)
}

/// Takes the statement, with its COPY data, out of the buffer, and refuses text that psql and the
/// server could read differently.
pub(super) fn finish(frame: &mut Frame<'_>, terminated: bool) -> Result<Statement, ScriptError> {
    let (composed, joined) = (frame.buffer.composed(), frame.buffer.joined);
    let statement = frame.take_statement();
    if std::mem::take(&mut frame.behind_copy) && begins_without_a_word(&statement.sql) {
        return Err(ScriptError::PsqlReleases {
            problem: "15.20 takes this for one more COPY FROM STDIN, and drops the lines behind it",
            hint: "remove the empty statement behind the data, or the parentheses around all of the statement",
            origin: statement.origin,
        });
    }
    check(frame, statement, terminated, composed, joined)
}

/// The checks of [`finish`], for any text about to be sent.
pub(super) fn check(
    frame: &mut Frame<'_>,
    mut statement: Statement,
    terminated: bool,
    composed: Option<Composed>,
    joined: bool,
) -> Result<Statement, ScriptError> {
    let at = |statement: &Statement, byte: usize| Origin {
        at: statement.position(byte),
        included_from: statement.origin.included_from.clone(),
    };
    if frame.scanner.take_saw_begin()
        && let Some((byte, problem)) = atomic::disagreement(&statement.sql)
    {
        let hint = Some("write the body as a dollar-quoted string, or quote the word");
        return Err(ScriptError::Disagreement {
            problem,
            hint,
            origin: at(&statement, byte),
        });
    }
    if let Some(composed) = composed
        && let Some(byte) = boundary_fault(
            &statement.sql,
            terminated,
            joined,
            frame.scanner.escapes_everywhere,
        )
    {
        let (problem, hint) = match composed {
            Composed::Variable => (
                "variables put together something else than psql scanned piece by piece",
                "write :'name' or :\"name\", which are quoted",
            ),
            Composed::Command { .. } => (
                "the text before and behind a meta-command forms something else than psql scanned piece by piece",
                "put the meta-command on a line of its own, before the statement or behind it",
            ),
        };
        return Err(ScriptError::Disagreement {
            problem,
            hint: Some(hint),
            origin: at(&statement, byte),
        });
    }
    if joined {
        if let Some(byte) = joined_copy(&statement.sql) {
            return Err(ScriptError::JoinedCopy {
                origin: at(&statement, byte),
            });
        }
    } else if first_word_is(&statement.sql, "copy")
        && statement.inspect().copy == Some(Copy::FromStdin)
    {
        statement.copy = Some(CopySource::Script {
            line: frame.next_number(),
        });
        (frame.data_due, frame.behind_copy) = (true, true);
    }
    Ok(statement)
}

fn disagreement(problem: &'static str, origin: Origin) -> ScriptError {
    ScriptError::Disagreement {
        problem,
        hint: None,
        origin,
    }
}
