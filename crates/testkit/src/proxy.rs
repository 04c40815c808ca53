//! Simulates a bad network: a unix socket in front of the server's that interferes with the COMMIT,
//! or with every answer.

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

/// The effect on the first COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The server commits; the connection is cut before its answer.
    AnswerLost,
    /// The connection is cut before the COMMIT reaches the server.
    NeverSent,
    /// Like [`Fate::AnswerLost`], and every later connection fails.
    AnswerLostAndServerAway,
    /// The server commits; instead of its answer, a notice arrives twice a second, without end.
    AnswerDripped,
    /// The server commits; its answer is delayed by this time.
    AnswerLate(Duration),
    /// The server rolls back, and its answer arrives.
    RolledBack,
    /// No effect on the COMMIT, but each message of the server is sent separately, with a short
    /// delay.
    MessageByMessage,
}

/// A proxy in front of a server. Its socket is removed when this value is dropped.
pub struct Proxy {
    dir: TempDir,
    struck: Arc<AtomicBool>,
}

impl Proxy {
    /// Starts a proxy for the server with its socket in `server`.
    pub fn before(server: &Path, fate: Fate) -> Self {
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        let struck = Arc::new(AtomicBool::new(false));
        let socket = dir.path().join(".s.PGSQL.5432");
        let listener = UnixListener::bind(&socket).unwrap();
        let line = Line {
            server: server.join(".s.PGSQL.5432"),
            socket,
            fate,
            struck: Arc::clone(&struck),
        };
        // The listener ends with the test process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                line.clone().carry(client);
            }
        });
        Self { dir, struck }
    }

    /// The URL of a database through the proxy.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgresql:///{database}?host={}&port=5432&user=postgres",
            self.dir.path().display()
        )
    }

    /// Whether a COMMIT was affected.
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
        let Ok(server) = UnixStream::connect(&self.server) else {
            return;
        };
        let (to_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        // Set if the next answer must be lost.
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
            copy(from_server, to_client, |_| {
                match (losing.load(Ordering::SeqCst), fate) {
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
                }
            })
        });
        thread::spawn(move || {
            copy(client, server, |bytes| {
                // In a Parse message, the statement's text ends with a zero byte.
                let commit = bytes.windows(7).position(|window| window == b"COMMIT\0");
                let Some(at) = commit.filter(|_| !self.struck.swap(true, Ordering::SeqCst)) else {
                    return true;
                };
                if self.fate == Fate::RolledBack {
                    bytes[at..at + 6].copy_from_slice(b"ABORT ");
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

/// A NoticeResponse: its length, then its fields, each terminated by a zero byte.
const NOTICE: &[u8] = b"N\0\0\0\x28SNOTICE\0VNOTICE\0C00000\0Mstill here\0\0";

/// Forwards messages one by one: a type byte, and four bytes with the length of the rest.
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

/// Forwards bytes until either end closes or `pass` returns false, then closes both directions.
fn copy(mut from: UnixStream, mut to: UnixStream, mut pass: impl FnMut(&mut [u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !pass(&mut buffer[..count]) || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
