//! Server programs that the server's user can reach.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::account::Account;

/// The directory of programs in `bin` for `account`: itself, or that of a copy in `room` when the account can't run them, as
/// when root fetched them below its own home. `room` must be the account's own.
pub(super) fn reachable(bin: &Path, account: &Account, room: &Path) -> io::Result<PathBuf> {
    if ["initdb", "postgres"].into_iter().all(|program| account.can_run(&bin.join(program))) {
        return Ok(bin.to_owned());
    }
    let copy = copy(bin, account, room)?;
    // Said here, since the script that makes the cluster could only say that it failed.
    let output = account.command(&copy.join("initdb")).arg("--version").stderr(Stdio::piped()).output()?;
    said(output.status.success(), &output.stderr)?;
    Ok(copy)
}

/// Copies the installation around `bin` into `room` and gives the copy's `bin`.
///
/// One program reads with our rights, another writes with those of `account`, who can then remove what it wrote. We copy
/// nothing ourselves: what we have open for writing while another thread starts a program could not be run ("text file busy").
fn copy(bin: &Path, account: &Account, room: &Path) -> io::Result<PathBuf> {
    let missing = || io::Error::other(format!("{} is no bin directory of an installation", bin.display()));
    let (name, root) = (bin.file_name().ok_or_else(missing)?, bin.parent().ok_or_else(missing)?);
    let mut parts = vec![Path::new(name).to_owned()];
    parts.extend(["lib", "share"].map(PathBuf::from).into_iter().filter(|part| root.join(part).is_dir()));
    let copy = room.join("programs").join("package").join("pgsql");
    pipe(root, &parts, account, &copy)?;
    // Python wheels keep the libraries they bring in `NAME.libs` beside the package, found relative to the program.
    if let Some(site) = root.parent().and_then(Path::parent) {
        let entries = fs::read_dir(site).into_iter().flatten().flatten().map(|entry| entry.path());
        let libs = entries.filter(|path| path.extension().is_some_and(|extension| extension == "libs"));
        let libs: Vec<PathBuf> = libs.filter_map(|path| path.file_name().map(PathBuf::from)).collect();
        if !libs.is_empty() {
            pipe(site, &libs, account, &room.join("programs"))?;
        }
    }
    Ok(copy.join(name))
}

/// `tar` to `tar`: the `parts` of `from` into the directory `to`, which is made.
fn pipe(from: &Path, parts: &[PathBuf], account: &Account, to: &Path) -> io::Result<()> {
    let made = account.command(Path::new("mkdir")).arg("-p").arg(to).stderr(Stdio::piped()).output()?;
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
    said(read.success(), format!("tar could not read {}", from.display()).as_bytes())
}

fn said(success: bool, error: &[u8]) -> io::Result<()> {
    if success { Ok(()) } else { Err(io::Error::other(String::from_utf8_lossy(error).trim().to_owned())) }
}
