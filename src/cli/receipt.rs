//! `pgseal receipt`: one file a task.

mod show;
mod sign;
mod verify;

use clap::Subcommand;

use super::rehearse;
use super::{CliError, Exit, Output};
use crate::record::receipt::{self, ReceiptError};
use crate::record::{evidence, rehearsal, rollout};
use crate::trust::evidence::Evidence;
use crate::trust::{JudgedAt, KeyId, TrustRoot};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::evidence::EvidenceStatement;
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::receipt::{Action, ReceiptStatement};
use pgseal_verify::format::rehearsal::RehearsalStatement;
use pgseal_verify::format::rollout::{RolloutStatement, summary as rollout_summary};
use pgseal_verify::words::records;
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
    /// Sign a receipt that was stored unsigned, while the journal beside it proves it
    Sign(sign::Args),
    /// Authenticate receipts, and compare each with its journal
    Verify(verify::Args),
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    match &args.command {
        ReceiptCommand::Show(args) => show::run(args, out),
        ReceiptCommand::Sign(args) => sign::run(args, out),
        ReceiptCommand::Verify(args) => verify::run(args, out),
    }
}

/// The key of a valid signature, and the evidence of its time.
type Signed = Option<(KeyId, Evidence)>;

/// Content of a receipt with a valid signature, or with none.
enum Statement {
    Run(ReceiptStatement),
    Rehearsal(RehearsalStatement),
    Rollout(Box<RolloutStatement>),
    Answer(Box<EvidenceStatement>),
}

impl Statement {
    /// Reads a receipt and checks its signature, or only reads it without a trust root.
    fn read(
        path: &Path,
        trust: Option<(&TrustRoot, JudgedAt)>,
    ) -> Result<(Self, Signed), ReceiptError> {
        if evidence::is_one(path) {
            let (statement, signed) = match trust {
                Some((root, when)) => {
                    let read = evidence::read(path, root, when)?;
                    (read.statement, Some(read.signed))
                }
                None => (evidence::claimed(path)?, None),
            };
            return Ok((Self::Answer(Box::new(statement)), signed));
        }
        if rollout::is_one(path) {
            let (statement, signed) = match trust {
                Some((root, when)) => {
                    let read = rollout::read(path, root, when)?;
                    (read.statement, read.signed)
                }
                None => (rollout::claimed(path)?, None),
            };
            return Ok((Self::Rollout(Box::new(statement)), signed));
        }
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

    /// The release, if it is about one.
    fn release(&self) -> Option<&Release> {
        match self {
            Self::Run(statement) => Some(&statement.predicate.release),
            Self::Rehearsal(statement) => Some(&statement.predicate.release),
            Self::Rollout(statement) => Some(&statement.predicate.release),
            Self::Answer(statement) => statement.predicate.release.as_ref(),
        }
    }

    fn release_id(&self) -> Option<Digest> {
        let subject = match self {
            Self::Run(statement) => statement.subject.first(),
            Self::Rehearsal(statement) => statement.subject.first(),
            Self::Rollout(statement) => statement.subject.first(),
            Self::Answer(statement) => statement.subject.first(),
        };
        self.release()?;
        subject.map(|subject| subject.digest.sha256)
    }

    /// Id of the run, the rehearsal, the rollout or the answer, action and outcome. The outcome of an answer is
    /// its exit code, that of a rollout its summary.
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
            Self::Rollout(statement) => {
                let said = &statement.predicate;
                let action = match said.action {
                    Action::Run => "rollout",
                    Action::Rollback => "rollout-rollback",
                };
                let outcome = json!(rollout_summary(&said.databases));
                (&said.rollout_id, json!(action), outcome)
            }
            Self::Answer(statement) => {
                let said = &statement.predicate;
                (&said.evidence_id, json!(said.kind), json!(said.exit))
            }
        }
    }

    fn headline(&self, out: Output) -> String {
        match self {
            Self::Run(statement) => records::run_headline(&statement.predicate),
            Self::Rehearsal(statement) => rehearse::headline(&statement.predicate, out),
            Self::Rollout(statement) => show::rollout_headline(&statement.predicate),
            Self::Answer(statement) => records::answer_headline(statement),
        }
    }
}
