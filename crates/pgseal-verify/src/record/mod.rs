//! Receipts of runs and rehearsals, authenticated.

pub mod receipt;
pub mod rehearsal;
pub mod signed;
