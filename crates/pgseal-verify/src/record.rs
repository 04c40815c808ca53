//! Authentication of receipts of runs and rehearsals, and of markers of standing clones.

pub mod clone_marker;
pub mod receipt;
pub mod rehearsal;
pub mod signed;
