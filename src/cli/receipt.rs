//! `pgseal receipt`: one file a task.

mod show;
mod verify;

use clap::Subcommand;

use super::rehearse;
use super::{CliError, Exit, Output};
use crate::record::receipt::{self, ReceiptError};
use crate::record::rehearsal;
use crate::trust::evidence::Evidence;
use crate::trust::{JudgedAt, KeyId, TrustRoot};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::receipt::ReceiptStatement;
use pgseal_verify::format::rehearsal::RehearsalStatement;
use serde_json::{Value, json};
use std::path::Path;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: ReceiptCommand,
}

#[derive(Subcommand, Debug)]
enum ReceiptCommand {
    /// Show a run by its receipt, judged by the trust root if one is named
    Show(show::Args),
    /// Authenticate receipts, and compare each with its journal
    Verify(verify::Args),
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    match &args.command {
        ReceiptCommand::Show(args) => show::run(args, out),
        ReceiptCommand::Verify(args) => verify::run(args, out),
    }
}

/// The key of a valid signature, and the evidence of its time.
type Signed = Option<(KeyId, Evidence)>;

/// Content of a receipt with a valid signature, or with none.
enum Statement {
    Run(ReceiptStatement),
    Rehearsal(RehearsalStatement),
}

impl Statement {
    /// Reads a receipt and checks its signature, or only reads it without a trust root.
    fn read(
        path: &Path,
        trust: Option<(&TrustRoot, JudgedAt)>,
    ) -> Result<(Self, Signed), ReceiptError> {
        Ok(match (rehearsal::is_one(path), trust) {
            (false, Some((root, when))) => {
                let read = receipt::read(path, root, when)?;
                (Self::Run(read.statement), read.signed)
            }
            (false, None) => (Self::Run(receipt::claimed(path)?), None),
            (true, Some((root, when))) => {
                let read = rehearsal::read(path, root, when)?;
                (Self::Rehearsal(read.statement), read.signed)
            }
            (true, None) => (Self::Rehearsal(rehearsal::claimed(path)?), None),
        })
    }

    fn release(&self) -> &Release {
        match self {
            Self::Run(statement) => &statement.predicate.release,
            Self::Rehearsal(statement) => &statement.predicate.release,
        }
    }

    fn release_id(&self) -> Option<Digest> {
        let subject = match self {
            Self::Run(statement) => statement.subject.first(),
            Self::Rehearsal(statement) => statement.subject.first(),
        };
        subject.map(|subject| subject.digest.sha256)
    }

    /// Id of the run or the rehearsal, action and outcome.
    fn run(&self) -> (&str, Value, Value) {
        match self {
            Self::Run(ReceiptStatement { predicate, .. }) => {
                let (action, outcome) = (json!(predicate.action), json!(predicate.outcome));
                (&predicate.run_id, action, outcome)
            }
            Self::Rehearsal(RehearsalStatement { predicate, .. }) => {
                let (action, outcome) = (json!("rehearsal"), json!(predicate.outcome));
                (&predicate.rehearsal_id, action, outcome)
            }
        }
    }

    fn headline(&self, out: Output) -> String {
        match self {
            Self::Run(statement) => show::headline(&statement.predicate),
            Self::Rehearsal(statement) => rehearse::headline(&statement.predicate, out),
        }
    }
}
