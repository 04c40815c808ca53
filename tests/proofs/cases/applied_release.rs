//! A release that the ledger does not have.
#![allow(unreachable_code)]

use pgseal::release::rollback::AppliedRelease;

fn forged() -> AppliedRelease<'static> {
    AppliedRelease {
        order: todo!(),
        session: todo!(),
        target: todo!(),
        variables: todo!(),
        run_id: todo!(),
        unfinished: todo!(),
        dependents: todo!(),
    }
}

fn main() {}
