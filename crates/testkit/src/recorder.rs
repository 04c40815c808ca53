//! A fake PostgreSQL server that keeps psql going and records its messages.
//!
//! ```ignore
//! let recorder = Recorder::start();
//! // psql -h recorder.host() -d any_name ...
//! let sent = recorder.take("any_name");
//! ```
//!
//! It implements protocol 3.0 on a unix socket: simple and extended queries, COPY both ways. Every
//! statement succeeds with no rows. It keeps the state that psql observes: transaction status,
//! `standard_conforming_strings` and `client_encoding`.

use std::{
    collections::HashMap,
    io::{self, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use tempfile::TempDir;

use crate::server_words::{Statement, statements};

/// The server; ends with the process.
pub struct Recorder {
    dir: TempDir,
    records: Records,
}

type Records = Arc<Mutex<HashMap<String, Vec<Sent>>>>;

/// One recorded message with a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sent {
    /// The statement's text, byte for byte.
    pub sql: Vec<u8>,
    /// The values of `\bind`; `None` in the simple protocol and if only described.
    pub parameters: Option<Vec<Option<Vec<u8>>>>,
    /// Prepared and described, not run: `\gdesc`.
    pub described: bool,
    /// Bytes of each COPY FROM STDIN, without the line `\.` that psql 15 also sends.
    pub copies: Vec<usize>,
}

impl Recorder {
    /// Starts a server that reports PostgreSQL `version`, such as `15.18`.
    pub fn start(version: &str) -> Self {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let listener = UnixListener::bind(dir.path().join(".s.PGSQL.5432")).unwrap();
        let records = Records::default();
        let (noted, version) = (Arc::clone(&records), version.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (records, version) = (Arc::clone(&noted), version.clone());
                thread::spawn(move || {
                    Session::new(stream, records).and_then(|session| session.serve(&version))
                });
            }
        });
        Self { dir, records }
    }

    /// The value for psql's `-h`.
    pub fn host(&self) -> &Path {
        self.dir.path()
    }

    /// Takes the recorded messages for a database, in order. They are complete once psql has ended.
    pub fn take(&self, database: &str) -> Vec<Sent> {
        self.records
            .lock()
            .unwrap()
            .remove(database)
            .unwrap_or_default()
    }
}

/// The server settings that psql observes.
#[derive(Clone)]
struct Settings {
    standard_conforming_strings: bool,
    client_encoding: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            standard_conforming_strings: true,
            client_encoding: "UTF8".to_owned(),
        }
    }
}

struct Session {
    from: BufReader<UnixStream>,
    to: UnixStream,
    out: Vec<u8>,
    records: Records,
    database: String,
    in_transaction: bool,
    settings: Settings,
    /// Settings from the transaction's begin, and those that a commit makes permanent.
    at_begin: Settings,
    at_commit: Settings,
    /// Prepared statements by name; bound ones by portal.
    prepared: HashMap<Vec<u8>, Vec<u8>>,
    portals: HashMap<Vec<u8>, Sent>,
}

impl Session {
    fn new(stream: UnixStream, records: Records) -> io::Result<Self> {
        let from = BufReader::new(stream.try_clone()?);
        let settings = Settings::default();
        Ok(Self {
            from,
            to: stream,
            out: Vec::new(),
            records,
            database: String::new(),
            in_transaction: false,
            at_begin: settings.clone(),
            at_commit: settings.clone(),
            settings,
            prepared: HashMap::new(),
            portals: HashMap::new(),
        })
    }

    fn serve(mut self, version: &str) -> io::Result<()> {
        if !self.start_up(version)? {
            return Ok(());
        }
        loop {
            let (kind, body) = self.message()?;
            match kind {
                b'Q' => {
                    let sql = body[..body.len() - 1].to_vec();
                    self.run(Sent {
                        sql,
                        ..Sent::default()
                    })?;
                    self.ready()?;
                }
                b'P' => {
                    let mut fields = body.split(|byte| *byte == 0);
                    let (name, sql) = (
                        fields.next().unwrap().to_vec(),
                        fields.next().unwrap().to_vec(),
                    );
                    self.prepared.insert(name, sql);
                    self.answer(b'1', &[]);
                }
                b'B' => self.bind(&body),
                b'D' => self.describe(&body),
                b'E' => {
                    let portal = body.split(|byte| *byte == 0).next().unwrap().to_vec();
                    let sent = self.portals.get(&portal).cloned().unwrap_or_default();
                    self.run(sent)?;
                }
                b'C' => self.answer(b'3', &[]),
                b'S' => self.ready()?,
                b'H' => self.flush()?,
                b'X' => return Ok(()),
                // Leftover messages of a finished COPY.
                _ => {}
            }
        }
    }

