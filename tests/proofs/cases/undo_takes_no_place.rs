//! A bundle to run has no API that replaces the authenticated content, or the trust root that authenticated it.

use pgseal::bundle::{AuthenticatedBundle, BundleToRun};
use pgseal::release::RunOrder;
use pgseal::trust::TrustRoot;

fn exchanged<'r>(to_run: &mut BundleToRun<'r>, to_undo: AuthenticatedBundle<'r>) {
    **to_run = to_undo;
}

fn judged_by_another<'b>(order: RunOrder<'b>, root: &'b TrustRoot) -> RunOrder<'b> {
    RunOrder { root, ..order }
}

fn main() {}
