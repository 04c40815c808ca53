//! Summary of a receipt or rehearsal receipt for `receipt verify`.

use serde_json::{Value, json};

use super::super::Output;
use super::super::rehearse;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::receipt::ReceiptStatement;
use pgseal_verify::format::rehearsal::RehearsalStatement;

/// Content of a receipt or rehearsal receipt with a valid signature, or with none.
pub struct Said {
    pub release: Release,
    pub release_id: Option<Digest>,
    /// Id of the run or the rehearsal.
    pub run_id: String,
    pub action: Value,
    pub outcome: Value,
    pub headline: String,
}

impl Said {
    pub fn of_receipt(statement: &ReceiptStatement) -> Self {
        let receipt = &statement.predicate;
        Self {
            release: receipt.release.clone(),
            release_id: statement
                .subject
                .first()
                .map(|subject| subject.digest.sha256),
            run_id: receipt.run_id.clone(),
            action: json!(receipt.action),
            outcome: json!(receipt.outcome),
            headline: super::show::headline(receipt),
        }
    }

    pub fn of_rehearsal(statement: &RehearsalStatement, out: Output) -> Self {
        let rehearsal = &statement.predicate;
        Self {
            release: rehearsal.release.clone(),
            release_id: statement
                .subject
                .first()
                .map(|subject| subject.digest.sha256),
            run_id: rehearsal.rehearsal_id.clone(),
            action: json!("rehearsal"),
            outcome: json!(rehearsal.outcome),
            headline: rehearse::headline(rehearsal, out),
        }
    }
}
