//! In-place additions to a bundle: one writer at a time, and the file is always the old or the new
//! version.

use std::path::Path;

use super::args::{open, open_error};
use super::{CliError, Output, ResultExt};
use crate::bundle::UntrustedBundle;
use crate::bundle::add::{AddError, Addition};
use crate::durable;
use pgseal_verify::format::statement::Statement;

/// Opens a bundle, adds the items chosen by `choose` and replaces the file. Returns the bundle's
/// statement and the second result of `choose`.
pub fn add<T>(
    path: &Path,
    out: Output,
    choose: impl FnOnce(&UntrustedBundle) -> Result<(Vec<Addition>, T), CliError>,
) -> Result<(Statement, T), CliError> {
    // Read and replace the target of a symbolic link, not the link itself.
    let file = path.canonicalize().at(path)?;
    // One writer at a time; otherwise another process's addition would be lost.
    let _lock =
        durable::lock(&file, &|| out.waits_for(path)).map_err(|error| open_error(path, &error))?;
    let bundle = open(&file)?;
    let (additions, beside) = choose(&bundle)?;
    let (mut statement, mut refused) = (None, None);
    let written = durable::replace(&file, |file| {
        match bundle.write_with(additions, std::io::BufWriter::new(file)) {
            Ok((_, written)) => statement = Some(written),
            Err(AddError::Io(error)) => return Err(error),
            Err(error) => refused = Some(error),
        }
        if refused.is_some() {
            Err(std::io::Error::other("refused"))
        } else {
            Ok(())
        }
    });
    if let Some(error) = refused {
        return Err(CliError::from(error).about(path));
    }
    written.at(path)?;
    let statement = statement
        .ok_or_else(|| CliError::new(super::exit::Exit::Internal, "nothing was written"))?;
    Ok((statement, beside))
}
