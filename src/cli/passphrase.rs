//! Passphrases from the terminal without echo, or from a file descriptor; never from an argument or
//! an environment variable.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};

use zeroize::Zeroizing;

/// Source of passphrases.
pub struct Reader {
    descriptor: Option<u32>,
    lines: Option<BufReader<File>>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.descriptor {
            Some(descriptor) => write!(f, "Reader(descriptor {descriptor}, redacted)"),
            None => f.write_str("Reader(terminal)"),
        }
    }
}

impl Reader {
    /// Reads from the descriptor, or from the terminal without one.
    pub fn new(descriptor: Option<u32>) -> Self {
        Self {
            descriptor,
            lines: None,
        }
    }

    /// The next passphrase: a line from the descriptor, or typed input.
    pub fn read(&mut self, prompt: &str) -> io::Result<Zeroizing<String>> {
        let Some(descriptor) = self.descriptor else {
            return rpassword::prompt_password(prompt).map(Zeroizing::new);
        };
        if self.lines.is_none() {
            // Opening the descriptor by its name under /dev/fd needs no unsafe code.
            self.lines = Some(BufReader::with_capacity(
                1,
                File::open(format!("/dev/fd/{descriptor}"))?,
            ));
        }
        let mut line = Zeroizing::new(String::with_capacity(1024));
        if let Some(lines) = &mut self.lines {
            lines.read_line(&mut line)?;
        }
        let end = line.trim_end_matches(['\n', '\r']).len();
        line.truncate(end);
        if line.is_empty() {
            let kind = io::ErrorKind::UnexpectedEof;
            return Err(io::Error::new(kind, "the descriptor gave none"));
        }
        Ok(line)
    }

    /// Reads a new passphrase, twice on a terminal.
    pub fn new_passphrase(&mut self, name: &str) -> io::Result<Zeroizing<String>> {
        let invalid = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        let mut first = self.read(&format!("new passphrase of {name}: "))?;
        while self.descriptor.is_none() && *self.read("again: ")? != *first {
            first = self.read(&format!("they differ; new passphrase of {name}: "))?;
        }
        if first.is_empty() {
            return invalid("it is empty");
        }
        Ok(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn lines_of_a_descriptor_are_read_one_by_one_and_not_shown() {
        let mut file = tempfile::tempfile().expect("temp file");
        io::Write::write_all(&mut file, b"first secret\nsecond secret\r\n\n").expect("written");
        let mut reader = Reader::new(Some(file.as_raw_fd() as u32));
        for expected in ["first secret", "second secret"] {
            let line: Zeroizing<String> = reader.read("").expect("a line");
            assert_eq!(*line, expected);
            assert!(!format!("{reader:?}").contains("secret"));
        }
        assert!(reader.read("").is_err(), "an empty line is no passphrase");
    }
}
