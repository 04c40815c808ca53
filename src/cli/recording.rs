//! Parts shared by `run` and `rollback`: the journal before, the receipt after, and the report of
//! the outcome.

use super::args::{PassphraseArgs, now};
use super::error::{self, CliError};
use super::exit::Exit;
use super::kind::Kind;
use super::output::{Output, Paint, display_path};
use super::table;
use crate::bundle::AuthenticatedBundle;
use crate::durable;
use crate::record::journal::Journal;
use crate::record::receipt::{self, Reservation};
use crate::record::receipt_key;
use crate::record::rehearsal;
use crate::release::Report;
use crate::release::failure::{Cause, Failure};
use crate::release::report::FailureKind;
use crate::trust::{SecretKey, TrustRoot};
use pgseal_verify::digest::hex;
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::receipt::{Action, Outcome, Receipt};
use pgseal_verify::format::rehearsal::Rehearsal;
use pgseal_verify::format::statement::ReleaseId;
use pgseal_verify::format::wire::V1;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where receipts go, and who signs them.
#[derive(clap::Args, Debug)]
pub struct ReceiptArgs {
    /// Where the journal and the receipt are written
    #[arg(long, value_name = "DIR", default_value = "pgseal-receipts")]
    pub receipts: PathBuf,
    /// Sign the receipt with this secret key
    #[arg(long, value_name = "KEY")]
    receipt_key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// A run ready to begin: the receipt's key is open and its file names are chosen.
pub struct Prepared {
    /// Identifier of the run.
    pub run_id: String,
    key: Option<SecretKey>,
    dir: PathBuf,
    stem: String,
    /// Disk space reserved for the receipt.
    reserved: Option<Reservation>,
}

impl ReceiptArgs {
    /// Opens the key that signs the receipt. This may wait for a passphrase, so it precedes any use
    /// of the clock, the trust root and the database.
    pub fn key(&self) -> Result<Option<SecretKey>, CliError> {
        Ok(self.passphrase.keys(self.receipt_key.as_slice())?.pop())
    }

    /// Chooses the names of the journal and the receipt.
    pub fn prepare(
        &self,
        key: Option<SecretKey>,
        root: &TrustRoot,
        manifest: &Manifest,
        action: Action,
    ) -> Result<Prepared, CliError> {
        self.prepare_named(key, root, manifest, action.as_str())
    }

    /// Like `prepare`, for an action that is neither a run nor a rollback.
    pub fn prepare_named(
        &self,
        key: Option<SecretKey>,
        root: &TrustRoot,
        manifest: &Manifest,
        what: &str,
    ) -> Result<Prepared, CliError> {
        if let Some(key) = &key {
            receipt_key::check(root, &key.public_key().id(), now())?;
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| CliError::new(Exit::Internal, error))?;
        let run_id = hex(&random);
        let (name, version) = (&manifest.release.name, &manifest.release.version);
        let stem = format!(
            "{name}-{version}-{what}-{}-{}",
            now().compact(),
            &run_id[..8]
        );
        Ok(Prepared {
            run_id,
            key,
            dir: self.receipts.clone(),
            stem,
            reserved: None,
        })
    }
}

impl Prepared {
    /// Whether the receipt will be signed.
    pub fn is_signed(&self) -> bool {
        self.key.is_some()
    }

    /// Opens the journal and reserves space for the receipt. This is the last point at which a full
    /// or read-only medium stops the run.
    pub fn journal(&mut self) -> Result<Journal, CliError> {
        let unwritable = |what: &str, error: std::io::Error| {
            CliError::new(
                Kind::Io,
                format!(
                    "{}: can't write the {what}: {error}",
                    display_path(&self.dir)
                ),
            )
            .hint(
                "nothing was run; name a writable directory with room for 4 MiB by --receipts DIR",
            )
        };
        let journal =
            Journal::create(&self.dir, &self.stem).map_err(|error| unwritable("journal", error))?;
        let reserved = receipt::reserve(&self.dir, &self.stem, self.key.is_some());
        self.reserved = Some(reserved.map_err(|error| unwritable("receipt", error))?);
        Ok(journal)
    }

    /// Reserves space for a rehearsal's receipt.
    pub fn reserve_rehearsal(&mut self) -> Result<(), CliError> {
        let reserved = durable::create_dirs(&self.dir)
            .and_then(|()| rehearsal::reserve(&self.dir, &self.stem, self.key.is_some()));
        self.reserved = Some(reserved.map_err(|error| {
            CliError::new(Kind::Io, format!("{}: can't write the receipt: {error}", display_path(&self.dir)))
                .hint("nothing was rehearsed; name a writable directory with room for 2 MiB by --receipts DIR")
        })?);
        Ok(())
    }

