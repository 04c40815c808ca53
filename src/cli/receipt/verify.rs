//! `pgseal receipt verify FILE...`

use std::path::{Path, PathBuf};

use super::super::approvals;
use super::super::args::{TrustArgs, authenticate, now, time};
use super::super::error::authentic::receipt_exit;
use super::super::{CliError, Exit, Output, Paint, display_path, escape};
use super::{Signed, Statement};
use crate::bundle::AuthenticatedBundle;
use crate::record::receipt::{self, JournalCheck};
use crate::record::rollout::RunReceipts;
use crate::trust::{JudgedAt, TrustRoot};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::plural::count;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Receipts: *.receipt.json, *.rehearsal.json, *.rollout.json, *.evidence.json
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Judge by this time instead of now: keys by their windows, signatures by their proven time where it is older
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<Timestamp>,
    /// Require receipts of this bundle's release
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

/// Result for one file.
struct Finding<'a> {
    path: &'a Path,
    /// Content of the receipt; `None` if it could not be authenticated.
    statement: Option<Statement>,
    signed: Signed,
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
    let find = |path| find(path, &root, when, bundle.as_ref());
    let findings: Vec<Finding<'_>> = args.files.iter().map(|path| find(path)).collect();
    let count_of = |is: fn(&Finding) -> bool| findings.iter().filter(|finding| is(finding)).count();
    let faulty = count_of(|finding| !finding.faults.is_empty());
    let unsigned = count_of(|finding| finding.is_unsigned());
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
    let not_signed = match unsigned {
        0 => String::new(),
        unsigned => format!("{unsigned} not signed, "),
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
) -> Finding<'a> {
    let mut finding = Finding {
        path,
        statement: None,
        signed: None,
        journal: None,
        faults: Vec::new(),
    };
    let (statement, signed) = match Statement::read(path, Some((root, when))) {
        Ok(read) => read,
        Err(error) => {
            let fault = (receipt_exit(&error), error.to_string());
            finding.faults.push(fault);
            return finding;
        }
    };
    let mut fault = |exit, text: String| finding.faults.push((exit, text));
    let id = bundle.map(AuthenticatedBundle::release_id);
    if let Some(id) = id.filter(|id| statement.release_id() != Some(id.digest())) {
        let text = format!("it is of another release than the bundle, whose id is {id}");
        fault(Exit::NotAuthentic, text);
    }
    // A rehearsal leaves no journal: its clone is dropped.
    if let Statement::Run(statement) = &statement {
        match receipt::journal_of(path, statement) {
            Ok(journal) => {
                if let JournalCheck::Differs(why) = &journal {
                    let text = format!("the journal beside it does not agree: {why}");
                    fault(Exit::NotAuthentic, text);
                }
                finding.journal = Some(journal);
            }
            Err(error) => {
                let text = format!("the journal beside it can't be read: {error}");
                fault(Exit::Internal, text);
            }
        }
    }
    if let Statement::Rollout(statement) = &statement {
        // The receipts of its runs are in the same directory, as the rollout wrote them.
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        match RunReceipts::of(dir.unwrap_or(Path::new("."))) {
            Ok(receipts) => {
                let faults = receipts.faults(statement);
                faults
                    .into_iter()
                    .for_each(|text| fault(Exit::NotAuthentic, text));
            }
            Err(error) => fault(
                Exit::Internal,
                format!("its directory can't be read: {error}"),
            ),
        }
    }
    (finding.statement, finding.signed) = (Some(statement), signed);
    finding
}

fn document(finding: &Finding<'_>, root: &TrustRoot) -> serde_json::Value {
    let statement = finding.statement.as_ref();
    let run = statement.map(Statement::run);
    serde_json::json!({
        "path": finding.path.to_string_lossy(),
        "release": statement.and_then(Statement::release),
        "release_id": statement.and_then(Statement::release_id),
        "run_id": run.as_ref().map(|run| run.0),
        "action": run.as_ref().map(|run| &run.1),
        "outcome": run.as_ref().map(|run| &run.2),
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
        let word = out.paint(Paint::Bad, "FAULT");
        out.line(format!("{word} {path}: {}", escape(fault)));
    }
    let (Some(statement), []) = (&finding.statement, &finding.faults[..]) else {
        return;
    };
    let what = statement.headline(out);
    match finding.signed {
        Some((key, evidence)) => {
            let (owner, since) = (escape(root.owner(&key)), approvals::since(evidence));
            let ok = out.paint(Paint::Good, "ok");
            out.line(format!("{ok} {path}: {what}, signed by {owner}{since}"));
        }
        None => out.line(format!(
            "{} {path}: {what}, a receipt that anybody can have written: it proves nothing",
            out.paint(Paint::Bad, "unsigned")
        )),
    }
    if let Some(line) = finding.journal.as_ref().map(journal_line) {
        out.line(format!("    {line}"));
    }
}

/// One line about the sibling journal of an authentic receipt.
pub fn journal_line(journal: &JournalCheck) -> String {
    let (text, lines) = match journal {
        JournalCheck::Missing => return "no journal is beside it".to_owned(),
        JournalCheck::Differs(why) => {
            return format!("the journal beside it does not agree: {}", escape(why));
        }
        JournalCheck::Agrees(lines) => ("the journal beside it agrees", lines),
        JournalCheck::Unnamed(lines) => ("it names no journal; the one beside it is whole", lines),
    };
    format!("{text}: {}", count(*lines, "line"))
}
