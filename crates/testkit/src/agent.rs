//! A real ssh-agent on a separate socket, and impostors of one.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgseal::trust::PublicKey;
use tempfile::TempDir;

use crate::site::outcome;

/// An ssh-agent; it ends when this value is dropped.
pub struct Agent {
    dir: TempDir,
    child: Child,
}

impl Agent {
    /// Starts an agent and waits until it accepts connections.
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let socket = dir.path().join("agent");
        let mut command = Command::new("ssh-agent");
        // -D runs it in the foreground, as our child.
        command
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = command
            .spawn()
            .expect("ssh-agent (Debian: openssh-client) is installed");
        let agent = Self { dir, child };
        let until = Instant::now() + Duration::from_secs(10);
        while UnixStream::connect(&socket).is_err() {
            assert!(Instant::now() < until, "the agent listens");
            std::thread::sleep(Duration::from_millis(10));
        }
        agent
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("agent")
    }

    /// Creates a key by ssh-keygen, outside the agent. Returns its secret file and its public line.
    pub fn new_key(&self, name: &str, kind: &[&str]) -> (PathBuf, String) {
        let path = self.dir.path().join(name);
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-N", "", "-C", "a test", "-t"])
            .args(kind)
            .arg("-f")
            .arg(&path);
        outcome(&mut command).done();
        let public =
            std::fs::read_to_string(path.with_extension("pub")).expect("ssh-keygen writes it");
        (path, public)
    }

    /// Adds a key to the agent.
    pub fn add(&self, key: &Path) {
        self.ssh_add()
            .arg("-q")
            .arg(key)
            .status()
            .expect("ssh-add runs")
            .success()
            .then_some(())
            .expect("it is added");
    }

    /// `ssh-add`, connected to this agent.
    pub fn ssh_add(&self) -> Command {
        let mut command = Command::new("ssh-add");
        command
            .env("SSH_AUTH_SOCK", self.socket())
            .stdin(Stdio::null());
        command
    }

    /// Creates an Ed25519 key and adds it to the agent.
    pub fn with_key(&self) -> PublicKey {
        let (path, line) = self.new_key("id", &["ed25519"]);
        self.add(&path);
        PublicKey::from_text(&line).expect("ssh-keygen writes a public key")
    }

    pub fn stop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // The agent may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A fake agent: it sends the result of `answers` for each request, or leaves the request
/// unanswered for `None`.
pub struct Impostor {
    dir: TempDir,
}

impl Impostor {
    pub fn new(answers: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let listener = UnixListener::bind(dir.path().join("agent")).expect("a fresh socket");
        std::thread::spawn(move || {
            // Connections without an answer stay open to the end of the test.
            let mut hanging = Vec::new();
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut length = [0; 4];
                let mut question = Vec::new();
                if stream.read_exact(&mut length).is_ok() {
                    question.resize(u32::from_be_bytes(length) as usize, 0);
                    let _ = stream.read_exact(&mut question);
                }
                match answers(&question) {
                    Some(answer) => drop(stream.write_all(&answer)),
                    None => hanging.push(stream),
                }
            }
        });
        Self { dir }
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("agent")
    }
}
