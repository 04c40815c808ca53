//! Additions to an archive: authenticates files, compares them with the log and the archive, and
//! renames them into place before they are logged.

mod archive_dir;
mod authenticate;
mod error;
mod names;
mod plan;
mod trust_versions;

use std::path::PathBuf;

pub use archive_dir::ArchiveDir;
pub use authenticate::{Authenticator, TEMPORARY};
pub use error::{AddError, FileError};
pub use plan::Plan;
pub use trust_versions::KnownVersions;

use pgseal_verify::format::log_entry::LogEntry;

/// A file that is authentic, or belongs to one that is.
#[derive(Clone)]
pub struct AuthenticFile {
    /// Current path: in the temporary directory, or in its place already.
    at: PathBuf,
    entry: LogEntry,
}
