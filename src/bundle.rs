//! Conversion of a release directory to a signed file, and of a file to authenticated content.
//!
//! ```text
//! directory -> UnsignedBundle -> SignedBundle ==bytes==> UntrustedBundle -> AuthenticatedBundle
//! ```

pub mod approval;
pub mod attach;
mod checker;
pub mod definition;
pub mod diff;
pub mod lint;
pub mod new_change;
pub mod next_version;
pub mod problem;
pub mod refusal;
pub mod release_toml;
mod runbooks;
pub mod script;
pub mod source;
pub mod spill;
pub mod stage;
pub mod steps;
mod tier_files;
pub mod undecided;
mod unpacking;
pub mod unsigned;

pub use pgseal_verify::bundle::*;
pub use script::{AuthenticatedSql, ReleaseFiles};
pub use spill::Spill;
pub use unsigned::{SignedBundle, UnsignedBundle};
