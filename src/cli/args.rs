//! Arguments shared by several commands, and their evaluation.

use super::byte_progress::{ByteProgress, Counted};
use super::connection;
use super::gate_user::GateUserArgs;
use super::passphrase;
use super::{CliError, Exit, Kind, Output, ResultExt, display_path};
use crate::bundle::{
    Attestations, AuthenticateError, AuthenticatedBundle, BundleToRun, UntrustedBundle,
};
use crate::open_file;
use crate::parallel::Cores;
use crate::postgres::Connector;
use crate::release::cancellable::CancellableConnector;
use crate::release::cancellation::CancellationToken;
use crate::release::event::BackgroundObserver;
use crate::trust::attestations::{AttestationError, ClaimedStatement};
use crate::trust::{JudgedAt, PublicKey, SecretKey, TrustRoot, store};
use clap::Args;
use pgseal_verify::format::run_limits::{RunLimits, TimeLimit};
use pgseal_verify::format::statement::ReleaseId;
use pgseal_verify::format::timestamp::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Default path of a host's trust root.
const DEFAULT_TRUST: &str = "/etc/pgseal/trust.json";

/// Which trust root.
#[derive(Args, Debug, Clone)]
pub struct TrustArgs {
    /// The trust root [default: PGSEAL_TRUST, then /etc/pgseal/trust.json]
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

impl TrustArgs {
    /// Reads and validates the trust root named by the flag or the environment, if any.
    pub fn load_if_named(&self) -> Result<Option<TrustRoot>, CliError> {
        self.named().map(|path| Ok(store::read(&path)?)).transpose()
    }

    /// Reads and validates the trust root, if one is named or `DEFAULT_TRUST` exists.
    pub fn load_if_there(&self) -> Result<Option<TrustRoot>, CliError> {
        if self.named().is_none() && !Path::new(DEFAULT_TRUST).exists() {
            return Ok(None);
        }
        self.load().map(Some)
    }

    /// Reads and validates the trust root.
    pub fn load(&self) -> Result<TrustRoot, CliError> {
        Ok(store::read(&self.path())?)
    }

    /// Path of the trust root: the flag, then the environment, then the default.
    pub fn path(&self) -> PathBuf {
        self.named().unwrap_or_else(|| DEFAULT_TRUST.into())
    }

    /// Value of the flag.
    pub fn given(&self) -> Option<&Path> {
        self.trust.as_deref()
    }

    /// Whether the flag was given.
    pub fn is_given(&self) -> bool {
        self.trust.is_some()
    }

    fn named(&self) -> Option<PathBuf> {
        let environment = || std::env::var_os("PGSEAL_TRUST").filter(|path| !path.is_empty());
        self.trust
            .clone()
            .or_else(|| environment().map(PathBuf::from))
    }
}

/// Which bundle.
#[derive(Args, Debug, Clone)]
pub struct BundleArgs {
    /// The bundle
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub trust: TrustArgs,
}

impl BundleArgs {
    /// Reads the trust root.
    pub fn root(&self) -> Result<TrustRoot, CliError> {
        self.trust.load()
    }

    /// Opens the bundle once and authenticates it.
    pub fn authenticate<'r>(
        &self,
        root: &'r TrustRoot,
        when: JudgedAt,
    ) -> Result<AuthenticatedBundle<'r>, CliError> {
        authenticate(&self.file, root, when)
    }

    /// Opens the bundle once and authenticates it for a run.
    pub fn authenticate_to_run<'r>(
        &self,
        root: &'r TrustRoot,
        now: Timestamp,
    ) -> Result<BundleToRun<'r>, CliError> {
        open(&self.file)?
            .authenticate_to_run(root, now)
            .about(&self.file)
    }

    /// Like [`Self::authenticate`], with progress for a command that reads the bundle `times`
    /// times. Finishing the returned [`ByteProgress`] removes the progress line.
    pub fn authenticate_shown<'r>(
        &self,
        root: &'r TrustRoot,
        when: JudgedAt,
        times: u64,
        out: Output,
    ) -> Result<(AuthenticatedBundle<'r>, Arc<ByteProgress>), CliError> {
        let source = open_file::open(&self.file).map_err(|error| open_error(&self.file, &error))?;
        let (source, moved) = Counted::counting(source, &self.file, times, out);
        let untrusted = UntrustedBundle::parse_with(source, &Cores).about(&self.file)?;
        let bundle = untrusted.authenticate(root, when).about(&self.file)?;
        Ok((bundle, moved))
    }
}

