//! The only file that prints. The answer goes to stdout, everything else to stderr; text that came from a bundle or a
//! server is escaped before it reaches either, unless stdout is a file or pipe that wants exact bytes.

use std::fmt::Display;
use std::io::{self, IsTerminal, Read, Write};
use std::sync::OnceLock;

use serde::Serialize;

use super::error::CliError;
use super::escape::escape_json;
use super::exit::Exit;

pub use super::escape::{escape, escape_lines, shown};

/// How the operator wants to be spoken to.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One JSON document on stdout instead of text.
    pub json: bool,
    /// No progress and no notes.
    pub quiet: bool,
    /// Colours.
    pub color: bool,
}

/// A colour that carries meaning.
#[derive(Clone, Copy, Debug)]
pub enum Paint {
    /// Green.
    Good,
    /// Red.
    Bad,
}

impl Output {
    /// A line of the answer.
    pub fn line(&self, text: impl Display) {
        if !self.json {
            write_out(format!("{text}\n").as_bytes());
        }
    }

    /// The answer as a document.
    pub fn document(&self, document: &impl Serialize) {
        if self.json {
            self.json_line(document);
        }
    }

    /// One JSON document on a line of its own, whatever was asked for.
    pub fn json_line(&self, document: &impl Serialize) {
        let text = serde_json::to_string(document).unwrap_or_default();
        write_out(format!("{}\n", escape_json(&text)).as_bytes());
    }

    /// Exact bytes, whatever reads them: they are to be signed.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), CliError> {
        whole(bytes)
    }

    /// Exact bytes to a file or pipe; escaped text to a terminal.
    pub fn content(&self, bytes: &[u8]) -> Result<(), CliError> {
        if io::stdout().is_terminal() {
            whole(escape_lines(&String::from_utf8_lossy(bytes)).as_bytes())
        } else {
            whole(bytes)
        }
    }

    /// As [`Self::content`], piece by piece.
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

    /// Something beside the answer, for people.
    pub fn note(&self, text: impl Display) {
        if !self.quiet {
            write_err(&format!("{text}\n"));
        }
    }

    /// That another process has locked a file, and this one waits.
    pub fn waits_for(&self, path: impl AsRef<std::path::Path>) {
        self.note(waits_for(path));
    }

    /// A question to the person at the terminal; the answer follows on the same line.
    pub fn ask(&self, text: impl Display) {
        write_err(&text.to_string());
    }

    /// A warning; shown even when quiet.
    pub fn warning(&self, text: impl Display) {
        write_err(&format!("pgseal: warning: {text}\n"));
    }

    /// What went wrong, and what to do about it.
    pub fn error(&self, error: &CliError) {
        for line in &error.lines {
            write_err(&format!("pgseal: error: {line}\n"));
        }
        if let Some(hint) = &error.hint {
            write_err(&format!("pgseal: hint: {hint}\n"));
        }
        if self.json && !error.answered {
            let message = error.lines.join("\n");
            let document = serde_json::json!({
                "error": { "exit": error.exit.code(), "kind": error.kind.as_str(), "message": message, "hint": error.hint }
            });
            self.json_line(&document);
        }
    }

    /// Text in a colour, where colours are wanted.
    pub fn paint(&self, paint: Paint, text: impl Display) -> String {
        if !self.color {
            return text.to_string();
        }
        let code = match paint {
            Paint::Good => "32;1",
            Paint::Bad => "31;1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// How much is copied to stdout at once, in bytes.
const PIECE: u64 = 1 << 20;

/// Whether stderr is a terminal, so that progress may be drawn.
pub fn draws() -> bool {
    io::stderr().is_terminal()
}

/// What is said while another process has locked a file.
pub fn waits_for(path: impl AsRef<std::path::Path>) -> String {
    format!("{}: another process has locked it; waiting, at most half a minute", shown(path))
}

/// Bytes that are of use only as a whole: a full disk is an error, a reader that went away is not.
fn whole(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::new(Exit::Internal, format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// A reader that went away (`| head`) is not an error worth a word; anything else is kept for the end.
fn write_out(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    printed(out.write_all(bytes).and_then(|()| out.flush()));
}

/// Keeps for [`ended`] that something could not be printed.
pub fn printed(result: io::Result<()>) {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => drop(UNWRITTEN.set(error.to_string())),
        _ => {}
    }
}

/// Why a part of the answer could not be written, the first time.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// How the program ends: an answer that is not whole on stdout is not done, whatever was.
pub fn ended(exit: Exit) -> Exit {
    let Some(why) = UNWRITTEN.get() else { return exit };
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
        assert_eq!(json, r#""\u001b\u0085\u009b\u2028\u202e\u2066\udb40\udc41 Größe""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
