//! Locates PostgreSQL's programs, `pg_dump` and `pg_restore`.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

const DUMP_PROGRAMS: [&str; 2] = ["pg_dump", "pg_restore"];

/// Directory in which Debian and its derivatives keep `VERSION/bin`, outside PATH.
const VERSIONED: &str = "/usr/lib/postgresql";

#[derive(Debug, thiserror::Error)]
pub enum ProgramsError {
    #[error("no executable {program} in {}", .dir.display())]
    Missing {
        dir: PathBuf,
        /// The first program that is missing or not executable.
        program: &'static str,
    },
    /// No directory was given, and the usual places lack the programs.
    #[error("no PostgreSQL programs ({}) in {}", .programs.join(", "), list(.looked))]
    NotFound {
        programs: &'static [&'static str],
        looked: Vec<PathBuf>,
    },
}

/// Finds the directory of `pg_dump` and `pg_restore`, as [`find`] does. An operator's host may have
/// them without a server.
pub fn dump_programs(
    explicit: Option<&Path>,
    path_var: Option<&OsStr>,
) -> Result<PathBuf, ProgramsError> {
    let explicit = explicit.map(behind_links);
    find(&DUMP_PROGRAMS, explicit.as_deref(), path_var)
}

/// The directory itself; if it only has a link to the server program, the directory of the link's
/// target.
fn behind_links(dir: &Path) -> PathBuf {
    let real = fs::canonicalize(dir.join("postgres"))
        .ok()
        .and_then(|program| program.parent().map(Path::to_owned));
    match real {
        Some(real) if first_missing(dir, &DUMP_PROGRAMS).is_some() => real,
        _ => dir.to_owned(),
    }
}

/// Finds the directory that has all of `programs`. A given `explicit` directory is the only
/// candidate. Otherwise the first match in `path_var` (the value of PATH) wins, then the highest
/// version in Debian's layout.
pub fn find(
    programs: &'static [&'static str],
    explicit: Option<&Path>,
    path_var: Option<&OsStr>,
) -> Result<PathBuf, ProgramsError> {
    find_in(programs, explicit, path_var, Path::new(VERSIONED))
}

fn find_in(
    programs: &'static [&'static str],
    explicit: Option<&Path>,
    path_var: Option<&OsStr>,
    versioned: &Path,
) -> Result<PathBuf, ProgramsError> {
    if let Some(dir) = explicit {
        return match first_missing(dir, programs) {
            Some(program) => Err(ProgramsError::Missing {
                dir: dir.to_owned(),
                program,
            }),
            None => Ok(dir.to_owned()),
        };
    }
    let mut looked: Vec<PathBuf> = path_var
        .map(|value| std::env::split_paths(value).collect())
        .unwrap_or_default();
    // An empty or relative entry depends on the current directory. Programs there must never run.
    looked.retain(|dir| dir.is_absolute());
    looked.extend(versioned_dirs(versioned));
    match looked
        .iter()
        .find(|dir| first_missing(dir, programs).is_none())
    {
        Some(dir) => Ok(dir.clone()),
        None => {
            looked.push(versioned.join("*/bin"));
            Err(ProgramsError::NotFound { programs, looked })
        }
    }
}

fn first_missing(dir: &Path, programs: &[&'static str]) -> Option<&'static str> {
    programs.iter().copied().find(|program| {
        let found = fs::metadata(dir.join(program));
        !found.is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}

/// `VERSION/bin` below `versioned`, the highest version first.
fn versioned_dirs(versioned: &Path) -> Vec<PathBuf> {
    let mut found: Vec<(Vec<u32>, PathBuf)> = fs::read_dir(versioned)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry
                .file_name()
                .to_str()?
                .split('.')
                .map(|part| part.parse().ok())
                .collect::<Option<_>>()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, dir)| dir).collect()
}

fn list(dirs: &[PathBuf]) -> String {
    dirs.iter()
        .map(|dir| dir.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fake(dir: &Path, mode: u32) {
        fs::create_dir_all(dir).unwrap();
        for program in DUMP_PROGRAMS {
            let file = dir.join(program);
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    #[test]
    fn only_executables_in_absolute_directories_are_found() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path();
        for version in ["9.6", "15", "17", "junk"] {
            fake(&root.join(version).join("bin"), 0o755);
        }
        let find = |explicit: Option<&Path>, path_var: Option<&OsStr>| {
            find_in(&DUMP_PROGRAMS, explicit, path_var, root)
        };
        let old = root.join("9.6/bin");
        assert_eq!(find(None, None).unwrap(), root.join("17/bin"));
        assert_eq!(find(None, Some(old.as_os_str())).unwrap(), old);
        // A given directory has no fallback.
        let wrong = root.join("wrong");
        fake(&wrong, 0o644);
        for dir in [&wrong, &root.join("missing")] {
            let error = find(Some(dir), Some(old.as_os_str())).unwrap_err();
            let is_first = matches!(
                error,
                ProgramsError::Missing {
                    program: "pg_dump",
                    ..
                }
            );
            assert!(is_first, "{error}");
        }
        let path = OsStr::new("/nowhere:.");
        let error = find_in(&DUMP_PROGRAMS, None, Some(path), &wrong).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("/nowhere, ") && text.ends_with("*/bin"),
            "{text}"
        );
    }
}
