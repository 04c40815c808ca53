//! From a file to what may be believed of it.
//!
//! ```text
//! bytes -> UntrustedBundle -> AuthenticatedBundle
//! ```

pub mod add;
pub mod authenticate;
pub mod contents;
pub mod export;
pub mod stream;
pub mod subjects;
pub mod untrusted;

pub use authenticate::{AuthenticateError, AuthenticatedBundle, Signatory};
pub use untrusted::{Added, UntrustedBundle};
