//! `pgseal run FILE`

use super::args::{ApprovalArgs, BundleArgs, DatabaseArgs, now};
use super::error::CliError;
use super::exit::Exit;
use super::host::operator;
use super::interrupt::Interrupt;
use super::output::Output;
use super::perform::{ReceiptArgs, admit};
use super::progress::Progress;
use crate::format::receipt::Action;
use crate::record::memory;
use crate::release::resume::Decision;
use crate::release::stop::Stop;
use crate::release::{Order, gate, order};
use crate::trust::When;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    approvals: ApprovalArgs,
    #[command(flatten)]
    receipts: ReceiptArgs,
    /// Go on with the run of this release that stopped half way
    #[arg(long)]
    resume: bool,
    /// What became of the interrupted statement, where the catalog can't say: `done` goes on behind it, `again` sends it
    /// again
    #[arg(long, value_name = "WHAT", requires = "resume", value_parser = decision)]
    interrupted: Option<Decision>,
}

fn decision(text: &str) -> Result<Decision, String> {
    match text {
        "done" => Ok(Decision::Done),
        "again" => Ok(Decision::Again),
        _ => Err("say `done` or `again`".to_owned()),
    }
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let key = args.receipts.key()?;
    let at = now();
    let (root, bundle) = args.bundle.authenticate(When::At(at))?;
    let bundle = args.approvals.add_to(bundle, &root)?;
    let manifest = bundle.manifest();
    let variables = order::values(manifest, &args.database.variables()?, true)?;
    memory::check_clock(&args.receipts.receipts, at)?;
    let admission = admit(&root, &bundle, &variables, at)?;
    let prepared = args.receipts.prepare(key, &root, manifest, Action::Run)?;
    let connect = args.database.connector()?;
    let (operator, stop) = (operator(), Stop::default());
    let order = Order {
        bundle: &bundle,
        root: &root,
        connect: &connect,
        variables: &variables,
        limits: &manifest.limits,
        operator: &operator,
        stop: &stop,
        clock: &now,
    };
    let mut progress = Progress::new(out, Interrupt::watch(out, "run")?);
    let ready = gate::pass(order, &mut progress).map_err(CliError::from).and_then(|gated| {
        let ready = if args.resume { gated.resume(args.interrupted) } else { gated.preflight() };
        ready.map_err(CliError::from)
    });
    if ready.is_err() {
        progress.finish();
    }
    let report = ready?.run(&admission, &prepared.run_id, prepared.journal()?, &mut progress);
    progress.finish();
    prepared.conclude(&bundle, report?, out)
}
