//! Errors about a command and its arguments, with the command's name and place.

use super::arguments::{Argument, ArgumentFault, Arguments};
use super::error::ScriptError;
use super::frame::Frame;
use super::meta::SHELL;
use super::position::Origin;

/// A command's name and place, for its errors.
pub(super) struct Place<'a> {
    pub name: &'a str,
    pub origin: &'a Origin,
}

impl Place<'_> {
    pub fn refused(&self, reason: &'static str, hint: Option<&'static str>) -> ScriptError {
        ScriptError::Command {
            command: self.name.into(),
            reason,
            hint,
            origin: self.origin.clone(),
        }
    }

    pub fn unknown(&self) -> ScriptError {
        ScriptError::UnknownCommand {
            command: self.name.into(),
            origin: self.origin.clone(),
        }
    }

    pub fn bad(&self, problem: String) -> ScriptError {
        ScriptError::Argument {
            command: self.name.into(),
            problem,
            origin: self.origin.clone(),
        }
    }

    /// The only argument of a command. psql ignores further arguments with a warning; a release
    /// must be explicit. Text that looks like a comment is allowed.
    pub fn only(&self, arguments: Vec<Argument>) -> Result<Argument, ScriptError> {
        let mut arguments = arguments.into_iter();
        let first = arguments
            .next()
            .ok_or_else(|| self.bad("missing required argument".into()))?;
        self.none_but_comment(arguments.as_slice())?;
        Ok(first)
    }

    pub fn none_but_comment(&self, arguments: &[Argument]) -> Result<(), ScriptError> {
        match arguments.first() {
            Some(extra) if !extra.text.starts_with("--") => {
                Err(self.bad(format!("extra argument {:?}", extra.text)))
            }
            _ => Ok(()),
        }
    }

    /// Accepts only /dev/null as the file of `\o` or `\g`: any other file would change the host.
    pub fn only_dev_null(&self, arguments: Vec<Argument>) -> Result<(), ScriptError> {
        match arguments
            .into_iter()
            .next()
            .map(|argument| argument.without_semicolons().text)
        {
            None => Ok(()),
            Some(target)
                if target.is_empty() || target == "/dev/null" || target.starts_with("--") =>
            {
                Ok(())
            }
            Some(target) if target.starts_with('|') => Err(self.refused(SHELL, None)),
            Some(_) => Err(self.refused(
                "it writes a file on the host",
                Some("only /dev/null is accepted"),
            )),
        }
    }
}

pub(super) fn all_arguments(lexer: &mut Arguments<'_>) -> Result<Vec<Argument>, ArgumentFault> {
    let mut arguments = Vec::new();
    while let Some(argument) = lexer.next()? {
        arguments.push(argument);
    }
    Ok(arguments)
}

pub(super) fn argument_fault(
    fault: ArgumentFault,
    frame: &Frame<'_>,
    command: &str,
) -> ScriptError {
    match fault {
        ArgumentFault::Shell { at } => ScriptError::Command {
            command: command.into(),
            reason: "back quotes reach the shell of the host",
            hint: Some("give the value with -v NAME=VALUE"),
            origin: frame.origin(at),
        },
        ArgumentFault::Special { at, name } => ScriptError::SpecialVariable {
            name,
            origin: frame.origin(at),
        },
        ArgumentFault::Bad { at, problem } => ScriptError::Argument {
            command: command.into(),
            problem: problem.into(),
            origin: frame.origin(at),
        },
    }
}
