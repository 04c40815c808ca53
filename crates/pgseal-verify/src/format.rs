//! The documents: serde types and constants. No I/O, no cryptography, no clock.

pub mod approval;
pub mod clone_marker;
pub mod database_pattern;
pub mod dsse;
pub mod evidence;
pub mod expectation;
pub mod file_name;
pub mod fingerprint;
pub mod json;
pub mod log_entry;
pub mod manifest;
pub mod name;
pub mod notarisation;
pub mod path_pattern;
pub mod receipt;
pub mod rehearsal;
pub mod release_range;
pub mod run_limits;
pub mod server_range;
pub mod sigstore;
pub mod statement;
pub mod timestamp;
pub mod trust_document;
pub mod version;
mod wildcard;
pub mod window;
pub mod wire;