/// Approvals that came beside the bundle.
#[derive(Args, Debug, Clone)]
pub struct ApprovalArgs {
    /// An approval file beside the bundle, or a directory with *.approval files
    #[arg(long = "approval", value_name = "PATH")]
    approvals: Vec<PathBuf>,
}

impl ApprovalArgs {
    /// Paths in the order given.
    pub fn paths(&self) -> &[PathBuf] {
        &self.approvals
    }

    /// Adds the approvals of these files to the bundle, each by calling `with`.
    pub fn add_to<B>(
        &self,
        bundle: B,
        with: impl Fn(B, &ClaimedStatement) -> Result<B, AttestationError>,
    ) -> Result<B, CliError> {
        add(self.files(false)?, bundle, |_| false, with)
    }

    /// Like [`Self::add_to`], for a command that waits: a directory may still be empty.
    pub fn add_arrived_to<B>(
        &self,
        bundle: B,
        with: impl Fn(B, &ClaimedStatement) -> Result<B, AttestationError>,
    ) -> Result<B, CliError> {
        add(self.files(true)?, bundle, |_| false, with)
    }

    /// Adds the approvals that are for this one of several releases. A statement about one of the
    /// `others` is left to that release.
    pub fn add_those_for<'r>(
        &self,
        bundle: BundleToRun<'r>,
        others: &[ReleaseId],
        may_be_empty: bool,
    ) -> Result<BundleToRun<'r>, CliError> {
        let (root, id) = (bundle.root(), bundle.release_id());
        let is_of_another = |claimed: &ClaimedStatement| match root.attestation(claimed, id) {
            Err(AttestationError::OtherRelease { found, .. }) => {
                others.iter().any(|other| other.digest() == found)
            }
            _ => false,
        };
        let files = self.files(may_be_empty)?;
        add(files, bundle, is_of_another, BundleToRun::with_approval)
    }

    fn files(&self, may_be_empty: bool) -> Result<Vec<PathBuf>, CliError> {
        let mut files = Vec::new();
        for path in &self.approvals {
            if !path.is_dir() {
                files.push(path.clone());
                continue;
            }
            let entries =
                std::fs::read_dir(path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
            let entries = entries.at(path)?;
            let mut found: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
            found.sort();
            // Skips subdirectories of the medium and temporary files of a write in progress.
            let is_unfinished = |path: &Path| {
                let name = path.file_name().unwrap_or_default();
                name.as_encoded_bytes().starts_with(b".pgseal-")
            };
            found.retain(|path| !path.is_dir() && !is_unfinished(path));
            // An error, so that a withdrawal under another name is never skipped.
            let is_other = |path: &&PathBuf| path.extension() != Some("approval".as_ref());
            if let Some(other) = found.iter().find(is_other) {
                let text = format!("{} is not named *.approval", display_path(other));
                return Err(CliError::usage(text)
                    .hint("a directory given by --approval holds approval files and nothing else; or name each file"));
            }
            if found.is_empty() && !may_be_empty {
                let text = format!("{} holds no approval", display_path(path));
                return Err(CliError::usage(text));
            }
            files.extend(found);
        }
        Ok(files)
    }
}

fn add<B>(
    files: Vec<PathBuf>,
    mut bundle: B,
    skips: impl Fn(&ClaimedStatement) -> bool,
    with: impl Fn(B, &ClaimedStatement) -> Result<B, AttestationError>,
) -> Result<B, CliError> {
    for file in files {
        let source = open_file::open(&file).map_err(|error| open_error(&file, &error))?;
        let added = Attestations::parse(source).about(&file)?;
        for claimed in added.statements.iter().filter(|claimed| !skips(claimed)) {
            bundle = with(bundle, claimed)
                .map_err(|error| CliError::from(AuthenticateError::from(error)).about(&file))?;
        }
    }
    Ok(bundle)
}

