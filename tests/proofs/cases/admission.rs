//! A run that the trust root did not admit.
#![allow(unreachable_code)]

use pgseal::bundle::Admission;

fn forged() -> Admission<'static> {
    Admission {
        bundle: todo!(),
        approvals: todo!(),
    }
}

fn main() {}
