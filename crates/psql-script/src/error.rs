//! What can be wrong with a script.

use super::position::Origin;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no such file in the release.
    #[error("no such file in the release")]
    NotFound,
    /// The file is there and could not be read.
    #[error("the file could not be read")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a script can't be run here. The text leaves out the place: see [`ScriptError::origin`].
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// A file could not be read; no origin for the main file.
    #[error("can't read {path:?}")]
    Read {
        /// The path as written or resolved.
        path: String,
        /// Where it is.
        origin: Option<Origin>,
        /// Why.
        source: FileError,
    },
    /// A path that leaves the release, or could.
    #[error("refused path {path:?}: {reason}")]
    Path {
        /// The path as written or resolved.
        path: String,
        /// Why.
        reason: &'static str,
        /// Where it is.
        origin: Option<Origin>,
    },
    /// A file that includes itself, directly or not.
    #[error("{path:?} includes itself")]
    Cycle {
        /// The path as written or resolved.
        path: String,
        /// Where it is.
        origin: Origin,
    },
    /// More than [`super::MAX_INCLUDE_DEPTH`] files deep.
    #[error("includes are nested more than {limit} deep")]
    TooDeep {
        /// The limit.
        limit: usize,
        /// Where it is.
        origin: Origin,
    },
    /// A byte that is not UTF-8, or NUL.
    #[error("{problem}")]
    Encoding {
        /// What is wrong.
        problem: &'static str,
        /// Where it is.
        origin: Origin,
    },
    /// Something is still open where the file ends. The origin is where it began.
    #[error("unterminated {what} at the end of the file")]
    Unterminated {
        /// What is open.
        what: &'static str,
        /// Where it is.
        origin: Origin,
    },
    /// A meta-command that does not run here.
    #[error("\\{command} is refused: {reason}")]
    Command {
        /// Its name.
        command: String,
        /// Why.
        reason: &'static str,
        /// What to do instead.
        hint: Option<&'static str>,
        /// Where it is.
        origin: Origin,
    },
    /// A meta-command that psql does not know.
    #[error("\\{command} is not a command of psql")]
    UnknownCommand {
        /// Its name.
        command: String,
        /// Where it is.
        origin: Origin,
    },
    /// A meta-command with arguments it can't have.
    #[error("\\{command}: {problem}")]
    Argument {
        /// Its name.
        command: String,
        /// What is wrong.
        problem: String,
        /// Where it is.
        origin: Origin,
    },
    /// A variable whose value psql would scan again and could cut.
    #[error("the value of :{name} holds {problem}, and psql scans a plain :{name} again")]
    Value {
        /// The variable.
        name: String,
        /// What is wrong.
        problem: &'static str,
        /// Where it is.
        origin: Origin,
    },
    /// A variable that psql itself sets, and that tells where psql runs.
    #[error("psql's own variable {name} tells where psql runs: a release must not depend on it")]
    SpecialVariable {
        /// The variable.
        name: String,
        /// Where it is.
        origin: Origin,
    },
    /// A value that only a run knows.
    #[error("the value of :{name} is known only while the script runs")]
    Unknown {
        /// The variable.
        name: String,
        /// Where it is.
        origin: Origin,
    },
    /// More conditions over values that only a run knows than can be followed.
    #[error("more than {limit} ways through the \\if commands of this script")]
    TooManyWays {
        /// The limit.
        limit: usize,
        /// Where the script begins.
        origin: Origin,
    },
    /// The answer is not what the command behind the statement needs.
    #[error("\\{command}: {problem}")]
    Answer {
        /// The command.
        command: &'static str,
        /// What is wrong.
        problem: String,
        /// Where the statement begins.
        origin: Origin,
    },
    /// psql and the server would read this differently.
    #[error("psql and the server read this differently: {problem}")]
    Disagreement {
        /// What is wrong.
        problem: &'static str,
        /// What to do instead.
        hint: Option<&'static str>,
        /// Where it is.
        origin: Origin,
    },
    /// Minor releases of psql read this differently.
    #[error("psql 15.18 and psql 15.20 read this differently: {problem}")]
    PsqlReleases {
        /// What is wrong.
        problem: &'static str,
        /// What to do instead.
        hint: &'static str,
        /// Where it is.
        origin: Origin,
    },
    /// `COPY ... FROM STDIN` joined to another statement by `\;`.
    #[error("COPY FROM STDIN can't be joined to other statements by \\;")]
    JoinedCopy {
        /// Where it is.
        origin: Origin,
    },
}

impl ScriptError {
    /// Where it is, and how the script got there.
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

    /// What to do about it.
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
