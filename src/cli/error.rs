//! Errors as the operator sees them: lines, an optional hint and an exit code. One match per error
//! enum.

pub mod archive;
pub mod authentic;
mod preflight;

use super::escape::{display_path, escape};
use super::kind::Kind;
use crate::bundle::definition::DefinitionError;
use crate::database::{ConnectionKind, DatabaseError, UnsoundKind};
use crate::record::ledger::Entry;
use crate::record::receipt_key::ReceiptKeyError;
use crate::release::failure::Failure;
use crate::release::gate::{GateError, OpenError};
use crate::release::gate_role::{SUGGESTED, TooMuch};
use crate::release::lock::LockError;
use crate::release::rollback::RollbackError;
use crate::release::run::RunError;
use crate::release::run_context::{MissingScript, VariableError};
use crate::release::target::{TargetError, TargetPart};
use std::borrow::Borrow;
use std::fmt::Display;
use std::path::Path;

/// An error with its exit code.
#[derive(Debug)]
pub struct CliError {
    /// Messages, usually one line.
    pub lines: Vec<String>,
    pub hint: Option<String>,
    pub kind: Kind,
    /// Exit code: the kind's own, unless the command ends with another one.
    pub exit: super::exit::Exit,
}

impl CliError {
    /// An error of one line, with foreign text escaped.
    pub fn new(kind: impl Into<Kind>, message: impl Display) -> Self {
        Self::of_lines(kind, vec![escape(&message.to_string())])
    }

    /// An error of the command line or the configuration.
    pub fn usage(message: impl Display) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// A fault of the host or of pgseal itself.
    pub fn internal(message: impl Display) -> Self {
        Self::new(Kind::Internal, message)
    }

    /// A file that would be written exists already.
    pub fn exists(path: &Path) -> Self {
        let message = format!("{} exists already", display_path(path));
        Self::new(Kind::FileExists, message).hint("name a new file")
    }

    /// I/O error about a new file.
    pub fn not_created(path: &Path, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => Self::exists(path),
            _ => Self::io(path, error),
        }
    }

    /// A directory that would be filled is not empty.
    pub fn not_empty(path: &Path) -> Self {
        let message = format!("{} is not empty", display_path(path));
        Self::new(Kind::FileExists, message).hint("name a new directory")
    }

    /// An error of several lines, with foreign text escaped.
    pub fn of_lines(kind: impl Into<Kind>, lines: Vec<String>) -> Self {
        let kind = kind.into();
        Self {
            lines,
            hint: None,
            kind,
            exit: kind.exit(),
        }
    }

    /// Sets the hint; an empty one leaves the error without.
    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(escape(&hint.to_string())).filter(|hint| !hint.is_empty());
        self
    }

    /// Appends to the hint.
    pub fn also_hint(self, more: impl Display) -> Self {
        match self.hint.clone() {
            Some(first) => self.hint(format!("{first}; {more}")),
            None => self.hint(more),
        }
    }

    /// Ends with another exit code than the kind's.
    pub fn exit(self, exit: super::exit::Exit) -> Self {
        Self { exit, ..self }
    }

    /// I/O error about a file.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::new(Kind::Io, format!("{}: {error}", display_path(path)))
    }

    /// Prefixes the first line with the bundle's path.
    pub fn about(mut self, path: &Path) -> Self {
        if let Some(first) = self.lines.first_mut() {
            *first = format!("{}: {first}", display_path(path));
        }
        self
    }
}

/// Adds the path of a file to an error.
pub trait ResultExt<T, E> {
    /// Converts an I/O error about a file.
    fn at(self, path: impl AsRef<Path>) -> Result<T, CliError>
    where
        E: Borrow<std::io::Error>;

    /// Converts an error about a file of the command.
    fn about(self, path: impl AsRef<Path>) -> Result<T, CliError>
    where
        CliError: From<E>;
}

impl<T, E> ResultExt<T, E> for Result<T, E> {
    fn at(self, path: impl AsRef<Path>) -> Result<T, CliError>
    where
        E: Borrow<std::io::Error>,
    {
        self.map_err(|error| CliError::io(path.as_ref(), error.borrow()))
    }

    fn about(self, path: impl AsRef<Path>) -> Result<T, CliError>
    where
        CliError: From<E>,
    {
        self.map_err(|error| CliError::from(error).about(path.as_ref()))
    }
}

/// Hint for a missing rehearsal.
pub const REHEARSE_HINT: &str = "`pgseal rehearse FILE --db ADMIN_URL --from DATABASE --receipt-key KEY`, with the run's -v and, where \
    gates are closed, --approve-with SCRIPT, rehearses it on a clone and writes one into --receipts";

