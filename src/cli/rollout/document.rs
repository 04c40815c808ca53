//! A rollout for people and for `--json`.

use std::path::Path;

use serde_json::{Value, json};

use crate::cli::{Output, Paint, escape};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::manifest::Release;
use pgseal_verify::format::receipt::Action;
use pgseal_verify::format::rollout::{Rollout, RolloutDatabase, Tally, summary};
use pgseal_verify::format::statement::title;

/// Maximum number of failed databases that are named.
const NAMED: usize = 20;

/// Everything that is shown of a rollout.
pub struct Shown<'a> {
    pub rollout_id: &'a str,
    pub action: Action,
    pub release: &'a Release,
    pub release_id: Option<Digest>,
    pub plan_sha256: Option<Digest>,
    pub stopped: Option<&'a str>,
    pub databases: &'a [RolloutDatabase],
}

impl<'a> Shown<'a> {
    pub fn of(rollout: &'a Rollout, release_id: Option<Digest>) -> Self {
        Self {
            rollout_id: &rollout.rollout_id,
            action: rollout.action,
            release: &rollout.release,
            release_id,
            plan_sha256: rollout.plan_sha256,
            stopped: rollout.stopped.as_deref(),
            databases: &rollout.databases,
        }
    }

    /// `rollout of small 1.0.0`
    pub fn headline(&self) -> String {
        let title = title(&self.release.name, &self.release.version);
        match self.action {
            Action::Run => format!("rollout of {title}"),
            Action::Rollback => format!("rollout rollback of {title}"),
        }
    }

    /// The document, with the state and the receipt.
    pub fn document(&self, state: &str, receipt: Option<&Path>) -> Value {
        let tally = Tally::of(self.databases);
        let waves = self.waves().into_iter().map(|(wave, tally)| {
            let Tally { databases, done, failed, left } = tally;
            json!({ "wave": wave, "databases": databases, "done": done, "failed": failed, "left": left })
        });
        json!({
            "rollout_id": self.rollout_id,
            "action": self.action,
            "release": self.release,
            "release_id": self.release_id,
            "plan_sha256": self.plan_sha256,
            "state": state,
            "stopped": self.stopped,
            "summary": summary(self.databases),
            "done": tally.done,
            "failed": tally.failed,
            "left": tally.left,
            "waves": waves.collect::<Vec<_>>(),
            "databases": self.databases,
            "receipt": receipt.map(Path::to_string_lossy),
        })
    }

    fn waves(&self) -> Vec<(u32, Tally)> {
        let last = self.databases.iter().map(|one| one.wave).max();
        let of = |wave| Tally::of(self.databases.iter().filter(|one| one.wave == wave));
        let all = (1..=last.unwrap_or_default()).map(|wave| (wave, of(wave)));
        all.filter(|(_, tally)| tally.databases > 0).collect()
    }

    /// Prints the waves, and the databases that failed.
    pub fn show(&self, out: Output) {
        let rows = self.waves().into_iter().map(|(wave, tally)| {
            let numbers = [tally.databases, tally.done, tally.failed, tally.left];
            let wave = wave.to_string();
            std::iter::once(wave)
                .chain(numbers.map(|number| number.to_string()))
                .collect()
        });
        out.table(
            &["wave", "databases", "done", "failed", "left"],
            rows.collect(),
        );
        let failed: Vec<_> = self
            .databases
            .iter()
            .filter(|one| one.is_failed())
            .collect();
        for one in failed.iter().take(NAMED) {
            let (database, outcome) = (escape(&one.database), one.outcome.as_str());
            let word = out.paint(Paint::Bad, outcome);
            let error = one
                .error
                .as_deref()
                .map_or(String::new(), |error| format!(": {}", escape(error)));
            out.line(format!("{word} {database}{error}"));
        }
        if failed.len() > NAMED {
            out.line(format!(
                "... and {} more; --json names them all",
                failed.len() - NAMED
            ));
        }
        let title = escape(&self.headline());
        out.line(format!("{title}: {}", summary(self.databases)));
    }
}
