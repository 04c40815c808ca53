//! A release whose gates were not evaluated.
#![allow(unreachable_code)]

use pgseal::release::GatedRelease;

fn forged() -> GatedRelease<'static> {
    GatedRelease {
        order: todo!(),
        session: todo!(),
        target: todo!(),
        answers: todo!(),
    }
}

fn main() {}
