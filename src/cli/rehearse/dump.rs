//! Which kind of dump it is, by its first bytes, and what its bytes are.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::output::shown;
use crate::digest::{Digest, Hasher};
use crate::release::rehearse::ClonedFrom;

/// What a dump of `pg_dump -Fc` begins with.
const CUSTOM: &[u8] = b"PGDMP";

/// The first member of `pg_dump -Ft`, and the table of contents of `pg_dump -Fd`.
const CONTENTS: &str = "toc.dat";

/// Looks at a dump and hashes it.
pub fn read(path: &Path) -> Result<ClonedFrom<'_>, CliError> {
    let failed = |error: io::Error| CliError::io(path, &error);
    if path.is_dir() {
        if !path.join(CONTENTS).is_file() {
            return Err(CliError::new(Exit::Usage, format!("{} is no dump: it has no toc.dat", shown(path)))
                .hint("a directory is a dump of pg_dump --format=directory"));
        }
        let sha256 = directory(path).map_err(failed)?;
        return Ok(ClonedFrom::Dump { path, sha256, is_sql: false });
    }
    let mut first = Vec::new();
    File::open(path).and_then(|file| file.take(512).read_to_end(&mut first)).map_err(failed)?;
    let is_tar = first.starts_with(CONTENTS.as_bytes()) && first.get(257..262) == Some(b"ustar");
    let is_sql = !first.starts_with(CUSTOM) && !is_tar;
    let sha256 = file(path).map_err(failed)?;
    Ok(ClonedFrom::Dump { path, sha256, is_sql })
}

fn file(path: &Path) -> io::Result<Digest> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Hasher::default(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            length => hasher.update(&buffer[..length]),
        }
    }
}

/// As `sha256sum *` says it of the files in the order of their names, hashed.
fn directory(path: &Path) -> io::Result<Digest> {
    let entries = std::fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    let mut files: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).filter(|path| path.is_file()).collect();
    files.sort();
    let mut hasher = Hasher::default();
    for one in files {
        let name = one.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        hasher.update(format!("{}  {name}\n", file(&one)?).as_bytes());
    }
    Ok(hasher.finish())
}
