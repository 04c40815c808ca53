//! Columns and data of `COPY table FROM stdin`, in the formats text and csv (PostgreSQL manual,
//! "COPY", File Formats).

use std::io::{BufRead, BufReader};

use super::{Block, Cell};
use psql_script::{FileError, Script, ScriptError, Statement, Tokens};

/// Format of the data.
struct Format {
    csv: bool,
    header: bool,
    delimiter: char,
    quote: char,
    null: String,
}

/// The rows of a COPY; `None` if an option could change their meaning in a way unknown here.
pub(super) fn block(
    script: &mut Script<'_>,
    statement: &Statement,
) -> Result<Option<Block>, ScriptError> {
    let Some((mut block, format)) = head(&statement.sql) else {
        return Ok(None);
    };
    let unreadable = |error: std::io::Error| ScriptError::Read {
        path: statement.origin.at.file.to_string(),
        origin: Some(statement.origin.clone()),
        source: FileError::Other(Box::new(error)),
    };
    let mut data = BufReader::new(script.copy_data(statement)?);
    let mut is_header = format.header;
    while let Some(record) = format.record(&mut data).map_err(unreadable)? {
        if !is_header {
            block.add(|| format.cells(&record));
        } else if block.columns.is_empty() {
            let names = format.cells(&record).into_iter();
            block.columns = names
                .map(|name| match name {
                    Cell::Text(name) => name,
                    Cell::Keyword(word) => word.to_owned(),
                })
                .collect();
        }
        is_header = false;
    }
    Ok(Some(block))
}

/// Reads the statement.
fn head(sql: &str) -> Option<(Block, Format)> {
    let tokens = Tokens::new(sql);
    let (table, mut at) = tokens.name(tokens.behind(0, &["copy"]))?;
    let mut block = Block {
        table: table.to_string(),
        ..Block::default()
    };
    if tokens.is(at, "(") {
        (block.columns, at) = columns(&tokens, at)?;
    }
    at = Some(tokens.behind(at, &["from", "stdin"])).filter(|behind| *behind > at)?;
    let (mut csv, mut header) = (false, false);
    let (mut delimiter, mut quote, mut escape, mut null) = (None, None, None, None);
    while at < tokens.len() {
        let option = tokens.text(at).to_ascii_lowercase();
        at += 1;
        let value = match option.as_str() {
            "(" | ")" | "," | ";" | "with" => continue,
            "format" if tokens.is_listed(at, "csv text") => continue,
            "csv" | "text" => {
                csv = option == "csv";
                continue;
            }
            "header" => {
                header = !tokens.is_listed(at, "false off");
                at += usize::from(tokens.is_listed(at, "true on match false off"));
                continue;
            }
            "delimiter" => &mut delimiter,
            "null" => &mut null,
            "quote" => &mut quote,
            "escape" => &mut escape,
            _ => return None,
        };
        at = tokens.behind(at, &["as"]);
        *value = Some(tokens.literal(at)?);
        at += 1;
    }
    let one = |text: Option<String>, default: char| match text {
        Some(text) => {
            let mut characters = text.chars();
            characters.next().filter(|_| characters.next().is_none())
        }
        None => Some(default),
    };
    let quote = one(quote, '"')?;
    // Another escape character than the quote itself is rare.
    if one(escape, quote)? != quote {
        return None;
    }
    let format = Format {
        csv,
        header,
        delimiter: one(delimiter, if csv { ',' } else { '\t' })?,
        quote,
        null: null.unwrap_or_else(|| if csv { "" } else { r"\N" }.to_owned()),
    };
    Some((block, format))
}

/// The names between the parentheses at `at`, and the place behind these.
pub(super) fn columns(tokens: &Tokens<'_>, mut at: usize) -> Option<(Vec<String>, usize)> {
    let mut columns = Vec::new();
    loop {
        columns.push(tokens.identifier(at + 1)?);
        at += 2;
        if tokens.is(at, ")") {
            return Some((columns, at + 1));
        }
        if !tokens.is(at, ",") {
            return None;
        }
    }
}

