//! A real headless browser, driven directly over a pipe by the DevTools protocol, without a driver
//! program or library.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// Names of Chromium's program, the leanest first.
const PROGRAMS: [&str; 5] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome",
];

/// A running browser with one page.
pub struct Browser {
    child: Child,
    into: ChildStdin,
    out: BufReader<ChildStdout>,
    session: Option<String>,
    next: u64,
    /// Addresses requested since the last page was opened.
    requests: Vec<String>,
    _profile: tempfile::TempDir,
}

/// The browser's program: `PGSEAL_BROWSER`, else the first in PATH.
pub fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("PGSEAL_BROWSER").filter(|path| !path.is_empty()) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let there = |name: &&str| {
        dirs.iter()
            .map(|dir| dir.join(name))
            .find(|file| file.is_file())
    };
    PROGRAMS.iter().find_map(there)
}

impl Browser {
    pub fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The browser reads commands from descriptor 3 and answers on 4. The shell connects these
        // to its standard input and output.
        let mut command = Command::new("sh");
        command
            .args([
                "-c",
                "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1",
            ])
            .arg(program);
        command.args([
            "--headless",
            "--remote-debugging-pipe",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
        ]);
        command.args([
            "--disable-background-networking",
            "--disable-dev-shm-usage",
            "--force-color-profile=srgb",
        ]);
        // As root, the browser's sandbox can't start. It only opens pages that the test has just
        // written.
        command
            .arg("--no-sandbox")
            .arg(format!("--user-data-dir={}", profile.path().display()));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (into, out) = (
            child.stdin.take().unwrap(),
            BufReader::new(child.stdout.take().unwrap()),
        );
        let mut browser = Self {
            child,
            into,
            out,
            session: None,
            next: 0,
            requests: Vec::new(),
            _profile: profile,
        };
        let target =
            browser.ask("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.ask(
            "Target.attachToTarget",
            json!({ "targetId": target, "flatten": true }),
        );
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser.ask("Page.enable", json!({}));
        browser.ask("Network.enable", json!({}));
        browser
    }

    /// Opens a file in a window of this size (CSS pixels), light or dark.
    pub fn open(&mut self, file: &Path, (width, height): (u32, u32), dark: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.ask("Emulation.setDeviceMetricsOverride", size);
        self.media("screen", dark);
        self.requests.clear();
        let opened = self.ask(
            "Page.navigate",
            json!({ "url": format!("file://{}", file.display()) }),
        );
        assert_eq!(opened["errorText"], Value::Null, "{}", file.display());
        self.until("Page.loadEventFired");
    }

    /// Emulates a medium, `screen` or `print`, light or dark.
    pub fn media(&mut self, media: &str, dark: bool) {
        let scheme = json!([{ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } }]);
        self.ask(
            "Emulation.setEmulatedMedia",
            json!({ "media": media, "features": scheme }),
        );
    }

    /// Chooses files of the disk in an input of the page.
    pub fn choose(&mut self, selector: &str, files: &[PathBuf]) {
        let expression = format!("document.querySelector({})", json!(selector));
        let found = self.ask("Runtime.evaluate", json!({ "expression": expression }));
        let input = found["result"]["objectId"].clone();
        self.ask(
            "DOM.setFileInputFiles",
            json!({ "objectId": input, "files": files }),
        );
    }

    /// Evaluates an expression; a promise is awaited.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let how = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.ask("Runtime.evaluate", how);
        assert_eq!(answer["exceptionDetails"], Value::Null, "{expression}");
        answer["result"]["value"].clone()
    }

    /// Addresses that the page requested, besides its own.
    pub fn requests(&mut self, file: &Path) -> Vec<String> {
        // Events of in-flight requests arrive before this answer.
        self.evaluate("new Promise(done => setTimeout(() => done(1), 50))");
        let own = format!("file://{}", file.display());
        self.requests
            .iter()
            .filter(|address| **address != own)
            .cloned()
            .collect()
    }

    /// Writes a picture of the whole page (PNG).
    pub fn picture(&mut self, into: &Path) {
        use base64ct::{Base64, Encoding};
        let shot = self.ask(
            "Page.captureScreenshot",
            json!({ "captureBeyondViewport": true }),
        );
        std::fs::write(
            into,
            Base64::decode_vec(shot["data"].as_str().unwrap()).unwrap(),
        )
        .unwrap();
    }

    /// The printed page (PDF), in base64.
    pub fn print(&mut self) -> String {
        let printed = self.ask("Page.printToPDF", json!({ "printBackground": false }));
        printed["data"].as_str().unwrap().to_owned()
    }

    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.next += 1;
        let mut message = json!({ "id": self.next, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let bytes = [message.to_string().as_bytes(), b"\0"].concat();
        self.into.write_all(&bytes).unwrap();
        loop {
            let heard = self.hear();
            if heard["id"] == json!(self.next) {
                assert_eq!(heard["error"], Value::Null, "{method}");
                return heard["result"].clone();
            }
        }
    }

    fn until(&mut self, event: &str) {
        while self.hear()["method"] != json!(event) {}
    }

    fn hear(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.out.read_until(0, &mut bytes).unwrap();
        assert_eq!(bytes.pop(), Some(0), "the browser is gone");
        let message: Value = serde_json::from_slice(&bytes).unwrap();
        if message["method"] == json!("Network.requestWillBeSent") {
            self.requests.push(
                message["params"]["request"]["url"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            );
        }
        message
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