    /// Reads and answers the start-up messages; false for a cancel request.
    fn start_up(&mut self, version: &str) -> io::Result<bool> {
        let body = loop {
            let body = self.body()?;
            match u32::from_be_bytes(body[..4].try_into().unwrap()) {
                // SSL and GSS encryption: refused.
                80_877_103 | 80_877_104 => self.to.write_all(b"N")?,
                80_877_102 => return Ok(false),
                _ => break body,
            }
        };
        let words: Vec<&[u8]> = body[4..].split(|byte| *byte == 0).collect();
        let database = words.chunks(2).find(|pair| pair[0] == b"database").unwrap()[1];
        self.database = String::from_utf8_lossy(database).into_owned();
        self.records
            .lock()
            .unwrap()
            .entry(self.database.clone())
            .or_default();
        self.answer(b'R', &0u32.to_be_bytes());
        for (name, value) in [
            ("server_version", version),
            ("server_encoding", "UTF8"),
            ("client_encoding", "UTF8"),
            ("standard_conforming_strings", "on"),
            ("integer_datetimes", "on"),
            ("DateStyle", "ISO, MDY"),
            ("is_superuser", "on"),
            ("session_authorization", "postgres"),
        ] {
            self.report(name, value);
        }
        self.answer(b'K', &[0, 0, 0, 1, 0, 0, 0, 1]);
        self.ready()?;
        Ok(true)
    }

    fn bind(&mut self, body: &[u8]) {
        let mut at = Cursor(body);
        let (portal, name) = (at.text(), at.text());
        let formats = at.number(2);
        at.bytes(2 * formats);
        let count = at.number(2);
        let parameters = (0..count).map(|_| match at.number(4) {
            u32::MAX => None,
            length => Some(at.bytes(length)),
        });
        let parameters = Some(parameters.collect());
        let sql = self.prepared.get(&name).cloned().unwrap_or_default();
        self.portals.insert(
            portal,
            Sent {
                sql,
                parameters,
                ..Sent::default()
            },
        );
        self.answer(b'2', &[]);
    }

    /// A described statement is \gdesc; a described portal belongs to the next execution.
    fn describe(&mut self, body: &[u8]) {
        if body[0] == b'S' {
            let name = &body[1..body.len() - 1];
            let sql = self.prepared.get(name).cloned().unwrap_or_default();
            self.note(Sent {
                sql,
                described: true,
                ..Sent::default()
            });
            self.answer(b't', &[0, 0]);
        }
        self.answer(b'n', &[]);
    }

    /// Records and answers one message, which may hold several statements.
    fn run(&mut self, mut sent: Sent) -> io::Result<()> {
        let list = statements(&sent.sql);
        if list.is_empty() {
            self.answer(b'I', &[]);
        }
        for statement in &list {
            let tag: &[u8] = match statement {
                Statement::CopyIn => {
                    let data = self.copy_in()?;
                    sent.copies.push(data.len());
                    b"COPY 0\0"
                }
                Statement::CopyOut => {
                    self.answer(b'H', &[0, 0, 0]);
                    self.answer(b'c', &[]);
                    b"COPY 0\0"
                }
                Statement::Begin => {
                    self.begin();
                    b"BEGIN\0"
                }
                Statement::Commit { chain } => {
                    self.end(true);
                    if *chain {
                        self.begin();
                    }
                    b"COMMIT\0"
                }
                Statement::Rollback { chain } => {
                    self.end(false);
                    if *chain {
                        self.begin();
                    }
                    b"ROLLBACK\0"
                }
                Statement::Set { name, value, local } => {
                    self.set(name, value.as_deref(), *local);
                    b"SET\0"
                }
                Statement::Other => b"SELECT 0\0",
            };
            self.answer(b'C', tag);
        }
        // Before the answer, so that the record is complete once psql has ended.
        self.note(sent);
        Ok(())
    }

