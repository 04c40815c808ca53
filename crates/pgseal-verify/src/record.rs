//! Authentication of receipts of runs and rehearsals.

pub mod receipt;
pub mod rehearsal;
pub mod signed;
