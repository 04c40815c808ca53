//! The only file that prints. Answers go to stdout, all other messages to stderr. Text from a
//! bundle or a server is escaped first. Exceptions are [`Output::bytes`] and, to a file or pipe,
//! [`Output::content`] and [`Output::copy`].

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use log::Level;
use serde::Serialize;
use serde_json::Value;

use super::error::CliError;
use super::escape::escape_json;
use super::events;
use super::exit::Exit;
use super::journal;
use super::kind::Kind;
use super::{table, wrap};

pub use super::escape::{display_path, escape, escape_lines, optional};

/// Output settings chosen by the operator.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One JSON document on stdout instead of text.
    pub json: bool,
    /// Print no progress and no notes.
    pub quiet: bool,
    /// Colours in the answer.
    pub color: bool,
    /// Colours in messages.
    pub color_messages: bool,
}

/// A colour with a meaning.
#[derive(Clone, Copy, Debug)]
pub enum Paint {
    Good,
    Bad,
    /// Attention, but no error.
    Warning,
    /// Headings and places.
    Bold,
    /// Hints.
    Dim,
}

impl Paint {
    fn on(self, is_used: bool, text: impl Display) -> String {
        if !is_used {
            return text.to_string();
        }
        let code = match self {
            Self::Good => "32;1",
            Self::Bad => "31;1",
            Self::Warning => "33;1",
            Self::Bold => "1",
            Self::Dim => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

impl Output {
    /// Prints a line of the answer; a terminal gets it broken between words.
    pub fn line(&self, text: impl Display) {
        if !self.json {
            let text = fitted(&text.to_string(), width());
            write_out(format!("{text}\n").as_bytes());
        }
    }

    /// Prints a table of the answer, with its verdicts in colour.
    pub fn table(&self, head: &[&str], rows: Vec<Vec<String>>) {
        let text = table::render(head, rows);
        let paint = |text: String, word: &&str| text.replace(word, &self.paint(Paint::Bad, word));
        self.line(BAD_VERDICTS.iter().fold(text, paint));
    }

    /// Prints text of the answer whose lines stay as they are: commands, statements, pages.
    pub fn verbatim(&self, text: impl Display) {
        if !self.json {
            write_out(format!("{text}\n").as_bytes());
        }
    }

    /// Keeps the answer as a document until [`Self::conclude`].
    pub fn document(&self, document: &impl Serialize) {
        if self.json || events::are_written() {
            let document = serde_json::to_value(document).unwrap_or_default();
            *answer() = Some(document);
        }
    }

    /// With `--json`, prints the document of a command that ends: its answer, if there is one, with
    /// `exit` and `error`. Returns the final exit code.
    pub fn conclude(&self, exit: Exit, error: Option<&CliError>) -> Exit {
        let answer = answer().take();
        let error = described(exit, error);
        if !events::are_the_output() {
            self.print_answer(answer.as_ref(), exit, &error);
        }
        let exit = ended(exit);
        match events::ended(exit.code(), &error, answer.as_ref()) {
            true => ended(exit),
            false => exit,
        }
    }

    /// Prints the document of one of several parts of a command.
    pub fn conclude_part(&self) {
        let answer = answer().take();
        events::part(answer.as_ref());
        if !events::are_the_output() {
            self.print_answer(answer.as_ref(), Exit::Done, &Value::Null);
        }
    }

    fn print_answer(&self, answer: Option<&Value>, exit: Exit, error: &Value) {
        if !self.json || answer.is_none() && error.is_null() {
            return;
        }
        let mut document = answer.cloned().unwrap_or_else(|| serde_json::json!({}));
        document["exit"] = exit.code().into();
        document["error"] = error.clone();
        self.json_line(&document);
    }

    /// Prints one JSON document on its own line, even without `--json`.
    pub fn json_line(&self, document: &impl Serialize) {
        let text = serde_json::to_string(document).unwrap_or_default();
        write_out(format!("{}\n", escape_json(&text)).as_bytes());
    }

    /// Writes exact bytes, even to a terminal, for signing and for other programs.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), CliError> {
        whole(bytes)
    }

    /// Writes exact bytes to a file or pipe, escaped text to a terminal.
    pub fn content(&self, bytes: &[u8]) -> Result<(), CliError> {
        if io::stdout().is_terminal() {
            whole(escape_lines(&String::from_utf8_lossy(bytes)).as_bytes())
        } else {
            whole(bytes)
        }
    }

    /// Like [`Self::content`], piece by piece.
    pub fn copy(&self, content: &mut impl Read) -> Result<(), CliError> {
        let mut piece = Vec::new();
        loop {
            piece.clear();
            let read = content.take(PIECE).read_to_end(&mut piece);
            if read.map_err(|error| CliError::new(Exit::Internal, error))? == 0 {
                return Ok(());
            }
            self.content(&piece)?;
        }
    }

    /// Prints a note for people, apart from the answer.
    pub fn note(&self, text: impl Display) {
        let text = text.to_string();
        if !self.quiet && !journal::send(Level::Info, &text, &[]) {
            write_err(&format!("{}\n", fitted(&text, width_of_messages())));
        }
    }

    /// Notes that another process holds the lock on a file and that this one waits.
    pub fn waits_for(&self, path: impl AsRef<std::path::Path>) {
        self.note(waits_for(path));
    }

    /// Prompts the operator at the terminal; the reply follows on the same line.
    pub fn ask(&self, text: impl Display) {
        write_err(&text.to_string());
    }

    /// Prints a warning, even with `--quiet`.
    pub fn warning(&self, text: impl Display) {
        let text = text.to_string();
        if !journal::send(Level::Warn, &text, &[]) {
            self.message(Paint::Warning, "warning:", &text);
        }
    }

    /// Prints an error and its hint.
    pub fn error(&self, error: &CliError) {
        let (kind, exit) = (error.kind.as_str(), error.exit.code().to_string());
        let hint = error.hint.as_deref().unwrap_or_default();
        let fields = [
            (journal::KIND, kind),
            (journal::EXIT, &exit),
            (journal::HINT, hint),
        ];
        if journal::send(Level::Error, &error.lines.join("\n"), &fields) {
            return;
        }
        for line in &error.lines {
            let (place, rest) = line.split_at(place(line));
            let place = Paint::Bold.on(self.color_messages && !place.is_empty(), place);
            self.message(Paint::Bad, "error:", &format!("{place}{rest}"));
        }
        if let Some(hint) = &error.hint {
            self.message(Paint::Dim, "hint:", hint);
        }
    }

    fn message(&self, paint: Paint, word: &str, text: &str) {
        let word = paint.on(self.color_messages, word);
        let line = format!("pgseal: {word} {text}");
        write_err(&format!("{}\n", fitted(&line, width_of_messages())));
    }

    /// Text of the answer in a colour, if colours are enabled.
    pub fn paint(&self, paint: Paint, text: impl Display) -> String {
        paint.on(self.color, text)
    }
}

/// The answer of the command, until it ends.
fn answer() -> MutexGuard<'static, Option<Value>> {
    static ANSWER: Mutex<Option<Value>> = Mutex::new(None);
    ANSWER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Verdicts in cells of tables.
const BAD_VERDICTS: [&str; 3] = ["FAILED", "NOT UNDONE", "NOT SEEN"];

/// Bytes copied to stdout at once.
const PIECE: u64 = 1 << 20;

/// Whether stderr is a terminal, so that progress may be drawn.
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Whether the answer goes to a terminal.
pub fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Columns of the terminal that the answer goes to, if it is one.
pub fn width() -> Option<usize> {
    columns_of(io::stdout())
}

/// Columns of the terminal that messages go to, if it is one.
pub fn width_of_messages() -> Option<usize> {
    columns_of(io::stderr())
}

/// A terminal narrower than this is taken as one of no known width.
const NARROWEST: u16 = 20;

fn columns_of(stream: impl std::os::fd::AsFd + IsTerminal) -> Option<usize> {
    let size = stream
        .is_terminal()
        .then(|| rustix::termios::tcgetwinsize(&stream));
    let columns = size?.ok()?.ws_col;
    (columns >= NARROWEST).then_some(usize::from(columns))
}

fn fitted(text: &str, width: Option<usize>) -> String {
    match width {
        Some(width) => wrap::wrap(text, width),
        None => text.to_owned(),
    }
}

/// Length of the place `file:line:column:` that a message begins with.
fn place(text: &str) -> usize {
    let end = text.find(": ").unwrap_or_default();
    let mut parts = text[..end].rsplit(':');
    let is_number = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit()))
    };
    match is_number(parts.next()) && parts.next().is_some_and(|file| !file.contains(' ')) {
        true => end,
        false => 0,
    }
}

