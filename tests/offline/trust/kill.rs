//! An install that is killed at any step leaves version N or N + 1, whole.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use pgseal::trust::store;

use super::{chain, desk, done};
use pgseal_testkit::site::Site;

/// System calls that change files. The program is killed at the first call of each, then the second, and so on, until
/// it survives.
const CALLS: [&str; 8] = [
    "openat",
    "write",
    "fsync",
    "mkdir",
    "rename,renameat,renameat2",
    "link,linkat",
    "unlink,unlinkat",
    "flock",
];

#[test]
fn killed_at_every_step() {
    let strike = if can_trace() {
        struck_at_every_call
    } else {
        |_: &str| killed_at_many_moments()
    };
    // Each call has its own site, and all run at once: most of the time is waiting for the disk.
    let seen: Vec<(u32, BTreeSet<u32>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = CALLS
            .iter()
            .map(|calls| scope.spawn(move || strike(calls)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("every kill is survived"))
            .collect()
    });
    let kills: u32 = seen.iter().map(|(kills, _)| kills).sum();
    assert!(kills > 50, "the program was killed only {kills} times");
    let versions: BTreeSet<u32> = seen
        .into_iter()
        .flat_map(|(_, versions)| versions)
        .collect();
    assert_eq!(
        versions,
        BTreeSet::from([1, 4]),
        "it was killed before the rename and after it"
    );
}

/// Killing does not show the losses of a machine crash. So this checks the order of calls: no file is renamed before it
/// is on disk, the trust root is renamed last, and its directory is synced after it.
#[test]
fn written_before_it_is_renamed() {
    if !can_trace() {
        return;
    }
    let site = desk();
    chain(&site);
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-qq",
        "-y",
        "-o",
        "calls",
        "-e",
        "trace=fsync,rename,renameat,renameat2",
    ]);
    strace
        .arg(env!("CARGO_BIN_EXE_pgseal"))
        .args(["trust", "install", "medium"]);
    assert!(
        quiet(&site, &mut strace)
            .status()
            .expect("strace starts")
            .success()
    );
    let calls = String::from_utf8(site.read("calls")).expect("text");
    let (mut synced, mut renamed, mut pending) = (BTreeSet::new(), Vec::new(), None);
    for call in calls.lines().map(|line| {
        line.split_once(' ')
            .map_or(line, |(_, call)| call.trim_start())
    }) {
        if let Some(path) = call
            .strip_prefix("fsync(")
            .and_then(|rest| rest.split(['<', '>']).nth(1))
        {
            synced.insert(path.rsplit('/').next().unwrap_or_default().to_owned());
            // The next file is renamed only after the directory of the one before is on disk.
            if Path::new(path).is_dir() {
                pending = None;
            }
        } else if let Some(paths) = call.strip_prefix("rename") {
            let names: Vec<&str> = paths.split('"').skip(1).step_by(2).collect();
            let name = |at: usize| names[at].rsplit('/').next().unwrap_or_default().to_owned();
            assert!(
                synced.contains(&name(0)),
                "renamed before it was on disk: {call}"
            );
            assert_eq!(pending, None, "{call}");
            pending = Some(name(1));
            renamed.push(name(1));
        }
    }
    assert_eq!(
        (renamed.last().map(String::as_str), pending),
        (Some("trust.json"), None)
    );
    assert_eq!(
        renamed.len(),
        6 + 3 + 1,
        "two signatures for each of three versions, three documents, the trust root"
    );
}

