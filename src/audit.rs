//! Re-authenticates archives in bulk, on all cores: bundles, separate approvals, receipts, trust
//! roots. A fault in one file does not stop the others. Cross-checks over the whole archive follow.
//!
//! ```text
//! Place -> Found -> Finding -> across the archive -> Report
//! ```

#[cfg(feature = "parquet")]
pub mod columns;
pub mod cross_checks;
pub mod fault;
pub mod file;
pub mod file_facts;
pub mod finding;
pub mod judge;
pub mod kind;
pub mod place;
pub mod report;
pub mod sweep;

pub use fault::{Fault, FaultKind};
pub use file_facts::FileFacts;
pub use finding::Finding;
pub use judge::Judge;
pub use kind::Kind;
pub use place::{Found, Place};
pub use report::Report;
