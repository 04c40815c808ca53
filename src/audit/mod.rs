//! Re-authenticates archives in bulk, on all cores: bundles, approvals beside them, receipts, trust roots. Every fault of
//! every file is found; none stops the rest. Then the questions that no file answers alone are asked across all of them.
//!
//! ```text
//! Place -> Found -> Finding -> across the archive -> Report
//! ```

pub mod across;
#[cfg(feature = "parquet")]
pub mod columns;
pub mod facts;
pub mod fault;
pub mod file;
pub mod finding;
pub mod judge;
pub mod kind;
pub mod place;
pub mod report;
pub mod sweep;

pub use facts::Facts;
pub use fault::{Fault, FaultKind};
pub use finding::Finding;
pub use judge::Judge;
pub use kind::Kind;
pub use place::{Found, Place};
pub use report::Report;
