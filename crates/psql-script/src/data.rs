//! Readers of COPY data.

use super::frame::{Frame, is_end_of_data};
use std::io::{BufRead, BufReader, Error, Read, Result};

/// COPY data in the script: the lines after the statement.
pub(super) struct Inline<'a, 'f> {
    frame: &'a mut Frame<'f>,
    line: Vec<u8>,
    at: usize,
}

impl<'a, 'f> Inline<'a, 'f> {
    pub fn new(frame: &'a mut Frame<'f>) -> Self {
        Self {
            frame,
            line: Vec::new(),
            at: 0,
        }
    }
}

impl Read for Inline<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut written = 0;
        // fills the caller's buffer with several lines a call
        while written < out.len() {
            if self.at == self.line.len() {
                self.at = 0;
                if !self.frame.data_line(&mut self.line)? {
                    break;
                }
            }
            written += hand_out(&self.line, &mut self.at, &mut out[written..]);
        }
        Ok(written)
    }
}

/// A file of `\copy` in a text format. psql ends it at a line `\.`. Servers and versions of psql
/// treat later lines differently, so none are allowed.
pub(super) struct Lines<'a> {
    reader: BufReader<Box<dyn Read + 'a>>,
    line: Vec<u8>,
    at: usize,
}

impl<'a> Lines<'a> {
    pub fn new(file: Box<dyn Read + 'a>) -> Self {
        Self {
            reader: BufReader::with_capacity(64 * 1024, file),
            line: Vec::new(),
            at: 0,
        }
    }

    fn next_line(&mut self) -> Result<bool> {
        self.line.clear();
        self.at = 0;
        if self.reader.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(false);
        }
        if !is_end_of_data(&self.line) {
            return Ok(true);
        }
        self.line.clear();
        if self.reader.fill_buf()?.is_empty() {
            return Ok(false);
        }
        Err(Error::other(
            "lines stand behind a line \\. which ends the data: psql would drop them silently",
        ))
    }
}

impl Read for Lines<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut written = 0;
        while written < out.len() {
            if self.at == self.line.len() && !self.next_line()? {
                break;
            }
            written += hand_out(&self.line, &mut self.at, &mut out[written..]);
        }
        Ok(written)
    }
}

fn hand_out(line: &[u8], at: &mut usize, out: &mut [u8]) -> usize {
    let rest = &line[*at..];
    let count = rest.len().min(out.len());
    out[..count].copy_from_slice(&rest[..count]);
    *at += count;
    count
}
