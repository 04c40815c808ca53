//! A bundle that was not authenticated for a run.
#![allow(unreachable_code)]

use pgseal::bundle::BundleToRun;

fn forged() -> BundleToRun<'static> {
    BundleToRun {
        bundle: todo!(),
        now: todo!(),
    }
}

fn main() {}
