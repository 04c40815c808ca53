//! Parts shared by `run` and `rollback`: the journal before, the receipt after, and the report of
//! the outcome.

use super::args::{OpenedKey, PassphraseArgs, now};
use super::error;
use super::progress::Notifier;
use super::settings;
use super::table;
use super::{CliError, Exit, Kind, Output, Paint, ResultExt as _, display_path, escape};
use crate::bundle::AuthenticatedBundle;
use crate::durable;
use crate::record::definitions::{self, When};
use crate::record::journal::Journal;
use crate::record::receipt::{self, Reservation};
use crate::record::receipt_key;
use crate::record::rehearsal;
use crate::record::rollout;
use crate::release::Report;
use crate::release::failure::{Cause, Failure};
use crate::release::report::FailureKind;
use crate::rollout::journal::Journal as RolloutJournal;
use crate::trust::{SecretKey, TrustRoot};
use pgseal_verify::digest::{Digest, hex};
use pgseal_verify::format::fingerprint::Fingerprint;
use pgseal_verify::format::manifest::{Manifest, Release};
use pgseal_verify::format::receipt::{Action, Outcome, Receipt};
use pgseal_verify::format::rehearsal::Rehearsal;
use pgseal_verify::format::rollout::Rollout;
use pgseal_verify::format::statement::{ReleaseId, title};
use pgseal_verify::format::wire::V1;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Note on an unsigned receipt.
pub const UNSIGNED: &str = "without --receipt-key the receipt is not signed: anybody can have written it, so it proves nothing";

/// Where receipts go, and who signs them.
#[derive(clap::Args, Debug)]
pub struct ReceiptArgs {
    /// Directory of the journal and the receipt
    #[arg(long, value_name = "DIR", default_value_os_t = settings::receipts())]
    pub receipts: PathBuf,
    /// Sign the receipt with this secret key [default: PGSEAL_RECEIPT_KEY]
    #[arg(long, value_name = "KEY")]
    receipt_key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// A run ready to begin: the receipt's key is open and its file names are chosen.
pub struct Prepared {
    /// Identifier of the run.
    pub run_id: String,
    key: Option<Arc<SecretKey>>,
    dir: PathBuf,
    stem: String,
    /// Disk space reserved for the receipt.
    reserved: Option<Reservation>,
}

impl ReceiptArgs {
    /// Opens the key that signs the receipt. This may wait for a passphrase, so it precedes any use
    /// of the clock, the trust root and the database.
    pub fn key(&self) -> Result<Option<Arc<SecretKey>>, CliError> {
        let key = self.passphrase.keys(self.key_file().as_slice())?.pop();
        Ok(key.map(Arc::new))
    }

    /// Like [`Self::key`], with the passphrase of the key.
    pub fn opened_key(&self) -> Result<Option<OpenedKey>, CliError> {
        let file = self.key_file();
        let opened = file.map(|file| self.passphrase.key_with_passphrase(&file));
        opened.transpose()
    }

    fn key_file(&self) -> Option<PathBuf> {
        let set = || settings::current().path(settings::Name::ReceiptKey);
        self.receipt_key.clone().or_else(set)
    }

    /// Warns if nothing will sign the receipt, although the trust root has keys for that.
    pub fn warn(&self, root: &TrustRoot, notifier: &Notifier) {
        if self.key_file().is_none() && receipt_key::has_role(root) {
            notifier.warning(format!(
                "{UNSIGNED}; `pgseal receipt sign FILE --key KEY` signs it later, with its journal beside it"
            ));
        }
    }

    /// Chooses the names of the journal and the receipt.
    pub fn prepare(
        &self,
        key: Option<Arc<SecretKey>>,
        root: &TrustRoot,
        manifest: &Manifest,
        action: Action,
    ) -> Result<Prepared, CliError> {
        check_run(key.as_deref(), root, manifest, action)?;
        self.prepare_named(key, root, manifest, action.as_str())
    }

