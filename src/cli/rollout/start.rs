//! `pgseal rollout FILE --plan PLAN`

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::coordinator::{Coordinator, State};
use super::document::Shown;
use super::forward::Forwarded;
use super::stop::Stop;
use super::worker::Worker;
use super::{Args, plan};
use crate::cli::args::{BundleArgs, OnlyArgs, now};
use crate::cli::evidence;
use crate::cli::host::operator;
use crate::cli::progress::Notifier;
use crate::cli::recording::{Prepared, check_run};
use crate::cli::{CliError, Exit, Kind, Output, ResultExt as _, display_path};
use crate::rollout::course::Course;
use crate::rollout::journal::{self, Begin, Found, RolloutStep};
use crate::trust::TrustRoot;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::receipt::Action;
use pgseal_verify::format::rollout::{Rollout, RolloutDatabase, summary};
use pgseal_verify::format::statement::ReleaseId;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::version::PGSEAL;

pub fn run(args: &Args, file: &Path, path: &Path, out: Output) -> Result<Exit, CliError> {
    let options = &args.options;
    let out = options.events.open("rollout", out)?;
    let (key, passphrase) = options.receipts.opened_key()?.unzip();
    let plan = plan::read(path)?;
    let root = options.trust.load()?;
    let bundle = BundleArgs {
        file: file.to_owned(),
        trust: options.trust.clone(),
        only: OnlyArgs::default(),
    };
    let bundle = bundle.authenticate_to_run(&root, now())?;
    bundle.check_policy()?;
    let (manifest, id) = (bundle.manifest(), bundle.release_id());
    if let Some(soak) = plan
        .soak
        .as_ref()
        .filter(|soak| bundle.file(soak).is_none())
    {
        let text = format!("the release has no file {soak}, which is the plan's soak question");
        return Err(CliError::new(Kind::NoFile, text));
    }
    options.receipts.warn(&root, &Notifier::plain(out));
    check_run(key.as_ref(), &root, manifest, Action::Run)?;
    let dir = &options.receipts.receipts;
    let planned = match args.resume {
        true => Vec::new(),
        false => {
            let databases = plan::databases(&plan, options, (&root, manifest));
            let databases = databases.map_err(|error| error.about(path))?;
            let waves = plan.waves(databases.len());
            let all = databases.into_iter().zip(waves);
            all.map(|(database, wave)| RolloutDatabase::left(database, wave))
                .collect()
        }
    };
    let _lead = lead(dir, args.resume)?;
    let before = previous(dir, id, plan.sha256, args.resume)?;
    let databases = before
        .as_ref()
        .map_or(planned, |before| before.course.databases.clone());
    let key = key.map(Arc::new);
    let mut prepared = options
        .receipts
        .prepare_named(key, &root, manifest, "rollout")?;
    let notifier = Notifier::drawing(out);
    let worker = Worker {
        file: file.to_owned(),
        release: id,
        forwarded: Forwarded::of(&["rollout"]),
        passphrase: passphrase.flatten(),
        stop: Stop::watch(notifier.clone())?,
        notifier,
        shown: Mutex::new(BTreeSet::new()),
    };
    let begin = Begin {
        rollout_id: prepared.run_id.clone(),
        action: Action::Run,
        release: manifest.release.clone(),
        release_id: id.digest(),
        plan_sha256: plan.sha256,
        parallel: plan.parallel,
        resumes: before.map(|before| before.course.begin.rollout_id),
        databases,
    };
    let leader = Leader {
        worker: &worker,
        receipts: dir,
        max_failures: Some(plan.max_failures),
        soak: plan.soak.as_ref(),
        root: &root,
    };
    let ended = leader.lead(begin, &mut prepared, out);
    ended.map_err(|error| {
        error.also_hint(
            "`pgseal rollout status` shows every database; `pgseal rollout FILE --plan PLAN --resume` asks \
             each again and goes on, `pgseal rollout rollback FILE` goes back",
        )
    })
}

/// Takes the lead of the rollouts in a directory of receipts; of those that were there before, if the
/// directory is.
pub fn lead(dir: &Path, is_later: bool) -> Result<Option<File>, CliError> {
    if is_later && !dir.is_dir() {
        return Ok(None);
    }
    let lead = journal::lead(dir).at(dir)?.ok_or_else(|| {
        let text = format!("{}: another process leads a rollout", display_path(dir));
        CliError::new(Kind::Locked, text).hint("`pgseal rollout status` shows it")
    });
    lead.map(Some)
}

