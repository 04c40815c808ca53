//! Errors in a script.

use super::position::Origin;

/// Error from [`Files::open`](super::Files::open).
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum FileError {
    /// The release has no such file.
    #[error("no such file in the release")]
    NotFound,
    /// The file exists and cannot be read.
    #[error("the file could not be read")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Reason to refuse a script. The text omits the location: see [`ScriptError::origin`].
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum ScriptError {
    /// An unreadable file; no origin for the main file.
    #[error("can't read {path:?}")]
    Read {
        /// Path as written or resolved.
        path: String,
        /// Source location of the include or `\copy`.
        origin: Option<Origin>,
        /// Cause from the file source.
        source: FileError,
    },
    /// A path that leaves the release, or could.
    #[error("refused path {path:?}: {reason}")]
    Path {
        /// Path as written or resolved.
        path: String,
        /// Reason for the refusal.
        reason: &'static str,
        /// Source location.
        origin: Option<Origin>,
    },
    /// A file that includes itself, directly or not.
    #[error("{path:?} includes itself")]
    Cycle {
        /// Path as written or resolved.
        path: String,
        /// Source location.
        origin: Origin,
    },
    /// Includes nested deeper than [`super::MAX_INCLUDE_DEPTH`] files.
    #[error("includes are nested more than {limit} deep")]
    TooDeep {
        /// Maximum depth.
        limit: usize,
        /// Source location.
        origin: Origin,
    },
    /// A byte that is not UTF-8, or NUL.
    #[error("{problem}")]
    Encoding {
        /// Description of the byte.
        problem: &'static str,
        /// Source location.
        origin: Origin,
    },
    /// A quote, comment, parenthesis or block that is open at the end of the file.
    #[error("unterminated {what} at the end of the file")]
    Unterminated {
        /// Kind of the open construct.
        what: &'static str,
        /// Source location of its beginning.
        origin: Origin,
    },
    /// A meta-command that a release must not use.
    #[error("\\{command} is refused: {reason}")]
    Command {
        /// Name, without the backslash.
        command: String,
        /// Reason for the refusal.
        reason: &'static str,
        /// Alternative for the author.
        hint: Option<&'static str>,
        /// Source location.
        origin: Origin,
    },
    /// A meta-command unknown to psql.
    #[error("\\{command} is not a command of psql")]
    UnknownCommand {
        /// Name, without the backslash.
        command: String,
        /// Source location.
        origin: Origin,
    },
    /// A meta-command with invalid arguments.
    #[error("\\{command}: {problem}")]
    Argument {
        /// Name, without the backslash.
        command: String,
        /// Description of the fault.
        problem: String,
        /// Source location.
        origin: Origin,
    },
    /// A variable with a value that psql would scan again and could cut.
    #[error("the value of :{name} holds {problem}, and psql scans a plain :{name} again")]
    Value {
        /// Name of the variable.
        name: String,
        /// Description of the offending text.
        problem: &'static str,
        /// Source location.
        origin: Origin,
    },
    /// A variable that psql itself sets, and that depends on psql's host.
    #[error("psql's own variable {name} tells where psql runs: a release must not depend on it")]
    SpecialVariable {
        /// Name of the variable.
        name: String,
        /// Source location.
        origin: Origin,
    },
    /// A value known only during a run.
    #[error("the value of :{name} is known only while the script runs")]
    Unknown {
        /// Name of the variable.
        name: String,
        /// Source location.
        origin: Origin,
    },
    /// Too many branches over values that only a run knows.
    #[error("more than {limit} ways through the \\if commands of this script")]
    TooManyWays {
        /// Maximum number of ways.
        limit: usize,
        /// Source location of the script's beginning.
        origin: Origin,
    },
    /// A result that does not fit the command after the statement.
    #[error("\\{command}: {problem}")]
    Answer {
        /// Name, without the backslash.
        command: &'static str,
        /// Description of the mismatch.
        problem: String,
        /// Source location of the statement's beginning.
        origin: Origin,
    },
    /// Text that psql and the server would read differently.
    #[error("psql and the server read this differently: {problem}")]
    Disagreement {
        /// Description of the difference.
        problem: &'static str,
        /// Alternative for the author.
        hint: Option<&'static str>,
        /// Source location.
        origin: Origin,
    },
    /// Text that minor releases of psql read differently.
    #[error("psql 15.18 and psql 15.20 read this differently: {problem}")]
    PsqlReleases {
        /// Description of the difference.
        problem: &'static str,
        /// Alternative for the author.
        hint: &'static str,
        /// Source location.
        origin: Origin,
    },
    /// `COPY ... FROM STDIN` joined to another statement by `\;`.
    #[error("COPY FROM STDIN can't be joined to other statements by \\;")]
    JoinedCopy {
        /// Source location.
        origin: Origin,
    },
}

impl ScriptError {
    /// Source location, with the chain of includes.
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Read { origin, .. } | Self::Path { origin, .. } => origin.as_ref(),
            Self::Cycle { origin, .. }
            | Self::TooDeep { origin, .. }
            | Self::Encoding { origin, .. }
            | Self::Unterminated { origin, .. }
            | Self::Command { origin, .. }
            | Self::Argument { origin, .. }
            | Self::UnknownCommand { origin, .. }
            | Self::Value { origin, .. }
            | Self::SpecialVariable { origin, .. }
            | Self::Unknown { origin, .. }
            | Self::TooManyWays { origin, .. }
            | Self::Answer { origin, .. }
            | Self::Disagreement { origin, .. }
            | Self::PsqlReleases { origin, .. }
            | Self::JoinedCopy { origin } => Some(origin),
        }
    }

    /// Advice for the author of the script.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } | Self::Path { .. } => {
                Some("\\i names a file by its path from the release's root, \\ir from the including file".into())
            }
            Self::Encoding { .. } => Some("save the file as UTF-8".into()),
            Self::Unterminated { .. } => Some("close what begins here".into()),
            Self::Command { hint, .. } | Self::Disagreement { hint, .. } => hint.map(str::to_owned),
            Self::PsqlReleases { hint, .. } => Some((*hint).to_owned()),
            Self::Value { name, .. } => Some(format!("write :'{name}' or :\"{name}\", which are quoted")),
            Self::JoinedCopy { .. } => Some("end the statement before it with a plain semicolon".into()),
            Self::UnknownCommand { command, .. } if command == "." => {
                Some("a line \\. ends the data of COPY ... FROM STDIN; none are open here".into())
            }
            Self::TooManyWays { .. } => Some("split the script into several files".into()),
            Self::Cycle { .. }
            | Self::TooDeep { .. }
            | Self::Argument { .. }
            | Self::UnknownCommand { .. }
            | Self::Unknown { .. }
            | Self::Answer { .. }
            | Self::SpecialVariable { .. } => None,
        }
    }
}
