//! A standing clone without a signed marker.
#![allow(unreachable_code)]

use pgseal::release::rehearse::standing::StandingClone;

fn forged() -> StandingClone {
    StandingClone { marker: todo!() }
}

fn main() {}
