//! An approval without a signature.
#![allow(unreachable_code)]

use pgseal::trust::attestations::SignedApproval;

fn forged() -> SignedApproval {
    SignedApproval {
        key: todo!(),
        owner: todo!(),
        approval: todo!(),
        evidence: todo!(),
        signature: todo!(),
        sha256: todo!(),
    }
}

fn main() {}
