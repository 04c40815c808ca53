//! Journal and receipt: no run without writable files, and no file is ever overwritten.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use super::small;
use pgseal_testkit::release::{assert_same, dump};

#[test]
fn a_directory_that_can_not_be_made() {
    let (db, release, site) = small("nodir");
    let bundle = site.pack(&release);
    fs::write(site.path("file"), "not a directory").unwrap();
    symlink("nowhere/at/all", site.path("dangling")).unwrap();
    let before = dump(&db);
    for dir in ["file", "file/below", "/proc/nothing/here", "/dev/null"] {
        let operator = site.operator(&bundle, &db.url()).receipts_in(dir);
        operator.run().fails_saying(
            1,
            &[
                "can't write the journal",
                "nothing was run",
                "--receipts DIR",
            ],
        );
    }
    assert_same(&before, &dump(&db));
    assert_eq!(db.ask("select to_regclass('pgseal.ledger') is null"), "t");
}

#[test]
fn a_read_only_directory() {
    let (db, release, site) = small("rodir");
    let bundle = site.pack(&release);
    fs::create_dir(site.path("receipts")).unwrap();
    fs::set_permissions(site.path("receipts"), fs::Permissions::from_mode(0o555)).unwrap();
    let operator = site.operator(&bundle, &db.url());
    // Root can still write there.
    let writable = fs::write(site.path("receipts").join("probe"), "").is_ok();
    if !writable {
        operator
            .run()
            .fails_saying(1, &["can't write the journal", "nothing was run"]);
        assert_eq!(db.ask("select to_regclass('public.widgets') is null"), "t");
    }
    fs::set_permissions(site.path("receipts"), fs::Permissions::from_mode(0o755)).unwrap();
    operator.run().done();
}

/// The directory disappears while the tiers run: the run commits, and exit 40 reports the missing receipt.
#[test]
fn a_directory_that_vanishes_meanwhile() {
    let (db, release, site) = small("vanish");
    let bundle = site.pack(&release.tier("slow", "select pg_sleep(1.5);\n"));
    let operator = site.operator(&bundle, &db.url());
    let run = operator.start("run");
    pgseal_testkit::release::wait_until("it is at work", || {
        db.ask("select count(*) from pg_stat_activity where query like 'select pg_sleep(1.5)%'")
            != "0"
    });
    fs::rename(site.path("receipts"), site.path("moved")).unwrap();
    fs::write(site.path("receipts"), "in the way").unwrap();
    run.end()
        .fails_saying(40, &["the receipt could not be stored", "pgseal status"]);
    assert_eq!(db.ask("select count(*) from pgseal.ledger"), "1");
}

#[test]
fn a_receipt_key_that_is_none() {
    let (db, release, site) = small("badkey");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    fs::write(site.path("none.key"), "not a key").unwrap();
    fs::set_permissions(site.path("none.key"), fs::Permissions::from_mode(0o600)).unwrap();
    for key in ["none.key", "missing.key", "receipt.pub"] {
        let answer = operator
            .command("run")
            .args(["--receipt-key", key])
            .output()
            .unwrap();
        assert_eq!(
            answer.status.code(),
            Some(2),
            "{}",
            String::from_utf8_lossy(&answer.stderr)
        );
    }
    assert_same(&before, &dump(&db));
    assert!(!site.path("receipts").exists());
}

#[test]
fn each_run_has_its_own_files() {
    let (db, release, site) = small("own");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    for _ in 0..3 {
        operator.run().done();
        operator.rollback().done();
    }
    assert_eq!(
        (
            operator.records(".receipt.json").len(),
            operator.records(".journal").len()
        ),
        (6, 6)
    );
    // A rollback without work leaves no file.
    operator.rollback().done();
    assert_eq!(operator.records("").len(), 12);
    assert_eq!(operator.unfinished(), [""; 0]);
}

#[test]
fn a_damaged_journal_is_named() {
    let (db, release, site) = small("damaged");
    let bundle = site.pack(&release);
    let operator = site.operator(&bundle, &db.url());
    operator.run().done();
    fs::write(site.path("receipts").join("z.journal"), "{}\n").unwrap();
    let (_, status) = operator.status();
    assert_eq!(status["unfinished"][0]["ending"], "the journal is damaged");
    assert_eq!(status["in_effect"][0]["release"], "small");
}

/// JSON answers, notices and receipts of a failure.
#[test]
fn a_failure_as_json() {
    let (db, release, site) = small("asjson");
    let bundle = site.pack(&release.tier("broken", "select 1 / 0;\n"));
    let operator = site.operator(&bundle, &db.url());
    let document = operator.json("run");
    assert_eq!(document["result"]["outcome"], "unchanged");
    assert!(
        document["result"]["error"]
            .as_str()
            .unwrap()
            .contains("tiers/broken.sql:1:1"),
        "{document}"
    );
    let other = site
        .operator(&bundle, &db.url().replace(db.name(), "nowhere_at_all"))
        .json("run");
    assert_eq!(other["error"]["exit"], 1, "{other}");
}

/// With closed output streams the command still completes, and the receipt records it.
#[test]
fn without_anybody_who_reads() {
    let (db, release, site) = small("closed");
    let bundle = site.pack(&release.tier(
        "talks",
        "\\echo hello\nselect pg_sleep(0.2);\n\\echo again\n",
    ));
    let operator = site.operator(&bundle, &db.url());
    let mut run = operator.command("run");
    let mut running = run
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop((running.stdout.take(), running.stderr.take()));
    assert!(running.wait().unwrap().success());
    assert_eq!(operator.receipt()["outcome"], "committed");
}
