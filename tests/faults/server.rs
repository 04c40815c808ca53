//! A throwaway server with durable commits that the tests kill and restart.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

use pgseal_testkit::cluster::{Cluster, programs};

pub struct Server {
    pub cluster: Cluster,
    /// The postmaster's process id; a restart changes it.
    pub postmaster: Arc<AtomicU32>,
    again: AtomicBool,
}

impl Server {
    pub fn start() -> Self {
        let cluster = Cluster::own();
        let postmaster = Arc::new(AtomicU32::new(cluster.server().pid()));
        let server = Self {
            cluster,
            postmaster,
            again: AtomicBool::new(false),
        };
        let mut client = server.client("postgres");
        // A throwaway server loses its last commits in a crash by default.
        for setting in [
            "synchronous_commit = on",
            "log_min_messages = fatal",
            "log_min_error_statement = panic",
        ] {
            client
                .batch_execute(&format!("alter system set {setting}"))
                .unwrap();
        }
        client.batch_execute("select pg_reload_conf()").unwrap();
        while client
            .query_one("show synchronous_commit", &[])
            .unwrap()
            .get::<_, String>(0)
            != "on"
        {
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// A connection that bypasses every fault; retries while the server recovers.
    pub fn client(&self, database: &str) -> Client {
        let since = Instant::now();
        loop {
            match Client::connect(&self.cluster.server().connection(database), NoTls) {
                Ok(client) => return client,
                Err(error) if since.elapsed() > Duration::from_secs(60) => {
                    panic!("the server is not back: {error}")
                }
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// Restarts the server after its postmaster was killed.
    pub fn revive(&self) {
        let since = Instant::now();
        // pg_ctl fails until the last backend has exited.
        while !self.pg_ctl(&["start", "--wait", "--silent", "--log", "/dev/null"]) {
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "the server does not start again"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        self.again.store(true, SeqCst);
        let file = std::fs::read_to_string(self.cluster.server().dir().join("data/postmaster.pid"))
            .unwrap();
        self.postmaster
            .store(file.lines().next().unwrap().parse().unwrap(), SeqCst);
    }

    fn pg_ctl(&self, args: &[&str]) -> bool {
        let data = self.cluster.server().dir().join("data");
        let owner = std::fs::metadata(&data).unwrap();
        let mut command = Command::new(programs().dir().join("pg_ctl"));
        command
            .args(args)
            .arg("--pgdata")
            .arg(&data)
            .current_dir("/");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Only root can switch users, and needs to: otherwise the server runs as this user.
        if owner.uid()
            != std::fs::metadata(std::env::current_exe().unwrap())
                .unwrap()
                .uid()
        {
            command.gid(owner.gid()).uid(owner.uid());
        }
        command.status().unwrap().success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The supervisor knows only the first postmaster.
        if self.again.load(SeqCst) {
            self.pg_ctl(&["stop", "--mode=immediate", "--silent"]);
        }
    }
}

/// Signals one process that this harness or its server started.
pub fn signal(name: &str, pid: u32) {
    if pid > 1 {
        let mut kill = Command::new("kill");
        // It may have exited by itself.
        let _ = kill
            .args([&format!("-{name}"), &pid.to_string()])
            .stderr(Stdio::null())
            .status();
    }
}