/// Opens a bundle once and authenticates it.
pub fn authenticate<'r>(
    file: &Path,
    root: &'r TrustRoot,
    when: JudgedAt,
) -> Result<AuthenticatedBundle<'r>, CliError> {
    let bundle = open(file)?.authenticate(root, when);
    bundle.about(file)
}

/// Opens a bundle without authenticating it.
pub fn open(file: &Path) -> Result<UntrustedBundle, CliError> {
    let source = open_file::open(file).map_err(|error| open_error(file, &error))?;
    UntrustedBundle::parse_with(source, &Cores).about(file)
}

/// Error for a bundle that cannot be opened. A path that is not a file counts as malformed.
pub fn open_error(file: &Path, error: &std::io::Error) -> CliError {
    match error.kind() {
        std::io::ErrorKind::InvalidInput => {
            CliError::new(Exit::Malformed, format!("{}: {error}", display_path(file)))
                .hint("a bundle is a file; `pgseal pack DIR -o FILE` makes one of a directory")
        }
        _ => CliError::io(file, error),
    }
}

/// Which database, and the values of variables.
#[derive(Args, Debug, Clone)]
pub struct DatabaseArgs {
    /// The database [default: libpq's environment, service and password files]
    #[arg(long, value_name = "URL")]
    db: Option<String>,
    #[command(flatten)]
    gate_user: GateUserArgs,
    #[command(flatten)]
    variables: VariableArgs,
}

/// The values of variables.
#[derive(Args, Debug, Clone)]
pub struct VariableArgs {
    /// A variable of the release
    #[arg(short = 'v', value_name = "NAME=VALUE", value_parser = name_and_value)]
    variables: Vec<(String, String)>,
}

impl VariableArgs {
    /// The given variables; a duplicate is an error.
    pub fn values(&self) -> Result<BTreeMap<String, String>, CliError> {
        let mut values = BTreeMap::new();
        for (name, value) in &self.variables {
            if values.insert(name.clone(), value.clone()).is_some() {
                return Err(CliError::new(
                    Kind::Variables,
                    format!("variable {name:?} is given twice"),
                ));
            }
        }
        Ok(values)
    }
}

impl DatabaseArgs {
    /// Equivalent of the given command-line arguments.
    pub fn named(db: &str, gate_user: &GateUserArgs, variables: &[(String, String)]) -> Self {
        Self {
            db: Some(db.to_owned()),
            gate_user: gate_user.clone(),
            variables: VariableArgs {
                variables: variables.to_vec(),
            },
        }
    }

    /// Prepares the connector without connecting.
    fn connector(&self) -> Result<Connector, CliError> {
        connection::connector_for_gates(self.db.as_deref(), self.gate_user()?.as_deref())
            .map(|(connector, _)| connector)
    }

    /// The role for gates and probes, if the operator named one.
    pub fn gate_user(&self) -> Result<Option<String>, CliError> {
        self.gate_user.named()
    }

    /// Connector for a run, cancellable by `stop`, with time limits of at most `signed`. Also
    /// returns the role of the run, if gates use another one.
    pub fn cancellable_connector(
        &self,
        stop: &CancellationToken,
        signed: &RunLimits,
        limits: &RunLimits,
        aside: impl BackgroundObserver + 'static,
    ) -> Result<(CancellableConnector, Option<String>), CliError> {
        let connect = Arc::new(self.connector()?);
        let runs_as = connect.runs_as().map(str::to_owned);
        Ok((
            CancellableConnector::new(connect, stop.clone(), signed, limits, Arc::new(aside)),
            runs_as,
        ))
    }

    /// Value of `--db`.
    pub fn db(&self) -> Option<&str> {
        self.db.as_deref()
    }

    /// The given variables; a duplicate is an error.
    pub fn variables(&self) -> Result<BTreeMap<String, String>, CliError> {
        self.variables.values()
    }
}

