//! Leads a rollout: wave after wave, each database by a command of its own, each step in the journal
//! first.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::worker::{Ended, Worker};
use crate::cli::args::now;
use crate::cli::{CliError, Exit, Kind, escape, events};
use crate::record::rollout::receipt_of_run;
use crate::rollout::journal::{Journal, RolloutStep};
use crate::rollout::pool;
use pgseal_verify::digest::Digest;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::receipt::Action;
use pgseal_verify::format::rollout::{DatabaseOutcome, RolloutDatabase, Tally};
use pgseal_verify::plural::count;

/// Attempts on a database whose lock another process holds, such as a run of a rollout that was
/// killed. Each one waits for some seconds.
const ATTEMPTS: usize = 5;

/// A rollout in progress.
pub struct Coordinator<'a> {
    pub worker: &'a Worker,
    pub action: Action,
    /// Directory of the receipts.
    pub receipts: &'a Path,
    pub parallel: NonZeroUsize,
    /// No further database begins once more have failed; `None` goes on to the end.
    pub max_failures: Option<usize>,
    pub soak: Option<&'a EntryPath>,
    /// Whether a run that stopped half way is resumed.
    pub resumes: bool,
    pub state: Mutex<State>,
}

/// The results so far.
pub struct State {
    pub journal: Journal,
    pub databases: Vec<RolloutDatabase>,
    /// Failures of this process.
    pub failed: usize,
    /// Reason why no further database begins.
    pub stopped: Option<String>,
    /// The answer of the soak question that stopped the rollout.
    pub soak: Option<CliError>,
}

