//! `--events FILE|-`: one JSON line for each step of a command (`schemas/output/event.schema.json`).
//!
//! A thread of its own writes the lines, so that a reader who stops reading never keeps a
//! transaction open.

mod describe;

use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::args::now;
use super::escape::escape_json;
use super::output;
use super::{CliError, Output, ResultExt as _, display_path};
pub use describe::{arrived, blocked, event, waiting};

/// Longest wait for the last lines to be taken.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(clap::Args, Debug, Clone)]
pub struct EventArgs {
    /// Append one JSON line for each step to this file; - is stdout, and text for people is left out there
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
}

/// The lines of this process.
// One for the process, because a second signal ends it from another thread.
struct Lines {
    begun: Instant,
    to_writer: Sender<String>,
    /// Disconnected once the writer has ended.
    written: Mutex<Receiver<()>>,
}

static LINES: OnceLock<Lines> = OnceLock::new();

impl EventArgs {
    /// Opens the file before anything happens. Returns the output for the rest of the command.
    pub fn open(&self, command: &str, out: Output) -> Result<Output, CliError> {
        let Some(path) = &self.events else {
            return Ok(out);
        };
        let is_stdout = path == Path::new("-");
        let target: Box<dyn Write + Send> = match is_stdout {
            true => output::for_lines(),
            false => {
                let opened = OpenOptions::new().append(true).create(true).open(path);
                Box::new(opened.at(path)?)
            }
        };
        let lines = start(target, path.clone(), out).map_err(CliError::internal)?;
        LINES.get_or_init(|| lines);
        write("begun", json!({ "command": command }));
        Ok(Output {
            json: out.json || is_stdout,
            ..out
        })
    }
}

/// Whether this command writes lines.
pub fn are_written() -> bool {
    LINES.get().is_some()
}

fn start(mut target: Box<dyn Write + Send>, path: PathBuf, out: Output) -> std::io::Result<Lines> {
    let (to_writer, lines) = mpsc::channel::<String>();
    let (done, written) = mpsc::channel();
    let writer = move || {
        // Dropped at the end.
        let _done = done;
        // An empty line is the end.
        for line in lines.into_iter().take_while(|line| !line.is_empty()) {
            if let Err(error) = target
                .write_all(line.as_bytes())
                .and_then(|()| target.flush())
            {
                let path = display_path(&path);
                out.warning(format!("{path}: no more events are written: {error}"));
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("pgseal-events".to_owned());
    thread.spawn(writer)?;
    Ok(Lines {
        begun: Instant::now(),
        to_writer,
        written: written.into(),
    })
}

/// Writes a line, if a file was opened. `fields` must be an object.
fn write(event: &str, mut fields: Value) {
    let Some(lines) = LINES.get() else {
        return;
    };
    fields["event"] = event.into();
    fields["at"] = now().to_string().into();
    fields["ms"] = u64::try_from(lines.begun.elapsed().as_millis())
        .unwrap_or(u64::MAX)
        .into();
    // The writer ends before this only if it could not write, and has said so.
    let _ = lines
        .to_writer
        .send(format!("{}\n", escape_json(&fields.to_string())));
}

/// Writes the last line, and waits until all lines are taken.
pub fn ended(exit: u8, error: &Value, answer: Option<&Value>) {
    let Some(lines) = LINES.get() else {
        return;
    };
    write(
        "ended",
        json!({ "exit": exit, "error": error, "answer": answer }),
    );
    let _ = lines.to_writer.send(String::new());
    if let Ok(written) = lines.written.lock() {
        let _ = written.recv_timeout(PATIENCE);
    }
}
