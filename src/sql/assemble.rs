//! From a file's lines to one statement: psql's query buffer is filled, variables are replaced, and what psql and the
//! server could see differently is refused.

use super::atomic;
use super::error::ScriptError;
use super::frame::Frame;
use super::inspect::{Copy, first_word_is, joined_copy};
use super::lexemes::{Fault, Form, Reference, is_identifier_byte, skip_leading};
use super::position::Origin;
use super::scanner::{Scanner, Stop, boundary_fault};
use super::statement::{CopySource, Statement};
use super::tokens;
use super::variables::{Variables, is_special, plain_problem, quote_identifier, quote_literal};

/// Why the scan of a line stopped.
pub(super) enum LineStop {
    /// The buffer holds a statement with its semicolon.
    Statement,
    /// At the backslash of a meta-command.
    Command,
    End,
}

/// Scans on in the line, into the buffer.
pub(super) fn scan_line(frame: &mut Frame, variables: &Variables) -> Result<LineStop, ScriptError> {
    loop {
        if frame.buffer.is_empty() && !frame.scanner.in_quote() {
            frame.at = skip_leading(&frame.source.bytes, frame.at, frame.line_end);
        }
        let from = frame.at;
        let stop = frame.scanner.next(&frame.source.bytes, from, frame.line_end);
        let (at, stop) = stop.map_err(|fault| disagreement(&fault, frame))?;
        frame.buffer.copy(&frame.source, from..at, frame.line, frame.line_start);
        frame.at = at;
        match stop {
            Stop::Semicolon => return Ok(LineStop::Statement),
            Stop::Backslash => return Ok(LineStop::Command),
            Stop::EndOfLine => return Ok(LineStop::End),
            Stop::Forced => {
                frame.buffer.joined |= frame.source.bytes[at + 1] == b';';
                frame.buffer.copy(&frame.source, at + 1..at + 2, frame.line, frame.line_start);
                frame.at = at + 2;
            }
            Stop::Variable(found) => substitute(frame, found, variables)?,
        }
    }
}

/// Replaces a variable; one that is not set stays as it is written, as psql does it, and is remembered.
fn substitute(frame: &mut Frame, found: Reference, variables: &Variables) -> Result<(), ScriptError> {
    let source = frame.source.clone();
    let colon = frame.at;
    let name = String::from_utf8_lossy(&source.bytes[found.name.0..found.name.1]).into_owned();
    let origin = |frame: &Frame| frame.origin(colon);
    let value = variables.get(&name);
    let slice = found.form == Form::Plain && is_slice(frame);
    frame.at = found.end;
    let text = match (found.form, value) {
        (_, None) if is_special(&name) && !slice => {
            return Err(ScriptError::SpecialVariable { name, origin: origin(frame) });
        }
        (Form::Test, value) => if value.is_some() { "TRUE" } else { "FALSE" }.to_owned(),
        (Form::Plain, Some(_)) if slice => {
            let problem = "an array slice whose upper bound is also the name of a variable";
            return Err(ScriptError::Disagreement {
                problem,
                hint: Some("write a blank behind the colon for the slice, or rename the variable"),
                origin: origin(frame),
            });
        }
        (Form::Plain, Some(value)) => {
            if let Some(problem) = plain_problem(value) {
                return Err(ScriptError::Value { name, problem, origin: origin(frame) });
            }
            rescan(&mut frame.scanner, value).map_err(|problem| ScriptError::Value {
                name,
                problem,
                origin: frame.origin(colon),
            })?;
            value.to_owned()
        }
        (_, Some(value)) if value.contains('\0') => {
            return Err(ScriptError::Value { name, problem: "a NUL character", origin: origin(frame) });
        }
        (Form::Literal, Some(value)) => quote_literal(value),
        (Form::Identifier, Some(value)) => quote_identifier(value),
        (_, None) => {
            if !slice && !source.bytes[found.name.0].is_ascii_digit() {
                frame.buffer.undefined.push((name, frame.position(colon)));
            }
            frame.buffer.copy(&source, colon..found.end, frame.line, frame.line_start);
            return Ok(());
        }
    };
    frame.buffer.substitute(&source, &text, colon, frame.line, frame.line_start);
    Ok(())
}

/// `a[i:j]`: a colon between two operands inside brackets.
fn is_slice(frame: &Frame) -> bool {
    let operand = |b: u8| is_identifier_byte(b) || matches!(b, b']' | b')' | b'"' | b'\'');
    frame.scanner.in_brackets() && frame.buffer.last_visible(&frame.source).is_some_and(operand)
}

/// psql scans a plain value as if it stood in the script: its words and parentheses count.
fn rescan(scanner: &mut Scanner, value: &str) -> Result<(), &'static str> {
    match scanner.next(value.as_bytes(), 0, value.len()) {
        Ok((_, Stop::EndOfLine)) if !scanner.in_quote() => Ok(()),
        Ok(_) => Err("something that ends or quotes"),
        Err(fault) => Err(fault.problem),
    }
}

/// What is left when the file ends: nothing, or a last statement without a semicolon.
pub(super) fn end_of_file(frame: &mut Frame) -> Result<Option<Statement>, ScriptError> {
    if let Some((what, at)) = frame.scanner.open() {
        let at = frame.source.position(at.min(frame.source.bytes.len()), 1, 0);
        return Err(ScriptError::Unterminated {
            what,
            origin: Origin { at, included_from: frame.included_from.clone() },
        });
    }
    if frame.buffer.is_empty() { Ok(None) } else { finish(frame, false).map(Some) }
}

/// Takes the statement out of the buffer, with its COPY data, and checks what psql and the server could see differently.
pub(super) fn finish(frame: &mut Frame, terminated: bool) -> Result<Statement, ScriptError> {
    let (substituted, joined) = (frame.buffer.substituted, frame.buffer.joined);
    let mut statement = frame.take_statement();
    let at = |statement: &Statement, byte: usize| Origin {
        at: statement.locate(tokens::character(&statement.sql, byte)),
        included_from: statement.origin.included_from.clone(),
    };
    if frame.scanner.take_saw_begin()
        && let Some((byte, problem)) = atomic::disagreement(&statement.sql)
    {
        let hint = Some("write the body as a dollar-quoted string, or quote the word");
        return Err(ScriptError::Disagreement { problem, hint, origin: at(&statement, byte) });
    }
    if substituted
        && !joined
        && let Some(byte) = boundary_fault(&statement.sql, terminated)
    {
        let problem = "variables put together something else than psql scanned piece by piece";
        let hint = Some("write :'name' or :\"name\", which are quoted");
        return Err(ScriptError::Disagreement { problem, hint, origin: at(&statement, byte) });
    }
    if joined {
        if let Some(byte) = joined_copy(&statement.sql) {
            return Err(ScriptError::JoinedCopy { origin: at(&statement, byte) });
        }
    } else if first_word_is(&statement.sql, "copy") && statement.inspect().copy == Some(Copy::FromStdin) {
        statement.copy = Some(CopySource::Script);
        frame.data = Some(frame.take_copy_data());
    }
    Ok(statement)
}

fn disagreement(fault: &Fault, frame: &Frame) -> ScriptError {
    ScriptError::Disagreement { problem: fault.problem, hint: None, origin: frame.origin(fault.at) }
}
