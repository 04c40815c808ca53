//! A pseudo-terminal for programs under test. No shell stands between, because a shell that also receives Ctrl-C may
//! end before the program does.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// Longest wait for a text on the screen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program on a terminal of its own.
pub struct Terminal {
    program: Child,
    keyboard: File,
    screen: Arc<Screen>,
    reader: JoinHandle<()>,
}

/// Everything that the program wrote so far.
#[derive(Default)]
struct Screen {
    text: Mutex<String>,
    grew: Condvar,
}

impl Terminal {
    /// Starts `command` on a terminal that is `columns` wide, as its controlling terminal.
    pub fn start(command: &Command, columns: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let keyboard = openpt(flags).expect("a pseudo-terminal");
        grantpt(&keyboard).expect("its rights");
        unlockpt(&keyboard).expect("it unlocks");
        let size = Winsize {
            ws_row: 50,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&keyboard, size).expect("its size");
        let inside = ioctl_tiocgptpeer(&keyboard, flags).expect("its other side");
        let keyboard = File::from(keyboard);
        let program = {
            let mut session = Command::new("setsid");
            session
                .arg("--ctty")
                .arg(command.get_program())
                .args(command.get_args());
            if let Some(dir) = command.get_current_dir() {
                session.current_dir(dir);
            }
            for (name, value) in command.get_envs() {
                match value {
                    Some(value) => session.env(name, value),
                    None => session.env_remove(name),
                };
            }
            let other = || inside.try_clone().expect("a descriptor");
            session.env("TERM", "xterm").env_remove("NO_COLOR");
            session.stdin(other()).stdout(other()).stderr(other());
            session.spawn().expect("util-linux has setsid")
        };
        // Only the program holds the terminal now, so reading ends with it.
        drop(inside);
        let screen = Arc::new(Screen::default());
        let (shared, mut output) = (screen.clone(), keyboard.try_clone().expect("a descriptor"));
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Linux reports a terminal without programs as EIO.
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
                shared.text.lock().unwrap().push_str(&text);
                shared.grew.notify_all();
            }
        });
        Self {
            program,
            keyboard,
            screen,
            reader,
        }
    }

    /// Types `text`; `\x03` is Ctrl-C and `\x04` is Ctrl-D.
    pub fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until the output so far has what `is_there` looks for.
    #[track_caller]
    pub fn wait_for(&self, what: &str, is_there: impl Fn(&str) -> bool) {
        let text = self.screen.text.lock().unwrap();
        let wait = self
            .screen
            .grew
            .wait_timeout_while(text, PATIENCE, |text| !is_there(text));
        let (text, timeout) = wait.unwrap();
        assert!(!timeout.timed_out(), "not on the screen: {what}: {text:?}");
    }

    /// Waits until the program reads without echo, as it does for a password.
    #[track_caller]
    pub fn wait_for_hidden_input(&self) {
        let start = Instant::now();
        let echoes = || {
            let modes = tcgetattr(&self.keyboard).expect("its modes").local_modes;
            modes.contains(LocalModes::ECHO)
        };
        while echoes() {
            assert!(start.elapsed() < PATIENCE, "the terminal still echoes");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end of the program, and returns its exit code and everything it wrote.
    pub fn end(mut self) -> (Option<i32>, String) {
        let status = self.program.wait().unwrap();
        self.reader.join().unwrap();
        let text = self.screen.text.lock().unwrap().clone();
        (status.code(), text)
    }
}
