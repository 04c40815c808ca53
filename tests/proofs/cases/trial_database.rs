//! A trial database without a marker.
#![allow(unreachable_code)]

use pgseal::release::rehearse::trial::TrialDatabase;

fn forged() -> TrialDatabase {
    TrialDatabase {
        name: todo!(),
        system_identifier: todo!(),
        marker: todo!(),
    }
}

fn main() {}
