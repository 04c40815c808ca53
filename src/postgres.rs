//! PostgreSQL adapter of the port in `database.rs`, built on `postgres-protocol`.

mod answer;
mod asked;
mod cancel;
mod clock;
mod connect_error;
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
mod tls;
mod wire;

pub use asked::AskedPassword;
pub use connector::Connector;
pub use conninfo::Parameters;
pub use dump::Dumps;
pub use host::Password;
pub use session::PostgresSession;
pub use settings::{Settings, SettingsError};
