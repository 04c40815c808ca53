//! `pgseal end-with PID PROGRAM ...`: becomes `pg_dump` or `pg_restore`, which then end together
//! with process PID, however it ends. Hidden; started by `rehearse`, since no process can clean up
//! after `kill -9`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::super::{CliError, Exit, display_path};
use crate::postgres::dump;

/// This program, even if its file was replaced meanwhile.
const OURSELVES: &str = "/proc/self/exe";

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Process that starts it
    pid: u32,
    /// The program
    program: PathBuf,
    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Prefix of a command line that ties the program to the life of this process. Empty if the system
/// does not support that; the program then ends when its pipe is closed.
pub fn launcher() -> Vec<OsString> {
    if cfg!(target_os = "linux") && Path::new(OURSELVES).exists() {
        return vec![
            OURSELVES.into(),
            "end-with".into(),
            std::process::id().to_string().into(),
        ];
    }
    Vec::new()
}

pub fn run(args: &Args) -> Result<Exit, CliError> {
    follow(args.pid)?;
    let error = dump::become_program(&args.program, &args.arguments);
    Err(CliError::internal(format!(
        "{}: {error}",
        display_path(&args.program)
    )))
}

/// Requests SIGKILL at the parent's death. The request survives `exec`.
#[cfg(target_os = "linux")]
fn follow(pid: u32) -> Result<(), CliError> {
    use std::os::unix::fs::MetadataExt;

    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    let failed = |error| CliError::internal(format!("can't end with process {pid}: {error}"));
    let stranger = || {
        CliError::usage(format!("process {pid} is no pgseal that started this one"))
            .hint("`pgseal rehearse` starts this command itself")
    };
    let program = |process: &str| {
        std::fs::metadata(format!("/proc/{process}/exe")).map(|exe| (exe.dev(), exe.ino()))
    };
    match (program("self"), program(&pid.to_string())) {
        (Ok(ours), Ok(theirs)) if ours == theirs => {}
        _ => return Err(stranger()),
    }
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed)?;
    // The parent may have ended before the request.
    let parent = getppid().map_or(0, |parent| parent.as_raw_nonzero().get());
    if i64::from(parent) != i64::from(pid) {
        return Err(stranger());
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn follow(_: u32) -> Result<(), CliError> {
    Ok(())
}
