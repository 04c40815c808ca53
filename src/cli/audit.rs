//! `pgseal audit PATH...`

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::approvals;
use super::args::{TrustArgs, now, time};
use super::error::CliError;
use super::exit::Exit;
use super::output::{self, Output, Paint, escape, shown};
use crate::audit::{self, AuditedRelease, Finding, Kind};
use crate::format::timestamp::Timestamp;
use crate::trust::{TrustRoot, When};
use crate::words;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Bundles, approvals and receipts, and directories with *.pgseal, *.approval and *.receipt.json files
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Judge by this time instead of now: keys by their windows, signatures by their proven time where it is older
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<Timestamp>,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load()?;
    let as_of = args.as_of.unwrap_or_else(now);
    let bar = (output::draws() && !out.quiet).then(indicatif::ProgressBar::new_spinner);
    let count = AtomicUsize::new(0);
    let findings = audit::audit(&args.paths, &root, When::AsOf(as_of), &|| {
        let count = count.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bar) = bar.as_ref().filter(|_| count.is_multiple_of(64)) {
            bar.set_message(words::count(count, "bundle"));
            bar.tick();
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let faults: usize = findings.iter().map(|finding| finding.faults.len()).sum();
    let faulty = findings.iter().filter(|finding| !finding.faults.is_empty()).count();
    let unsigned = findings.iter().filter(|finding| is_unsigned(finding)).count();
    out.document(&serde_json::json!({
        "as_of": as_of,
        "bundles": findings.iter().map(|finding| document(finding, &root, When::AsOf(as_of))).collect::<Vec<_>>(),
        "authentic": findings.len() - faulty - unsigned,
        "unsigned": unsigned,
        "faulty": faulty,
        "faults": faults,
    }));
    findings.iter().for_each(|finding| show(finding, &root, When::AsOf(as_of), out));
    let authentic = findings.len() - faulty - unsigned;
    let unsigned = if unsigned == 0 { String::new() } else { format!("{unsigned} not signed, ") };
    out.line(format!(
        "{}, {authentic} authentic, {unsigned}{faulty} faulty, {}",
        counted(&findings),
        words::count(faults, "fault")
    ));
    if findings.is_empty() {
        let text = "no *.pgseal files were found below the given paths";
        return Err(CliError::new(Exit::Usage, text).hint("is it the right directory?").answered());
    }
    Ok(if faults == 0 { Exit::Done } else { Exit::Faults })
}

fn document(finding: &Finding, root: &TrustRoot, when: When) -> serde_json::Value {
    let release = finding.release.as_ref().map(|release| {
        serde_json::json!({
            "title": release.title, "release_id": release.release_id,
            "signers": release.signers.iter().map(|(owner, _)| owner).collect::<Vec<_>>(),
            "evidence": release.signers.iter().map(|(_, seen)| approvals::evidence(*seen)).collect::<Vec<_>>(),
            "approvals": release.approvals.iter()
                .map(|signed| approvals::document(root, signed, when)).collect::<Vec<_>>(),
            "files": release.files,
            "blocked": is_blocked(root, release),
        })
    });
    serde_json::json!({
        "path": finding.path.to_string_lossy(), "kind": kind(finding.kind), "release": release,
        "faults": finding.faults,
    })
}

/// A receipt that nobody signed: no fault, and no proof.
fn is_unsigned(finding: &Finding) -> bool {
    matches!(finding.kind, Kind::Receipt | Kind::Rehearsal)
        && finding.release.as_ref().is_some_and(|release| release.signers.is_empty())
}

fn is_blocked(root: &TrustRoot, release: &AuditedRelease) -> bool {
    root.policy().blocked_releases.iter().any(|id| id.to_string() == release.release_id)
}

/// `2 bundles, 1 receipt`: kinds that are not there are left out.
fn counted(findings: &[Finding]) -> String {
    let count = |wanted| findings.iter().filter(|finding| finding.kind == wanted).count();
    let (approvals, receipts, rehearsals) = (count(Kind::Approval), count(Kind::Receipt), count(Kind::Rehearsal));
    let rest = [(approvals, "approval"), (receipts, "receipt"), (rehearsals, "rehearsal")];
    let rest = rest.into_iter().filter(|(count, _)| *count > 0);
    let all: Vec<String> = [(count(Kind::Bundle), "bundle")]
        .into_iter()
        .chain(rest)
        .map(|(count, what)| words::count(count, what))
        .collect();
    all.join(", ")
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Bundle => "bundle",
        Kind::Approval => "approval",
        Kind::Receipt => "receipt",
        Kind::Rehearsal => "rehearsal",
    }
}

fn show(finding: &Finding, root: &TrustRoot, when: When, out: Output) {
    let path = shown(&finding.path);
    if let (Some(release), true) = (&finding.release, finding.faults.is_empty()) {
        // What nobody signed is not ok: `receipt verify` refuses it.
        let ok = if is_unsigned(finding) { out.paint(Paint::Bad, "unsigned") } else { out.paint(Paint::Good, "ok") };
        let signers =
            release.signers.iter().map(|(owner, evidence)| format!("{}{}", escape(owner), approvals::since(*evidence)));
        let signers = signers.collect::<Vec<_>>().join(", ");
        let title = escape(&release.title);
        let text = match finding.kind {
            Kind::Bundle => format!("{title}, {}, signed by {signers}", words::count(release.files, "file")),
            Kind::Approval => format!("{title}, not compared with its bundle"),
            Kind::Receipt if signers.is_empty() => {
                format!("{title}, a receipt that anybody can have written: it proves nothing")
            }
            Kind::Receipt => format!("{title}, a receipt signed by {signers}"),
            Kind::Rehearsal if signers.is_empty() => {
                format!("{title}, a rehearsal receipt that anybody can have written: it proves nothing")
            }
            Kind::Rehearsal => format!("{title}, a rehearsal receipt signed by {signers}"),
        };
        out.line(format!("{ok} {path}: {text}"));
        for signed in &release.approvals {
            out.line(format!("    {}", approvals::sentence(root, signed, when)));
        }
        let tallies = approvals::tallies(root, &release.approvals, release.takes_apr, when);
        for (code, tallies) in tallies.iter().filter(|_| finding.kind == Kind::Bundle) {
            let list: Vec<String> = tallies.iter().map(ToString::to_string).collect();
            let code = code.as_ref().map(|code| format!(" for {code}")).unwrap_or_default();
            out.line(format!("    approvals{code}: {}", list.join(", ")));
        }
        if is_blocked(root, release) {
            out.line("    blocked by the trust root: it never runs again");
        }
    }
    for fault in &finding.faults {
        out.line(format!("{} {path}: {}", out.paint(Paint::Bad, "FAULT"), escape(fault)));
    }
}
