//! The sentences that the program and its page share.

pub mod approvals;
pub mod bundle;
pub mod escape;
pub mod records;
