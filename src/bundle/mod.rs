//! From a release directory to a signed file, and from a file back to what may be believed.
//!
//! ```text
//! directory -> UnsignedBundle -> SignedBundle ==bytes==> UntrustedBundle -> AuthenticatedBundle
//! ```

pub mod add;
pub mod approval;
pub mod authenticate;
mod checker;
pub mod contents;
pub mod definition;
pub mod diff;
pub mod export;
pub mod lint;
pub mod problem;
pub mod refusal;
pub mod release_toml;
mod runbooks;
pub mod source;
pub mod stage;
pub mod spill;
pub mod steps;
pub mod stream;
pub mod subjects;
pub mod to_run;
mod unpacking;
pub mod unsigned;
pub mod untrusted;

pub use authenticate::{AuthenticateError, AuthenticatedBundle, Signatory};
pub use contents::AuthenticatedSql;
pub use spill::Spill;
pub use to_run::{Admission, BundleToRun};
pub use unsigned::{SignedBundle, UnsignedBundle};
pub use untrusted::{Added, UntrustedBundle};
