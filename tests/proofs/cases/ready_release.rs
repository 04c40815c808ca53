//! A release without preflight.
#![allow(unreachable_code)]

use pgseal::release::run::ReadyRelease;

fn forged() -> ReadyRelease<'static> {
    ReadyRelease {
        gated: todo!(),
        before: todo!(),
        resumed: todo!(),
        uses: todo!(),
    }
}

fn main() {}
