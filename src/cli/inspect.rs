//! `pgseal inspect FILE`

use super::acknowledged;
use super::args::{BundleArgs, now};
use super::rehearsal_proof;
use super::table;
use super::{CliError, Exit, Output, escape};
use crate::trust::JudgedAt;
use pgseal_verify::format::manifest::{Manifest, State, Stored, Transaction};
use pgseal_verify::format::statement::title;
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
    let release = &manifest.release;
    out.line(format!(
        "{} (sequence {})",
        title(&release.name, &release.version),
        release.sequence
    ));
    out.line(escape(&release.summary));
    out.line(format!("release id {}", bundle.release_id()));
    for signer in bundle.signatories() {
        out.line(format!(
            "signed by {} ({})",
            escape(&signer.owner),
            signer.key
        ));
    }
    if manifest.require_rehearsal {
        out.line(rehearsal_proof::needed(manifest.rehearsal_max_age_days));
    }
    target(manifest, out);
    for (name, variable) in &manifest.variables {
        let required = if variable.required {
            "required"
        } else {
            "optional"
        };
        let pattern = variable
            .pattern
            .as_deref()
            .map(|p| format!(", {}", escape(p)))
            .unwrap_or_default();
        let default = variable
            .default
            .as_deref()
            .map(|d| format!(", else {:?}", escape(d)))
            .unwrap_or_default();
        out.line(format!(
            "variable {name} ({required}{pattern}{default}): {}",
            escape(&variable.about)
        ));
    }
    for gate in &manifest.gates {
        out.line(format!("gate {}: {}", gate.name, gate.file));
    }
    state("baseline", &manifest.states.baseline, out);
    state("finalized", &manifest.states.finalized, out);
    for (at, tier) in manifest.tiers.iter().enumerate() {
        out.line(format!(
            "tier {}/{} {}: {}",
            at + 1,
            manifest.tiers.len(),
            tier.name,
            escape(&tier.about)
        ));
        if tier.transaction == Transaction::None {
            out.line("    without a transaction: statement by statement, each committed alone");
        }
        for way in &tier.dispatch {
            out.line(format!(
                "    reaches out of the database by {}",
                escape(way)
            ));
        }
    }
    for script in &manifest.rollback {
        out.line(format!("rollback {}", script.file));
    }
    for script in &manifest.verify {
        out.line(format!("verify {}: {}", script.name, script.file));
    }
    for runbook in &manifest.runbooks {
        out.line(format!(
            "runbook for the {}: {}",
            runbook.audience, runbook.file
        ));
    }
    acknowledged::show(manifest, out);
    let rows = manifest.files.iter().map(|file| {
        let stored = if file.stored == Stored::Gzip {
            "gzip"
        } else {
            ""
        };
        vec![
            file.path.to_string(),
            file.size.to_string(),
            stored.to_owned(),
            file.sha256.short(),
        ]
    });
    out.line(table::render(
        &["file", "bytes", "", "sha256"],
        rows.collect(),
    ));
    Ok(Exit::Done)
}

fn target(manifest: &Manifest, out: Output) {
    let target = &manifest.target;
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
    let path = escape(&target.search_path.join(", "));
    out.line(format!(
        "target: database {}{server}{role}{system}, schemas {path}",
        escape(&target.database)
    ));
}

fn state(name: &str, state: &State, out: Output) {
    let expected = state
        .expect
        .iter()
        .map(|(column, value)| escape(&format!("{column} {value}")));
    out.line(format!(
        "state {name}: {}",
        expected.collect::<Vec<_>>().join(", ")
    ));
}