impl From<ReceiptKeyError> for CliError {
    fn from(error: ReceiptKeyError) -> Self {
        let kind = match &error {
            ReceiptKeyError::Missing | ReceiptKeyError::MissingForDrift => Kind::ReceiptKeyMissing,
            _ => Kind::KeyRole,
        };
        let hint = match &error {
            ReceiptKeyError::Missing | ReceiptKeyError::MissingForDrift => {
                "nothing was run; name the host's key by --receipt-key KEY".to_owned()
            }
            ReceiptKeyError::Spent { .. } => {
                "nothing was run; take the host's new receipt key".to_owned()
            }
            ReceiptKeyError::Role { signers, .. } if signers.is_empty() => {
                "`pgseal trust add-key TRUST --role receipt --key KEY.pub --root-key ROOT.key` gives it that role".to_owned()
            }
            ReceiptKeyError::Role { signers, .. } => {
                format!("receipts are signed here by: {}", signers.join(", "))
            }
        };
        Self::new(kind, error).hint(hint)
    }
}

impl From<DefinitionError> for CliError {
    fn from(error: DefinitionError) -> Self {
        let DefinitionError::Problems(problems) = error else {
            return Self::new(Kind::ReleaseInvalid, error);
        };
        let lines = problems.iter().map(|problem| match &problem.hint {
            Some(hint) => escape(&format!("{problem} ({hint})")),
            None => escape(&problem.to_string()),
        });
        Self::of_lines(Kind::ReleaseInvalid, lines.collect())
    }
}

impl From<VariableError> for CliError {
    fn from(error: VariableError) -> Self {
        let hint = match &error {
            VariableError::Pattern { about, .. } if !about.is_empty() => about.clone(),
            _ => "give variables by -v NAME=VALUE".to_owned(),
        };
        Self::new(Kind::Variables, error).hint(hint)
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Script(error) => error.into(),
            RunError::Rehearsal => Self::new(Kind::RehearsalMissing, error).hint(REHEARSE_HINT),
            RunError::Clone(_) => Self::new(Kind::CloneRefused, error),
            RunError::Admission(_) => Self::new(Kind::NotAuthentic, error),
            RunError::Policy(error) => error.into(),
        }
    }
}

impl From<MissingScript> for CliError {
    fn from(error: MissingScript) -> Self {
        Self::new(Kind::MissingScript, error)
    }
}

impl From<DatabaseError> for CliError {
    fn from(error: DatabaseError) -> Self {
        connection(&error)
    }
}

impl From<TargetError> for CliError {
    fn from(error: TargetError) -> Self {
        let kind = match &error {
            TargetError::Differs {
                part: TargetPart::Role,
                ..
            } => Kind::WrongRole,
            TargetError::Differs { .. } | TargetError::CloneOf { .. } => Kind::WrongTarget,
            TargetError::NotAllowed { .. } => Kind::TargetNotAllowed,
            TargetError::TooOld(_) => Kind::ServerTooOld,
            TargetError::Standby => Kind::Standby,
        };
        Self::new(kind, error).hint(match kind {
            Kind::WrongRole => {
                "--db names the role: postgresql://ROLE@HOST/DATABASE; nothing was changed"
            }
            Kind::WrongTarget => {
                "--db names the database; check, gate, plan and report ask a standing clone with --clone; nothing was changed"
            }
            _ => "--db names the database; nothing was changed",
        })
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Connect(error) => connection(&error),
            OpenError::Target(error) => error.into(),
            OpenError::Role(too_much) => gate_role(&too_much),
        }
    }
}

/// Error for a role with too many privileges. Gates and probes are not executed with it, and a gate
/// without an answer counts as closed.
fn gate_role(too_much: &TooMuch) -> CliError {
    let mut this = CliError::new(
        Kind::GateRole,
        format!("gates and probes are not asked: {too_much}"),
    );
    let remedy = too_much.remedy.iter();
    this.lines
        .extend(remedy.map(|sql| format!("  {}", escape(sql))));
    this.hint(format!(
        "make a role that may only read, as above, and give --gate-user {SUGGESTED} or PGSEAL_GATE_USER"
    ))
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> Self {
        match &error {
            LockError::Held(_) => Self::new(Kind::Locked, &error)
                .hint("wait for it to end; its lock ends with its session"),
            LockError::Interrupted => {
                Self::new(Kind::Interrupted, &error).hint("nothing was changed")
            }
            LockError::Database(database) => connection(database),
        }
    }
}

impl From<GateError> for CliError {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Open(error) => error.into(),
            GateError::Lock(error) => error.into(),
            GateError::Blocked(answers) => {
                let closed = answers.iter().filter(|answer| !answer.ready);
                let lines = closed
                    .map(|gate| escape(&format!("gate {} is BLOCKED: {}", gate.name, gate.reason)));
                Self::of_lines(Kind::GateBlocked, lines.collect()).hint(
                    "nothing was changed; `pgseal gate FILE` asks again, and no flag opens it",
                )
            }
            GateError::Unanswered(name, failure) => Self::new(
                Kind::GateUnanswered,
                format!("gate {name} could not be answered, which counts as closed: {failure}"),
            )
            .hint(failure.hint.as_deref().unwrap_or_default()),
        }
    }
}

