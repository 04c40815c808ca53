//! PostgreSQL: the adapter of the port in `database.rs`, and throwaway servers for the demo and the tests.

pub mod error;
mod batch;
mod copy;
mod parameter;
pub mod programs;
mod pump;
mod rows;
pub mod session;
pub mod throwaway;
mod wire;

pub use programs::{ProgramsError, ServerPrograms};
pub use session::{Connector, PostgresSession};
pub use throwaway::{ThrowawayError, ThrowawayServer};
