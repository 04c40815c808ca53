//! The way from pgseal to its server: a TCP port whose other end is the server's unix socket. It knows where each message
//! of the protocol begins and ends, counts them over all connections of one command, and strikes at one of them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::messages::{Message, Messages};
use super::point::{Fault, JudgedAt, Side, What};
use crate::server::signal;

/// How long a delayed message is held back.
const DELAY: Duration = Duration::from_millis(40);

/// A port before one server. It carries one command at a time; its threads end with the process.
pub struct Line {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    socket: PathBuf,
    postmaster: Arc<AtomicU32>,
    ride: Mutex<Arc<Ride>>,
}

/// What happens to the connections of one command.
pub struct Ride {
    fault: Option<Fault>,
    front: AtomicUsize,
    back: AtomicUsize,
    connections: AtomicUsize,
    /// Those whose client has more to say.
    talking: AtomicUsize,
    struck: AtomicBool,
    postmaster_killed: AtomicBool,
    /// Nobody gets through any more.
    away: AtomicBool,
    slow: AtomicBool,
    client: AtomicU32,
    steps: Mutex<Vec<Step>>,
    open: Mutex<Vec<Arc<Connection>>>,
}

/// A message as it went by.
#[derive(Clone, Debug)]
pub struct Step {
    pub side: Side,
    /// From 1, by side, over all connections of the command.
    pub number: usize,
    /// Which connection, from 1.
    pub connection: usize,
    /// The protocol's letter; `^` for the start of a connection, which has none.
    pub tag: char,
    pub length: usize,
    /// The beginning of a statement.
    pub text: String,
}

struct Connection {
    number: usize,
    client: TcpStream,
    server: UnixStream,
    backend: AtomicU32,
    /// What comes from this side is lost.
    mute: [AtomicBool; 2],
}

impl Line {
    /// Before the server whose socket is `socket`. `postmaster` is its process id, which changes when it is started again.
    pub fn before(socket: PathBuf, postmaster: Arc<AtomicU32>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { socket, postmaster, ride: Mutex::new(Ride::new(None)) });
        let carrying = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                carrying.accept(client);
            }
        });
        Self { port, shared }
    }

    /// How to reach a database through it.
    pub fn url(&self, database: &str) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// From now on connections belong to a new command without a fault, of which every message of pgseal's is held back so
    /// long that others can look at each state.
    pub fn slowly(&self) -> Arc<Ride> {
        let ride = self.ride(None);
        ride.slow.store(true, SeqCst);
        ride
    }

    /// From now on connections belong to a new command, with this fault.
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
        let Ok(server) = UnixStream::connect(&self.socket) else { return };
        let _ = client.set_nodelay(true);
        let number = ride.connections.fetch_add(1, SeqCst) + 1;
        let mute = [AtomicBool::new(false), AtomicBool::new(false)];
        let connection = Arc::new(Connection { number, client, server, backend: AtomicU32::new(0), mute });
        lock(&ride.open).push(Arc::clone(&connection));
        ride.talking.fetch_add(1, SeqCst);
        for side in [Side::Front, Side::Back] {
            let (shared, ride, connection) = (Arc::clone(self), Arc::clone(&ride), Arc::clone(&connection));
            thread::spawn(move || {
                shared.carry(&ride, &connection, side);
                if side == Side::Front {
                    ride.talking.fetch_sub(1, SeqCst);
                }
            });
        }
    }

    /// Carries the messages of one side until somebody hangs up.
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
        // A network that swallows does not tell either that somebody hung up.
        if !connection.mute[side as usize].load(SeqCst) {
            connection.cut();
        }
    }

    /// False when the connection is to be cut.
    fn pass(&self, ride: &Ride, connection: &Connection, side: Side, message: &Message) -> bool {
        if let Some(pid) = message.backend() {
            connection.backend.store(pid, SeqCst);
        }
        let number = ride.count(side, connection.number, message);
        if side == Side::Front && "QS".contains(message.tag) && ride.slow.load(SeqCst) {
            thread::sleep(DELAY * 3);
        }
        let strikes = ride.fault.filter(|fault| (fault.side, fault.number) == (side, number));
        let forward = |connection: &Connection| {
            connection.mute[side as usize].load(SeqCst) || connection.write(side, &message.bytes)
        };
        let Some(fault) = strikes else { return forward(connection) };
        ride.struck.store(true, SeqCst);
        let other = &connection.mute[1 - side as usize];
        let after = fault.when == JudgedAt::After;
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
                // What the other side has to say to it comes too late.
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
            // The server has not said yet who serves this connection.
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

    /// The process that is to be killed.
    pub fn of_process(&self, pid: u32) {
        self.client.store(pid, SeqCst);
    }

    /// Whether the fault's message came by.
    pub fn struck(&self) -> bool {
        self.struck.load(SeqCst)
    }

    /// After the client's end: until its last words have passed, and what strikes at them has struck.
    pub fn drain(&self) {
        let since = Instant::now();
        while self.talking.load(SeqCst) > 0 && since.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether the server has to be started again; true once.
    pub fn postmaster_killed(&self) -> bool {
        self.postmaster_killed.swap(false, SeqCst)
    }

    /// Everything that went by.
    pub fn steps(&self) -> Vec<Step> {
        lock(&self.steps).clone()
    }

    /// Cuts what is left.
    pub fn end(&self) {
        for connection in lock(&self.open).drain(..) {
            connection.cut();
        }
    }

    fn count(&self, side: Side, connection: usize, message: &Message) -> usize {
        let counter = if side == Side::Front { &self.front } else { &self.back };
        let number = counter.fetch_add(1, SeqCst) + 1;
        if self.fault.is_none() {
            let (tag, length, text) = (message.tag, message.bytes.len(), message.text());
            lock(&self.steps).push(Step { side, number, connection, tag, length, text });
        }
        number
    }

    /// The process has been started before its first message came; its id follows at once.
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
