//! Child process that runs squawk: this program again, started for each query and killed after a
//! time limit.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::worker::QUESTION_BYTES;
use crate::lint::SquawkClient;
use crate::lint::squawk::{Answer, Question};

/// Time limit of a query. Four MiB of definitions take two seconds; the parser can't cope with a
/// text that takes longer than this.
const LIMIT: Duration = Duration::from_secs(20);

/// Maximum length of an answer, in bytes.
const ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// Command and time limits of the child process.
pub struct Process {
    program: io::Result<OsString>,
    arguments: Vec<OsString>,
    limit: Duration,
    /// Remaining time for all queries together.
    left: Mutex<Duration>,
}

impl Process {
    /// Runs this program.
    pub fn own() -> Self {
        let program = std::env::current_exe().map(Into::into);
        Self {
            program,
            arguments: vec!["lint-worker".into()],
            limit: LIMIT,
            left: Mutex::new(3 * LIMIT),
        }
    }

    fn left(&self) -> MutexGuard<'_, Duration> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn started(&self) -> Result<Child, String> {
        let program = self
            .program
            .as_ref()
            .map_err(|error| format!("this program's file is not known: {error}"))?;
        let mut command = Command::new(program);
        // The child inherits no environment; the error output of a crashing parser helps no reader.
        command.args(&self.arguments).env_clear().current_dir("/");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
            .spawn()
            .map_err(|error| format!("the linter's process did not start: {error}"))
    }
}

impl SquawkClient for Process {
    fn ask(&self, question: &Question) -> Result<Answer, String> {
        let body = serde_json::to_vec(question).map_err(|error| error.to_string())?;
        let length = u32::try_from(body.len())
            .ok()
            .filter(|length| *length <= QUESTION_BYTES);
        let length = length.ok_or("the question is too long")?;
        let limit = self.limit.min(*self.left());
        if limit.is_zero() {
            return Err("other scripts took all the time that the linter has".to_owned());
        }
        let mut child = self.started()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
            return Err("it has no pipes".to_owned());
        };
        // Each direction has its own thread, since a process that reads nothing must not block this
        // one. A killed process closes both pipes, which ends both threads.
        thread::spawn(move || {
            stdin
                .write_all(&length.to_be_bytes())
                .and_then(|()| stdin.write_all(&body))
        });
        let (send, receive) = channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            let read = stdout.take(ANSWER_BYTES).read_to_end(&mut text);
            let _ = send.send(read.map(|_| text));
        });
        let begun = Instant::now();
        let text = receive.recv_timeout(limit);
        let status = end(&mut child, limit.saturating_sub(begun.elapsed()));
        let mut left = self.left();
        *left = left.saturating_sub(begun.elapsed());
        drop(left);
        let seconds = limit.as_secs();
        let late = || format!("the linter's process took longer than {seconds} s");
        let text = text.map_err(|_| late())?;
        let text = text.map_err(|error| error.to_string())?;
        let status = status.ok_or_else(late)?;
        if !status.success() {
            return Err(died(status));
        }
        serde_json::from_slice(&text)
            .map_err(|error| format!("the linter's process answered nonsense: {error}"))
    }
}

/// Waits for the process to end. Kills it after the limit and returns `None`.
fn end(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let (begun, mut pause) = (Instant::now(), Duration::from_micros(50));
    while begun.elapsed() < limit {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        thread::sleep(pause);
        // It has closed its output and is about to end, so longer waits are rare.
        pause = (2 * pause).min(Duration::from_millis(1));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

fn died(status: ExitStatus) -> String {
    match status.signal() {
        Some(6 | 11) => {
            "its nesting is too deep for the linter's parser, whose process died".to_owned()
        }
        Some(signal) => format!("the linter's process was ended by signal {signal}"),
        None => format!(
            "the linter's process gave up (exit code {})",
            status.code().unwrap_or_default()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<Answer, String> {
        let arguments = vec!["-c".into(), script.into()];
        let statements = vec!["select 1;".repeat(100_000)];
        let process = Process {
            program: Ok("/bin/sh".into()),
            arguments,
            limit,
            left: Mutex::new(limit),
        };
        process.ask(&Question {
            rules: Vec::new(),
            statements,
        })
    }

    #[test]
    fn every_end_of_the_process_is_told() {
        let long = Duration::from_secs(20);
        for (script, says) in [
            ("kill -KILL $$", "signal 9"),
            ("kill -ABRT $$", "nesting"),
            ("exit 3", "exit code 3"),
            ("cat > /dev/null; echo nonsense", "nonsense"),
            ("cat > /dev/null", "nonsense"),
        ] {
            assert!(
                shell(script, long).is_err_and(|why| why.contains(says)),
                "{script}"
            );
        }
        let answer = shell("cat > /dev/null; echo '{\"findings\":[]}'", long);
        assert_eq!(answer, Ok(Answer::default()));
    }

    #[test]
    fn nobody_waits_for_a_process_that_hangs() {
        let begun = Instant::now();
        // The first reads nothing, the second has closed its output, the third never answers.
        for script in [
            "exec sleep 60",
            "exec >&-; exec sleep 60",
            "cat > /dev/null; exec sleep 60",
        ] {
            let why = shell(script, Duration::from_millis(300)).expect_err("it hangs");
            assert!(why.contains("longer"), "{why}");
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
