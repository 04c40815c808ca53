//! Which place an argument names. Object stores are told from paths by their scheme.

use std::path::Path;
use std::sync::Arc;

use crate::audit::Place;
use crate::audit::place::directory::Directory;
use crate::cli::error::CliError;

/// The place that an argument names. Nothing is opened yet.
pub fn place(path: &Path) -> Result<Arc<dyn Place>, CliError> {
    Ok(Arc::new(Directory::new(path)))
}
