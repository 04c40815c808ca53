//! `pgseal lint-worker`: reads one query from stdin, answers on stdout and exits. Hidden; started
//! by `lint` and `pack`, since some texts crash the parser's process.

use std::io::Read;

use super::super::{CliError, Exit, Output};
use crate::lint::squawk::{Question, answer};

/// Maximum length of a query, in bytes: 4 MiB of definitions, which JSON may expand sixfold.
pub const QUESTION_BYTES: u32 = 32 * 1024 * 1024;

/// Stack of the parser, in bytes. The nesting depth that `lint` accepts needs only a part of it.
const STACK: usize = 64 * 1024 * 1024;

/// Reads the length in four bytes, big-endian, then the query as JSON.
pub fn run(out: Output) -> Result<Exit, CliError> {
    let unfit = |error: &dyn std::fmt::Display| {
        CliError::usage(format!("this is no question to the linter: {error}"))
            .hint("`pgseal lint DIR` starts this command itself")
    };
    let mut length = [0; 4];
    let mut stdin = std::io::stdin().lock();
    stdin
        .read_exact(&mut length)
        .map_err(|error| unfit(&error))?;
    let length = u32::from_be_bytes(length);
    if length > QUESTION_BYTES {
        return Err(unfit(&format!("it has {length} bytes")));
    }
    let mut text = vec![0; length as usize];
    stdin.read_exact(&mut text).map_err(|error| unfit(&error))?;
    let question: Question = serde_json::from_slice(&text).map_err(|error| unfit(&error))?;
    let builder = std::thread::Builder::new().stack_size(STACK);
    let thread = builder.spawn(move || answer(&question));
    let answer = thread.map_err(CliError::internal)?.join();
    let answer = answer.map_err(|_| CliError::internal("the linter's parser gave up"))?;
    out.json_line(&answer);
    Ok(Exit::Done)
}
