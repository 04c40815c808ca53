//! A trust root whose threshold is not met.

use pgseal::trust::{DraftRoot, TrustRoot};

fn replaced(root: &mut TrustRoot, draft: DraftRoot) {
    root.0 = draft;
}

fn main() {}
