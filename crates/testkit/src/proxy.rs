//! A bad network: a unix socket before the server's, that does something to the COMMIT on its way, or to every answer.

use std::{
    fs,
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// What becomes of the first COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server gets it and commits; its answer is lost with the connection.
    AnswerLost,
    /// The connection is cut before the server gets it.
    NeverSent,
    /// As [`Fate::AnswerLost`], and from then on nobody gets through.
    AnswerLostAndServerAway,
    /// The server gets it and commits; in place of its answer a notice comes twice a second, for ever.
    AnswerDripped,
    /// The server gets it and commits; its answer takes so long.
    AnswerLate(Duration),
    /// Nothing becomes of it; but each message of the server comes alone, a moment behind the one before.
    MessageByMessage,
}

/// Stands before a server; ends with this value.
pub struct Proxy {
    dir: TempDir,
    struck: Arc<AtomicBool>,
}

impl Proxy {
    /// Before the server whose socket is in `server`.
    pub fn before(server: &Path, fate: Fate) -> Self {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let struck = Arc::new(AtomicBool::new(false));
        let socket = dir.path().join(".s.PGSQL.5432");
        let listener = UnixListener::bind(&socket).unwrap();
        let line = Line { server: server.join(".s.PGSQL.5432"), socket, fate, struck: Arc::clone(&struck) };
        // Ends with the test process; a connection that nobody makes costs nothing.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                line.clone().carry(client);
            }
        });
        Self { dir, struck }
    }

    /// How to reach a database through it.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql:///{database}?host={}&port=5432&user=postgres", self.dir.path().display())
    }

    /// Whether a COMMIT has met its fate.
    pub fn struck(&self) -> bool {
        self.struck.load(Ordering::SeqCst)
    }
}

#[derive(Clone)]
struct Line {
    server: PathBuf,
    socket: PathBuf,
    fate: Fate,
    struck: Arc<AtomicBool>,
}

impl Line {
    fn carry(self, client: UnixStream) {
        let Ok(server) = UnixStream::connect(&self.server) else { return };
        let (to_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        // Set when the answer to come is the one to lose.
        let lose = Arc::new(AtomicBool::new(false));
        let losing = Arc::clone(&lose);
        let fate = self.fate;
        let mut dripping = to_client.try_clone().unwrap();
        if fate == Fate::MessageByMessage {
            thread::spawn(move || one_by_one(from_server, to_client));
            thread::spawn(move || copy(client, server, |_| true));
            return;
        }
        thread::spawn(move || {
            copy(from_server, to_client, |_| match (losing.load(Ordering::SeqCst), fate) {
                (true, Fate::AnswerLate(time)) => {
                    losing.store(false, Ordering::SeqCst);
                    thread::sleep(time);
                    true
                }
                (true, Fate::AnswerDripped) => {
                    while dripping.write_all(NOTICE).is_ok() {
                        thread::sleep(Duration::from_millis(500));
                    }
                    false
                }
                (lose, _) => !lose,
            })
        });
        thread::spawn(move || {
            copy(client, server, |bytes| {
                // In a Parse message the text of the statement ends in a zero byte.
                let commit = bytes.windows(7).any(|window| window == b"COMMIT\0");
                if !commit || self.struck.swap(true, Ordering::SeqCst) {
                    return true;
                }
                lose.store(true, Ordering::SeqCst);
                if self.fate == Fate::AnswerLostAndServerAway {
                    fs::remove_file(&self.socket).unwrap();
                }
                self.fate != Fate::NeverSent
            });
        });
    }
}

/// A NoticeResponse: its length, its fields, each with a zero byte at its end.
const NOTICE: &[u8] = b"N\0\0\0\x28SNOTICE\0VNOTICE\0C00000\0Mstill here\0\0";

/// Carries messages: a byte that says which, and four with the length of the rest.
fn one_by_one(mut from: UnixStream, mut to: UnixStream) {
    let mut head = [0; 5];
    while from.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
        let mut message = head.to_vec();
        message.resize(1 + length, 0);
        if from.read_exact(&mut message[5..]).is_err() || to.write_all(&message).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// Carries bytes until either end closes or `pass` says no, then cuts both ways.
fn copy(mut from: UnixStream, mut to: UnixStream, mut pass: impl FnMut(&[u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !pass(&buffer[..count]) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
