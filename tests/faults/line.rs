//! A TCP proxy between pgseal and the server's unix socket. It parses the protocol, counts the messages over all
//! connections of one command, and injects a fault at one of them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::messages::{Message, Messages};
use super::point::{Fault, Side, What, When};
use crate::server::signal;

const DELAY: Duration = Duration::from_millis(40);

/// A proxy port for one server. It serves one command at a time; its threads end with the process.
pub struct Line {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    socket: PathBuf,
    postmaster: Arc<AtomicU32>,
    ride: Mutex<Arc<Ride>>,
}

/// The connections of one command, and the fault that hits them.
pub struct Ride {
    fault: Option<Fault>,
    front: AtomicUsize,
    back: AtomicUsize,
    connections: AtomicUsize,
    /// Connections that are still open on the client's side.
    talking: AtomicUsize,
    struck: AtomicBool,
    postmaster_killed: AtomicBool,
    /// The server is unreachable from now on.
    away: AtomicBool,
    slow: AtomicBool,
    client: AtomicU32,
    steps: Mutex<Vec<Step>>,
    open: Mutex<Vec<Arc<Connection>>>,
}

/// A message that passed the proxy.
#[derive(Clone, Debug)]
pub struct Step {
    pub side: Side,
    /// Counts from 1, per side, over all connections of the command.
    pub number: usize,
    /// The connection's number, from 1.
    pub connection: usize,
    /// The message type; `^` for the startup message, which has none.
    pub tag: char,
    pub length: usize,
    /// The beginning of the statement, if the message has one.
    pub text: String,
}

struct Connection {
    number: usize,
    client: TcpStream,
    server: UnixStream,
    backend: AtomicU32,
    /// Per side: its messages are dropped.
    mute: [AtomicBool; 2],
}

impl Line {
    /// Listens for the server at `socket`. `postmaster` is its process id, which changes on a restart.
    pub fn before(socket: PathBuf, postmaster: Arc<AtomicU32>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            socket,
            postmaster,
            ride: Mutex::new(Ride::new(None)),
        });
        let carrying = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                carrying.accept(client);
            }
        });
        Self { port, shared }
    }

    /// Connection string for a database through the proxy.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgresql://postgres@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    /// Begins a command without a fault. Each Query and Sync of pgseal is delayed so long that observers see every
    /// intermediate state.
    pub fn slowly(&self) -> Arc<Ride> {
        let ride = self.ride(None);
        ride.slow.store(true, SeqCst);
        ride
    }

    /// Begins a command with this fault: later connections belong to it.
    pub fn ride(&self, fault: Option<Fault>) -> Arc<Ride> {
        let ride = Ride::new(fault);
        *lock(&self.shared.ride) = Arc::clone(&ride);
        ride
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, client: TcpStream) {
        let ride = Arc::clone(&lock(&self.ride));
        if ride.away.load(SeqCst) {
            return;
        }
        let Ok(server) = UnixStream::connect(&self.socket) else {
            return;
        };
        let _ = client.set_nodelay(true);
        let number = ride.connections.fetch_add(1, SeqCst) + 1;
        let mute = [AtomicBool::new(false), AtomicBool::new(false)];
        let connection = Arc::new(Connection {
            number,
            client,
            server,
            backend: AtomicU32::new(0),
            mute,
        });
        lock(&ride.open).push(Arc::clone(&connection));
        ride.talking.fetch_add(1, SeqCst);
        for side in [Side::Front, Side::Back] {
            let (shared, ride, connection) =
                (Arc::clone(self), Arc::clone(&ride), Arc::clone(&connection));
            thread::spawn(move || {
                shared.carry(&ride, &connection, side);
                if side == Side::Front {
                    ride.talking.fetch_sub(1, SeqCst);
                }
            });
        }
    }

    /// Forwards the messages of one side until either peer closes the connection.
    fn carry(&self, ride: &Ride, connection: &Connection, side: Side) {
        let mut messages = Messages::from(side);
        let mut buffer = vec![0; 1 << 16];
        while let Some(count @ 1..) = connection.read(side, &mut buffer) {
            messages.push(&buffer[..count]);
            while let Some(message) = messages.take() {
                if !self.pass(ride, connection, side, &message) {
                    return connection.cut();
                }
            }
        }
        // A network that drops packets doesn't report the close either.
        if !connection.mute[side as usize].load(SeqCst) {
            connection.cut();
        }
    }

    /// Returns false to cut the connection.
    fn pass(&self, ride: &Ride, connection: &Connection, side: Side, message: &Message) -> bool {
        if let Some(pid) = message.backend() {
            connection.backend.store(pid, SeqCst);
        }
        let number = ride.count(side, connection.number, message);
        if side == Side::Front && "QS".contains(message.tag) && ride.slow.load(SeqCst) {
            thread::sleep(DELAY * 3);
        }
        let strikes = ride
            .fault
            .filter(|fault| (fault.side, fault.number) == (side, number));
        let forward = |connection: &Connection| {
            connection.mute[side as usize].load(SeqCst) || connection.write(side, &message.bytes)
        };
        let Some(fault) = strikes else {
            return forward(connection);
        };
        ride.struck.store(true, SeqCst);
        let other = &connection.mute[1 - side as usize];
        let after = fault.when == When::After;
        match fault.what {
            What::Delay => {
                thread::sleep(DELAY);
                forward(connection)
            }
            What::Swallow => {
                connection.mute[side as usize].store(true, SeqCst);
                true
            }
            What::Cut | What::Away | What::KillClient => {
                ride.away.store(fault.what == What::Away, SeqCst);
                // Answers of the other side would arrive too late.
                other.store(true, SeqCst);
                if after {
                    forward(connection);
                }
                if fault.what == What::KillClient {
                    ride.kill_client();
                }
                false
            }
            What::CutInside => {
                other.store(true, SeqCst);
                let end = fault.byte.min(message.bytes.len().saturating_sub(1));
                connection.write(side, &message.bytes[..end]);
                false
            }
            What::Terminate | What::KillBackend | What::KillPostmaster => {
                if !after {
                    self.harm(ride, connection, fault.what);
                }
                let passed = forward(connection);
                if after {
                    self.harm(ride, connection, fault.what);
                }
                passed || !after
            }
        }
    }

    fn harm(&self, ride: &Ride, connection: &Connection, what: What) {
        let backend = connection.backend.load(SeqCst);
        match what {
            What::KillPostmaster => {
                signal("KILL", self.postmaster.load(SeqCst));
                ride.postmaster_killed.store(true, SeqCst);
            }
            // The backend's process id is not known yet.
            _ if backend == 0 => {}
            What::Terminate => signal("TERM", backend),
            _ => signal("KILL", backend),
        }
    }
}