    /// Like `prepare`, for an action that is neither a run nor a rollback.
    pub fn prepare_named(
        &self,
        key: Option<Arc<SecretKey>>,
        root: &TrustRoot,
        manifest: &Manifest,
        what: &str,
    ) -> Result<Prepared, CliError> {
        self.prepare_release(key, root, &manifest.release, what)
    }

    /// Like `prepare_named`, by the name of a release alone.
    pub fn prepare_release(
        &self,
        key: Option<Arc<SecretKey>>,
        root: &TrustRoot,
        release: &Release,
        what: &str,
    ) -> Result<Prepared, CliError> {
        check_key(key.as_deref(), root)?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(CliError::internal)?;
        let run_id = hex(&random);
        Ok(Prepared {
            stem: stem(release, what, &run_id),
            run_id,
            key,
            dir: self.receipts.clone(),
            reserved: None,
        })
    }
}

/// Whether the trust root lets the key sign receipts.
fn check_key(key: Option<&SecretKey>, root: &TrustRoot) -> Result<(), CliError> {
    match key {
        Some(key) => Ok(receipt_key::check(root, &key.public_key().id(), now())?),
        None => Ok(()),
    }
}

/// Whether the trust root lets a run begin without a key for its receipt.
pub fn check_run(
    key: Option<&SecretKey>,
    root: &TrustRoot,
    manifest: &Manifest,
    action: Action,
) -> Result<(), CliError> {
    let id = key.map(|key| key.public_key().id());
    Ok(receipt_key::check_run(root, manifest, id.as_ref(), action)?)
}

/// Common part of the names of journal and receipt.
fn stem(release: &Release, what: &str, run_id: &str) -> String {
    let (name, version) = (&release.name, &release.version);
    let id = &run_id[..8];
    format!("{name}-{version}-{what}-{}-{id}", now().compact())
}

impl Prepared {
    /// Whether the receipt will be signed.
    pub fn is_signed(&self) -> bool {
        self.key.is_some()
    }

    /// The key that signs the receipt.
    pub fn key(&self) -> Option<&SecretKey> {
        self.key.as_deref()
    }

    /// Checks the key by a trust root that was read anew, and names the files by the current time.
    pub fn renew(
        &mut self,
        root: &TrustRoot,
        manifest: &Manifest,
        action: Action,
    ) -> Result<(), CliError> {
        check_run(self.key.as_deref(), root, manifest, action)?;
        check_key(self.key.as_deref(), root)?;
        self.stem = stem(&manifest.release, action.as_str(), &self.run_id);
        Ok(())
    }

    /// Opens the journal and reserves space for the receipt. This is the last point at which a full
    /// or read-only medium stops the run.
    pub fn journal(&mut self) -> Result<Journal, CliError> {
        let journal = Journal::create(&self.dir, &self.stem);
        let journal = journal.map_err(|error| self.unwritable("journal", "run", 4, &error))?;
        let reserved = receipt::reserve(&self.dir, &self.stem, self.key.is_some());
        self.reserved =
            Some(reserved.map_err(|error| self.unwritable("receipt", "run", 4, &error))?);
        Ok(journal)
    }

    /// Stores definitions beside the receipt.
    pub fn keep(&self, when: When, definitions: &Fingerprint) -> Result<(), CliError> {
        definitions::keep(&self.dir, &self.stem, when, definitions).at(&self.dir)
    }

    /// Tests whether journal and receipt can be written. Nothing is left of it but the directory.
    pub fn try_out(&mut self) -> Result<(), CliError> {
        drop(self.journal()?);
        self.reserved = None;
        Ok(())
    }

    /// Reserves space for a rehearsal's receipt.
    pub fn reserve_rehearsal(&mut self) -> Result<(), CliError> {
        self.reserve(rehearsal::reserve, "rehearsed")
    }

    /// Reserves space for a rollout's receipt.
    pub fn reserve_rollout(&mut self) -> Result<(), CliError> {
        self.reserve(rollout::reserve, "run")
    }

