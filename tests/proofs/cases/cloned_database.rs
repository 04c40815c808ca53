//! A clone that no rehearsal made.
#![allow(unreachable_code)]

use pgseal::release::rehearse::ClonedDatabase;

fn forged() -> ClonedDatabase {
    ClonedDatabase {
        name: todo!(),
        oid: todo!(),
        suffix: todo!(),
        source: todo!(),
        server_is_its_own: todo!(),
        trial_marker: todo!(),
    }
}

fn main() {}