    fn begin(&mut self) {
        if !self.in_transaction {
            self.in_transaction = true;
            self.at_begin = self.settings.clone();
            self.at_commit = self.settings.clone();
        }
    }

    fn end(&mut self, commit: bool) {
        if std::mem::take(&mut self.in_transaction) {
            let then = if commit {
                self.at_commit.clone()
            } else {
                self.at_begin.clone()
            };
            self.change(then);
        }
    }

    fn set(&mut self, name: &str, value: Option<&str>, local: bool) {
        let mut then = self.settings.clone();
        let commit = &mut self.at_commit;
        if name == "client_encoding" {
            then.client_encoding = value.unwrap_or("UTF8").to_uppercase();
            if !local {
                commit.client_encoding = then.client_encoding.clone();
            }
        } else {
            then.standard_conforming_strings =
                !matches!(value, Some("off" | "false" | "no" | "0" | "f" | "n"));
            if !local {
                commit.standard_conforming_strings = then.standard_conforming_strings;
            }
        }
        // Outside a transaction, SET LOCAL has no effect.
        if !local || self.in_transaction {
            self.change(then);
        }
    }

    /// Reports changed settings to the client, as a server does at the end of a statement.
    fn change(&mut self, then: Settings) {
        if then.client_encoding != self.settings.client_encoding {
            self.report("client_encoding", &then.client_encoding);
        }
        if then.standard_conforming_strings != self.settings.standard_conforming_strings {
            let value = if then.standard_conforming_strings {
                "on"
            } else {
                "off"
            };
            self.report("standard_conforming_strings", value);
        }
        self.settings = then;
    }

    fn copy_in(&mut self) -> io::Result<Vec<u8>> {
        self.answer(b'G', &[0, 0, 0]);
        self.flush()?;
        let mut data = Vec::new();
        loop {
            match self.message()? {
                (b'd', piece) => data.extend_from_slice(&piece),
                (b'c' | b'f', _) => return Ok(without_end_marker(data)),
                _ => {}
            }
        }
    }

    fn note(&self, sent: Sent) {
        self.records
            .lock()
            .unwrap()
            .entry(self.database.clone())
            .or_default()
            .push(sent);
    }

    fn report(&mut self, name: &str, value: &str) {
        self.answer(b'S', format!("{name}\0{value}\0").as_bytes());
    }

    fn ready(&mut self) -> io::Result<()> {
        self.answer(b'Z', if self.in_transaction { b"T" } else { b"I" });
        self.flush()
    }

    fn answer(&mut self, kind: u8, body: &[u8]) {
        self.out.push(kind);
        self.out
            .extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
        self.out.extend_from_slice(body);
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    fn message(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut kind = [0];
        self.from.read_exact(&mut kind)?;
        Ok((kind[0], self.body()?))
    }

    fn body(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.from.read_exact(&mut length)?;
        let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
        self.from.read_exact(&mut body)?;
        Ok(body)
    }
}

/// Removes the line that ends the data: psql 15 sends it, psql 18 does not.
fn without_end_marker(mut data: Vec<u8>) -> Vec<u8> {
    for marker in [&b"\\.\n"[..], b"\\.\r\n", b"\\."] {
        if let Some(before) = data.strip_suffix(marker)
            && before.last().is_none_or(|byte| *byte == b'\n')
        {
            data.truncate(before.len());
            break;
        }
    }
    data
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn text(&mut self) -> Vec<u8> {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap();
        let text = self.0[..end].to_vec();
        self.0 = &self.0[end + 1..];
        text
    }

    fn number(&mut self, width: usize) -> u32 {
        let (number, rest) = self.0.split_at(width);
        self.0 = rest;
        number
            .iter()
            .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
    }

    fn bytes(&mut self, length: u32) -> Vec<u8> {
        let (bytes, rest) = self.0.split_at(length as usize);
        self.0 = rest;
        bytes.to_vec()
    }
}
