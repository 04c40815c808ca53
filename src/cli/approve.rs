//! `pgseal approve FILE --role ROLE --apr CODE`

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use super::acknowledged;
use super::approvals;
use super::args::{TrustArgs, now, time};
use super::attestor::{Attestor, look};
use super::points;
use super::signer::SignerArgs;
use super::tbs::TbsArgs;
use super::{CliError, Exit, Output, escape};
use super::{stage, table};
use crate::bundle::AuthenticatedBundle;
use crate::bundle::approval::AttestationDraft;
use crate::lint;
use crate::trust::attestations::SignedApproval;
use crate::trust::{JudgedAt, KeyId, TrustRoot, policy};
use pgseal_verify::format::approval::{APR_VARIABLE, Decision};
use pgseal_verify::format::expectation::Expectation;
use pgseal_verify::format::manifest::{Audience, Manifest};
use pgseal_verify::format::name::{AprCode, Name};
use pgseal_verify::format::statement::{ReleaseId, title};
use pgseal_verify::format::timestamp::Timestamp;

/// Lifetime of an approval without `--expires`, in seconds: 30 days.
const DEFAULT_LIFE: i64 = 30 * 24 * 60 * 60;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The bundle; replaced by one with the approval in it, unless -o
    file: PathBuf,
    #[command(flatten)]
    signer: SignerArgs,
    #[command(flatten)]
    tbs: TbsArgs,
    /// The role in which you approve [default: your key's in the trust root]
    #[arg(long)]
    role: Option<Name>,
    /// The code of the ratified proposal, needed where the release has the variable ratified_apr; the run must be ordered
    /// with the same
    #[arg(long, value_name = "CODE")]
    apr: Option<AprCode>,
    /// The approval counts up to then [default: 30 days from now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<Timestamp>,
    /// Why, in your own words
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The release's name, instead of typing it when asked
    #[arg(long, value_name = "RELEASE-NAME")]
    yes: Option<String>,
    /// Write the approval to this file, to travel beside the bundle
    #[arg(short, long, value_name = "APPROVAL", conflicts_with = "tbs")]
    output: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load_if_there()?;
    let seen = look(&args.file, root.as_ref(), out)?;
    let (manifest, id) = (&seen.manifest, seen.bundle.claimed_release_id());
    check_apr(manifest, args.apr.as_ref())?;
    let at = now();
    let expires = args
        .expires
        .or_else(|| Timestamp::from_seconds(at.seconds() + DEFAULT_LIFE));
    if let Some(past) = expires.filter(|expires| *expires <= at) {
        return Err(CliError::usage(format!(
            "--expires {past} is in the past: nothing was approved"
        )));
    }
    let signing = (&args.signer, &args.tbs);
    let speaker = Attestor::open(
        &args.file,
        root.as_ref(),
        signing,
        args.output.as_deref(),
        args.role.as_ref(),
    )?;
    let word = AttestationDraft {
        decision: Decision::Approve,
        role: speaker.role(),
        apr: args.apr.clone(),
        at,
        expires,
        reason: args.reason.clone(),
    };
    if let Some(root) = &root {
        policy::check_policy(root, &manifest.release, id, JudgedAt::At(at))?;
    }
    show(manifest, id, out);
    if let Some(authentic) = &seen.authentic {
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
    let Some((_, variable)) = manifest
        .variables
        .iter()
        .find(|(name, _)| name.as_str() == APR_VARIABLE)
    else {
        return Ok(());
    };
    let about = if variable.about.is_empty() {
        "the code of the ratified proposal"
    } else {
        &variable.about
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

/// Prints the release's own description before the operator approves it.
fn show(manifest: &Manifest, id: ReleaseId, out: Output) {
    let (release, target) = (&manifest.release, &manifest.target);
    out.line(format!(
        "{} (sequence {})",
        title(&release.name, &release.version),
        release.sequence
    ));
    out.line(escape(&release.summary));
    out.line(format!("release id {id}"));
    let server = target
        .server
        .as_ref()
        .map(|range| format!(", server {range}"))
        .unwrap_or_default();
    let role = target
        .role
        .as_ref()
        .map(|role| format!(", role {}", escape(role)))
        .unwrap_or_default();
    let system = target
        .system_identifier
        .as_ref()
        .map(|id| format!(", system {}", escape(id)))
        .unwrap_or_default();
    out.line(format!(
        "target: database {}{server}{role}{system}",
        escape(&target.database)
    ));
    for gate in &manifest.gates {
        out.line(format!("gate {}: {}", gate.name, gate.file));
    }
    for (at, tier) in manifest.tiers.iter().enumerate() {
        out.line(format!(
            "tier {}/{} {}: {}",
            at + 1,
            manifest.tiers.len(),
            tier.name,
            escape(&tier.about)
        ));
        for way in &tier.dispatch {
            out.line(format!(
                "    reaches out of the database by {}",
                escape(way)
            ));
        }
    }
    acknowledged::show(manifest, out);
    stage::show(manifest, out);
    let states = &manifest.states;
    let expected = |value: Option<&Expectation>| value.map(ToString::to_string).unwrap_or_default();
    let mut columns: Vec<&String> = states
        .baseline
        .expect
        .keys()
        .chain(states.finalized.expect.keys())
        .collect();
    columns.sort();
    columns.dedup();
    let row = |column: &String| {
        let (before, after) = (
            states.baseline.expect.get(column),
            states.finalized.expect.get(column),
        );
        vec![
            escape(column),
            escape(&expected(before)),
            "->".to_owned(),
            escape(&expected(after)),
        ]
    };
    out.line(table::render(
        &["invariant", "before", "", "after"],
        columns.into_iter().map(row).collect(),
    ));
    for runbook in manifest
        .runbooks
        .iter()
        .filter(|runbook| runbook.audience == Audience::Owner)
    {
        out.line(format!(
            "runbook for the owner: {} (`pgseal runbook FILE owner` shows it)",
            runbook.file
        ));
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
        out.line(format!(
            "signed by {}{}",
            escape(&signatory.owner),
            approvals::since(signatory.evidence)
        ));
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
    let (own, others): (Vec<_>, Vec<_>) = authentic
        .approvals()
        .iter()
        .filter(is_other)
        .partition(|signed| Some(signed.key()) == key);
    if let Some(before) = own.iter().find_map(|signed| signed.approval().apr.as_ref()) {
        out.warning(format!(
            "you approved {before} before: this takes its place"
        ));
    }
    let other = others
        .iter()
        .find_map(|signed| signed.approval().apr.as_ref());
    // A run without a code counts every approval.
    if let Some(other) = other.filter(|_| authentic.takes_apr()) {
        let who = if key.is_some() {
            "somebody else"
        } else {
            "somebody"
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
    let apr = word
        .apr
        .as_ref()
        .map(|apr| format!(", for {apr}"))
        .unwrap_or_default();
    let until = word
        .expires
        .map(|expires| format!(", until {expires}"))
        .unwrap_or_default();
    out.line(format!("you approve as {}{apr}{until}", word.role));
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
                "nobody is there to type the release's name: nothing was approved",
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
