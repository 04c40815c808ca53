//! A version of the trust root to which the version before did not agree.
#![allow(unreachable_code)]

use pgseal::trust::rotation::Step;

fn forged() -> Step {
    Step {
        root: todo!(),
        signatures: todo!(),
    }
}

fn main() {}
