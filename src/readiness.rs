//! The GO/NO-GO matrix of a release: nine questions, each answered from evidence or by UNKNOWN, and
//! one verdict.
//!
//! ```text
//! ReadinessFacts -> Matrix (cells) -> Verdict (READY, BLOCKED, DONE, STOP)
//! ```
//!
//! The module is pure and runs no queries. The caller gathers the facts with the code of `verify`,
//! `gate`, `plan`, `check` and `status`. `docs/report.md` has the rules for people.

mod cell;
mod cells;
mod closed;
mod facts;
pub mod human_time;
mod left;
mod measured;
mod rehearsed;
mod timeline;
mod values;
mod verdict;

pub use cell::{Cell, CellStatus, Proof, ProofOf, Row};
pub use cells::{ANSWER_SECONDS, Matrix, REHEARSAL_SECONDS};
pub use facts::{
    Answers, Approver, Blocker, Database, Kept, ReadinessFacts, ReleaseFacts, Signer, UsedApprover,
};
pub use left::left;
pub use measured::{Measured, Waits};
pub use rehearsed::why;
pub use timeline::{Took, TookIn, Turn, timeline};
pub use values::{Value, values};
pub use verdict::{Missing, Status, Verdict, command, verdict};

#[cfg(test)]
mod tests;
