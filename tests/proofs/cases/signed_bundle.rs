//! A signed bundle without a signer.
#![allow(unreachable_code)]

use pgseal::bundle::SignedBundle;

fn forged() -> SignedBundle {
    SignedBundle {
        unsigned: todo!(),
        signatures: todo!(),
    }
}

fn main() {}
