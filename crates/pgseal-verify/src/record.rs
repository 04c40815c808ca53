//! Authentication of receipts of runs, rehearsals and rollouts, of signed answers, and of markers of standing
//! clones.

pub mod clone_marker;
pub mod evidence;
pub mod receipt;
pub mod rehearsal;
pub mod rollout;
pub mod signed;
