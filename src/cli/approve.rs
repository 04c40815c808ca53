//! `pgseal approve FILE --role ROLE --apr CODE`

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal};
use std::num::NonZeroU32;

use super::approvals;
use super::args::{now, time};
use super::attestor::{AttestArgs, Attestor, look};
use super::points;
use super::release_text as text;
use super::stage;
use super::{CliError, Exit, Output, escape, optional};
use crate::bundle::AuthenticatedBundle;
use crate::bundle::approval::AttestationDraft;
use crate::lint;
use crate::trust::attestations::SignedApproval;
use crate::trust::{JudgedAt, KeyId, TrustRoot, policy};
use pgseal_verify::format::approval::{APR_VARIABLE, Decision};
use pgseal_verify::format::database_pattern::DatabasePattern;
use pgseal_verify::format::expectation::Expectation;
use pgseal_verify::format::manifest::{Audience, Manifest};
use pgseal_verify::format::name::AprCode;
use pgseal_verify::format::statement::ReleaseId;
use pgseal_verify::format::timestamp::Timestamp;

/// Lifetime of an approval without `--expires`, in seconds: 30 days.
const DEFAULT_LIFE: i64 = 30 * 24 * 60 * 60;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    attest: AttestArgs,
    /// The code of the ratified proposal, needed where the release has the variable ratified_apr; the run must be ordered
    /// with the same
    #[arg(long, value_name = "CODE")]
    apr: Option<AprCode>,
    /// The approval counts up to then [default: 30 days from now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<Timestamp>,
    /// Approve it for this database only, of those that the release is for
    #[arg(long, value_name = "NAME[@SYSTEM_IDENTIFIER]")]
    target: Option<DatabasePattern>,
    /// Number of runs that the approval allows on one database
    #[arg(long, value_name = "N", default_value_t = NonZeroU32::MIN)]
    runs: NonZeroU32,
    /// The release's name, instead of typing it when asked
    #[arg(long, value_name = "RELEASE-NAME")]
    yes: Option<String>,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.attest.trust.load_if_there()?;
    let seen = look(&args.attest.file, root.as_ref(), out)?;
    let (manifest, id) = (&seen.manifest, seen.bundle.claimed_release_id());
    check_apr(manifest, args.apr.as_ref())?;
    if let Some(only_on) = &args.target {
        check_target(manifest, only_on)?;
    }
    let at = now();
    let expires = args
        .expires
        .or_else(|| Timestamp::from_seconds(at.seconds() + DEFAULT_LIFE));
    if let Some(past) = expires.filter(|expires| *expires <= at) {
        return Err(CliError::usage(format!(
            "--expires {past} is in the past: nothing was approved"
        )));
    }
    let speaker = Attestor::open(&args.attest, root.as_ref())?;
    let word = AttestationDraft {
        decision: Decision::Approve,
        role: speaker.role(),
        apr: args.apr.clone(),
        at,
        expires,
        only_on: args.target.clone(),
        runs: args.runs,
        reason: args.attest.reason.clone(),
    };
    if let Some(root) = &root {
        policy::check_policy(root, &manifest.release, id, JudgedAt::At(at))?;
    }
    show(manifest, id, out);
    if let Some(authentic) = seen.authentic.as_ref().filter(|_| !out.quiet) {
        points::show(&lint::points::of_bundle(authentic), out);
    }
    if let (Some(authentic), Some(root)) = (&seen.authentic, &root) {
        show_signed(authentic, root, &word, out);
        warn(authentic, root, &word, speaker.key(), out);
    }
    show_word(&word, out);
    confirm(manifest, args.yes.as_deref(), out)?;
    speaker.attest(manifest, id, word, out)
}

/// Validates `--apr` against the release's variable. No run accepts a code that does not match, so
/// the approval would be useless.
fn check_apr(manifest: &Manifest, apr: Option<&AprCode>) -> Result<(), CliError> {
    let mut variables = manifest.variables.iter();
    let Some((_, variable)) = variables.find(|(name, _)| name.as_str() == APR_VARIABLE) else {
        return Ok(());
    };
    let about = match variable.about.as_str() {
        "" => "the code of the ratified proposal",
        about => about,
    };
    let apr = apr.ok_or_else(|| {
        CliError::usage("the release needs an APR code").hint(format!("--apr CODE: {about}"))
    })?;
    if variable.accepts(apr.as_str()) {
        return Ok(());
    }
    let pattern = variable.pattern.as_deref().unwrap_or_default();
    Err(CliError::usage(format!(
        "--apr {apr} does not match {pattern}, so no run could be ordered with it"
    ))
    .hint(about))
}

/// Validates `--target` against the databases of the release. An approval for another one would
/// never count.
fn check_target(manifest: &Manifest, only_on: &DatabasePattern) -> Result<(), CliError> {
    let databases = &manifest.target.database;
    if databases.overlap(only_on) {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "--target {only_on} is not one of the release's databases: nothing was approved"
    ))
    .hint(format!("the release is for {databases}")))
}

