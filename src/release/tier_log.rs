//! Collects a script's record for the receipt while the script runs.

use std::time::Duration;

use super::event::{Event, Observer};
use crate::database::Notice;
use pgseal_verify::format::receipt::{SentRecord, TierRecord};
use psql_script::Position;

/// Maximum warnings of a script in a receipt.
const WARNINGS_KEPT: usize = 100;

/// Maximum characters of a warning in a receipt.
const WARNING_CHARACTERS: usize = 1_000;

/// Maximum messages of a script that a receipt lists individually.
const SENT_KEPT: usize = 1_000;

/// A script's record so far.
pub(super) struct TierLog {
    record: TierRecord,
    /// Number of warnings, including those that the record drops.
    warnings: usize,
}

/// A message that was sent and answered.
pub(super) struct Sent<'a> {
    pub at: &'a Position,
    pub verb: &'a str,
    pub statements: u64,
    pub rows: u64,
    pub took: Duration,
    /// The proof of its effect, if that is not the server's answer.
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
        Self {
            record,
            warnings: 0,
        }
    }

    /// Counts completed statements.
    pub fn count(&mut self, statements: u64, rows: u64) {
        self.record.statements += statements;
        self.record.rows += rows;
    }

    /// Number of rows reported so far.
    pub fn rows(&self) -> u64 {
        self.record.rows
    }

    /// Records a message and its duration.
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

    /// Reports a notice to the observer, and records it if it is a warning.
    pub fn notice(&mut self, at: &Position, notice: &Notice, observer: &mut dyn Observer) {
        observer.event(Event::Notice { at, notice });
        if notice.severity != "WARNING" {
            return;
        }
        self.warnings += 1;
        if self.warnings <= WARNINGS_KEPT {
            let hint = notice.hint.as_ref();
            let hint = hint.map_or(String::new(), |hint| format!(" (hint: {hint})"));
            let text = format!("{}{hint}", notice.message);
            let text: String = text.chars().take(WARNING_CHARACTERS).collect();
            self.record.warnings.push(format!("{at}: {text}"));
        }
    }

    /// Completes the record of the script.
    pub fn end(mut self, took: Duration) -> TierRecord {
        self.record.milliseconds = took.as_millis() as u64;
        if self.warnings > WARNINGS_KEPT {
            let more = self.warnings - WARNINGS_KEPT;
            let warnings = &mut self.record.warnings;
            warnings.push(format!("and {more} more warnings"));
        }
        self.record
    }
}
