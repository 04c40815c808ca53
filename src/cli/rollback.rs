//! `pgseal rollback FILE`

use super::args::{BundleArgs, DatabaseArgs, now};
use super::error::CliError;
use super::exit::Exit;
use super::host::operator;
use super::interrupt::Interrupt;
use super::output::{Output, Paint};
use super::perform::ReceiptArgs;
use super::progress::Progress;
use crate::format::receipt::Action;
use crate::format::statement::title;
use crate::release::rollback::{self, Found};
use crate::release::stop::Stop;
use crate::release::{Order, order};
use crate::trust::When;

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
    let key = args.receipts.key()?;
    // What was allowed to run may be undone, also when keys or the trust root have expired since.
    let (root, bundle) = args.bundle.authenticate(When::Undo)?;
    let manifest = bundle.manifest();
    let variables = order::values(manifest, &args.database.variables()?, false)?;
    let prepared = args.receipts.prepare(key, &root, manifest, Action::Rollback)?;
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
    let applied = match rollback::find(order)? {
        Found::Applied(applied) => applied,
        Found::Nothing(target) => {
            let title = title(&manifest.release.name, &manifest.release.version);
            out.document(&serde_json::json!({ "run_id": null, "receipt": null, "result": null, "target": target }));
            out.line(format!("{}: {title} is not applied here", out.paint(Paint::Good, "nothing to do")));
            return Ok(Exit::Done);
        }
    };
    let journal = prepared.journal()?;
    let mut progress = Progress::new(out, Interrupt::watch(out, "rollback")?);
    let report = applied.rollback(&prepared.run_id, journal, &mut progress);
    progress.finish();
    prepared.conclude(&bundle, report?, out)
}
