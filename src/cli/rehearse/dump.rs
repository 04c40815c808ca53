//! Detects the format of a dump by its first bytes, and hashes it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::super::{CliError, display_path};
use crate::release::rehearse::ClonedFrom;
use pgseal_verify::digest::{Digest, Hasher};

/// First bytes of a dump by `pg_dump -Fc`.
const CUSTOM: &[u8] = b"PGDMP";

/// First member of `pg_dump -Ft`, and the table of contents of `pg_dump -Fd`.
const CONTENTS: &str = "toc.dat";

/// Detects the format of a dump and hashes it.
pub fn read(path: &Path) -> Result<ClonedFrom<'_>, CliError> {
    let failed = |error: io::Error| CliError::io(path, &error);
    if path.is_dir() {
        if !path.join(CONTENTS).is_file() {
            let text = format!("{} is no dump: it has no toc.dat", display_path(path));
            return Err(
                CliError::usage(text).hint("a directory is a dump of pg_dump --format=directory")
            );
        }
        let (sha256, bytes) = directory(path).map_err(failed)?;
        return Ok(ClonedFrom::Dump {
            path,
            sha256,
            bytes,
            is_sql: false,
        });
    }
    let mut first = Vec::new();
    File::open(path)
        .and_then(|file| file.take(512).read_to_end(&mut first))
        .map_err(failed)?;
    let is_tar = first.starts_with(CONTENTS.as_bytes()) && first.get(257..262) == Some(b"ustar");
    let is_sql = !first.starts_with(CUSTOM) && !is_tar;
    let (sha256, bytes) = file(path).map_err(failed)?;
    Ok(ClonedFrom::Dump {
        path,
        sha256,
        bytes,
        is_sql,
    })
}

/// Digest and length of a file.
fn file(path: &Path) -> io::Result<(Digest, u64)> {
    let (mut file, mut hasher, mut buffer) =
        (File::open(path)?, Hasher::default(), vec![0; 1 << 16]);
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((hasher.finish(), bytes)),
            length => {
                hasher.update(&buffer[..length]);
                bytes += length as u64;
            }
        }
    }
}

/// Digest of the lines that `sha256sum *` prints for the files, sorted by name, and their total
/// length.
fn directory(path: &Path) -> io::Result<(Digest, u64)> {
    let entries = std::fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    let files = entries.iter().map(std::fs::DirEntry::path);
    let mut files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
    files.sort();
    let (mut hasher, mut bytes) = (Hasher::default(), 0);
    for one in files {
        let name = one.file_name().unwrap_or_default().to_string_lossy();
        let (sha256, length) = file(&one)?;
        hasher.update(format!("{sha256}  {name}\n").as_bytes());
        bytes += length;
    }
    Ok((hasher.finish(), bytes))
}