    /// Stores a rehearsal's receipt. Returns the directory of receipts, and the path of this one.
    pub fn store_rehearsal(
        &mut self,
        id: ReleaseId,
        receipt: Rehearsal,
    ) -> (PathBuf, std::io::Result<PathBuf>) {
        let stored = match self.reserved.take() {
            Some(reserved) => reserved.write_rehearsal(id, receipt, self.key.as_ref()),
            None => Err(std::io::Error::other("no room was taken for it")),
        };
        (self.dir.clone(), stored)
    }

    fn store(&mut self, id: ReleaseId, receipt: Receipt) -> std::io::Result<PathBuf> {
        match self.reserved.take() {
            Some(reserved) => reserved.write(id, receipt, self.key.as_ref()),
            None => receipt::write(&self.dir, &self.stem, id, receipt, self.key.as_ref()),
        }
    }

    /// Stores the receipt and reports the outcome.
    pub fn conclude(
        mut self,
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
        let told = match (result.outcome, failure) {
            (Outcome::Committed, _) => {
                success(&result, out);
                if let Some(doubt) = unproved {
                    out.warning(super::output::escape(&doubt));
                }
                Ok(Exit::Done)
            }
            (Outcome::Unchanged, failure) => {
                let exit = match kind {
                    FailureKind::Failed => Exit::Failed,
                    FailureKind::Blocked => Exit::Blocked,
                    FailureKind::Unanswered => Exit::Unanswered,
                };
                Err(unchanged(&result, failure, exit))
            }
            (Outcome::Partial, failure) => Err(partial(&result, failure)),
            (Outcome::Unknown, failure) => Err(unknown(&self.dir, failure)),
        };
        match (&stored, told) {
            (Ok(path), told) => {
                out.line(format!("receipt: {}", display_path(path)));
                told.map_err(CliError::answered)
            }
            (Err(error), Ok(_)) => {
                let message = format!(
                    "{}: the receipt could not be stored: {error}",
                    display_path(&self.dir)
                );
                let hint =
                    "it is done; the ledger in the database has it, and `pgseal status` shows it";
                Err(CliError::new(Exit::NoReceipt, message)
                    .hint(hint)
                    .answered())
            }
            (Err(error), Err(mut failure)) => {
                failure.lines.push(format!(
                    "{}: the receipt could not be stored: {error}",
                    display_path(&self.dir)
                ));
                Err(failure.answered())
            }
        }
    }
}

fn success(receipt: &Receipt, out: Output) {
    let title =
        pgseal_verify::format::statement::title(&receipt.release.name, &receipt.release.version);
    let state = match receipt.action {
        Action::Run => out.paint(Paint::Good, "finalized"),
        Action::Rollback => format!(
            "rolled back, the database is {} again",
            out.paint(Paint::Good, "baseline")
        ),
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
    let mut columns: Vec<&String> = before.keys().chain(after.keys()).collect();
    columns.sort();
    columns.dedup();
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

fn unchanged(receipt: &Receipt, failure: Option<Failure>, exit: Exit) -> CliError {
    let what = receipt.action.as_str();
    let prefix = format!("the {what} failed, and the database is as before: ");
    let Some(failure) = failure else {
        return CliError::new(exit, prefix);
    };
    let this = error::failure(exit, &prefix, &failure);
    if failure.cause != Cause::LockNotAvailable {
        return this;
    }
    let first = this
        .hint
        .as_ref()
        .map(|first| format!("{first}; "))
        .unwrap_or_default();
    this.hint(format!(
        "{first}when whoever has the lock is done, the same command can be run again"
    ))
}

/// Error for a run or rollback that committed only a part.
fn partial(receipt: &Receipt, failure: Option<Failure>) -> CliError {
    let prefix = format!("the {} stopped half way: ", receipt.action.as_str());
    let pgseal_advises =
        receipt.error.is_some() && !failure.as_ref().is_some_and(Failure::server_advises);
    let this = match failure {
        Some(failure) => error::failure(Kind::Partial, &prefix, &failure),
        None => CliError::new(Kind::Partial, prefix),
    };
    let ways = "`pgseal status` shows how far it came; `pgseal run --resume FILE` goes on, `pgseal rollback FILE` goes back";
    match this.hint.clone() {
        // pgseal's own hint names the obstacle and the way on, so only the way back is added.
        Some(first) if pgseal_advises => CliError {
            hint: Some(format!("{first}; or `pgseal rollback FILE` goes back")),
            ..this
        },
        Some(first) => CliError {
            hint: Some(format!("{first}; {ways}")),
            ..this
        },
        None => this.hint(ways),
    }
}

fn unknown(dir: &Path, failure: Option<Failure>) -> CliError {
    let prefix = "nobody could say whether COMMIT happened: ";
    let this = match failure {
        Some(failure) => error::failure(Exit::Unknown, prefix, &failure),
        None => CliError::new(Exit::Unknown, prefix),
    };
    this.hint(format!(
        "don't run it again: when the server answers, `pgseal status --receipts {}` asks it",
        display_path(dir)
    ))
}
