//! Secret keys, and changes to the trust root. Trust decisions are made in `pgseal_verify::trust`.

pub mod agent;
pub mod change;
pub mod draft;
pub mod key_list;
#[cfg(test)]
mod published_tests;
pub mod secret_key;
pub mod signatures;
pub mod store;

pub use agent::AgentKey;
pub use pgseal_verify::trust::*;
pub use secret_key::SecretKey;
