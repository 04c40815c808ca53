//! Effects of statements' results on the variables of a script: `ROW_COUNT`, `\gset`.

use super::Script;
use crate::error::ScriptError;
use crate::psql_variables::{self, ROW_COUNT};
use crate::results::result_names;
use crate::statement::{Statement, Then};
use crate::variables::Value;

impl Script<'_> {
    /// Reports the result of the last statement: the number of rows it touched or returned, or
    /// `None` if unknown.
    pub fn answered(&mut self, rows: Option<u64>) {
        (self.unsettled, self.awaiting) = (false, false);
        let value = match rows {
            Some(rows) => Value::Known {
                text: rows.to_string(),
                outside: false,
            },
            None => Value::Unknown { certain: true },
        };
        self.variables.put(ROW_COUNT, value).expect("a good name");
    }

    /// Executes the `\gset` of a statement: sets variables from its only row, and unsets those of
    /// NULLs.
    pub fn store(
        &mut self,
        statement: &Statement,
        columns: &[String],
        rows: &[Vec<Option<String>>],
    ) -> Result<(), ScriptError> {
        let Then::Store { prefix } = &statement.then else {
            return Ok(());
        };
        self.stored = None;
        let fault = |problem: String| {
            let origin = statement.origin.clone();
            Err(ScriptError::Answer {
                command: "gset",
                problem,
                origin,
            })
        };
        let row = match rows {
            [row] => row,
            [] => return fault("no rows returned".into()),
            _ => return fault("more than one row returned".into()),
        };
        for (column, value) in columns.iter().zip(row) {
            let name = format!("{prefix}{column}");
            if psql_variables::is_hooked(&name) {
                return fault(format!(
                    "{name} is a variable of psql's own, which \\gset does not set"
                ));
            }
            match value {
                None => self.variables.unset(&name),
                Some(value) => {
                    if let Err(bad) = self.variables.set(&name, value.clone()) {
                        return fault(format!("{bad}; name the column by AS"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Marks the variables that `\gset` may set as unknown, when there is no result.
    pub(super) fn note_stored(&mut self, statement: &Statement) {
        let Then::Store { prefix } = &statement.then else {
            return;
        };
        match result_names(&statement.sql) {
            None => self.variables.put_open(prefix),
            Some(names) => {
                for name in names.into_iter().map(|name| format!("{prefix}{name}")) {
                    let _ = self.variables.set_unknown(&name, false);
                }
            }
        }
    }
}