/// Returns the number of kills, and the versions that were installed after them.
fn struck_at_every_call(calls: &str) -> (u32, BTreeSet<u32>) {
    let site = desk();
    chain(&site);
    let first = Snapshot::take(&site);
    let mut seen = BTreeSet::new();
    for nth in 1..400 {
        first.restore(&site);
        let inject = format!("inject={calls}:signal=SIGKILL:when={nth}");
        let mut strace = Command::new("strace");
        strace.args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            &format!("trace={calls}"),
            "-e",
            &inject,
        ]);
        strace
            .arg(env!("CARGO_BIN_EXE_pgseal"))
            .args(["trust", "install", "medium"]);
        if quiet(&site, &mut strace)
            .status()
            .expect("strace starts")
            .success()
        {
            assert_eq!(installed(&site), 4);
            return (nth - 1, seen);
        }
        seen.insert(survives(&site));
    }
    panic!("{calls} never ends");
}

fn killed_at_many_moments() -> (u32, BTreeSet<u32>) {
    let site = desk();
    chain(&site);
    let first = Snapshot::take(&site);
    let (begun, mut seen) = (Instant::now(), BTreeSet::new());
    done(&site, "trust install medium");
    let whole = begun.elapsed();
    let moments = 40;
    for nth in 0..=moments {
        first.restore(&site);
        let mut program = Command::new(env!("CARGO_BIN_EXE_pgseal"));
        let mut child = quiet(&site, program.args(["trust", "install", "medium"]))
            .spawn()
            .expect("it starts");
        std::thread::sleep(whole * nth * 2 / moments);
        // The program may have ended by itself.
        let _ = child.kill();
        child.wait().expect("it ends");
        seen.insert(survives(&site));
    }
    (moments, seen)
}

/// Asserts the state after a kill: the installed root is N or the last of the chain, with its signatures, and another
/// install succeeds.
fn survives(site: &Site) -> u32 {
    let version = installed(site);
    assert!(
        version == 1 || version == 4,
        "half of a chain is installed: {version}"
    );
    let again = site.run(["trust", "install", "medium"]);
    if version == 4 {
        again.is_error(11, "version 4 is installed already");
    } else {
        again.done();
    }
    assert_eq!(installed(site), 4);
    version
}

/// Returns the version that loads; its bytes are exactly those of its document.
fn installed(site: &Site) -> u32 {
    let root = store::read(&site.path("trust.json")).expect("the installed root loads");
    let version = root.document().version;
    let document = if version == 1 {
        "first.json".to_owned()
    } else {
        format!("trust.{version}.json")
    };
    assert_eq!(site.read("trust.json"), site.read(&document));
    version
}

/// The trust root's files before the install.
struct Snapshot {
    files: Vec<(String, Vec<u8>)>,
}

impl Snapshot {
    fn take(site: &Site) -> Self {
        site.write("first.json", site.read("trust.json"));
        let names = fs::read_dir(site.path("trust.json.sigs"))
            .expect("there")
            .map(|file| file.expect("readable"));
        let name =
            |file: fs::DirEntry| format!("trust.json.sigs/{}", file.file_name().to_string_lossy());
        let names = std::iter::once("trust.json".to_owned()).chain(names.map(name));
        Self {
            files: names.map(|name| (name.clone(), site.read(&name))).collect(),
        }
    }

    fn restore(&self, site: &Site) {
        fs::remove_dir_all(site.path("trust.json.sigs")).expect("removed");
        fs::create_dir(site.path("trust.json.sigs")).expect("made");
        for (name, bytes) in &self.files {
            site.write(name, bytes);
        }
        // Temporary files of a killed program are ignored, but must not accumulate here.
        for file in fs::read_dir(site.dir())
            .expect("there")
            .map(|file| file.expect("readable"))
        {
            if file.file_name().to_string_lossy().starts_with(".pgseal-") {
                fs::remove_file(file.path()).expect("removed");
            }
        }
    }
}

fn quiet<'c>(site: &Site, command: &'c mut Command) -> &'c mut Command {
    command
        .current_dir(site.dir())
        .env("PGSEAL_TRUST", "trust.json");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

/// Returns whether this process may trace another, which some systems forbid.
fn can_trace() -> bool {
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-o", "/dev/null", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    strace.status().is_ok_and(|status| status.success())
}
