//! Makes server programs accessible to the server's user.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::account::Account;

/// The directory of programs that `account` can run: `bin`, or a copy in `room` if the account
/// can't run those, for example below root's home. `room` must belong to the account.
pub(super) fn reachable(bin: &Path, account: &Account, room: &Path) -> io::Result<PathBuf> {
    if ["initdb", "postgres"]
        .into_iter()
        .all(|program| account.can_run(&bin.join(program)))
    {
        return Ok(bin.to_owned());
    }
    let copy = copy(bin, account, room)?;
    // Checked here for a clear error; the script that creates the cluster only reports failure.
    let output = account
        .command(&copy.join("initdb"))
        .arg("--version")
        .stderr(Stdio::piped())
        .output()?;
    said(output.status.success(), &output.stderr)?;
    Ok(copy)
}

/// Copies the installation around `bin` into `room`, and returns the copy's `bin`.
///
/// One program reads with this process's rights, and another writes with those of `account`, which
/// can then remove the files. This process writes no file itself: a program can't be run while a
/// child process of another thread still has it open for writing ("text file busy").
fn copy(bin: &Path, account: &Account, room: &Path) -> io::Result<PathBuf> {
    let missing = || {
        io::Error::other(format!(
            "{} is no bin directory of an installation",
            bin.display()
        ))
    };
    let (name, root) = (
        bin.file_name().ok_or_else(missing)?,
        bin.parent().ok_or_else(missing)?,
    );
    let mut parts = vec![Path::new(name).to_owned()];
    parts.extend(
        ["lib", "share"]
            .map(PathBuf::from)
            .into_iter()
            .filter(|part| root.join(part).is_dir()),
    );
    let copy = room.join("programs").join("package").join("pgsql");
    pipe(root, &parts, account, &copy)?;
    // Python wheels keep their bundled libraries in `NAME.libs` beside the package, found relative
    // to the program.
    if let Some(site) = root.parent().and_then(Path::parent) {
        let entries = fs::read_dir(site)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        let libs = entries.filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "libs")
        });
        let libs: Vec<PathBuf> = libs
            .filter_map(|path| path.file_name().map(PathBuf::from))
            .collect();
        if !libs.is_empty() {
            pipe(site, &libs, account, &room.join("programs"))?;
        }
    }
    Ok(copy.join(name))
}

/// Copies the `parts` of `from` into the directory `to`, which is created, by `tar` to `tar`.
fn pipe(from: &Path, parts: &[PathBuf], account: &Account, to: &Path) -> io::Result<()> {
    let made = account
        .command(Path::new("mkdir"))
        .arg("-p")
        .arg(to)
        .stderr(Stdio::piped())
        .output()?;
    said(made.status.success(), &made.stderr)?;
    let mut read = Command::new("tar")
        .args(["-chf", "-", "-C"])
        .arg(from)
        .arg("--")
        .args(parts)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let stream = read.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let written = account
        .command(Path::new("tar"))
        .args(["-xf", "-", "-C"])
        .arg(to)
        .stdin(stream)
        .stderr(Stdio::piped())
        .output();
    let read = read.wait()?;
    let written = written?;
    said(written.status.success(), &written.stderr)?;
    said(
        read.success(),
        format!("tar could not read {}", from.display()).as_bytes(),
    )
}

fn said(success: bool, error: &[u8]) -> io::Result<()> {
    if success {
        Ok(())
    } else {
        Err(io::Error::other(
            String::from_utf8_lossy(error).trim().to_owned(),
        ))
    }
}
