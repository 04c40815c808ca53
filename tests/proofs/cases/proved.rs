//! A rehearsal that did not take place.
#![allow(unreachable_code)]

use pgseal::record::rehearsal::Proved;

fn forged() -> Proved {
    Proved {
        release: todo!(),
        variables: todo!(),
    }
}

fn main() {}
