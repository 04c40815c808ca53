//! Errors as the operator sees them: lines, a hint where one helps, an exit code. One match for each error enum.

use std::fmt::Display;
use std::path::Path;

use super::exit::Exit;
use super::output::{escape, shown};
use crate::bundle::add::AddError;
use crate::bundle::definition::DefinitionError;
use crate::bundle::untrusted::MalformedError;
use crate::bundle::{AuthenticateError, contents::ContentError};
use crate::database::DatabaseError;
use crate::record::ledger::Entry;
use crate::record::memory::MemoryError;
use crate::release::failure::Failure;
use crate::release::gate::{GateError, OpenError};
use crate::release::lock::LockError;
use crate::release::order::{MissingScript, VariableError};
use crate::release::preflight::PreflightError;
use crate::release::rollback::RollbackError;
use crate::release::target::TargetError;
use crate::trust::added::AddedError;
use crate::trust::evidence::TokenError;
use crate::trust::policy::PolicyError;
use crate::trust::root::SignatureError;
use crate::trust::secret_key::SecretKeyError;
use crate::trust::store::StoreError;
use crate::trust::timestamp::TimestampError;

/// An error and its exit code.
#[derive(Debug)]
pub struct CliError {
    /// What is wrong; usually one line.
    pub lines: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The exit code.
    pub exit: Exit,
    /// Whether the command has written its JSON document already.
    pub answered: bool,
}

impl CliError {
    /// One line. Foreign text in it is escaped here.
    pub fn new(exit: Exit, message: impl Display) -> Self {
        Self { lines: vec![escape(&message.to_string())], hint: None, exit, answered: false }
    }

    /// With a hint.
    pub fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(escape(&hint.to_string()));
        self
    }

    /// About a file that can't be read or written.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::new(Exit::Internal, format!("{}: {error}", shown(path)))
    }

    /// The command has written its document.
    pub fn answered(mut self) -> Self {
        self.answered = true;
        self
    }

    /// About a bundle's file.
    pub fn about(mut self, path: &Path) -> Self {
        if let Some(first) = self.lines.first_mut() {
            *first = format!("{}: {first}", shown(path));
        }
        self
    }
}

impl From<MalformedError> for CliError {
    fn from(error: MalformedError) -> Self {
        use crate::archive::read::ArchiveError;
        match &error {
            MalformedError::Archive(ArchiveError::Io(io)) if io.kind() != std::io::ErrorKind::UnexpectedEof => {
                Self::new(Exit::Internal, error)
            }
            MalformedError::Archive(ArchiveError::NotABundle { .. }) => {
                Self::new(Exit::Malformed, error).hint("a bundle is what `pgseal pack DIR -o FILE` writes")
            }
            MalformedError::Archive(_) => Self::new(Exit::Malformed, error)
                .hint("the file was damaged or changed on its way: compare it with the release manager's copy"),
            MalformedError::NoStatement => Self::new(Exit::Malformed, error).hint(
                "an approval file travels beside its bundle: `pgseal verify BUNDLE --approval FILE`, or `pgseal audit FILE`",
            ),
            _ => Self::new(Exit::Malformed, error),
        }
    }
}