impl From<RollbackError> for CliError {
    fn from(error: RollbackError) -> Self {
        match error {
            RollbackError::Open(error) => error.into(),
            RollbackError::Ledger(error) => connection(&error),
            RollbackError::Lock(error) => error.into(),
            RollbackError::OtherApplied(row) => {
                other_applied(&row).hint("roll back with the bundle of that release")
            }
        }
    }
}

/// Error for a database in which another release of the same name is in effect or unfinished.
pub fn other_applied(row: &Entry) -> CliError {
    let (release, version, id) = (&row.release, &row.version, &row.release_id);
    let how = if row.finished {
        "is in effect here"
    } else {
        "stopped half way here"
    };
    CliError::new(
        Kind::OtherRelease,
        format!("{release} {version} {how}, which is another release (id {id})"),
    )
}

/// Error for a failed script: the headline, then the server's own text below it.
pub fn failure(kind: impl Into<Kind>, prefix: &str, failure: &Failure) -> CliError {
    let mut this = CliError::new(kind, format!("{prefix}{}", failure.headline()));
    let excerpt = failure.excerpt.iter().flat_map(|text| text.lines());
    this.lines
        .extend(excerpt.map(|line| format!("  {}", escape(line))));
    for (what, text) in [
        ("data", &failure.data_at),
        ("detail", &failure.detail),
        ("context", &failure.context),
    ] {
        let lines = text.iter().flat_map(|text| text.lines()).enumerate();
        this.lines.extend(lines.map(|(at, line)| match at {
            0 => format!("  {what}: {}", escape(line)),
            _ => format!("    {}", escape(line)),
        }));
    }
    match &failure.hint {
        // The server's advice is marked as its own, to keep it apart from pgseal's.
        Some(hint) if failure.server_advises() => this.hint(format!("the server says: {hint}")),
        Some(hint) => this.hint(hint),
        None => this,
    }
}

/// Like [`failure`], also for a step that failed without one.
pub fn failed(kind: impl Into<Kind>, prefix: &str, cause: Option<&Failure>) -> CliError {
    match cause {
        Some(cause) => failure(kind, prefix, cause),
        None => CliError::new(kind, prefix),
    }
}

fn connection(error: &DatabaseError) -> CliError {
    match error {
        DatabaseError::Connection(lost) => {
            let kind = match lost.kind {
                ConnectionKind::Unreachable => Kind::NoConnection,
                ConnectionKind::Password => Kind::PasswordMissing,
                ConnectionKind::Tls => Kind::Tls,
                ConnectionKind::Lost | ConnectionKind::Closed => Kind::ConnectionLost,
            };
            CliError::new(kind, format!("no connection to the database: {lost}")).hint(match kind {
                Kind::PasswordMissing => "put it into ~/.pgpass or PGPASSWORD, or let -W ask for it on a terminal",
                _ => "check --db, or PGHOST and the other PG* variables",
            })
        }
        DatabaseError::Unsound(unsound) => {
            let (kind, hint) = match unsound.kind {
                UnsoundKind::OtherRole => (
                    Kind::SessionRole,
                    "reset it (ALTER DATABASE or ALTER ROLE ... RESET role), or run as a role that is no superuser; nothing was changed",
                ),
                UnsoundKind::Pooler => (
                    Kind::Pooler,
                    "name PostgreSQL's own host and port in --db: from the lock to COMMIT it has to be one session",
                ),
                UnsoundKind::Ledger => {
                    (Kind::LedgerUnsound, "ask the database's owner who made or changed the schema pgseal")
                }
                UnsoundKind::LedgerOwner => (
                    Kind::LedgerUnsound,
                    "if that role runs the releases here, connect as it (-U ROLE), also to read; to rehearse it needs CREATEDB (alter role ROLE createdb); if not, ask the database's owner who made the schema pgseal",
                ),
                UnsoundKind::TooManyRows | UnsoundKind::Answer => {
                    (Kind::UnexpectedAnswer, "check what is between this host and the server in --db")
                }
            };
            CliError::new(kind, unsound).hint(hint)
        }
        DatabaseError::LedgerDenied(_) => CliError::new(Kind::LedgerDenied, error).hint(
            "its owner: grant usage on schema pgseal to ROLE; grant select, insert on pgseal.ledger, pgseal.steps to ROLE",
        ),
        DatabaseError::Server(server) if server.code.starts_with("28") || server.code == "3D000" => {
            CliError::new(Kind::LoginRefused, format!("the server refused the connection: {}", server.message))
                .hint("check user, password (PGPASSWORD or ~/.pgpass) and database in --db")
        }
        DatabaseError::Server(_) => CliError::new(Kind::ServerError, error),
    }
}
