//! Checks that a composed text is still one statement.

use super::lexemes::find;
use super::scanner::{Scanner, Stop};

/// A byte near which a text stops being one statement, or several joined by `\;`, that ends where
/// the text ends. `None` if it is one.
pub(super) fn boundary_fault(
    sql: &str,
    terminated: bool,
    joined: bool,
    escapes_everywhere: bool,
) -> Option<usize> {
    let bytes = sql.as_bytes();
    let mut scanner = Scanner::default();
    scanner.escapes_everywhere = escapes_everywhere;
    let mut start = 0;
    loop {
        let end = find(bytes, start, bytes.len(), b'\n').unwrap_or(bytes.len());
        let line = &bytes[start..end];
        scanner.begin_line(line);
        let mut i = 0;
        loop {
            match scanner.next(line, i, start + i) {
                Ok((_, Stop::EndOfLine)) => break,
                Ok((_, Stop::Variable(found))) => i = found.end,
                Ok((at, Stop::Semicolon)) if terminated && start + at == bytes.len() => {
                    return None;
                }
                Ok((at, Stop::Semicolon)) if joined => i = at,
                Ok((at, _)) => return Some((start + at).saturating_sub(1)),
                Err(fault) => return Some(start + fault.at),
            }
        }
        scanner.end_line(line);
        if end >= bytes.len() {
            break;
        }
        start = end + 1;
    }
    match scanner.open() {
        Some((_, at)) => Some(at),
        None => terminated.then_some(bytes.len()),
    }
}