impl From<AuthenticateError> for CliError {
    fn from(error: AuthenticateError) -> Self {
        match &error {
            AuthenticateError::Unsigned => Self::new(Exit::NotAuthentic, &error)
                .hint("the release manager signs it by `pgseal sign FILE --key KEY`"),
            AuthenticateError::Signature(signature) => {
                let this = Self::new(Exit::NotAuthentic, &error);
                match signature {
                    SignatureError::UnknownKey(_) => {
                        this.hint("is this the right trust root (--trust)? `pgseal trust show` lists the keys it knows")
                    }
                    SignatureError::Invalid(_) => this.hint("the bundle was changed after it was signed: don't use it"),
                    SignatureError::Threshold { why, .. } if why.iter().any(|(_, _, why)| why.is_revoked()) => this
                        .hint(
                            "whoever has the revoked key may have made this: don't use it, unless a release manager knows its \
                             release id from before and signs it by another key",
                        ),
                    SignatureError::Threshold { .. } => {
                        this.hint("another release key has to sign: `pgseal sign FILE --key KEY`")
                    }
                }
            }
            AuthenticateError::Files(_) => Self::new(Exit::NotAuthentic, &error).hint(
                "the bundle was changed after it was signed: don't use it; ask the release manager for a fresh copy",
            ),
            AuthenticateError::Added(added) => Self::new(Exit::NotAuthentic, &error).hint(match added {
                AddedError::Signature(SignatureError::UnknownKey(_)) => {
                    "is this the right trust root (--trust)? `pgseal trust show` lists the keys it knows"
                }
                AddedError::OtherRelease { .. } | AddedError::OtherTarget(_) => {
                    "an approval is for one exact release: ask the approver to approve this one"
                }
                _ => "somebody changed what was added: take the release manager's copy, and gather the approvals again",
            }),
            AuthenticateError::Token(token) => Self::new(Exit::NotAuthentic, &error).hint(match token {
                TokenError::NoAuthority(_)
                | TokenError::Token { source: TimestampError::OtherAuthority { .. }, .. } => {
                    "`pgseal trust add-authority FILE --certificate TSA.pem` makes an authority's time stamps count"
                }
                _ => "the time stamp proves nothing: ask the authority for another one",
            }),
            AuthenticateError::Statement(_) => Self::new(Exit::Malformed, &error),
            AuthenticateError::NewerProgram { .. } => Self::new(Exit::Malformed, &error).hint("install a newer pgseal"),
        }
    }
}

impl From<PolicyError> for CliError {
    fn from(error: PolicyError) -> Self {
        let this = Self::new(Exit::NotAuthentic, &error);
        match error {
            PolicyError::Expired { .. } => {
                this.hint("install a newer trust root; what was true earlier is shown by `pgseal verify --as-of TIME`")
            }
            PolicyError::Blocked(_) => this.hint("the owners of the root keys have blocked it: ask them why"),
            PolicyError::Sequence { .. } => this.hint("an old release is not run again: ask for the newest one"),
            PolicyError::ClockBehind { .. } => this.hint(CLOCK_HINT),
            PolicyError::Approvals(tallies) if tallies.iter().any(|tally| !tally.other_codes.is_empty()) => {
                let codes: Vec<String> =
                    tallies.iter().flat_map(|tally| &tally.other_codes).map(ToString::to_string).collect();
                this.hint(format!(
                    "what was approved is {0}: order the run with -v ratified_apr={0}, or ask for approvals of this proposal",
                    codes[0]
                ))
            }
            PolicyError::Approvals(_) => this.hint(
                "each missing approver reads the runbook and signs by `pgseal approve FILE --key KEY --role ROLE --apr CODE`; \
                 what came beside the bundle is named by --approval FILE",
            ),
        }
    }
}

impl From<ContentError> for CliError {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::NotFound(_) => {
                Self::new(Exit::Usage, &error).hint("`pgseal inspect FILE` lists the files of a release")
            }
            ContentError::Io { .. } => Self::new(Exit::Internal, &error),
            _ => Self::new(Exit::NotAuthentic, &error),
        }
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Self::new(Exit::Usage, format!("no trust root: {error}"))
                    .hint("name it by --trust FILE or PGSEAL_TRUST; `pgseal trust init` makes one")
            }
            StoreError::Io { .. } => Self::new(Exit::Internal, error),
            StoreError::Trust { .. } => Self::new(Exit::NotAuthentic, error),
            StoreError::Signature { .. } => Self::new(Exit::NotAuthentic, error)
                .hint("take a fresh copy of the trust root with all of its .sigs directory"),
            StoreError::NoDocuments(_) => Self::new(Exit::Usage, error).hint("name the trust documents themselves"),
            StoreError::Exists(_) => Self::new(Exit::Usage, error)
                .hint("nothing was written; move it away, or name another draft by -o DRAFT"),
        }
    }
}

