//! The steps of a run, in the order that ARCHITECTURE.md shows.
//!
//! ```text
//! AuthenticatedBundle --gate--> GatedRelease --run--> Report
//! ```

mod approvals;
mod batch;
pub mod cancellable;
pub mod cancellation;
pub mod check;
mod clamp;
pub mod dependencies;
pub mod drift;
pub mod event;
pub mod evidence;
mod excerpt;
mod executor;
pub mod failure;
mod fresh;
pub mod gate;
pub mod gate_role;
mod generated;
pub mod indexes;
pub mod lock;
mod non_transactional;
mod phases;
pub mod plan;
pub mod preflight;
pub mod probe;
mod proof;
pub mod question;
mod reading;
pub mod rehearsal_proof;
pub mod rehearse;
pub mod relative;
pub mod report;
pub mod residue;
pub mod resolve;
pub mod restored;
pub mod resume;
pub mod retry;
pub mod rollback;
pub mod run;
pub mod run_context;
pub mod script;
mod server_variables;
pub mod settings;
pub mod staging;
pub mod status;
pub mod survey;
pub mod target;
mod tier_log;
mod touched;
mod transaction;
pub mod verify;
pub mod waiting;

pub use event::{Event, Observer};
pub use gate::GatedRelease;
pub use report::Report;
pub use run_context::{ContextToRun, RunContext};
