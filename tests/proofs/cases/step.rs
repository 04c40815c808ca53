//! A version of the trust root without the agreement of the previous version.
#![allow(unreachable_code)]

use pgseal::trust::rotation::Step;

fn forged() -> Step {
    Step {
        root: todo!(),
        signatures: todo!(),
    }
}

fn main() {}
