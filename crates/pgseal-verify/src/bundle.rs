//! Authentication of release bundles, from a file to a bundle that may run, and their signed
//! contents.
//!
//! ```text
//! bytes -> UntrustedBundle -> AuthenticatedBundle -> BundleToRun
//! ```

pub mod add;
pub mod authenticate;
pub mod contents;
pub mod export;
pub mod stream;
pub mod subjects;
pub mod to_run;
pub mod untrusted;

pub use authenticate::{AuthenticateError, AuthenticatedBundle, Signatory};
pub use to_run::{Admission, BundleToRun};
pub use untrusted::{Attestations, UntrustedBundle};
