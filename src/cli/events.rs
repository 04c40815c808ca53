//! `--events FILE|-`: one JSON line for each step of a command (`schemas/output/event.schema.json`).
//!
//! A thread of its own writes the lines, so that a reader who stops reading never keeps a
//! transaction open.

mod describe;

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::args::now;
use super::escape::escape_json;
use super::output;
use super::{CliError, Kind, Output, ResultExt as _, display_path};
pub use describe::{arrived, blocked, database, event, soak, waiting, wave};

/// Longest wait for the last lines to be taken.
const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes of the first line of a file that is there; `begun` is far shorter.
const FIRST_LINE: u64 = 4096;

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
    is_stdout: bool,
    path: PathBuf,
    out: Output,
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
        let target = match is_stdout {
            true => output::for_lines().map_err(CliError::internal)?,
            false => open(path)?,
        };
        let lines = start(target, is_stdout, path.clone(), out).map_err(CliError::internal)?;
        LINES.get_or_init(|| lines);
        write("begun", json!({ "command": command }));
        Ok(Output {
            json: out.json || is_stdout,
            ..out
        })
    }
}

/// Opens a file to append to: a new one, a pipe, or one that has events. Lines at the end of any
/// other file would damage it.
fn open(path: &Path) -> Result<File, CliError> {
    let is_there = path.metadata().is_ok_and(|is| is.is_file() && is.len() > 0);
    if is_there {
        let mut first = String::new();
        let begin = File::open(path).at(path)?.take(FIRST_LINE);
        // Text that is not UTF-8 is no line either.
        let _ = BufReader::new(begin).read_line(&mut first);
        let first = serde_json::from_str::<Value>(&first).unwrap_or_default();
        if first.get("event").is_none() {
            let path = display_path(path);
            return Err(CliError::new(
                Kind::FileExists,
                format!("{path} has something else than events"),
            )
            .hint("name a new file, or one that --events wrote"));
        }
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .at(path)
}

/// Whether this command writes lines.
pub fn are_written() -> bool {
    LINES.get().is_some()
}

/// Whether the lines go to standard output, which has nothing else then.
pub fn are_the_output() -> bool {
    LINES.get().is_some_and(|lines| lines.is_stdout)
}

fn start(mut target: File, is_stdout: bool, path: PathBuf, out: Output) -> io::Result<Lines> {
    let (to_writer, lines) = mpsc::channel::<String>();
    let (done, written) = mpsc::channel();
    let name = path.clone();
    let writer = move || {
        // An empty line is the end.
        for line in lines.into_iter().take_while(|line| !line.is_empty()) {
            if let Err(error) = target.write_all(line.as_bytes()) {
                let path = display_path(&name);
                out.warning(format!("{path}: no more events are written: {error}"));
                if is_stdout {
                    output::printed(Err(error));
                }
                break;
            }
        }
        let _ = done.send(());
    };
    let thread = thread::Builder::new().name("pgseal-events".to_owned());
    thread.spawn(writer)?;
    Ok(Lines {
        begun: Instant::now(),
        is_stdout,
        path,
        out,
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

/// Writes the answer of one of several releases.
pub fn part(answer: Option<&Value>) {
    write("release", json!({ "answer": answer }));
}

/// Writes the last line, and waits until all lines are taken. Returns whether there are lines.
pub fn ended(exit: u8, error: &Value, answer: Option<&Value>) -> bool {
    let Some(lines) = LINES.get() else {
        return false;
    };
    write(
        "ended",
        json!({ "exit": exit, "error": error, "answer": answer }),
    );
    let _ = lines.to_writer.send(String::new());
    if let Ok(written) = lines.written.lock()
        && written.recv_timeout(PATIENCE).is_err()
    {
        let path = display_path(&lines.path);
        lines.out.warning(format!(
            "{path}: the last events are lost: nobody has read them for {} s",
            PATIENCE.as_secs()
        ));
    }
    true
}
