//! A log head without a signature.
#![allow(unreachable_code)]

use pgseal::tlog::TrustedHead;

fn forged() -> TrustedHead {
    TrustedHead {
        head: todo!(),
        key: todo!(),
    }
}

fn main() {}
