//! Records of a run: in the database (ledger), on the host during the run (journal), and
//! permanent (receipt).

pub mod definitions;
pub mod evidence;
pub mod journal;
pub mod ledger;
pub mod memory;
pub mod namesakes;
pub mod receipt;
pub mod receipt_key;
pub mod rehearsal;
pub mod rollout;
mod signed;
mod size;
