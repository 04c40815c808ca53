//! A packed release without packing.
#![allow(unreachable_code)]

use pgseal::bundle::UnsignedBundle;

fn forged() -> UnsignedBundle {
    UnsignedBundle {
        statement: todo!(),
        files: todo!(),
        spill: todo!(),
    }
}

fn main() {}
