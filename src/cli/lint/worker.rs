//! `pgseal lint-worker`: reads one question from stdin, answers on stdout, ends. Hidden: `lint` and `pack` start it, since
//! a text can end the parser's process.

use std::io::Read;

use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::output::Output;
use crate::lint::squawk::{Question, answer};

/// The longest question, in bytes: 4 MiB of definitions, which JSON may write six times as long.
pub const QUESTION_BYTES: u32 = 32 * 1024 * 1024;

/// The parser's stack, in bytes. The nesting that `lint` lets through needs a part of it.
const STACK: usize = 64 * 1024 * 1024;

/// Four bytes of length, the highest first, then JSON.
pub fn run(out: Output) -> Result<Exit, CliError> {
    let unfit = |error: &dyn std::fmt::Display| {
        CliError::new(Exit::Usage, format!("this is no question to the linter: {error}"))
            .hint("`pgseal lint DIR` starts this command itself")
    };
    let mut length = [0; 4];
    let mut stdin = std::io::stdin().lock();
    stdin.read_exact(&mut length).map_err(|error| unfit(&error))?;
    let length = u32::from_be_bytes(length);
    if length > QUESTION_BYTES {
        return Err(unfit(&format!("it has {length} bytes")));
    }
    let mut text = vec![0; length as usize];
    stdin.read_exact(&mut text).map_err(|error| unfit(&error))?;
    let question: Question = serde_json::from_slice(&text).map_err(|error| unfit(&error))?;
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(move || answer(&question));
    let internal = |text: String| CliError::new(Exit::Internal, text);
    let thread = thread.map_err(|error| internal(error.to_string()))?;
    let answer = thread.join().map_err(|_| internal("the linter's parser gave up".to_owned()))?;
    out.json_line(&answer);
    Ok(Exit::Done)
}