/// Lower time limits than the release's.
#[derive(Args, Debug, Clone)]
pub struct LimitArgs {
    /// Maximum wait for a lock, at most the release's
    #[arg(long, value_name = "TIME")]
    lock_timeout: Option<TimeLimit>,
    /// Maximum duration of a statement, at most the release's
    #[arg(long, value_name = "TIME")]
    statement_timeout: Option<TimeLimit>,
    /// Maximum idle time in a transaction, at most the release's
    #[arg(long, value_name = "TIME")]
    idle_timeout: Option<TimeLimit>,
    /// Maximum duration of a transaction on PostgreSQL 17 and later, at most the release's
    #[arg(long, value_name = "TIME")]
    transaction_timeout: Option<TimeLimit>,
}

impl LimitArgs {
    /// The limits in force. The signed limits are upper bounds.
    pub fn within(&self, signed: &RunLimits) -> Result<RunLimits, CliError> {
        let lower = |name: &str, wanted: Option<TimeLimit>, signed: TimeLimit| match wanted {
            Some(wanted) if wanted > signed => {
                let text = format!(
                    "--{} {wanted} is more than the release allows, {signed}",
                    name.replace('_', "-")
                );
                Err(CliError::usage(text).hint(format!(
                    "a limit can only be lowered here; {name} of [limits] in release.toml is signed"
                )))
            }
            wanted => Ok(wanted.unwrap_or(signed)),
        };
        Ok(RunLimits {
            lock_timeout: lower("lock_timeout", self.lock_timeout, signed.lock_timeout)?,
            statement_timeout: lower(
                "statement_timeout",
                self.statement_timeout,
                signed.statement_timeout,
            )?,
            idle_timeout: lower("idle_timeout", self.idle_timeout, signed.idle_timeout)?,
            transaction_timeout: lower(
                "transaction_timeout",
                self.transaction_timeout,
                signed.transaction_timeout,
            )?,
        })
    }
}

/// Retries of transactions.
#[derive(Args, Debug, Clone)]
pub struct RetryArgs {
    /// Maximum retries after a lock timeout or deadlock
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(0..=10))]
    pub lock_retries: u32,
}

/// Reads a public key: SPKI PEM or one line in OpenSSH format.
pub fn public_key(path: &Path) -> Result<PublicKey, CliError> {
    let hint = "`pgseal keygen NAME` writes NAME.pub; ssh-keygen's .pub is good too";
    let usage = |error: &dyn Display| {
        CliError::usage(format!("{}: {error}", display_path(path))).hint(hint)
    };
    let text = small_text(path).map_err(|error| usage(&error))?;
    PublicKey::from_text(&text).map_err(|error| usage(&error))
}

/// Reads at most 64 KiB, far more than any key or certificate. The bound matters for devices, which
/// have no end.
pub fn small_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(64 << 10)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// Secret keys.
#[derive(Args, Debug, Clone)]
pub struct PassphraseArgs {
    /// Read the keys' passphrase from this file descriptor instead of the terminal
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
}

impl PassphraseArgs {
    /// Reads keys, with a passphrase prompt for encrypted ones. A descriptor supplies one line per
    /// encrypted key.
    pub fn keys(&self, paths: &[PathBuf]) -> Result<Vec<SecretKey>, CliError> {
        let mut reader = self.reader();
        let read = |path: &PathBuf| {
            SecretKey::read(path, || {
                reader.read(&format!("passphrase of {}: ", display_path(path)))
            })
        };
        Ok(paths.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// Source of passphrases for one command.
    fn reader(&self) -> passphrase::Reader {
        passphrase::Reader::new(self.passphrase_fd)
    }

    /// Reads a new passphrase, twice on a terminal.
    pub fn new_passphrase(&self, name: &str) -> Result<zeroize::Zeroizing<String>, CliError> {
        let new = self.reader().new_passphrase(name);
        new.map_err(|error| {
            CliError::usage(format!("no passphrase: {error}"))
                .hint("run it on a terminal, give --passphrase-fd N, or --no-passphrase for a key without one")
        })
    }
}

/// The host's clock.
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_seconds(since.as_secs() as i64)
        .unwrap_or_else(|| Timestamp::from_seconds(0).expect("the epoch"))
}

/// Parses a time or a date.
pub fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::from_time_or_date(text).map_err(|error| error.to_string())
}

/// Parses `NAME=VALUE`.
pub fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
