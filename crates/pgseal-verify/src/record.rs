//! Authentication of receipts of runs and rehearsals, of signed answers, and of markers of standing
//! clones.

pub mod clone_marker;
pub mod evidence;
pub mod receipt;
pub mod rehearsal;
pub mod signed;