/// Message while another process holds the lock on a file.
pub fn waits_for(path: impl AsRef<std::path::Path>) -> String {
    format!(
        "{}: another process has locked it; waiting, at most half a minute",
        display_path(path)
    )
}

/// Standard output for the lines of `--events`: a descriptor of its own, so that a reader who stops
/// reading keeps no lock of this process.
pub fn for_lines() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// The error of a command as data. A command whose answer itself is the reason, such as a closed
/// gate, has an error of that kind.
fn described(exit: Exit, error: Option<&CliError>) -> Value {
    let answered = (exit != Exit::Done).then(|| {
        let kind = Kind::from(exit);
        CliError::new(kind, kind.meaning()).exit(exit)
    });
    error.or(answered.as_ref()).map_or(Value::Null, |error| {
        let message = error.lines.join("\n");
        serde_json::json!({
            "exit": error.exit.code(), "kind": error.kind.as_str(), "message": message, "hint": error.hint
        })
    })
}

/// Writes bytes that are useful only as a whole. A full disk is an error, a closed pipe is not.
fn whole(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(CliError::new(
            Exit::Internal,
            format!("standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Writes to stdout. A closed pipe (`| head`) is ignored; any other error is kept for the end.
fn write_out(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    printed(out.write_all(bytes).and_then(|()| out.flush()));
}

/// Records a failed write for [`ended`].
pub fn printed(result: io::Result<()>) {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            drop(UNWRITTEN.set(error.to_string()))
        }
        _ => {}
    }
}

/// Prints a page of the manual, also with `--json`.
pub fn page(text: impl Display) {
    write_out(format!("{text}\n").as_bytes());
}

/// Prints the help of a command, with clap's own styles.
pub fn help(mut command: clap::Command) {
    printed(command.print_help());
}

/// First error of writing the answer.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// The final exit code. An incomplete answer on stdout is never a success, even if the command
/// itself succeeded.
pub fn ended(exit: Exit) -> Exit {
    let Some(why) = UNWRITTEN.get() else {
        return exit;
    };
    write_err(&format!("pgseal: error: standard output: {why}\n"));
    if exit != Exit::Done {
        return exit;
    }
    write_err("pgseal: hint: the command itself was done; only its answer is not whole\n");
    Exit::Internal
}

fn write_err(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_can_not_move_the_cursor() {
        assert_eq!(escape("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\u{a}c");
        assert_eq!(escape("\u{202e}gnp.exe\u{9b}"), "\\u{202e}gnp.exe\\u{9b}");
        assert_eq!(escape("Größe 表 ✓"), "Größe 表 ✓");
        assert_eq!(escape("a\u{e0041}"), "a\\u{e0041}");
        assert_eq!(escape_lines("a\n\tb\r\n"), "a\n\tb\\u{d}\n");
    }

    #[test]
    fn nor_in_json_where_it_means_the_same() {
        let text = "\u{1b}\u{85}\u{9b}\u{2028}\u{202e}\u{2066}\u{e0041} Größe";
        let json = escape_json(&serde_json::to_string(text).unwrap());
        assert_eq!(
            json,
            r#""\u001b\u0085\u009b\u2028\u202e\u2066\udb40\udc41 Größe""#
        );
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
