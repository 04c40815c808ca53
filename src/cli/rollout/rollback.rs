//! `pgseal rollout rollback FILE`

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::Options;
use super::forward::Forwarded;
use super::start::{Leader, lead};
use super::stop::Stop;
use super::worker::Worker;
use crate::cli::args::{BundleArgs, OnlyArgs};
use crate::cli::progress::Notifier;
use crate::cli::{CliError, Exit, Kind, Output, ResultExt as _, display_path};
use crate::rollout::course::Course;
use crate::rollout::journal::{self, Begin};
use crate::trust::JudgedAt;
use pgseal_verify::format::receipt::Action;
use pgseal_verify::format::rollout::RolloutDatabase;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The bundle
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The journal of the rollout: *.rollout.jsonl [default: the newest one of this release in --receipts]
    #[arg(long, value_name = "JOURNAL")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let options = &args.options;
    let out = options.events.open("rollout rollback", out)?;
    let (key, passphrase) = options.receipts.opened_key()?.unzip();
    let root = options.trust.load()?;
    let bundle = BundleArgs {
        file: args.file.clone(),
        trust: options.trust.clone(),
        only: OnlyArgs::default(),
    };
    let bundle = bundle.authenticate(&root, JudgedAt::Undo)?;
    let (manifest, id) = (bundle.manifest(), bundle.release_id());
    options.receipts.warn(&root, &Notifier::plain(out));
    let dir = &options.receipts.receipts;
    let _lead = lead(dir, true)?;
    let is_wanted = |course: &Course| {
        course.begin.action == Action::Run && course.begin.release_id == id.digest()
    };
    let found = match &args.journal {
        Some(path) => journal::read(path)
            .at(path)?
            .filter(|found| is_wanted(&found.course)),
        None => journal::newest(dir, is_wanted).at(dir)?,
    };
    let Some(found) = found else {
        let place = display_path(args.journal.as_ref().unwrap_or(dir));
        let text = format!("{place}: no journal of a rollout of this release");
        return Err(CliError::new(Kind::NothingToResume, text)
            .hint("`pgseal rollback FILE` rolls back one database"));
    };
    if found.is_running {
        let text = format!("{}: this rollout is running", display_path(&found.path));
        return Err(CliError::new(Kind::Locked, text).hint("interrupt it first"));
    }
    let course = found.course;
    let begun = course.databases.iter().zip(&course.begun);
    let begun = begun.rev().filter(|(_, is_begun)| **is_begun);
    let databases = begun.map(|(one, _)| RolloutDatabase::left(one.database.clone(), 1));
    let begin = Begin {
        action: Action::Rollback,
        databases: databases.collect(),
        resumes: None,
        ..course.begin
    };
    let key = key.map(Arc::new);
    let mut prepared = options
        .receipts
        .prepare_named(key, &root, manifest, "rollout-rollback")?;
    let notifier = Notifier::drawing(out);
    let worker = Worker {
        file: args.file.clone(),
        release: id,
        forwarded: Forwarded::of(&["rollout", "rollback"]),
        passphrase: passphrase.flatten(),
        stop: Stop::watch(notifier.clone())?,
        notifier,
        shown: Mutex::new(BTreeSet::new()),
    };
    let leader = Leader {
        worker: &worker,
        receipts: dir,
        // Undoing goes as far as it can.
        max_failures: None,
        soak: None,
        root: &root,
    };
    let begin = Begin {
        rollout_id: prepared.run_id.clone(),
        ..begin
    };
    let ended = leader.lead(begin, &mut prepared, out);
    ended.map_err(|error| {
        error.also_hint("`pgseal rollout rollback FILE` once more leaves alone what is rolled back")
    })
}
