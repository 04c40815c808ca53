//! Locates the PostgreSQL server programs.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use pgseal::postgres::programs::{ProgramsError, find};

/// Programs that create, run and stop a throwaway server.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// A directory that holds `initdb`, `pg_ctl` and `postgres`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPrograms {
    dir: PathBuf,
}

impl ServerPrograms {
    /// Uses the programs in `dir`, which must hold all three. A directory of links is resolved to
    /// their target.
    pub fn in_dir(dir: &Path) -> Result<Self, ProgramsError> {
        Self::search(Some(dir), None)
    }

    /// Finds the programs. A given `explicit` directory is the only candidate. Otherwise the first
    /// complete directory in `path_var` (the value of PATH) wins, then the highest version in
    /// Debian's layout.
    pub fn search(
        explicit: Option<&Path>,
        path_var: Option<&OsStr>,
    ) -> Result<Self, ProgramsError> {
        let dir = find(&PROGRAMS, explicit, path_var)?;
        // The server finds its libraries relative to its real path, so a link's target is
        // preferred.
        let real = fs::canonicalize(dir.join("postgres")).ok();
        let real = real.and_then(|program| find(&PROGRAMS, program.parent(), None).ok());
        Ok(Self {
            dir: real.unwrap_or(dir),
        })
    }

    /// The directory of the programs.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The server's version, such as `15.18 (Debian 15.18-0+deb12u1)`.
    pub fn version(&self) -> io::Result<String> {
        let output = Command::new(self.dir.join("postgres"))
            .arg("--version")
            .stdin(Stdio::null())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        match text.trim().strip_prefix("postgres (PostgreSQL) ") {
            Some(version) if output.status.success() => Ok(version.to_owned()),
            _ => {
                let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                Err(io::Error::other(format!("{}: {said}", output.status)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn links_lead_to_the_real_directory() {
        let temp = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(temp.path()).unwrap();
        let (real, links) = (root.join("real"), root.join("links"));
        fs::create_dir(&real).unwrap();
        fs::create_dir(&links).unwrap();
        for program in PROGRAMS {
            fs::write(real.join(program), "").unwrap();
            fs::set_permissions(real.join(program), fs::Permissions::from_mode(0o755)).unwrap();
            symlink(real.join(program), links.join(program)).unwrap();
        }
        assert_eq!(ServerPrograms::in_dir(&links).unwrap().dir(), real);
    }
}
