//! Where the PostgreSQL server programs are.
//!
//! The demo and the tests start a throwaway server; everything else only connects to one that is already there.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What a throwaway server is made, run and stopped with.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// What a database is dumped and restored with.
const DUMP_PROGRAMS: [&str; 2] = ["pg_dump", "pg_restore"];

/// Debian and its relatives keep `VERSION/bin` here, out of PATH.
const VERSIONED: &str = "/usr/lib/postgresql";

/// A directory that holds `initdb`, `pg_ctl` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPrograms {
    dir: PathBuf,
}

/// Why no server programs were found.
#[derive(Debug, thiserror::Error)]
pub enum ProgramsError {
    /// The directory that was named does not hold all of them.
    #[error("no executable {program} in {}", .dir.display())]
    Missing {
        /// The directory that was named.
        dir: PathBuf,
        /// The first program that is not there, or not executable.
        program: &'static str,
    },
    /// Nothing was named and none is in the usual places.
    #[error("no PostgreSQL programs ({}) in {}", .programs.join(", "), list(.looked))]
    NotFound {
        /// Which.
        programs: &'static [&'static str],
        /// Where they were looked for, in that order.
        looked: Vec<PathBuf>,
    },
    /// `postgres --version` could not be run or said something else.
    #[error("can't ask {} for its version", .program.display())]
    Version {
        /// The program that was asked.
        program: PathBuf,
        /// Why it could not be run.
        #[source]
        source: io::Error,
    },
}

impl ServerPrograms {
    /// The programs in `dir`, which must hold all three. A directory of links stands for the one they lead to.
    pub fn in_dir(dir: &Path) -> Result<Self, ProgramsError> {
        if let Some(program) = first_missing(dir, &PROGRAMS) {
            return Err(ProgramsError::Missing { dir: dir.to_owned(), program });
        }
        // The server finds its libraries beside its real path, so a link's target is the better answer.
        let real = fs::canonicalize(dir.join("postgres")).ok();
        let real = real.as_deref().and_then(Path::parent).filter(|dir| first_missing(dir, &PROGRAMS).is_none());
        Ok(Self { dir: real.unwrap_or(dir).to_owned() })
    }

    /// The programs in `explicit` and nowhere else, when it is given; else in the first directory of `path_var` (the value of PATH)
    /// that has them all; else of the highest version that Debian's layout holds.
    pub fn search(explicit: Option<&Path>, path_var: Option<&OsStr>) -> Result<Self, ProgramsError> {
        Self::search_in(explicit, path_var, Path::new(VERSIONED))
    }

    /// The directory that holds them.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The version as the server tells it, such as `15.18 (Debian 15.18-0+deb12u1)`.
    pub fn version(&self) -> Result<String, ProgramsError> {
        let program = self.dir.join("postgres");
        let failed = |source| ProgramsError::Version { program: program.clone(), source };
        let output = Command::new(&program).arg("--version").stdin(Stdio::null()).output().map_err(failed)?;
        let text = String::from_utf8_lossy(&output.stdout);
        match text.trim().strip_prefix("postgres (PostgreSQL) ") {
            Some(version) if output.status.success() => Ok(version.to_owned()),
            _ => {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Err(failed(io::Error::other(format!("{}: {said}", output.status))))
            }
        }
    }

    fn search_in(explicit: Option<&Path>, path_var: Option<&OsStr>, versioned: &Path) -> Result<Self, ProgramsError> {
        Self::in_dir(&find(&PROGRAMS, explicit, path_var, versioned)?)
    }
}

/// Where `pg_dump` and `pg_restore` are, looked for as [`ServerPrograms::search`] does: a host of an operator may have
/// them without a server.
pub fn dump_programs(explicit: Option<&Path>, path_var: Option<&OsStr>) -> Result<PathBuf, ProgramsError> {
    let explicit = explicit.map(behind_links);
    find(&DUMP_PROGRAMS, explicit.as_deref(), path_var, Path::new(VERSIONED))
}

/// The directory itself or, where it only has links to the server's programs, the one that they lead to.
fn behind_links(dir: &Path) -> PathBuf {
    let real = fs::canonicalize(dir.join("postgres")).ok().and_then(|program| program.parent().map(Path::to_owned));
    match real {
        Some(real) if first_missing(dir, &DUMP_PROGRAMS).is_some() => real,
        _ => dir.to_owned(),
    }
}

fn find(
    programs: &'static [&'static str],
    explicit: Option<&Path>,
    path_var: Option<&OsStr>,
    versioned: &Path,
) -> Result<PathBuf, ProgramsError> {
    if let Some(dir) = explicit {
        return match first_missing(dir, programs) {
            Some(program) => Err(ProgramsError::Missing { dir: dir.to_owned(), program }),
            None => Ok(dir.to_owned()),
        };
    }
    let mut looked: Vec<PathBuf> = path_var.map(|value| std::env::split_paths(value).collect()).unwrap_or_default();
    // An empty or relative entry means "wherever I happen to be": never run a program from there.
    looked.retain(|dir| dir.is_absolute());
    looked.extend(versioned_dirs(versioned));
    match looked.iter().find(|dir| first_missing(dir, programs).is_none()) {
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
            let version =
                entry.file_name().to_str()?.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, dir)| dir).collect()
}

fn list(dirs: &[PathBuf]) -> String {
    dirs.iter().map(|dir| dir.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fake(dir: &Path, mode: u32) {
        fs::create_dir_all(dir).unwrap();
        for program in PROGRAMS {
            let file = dir.join(program);
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    #[test]
    fn explicit_directory_has_no_fallback() {
        let temp = tempfile::tempdir().unwrap();
        let good = temp.path().join("good");
        fake(&good, 0o755);
        let wrong = temp.path().join("wrong");
        let error = ServerPrograms::search_in(Some(&wrong), Some(good.as_os_str()), &good).unwrap_err();
        assert!(matches!(error, ProgramsError::Missing { program: "initdb", .. }), "{error}");
    }

    #[test]
    fn programs_without_execute_bits_are_missing() {
        let temp = tempfile::tempdir().unwrap();
        fake(temp.path(), 0o644);
        assert!(matches!(ServerPrograms::in_dir(temp.path()), Err(ProgramsError::Missing { .. })));
    }

    #[test]
    fn path_comes_before_the_highest_version() {
        let temp = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(temp.path()).unwrap();
        for version in ["9.6", "15", "17", "junk"] {
            fake(&root.join(version).join("bin"), 0o755);
        }
        let found = ServerPrograms::search_in(None, None, &root).unwrap();
        assert_eq!(found.dir(), root.join("17/bin"));
        let path = root.join("9.6/bin");
        let found = ServerPrograms::search_in(None, Some(path.as_os_str()), &root).unwrap();
        assert_eq!(found.dir(), path);
    }

    #[test]
    fn links_lead_to_the_real_directory() {
        let temp = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(temp.path()).unwrap();
        fake(&root.join("real"), 0o755);
        fs::create_dir(root.join("links")).unwrap();
        for program in PROGRAMS {
            std::os::unix::fs::symlink(root.join("real").join(program), root.join("links").join(program)).unwrap();
        }
        assert_eq!(ServerPrograms::in_dir(&root.join("links")).unwrap().dir(), root.join("real"));
    }

    #[test]
    fn error_lists_where_it_looked() {
        let temp = tempfile::tempdir().unwrap();
        let error = ServerPrograms::search_in(None, Some(OsStr::new("/nowhere:.")), temp.path()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/nowhere, ") && text.ends_with("*/bin"), "{text}");
    }
}
