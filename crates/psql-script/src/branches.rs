//! Commands `\if`, `\elif`, `\else` and `\endif`, which select the lines of a script to execute.

use super::arguments::Arguments;
use super::conditions::{Kept, Text};
use super::error::ScriptError;
use super::meta::Command;
use super::place::{Place, all_arguments, argument_fault};
use super::psql_variables::parse_boolean;
use super::script::Script;

/// Maximum nesting of `\if`.
const MAX_IF_DEPTH: usize = 256;

impl Script<'_> {
    /// Executes `\if`, `\elif`, `\else` or `\endif`.
    pub(super) fn condition(
        &mut self,
        command: Command,
        name_end: usize,
        place: &Place<'_>,
    ) -> Result<(), ScriptError> {
        let Some(frame) = self.frames.last() else {
            return Ok(());
        };
        let counts = match command {
            Command::If => frame.conditions.active(),
            Command::Elif => frame
                .conditions
                .elif_counts()
                .map_err(|problem| place.bad(problem.into()))?,
            _ => false,
        };
        if command == Command::If && frame.conditions.depth() >= MAX_IF_DEPTH {
            return Err(place.bad(format!("more than {MAX_IF_DEPTH} \\if are open")));
        }
        let holds = self.expression(counts, name_end, place)?;
        let Some(frame) = self.frames.last_mut() else {
            return Ok(());
        };
        let here = Kept {
            length: frame.buffer.len(),
            depth: frame.scanner.depth(),
            joined: frame.buffer.joined,
        };
        let text = match command {
            Command::If => {
                frame.conditions.begin(holds, place.origin.clone(), here);
                Ok(Text::Keep)
            }
            Command::Elif => Ok(frame.conditions.elif(holds, here)),
            Command::Else => frame.conditions.otherwise(here),
            _ => frame.conditions.end(),
        };
        if let Text::Back(kept) = text.map_err(|problem| place.bad(problem.into()))? {
            frame.buffer.truncate(kept.length);
            frame.buffer.joined = kept.joined;
            frame.scanner.set_depth(kept.depth);
        }
        Ok(())
    }

    /// Evaluates the rest of the line as psql's boolean expression; false in an ignored branch.
    fn expression(
        &mut self,
        counts: bool,
        name_end: usize,
        place: &Place<'_>,
    ) -> Result<bool, ScriptError> {
        let Some(frame) = self.frames.last_mut() else {
            return Ok(false);
        };
        let line = std::mem::take(&mut frame.line);
        let mut lexer = Arguments::new(&line, name_end, counts.then_some(&self.variables));
        let read = all_arguments(&mut lexer);
        let behind = lexer.finish();
        let Some(frame) = self.frames.last_mut() else {
            return Ok(false);
        };
        frame.line = line;
        let arguments = read.map_err(|fault| argument_fault(fault, frame, place.name))?;
        frame.at = behind;
        let takes_none = matches!(place.name, "else" | "endif");
        if takes_none && frame.conditions.active() {
            place.none_but_comment(&arguments)?;
        }
        if !counts {
            return Ok(false);
        }
        if arguments.iter().any(|argument| argument.unknown) {
            return self.decide(place);
        }
        let texts: Vec<&str> = arguments
            .iter()
            .map(|argument| argument.text.as_str())
            .collect();
        let text = texts.join(" ");
        // psql warns and assumes false; a release must be explicit
        let Some(holds) = parse_boolean(&text) else {
            let allowed = "a Boolean is expected (true, false, yes, no, on, off, 1, 0)";
            let why = if text.starts_with(':') {
                "no value is known for it here"
            } else {
                allowed
            };
            let complaint = place.bad(format!("unrecognized value {text:?}: {why}"));
            return match &mut self.complaints {
                Some(complaints) if text.starts_with(':') => {
                    complaints.push(complaint);
                    Ok(false)
                }
                _ => Err(complaint),
            };
        };
        Ok(holds)
    }

    /// Decides a condition that depends on a value known only during a run.
    fn decide(&mut self, place: &Place<'_>) -> Result<bool, ScriptError> {
        let Some(ways) = &mut self.ways else {
            return Err(ScriptError::Unknown {
                name: place.name.to_owned(),
                origin: place.origin.clone(),
            });
        };
        let holds = ways
            .prescribed
            .get(ways.taken.len())
            .copied()
            .unwrap_or(true);
        ways.taken.push(holds);
        Ok(holds)
    }
}
