//! `pgseal inspect FILE`

use super::args::{BundleArgs, now};
use super::rehearsal_proof;
use super::release_text as text;
use super::{CliError, Exit, Output, escape};
use crate::trust::JudgedAt;
use pgseal_verify::format::manifest::{State, Stored, Transaction};
use pgseal_verify::format::wire::V1;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.bundle.root()?;
    let bundle = args.bundle.authenticate(&root, JudgedAt::At(now()))?;
    let manifest = bundle.manifest();
    out.document(
        &serde_json::json!({ "release_id": bundle.release_id(), "manifest": V1(manifest) }),
    );
    text::show_title(manifest, bundle.release_id(), out);
    for signer in bundle.signatories() {
        let (owner, key) = (escape(&signer.owner), signer.key);
        out.line(format!("signed by {owner} ({key})"));
    }
    if manifest.require_rehearsal {
        out.line(rehearsal_proof::needed(manifest.rehearsal_max_age_days));
    }
    let path = escape(&manifest.target.search_path.join(", "));
    out.line(format!("{}, schemas {path}", text::target(manifest)));
    for (name, variable) in &manifest.variables {
        out.line(text::variable(name.as_str(), variable));
    }
    text::show_gates(manifest, out);
    state("baseline", &manifest.states.baseline, out);
    state("finalized", &manifest.states.finalized, out);
    if let Some(rolled_back) = &manifest.states.rolled_back {
        state("rolled back", rolled_back, out);
    }
    text::show_tiers(manifest, out, |tier| {
        if tier.transaction == Transaction::None {
            out.line("    without a transaction: statement by statement, each committed alone");
        }
    });
    for script in &manifest.rollback {
        out.line(format!("rollback {}", script.file));
    }
    for script in &manifest.verify {
        out.line(format!("verify {}: {}", script.name, script.file));
    }
    for runbook in &manifest.runbooks {
        let (audience, file) = (runbook.audience, &runbook.file);
        out.line(format!("runbook for the {audience}: {file}"));
    }
    text::show_acknowledged(manifest, out);
    let rows = manifest.files.iter().map(|file| {
        let stored = match file.stored {
            Stored::Gzip => "gzip",
            _ => "",
        };
        vec![
            file.path.to_string(),
            file.size.to_string(),
            stored.to_owned(),
            file.sha256.short(),
        ]
    });
    out.table(&["file", "bytes", "", "sha256"], rows.collect());
    Ok(Exit::Done)
}

fn state(name: &str, state: &State, out: Output) {
    let expected = state.expect.iter();
    let expected = expected.map(|(column, value)| escape(&format!("{column} {value}")));
    let expected: Vec<String> = expected.collect();
    out.line(format!("state {name}: {}", expected.join(", ")));
}
