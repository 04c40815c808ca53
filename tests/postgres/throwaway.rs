//! A throwaway server starts, answers, and leaves no processes or files behind, however its owner ends.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use pgseal_testkit::programs::ServerPrograms;
use pgseal_testkit::throwaway::{ThrowawayError, ThrowawayServer};
use postgres::{Client, NoTls};

use pgseal_testkit::cluster::{Cluster, TestDatabase, programs};

/// Set for a copy of this test binary that starts a server and then waits to be killed.
const HOLD: &str = "PGSEAL_TEST_HOLD_SERVER";

#[test]
fn the_programs_tell_their_version() {
    let version = programs().version().unwrap();
    assert!(
        version.starts_with(|c: char| c.is_ascii_digit()),
        "{version}"
    );
}

#[test]
fn starts_answers_and_leaves_nothing() {
    let server = start();
    let (dir, pid) = (server.dir().to_owned(), server.pid());
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
    server.create_database("directus").unwrap();
    for how in [server.url("directus"), server.connection("directus")] {
        let mut client = Client::connect(&how, NoTls).unwrap();
        let row = client
            .query_one("select current_database()::text, current_user::text", &[])
            .unwrap();
        assert_eq!(
            (row.get("current_database"), row.get("current_user")),
            ("directus", "postgres")
        );
    }
    let mut client = Client::connect(&server.connection("directus"), NoTls).unwrap();
    let shown = |client: &mut Client, name: &str| {
        client
            .query_one(&format!("show {name}"), &[])
            .unwrap()
            .get::<_, String>(0)
    };
    assert_eq!(shown(&mut client, "listen_addresses"), "");
    assert_eq!(shown(&mut client, "fsync"), "off");
    assert_eq!(shown(&mut client, "server_encoding"), "UTF8");
    assert!(
        server.log_tail(50).contains("ready to accept connections"),
        "{}",
        server.log_tail(50)
    );
    assert!(alive(pid));
    // Stopping does not wait for the open connection.
    server.stop().unwrap();
    assert!(!alive(pid) && !dir.exists());
    client.simple_query("select 1").unwrap_err();
}

#[test]
fn two_at_once_do_not_meet() {
    thread::scope(|scope| {
        let both: Vec<_> = (0..2).map(|_| scope.spawn(start)).collect();
        let both: Vec<_> = both.into_iter().map(|one| one.join().unwrap()).collect();
        assert_ne!(both[0].dir(), both[1].dir());
        for server in both {
            server.create_database("directus").unwrap();
            let (dir, pid) = (server.dir().to_owned(), server.pid());
            drop(server);
            assert!(!alive(pid) && !dir.exists());
        }
    });
}

#[test]
fn a_killed_owner_leaves_nothing() {
    let (mut owner, dir, pid) = hold();
    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_until("the server and its directory are gone", || {
        !alive(pid) && !dir.exists()
    });
}

#[test]
fn an_interrupted_owner_leaves_nothing() {
    let (mut owner, dir, pid) = hold();
    // To the whole process group of the owner, as a terminal sends Ctrl-C.
    signal("-INT", &format!("-{}", owner.id()));
    owner.wait().unwrap();
    wait_until("the server and its directory are gone", || {
        !alive(pid) && !dir.exists()
    });
}

#[test]
fn an_owner_killed_while_it_starts_leaves_nothing() {
    let parent = tempdir_for_all();
    let mut owner = holder(parent.path()).spawn().unwrap();
    wait_until("its directory is there", || {
        fs::read_dir(parent.path()).unwrap().count() == 1
    });
    thread::sleep(Duration::from_millis(150));
    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_until("its directory is gone", || {
        fs::read_dir(parent.path()).unwrap().count() == 0
    });
}

#[test]
fn a_dead_server_is_still_cleared_away() {
    let server = start();
    let (dir, pid) = (server.dir().to_owned(), server.pid());
    signal("-KILL", &pid.to_string());
    wait_until("its end is noticed", || dir.join("exited").exists());
    server.stop().unwrap();
    assert!(!alive(pid) && !dir.exists());
}

/// Only a SIGKILL of the supervising shell itself leads here, as from the kernel when memory is short.
#[test]
#[cfg(target_os = "linux")]
fn a_dead_supervisor_is_stood_in_for() {
    let server = start();
    let (dir, pid) = (server.dir().to_owned(), server.pid());
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let parent = stat.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap();
    signal("-KILL", parent);
    server.stop().unwrap();
    wait_until("the server is gone", || !alive(pid));
    assert!(!dir.exists());
}

#[test]
fn too_long_a_directory_is_replaced() {
    let parent = tempdir_for_all();
    let long = parent.path().join("x".repeat(120));
    fs::create_dir(&long).unwrap();
    fs::set_permissions(&long, fs::Permissions::from_mode(0o777)).unwrap();
    let server = ThrowawayServer::start(&programs(), Some(&long)).unwrap();
    assert!(!server.dir().starts_with(&long));
    Client::connect(&server.connection("postgres"), NoTls).unwrap();
    assert_eq!(fs::read_dir(&long).unwrap().count(), 0);
}

