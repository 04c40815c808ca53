//! `pgseal audit PATH...`

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::args::{TrustArgs, now, time};
use super::error::CliError;
use super::exit::Exit;
use super::output::{self, Output, Paint, escape, shown};
use crate::audit::{self, Finding};
use crate::format::timestamp::Timestamp;
use crate::trust::When;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Bundles, and directories in which all *.pgseal files are bundles
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Judge keys by this time instead of now
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<Timestamp>,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load()?;
    let as_of = args.as_of.unwrap_or_else(now);
    let bar = (output::draws() && !out.quiet).then(indicatif::ProgressBar::new_spinner);
    let count = AtomicUsize::new(0);
    let findings = audit::audit(&args.paths, &root, When::At(as_of), &|| {
        let count = count.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bar) = bar.as_ref().filter(|_| count.is_multiple_of(64)) {
            bar.set_message(format!("{count} bundles"));
            bar.tick();
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let faults: usize = findings.iter().map(|finding| finding.faults.len()).sum();
    let faulty = findings.iter().filter(|finding| !finding.faults.is_empty()).count();
    out.document(&serde_json::json!({
        "as_of": as_of,
        "bundles": findings.iter().map(document).collect::<Vec<_>>(),
        "authentic": findings.len() - faulty,
        "faulty": faulty,
        "faults": faults,
    }));
    findings.iter().for_each(|finding| show(finding, out));
    out.line(format!(
        "{} bundles, {} authentic, {faulty} faulty, {faults} faults",
        findings.len(),
        findings.len() - faulty
    ));
    if findings.is_empty() {
        let text = "no *.pgseal files were found below the given paths";
        return Err(CliError::new(Exit::Usage, text).hint("is it the right directory?").answered());
    }
    Ok(if faults == 0 { Exit::Done } else { Exit::Faults })
}

fn document(finding: &Finding) -> serde_json::Value {
    let release = finding.release.as_ref().map(|release| {
        serde_json::json!({
            "title": release.title, "release_id": release.release_id,
            "signers": release.signers, "files": release.files,
        })
    });
    serde_json::json!({ "path": finding.path.to_string_lossy(), "release": release, "faults": finding.faults })
}

fn show(finding: &Finding, out: Output) {
    let path = shown(&finding.path);
    if let (Some(release), true) = (&finding.release, finding.faults.is_empty()) {
        let signers = escape(&release.signers.join(", "));
        let ok = out.paint(Paint::Good, "ok");
        out.line(format!("{ok} {path}: {}, {} files, signed by {signers}", release.title, release.files));
    }
    for fault in &finding.faults {
        out.line(format!("{} {path}: {}", out.paint(Paint::Bad, "FAULT"), escape(fault)));
    }
}
