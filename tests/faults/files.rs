//! Errors and kills at the system calls that write the journal and the receipt of a run.

use std::path::Path;
use std::process::Command;

use super::point::{Action, FileFault, Point, Strike};

const CALLS: &str = "openat,mkdir,write,fsync,fdatasync,fallocate,ftruncate,rename,renameat,renameat2,link,linkat,unlink,unlinkat,fchmod";

/// Some containers forbid ptrace.
pub fn can_trace() -> bool {
    let status = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .status();
    status.is_ok_and(|status| status.success())
}

/// Runs `command` under strace, which logs its system calls to `log` and injects `fault`. strace follows only the first
/// thread, which does the writing.
pub fn traced(command: &Command, log: &Path, fault: Option<&FileFault>) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-y", "-s", "8", "-o"]).arg(log);
    strace.args(["-e", &format!("trace={CALLS}")]);
    if let Some(fault) = fault {
        strace.args([
            "-e",
            &format!("inject={}:{}:when={}", fault.call, fault.inject, fault.nth),
        ]);
    }
    strace.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        strace.current_dir(dir);
    }
    strace
}

/// Lists every call on a file below `receipts` in a log of [`traced`].
pub fn points(action: Action, log: &str, receipts: &str) -> Vec<Point> {
    let mut counted = std::collections::BTreeMap::<&str, usize>::new();
    let mut points = Vec::new();
    for line in log.lines() {
        let Some((call, rest)) = line.split_once('(') else {
            continue;
        };
        let nth = counted.entry(call).or_default();
        *nth += 1;
        if !rest.contains(receipts) {
            continue;
        }
        // Cleanup and permissions may fail: nothing depends on them.
        let errors: &[&'static str] = match call {
            "write" | "openat" | "mkdir" | "fallocate" | "linkat" => {
                &["error=ENOSPC", "error=EIO", "signal=SIGKILL"]
            }
            _ => &["error=EIO", "signal=SIGKILL"],
        };
        for inject in errors {
            let fault = FileFault {
                call: call.to_owned(),
                nth: *nth,
                inject,
            };
            points.push(Point {
                action,
                strike: Strike::File(fault),
                critical: false,
            });
        }
    }
    points
}

/// Reports whether the fault hit a call on these files: other calls of the same name come in varying order.
pub fn struck(log: &str, receipts: &str) -> bool {
    let killed = log.contains("+++ killed by SIGKILL");
    let calls = || {
        log.lines()
            .filter(|line| !line.starts_with('+') && !line.starts_with('-'))
    };
    let changed = calls()
        .find(|line| line.contains("(INJECTED)"))
        .or(calls().next_back().filter(|_| killed));
    changed.is_some_and(|line| line.contains(receipts))
}
