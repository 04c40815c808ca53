//! What is remembered of a run: in the database (ledger), on the host while it goes on (journal), and for good (receipt).

pub mod journal;
pub mod ledger;
pub mod memory;
pub mod receipt;
pub mod receipt_key;
pub mod rehearsal;
mod signed;
mod size;
