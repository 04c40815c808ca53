//! A script from another source than the bundle.
#![allow(unreachable_code)]

use pgseal::bundle::AuthenticatedSql;

fn forged() -> AuthenticatedSql<'static> {
    AuthenticatedSql {
        files: todo!(),
        path: todo!(),
    }
}

fn main() {}