impl Ride {
    fn new(fault: Option<Fault>) -> Arc<Self> {
        Arc::new(Self {
            fault,
            front: AtomicUsize::new(0),
            back: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            talking: AtomicUsize::new(0),
            struck: AtomicBool::new(false),
            postmaster_killed: AtomicBool::new(false),
            away: AtomicBool::new(false),
            slow: AtomicBool::new(false),
            client: AtomicU32::new(0),
            steps: Mutex::default(),
            open: Mutex::default(),
        })
    }

    /// Sets the process that [`What::KillClient`] kills.
    pub fn of_process(&self, pid: u32) {
        self.client.store(pid, SeqCst);
    }

    /// Reports whether the message of the fault has passed.
    pub fn struck(&self) -> bool {
        self.struck.load(SeqCst)
    }

    /// Waits after the client's exit until its last messages have passed, since the fault may hit one of them.
    pub fn drain(&self) {
        let since = Instant::now();
        while self.talking.load(SeqCst) > 0 && since.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Reports once whether the server needs a restart.
    pub fn postmaster_killed(&self) -> bool {
        self.postmaster_killed.swap(false, SeqCst)
    }

    pub fn steps(&self) -> Vec<Step> {
        lock(&self.steps).clone()
    }

    /// Cuts the remaining connections.
    pub fn end(&self) {
        for connection in lock(&self.open).drain(..) {
            connection.cut();
        }
    }

    fn count(&self, side: Side, connection: usize, message: &Message) -> usize {
        let counter = if side == Side::Front {
            &self.front
        } else {
            &self.back
        };
        let number = counter.fetch_add(1, SeqCst) + 1;
        if self.fault.is_none() {
            let (tag, length, text) = (message.tag, message.bytes.len(), message.text());
            lock(&self.steps).push(Step {
                side,
                number,
                connection,
                tag,
                length,
                text,
            });
        }
        number
    }

    /// The process started before its first message, so its id arrives soon.
    fn kill_client(&self) {
        let since = Instant::now();
        while self.client.load(SeqCst) == 0 && since.elapsed() < Duration::from_secs(5) {
            thread::yield_now();
        }
        signal("KILL", self.client.load(SeqCst));
    }
}

impl Connection {
    fn read(&self, side: Side, buffer: &mut [u8]) -> Option<usize> {
        match side {
            Side::Front => (&self.client).read(buffer).ok(),
            Side::Back => (&self.server).read(buffer).ok(),
        }
    }

    fn write(&self, side: Side, bytes: &[u8]) -> bool {
        match side {
            Side::Front => (&self.server).write_all(bytes).is_ok(),
            Side::Back => (&self.client).write_all(bytes).is_ok(),
        }
    }

    fn cut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
