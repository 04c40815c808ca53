//! PostgreSQL: the adapter of the port in `database.rs`, driven by `tokio-postgres`.

pub mod error;
mod ahead;
mod batch;
mod cancel;
mod clock;
pub mod connector;
pub mod conninfo;
mod copy;
mod dial;
pub mod dump;
pub mod host;
pub mod keywords;
mod parameter;
pub mod programs;
mod pump;
mod rows;
pub mod session;
pub mod settings;
pub mod start;
mod tls;
mod trouble;
mod wire;

pub use connector::Connector;
pub use conninfo::Parameters;
pub use dump::Dumps;
pub use host::Password;
pub use session::PostgresSession;
pub use settings::{Settings, SettingsError};
