//! A run without authorization.
#![allow(unreachable_code)]

use pgseal::release::run::AuthorizedRelease;

fn forged() -> AuthorizedRelease<'static> {
    AuthorizedRelease {
        ready: todo!(),
        phases: todo!(),
        approvals: todo!(),
        stop_behind: todo!(),
    }
}

fn main() {}
