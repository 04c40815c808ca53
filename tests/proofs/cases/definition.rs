//! A release directory that was not read.
#![allow(unreachable_code)]

use pgseal::bundle::definition::Definition;

fn forged() -> Definition {
    Definition {
        manifest: todo!(),
        source: todo!(),
        stages: todo!(),
    }
}

fn main() {}
