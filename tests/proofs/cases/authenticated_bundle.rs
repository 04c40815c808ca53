//! A bundle that no release key signed.
#![allow(unreachable_code)]

use pgseal::bundle::AuthenticatedBundle;

fn forged() -> AuthenticatedBundle<'static> {
    AuthenticatedBundle {
        root: todo!(),
        archive: todo!(),
        statement: todo!(),
        release_id: todo!(),
        signatories: todo!(),
        approvals: todo!(),
        when: todo!(),
        signed: todo!(),
        files: todo!(),
        workers: todo!(),
    }
}

fn main() {}
