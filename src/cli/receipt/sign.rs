//! `pgseal receipt sign FILE --key KEY`

use std::path::PathBuf;

use super::super::args::{PassphraseArgs, TrustArgs, now};
use super::super::error::authentic::receipt_exit;
use super::super::{CliError, Exit, Kind, Output, display_path};
use crate::record::receipt::{self, SignError};
use crate::record::receipt_key;
use crate::record::rehearsal;
use crate::record::rollout;
use pgseal_verify::format::statement::title;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The receipt of a run or rollback, beside its journal
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The secret key, of the role receipt
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    if rehearsal::is_one(&args.file) {
        let text =
            "it is of a rehearsal, and only runs and rollbacks have a journal that proves them";
        return Err(CliError::usage(text)
            .about(&args.file)
            .hint("rehearse again, with --receipt-key"));
    }
    if rollout::is_one(&args.file) {
        let text =
            "it is of a rollout, and only runs and rollbacks have a journal that proves them";
        return Err(CliError::usage(text).about(&args.file).hint(
            "`pgseal rollout FILE --plan PLAN --resume --receipt-key KEY` writes a signed one",
        ));
    }
    let keys = args.passphrase.keys(std::slice::from_ref(&args.key))?;
    let root = args.trust.load()?;
    let [key] = keys.as_slice() else {
        return Err(CliError::internal("one key was asked for"));
    };
    let id = key.public_key().id();
    receipt_key::check(&root, &id, now())?;
    let signed =
        receipt::sign(&args.file, key).map_err(|error| refused(error).about(&args.file))?;
    let receipt = signed.predicate;
    out.document(&serde_json::json!({
        "file": args.file.to_string_lossy(),
        "run_id": receipt.run_id,
        "release": receipt.release,
        "signer": id,
    }));
    let title = title(&receipt.release.name, &receipt.release.version);
    let action = receipt.action.as_str();
    out.line(format!("{}: {action} of {title}", display_path(&args.file)));
    out.line(format!("signed by {id}"));
    out.note(
        "the journal proves run, release, database, trust root, outcome and COMMIT; for the other fields you vouch",
    );
    Ok(Exit::Done)
}

fn refused(error: SignError) -> CliError {
    match error {
        SignError::Receipt(error) => CliError::new(receipt_exit(&error), error),
        SignError::Signed => CliError::new(Kind::AlreadyAttached, error),
        SignError::NotProved(_) => CliError::new(Kind::NotAuthentic, error).hint(
            "a receipt is signed later only beside the journal of its run, as the host wrote both",
        ),
        SignError::Io(error) => CliError::new(Kind::Io, error),
    }
}