impl From<SecretKeyError> for CliError {
    fn from(error: SecretKeyError) -> Self {
        let this = |exit| Self::new(exit, &error);
        match &error {
            SecretKeyError::Readable { path, .. } => {
                this(Exit::Usage).hint(format!("chmod 600 {}; if others may have read it, make a new key", shown(path)))
            }
            SecretKeyError::NotEd25519 { .. } => this(Exit::Usage).hint("`pgseal keygen NAME` makes an Ed25519 key"),
            SecretKeyError::Io { .. } | SecretKeyError::Passphrase { .. } => this(Exit::Usage),
            SecretKeyError::NoPassphrase { .. } => {
                this(Exit::Usage).hint("run it on a terminal, or give --passphrase-fd N: a line for each encrypted key")
            }
            SecretKeyError::Random(_) => this(Exit::Internal),
        }
    }
}

impl From<DefinitionError> for CliError {
    fn from(error: DefinitionError) -> Self {
        let DefinitionError::Problems(problems) = error else { return Self::new(Exit::Usage, error) };
        let line = |problem: &crate::bundle::problem::Problem| {
            let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            escape(&format!("{problem}{hint}"))
        };
        Self { lines: problems.iter().map(line).collect(), hint: None, exit: Exit::Usage, answered: false }
    }
}

impl From<AddError> for CliError {
    fn from(error: AddError) -> Self {
        let exit = match &error {
            AddError::Statement(_) => Exit::Malformed,
            AddError::Subjects(_) => Exit::NotAuthentic,
            AddError::AlreadySigned(_)
            | AddError::TooManySignatures
            | AddError::TooManyStatements
            | AddError::TooLarge(_) => Exit::Usage,
            AddError::Io(_) => Exit::Internal,
        };
        Self::new(exit, error)
    }
}

impl From<MemoryError> for CliError {
    fn from(error: MemoryError) -> Self {
        match &error {
            MemoryError::ClockBehind { .. } => Self::new(Exit::NotAuthentic, error).hint(CLOCK_HINT),
            MemoryError::Damaged(_) => Self::new(Exit::NotAuthentic, error).hint(
                "find out who changed it, then move it away; `pgseal status` says what the ledger knows of its run",
            ),
            MemoryError::Io { .. } => Self::new(Exit::Internal, error),
        }
    }
}

/// What to do about a clock that can't be right.
const CLOCK_HINT: &str =
    "set this host's clock: keys and expiry are judged by it, and no flag makes it right; nothing was changed";

impl From<VariableError> for CliError {
    fn from(error: VariableError) -> Self {
        Self::new(Exit::Usage, error).hint("give variables by -v NAME=VALUE")
    }
}

impl From<MissingScript> for CliError {
    fn from(error: MissingScript) -> Self {
        Self::new(Exit::Malformed, error)
    }
}

impl From<DatabaseError> for CliError {
    fn from(error: DatabaseError) -> Self {
        connection(&error, Exit::Internal)
    }
}

impl From<TargetError> for CliError {
    fn from(error: TargetError) -> Self {
        match &error {
            TargetError::Database(database) => connection(database, Exit::Internal),
            TargetError::Differs { what: "the role", .. } => Self::new(Exit::Preflight, error)
                .hint("--db names the role: postgresql://ROLE@HOST/DATABASE; nothing was changed"),
            _ => Self::new(Exit::Preflight, error).hint("--db names the database; nothing was changed"),
        }
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Connect(error) => connection(&error, Exit::Internal),
            OpenError::Target(error) => error.into(),
        }
    }
}

impl From<LockError> for CliError {
    fn from(error: LockError) -> Self {
        match &error {
            LockError::Held(_) => {
                Self::new(Exit::Preflight, &error).hint("wait for it to end; its lock ends with its session")
            }
            LockError::Database(database) => connection(database, Exit::Internal),
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
                let lines = closed.map(|gate| escape(&format!("gate {} is BLOCKED: {}", gate.name, gate.reason)));
                let hint = "nothing was changed; `pgseal gate FILE` asks again, and no flag opens it".to_owned();
                Self { lines: lines.collect(), hint: Some(hint), exit: Exit::Blocked, answered: false }
            }
            GateError::Unanswered(name, failure) => {
                let message = format!("gate {name} could not be answered, which counts as closed: {failure}");
                Self { hint: failure.hint, ..Self::new(Exit::Unanswered, message) }
            }
        }
    }
}

