//! `pgseal receipt verify FILE...`

use std::path::{Path, PathBuf};

use super::super::approvals;
use super::super::args::{TrustArgs, authenticate, now, time};
use super::super::error::authentic::receipt_exit;
use super::super::{CliError, Exit, Output, Paint, display_path, escape};
use super::said::Said;
use crate::bundle::AuthenticatedBundle;
use crate::record::receipt::{self, JournalCheck};
use crate::record::rehearsal;
use crate::trust::evidence::Evidence;
use crate::trust::{JudgedAt, KeyId, TrustRoot};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::plural::count;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Receipts: *.receipt.json, *.rehearsal.json
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Judge by this time instead of now: keys by their windows, signatures by their proven time where it is older
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<Timestamp>,
    /// The receipts have to be of this bundle's release
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

/// Result for one file.
struct Finding<'a> {
    path: &'a Path,
    /// Content of the receipt; `None` if it could not be authenticated.
    said: Option<Said>,
    signed: Option<(KeyId, Evidence)>,
    journal: Option<JournalCheck>,
    faults: Vec<(Exit, String)>,
}

impl Finding<'_> {
    /// True for a receipt without signature and without fault. As in `audit`, it is no fault, but
    /// it never counts as authentic.
    fn is_unsigned(&self) -> bool {
        self.faults.is_empty() && self.signed.is_none()
    }
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load()?;
    let as_of = args.as_of.unwrap_or_else(now);
    let when = JudgedAt::AsOf(as_of);
    let bundle = args
        .bundle
        .as_deref()
        .map(|file| authenticate(file, &root, when))
        .transpose()?;
    let findings: Vec<Finding<'_>> = args
        .files
        .iter()
        .map(|path| find(path, &root, when, bundle.as_ref(), out))
        .collect();
    let faulty = findings
        .iter()
        .filter(|finding| !finding.faults.is_empty())
        .count();
    let unsigned = findings
        .iter()
        .filter(|finding| finding.is_unsigned())
        .count();
    let authentic = findings.len() - faulty - unsigned;
    out.document(&serde_json::json!({
        "as_of": as_of,
        "receipts": findings.iter().map(|finding| document(finding, &root)).collect::<Vec<_>>(),
        "authentic": authentic,
        "unsigned": unsigned,
        "faulty": faulty,
    }));
    findings
        .iter()
        .for_each(|finding| show(finding, &root, out));
    let all = count(findings.len(), "receipt");
    let not_signed = if unsigned == 0 {
        String::new()
    } else {
        format!("{unsigned} not signed, ")
    };
    out.line(format!(
        "{all}, {authentic} authentic, {not_signed}{faulty} faulty"
    ));
    let exits = findings
        .iter()
        .flat_map(|finding| &finding.faults)
        .map(|(exit, _)| *exit);
    // The caller asks whether these files are authentic; an unsigned file is not.
    let exits = exits.chain((unsigned > 0).then_some(Exit::NotAuthentic));
    Ok(exits.max_by_key(|exit| exit.code()).unwrap_or(Exit::Done))
}

fn find<'a>(
    path: &'a Path,
    root: &TrustRoot,
    when: JudgedAt,
    bundle: Option<&AuthenticatedBundle>,
    out: Output,
) -> Finding<'a> {
    let mut finding = Finding {
        path,
        said: None,
        signed: None,
        journal: None,
        faults: Vec::new(),
    };
    let mut receipt = None;
    let read = match rehearsal::is_one(path) {
        true => rehearsal::read(path, root, when)
            .map(|read| (Said::of_rehearsal(&read.statement, out), read.signed)),
        false => receipt::read(path, root, when).map(|read| {
            let said = Said::of_receipt(&read.statement);
            receipt = Some(read.statement);
            (said, read.signed)
        }),
    };
    let (said, signed) = match read {
        Ok(read) => read,
        Err(error) => {
            finding
                .faults
                .push((receipt_exit(&error), error.to_string()));
            return finding;
        }
    };
    let mut fault = |text: String| finding.faults.push((Exit::NotAuthentic, text));
    if let Some(id) = bundle
        .map(AuthenticatedBundle::release_id)
        .filter(|id| said.release_id != Some(id.digest()))
    {
        fault(format!(
            "it is of another release than the bundle, whose id is {id}"
        ));
    }
    // A rehearsal leaves no journal: its clone is dropped.
    match receipt.map(|statement| receipt::journal_of(path, &statement)) {
        None => {}
        Some(Ok(beside)) => {
            if let JournalCheck::Differs(why) = &beside {
                fault(format!("the journal beside it does not agree: {why}"));
            }
            finding.journal = Some(beside);
        }
        Some(Err(error)) => {
            finding.faults.push((
                Exit::Internal,
                format!("the journal beside it can't be read: {error}"),
            ));
        }
    }
    (finding.said, finding.signed) = (Some(said), signed);
    finding
}

fn document(finding: &Finding<'_>, root: &TrustRoot) -> serde_json::Value {
    let said = finding.said.as_ref();
    serde_json::json!({
        "path": finding.path.to_string_lossy(),
        "release": said.map(|said| &said.release),
        "release_id": said.and_then(|said| said.release_id),
        "run_id": said.map(|said| &said.run_id),
        "action": said.map(|said| &said.action),
        "outcome": said.map(|said| &said.outcome),
        "signer": finding.signed.map(|(key, evidence)| serde_json::json!({
            "key_id": key, "owner": root.owner(&key), "evidence": approvals::evidence(evidence),
        })),
        "journal": finding.journal.as_ref().map(|beside| match beside {
            JournalCheck::Missing => "missing",
            JournalCheck::Agrees(_) => "agrees",
            JournalCheck::Unnamed(_) => "unnamed",
            JournalCheck::Differs(_) => "differs",
        }),
        "faults": finding.faults.iter().map(|(_, text)| text).collect::<Vec<_>>(),
    })
}

fn show(finding: &Finding<'_>, root: &TrustRoot, out: Output) {
    let path = display_path(finding.path);
    for (_, fault) in &finding.faults {
        out.line(format!(
            "{} {path}: {}",
            out.paint(Paint::Bad, "FAULT"),
            escape(fault)
        ));
    }
    let (Some(said), []) = (&finding.said, &finding.faults[..]) else {
        return;
    };
    let what = &said.headline;
    match finding.signed {
        Some((key, evidence)) => {
            let (owner, since) = (escape(root.owner(&key)), approvals::since(evidence));
            out.line(format!(
                "{} {path}: {what}, signed by {owner}{since}",
                out.paint(Paint::Good, "ok")
            ));
        }
        None => {
            let word = out.paint(Paint::Bad, "unsigned");
            out.line(format!(
                "{word} {path}: {what}, a receipt that anybody can have written: it proves nothing"
            ));
        }
    }
    if let Some(line) = finding.journal.as_ref().and_then(self::said) {
        out.line(format!("    {line}"));
    }
}

/// One line about the sibling journal of an authentic receipt.
pub fn said(beside: &JournalCheck) -> Option<String> {
    match beside {
        JournalCheck::Missing => Some("no journal is beside it".to_owned()),
        JournalCheck::Agrees(lines) => Some(format!(
            "the journal beside it agrees: {}",
            count(*lines, "line")
        )),
        JournalCheck::Unnamed(lines) => Some(format!(
            "it names no journal; the one beside it is whole: {}",
            count(*lines, "line")
        )),
        JournalCheck::Differs(why) => Some(format!(
            "the journal beside it does not agree: {}",
            escape(why)
        )),
    }
}
