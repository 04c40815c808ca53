//! `pgseal trust show [FILE]`, and the output of every `trust` command.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::args::{TrustArgs, now};
use super::super::rehearsal_proof;
use super::super::{CliError, Exit, Output, Paint, escape};
use super::roles;
use crate::trust::change::{authority_standing, standing};
use crate::trust::root::SignatureError;
use crate::trust::signatures::{self, Progress, Tally};
use crate::trust::{DraftRoot, store};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::trust_document::GateRole;
use pgseal_verify::format::wire::V1;
use pgseal_verify::plural;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The trust root, or a draft [default: as --trust]
    file: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

/// A version and its changes.
pub struct Change {
    /// Number of the new version.
    pub version: u32,
    /// Digest of its document.
    pub sha256: Digest,
    /// Differences from the previous version.
    pub changes: Vec<String>,
}

/// A document to show.
pub struct Shown<'d> {
    /// Path of the document.
    pub file: &'d Path,
    /// The document, signed or not.
    pub draft: &'d DraftRoot,
    /// Number of signatures that it has and needs.
    pub progress: Progress,
    /// Changes of the versions up to it.
    pub steps: &'d [Change],
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let file = args.file.clone().unwrap_or_else(|| args.trust.path());
    let candidate = store::read_draft(&file)?;
    let (draft, found) = (&candidate.draft, &candidate.signatures);
    let progress =
        signatures::progress(draft, None, found).map_err(|error| not_signed(&file, &error))?;
    // A draft is a file given as argument that lacks signatures; any other document is
    // authenticated as in every command.
    if args.file.is_none() || progress.is_met() {
        store::read(&file)?;
    }
    print(
        &Shown {
            file: &file,
            draft,
            progress,
            steps: &[],
        },
        out,
    );
    Ok(Exit::Done)
}

/// Prints the whole answer: changes and document.
pub fn print(shown: &Shown, out: Output) {
    out.document(&document(shown));
    changes(shown.steps)
        .into_iter()
        .for_each(|line| out.line(line));
    let document = shown.draft.document();
    out.line(format!(
        "trust root version {}, {}",
        document.version,
        shown.draft.digest()
    ));
    if !shown.progress.is_met() {
        out.line(format!(
            "draft, {}",
            said(&shown.progress, document.version)
        ));
    }
    if let Some(issued) = document.issued {
        out.line(format!("issued {issued}"));
    }
    let past = if document.expires <= now() {
        out.paint(Paint::Bad, " (expired)")
    } else {
        String::new()
    };
    out.line(format!("expires {}{past}", document.expires));
    for role in document.roles.keys() {
        out.line(roles::said(document, role));
        for key in document.keys.iter().filter(|key| key.role == *role) {
            out.line(format!(
                "  {} {}{}",
                key.id,
                escape(&key.owner),
                standing(key)
            ));
        }
    }
    for (role, count) in &document.policy.approvals {
        out.line(format!(
            "a run needs {} of {role}",
            plural::count(*count, "approval")
        ));
    }
    if !document.policy.targets.is_empty() {
        out.line(format!(
            "releases may run on: {}",
            escape(&document.policy.targets.join(", "))
        ));
    }
    if document.policy.require_rehearsal {
        out.line(rehearsal_proof::needed(
            document.policy.rehearsal_max_age_days,
        ));
    }
    if document.policy.gate_role == GateRole::Any {
        out.line("gates and probes may be asked as any role, also as a superuser");
    }
    for (name, sequence) in &document.policy.minimum_sequence {
        out.line(format!("lowest sequence of {name} that runs: {sequence}"));
    }
    for id in &document.policy.blocked_releases {
        out.line(format!("release {id} is blocked"));
    }
    for authority in &document.timestamp_authorities {
        let (id, owner) = (authority.id, escape(&authority.owner));
        out.line(format!(
            "time stamping authority {id} {owner}{}",
            authority_standing(authority)
        ));
    }
}

/// Lines with the changes of each version.
pub fn changes(steps: &[Change]) -> Vec<String> {
    let lines = |step: &Change| {
        let head = format!(
            "version {} -> {}:",
            step.version.saturating_sub(1),
            step.version
        );
        let below: Vec<String> = step
            .changes
            .iter()
            .map(|change| format!("  {}", escape(change)))
            .collect();
        std::iter::once(head).chain(below)
    };
    steps.iter().flat_map(lines).collect()
}

/// The JSON document, the same for every `trust` command.
pub fn document(shown: &Shown) -> serde_json::Value {
    let tally = |tally: Tally| json!({ "counted": tally.counted, "threshold": tally.threshold });
    let step = |step: &Change| json!({ "version": step.version, "sha256": step.sha256, "changes": step.changes });
    json!({
        "file": shown.file.to_string_lossy(),
        "sha256": shown.draft.digest(),
        "signed": shown.progress.is_met(),
        "signatures": { "own": tally(shown.progress.own), "before": shown.progress.before.map(tally) },
        "steps": shown.steps.iter().map(step).collect::<Vec<_>>(),
        "trust": V1(shown.draft.document()),
    })
}

/// Number of signatures, for people.
pub fn said(progress: &Progress, version: u32) -> String {
    let of = |tally: Tally, version: u32| {
        format!(
            "{} of {} root keys of version {version}",
            tally.counted, tally.threshold
        )
    };
    let before = progress
        .before
        .map(|before| format!(", {}", of(before, version.saturating_sub(1))));
    format!(
        "signed by {}{}",
        of(progress.own, version),
        before.unwrap_or_default()
    )
}

/// Converts an error about a signature that makes every host reject the document.
pub fn not_signed(file: &Path, error: &SignatureError) -> CliError {
    let this = CliError::new(Exit::NotAuthentic, error).about(file);
    match error {
        SignatureError::UnknownKey(_) | SignatureError::Invalid(_) => this
            .hint("take its file out of the .sigs directory, and let the key's owner sign again"),
        SignatureError::Threshold { .. } => {
            this.hint("`pgseal trust sign DRAFT --key ROOT.key` adds a signature")
        }
    }
}