/// As root the server runs as another user without access to a private directory of root, so it gets a copy of the
/// programs.
#[test]
fn programs_in_a_private_directory() {
    let private = tempfile::tempdir().unwrap();
    let bin = private.path().join("pgsql/bin");
    fs::create_dir_all(&bin).unwrap();
    // Another process copies: a program that this process has open for writing can't be executed, and another thread
    // may fork meanwhile.
    let copy = |from: PathBuf, to: &Path| {
        assert!(
            Command::new("cp")
                .arg("-RL")
                .arg(from)
                .arg(to)
                .status()
                .unwrap()
                .success()
        )
    };
    for program in ["initdb", "pg_ctl", "postgres"] {
        copy(programs().dir().join(program), &bin);
    }
    for part in ["share", "lib"]
        .map(|part| programs().dir().join("..").join(part))
        .into_iter()
        .filter(|part| part.is_dir())
    {
        copy(part, &private.path().join("pgsql"));
    }
    let Ok(copied) = ServerPrograms::in_dir(&bin) else {
        panic!("no programs in {}", bin.display())
    };
    match ThrowawayServer::start(&copied, None) {
        Ok(server) => server.stop().unwrap(),
        // Debian splits its installation, so a copy of some programs can't find the rest; then the error reports it.
        Err(error) => {
            let said = format!("{error} {:?}", std::error::Error::source(&error));
            assert!(
                matches!(
                    error,
                    ThrowawayError::Ended { .. } | ThrowawayError::Programs { .. }
                ),
                "{said}"
            );
            assert!(
                said.contains("share") || said.contains("libraries"),
                "{said}"
            );
        }
    }
}

#[test]
fn a_server_that_can_not_start_quotes_its_log() {
    let fake = tempdir_for_all();
    for program in ["initdb", "pg_ctl", "postgres"] {
        let file = fake.path().join(program);
        // Through a shell, so that no file is executed while this process has it open for writing.
        let text = "[ \"$1\" = --version ] || { echo \"$0 broke\" >&2; exit 1; }";
        let script = format!(
            "printf '#!/bin/sh\\n%s\\n' '{text}' >'{0}' && chmod 755 '{0}'",
            file.display()
        );
        assert!(
            Command::new("sh")
                .arg("-c")
                .arg(script)
                .status()
                .unwrap()
                .success()
        );
    }
    let error =
        ThrowawayServer::start(&ServerPrograms::in_dir(fake.path()).unwrap(), None).unwrap_err();
    assert!(error.to_string().ends_with("initdb broke"), "{error}");
}

#[test]
fn a_template_is_loaded_once_and_copied() {
    let cluster = Cluster::shared();
    let mut loads = 0;
    for _ in 0..2 {
        cluster.template("numbers", |db| {
            loads += 1;
            db.client()
                .batch_execute("create table n as select generate_series(1, 1000) as i")
                .unwrap();
        });
    }
    assert_eq!(loads, 1);
    let copy = TestDatabase::from_template(cluster, "numbers", "copy");
    assert_eq!(copy.ask("select count(*) from n"), "1000");
    assert_ne!(cluster.database("copy").name(), copy.name());
}

/// A process for the other tests to kill, not a test; does nothing in an ordinary run.
#[test]
fn holder_process() {
    let Some(parent) = env::var_os(HOLD) else {
        return;
    };
    let server = ThrowawayServer::start(&programs(), Some(Path::new(&parent))).unwrap();
    println!("\nholding {} {}", server.pid(), server.dir().display());
    thread::sleep(Duration::from_secs(120));
}

fn start() -> ThrowawayServer {
    ThrowawayServer::start(&programs(), None).unwrap()
}

fn hold() -> (Child, PathBuf, u32) {
    let mut owner = holder(Path::new("/tmp")).spawn().unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let line = lines
        .map_while(Result::ok)
        .find(|line| line.starts_with("holding "))
        .unwrap();
    let (pid, dir) = line["holding ".len()..].split_once(' ').unwrap();
    let (dir, pid) = (PathBuf::from(dir), pid.parse().unwrap());
    assert!(alive(pid) && dir.exists());
    (owner, dir, pid)
}

fn holder(parent: &Path) -> Command {
    use std::os::unix::process::CommandExt;
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "throwaway::holder_process", "--nocapture"])
        .env(HOLD, parent);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    command
}

/// A directory in which every user may create a subdirectory, as in /tmp.
fn tempdir_for_all() -> tempfile::TempDir {
    let dir = tempfile::tempdir_in("/tmp").unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    dir
}

fn alive(pid: u32) -> bool {
    let zero = Command::new("kill")
        .args(["-0", &pid.to_string()])
        .stderr(Stdio::null())
        .status();
    zero.unwrap().success()
}

fn signal(name: &str, target: &str) {
    assert!(
        Command::new("kill")
            .args([name, "--", target])
            .status()
            .unwrap()
            .success()
    );
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let since = Instant::now();
    while !done() {
        assert!(
            since.elapsed() < Duration::from_secs(30),
            "not after 30 s: {what}"
        );
        thread::sleep(Duration::from_millis(20));
    }
}
