//! `pgseal run --wait FILE`: waits in one process until everything is there, then runs once.
//!
//! Every attempt reads trust root, bundle and approvals anew, and chooses a server anew. Between two
//! attempts there is no session, so no transaction and no lock.

use super::{One, Permitted};
use crate::cli::args::now;
use crate::cli::missing;
use crate::cli::progress::Progress;
use crate::cli::recording::Prepared;
use crate::cli::stage;
use crate::cli::waiting::{Begun, Waiting};
use crate::cli::{CliError, Exit, Output};
use crate::release::event::Silent;
use crate::release::gate;
use crate::release::run_context::ContextToRun;
use crate::release::survey::survey;
use crate::trust::SecretKey;
use pgseal_verify::format::receipt::Action;
use pgseal_verify::format::timestamp::Timestamp;
use std::sync::Arc;

/// Result of one attempt.
enum Attempt {
    /// The run was begun, or is not needed.
    Ended(Result<Exit, CliError>),
    /// The conditions that are still missing, in the order of a run.
    Missing(Vec<CliError>),
}

/// The state between two attempts.
struct Waiter<'a> {
    one: &'a One<'a>,
    out: Output,
    progress: Progress,
    prepared: Prepared,
    begun: Begun,
    waiting: Waiting,
}

pub fn run(one: &One<'_>, key: Option<Arc<SecretKey>>, out: Output) -> Result<Exit, CliError> {
    // Of several releases, a later one is tried once even if the time is over.
    let is_later = one.several.as_ref().is_some_and(|one| !one.is_first);
    let until = one.options.until.filter(|_| !is_later);
    if let Some(until) = until.filter(|until| now() >= *until) {
        return Err(CliError::usage(format!("--until {until} is over")).hint("nothing was run"));
    }
    let mut waiter = Waiter::begin(one, key, out)?;
    let mut is_first = true;
    loop {
        let attempt = waiter.attempt();
        let command = &waiter.begun.command;
        match attempt {
            Ok(Attempt::Ended(ended)) => return ended,
            _ if command.stop.is_requested() => return Err(command.command.interrupted()),
            Ok(Attempt::Missing(missing)) => waiter.waiting.pause_for(missing, command)?,
            // The command line, or files that were never whole.
            Err(error) if is_first => return Err(error),
            Err(error) => waiter.waiting.pause_for_fault(error, command)?,
        }
        is_first = false;
    }
}

impl<'a> Waiter<'a> {
    /// Reads the bundle for the first time, for its id and its limits, and tries out the directory of
    /// receipts: a full or read-only medium ends the command now, not when everything is there.
    fn begin(one: &'a One<'a>, key: Option<Arc<SecretKey>>, out: Output) -> Result<Self, CliError> {
        let args = one.options;
        let root = one.bundle.root()?;
        let bundle = one.bundle.authenticate_to_run(&root, now())?;
        one.check_same(bundle.release_id())?;
        let manifest = bundle.manifest();
        stage::warn(manifest, out);
        one.values(manifest, Some(out))?;
        let mut prepared = args.receipts.prepare(key, &root, manifest, Action::Run)?;
        prepared.try_out()?;
        let progress = Progress::new(out);
        let command = one.prepare(manifest, out, &progress)?;
        let (file, notifier) = (&one.bundle.file, progress.notifier());
        Ok(Self {
            one,
            out,
            prepared,
            begun: Begun::new(bundle.release_id(), command),
            waiting: Waiting::begin(args.interval, args.until, notifier, file),
            progress,
        })
    }

    /// Begins the run if everything is there. An error is a fault of the host's files.
    fn attempt(&mut self) -> Result<Attempt, CliError> {
        let (one, args, at) = (self.one, self.one.options, now());
        let root = one.bundle.root()?;
        let bundle = one.bundle.authenticate_to_run(&root, at)?;
        self.begun.check(bundle.release_id(), &one.bundle.file)?;
        let bundle = one.approved(bundle, true)?;
        let manifest = bundle.manifest();
        let variables = one.values(manifest, None)?;
        self.prepared.renew(&root, manifest, Action::Run)?;
        let (first, notifier) = (&self.begun.command, self.progress.notifier());
        let command = first.reconnecting(&args.database, &manifest.limits, notifier)?;
        let order = ContextToRun {
            receipts: Some(&args.receipts.receipts),
            ..command.order(&bundle, &variables)
        };
        let permission = one.permission(&bundle, &variables, at);
        let survey = survey(order, missing::admission(&permission), &mut Silent);
        let obstacles = survey.obstacles.into_iter().map(missing::obstacle);
        let permission = match permission {
            Ok(permission) if obstacles.len() == 0 => permission,
            permission => {
                let missing = permission.err().map(|refused| refused.errors);
                let missing = missing.into_iter().flatten().chain(obstacles);
                return Ok(self.lacks(missing.collect(), order, at));
            }
        };
        // From here on with the lock, which a run keeps until its end.
        let ready = gate::pass(order, &mut self.progress).map_err(CliError::from);
        let ready = ready.and_then(|gated| {
            let ready = gated.preflight(Some(&permission.admission))?;
            let schema = args.schema.before(&order.authentic())?;
            let rehearsed = permission.rehearsed.as_ref();
            let authorized = ready.authorize(&permission.admission, rehearsed)?;
            Ok(Permitted {
                order,
                authorized,
                schema,
            })
        });
        let permitted = match ready {
            Ok(permitted) => permitted,
            Err(error) => return Ok(self.lacks(vec![error], order, at)),
        };
        self.waiting.end();
        self.progress.restart();
        let (prepared, progress) = (&mut self.prepared, &mut self.progress);
        let waited = self.waiting.waited();
        Ok(Attempt::Ended(
            one.begin(permitted, prepared, progress, waited, self.out),
        ))
    }

    /// The result of an attempt that lacks something, which does not matter to a release in effect if
    /// `--if-needed` is given.
    fn lacks(&self, missing: Vec<CliError>, order: ContextToRun<'_>, at: Timestamp) -> Attempt {
        match self.one.ended(order, at, &self.progress, self.out) {
            Some(ended) => Attempt::Ended(ended),
            None => Attempt::Missing(missing),
        }
    }
}