/// Prints the release's own description before the operator approves it.
fn show(manifest: &Manifest, id: ReleaseId, out: Output) {
    text::show_title(manifest, id, out);
    out.line(text::target(manifest));
    text::show_gates(manifest, out);
    text::show_tiers(manifest, out, |_| ());
    text::show_acknowledged(manifest, out);
    stage::show(manifest, out);
    let (before, after) = (
        &manifest.states.baseline.expect,
        &manifest.states.finalized.expect,
    );
    let expected = |value: Option<&Expectation>| optional("", value);
    let columns: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let row = |column: &String| {
        let (before, after) = (expected(before.get(column)), expected(after.get(column)));
        vec![escape(column), before, "->".to_owned(), after]
    };
    let rows = columns.into_iter().map(row).collect();
    if !out.quiet {
        out.table(&["invariant", "before", "", "after"], rows);
    }
    for runbook in &manifest.runbooks {
        if runbook.audience == Audience::Owner {
            let file = &runbook.file;
            out.line(format!(
                "runbook for the owner: {file} (`pgseal runbook FILE owner` shows it)"
            ));
        }
    }
    out.line("its scripts: `pgseal inspect FILE` lists them, `pgseal cat FILE PATH` shows one");
}

/// Prints the signers of the bundle and its earlier approvals.
fn show_signed(
    authentic: &AuthenticatedBundle,
    root: &TrustRoot,
    word: &AttestationDraft,
    out: Output,
) {
    for signatory in authentic.signatories() {
        let (owner, since) = (
            escape(&signatory.owner),
            approvals::since(signatory.evidence),
        );
        out.line(format!("signed by {owner}{since}"));
    }
    let when = JudgedAt::At(word.at);
    for signed in authentic.approvals() {
        out.line(approvals::sentence(root, signed, when));
    }
}

/// Warns about two rules: only the last statement of each key counts, and a run counts only the
/// approvals for its own code.
fn warn(
    authentic: &AuthenticatedBundle,
    root: &TrustRoot,
    word: &AttestationDraft,
    key: Option<KeyId>,
    out: Output,
) {
    let is_other = |signed: &&SignedApproval| {
        let apr = signed.approval().apr.as_ref();
        let counts = policy::counts(root, signed, None, JudgedAt::At(word.at)).is_ok();
        counts && apr.is_some() && apr != word.apr.as_ref()
    };
    let earlier = authentic.approvals().iter().filter(is_other);
    let (own, others): (Vec<_>, Vec<_>) = earlier.partition(|signed| Some(signed.key()) == key);
    let code = |signed: &[&SignedApproval]| signed.first()?.approval().apr.clone();
    if let Some(before) = code(&own) {
        out.warning(format!(
            "you approved {before} before: this takes its place"
        ));
    }
    // A run without a code counts every approval.
    if let Some(other) = code(&others).filter(|_| authentic.takes_apr()) {
        let who = match key {
            Some(_) => "another approver",
            None => "an approver",
        };
        out.warning(format!(
            "{who} approved {other}: a run is ordered with one code, and only its approvals count"
        ));
    }
    if !root.policy().approvals.contains_key(&word.role) {
        out.warning(format!("no run needs approvals of {}", word.role));
    }
}

/// Prints the content of the approval before it is signed.
fn show_word(word: &AttestationDraft, out: Output) {
    let apr = optional(", for ", word.apr.as_ref());
    let until = optional(", until ", word.expires.as_ref());
    let on = optional(" on ", word.only_on.as_ref());
    let runs = match word.runs.get() {
        1 => "one run".to_owned(),
        runs => format!("{runs} runs"),
    };
    out.line(format!(
        "you approve as {}{apr}{until}, for {runs}{on}",
        word.role
    ));
}

/// Requires the release's name, typed or given by `--yes`. Any other input approves nothing.
fn confirm(manifest: &Manifest, yes: Option<&str>, out: Output) -> Result<(), CliError> {
    let name = manifest.release.name.as_str();
    let typed = match yes {
        Some(typed) => typed.to_owned(),
        None if std::io::stdin().is_terminal() => {
            out.ask("type the release's name to approve it: ");
            let mut line = String::new();
            let read = std::io::stdin().lock().read_line(&mut line);
            read.map_err(|error| CliError::internal(format!("standard input: {error}")))?;
            line.trim().to_owned()
        }
        None => {
            return Err(CliError::usage(
                "there is no terminal to type the release's name: nothing was approved",
            )
            .hint(format!("run it on a terminal, or give --yes {name}")));
        }
    };
    if typed == name {
        return Ok(());
    }
    Err(CliError::usage(format!(
        "the release is {name}, not {typed:?}: nothing was approved"
    )))
}