impl From<PreflightError> for CliError {
    fn from(error: PreflightError) -> Self {
        let refused = |message: String| Self::new(Exit::Preflight, message);
        match error {
            PreflightError::Ledger(error) => connection(&error, Exit::Internal),
            PreflightError::ClockBehind { now, seen } => {
                let text = format!("this host's clock ({now}) is behind {seen}, the newest time in the ledger");
                Self::new(Exit::NotAuthentic, text).hint(CLOCK_HINT)
            }
            PreflightError::NoTime(row) => Self::new(
                Exit::NotAuthentic,
                format!("row {} of the ledger is dated {:?}, which is no time that pgseal writes", row.id, row.at),
            )
            .hint("somebody changed the ledger: have the table pgseal.ledger looked at by the database's owner"),
            PreflightError::AlreadyApplied(row) => refused(format!(
                "{} {} is already applied here: run {} at {}, by {}",
                row.release, row.version, row.run_id, row.at, row.role
            ))
            .hint("`pgseal check FILE` shows whether it still holds, `pgseal rollback FILE` undoes it"),
            PreflightError::Downgrade(row) => refused(format!(
                "a later sequence ran here: {} {} (sequence {}) at {}",
                row.release, row.version, row.sequence, row.at
            ))
            .hint("a database never goes back to an older release by running it; pack it again with a higher sequence"),
            PreflightError::SameSequence(row) => refused(format!(
                "another release with sequence {} is in effect: {} {}, id {}",
                row.sequence, row.release, row.version, row.release_id
            ))
            .hint("a new version needs a higher sequence"),
            PreflightError::NoRight => {
                refused("the role may not make the ledger (schema pgseal) in this database".to_owned())
                    .hint("a database owner: grant create on database DATABASE to ROLE")
            }
            PreflightError::Probe(failure) => refused(format!("the baseline probe failed: {failure}")),
            PreflightError::State(mismatches) => {
                let list: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
                refused(format!("the database is not in the state \"baseline\": {}", list.join("; ")))
                    .hint("nothing was changed; the release was rehearsed on another state than this one")
            }
        }
    }
}

impl From<RollbackError> for CliError {
    fn from(error: RollbackError) -> Self {
        match error {
            RollbackError::Open(error) => error.into(),
            RollbackError::Ledger(error) => connection(&error, Exit::Internal),
            RollbackError::Lock(error) => error.into(),
            RollbackError::OtherApplied(row) => {
                other_applied(&row).hint("roll back with the bundle of the release that is in effect")
            }
        }
    }
}

/// Another release of the same name is in effect than the one that was given.
pub fn other_applied(row: &Entry) -> CliError {
    let (release, version, id) = (&row.release, &row.version, &row.release_id);
    CliError::new(Exit::Preflight, format!("{release} {version} is in effect here, which is another release (id {id})"))
}

/// A failure of a script, with the server's own words below the first line.
pub fn failure(exit: Exit, prefix: &str, failure: &Failure) -> CliError {
    let mut lines = vec![escape(&format!("{prefix}{failure}"))];
    let below = [&failure.excerpt, &failure.context].into_iter().flatten();
    lines.extend(below.flat_map(|text| text.lines().map(|line| format!("  {}", escape(line)))));
    CliError { lines, hint: failure.hint.as_deref().map(escape), exit, answered: false }
}

fn connection(error: &DatabaseError, exit: Exit) -> CliError {
    match error {
        DatabaseError::Connection(text) => CliError::new(exit, format!("no connection to the database: {text}"))
            .hint("check --db, or PGHOST and the other PG* variables"),
        DatabaseError::Server(server) if server.code.starts_with("28") || server.code == "3D000" => {
            CliError::new(exit, format!("the server refused the connection: {}", server.message))
                .hint("check user, password (PGPASSWORD or ~/.pgpass) and database in --db")
        }
        DatabaseError::Unsound(text) => CliError::new(Exit::Preflight, text)
            .hint("somebody else made or changed it: have the schema pgseal looked at by the database's owner"),
        DatabaseError::Server(_) => CliError::new(exit, error),
    }
}
