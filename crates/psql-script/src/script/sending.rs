//! Delivery of a script's statements: by `;`, and by `\g` and its relatives.

use super::{Bound, Script, Step};
use crate::assemble::{check, finish};
use crate::error::ScriptError;
use crate::meta::Sending;
use crate::position::Origin;
use crate::statement::{Statement, Then};

impl Script<'_> {
    /// Delivers a statement, like `;`.
    pub(in super::super) fn send(
        &mut self,
        mut statement: Statement,
    ) -> Result<Option<Step>, ScriptError> {
        match self.bound.take() {
            None => {}
            Some(Bound::Parameters(parameters)) => statement.parameters = Some(parameters),
            Some(Bound::Named { name, parameters }) => {
                let origin = statement.origin.clone();
                let Some(text) = self.prepared.get(&name) else {
                    let problem =
                        format!("there is no prepared statement {name:?}: \\parse makes one");
                    return Err(ScriptError::Argument {
                        command: "bind_named".into(),
                        problem,
                        origin,
                    });
                };
                let mut named = Statement::at(text.clone(), origin);
                (named.then, named.parameters) = (statement.then, Some(parameters));
                statement = named;
            }
        }
        if statement.parameters.is_some() && statement.then != Then::Show {
            return Err(ScriptError::Command {
                command: "bind".into(),
                reason: "values of a statement with parameters can't be taken by \\gset, \\gexec or \\gdesc here",
                hint: Some("write the values into the statement by :'name'"),
                origin: statement.origin,
            });
        }
        self.strings.follow(&statement.sql);
        self.unsettled = true;
        self.stored = None;
        if let Then::Store { .. } = statement.then {
            self.stored = Some(statement.clone());
        }
        if self.ways.is_some() {
            self.note_stored(&statement);
        }
        Ok(Some(Step::Statement(statement)))
    }

    /// Delivers the query buffer for `\g` and its relatives; the previous text if the buffer is
    /// empty.
    pub(in super::super) fn send_buffer(
        &mut self,
        then: Then,
        origin: &Origin,
    ) -> Result<Option<Step>, ScriptError> {
        let Some(frame) = self.frames.last_mut() else {
            return Ok(None);
        };
        let mut statement = if frame.buffer.is_empty() {
            let again = Statement::at(frame.previous.clone(), origin.clone());
            check(frame, again, false, None, true)?
        } else {
            finish(frame, false)?
        };
        frame.scanner.reset();
        if let (Some(command), Some(_)) = (then.command(), &statement.copy) {
            let reason = "COPY has no rows to take values from";
            let origin = origin.clone();
            return Err(ScriptError::Command {
                command: command.into(),
                reason,
                hint: None,
                origin,
            });
        }
        statement.then = then;
        self.send(statement)
    }
}

impl Sending {
    /// The matching treatment of the result.
    pub(in super::super) fn then(self, prefix: String) -> Then {
        match self {
            Self::Show | Self::Crosstab => Then::Show,
            Self::Store => Then::Store { prefix },
            Self::Execute => Then::Execute,
            Self::Describe => Then::Describe,
        }
    }
}