    fn reserve(
        &mut self,
        reserve: fn(&Path, &str, bool) -> std::io::Result<Reservation>,
        done: &str,
    ) -> Result<(), CliError> {
        let reserved = durable::create_dirs(&self.dir)
            .and_then(|()| reserve(&self.dir, &self.stem, self.key.is_some()));
        self.reserved =
            Some(reserved.map_err(|error| self.unwritable("receipt", done, 2, &error))?);
        Ok(())
    }

    /// Opens the journal of a rollout, and locks it.
    pub fn rollout_journal(&self) -> Result<RolloutJournal, CliError> {
        let journal = RolloutJournal::create(&self.dir, &self.stem);
        let journal = journal.and_then(|journal| journal.lock().map(|()| journal));
        journal.map_err(|error| self.unwritable("journal", "run", 4, &error))
    }

    /// Stores a rollout's receipt, and returns its path.
    pub fn store_rollout(&mut self, id: Digest, rollout: Rollout) -> Result<PathBuf, CliError> {
        let stored = match self.reserved.take() {
            Some(reserved) => reserved.write_rollout(id, rollout, self.key.as_deref()),
            None => Err(std::io::Error::other("no room was taken for it")),
        };
        stored.map_err(|error| {
            let dir = display_path(&self.dir);
            CliError::new(
                Kind::NoReceipt,
                format!("{dir}: the receipt of the rollout could not be stored: {error}"),
            )
            .hint("the databases have their own receipts, and `pgseal rollout status` reads the journal")
        })
    }

    fn unwritable(&self, what: &str, done: &str, room: u8, error: &std::io::Error) -> CliError {
        let text = format!("can't write the {what}: {error}");
        CliError::new(Kind::Io, text).about(&self.dir).hint(format!(
            "nothing was {done}; name a writable directory with room for {room} MiB by --receipts DIR"
        ))
    }

    /// Stores a rehearsal's receipt. Returns the directory of receipts, and the path of this one.
    pub fn store_rehearsal(
        &mut self,
        id: ReleaseId,
        receipt: Rehearsal,
    ) -> (PathBuf, std::io::Result<PathBuf>) {
        let stored = match self.reserved.take() {
            Some(reserved) => reserved.write_rehearsal(id, receipt, self.key.as_deref()),
            None => Err(std::io::Error::other("no room was taken for it")),
        };
        (self.dir.clone(), stored)
    }

    fn store(&mut self, id: ReleaseId, receipt: Receipt) -> std::io::Result<PathBuf> {
        match self.reserved.take() {
            Some(reserved) => reserved.write(id, receipt, self.key.as_deref()),
            None => receipt::write(&self.dir, &self.stem, id, receipt, self.key.as_deref()),
        }
    }

