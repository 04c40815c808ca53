//! A lost COMMIT, answered by a server in an older state or on another timeline.

use std::path::Path;
use std::process::Command;

use super::crash::{ServerAgain, durable, pg_ctl};
use pgseal_testkit::cluster::{Cluster, TestDatabase};
use pgseal_testkit::proxy::{Fate, Proxy};
use pgseal_testkit::release::{BEFORE, Operator, Release, Site, wait_until};

#[derive(Clone, Copy, PartialEq)]
enum Copied {
    BeforeTheRun,
    AfterIt,
}

/// A committed run whose client was killed before the answer. The server is then replaced by a copy of its files, on
/// which another server was promoted if `promoted`.
fn replaced(
    name: &str,
    copied: Copied,
    promoted: bool,
    look: impl FnOnce(&Operator<'_>, &TestDatabase<'_>),
) {
    let cluster = Cluster::own();
    let db = cluster.database_named(name);
    durable(&db);
    db.client().batch_execute(BEFORE).unwrap();
    let site = Site::new();
    let bundle = site.pack(&Release::on(name));
    let operator = site.operator(&bundle, &db.url());
    let data = cluster.server().dir().join("data");
    let copy = cluster.server().dir().join("copy");
    let server = if copied == Copied::BeforeTheRun {
        pg_ctl(&cluster, &["stop", "--mode=fast"]);
        copy_files(&data, &copy);
        Some(ServerAgain::start(&cluster))
    } else {
        None
    };
    let proxy = Proxy::before(cluster.server().dir(), Fate::AnswerLostAndServerAway);
    let run = site.operator(&bundle, &proxy.url(name)).start("run");
    wait_until("COMMIT met its fate", || proxy.struck());
    run.kill();
    wait_until("it is committed", || {
        db.ask("select to_regclass('pgseal.ledger') is not null") == "t"
    });
    match server {
        Some(server) => drop(server),
        None => {
            pg_ctl(&cluster, &["stop", "--mode=fast"]);
            copy_files(&data, &copy);
        }
    }
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&copy, &data).unwrap();
    if promoted {
        let owner = std::fs::metadata(&data).unwrap();
        std::fs::write(data.join("standby.signal"), "").unwrap();
        let (uid, gid) = (
            std::os::unix::fs::MetadataExt::uid(&owner),
            std::os::unix::fs::MetadataExt::gid(&owner),
        );
        std::os::unix::fs::chown(data.join("standby.signal"), Some(uid), Some(gid)).unwrap();
    }
    let again = ServerAgain::start(&cluster);
    if promoted {
        pg_ctl(&cluster, &["promote", "--wait"]);
    }
    look(&operator, &db);
    drop(again);
}

/// Keeps owners and modes, since the server requires them.
fn copy_files(from: &Path, to: &Path) {
    assert!(
        Command::new("cp")
            .arg("-a")
            .args([from, to])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_server_that_was_restored_to_before_the_run() {
    replaced("restored", Copied::BeforeTheRun, false, |operator, db| {
        let ending = operator.unfinished().pop().unwrap();
        assert!(
            ending.contains("not in this database")
                && ending.contains("nothing of the run is there"),
            "{ending}"
        );
        assert_eq!(db.ask("select to_regclass('public.widgets') is null"), "t");
        operator.run().done();
        operator.status().0.done();
    });
}

#[test]
fn a_standby_that_never_had_the_run() {
    replaced("behind", Copied::BeforeTheRun, true, |operator, _| {
        let ending = operator.unfinished().pop().unwrap();
        assert!(
            ending.contains("timeline 2") && ending.contains("was on 1"),
            "{ending}"
        );
        operator.run().done();
    });
}

#[test]
fn a_standby_that_has_the_run() {
    replaced("promoted", Copied::AfterIt, true, |operator, db| {
        assert!(
            operator
                .unfinished()
                .pop()
                .unwrap()
                .contains("it was committed")
        );
        assert_eq!(db.ask("select count(*) from pgseal.in_effect"), "1");
        operator.run().fails_saying(22, &["already applied"]);
    });
}
