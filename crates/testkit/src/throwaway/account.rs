//! The user account of a throwaway server; PostgreSQL refuses to run as root.

use std::{
    fs, io,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

/// The user account of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Account {
    /// The account of this process.
    Own,
    /// Another account, because this process is root.
    Other { name: String, uid: u32, gid: u32 },
}

impl Account {
    /// The account for a process with user id `uid`; `None` if that is root and the system has no
    /// account for the server.
    pub(super) fn for_uid(uid: u32) -> io::Result<Option<Self>> {
        if uid != 0 {
            return Ok(Some(Self::Own));
        }
        let passwd = fs::read_to_string("/etc/passwd")?;
        Ok(["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Self::in_passwd(&passwd, name)))
    }

    /// A command with a separate environment, run as this account.
    ///
    /// `Command` drops root's supplementary groups itself if it is given another uid.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Self::Other { uid, gid, .. } = self {
            command.gid(*gid).uid(*uid);
        }
        command
    }

    /// Makes the account the owner of a file or directory.
    pub(super) fn own(&self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid, .. } => chown(path, Some(*uid), Some(*gid)),
        }
    }

    /// Whether the account can run `program`.
    pub(super) fn can_run(&self, program: &Path) -> bool {
        self.command(program)
            .arg("--version")
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Whether the account can create and remove a directory in `dir`.
    pub(super) fn can_use(&self, dir: &Path) -> bool {
        match self {
            Self::Own => true,
            Self::Other { .. } => {
                let mode =
                    |dir: &Path| fs::metadata(dir).map_or(0, |meta| meta.permissions().mode());
                mode(dir) & 0o003 == 0o003 && dir.ancestors().all(|dir| mode(dir) & 0o001 != 0)
            }
        }
    }

    fn in_passwd(passwd: &str, name: &str) -> Option<Self> {
        let mut fields = passwd
            .lines()
            .map(|line| line.split(':'))
            .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
        let _password = fields.next()?;
        let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (uid != 0).then(|| Self::Other {
            name: name.to_owned(),
            uid,
            gid,
        })
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own => f.write_str("of this process"),
            Self::Other { name, .. } => f.write_str(name),
        }
    }
}

/// The user id of this process, as the owner of a file or directory that it has just created.
pub(super) fn owner(made: &Path) -> io::Result<u32> {
    Ok(fs::metadata(made)?.uid())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reads_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\nbad:x:0:1::/:\n";
        let expected = Account::Other {
            name: "postgres".to_owned(),
            uid: 101,
            gid: 104,
        };
        assert_eq!(Account::in_passwd(passwd, "postgres"), Some(expected));
        assert_eq!(Account::in_passwd(passwd, "nobody"), None);
        assert_eq!(
            Account::in_passwd(passwd, "bad"),
            None,
            "root under another name"
        );
    }

    #[test]
    fn only_root_needs_another_account() {
        assert_eq!(Account::for_uid(1000).unwrap(), Some(Account::Own));
    }
}
