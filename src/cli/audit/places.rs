//! Locations given as arguments. Object stores are recognised by the scheme of their URL.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::stores;
use crate::audit::Place;
use crate::audit::place::directory::Directory;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::output::display_path;

/// Opens a location. A path must exist, but nothing is opened yet; a store has already answered.
pub fn place(path: &Path) -> Result<Arc<dyn Place>, CliError> {
    let url = path.to_str().filter(|text| is_url(text));
    if let Some((scheme, rest)) = url.and_then(|url| url.split_once("://")) {
        return stores::place(scheme, rest);
    }
    // An existing but unreadable file is a finding, as it is below a directory. A path that does
    // not exist is a mistyped argument.
    path.symlink_metadata()
        .map_err(|error| CliError::io(path, &error))?;
    Ok(Arc::new(Directory::new(path)))
}

/// Normalises an argument for messages and access: `file:///a%20b` is `/a b`, and `./a/` is `a`.
pub fn plain(argument: &Path) -> Result<PathBuf, CliError> {
    let Some(rest) = argument.as_os_str().as_bytes().strip_prefix(b"file://") else {
        let is_url = argument.to_str().is_some_and(is_url);
        return Ok(if is_url {
            argument.to_owned()
        } else {
            tidy(argument)
        });
    };
    let local = rest.strip_prefix(b"localhost").unwrap_or(rest);
    let path = Some(local)
        .filter(|local| local.starts_with(b"/"))
        .and_then(decoded);
    path.map(|path| tidy(&path)).ok_or_else(|| {
        CliError::new(
            Exit::Usage,
            format!("{} names no file of this host", display_path(argument)),
        )
        .hint("write file:///DIR, or the path itself")
    })
}

/// Removes `.` and redundant slashes: `./archive/` is `archive`. Keeps `..`, which leads elsewhere
/// after a link.
fn tidy(path: &Path) -> PathBuf {
    let tidy: PathBuf = path
        .components()
        .filter(|part| *part != Component::CurDir)
        .collect();
    // An empty path is not the current directory.
    if tidy.as_os_str().is_empty() && !path.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        tidy
    }
}

fn is_url(path: &str) -> bool {
    path.split_once("://")
        .is_some_and(|(scheme, _)| !scheme.contains('/'))
}

/// Decodes percent-encoding (RFC 3986, 2.1).
fn decoded(text: &[u8]) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        bytes.push(if *first != b'%' {
            *first
        } else {
            let (digits, after) = rest.split_at_checked(2)?;
            rest = after;
            let digits = std::str::from_utf8(digits)
                .ok()
                .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
            u8::from_str_radix(digits, 16).ok()?
        });
    }
    (!bytes.contains(&0)).then(|| PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_file_of_this_host() {
        for (argument, path) in [
            ("file:///a%20b/%C3%A9", Some("/a b/é")),
            ("file://localhost/a", Some("/a")),
            ("a/file:///b", Some("a/file:///b")),
            ("s3://a/b", Some("s3://a/b")),
            ("./a//b/", Some("a/b")),
            ("file:///a/./b/", Some("/a/b")),
            ("file://host/a", None),
            ("file://a", None),
            ("file:///%2", None),
            ("file:///%+1", None),
            ("file:///a%00b", None),
        ] {
            assert_eq!(
                plain(Path::new(argument)).ok(),
                path.map(PathBuf::from),
                "{argument}"
            );
        }
    }

    #[test]
    fn tidy_paths() {
        for (path, is) in [
            ("archive", "archive"),
            ("./archive//a/./b/", "archive/a/b"),
            ("/srv/", "/srv"),
            (".", "."),
            ("./", "."),
            ("/", "/"),
            ("../a", "../a"),
            ("", ""),
        ] {
            assert_eq!(tidy(Path::new(path)), PathBuf::from(is), "{path}");
        }
    }
}