impl Coordinator<'_> {
    /// Walks all waves, up to a reason to stop.
    pub fn lead(&self) {
        let waves: Vec<u32> = self.state().databases.iter().map(|one| one.wave).collect();
        let last = waves.iter().copied().max().unwrap_or_default();
        for number in 1..=last {
            let is_member = |at: &usize| waves[*at] == number;
            let members: Vec<usize> = (0..waves.len()).filter(is_member).collect();
            if !self.may_begin() {
                return;
            }
            events::wave(number, last, members.len());
            let databases = count(members.len(), "database");
            let line = format!("wave {number} of {last}: {databases}");
            self.worker.notifier.line(line);
            let work = |at: &usize| self.database(*at);
            pool::each(&members, self.parallel, &|| self.may_begin(), &work);
            if let Some(question) = self.soak
                && self.may_begin()
            {
                let mut state = self.state();
                if !members
                    .iter()
                    .any(|at| state.databases[*at].outcome.is_done())
                {
                    state.stop("no database of the wave could be asked the soak question");
                    return;
                }
                drop(state);
                let work = |at: &usize| self.ask(*at, question);
                pool::each(&members, self.parallel, &|| self.may_begin(), &work);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the next command, which there is, may begin.
    fn may_begin(&self) -> bool {
        let mut state = self.state();
        if self.worker.stop.is_requested() {
            state.stop("it was interrupted");
        }
        state.stopped.is_none()
    }

    /// Executes the command on a database.
    fn database(&self, at: usize) {
        let mut state = self.state();
        let RolloutDatabase { database, wave, .. } = state.databases[at].clone();
        if !state.write(RolloutStep::Started { at }) {
            return;
        }
        drop(state);
        let ended = self.command(&database);
        let result = self.result(RolloutDatabase::left(database, wave), ended);
        events::database(&result);
        let mut state = self.state();
        state.databases[at] = result.clone();
        self.tell(&result, Tally::of(&state.databases));
        let is_failed = result.is_failed();
        state.write(RolloutStep::Ended {
            at,
            database: result,
        });
        state.failed += usize::from(is_failed);
        if let Some(max) = self.max_failures.filter(|max| state.failed > *max) {
            let failed = count(state.failed, "database");
            state.stop(&format!("{failed} failed, and max_failures is {max}"));
        }
    }

    fn command(&self, database: &str) -> io::Result<Ended> {
        if self.action == Action::Rollback {
            return self.patiently("rollback", &[], database);
        }
        let ended = self.patiently("run", &["--if-needed"], database)?;
        match self.resumes && ended.is(Kind::Unfinished) {
            true => self.patiently("run", &["--resume"], database),
            false => Ok(ended),
        }
    }

    fn patiently(&self, command: &str, more: &[&str], database: &str) -> io::Result<Ended> {
        for _ in 1..ATTEMPTS {
            let ended = self.worker.write(command, more, database)?;
            if !ended.is(Kind::Locked) || self.worker.stop.is_requested() {
                return Ok(ended);
            }
        }
        self.worker.write(command, more, database)
    }

    fn result(&self, left: RolloutDatabase, ended: io::Result<Ended>) -> RolloutDatabase {
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => {
                return RolloutDatabase {
                    outcome: DatabaseOutcome::Unchanged,
                    exit: Some(Exit::Internal.code()),
                    kind: Some(Kind::Internal.as_str().to_owned()),
                    error: Some(format!("cannot start pgseal: {error}")),
                    ..left
                };
            }
        };
        let document = &ended.document;
        let run_id = document["run_id"].as_str().map(str::to_owned);
        let stored = document["receipt"]
            .as_str()
            .and_then(|path| std::fs::read(path).ok());
        let receipt_sha256 = match (&stored, &run_id) {
            (Some(bytes), _) => Some(Digest::of(bytes)),
            (None, Some(run_id)) => receipt_of_run(self.receipts, run_id),
            (None, None) => None,
        };
        RolloutDatabase {
            outcome: self.outcome(&ended),
            exit: ended.exit,
            kind: ended.kind().map(str::to_owned),
            error: ended.error(),
            run_id,
            receipt_sha256,
            ..left
        }
    }

    fn outcome(&self, ended: &Ended) -> DatabaseOutcome {
        let document = &ended.document;
        let is_already = match self.action {
            Action::Run => document["outcome"] == "already-in-effect",
            Action::Rollback => document.is_object() && document["run_id"].is_null(),
        };
        let is = |exit: Exit| ended.exit == Some(exit.code());
        match document["result"]["outcome"].as_str() {
            Some("committed") => DatabaseOutcome::Committed,
            Some("unchanged") => DatabaseOutcome::Unchanged,
            Some("partial") => DatabaseOutcome::Partial,
            Some(_) => DatabaseOutcome::Unknown,
            None if is(Exit::Done) && is_already => DatabaseOutcome::Already,
            None if is(Exit::Partial) => DatabaseOutcome::Partial,
            // Without an answer, the process did not come to its own end.
            None if is(Exit::Unknown) || document["error"].is_null() => DatabaseOutcome::Unknown,
            None => DatabaseOutcome::Unchanged,
        }
    }

    /// Shows the result of a database, and how far the rollout is.
    fn tell(&self, result: &RolloutDatabase, tally: Tally) {
        let Tally {
            databases,
            done,
            failed,
            ..
        } = tally;
        let what = match (result.outcome, self.action) {
            (DatabaseOutcome::Already, Action::Run) => "in effect already",
            (DatabaseOutcome::Already, Action::Rollback) => "nothing to do",
            (outcome, _) => outcome.as_str(),
        };
        let database = escape(&result.database);
        let failures = match failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let so_far = format!("{done} of {databases} done{failures}");
        let error = result.error.as_ref().filter(|_| result.is_failed());
        let error = error.map_or(String::new(), |error| format!(": {}", escape(error)));
        let notifier = &self.worker.notifier;
        notifier.line(format!("{database}: {what} ({so_far}){error}"));
        notifier.moving(|| so_far);
    }

    /// Asks the soak question on a database of a finished wave, if the release is in effect there.
    fn ask(&self, at: usize, question: &EntryPath) {
        let state = self.state();
        let one = state.databases[at].clone();
        drop(state);
        if !one.outcome.is_done() {
            return;
        }
        let (ready, reason, error) = match self.worker.ask(question.as_str(), &one.database) {
            Ok(ended) if ended.exit == Some(0) => {
                let reason = ended.document["reason"].as_str().unwrap_or_default();
                (true, reason.to_owned(), None)
            }
            Ok(ended) => {
                let text = ended.error().unwrap_or_default();
                let kind = ended.kind().and_then(kind).unwrap_or(Kind::GateUnanswered);
                (false, text, Some(kind))
            }
            Err(error) => (false, error.to_string(), Some(Kind::Internal)),
        };
        events::soak(&one.database, ready, &reason);
        let mut state = self.state();
        state.write(RolloutStep::Soak {
            at,
            ready,
            reason: reason.clone(),
        });
        let Some(kind) = error else {
            return;
        };
        let text = format!("the soak question {question} on {}: {reason}", one.database);
        self.worker.notifier.line(escape(&text));
        state.stop(&text);
        if state.soak.is_none() {
            state.soak = Some(CliError::new(kind, text));
        }
    }
}

impl State {
    /// Writes a step. Without a journal no further database begins.
    pub fn write(&mut self, step: RolloutStep) -> bool {
        match self.journal.write(now(), step) {
            Ok(()) => true,
            Err(error) => {
                let path = crate::cli::display_path(self.journal.path());
                let text = format!("{path}: cannot write the journal: {error}");
                self.stopped.get_or_insert(text);
                false
            }
        }
    }

    fn stop(&mut self, why: &str) {
        if self.stopped.is_none() {
            self.stopped = Some(why.to_owned());
            self.write(RolloutStep::Stopping {
                why: why.to_owned(),
            });
        }
    }

    /// The end of the command: success, the soak question's error, or that of the first database in
    /// the order of the plan that failed.
    pub fn ended(&mut self, what: &str, summary: &str) -> Result<Exit, CliError> {
        let tally = Tally::of(&self.databases);
        let head = format!("{what}: {summary}");
        if let Some(soak) = self.soak.take() {
            let lines = vec![head, format!("  {}", soak.lines.join("; "))];
            return Err(CliError::of_lines(soak.kind, lines));
        }
        let failed = self.databases.iter().find(|one| one.is_failed());
        let Some(first) = failed else {
            if self.stopped.is_none() {
                return Ok(Exit::Done);
            }
            let why = self.stopped.clone().unwrap_or_default();
            let kind = match tally.done {
                0 => Kind::Interrupted,
                _ => Kind::Partial,
            };
            return Err(CliError::of_lines(
                kind,
                vec![head, format!("  {}", escape(&why))],
            ));
        };
        let code = first.exit.unwrap_or(Exit::Unknown.code());
        let exit = Exit::ALL.iter().find(|exit| exit.code() == code);
        let exit = exit.copied().unwrap_or(Exit::Internal);
        let kind = first.kind.as_deref().and_then(kind).unwrap_or(exit.into());
        let error = first.error.as_deref().unwrap_or_default();
        let first = format!("  {}: {}", escape(&first.database), escape(error));
        Err(CliError::of_lines(kind, vec![head, first]).exit(exit))
    }
}

/// The kind of this name.
fn kind(word: &str) -> Option<Kind> {
    Kind::ALL.iter().copied().find(|kind| kind.as_str() == word)
}
