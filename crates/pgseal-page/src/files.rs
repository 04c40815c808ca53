//! The files of the page, by path.

use std::io;
use std::path::Path;

use serde::Deserialize;

use pgseal_verify::limits;
use pgseal_verify::{ByteSource, InMemory};

/// Files that a person dropped on the page.
pub trait Dropped {
    /// Opens a file by its place in the list.
    fn open(&self, file: usize, size: u64) -> Box<dyn ByteSource>;
}

/// Path and size of a file; the path begins at the dropped folder.
#[derive(Debug, Deserialize)]
pub struct Listed {
    pub path: String,
    pub size: u64,
}

/// All files, with access to their bytes.
pub struct Files<'a> {
    pub listed: &'a [Listed],
    pub dropped: &'a dyn Dropped,
}

impl Files<'_> {
    pub fn path(&self, file: usize) -> &str {
        self.listed.get(file).map_or("", |listed| &listed.path)
    }

    pub fn open(&self, file: usize) -> Box<dyn ByteSource> {
        match self.listed.get(file) {
            Some(listed) => self.dropped.open(file, listed.size),
            None => Box::new(InMemory([].into())),
        }
    }

    /// Reads a document-sized file.
    pub fn small(&self, file: usize) -> io::Result<Vec<u8>> {
        let source = self.open(file);
        if source.size() > limits::DOCUMENT_BYTES {
            let text = "not a regular file of the size of a document";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let mut bytes = vec![0; source.size() as usize];
        source.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// The file of this path relative to the directory of another; else, since files may be dropped
    /// without their directory, the first of this name. Signatures decide, not names.
    pub fn beside(&self, file: usize, relative: &Path) -> Option<usize> {
        let dir = Path::new(self.path(file)).parent().unwrap_or(Path::new(""));
        let (exact, name) = (dir.join(relative), relative.file_name());
        let find = |is: &dyn Fn(&Path) -> bool| {
            let mut paths = self.listed.iter().map(|listed| Path::new(&listed.path));
            paths.position(is)
        };
        find(&|path| path == exact).or_else(|| find(&|path| path.file_name() == name))
    }

    /// Places and names of the files for which `is` holds.
    pub fn named<'f>(
        &'f self,
        is: impl Fn(&Path) -> bool + 'f,
    ) -> impl Iterator<Item = (usize, &'f Path)> + 'f {
        let paths = self.listed.iter().map(|listed| Path::new(&listed.path));
        paths.enumerate().filter(move |(_, path)| is(path))
    }
}
