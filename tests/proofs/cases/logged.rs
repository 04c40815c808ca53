//! An entry that is in no log.
#![allow(unreachable_code)]

use pgseal::tlog::proof_file::Logged;

fn forged() -> Logged {
    Logged {
        entry: todo!(),
        index: todo!(),
        head: todo!(),
    }
}

fn main() {}
