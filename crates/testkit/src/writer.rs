//! A session that writes all the time, as those of production do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use postgres::{Client, NoTls};

use crate::cluster::TestDatabase;
use crate::release::wait_until;

/// Commits a statement up to 200 times a second until it is stopped.
pub struct Writer {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    const PAUSE: Duration = Duration::from_millis(5);

    /// Starts once the first statement is committed.
    pub fn start(db: &TestDatabase<'_>, statement: &str) -> Self {
        let (mut client, statement) = (db.client(), statement.to_owned());
        let (stop, written) = (Arc::default(), Arc::default());
        let thread = {
            let (stop, written): (Arc<AtomicBool>, Arc<AtomicU64>) =
                (Arc::clone(&stop), Arc::clone(&written));
            thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    client.batch_execute(&statement).unwrap();
                    written.fetch_add(1, Ordering::SeqCst);
                    thread::sleep(Self::PAUSE);
                }
            })
        };
        let writer = Self {
            stop,
            written,
            thread: Some(thread),
        };
        writer.wait_for(1);
        writer
    }

    /// The number of commits so far.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// Waits until so many more are committed.
    pub fn wait_for(&self, more: u64) {
        let wanted = self.written() + more;
        while self.written() < wanted {
            assert!(
                !self.thread.as_ref().is_some_and(JoinHandle::is_finished),
                "a write failed"
            );
            thread::sleep(Self::PAUSE);
        }
    }

    /// Ends it, and returns the number of commits.
    pub fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        self.written()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

/// An application that writes, and connects again after each lost connection.
pub struct Application {
    is_over: Arc<AtomicBool>,
    written: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Application {
    pub fn start(url: String, statement: &'static str) -> Self {
        let (is_over, written) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (over, count) = (Arc::clone(&is_over), Arc::clone(&written));
        let thread = thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                let connected = Client::connect(&url, NoTls);
                let Ok(mut client) = connected else {
                    thread::sleep(Duration::from_millis(50));
                    continue;
                };
                while !over.load(Ordering::SeqCst) && client.batch_execute(statement).is_ok() {
                    count.fetch_add(1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(5));
                }
            }
        });
        Self {
            is_over,
            written,
            thread,
        }
    }

    pub fn goes_on(&self) {
        let before = self.written.load(Ordering::SeqCst);
        wait_until("the application writes", || {
            self.written.load(Ordering::SeqCst) > before
        });
    }

    /// Ends it, and returns the number of statements that were committed for sure: a lost answer counts none.
    pub fn stop(self) -> u64 {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.join().unwrap();
        self.written.load(Ordering::SeqCst)
    }
}
