//! A trust document whose rules were not checked.
#![allow(unreachable_code)]

use pgseal::trust::DraftRoot;

fn forged() -> DraftRoot {
    DraftRoot {
        document: todo!(),
        bytes: todo!(),
        keys: todo!(),
        authorities: todo!(),
    }
}

fn main() {}
