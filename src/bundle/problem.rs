//! Errors and lint warnings about a release directory, with their positions. All are collected, not
//! only the first.

use std::fmt;

use crate::rules;
use psql_script::ScriptError;

/// An error that prevents packing, or a warning of [`crate::lint`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the release directory.
    pub file: String,
    /// Line and column, from 1; `None` for the whole file.
    pub at: Option<(u32, u32)>,
    pub message: String,
    /// Advice for the author.
    pub hint: Option<String>,
    /// The id of the rule, see [`crate::rules`].
    pub rule: &'static str,
}

impl Problem {
    /// A problem of a whole file.
    pub fn file(file: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self {
            file: file.to_string(),
            at: None,
            message: message.to_string(),
            hint: None,
            rule: rules::RELEASE_TOML,
        }
    }

    pub fn at(position: &psql_script::Position, message: impl fmt::Display) -> Self {
        Self {
            at: Some((position.line, position.column)),
            ..Self::file(&position.file, message)
        }
    }

    /// Sets the advice.
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Sets the rule.
    pub fn rule(mut self, rule: &'static str) -> Self {
        self.rule = rule;
        self
    }

    /// Converts an error of the script engine.
    pub fn script(file: &str, error: &ScriptError) -> Self {
        let problem = match error.origin() {
            Some(origin) => {
                let from = origin.included_from.first();
                let chain = from
                    .map(|from| format!(" (included from {from})"))
                    .unwrap_or_default();
                Self::at(&origin.at, format!("{error}{chain}"))
            }
            None => Self::file(file, error),
        };
        Self {
            hint: error.hint(),
            rule: rule_of(error),
            ..problem
        }
    }
}

fn rule_of(error: &ScriptError) -> &'static str {
    match error {
        ScriptError::Read { .. } => "missing-file",
        ScriptError::Path { .. } | ScriptError::Cycle { .. } | ScriptError::TooDeep { .. } => {
            "include"
        }
        ScriptError::Encoding { .. } => "encoding",
        ScriptError::Unterminated { .. } => "unterminated",
        ScriptError::TooManyWays { .. }
        | ScriptError::Command { .. }
        | ScriptError::Argument { .. }
        | ScriptError::UnknownCommand { .. } => "meta-command",
        ScriptError::Unknown { .. }
        | ScriptError::Answer { .. }
        | ScriptError::SpecialVariable { .. } => "unset-variable",
        ScriptError::Value { .. } => "unsafe-variable",
        ScriptError::Disagreement { .. } | ScriptError::PsqlReleases { .. } => "ambiguous",
        ScriptError::JoinedCopy { .. } => "joined-copy",
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}
