//! `pgseal run A B C`: several releases, each as by a command of its own, up to the first that does
//! not succeed.
//!
//! Whatever the files of this host refuse is refused before the first release runs.

use super::{Args, One, Several};
use crate::bundle::BundleToRun;
use crate::cli::args::{BundleArgs, now};
use crate::cli::recording;
use crate::cli::{CliError, Exit, Output, display_path};
use crate::release::cancellation::CancellationToken;
use crate::release::run_context::VariableError;
use crate::trust::SecretKey;
use pgseal_verify::format::manifest::Manifest;
use pgseal_verify::format::name::VariableName;
use pgseal_verify::format::receipt::Action;
use pgseal_verify::format::statement::{ReleaseId, title};
use pgseal_verify::format::timestamp::Timestamp;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// Runs every release, in order.
pub fn run(args: &Args, key: Option<Arc<SecretKey>>, out: Output) -> Result<Exit, CliError> {
    check_options(args)?;
    let stop = OnceCell::new();
    let all = checked(args, key.as_deref(), &stop)?;
    let mut done: Vec<&PathBuf> = Vec::new();
    for (at, (one, title)) in all.iter().enumerate() {
        let file = &one.bundle.file;
        out.note(format!("{title} ({} of {})", at + 1, all.len()));
        match one.run(key.clone(), out) {
            Ok(Exit::Done) => {
                out.conclude_part();
                done.push(file);
            }
            Ok(other) => return Ok(other),
            Err(error) => return Err(stopped(error, file, &done, &args.files[at + 1..])),
        }
    }
    Ok(Exit::Done)
}

/// Refuses options that are about one release.
fn check_options(args: &Args) -> Result<(), CliError> {
    let options = &args.options;
    let of_one = [
        ("--resume", options.resume),
        ("--rehearsal", options.rehearsed.rehearsal.is_some()),
    ];
    match of_one.into_iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => {
            let text = format!("{name} is about one release, and several FILEs are given");
            Err(CliError::usage(text).hint("nothing was run; name one FILE"))
        }
        None => Ok(()),
    }
}

/// Checks every release by the files of this host.
fn checked<'a>(
    args: &'a Args,
    key: Option<&SecretKey>,
    stop: &'a OnceCell<CancellationToken>,
) -> Result<Vec<(One<'a>, String)>, CliError> {
    let at = now();
    let (options, root) = (&args.options, args.trust.load()?);
    let mut bundles: Vec<(BundleArgs, BundleToRun<'_>)> = Vec::new();
    for file in &args.files {
        let bundle = BundleArgs {
            file: file.clone(),
            trust: args.trust.clone(),
            only: args.only.clone(),
        };
        let authentic = bundle.authenticate_to_run(&root, at)?;
        let id = authentic.release_id();
        let is_known = |(_, other): &(_, BundleToRun<'_>)| other.release_id() == id;
        if let Some((other, _)) = bundles.iter().find(|one| is_known(one)) {
            let other = display_path(&other.file);
            let text = format!("it is the same release as {other}");
            return Err(CliError::usage(text).about(file).hint("name it once"));
        }
        bundles.push((bundle, authentic));
    }
    let ids: Vec<ReleaseId> = bundles.iter().map(|(_, one)| one.release_id()).collect();
    let given = options.database.given()?;
    known(&given, bundles.iter().map(|(_, one)| one.manifest()))?;
    let mut all = Vec::new();
    for (place, (bundle, authentic)) in bundles.into_iter().enumerate() {
        let manifest = authentic.manifest();
        recording::check_run(key, &root, manifest, Action::Run)
            .map_err(|error| error.about(&bundle.file).also_hint("no release was run"))?;
        let title = title(&manifest.release.name, &manifest.release.version);
        let mut variables = given.clone();
        variables.retain(|name, _| declares(manifest, name));
        let id = ids[place];
        let others = ids.iter().copied().filter(|other| *other != id);
        let one = One {
            bundle,
            options,
            variables,
            several: Some(Several {
                id,
                others: others.collect(),
                is_first: place == 0,
                stop,
            }),
        };
        one.check(authentic, at)
            .map_err(|error| about(error, &one.bundle.file).also_hint("no release was run"))?;
        all.push((one, title));
    }
    Ok(all)
}

/// Refuses a variable that no release declares.
fn known<'m>(
    given: &BTreeMap<String, String>,
    manifests: impl Iterator<Item = &'m Manifest> + Clone,
) -> Result<(), VariableError> {
    let is_unknown = |name: &&String| !manifests.clone().any(|manifest| declares(manifest, name));
    let Some(name) = given.keys().find(is_unknown) else {
        return Ok(());
    };
    let all = manifests
        .clone()
        .flat_map(|manifest| manifest.variables.keys());
    let all: BTreeSet<&str> = all.map(VariableName::as_str).collect();
    let known = all.into_iter().collect::<Vec<_>>().join(", ");
    Err(VariableError::Unknown {
        name: name.clone(),
        known: if known.is_empty() {
            "none".to_owned()
        } else {
            known
        },
    })
}

fn declares(manifest: &Manifest, name: &str) -> bool {
    manifest
        .variables
        .keys()
        .any(|known| known.as_str() == name)
}

impl One<'_> {
    /// Checks variables, policy, approvals and rehearsal. A command that waits, or that leaves alone
    /// what is in effect, may still lack what people add.
    fn check(&self, bundle: BundleToRun<'_>, at: Timestamp) -> Result<(), CliError> {
        let options = self.options;
        let bundle = self.approved(bundle, options.wait)?;
        let variables = self.values(bundle.manifest(), None)?;
        bundle.check_policy()?;
        let Err(refused) = self.permission(&bundle, &variables, at) else {
            return Ok(());
        };
        let may_come =
            |error: &CliError| (options.wait || options.if_needed) && error.kind.may_pass();
        let mut errors = refused.errors.into_iter();
        errors.find(|error| !may_come(error)).map_or(Ok(()), Err)
    }
}

/// Names the file, unless the error does.
fn about(error: CliError, file: &PathBuf) -> CliError {
    let begin = display_path(file).to_string();
    let is_named = error
        .lines
        .first()
        .is_some_and(|line| line.starts_with(&begin));
    if is_named { error } else { error.about(file) }
}

/// The error of a release, with the fate of the others.
fn stopped(error: CliError, file: &PathBuf, done: &[&PathBuf], rest: &[PathBuf]) -> CliError {
    let names = |files: &mut dyn Iterator<Item = &PathBuf>| -> String {
        let names: Vec<String> = files.map(|file| display_path(file).to_string()).collect();
        names.join(", ")
    };
    let mut error = about(error, file);
    if !done.is_empty() {
        error = error.also_hint(format!("done: {}", names(&mut done.iter().copied())));
    }
    if !rest.is_empty() {
        error = error.also_hint(format!("not begun: {}", names(&mut rest.iter())));
    }
    error
}