    /// Stores the receipt and reports the outcome.
    pub fn conclude(
        &mut self,
        bundle: &AuthenticatedBundle,
        report: Report,
        out: Output,
    ) -> Result<Exit, CliError> {
        let Report {
            receipt,
            failure,
            unproved,
            kind,
        } = report;
        let result = receipt.clone();
        let stored = self.store(bundle.release_id(), receipt);
        let mut document = serde_json::json!({
            "run_id": self.run_id,
            "receipt": stored.as_ref().ok().map(|path| path.to_string_lossy()),
            "result": V1(&result),
        });
        if let Some(failure) = &failure {
            document["failure"] = serde_json::json!(failure);
        }
        out.document(&document);
        let ended = match result.outcome {
            Outcome::Committed => {
                success(&result, bundle.manifest(), out);
                if let Some(doubt) = unproved {
                    out.warning(escape(&doubt));
                }
                Ok(Exit::Done)
            }
            Outcome::Unchanged => Err(unchanged(&result, failure.as_ref(), exit_of(kind))),
            Outcome::Partial => Err(partial(&result, failure.as_ref())),
            Outcome::Unknown => Err(unknown(&self.dir, failure.as_ref())),
        };
        let unstored = match stored {
            Ok(path) => {
                out.line(format!("receipt: {}", display_path(path)));
                return ended;
            }
            Err(error) => {
                let dir = display_path(&self.dir);
                format!("{dir}: the receipt could not be stored: {error}")
            }
        };
        let error = match ended {
            Ok(_) => CliError::new(Kind::NoReceipt, unstored).hint(
                "it is done; the ledger in the database has it, and `pgseal status` shows it",
            ),
            Err(mut error) => {
                error.lines.push(unstored);
                error
            }
        };
        Err(error)
    }
}

/// Exit code of a run that changed nothing.
pub fn exit_of(kind: FailureKind) -> Exit {
    match kind {
        FailureKind::Failed => Exit::Failed,
        FailureKind::Blocked => Exit::Blocked,
        FailureKind::Unanswered => Exit::Unanswered,
    }
}

fn success(receipt: &Receipt, manifest: &Manifest, out: Output) {
    let title = title(&receipt.release.name, &receipt.release.version);
    let state = match receipt.action {
        Action::Run => out.paint(Paint::Good, "finalized"),
        Action::Rollback if manifest.states.rolled_back.is_some() => {
            out.paint(Paint::Good, "rolled back")
        }
        Action::Rollback => {
            let baseline = out.paint(Paint::Good, "baseline");
            format!("rolled back, the database is {baseline} again")
        }
    };
    let elapsed: u64 = receipt.tiers.iter().map(|tier| tier.milliseconds).sum();
    let transaction = receipt.transaction_id.as_deref().unwrap_or("unknown");
    out.line(states(receipt.before.as_ref(), receipt.after.as_ref()));
    out.line(format!(
        "{title} is {state}: transaction {transaction} is committed ({elapsed} ms in scripts)"
    ));
}

/// The probes before and after, side by side.
pub fn states(
    before: Option<&BTreeMap<String, Option<String>>>,
    after: Option<&BTreeMap<String, Option<String>>>,
) -> String {
    let empty = BTreeMap::new();
    let (before, after) = (before.unwrap_or(&empty), after.unwrap_or(&empty));
    let columns: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let cell = |row: &BTreeMap<String, Option<String>>, column: &String| match row.get(column) {
        None => String::new(),
        Some(None) => "NULL".to_owned(),
        Some(Some(value)) => value.clone(),
    };
    let rows = columns
        .into_iter()
        .map(|column| vec![column.clone(), cell(before, column), cell(after, column)]);
    table::render(&["", "before", "after"], rows.collect())
}

fn unchanged(receipt: &Receipt, failure: Option<&Failure>, exit: Exit) -> CliError {
    let what = receipt.action.as_str();
    let prefix = format!("the {what} failed, and the database is as before: ");
    let this = error::failed(exit, &prefix, failure);
    if failure.is_none_or(|failure| failure.cause != Cause::LockNotAvailable) {
        return this;
    }
    this.also_hint("when whoever has the lock is done, the same command can be run again")
}

/// Error for a run or rollback that committed only a part.
fn partial(receipt: &Receipt, failure: Option<&Failure>) -> CliError {
    let prefix = format!("the {} stopped half way: ", receipt.action.as_str());
    let this = error::failed(Kind::Partial, &prefix, failure);
    let pgseal_advises = receipt.error.is_some() && !failure.is_some_and(Failure::server_advises);
    if this.hint.is_some() && pgseal_advises {
        // pgseal's own hint names the obstacle and the way on, so only the way back is added.
        return this.also_hint(
            "then `pgseal run --resume FILE` goes on, or `pgseal rollback FILE` goes back",
        );
    }
    this.also_hint(
        "`pgseal status` shows how far it came; `pgseal run --resume FILE` goes on, `pgseal rollback FILE` goes back",
    )
}

fn unknown(dir: &Path, failure: Option<&Failure>) -> CliError {
    let prefix = "the outcome of COMMIT is unknown: ";
    error::failed(Kind::Unknown, prefix, failure).hint(format!(
        "don't run it again: when the server answers, `pgseal status --receipts {}` asks it",
        display_path(dir)
    ))
}