impl Format {
    /// The next row as text, without its line feed.
    fn record(&self, data: &mut impl BufRead) -> std::io::Result<Option<String>> {
        let (mut record, mut quotes) = (Vec::new(), 0);
        loop {
            let from = record.len();
            if data.read_until(b'\n', &mut record)? == 0 {
                break;
            }
            let line = &record[from..];
            // A quoted value of csv, or a backslash at the end of a line of text, goes on.
            let goes_on = if self.csv {
                let is_quote = |byte: &&u8| char::from(**byte) == self.quote;
                quotes += line.iter().filter(is_quote).count();
                quotes % 2 == 1
            } else {
                let content = line.strip_suffix(b"\n").unwrap_or(line);
                let backslashes = content.iter().rev().take_while(|byte| **byte == b'\\');
                backslashes.count() % 2 == 1
            };
            if !goes_on {
                break;
            }
        }
        if record.is_empty() {
            return Ok(None);
        }
        let record = String::from_utf8_lossy(&record);
        let record = record.strip_suffix('\n').unwrap_or(&record);
        Ok(Some(record.strip_suffix('\r').unwrap_or(record).to_owned()))
    }

    fn cells(&self, record: &str) -> Vec<Cell> {
        if self.csv {
            self.of_csv(record)
        } else {
            self.of_text(record)
        }
    }

    fn of_csv(&self, record: &str) -> Vec<Cell> {
        let mut cells = Vec::new();
        let (mut value, mut was_quoted, mut inside) = (String::new(), false, false);
        let mut characters = record.chars().peekable();
        let mut end = |value: &mut String, was_quoted: &mut bool| {
            let value = std::mem::take(value);
            cells.push(if !std::mem::take(was_quoted) && value == self.null {
                Cell::Keyword("NULL")
            } else {
                Cell::Text(value)
            });
        };
        while let Some(c) = characters.next() {
            if inside && c == self.quote && characters.peek() == Some(&self.quote) {
                value.extend(characters.next());
            } else if c == self.quote {
                (inside, was_quoted) = (!inside, true);
            } else if c == self.delimiter && !inside {
                end(&mut value, &mut was_quoted);
            } else {
                value.push(c);
            }
        }
        end(&mut value, &mut was_quoted);
        cells
    }

    fn of_text(&self, record: &str) -> Vec<Cell> {
        let mut cells = Vec::new();
        let (mut from, mut is_escaped) = (0, false);
        let ends = record.char_indices().filter(|(_, c)| {
            let is_end = *c == self.delimiter && !is_escaped;
            is_escaped = *c == '\\' && !is_escaped;
            is_end
        });
        for (at, c) in ends.chain([(record.len(), ' ')]) {
            let raw = &record[from..at];
            from = at + c.len_utf8();
            cells.push(if raw == self.null {
                Cell::Keyword("NULL")
            } else {
                Cell::Text(unescaped(raw))
            });
        }
        cells
    }
}

/// A value of the text format without its backslashes.
fn unescaped(raw: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(raw.len()), raw);
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at + 1..];
        let Some(c) = rest.chars().next() else { break };
        let digits = |text: &str, radix: u32, most: usize| {
            let digits = text.chars().take(most).take_while(|c| c.is_digit(radix));
            digits.count()
        };
        let length = match c {
            '0'..='7' => {
                let length = digits(rest, 8, 3);
                bytes.push(
                    (u32::from_str_radix(&rest[..length], 8).unwrap_or_default() & 0xFF) as u8,
                );
                length
            }
            'x' if digits(&rest[1..], 16, 2) > 0 => {
                let length = 1 + digits(&rest[1..], 16, 2);
                bytes.push(u8::from_str_radix(&rest[1..length], 16).unwrap_or_default());
                length
            }
            _ => {
                let c = match c {
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'v' => '\u{b}',
                    other => other,
                };
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest.chars().next().map_or(0, char::len_utf8)
            }
        };
        rest = &rest[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}
