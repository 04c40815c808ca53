//! PostgreSQL: the adapter of the port in `database.rs`, and throwaway servers for the demo and the tests.

mod answer;
mod cancel;
mod clock;
pub mod connector;
pub mod conninfo;
mod copy;
mod dial;
mod driver;
pub mod dump;
mod error;
pub mod host;
pub mod keywords;
mod login;
pub mod programs;
pub mod session;
pub mod settings;
mod socket;
pub mod start;
pub mod throwaway;
mod tls;
mod trouble;
mod wire;

pub use connector::Connector;
pub use conninfo::Parameters;
pub use dump::Dumps;
pub use host::Password;
pub use programs::{ProgramsError, ServerPrograms};
pub use session::PostgresSession;
pub use settings::{Settings, SettingsError};
pub use throwaway::{ThrowawayError, ThrowawayServer};
