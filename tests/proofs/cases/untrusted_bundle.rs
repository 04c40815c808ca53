//! A bundle from a file that was not parsed.
#![allow(unreachable_code)]

use pgseal::bundle::UntrustedBundle;

fn forged() -> UntrustedBundle {
    UntrustedBundle {
        archive: todo!(),
        statement: todo!(),
        signatures: todo!(),
        added: todo!(),
        workers: todo!(),
    }
}

fn main() {}
