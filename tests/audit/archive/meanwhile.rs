//! Concurrent activity: another process holds the lock, or changes a file that is being added.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pgseal_verify::digest::Digest;

use super::{add, desk, faults, numbered};

#[test]
fn whoever_waits_for_a_lock_says_so() {
    let site = desk();
    add(&site, &["small.pgseal"]).done();
    site.run([
        "archive",
        "prove",
        "archive",
        "small.pgseal",
        "-o",
        "small.pgseal.tlog-proof",
    ])
    .done();
    let waits: [(&str, &[&str]); 4] = [
        (
            "archive/checkpoint",
            &[
                "archive",
                "add",
                "--with-faults",
                "archive",
                "ann.approval",
                "--key",
                "log.key",
            ],
        ),
        ("archive/checkpoint", &["archive", "verify", "archive"]),
        ("archive/checkpoint", &["audit", "archive"]),
        (
            "small.pgseal",
            &["sign", "small.pgseal", "--key", "other-log.key"],
        ),
    ];
    for (locked, args) in waits {
        let lock = File::open(site.path(locked)).expect("it is there");
        lock.lock().expect("nobody has it");
        let started = Instant::now();
        let mut command = site.command(args);
        if args[0] == "sign" {
            // A host with a trust root refuses the key of a log.
            command.env_remove("PGSEAL_TRUST");
        }
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        std::thread::sleep(Duration::from_secs(2));
        lock.unlock().expect("ours");
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && started.elapsed() < Duration::from_secs(20),
            "{args:?}: {said}"
        );
        assert_eq!(
            said.matches("another process has locked it; waiting")
                .count(),
            1,
            "{args:?}: {said}"
        );
    }
    // Reading the log's proof or its checkpoint takes no lock; two comparisons don't block each other.
    let lock = File::open(site.path("archive/checkpoint")).expect("it is there");
    lock.lock().expect("nobody has it");
    let bundle = File::open(site.path("small.pgseal")).expect("it is there");
    bundle.lock().expect("nobody has it");
    site.write("kept", site.read("archive/checkpoint"));
    let reads: [&[&str]; 4] = [
        &["verify", "small.pgseal"],
        &["archive", "checkpoint", "archive"],
        &["archive", "prove", "archive", "small.pgseal"],
        &["archive", "consistency", "archive", "--since", "kept"],
    ];
    for args in reads {
        let said = site.run(args);
        assert!(
            !said.stderr.contains("waiting"),
            "{args:?}: {}",
            said.stderr
        );
    }
    lock.unlock().expect("ours");
    lock.lock_shared().expect("nobody has it");
    let said = site.run(["archive", "verify", "archive"]).done();
    assert!(!said.stderr.contains("waiting"), "{}", said.stderr);
}

/// The log records the authenticated content, even if the file changes during the add.
#[test]
fn a_file_that_changes_while_it_is_added_is_logged_as_it_was_authenticated() {
    let (one, other) = (numbered(1), numbered(2));
    for in_place in [false, true] {
        let site = desk();
        let path = if in_place {
            "archive/moving.pgseal"
        } else {
            "moving.pgseal"
        };
        site.write(path, &one);
        let (done, mut logged) = (AtomicBool::new(false), None);
        std::thread::scope(|scope| {
            let write = || {
                let mut file = File::options()
                    .write(true)
                    .open(site.path(path))
                    .expect("it is there");
                for bytes in [&other, &one].into_iter().cycle() {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    file.seek(SeekFrom::Start(0)).expect("a file");
                    file.write_all(bytes).expect("written");
                    file.set_len(bytes.len() as u64).expect("cut");
                    std::thread::sleep(Duration::from_millis(2));
                }
            };
            scope.spawn(write);
            for _ in 0..40 {
                let added = add(&site, &[path]);
                if added.code == 0 {
                    let document = added.json();
                    logged = document["added"][0]["entry"]["sha256"]
                        .as_str()
                        .map(str::to_owned);
                    break;
                }
                // Half of each content is not a bundle, and a file that was replaced meanwhile is not logged.
                assert!(
                    [1, 10, 11].contains(&added.code),
                    "{}: {}",
                    added.code,
                    added.stderr
                );
                assert!(
                    !site.path("archive/tile").exists(),
                    "nothing was logged: {}",
                    added.stderr
                );
            }
            done.store(true, Ordering::Relaxed);
        });
        let Some(logged) = logged else { continue };
        let both = [Digest::of(&one).to_string(), Digest::of(&other).to_string()];
        assert!(both.contains(&logged), "{logged}");
        if !in_place {
            assert_eq!(
                Digest::of(&site.read("archive/moving.pgseal")).to_string(),
                logged
            );
            assert!(faults(&site, &[]).is_empty());
        }
    }
}
