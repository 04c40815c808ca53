//! Test support: throwaway PostgreSQL servers, keys, releases, defects, and programs run by tests.
#![allow(
    missing_docs,
    clippy::new_without_default,
    clippy::unwrap_used,
    clippy::print_stderr
)]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub mod added_defects;
pub mod agent;
pub mod approvers;
pub mod browser;
pub mod bundles;
pub mod cluster;
pub mod defects;
pub mod fingerprint;
pub mod keys;
pub mod moto;
pub mod people;
pub mod programs;
pub mod proxy;
pub mod recorder;
pub mod release;
pub mod server;
pub mod server_words;
pub mod site;
pub mod tar;
pub mod terminal;
pub mod throwaway;
pub mod tsa;
pub mod vectors;
pub mod writer;

/// The program under test. Cargo builds it in a directory above the test's own binary.
pub fn pgseal() -> PathBuf {
    let own = std::env::current_exe().expect("the path of this program");
    let found = own
        .ancestors()
        .skip(1)
        .map(|dir| dir.join("pgseal"))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no program pgseal in a directory above {}", own.display()))
}

/// Waits until the clock shows another second, because documents keep times in whole seconds.
pub fn next_second() {
    let second = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock after 1970")
            .as_secs()
    };
    let now = second();
    while second() == now {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
