//! A bundle to run has no API that replaces the authenticated content, or the trust root that authenticated it.

use pgseal::bundle::{AuthenticatedBundle, BundleToRun};
use pgseal::release::ContextToRun;
use pgseal::trust::TrustRoot;

fn exchanged<'r>(to_run: &mut BundleToRun<'r>, to_undo: AuthenticatedBundle<'r>) {
    **to_run = to_undo;
}

fn judged_by_another<'b>(order: ContextToRun<'b>, root: &'b TrustRoot) -> ContextToRun<'b> {
    ContextToRun { root, ..order }
}

fn main() {}