/// The rollout to continue, if one is to be continued. A new one begins only if none of this plan was
/// killed.
fn previous(
    dir: &Path,
    id: ReleaseId,
    plan: Digest,
    resume: bool,
) -> Result<Option<Found>, CliError> {
    let is_same = |course: &Course| {
        course.begin.action == Action::Run && course.begin.release_id == id.digest()
    };
    let found = journal::newest(dir, is_same).at(dir)?;
    let at = found
        .as_ref()
        .map(|found| display_path(&found.path).to_string());
    let at = at.unwrap_or_default();
    match found {
        Some(found) if found.is_running => {
            let text = format!("{at}: another process leads a rollout of this release");
            Err(CliError::new(Kind::Locked, text).hint("`pgseal rollout status` shows it"))
        }
        Some(found) if resume && found.course.begin.plan_sha256 == plan => Ok(Some(found)),
        Some(_) if resume => {
            let text = format!("{at}: the newest rollout of this release has another plan");
            Err(CliError::usage(text).hint(
                "name the plan that it began with; without --resume a rollout of this plan begins, and leaves alone what is in effect",
            ))
        }
        None if resume => Err(CliError::new(
            Kind::NothingToResume,
            format!("no rollout of this release is in {}", display_path(dir)),
        )),
        Some(found) if found.course.exit.is_none() && found.course.begin.plan_sha256 == plan => {
            let text = format!("{at}: a rollout of this plan was ended before its end");
            Err(CliError::new(Kind::Unfinished, text)
                .hint("`pgseal rollout FILE --plan PLAN --resume` goes on"))
        }
        _ => Ok(None),
    }
}

/// The parts of a rollout that do not change.
pub struct Leader<'a> {
    pub worker: &'a Worker,
    pub receipts: &'a Path,
    pub max_failures: Option<usize>,
    pub soak: Option<&'a pgseal_verify::entry_path::EntryPath>,
    pub root: &'a TrustRoot,
}

impl Leader<'_> {
    /// Leads a rollout to its end, and stores its receipt.
    pub fn lead(
        &self,
        begin: Begin,
        prepared: &mut Prepared,
        out: Output,
    ) -> Result<Exit, CliError> {
        let started = now();
        prepared.reserve_rollout()?;
        let mut journal = prepared.rollout_journal()?;
        let written = journal.write(started, RolloutStep::Begin(Box::new(begin.clone())));
        written.at(self.receipts)?;
        let coordinator = Coordinator {
            worker: self.worker,
            action: begin.action,
            receipts: self.receipts,
            parallel: begin.parallel,
            max_failures: self.max_failures,
            soak: self.soak,
            resumes: begin.resumes.is_some(),
            state: Mutex::new(State {
                journal,
                databases: begin.databases.clone(),
                failed: 0,
                stopped: None,
                soak: None,
            }),
        };
        coordinator.lead();
        self.worker.notifier.finish();
        let state = coordinator.state.into_inner();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        self.conclude(begin, state, started, prepared, out)
    }

    fn conclude(
        &self,
        begin: Begin,
        mut state: State,
        started: Timestamp,
        prepared: &mut Prepared,
        out: Output,
    ) -> Result<Exit, CliError> {
        let rollout = Rollout {
            rollout_id: begin.rollout_id,
            action: begin.action,
            resumes: begin.resumes.filter(|_| begin.action == Action::Run),
            operator: operator(),
            started,
            finished: now(),
            pgseal: PGSEAL.to_owned(),
            release: begin.release,
            trust: evidence::trust(self.root),
            plan_sha256: Some(begin.plan_sha256),
            shards: Vec::new(),
            stopped: state.stopped.clone(),
            databases: state.databases.clone(),
            signer: None,
        };
        let shown = Shown::of(&rollout, Some(begin.release_id));
        let ended = state.ended(&shown.headline(), &summary(&rollout.databases));
        let exit = ended.as_ref().map_or_else(|error| error.exit, |exit| *exit);
        state.write(RolloutStep::End { exit: exit.code() });
        let stored = prepared.store_rollout(begin.release_id, rollout.clone());
        out.document(&shown.document("ended", stored.as_deref().ok()));
        shown.show(out);
        match stored {
            Ok(path) => out.line(format!("receipt: {}", display_path(path))),
            Err(error) if ended.is_ok() => return Err(error),
            Err(error) => out.warning(error.lines.join(" ")),
        }
        ended
    }
}
