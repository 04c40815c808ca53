//! A bundle that was authenticated for inspection or rollback passes no gate, and is not admitted.

use pgseal::bundle::AuthenticatedBundle;
use pgseal::release::gate;
use pgseal::release::{Observer, RunContext};

fn gated(order: RunContext<'_>, observer: &mut dyn Observer) {
    let _ = gate::pass(order, observer);
}

fn admitted(bundle: &AuthenticatedBundle<'_>) {
    let _ = bundle.authorize_run(None);
}

fn main() {}
