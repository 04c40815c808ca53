//! Where files are copied to before they are believed: a directory in the archive, so that they only need a name afterwards.

use std::io;
use std::path::Path;

use tempfile::TempDir;

use crate::durable::Scratch;

/// What the names of such directories begin with.
const PREFIX: &str = ".pgseal-add-";

/// A directory of this process, which nobody else may look into.
pub struct Aside(Scratch);

impl Aside {
    /// Makes one in an archive that this process has locked.
    pub fn new(archive: &Path) -> io::Result<Self> {
        Scratch::new(archive, PREFIX).map(Self)
    }

    /// A directory in it.
    pub fn place(&self) -> io::Result<TempDir> {
        tempfile::tempdir_in(self.0.path())
    }

    /// Removes those that killed ones of the same user left. What is not surely one of them stays, whatever its name. Whoever
    /// calls it has the log's lock.
    pub fn sweep(&self) {
        self.0.sweep_alone();
    }
}
