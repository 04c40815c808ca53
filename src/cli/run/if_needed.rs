//! `pgseal run --if-needed`: ends with success if the release is in effect.

use super::One;
use crate::cli::progress::Progress;
use crate::cli::{CliError, Exit, Kind, Output, check, escape};
use crate::record::memory;
use crate::release::check::{InEffect, in_effect};
use crate::release::run_context::ContextToRun;
use pgseal_verify::format::timestamp::Timestamp;

impl One<'_> {
    /// The end of the command if `--if-needed` is given and the release is in effect. Errors that a
    /// run meets as well are left to the run.
    pub(super) fn ended(
        &self,
        order: ContextToRun<'_>,
        at: Timestamp,
        progress: &Progress,
        out: Output,
    ) -> Option<Result<Exit, CliError>> {
        if !self.options.if_needed {
            return None;
        }
        match self.look(order, at, progress, out) {
            Ok(exit) => exit.map(Ok),
            Err(error) if matches!(error.kind, Kind::CheckFailed | Kind::ProbeFailed) => {
                Some(Err(error))
            }
            Err(_) => None,
        }
    }

    /// A release in effect needs neither approvals nor gates any more, but it has to be permitted.
    fn look(
        &self,
        order: ContextToRun<'_>,
        at: Timestamp,
        progress: &Progress,
        out: Output,
    ) -> Result<Option<Exit>, CliError> {
        memory::check_clock(&self.options.receipts.receipts, at)?;
        order.bundle.check_policy()?;
        let Some(InEffect {
            entry,
            observed,
            mismatches,
            not_compared,
        }) = in_effect(&order.authentic()).map_err(check::told)?
        else {
            return Ok(None);
        };
        let title = format!("{} {}", entry.release, entry.version);
        let run = format!("run {} at {}, by {}", entry.run_id, entry.at, entry.role);
        if !mismatches.is_empty() {
            let list: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
            let text = format!(
                "{title} is in effect ({run}), and the database is not in the state \"finalized\": {}",
                list.join("; ")
            );
            return Err(CliError::new(Kind::CheckFailed, text)
                .hint("nothing was changed; find out who changed these values, and why"));
        }
        progress.finish();
        if entry.variables != *order.variables {
            out.warning("it ran with other values of the variables");
        }
        out.document(&serde_json::json!({
            "outcome": "already-in-effect",
            "run_id": entry.run_id,
            "at": entry.at,
            "release": order.bundle.manifest().release,
            "release_id": order.bundle.release_id(),
            "state": observed,
        }));
        let relative = match not_compared.len() {
            0 => String::new(),
            1 => " (1 relative value is not compared now)".to_owned(),
            more => format!(" ({more} relative values are not compared now)"),
        };
        out.line(escape(&format!(
            "{title} is in effect already, and its state holds{relative}: {run}"
        )));
        Ok(Some(Exit::Done))
    }
}
