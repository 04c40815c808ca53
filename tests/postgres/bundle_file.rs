//! Changes of the bundle's file during a run: only authenticated bytes are executed.

use std::{
    fs::{self, OpenOptions},
    io::{Seek, SeekFrom, Write},
};

use super::small;
use pgseal_testkit::release::{Release, assert_same, dump, wait_until};

/// The first tier; tests wait until it sleeps.
const SLEEP: &str = "select pg_sleep(1.2);\n";
const SLEEPING: &str = "select count(*) from pg_stat_activity where query like 'select pg_sleep(1.2)%' and datname = current_database()";

const AFTER: &str =
    "create table public.after (text text);\ninsert into public.after values ('genuine');\n";

fn slow_first(release: Release) -> Release {
    let release = release.tier("slow", SLEEP).tier("after", AFTER);
    release.rollback("after", "drop table if exists public.after;\n")
}

/// Adds more than 16 MiB that gzip can't shrink, next to the scripts.
fn large(release: Release) -> Release {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    });
    let bytes: Vec<u8> = noise
        .take((17 << 20) / 8)
        .flat_map(u64::to_le_bytes)
        .collect();
    release.file("data/noise.bin", bytes)
}

#[test]
fn a_small_bundle_is_truncated_and_replaced() {
    let (db, release, site) = small("truncated");
    let bundle = site.pack(&slow_first(release));
    let operator = site.operator(&bundle, &db.url());
    let run = operator.start("run");
    wait_until("it runs", || db.ask(SLEEPING) == "1");
    fs::write(&bundle, "").unwrap();
    fs::remove_file(&bundle).unwrap();
    fs::write(&bundle, "something else").unwrap();
    run.end().done();
    assert_eq!(db.ask("select text from public.after"), "genuine");
}

#[test]
fn a_large_bundle_is_replaced_by_another() {
    let (db, release, site) = small("swapped");
    let release = large(slow_first(release));
    let bundle = site.pack(&release);
    let other = site.path("other.pgseal");
    site.try_pack(
        &release.file("tiers/after.sql", AFTER.replace("genuine", "swapped")),
        &other,
    )
    .done();
    let operator = site.operator(&bundle, &db.url());
    let run = operator.start("run");
    wait_until("it runs", || db.ask(SLEEPING) == "1");
    // The run keeps the file that it opened.
    fs::rename(&other, &bundle).unwrap();
    run.end().done();
    assert_eq!(db.ask("select text from public.after"), "genuine");
}

#[test]
fn a_large_bundle_is_changed_in_place() {
    let (db, release, site) = small("changed");
    let bundle = site.pack(&large(slow_first(release)));
    let operator = site.operator(&bundle, &db.url());
    let before = dump(&db);
    let bytes = fs::read(&bundle).unwrap();
    let at = bytes
        .windows(7)
        .rposition(|window| window == b"genuine")
        .unwrap();
    let run = operator.start("run");
    wait_until("it runs", || db.ask(SLEEPING) == "1");
    let mut file = OpenOptions::new().write(true).open(&bundle).unwrap();
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(b"forgery").unwrap();
    run.end()
        .fails_saying(30, &["tiers/after.sql", "the database is as before"]);
    assert_same(&before, &dump(&db));
    // The file is truncated.
    fs::write(&bundle, &bytes).unwrap();
    let run = operator.start("run");
    wait_until("it runs", || db.ask(SLEEPING) == "1");
    OpenOptions::new()
        .write(true)
        .open(&bundle)
        .unwrap()
        .set_len(20_000)
        .unwrap();
    run.end()
        .fails_saying(30, &["tiers/after.sql", "the database is as before"]);
    assert_same(&before, &dump(&db));
    // By now the file is not a bundle.
    operator.run().fails(10);
}

#[test]
fn a_tampered_bundle_never_connects() {
    let (db, release, site) = small("tampered");
    let bundle = site.pack(&release);
    let mut bytes = fs::read(&bundle).unwrap();
    let at = bytes
        .windows(5)
        .rposition(|window| window == b"'one'")
        .unwrap();
    bytes[at + 1] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    let operator = site.operator(&bundle, &db.url());
    let connections = "select sum(numbackends), sum(sessions) from pg_stat_database where datname = current_database()";
    let before = db.ask(connections);
    for command in ["gate", "plan", "run", "rollback", "check"] {
        operator
            .ask(command)
            .fails_saying(11, &["tiers/widgets.sql"]);
    }
    assert_eq!(before, db.ask(connections));
    // The refusal comes before any connection, so an unreachable host changes nothing.
    operator
        .url("postgresql:///x?host=/nowhere")
        .run()
        .fails(11);
}
