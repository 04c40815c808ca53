//! A script from elsewhere.
#![allow(unreachable_code)]

use pgseal::bundle::AuthenticatedSql;

fn forged() -> AuthenticatedSql<'static> {
    AuthenticatedSql {
        bundle: todo!(),
        path: todo!(),
    }
}

fn main() {}
