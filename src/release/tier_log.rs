//! What a receipt keeps of a script while it runs.

use std::time::Duration;

use super::event::{Event, Observer};
use crate::database::Notice;
use pgseal_verify::format::receipt::{SentRecord, TierRecord};
use psql_script::Position;

/// Warnings that a receipt keeps of one script.
const WARNINGS_KEPT: usize = 100;

/// Characters of a warning that a receipt keeps.
const WARNING_CHARACTERS: usize = 1_000;

/// Messages that a receipt tells one by one of one script.
const SENT_KEPT: usize = 1_000;

/// A script's record, as far as it came.
pub(super) struct TierLog {
    record: TierRecord,
    /// Warnings, also those that the record does not keep.
    warnings: usize,
}

/// Something that was sent, and is answered.
pub(super) struct Sent<'a> {
    pub at: &'a Position,
    pub verb: &'a str,
    pub statements: u64,
    pub rows: u64,
    pub took: Duration,
    /// How its effect is known, when not by the server's answer.
    pub evidence: Option<String>,
}

impl TierLog {
    pub fn new(name: &str) -> Self {
        let record = TierRecord {
            name: name.to_owned(),
            statements: 0,
            rows: 0,
            milliseconds: 0,
            transaction_id: None,
            sent: Vec::new(),
            warnings: Vec::new(),
        };
        Self { record, warnings: 0 }
    }

    /// Counts statements that are done.
    pub fn count(&mut self, statements: u64, rows: u64) {
        self.record.statements += statements;
        self.record.rows += rows;
    }

    /// How many rows were reported so far.
    pub fn rows(&self) -> u64 {
        self.record.rows
    }

    /// Keeps how long a message took.
    pub fn sent(&mut self, sent: Sent<'_>) {
        if self.record.sent.len() < SENT_KEPT {
            self.record.sent.push(SentRecord {
                at: sent.at.to_string(),
                verb: sent.verb.to_owned(),
                statements: (sent.statements != 1).then_some(sent.statements),
                rows: sent.rows,
                microseconds: sent.took.as_micros() as u64,
                evidence: sent.evidence,
            });
        }
    }

    /// Tells what the server said about a statement, and keeps it if it is a warning.
    pub fn notice(&mut self, at: &Position, notice: &Notice, observer: &mut dyn Observer) {
        observer.event(Event::Notice { at, notice });
        if notice.severity != "WARNING" {
            return;
        }
        self.warnings += 1;
        if self.warnings <= WARNINGS_KEPT {
            let hint = notice.hint.as_ref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
            let text: String = format!("{}{hint}", notice.message).chars().take(WARNING_CHARACTERS).collect();
            self.record.warnings.push(format!("{at}: {text}"));
        }
    }

    /// The record of the whole script.
    pub fn end(mut self, took: Duration) -> TierRecord {
        self.record.milliseconds = took.as_millis() as u64;
        if self.warnings > WARNINGS_KEPT {
            self.record.warnings.push(format!("and {} more warnings", self.warnings - WARNINGS_KEPT));
        }
        self.record
    }
}
