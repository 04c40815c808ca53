//! The GO/NO-GO matrix of a release: nine questions, each answered from evidence or by UNKNOWN, and one word on top.
//!
//! ```text
//! Facts -> Matrix (cells) -> Verdict (READY, BLOCKED, DONE, STOP)
//! ```
//!
//! Pure: who gathers the facts asks the same code as `verify`, `gate`, `plan`, `check` and `status`; here nothing is
//! asked. `docs/report.md` has the rules for people.

mod cell;
mod cells;
mod facts;
mod rehearsed;
mod timeline;
mod values;
mod verdict;
pub mod words;

pub use cell::{Cell, Mark, Proof, ProofOf, Row};
pub use cells::{ANSWER_SECONDS, Matrix, REHEARSAL_SECONDS};
pub use facts::{Answers, Approver, Database, Facts, Kept, ReleaseFacts, Signer, Trouble};
pub use rehearsed::why;
pub use timeline::{Took, TookIn, Turn, timeline};
pub use values::{Value, values};
pub use verdict::{Missing, Verdict, Word, verdict};

#[cfg(test)]
mod tests;
