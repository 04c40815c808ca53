//! PKCS#11 tokens of SoftHSM, in a private directory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pgseal::trust::{SecretKey, TokenUri};

use pgseal_testkit::site::outcome;

/// PIN of every token in these tests.
pub const PIN: &str = "81726354";

/// SoftHSM with a private token directory.
pub struct SoftHsm {
    dir: PathBuf,
}

/// Runs a test with SoftHSM. SoftHSM takes its token directory from the environment, and a process can't change its own
/// without unsafe code: so the test, by its full name, runs again in a child process.
pub fn with_softhsm(test: &str, body: impl FnOnce(&SoftHsm)) {
    if let Some(dir) = std::env::var_os("PGSEAL_TEST_SOFTHSM") {
        return body(&SoftHsm { dir: dir.into() });
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (tokens, configuration) = (dir.path().join("tokens"), dir.path().join("softhsm2.conf"));
    std::fs::create_dir(&tokens).expect("a fresh directory");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        tokens.display()
    );
    std::fs::write(&configuration, text).expect("writable");
    let mut command = Command::new(std::env::current_exe().expect("the test's own program"));
    command
        .args(["--exact", test, "--nocapture"])
        .stdin(Stdio::null());
    command
        .env("PGSEAL_TEST_SOFTHSM", dir.path())
        .env("SOFTHSM2_CONF", configuration);
    let child = outcome(&mut command);
    assert!(
        child.code == 0 && child.text().contains("1 passed"),
        "{test}: {}{}",
        child.text(),
        child.stderr
    );
}

impl SoftHsm {
    /// Initialises a token.
    pub fn token(&self, label: &str) {
        let args = [
            "--init-token",
            "--free",
            "--label",
            label,
            "--so-pin",
            "12345678",
            "--pin",
            PIN,
        ];
        outcome(Command::new("softhsm2-util").args(args)).done();
    }

    /// Imports a known key into a token.
    pub fn import(&self, token: &str, label: &str, id: &str, key: &SecretKey) {
        let path = self.dir.join("import.key");
        key.write_new(&path, None).expect("a fresh file");
        self.import_file(token, label, id, &path);
        std::fs::remove_file(path).expect("our own file");
    }

    /// Imports any key file into a token.
    pub fn import_file(&self, token: &str, label: &str, id: &str, path: &Path) {
        let mut command = Command::new("softhsm2-util");
        command
            .arg("--import")
            .arg(path)
            .args(["--token", token, "--pin", PIN, "--label", label, "--id", id]);
        outcome(&mut command).done();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// Returns the path of the module, as Debian, Fedora and Homebrew install it.
pub fn module() -> &'static str {
    let places = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/opt/homebrew/lib/softhsm/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
    ];
    let found = places.into_iter().find(|place| Path::new(place).exists());
    found.expect("SoftHSM (Debian: softhsm2) is installed")
}

/// Returns the URI of a key on a token.
pub fn uri(names: &str) -> TokenUri {
    format!("pkcs11:{names}?module-path={}", module())
        .parse()
        .expect("a plain URI")
}
