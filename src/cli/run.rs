//! `pgseal run FILE`

use super::args::{BundleArgs, DatabaseArgs, now};
use super::error::CliError;
use super::exit::Exit;
use super::interrupt::Interrupt;
use super::output::Output;
use super::perform::ReceiptArgs;
use super::progress::Progress;
use crate::format::receipt::Action;
use crate::release::{Order, gate, order};
use crate::trust::{When, policy};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    receipts: ReceiptArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let at = now();
    let (root, bundle) = args.bundle.authenticate(When::At(at))?;
    let manifest = bundle.manifest();
    policy::admits(&root, &manifest.release, bundle.release_id(), at)?;
    policy::approved(&root)?;
    let variables = order::values(manifest, &args.database.variables()?, true)?;
    let prepared = args.receipts.prepare(&root, manifest, Action::Run)?;
    let connect = args.database.connector()?;
    let order = Order { bundle: &bundle, connect: &connect, variables: &variables, clock: &now };
    let mut progress = Progress::new(out, Interrupt::watch(out, "run")?);
    let ready = gate::pass(order, root.policy(), &mut progress)
        .map_err(CliError::from)
        .and_then(|gated| gated.preflight().map_err(CliError::from));
    if ready.is_err() {
        progress.finish();
    }
    let report = ready?.run(&prepared.run_id, prepared.journal()?, &mut progress);
    progress.finish();
    prepared.conclude(&bundle, report?, out)
}
