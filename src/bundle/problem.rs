//! What is wrong with a release directory, and where. All problems are collected, not only the first.

use std::fmt;

use crate::rules;
use psql_script::ScriptError;

/// One problem: it would not pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the release directory.
    pub file: String,
    /// Line and column, from 1; `None` when the whole file is meant.
    pub at: Option<(u32, u32)>,
    /// What is wrong.
    pub message: String,
    /// What to do instead.
    pub hint: Option<String>,
    /// The id of what is wrong, see [`crate::rules`].
    pub rule: &'static str,
}

impl Problem {
    /// About a whole file.
    pub fn file(file: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { file: file.to_string(), at: None, message: message.to_string(), hint: None, rule: rules::RELEASE_TOML }
    }

    /// About a place.
    pub fn at(position: &psql_script::Position, message: impl fmt::Display) -> Self {
        let at = Some((position.line, position.column));
        Self {
            file: position.file.to_string(),
            at,
            message: message.to_string(),
            hint: None,
            rule: rules::RELEASE_TOML,
        }
    }

    /// Adds what to do instead.
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Says what it is.
    pub fn rule(mut self, rule: &'static str) -> Self {
        self.rule = rule;
        self
    }

    /// From an error of the script engine.
    pub fn script(file: &str, error: &ScriptError) -> Self {
        let problem = match error.origin() {
            Some(origin) => {
                let from = origin.included_from.first();
                let chain = from.map(|from| format!(" (included from {from})")).unwrap_or_default();
                Self::at(&origin.at, format!("{error}{chain}"))
            }
            None => Self::file(file, error),
        };
        Self { hint: error.hint(), rule: rule_of(error), ..problem }
    }
}

fn rule_of(error: &ScriptError) -> &'static str {
    match error {
        ScriptError::Read { .. } => "missing-file",
        ScriptError::Path { .. } | ScriptError::Cycle { .. } | ScriptError::TooDeep { .. } => "include",
        ScriptError::Encoding { .. } => "encoding",
        ScriptError::Unterminated { .. } => "unterminated",
        ScriptError::TooManyWays { .. }
        | ScriptError::Command { .. }
        | ScriptError::Argument { .. }
        | ScriptError::UnknownCommand { .. } => "meta-command",
        ScriptError::Unknown { .. } | ScriptError::Answer { .. } => "unset-variable",
        ScriptError::Value { .. } => "unsafe-variable",
        ScriptError::SpecialVariable { .. } => "unset-variable",
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
