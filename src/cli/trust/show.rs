//! `pgseal trust show [FILE]`, and the output of every `trust` command.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::args::{TrustArgs, now};
use super::super::rehearsal_proof;
use super::super::{CliError, Exit, Output, Paint, escape};
use super::roles;
use crate::release::target;
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

/// A document to show, with the changes of the versions up to it.
pub struct Shown<'d> {
    file: &'d Path,
    draft: &'d DraftRoot,
    progress: Progress,
    steps: &'d [Change],
}

impl<'d> Shown<'d> {
    pub fn new(
        file: &'d Path,
        draft: &'d DraftRoot,
        progress: Progress,
        steps: &'d [Change],
    ) -> Self {
        Self {
            file,
            draft,
            progress,
            steps,
        }
    }

    /// Prints the changes; the JSON document has everything.
    pub fn print_changes(&self, out: Output) {
        out.document(&document(self));
        show_changes(self.steps, |line| out.line(line));
        let file = crate::cli::display_path(self.file);
        out.note(format!("`pgseal trust show {file}` shows all of it"));
    }

    /// Prints the whole answer: changes and document.
    pub fn print(&self, out: Output) {
        out.document(&document(self));
        show_changes(self.steps, |line| out.line(line));
        show(self.draft, &self.progress, out);
    }
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
    Shown::new(&file, draft, progress, &[]).print(out);
    Ok(Exit::Done)
}

fn show(draft: &DraftRoot, progress: &Progress, out: Output) {
    let document = draft.document();
    let (version, digest) = (document.version, draft.digest());
    out.line(format!("trust root version {version}, {digest}"));
    if !progress.is_met() {
        out.line(format!("draft, {}", signed_by(progress, version)));
    }
    if let Some(issued) = document.issued {
        out.line(format!("issued {issued}"));
    }
    let past = match document.expires <= now() {
        true => out.paint(Paint::Bad, " (expired)"),
        false => String::new(),
    };
    out.line(format!("expires {}{past}", document.expires));
    for role in document.roles.keys() {
        out.line(roles::describe(document, role));
        for key in document.keys.iter().filter(|key| key.role == *role) {
            let (id, owner, standing) = (key.id, escape(&key.owner), standing(key));
            out.line(format!("  {id} {owner}{standing}"));
        }
    }
    let policy = &document.policy;
    for (role, count) in &policy.approvals {
        let approvals = plural::count(*count, "approval");
        out.line(format!("a run needs {approvals} of {role}"));
    }
    if !policy.targets.is_empty() {
        let targets = escape(&target::list(&policy.targets));
        out.line(format!("releases may run on: {targets}"));
    }
    if !policy.require_run_on.is_empty() {
        let databases = escape(&target::list(&policy.require_run_on));
        out.line(format!("a release must run first on: {databases}"));
    }
    for repository in &policy.source_repositories {
        let repository = escape(&repository.to_string());
        out.line(format!("releases of this repository may run: {repository}"));
    }
    for window in &policy.windows {
        out.line(format!("runs may begin: {window}"));
    }
    for freeze in &policy.freezes {
        out.line(format!("no run may begin: {freeze}"));
    }
    if policy.require_rehearsal {
        out.line(rehearsal_proof::needed(policy.rehearsal_max_age_days));
    }
    if policy.require_signed_receipts {
        out.line("a run needs a key that signs its receipt");
    }
    if policy.gate_role == GateRole::Any {
        out.line("gates and probes may be asked as any role, also as a superuser");
    }
    for (name, sequence) in &policy.minimum_sequence {
        out.line(format!("lowest sequence of {name} that runs: {sequence}"));
    }
    for id in &policy.blocked_releases {
        out.line(format!("release {id} is blocked"));
    }
    for authority in &document.timestamp_authorities {
        let (id, owner) = (authority.id, escape(&authority.owner));
        let standing = authority_standing(authority);
        out.line(format!("time stamping authority {id} {owner}{standing}"));
    }
}

/// Prints the changes of each version.
pub fn show_changes(steps: &[Change], print: impl Fn(String)) {
    for Change {
        version, changes, ..
    } in steps
    {
        print(format!(
            "version {} -> {version}:",
            version.saturating_sub(1)
        ));
        let lines = changes.iter().map(|change| format!("  {}", escape(change)));
        lines.for_each(&print);
    }
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
pub fn signed_by(progress: &Progress, version: u32) -> String {
    let of = |Tally { counted, threshold }: Tally, version: u32| {
        format!("{counted} of {threshold} root keys of version {version}")
    };
    let before = progress.before.map_or(String::new(), |before| {
        format!(", {}", of(before, version.saturating_sub(1)))
    });
    format!("signed by {}{before}", of(progress.own, version))
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
