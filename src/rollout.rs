//! One release over many databases: the plan, its waves, the journal, the results. Nothing here runs
//! a release; `cli/rollout/` starts this program's own `run` for each database.

// docs/decisions/100

pub mod course;
pub mod journal;
pub mod plan;
pub mod pool;
pub mod query;
