//! `try`: a release directory on a copy of a marked database, without keys.

use std::path::PathBuf;
use std::process::Command;

use super::rehearse::clones;
use pgseal_testkit::cluster::{Cluster, GATE_USER, TestDatabase, programs};
use pgseal_testkit::release::{Answer, BEFORE, Release, Site, assert_same, dump};
use pgseal_testkit::writer::Writer;

/// A developer's database, and a directory without keys.
struct Dev {
    site: Site,
    db: TestDatabase<'static>,
}

impl Dev {
    /// A database that is not marked.
    fn unmarked(prefix: &str) -> Self {
        let db = Cluster::shared().database(prefix);
        let data = "create table public.notes (id serial primary key, text text);
            insert into public.notes (text) select 'note ' || n from generate_series(1, 50) n;";
        db.client()
            .batch_execute(&format!("{BEFORE}{data}"))
            .unwrap();
        Self {
            site: Site::without_gate_user(),
            db,
        }
    }

    fn new(prefix: &str) -> Self {
        let this = Self::unmarked(prefix);
        this.init().done().says(&["is marked for trials"]);
        this
    }

    fn release(&self) -> Release {
        Release::on("shop")
    }

    fn write(&self, release: &Release) -> PathBuf {
        let dir = self.site.path("release");
        release.write(&dir);
        dir
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.site.command();
        command.env("PGSEAL_POSTGRES_BIN", programs().dir());
        command.args(["try"]).args(arguments);
        command.args(["--db", &self.db.url()]);
        command
    }

    fn init(&self) -> Answer {
        Answer::of(self.command(&["init"]).output().unwrap())
    }

    fn attempt(&self, release: &Release, more: &[&str]) -> Answer {
        let dir = self.write(release);
        let dir = dir.to_str().unwrap();
        let arguments: Vec<&str> = [dir].into_iter().chain(more.iter().copied()).collect();
        Answer::of(self.command(&arguments).output().unwrap())
    }

    /// Fails unless no copy is left.
    fn has_no_copy(&self) {
        assert!(clones(&self.db, self.db.name()).is_empty());
    }
}

#[test]
fn a_directory_is_tried_and_the_database_is_as_before() {
    let dev = Dev::new("trial");
    let before = dump(&dev.db);
    let answer = dev.attempt(&dev.release(), &[]);
    answer.done().says(&[
        "ok run:",
        "ok rollback:",
        "the rollback restored everything",
        "ok run once more:",
        "held",
        "no evidence",
    ]);
    assert_same(&before, &dump(&dev.db));
    dev.has_no_copy();
    // No receipt, no journal, no ledger.
    assert!(!dev.site.path("pgseal-receipts").exists());
    assert_eq!(dev.db.ask("select to_regnamespace('pgseal') is null"), "t");
    let document = dev.attempt(&dev.release(), &["--json"]).done().json();
    assert_eq!(document["outcome"], "held");
    assert_eq!(document["is_evidence"], false);
    assert_eq!(document["database"], dev.db.name());
    // A second mark changes nothing.
    dev.init().done().says(&["already"]);
    assert_same(&before, &dump(&dev.db));
}

/// Sessions of the developer's own program go on writing, and lose nothing.
#[test]
fn others_write_to_the_database_meanwhile() {
    let dev = Dev::new("trial_writer");
    let insert = "insert into public.notes (text) values ('written')";
    let writer = Writer::start(&dev.db, insert);
    let answer = dev.attempt(&dev.release(), &[]);
    answer.done().says(&["by pg_dump and pg_restore", "held"]);
    writer.wait_for(1);
    let written = writer.stop();
    let found = dev
        .db
        .ask("select count(*) from notes where text = 'written'");
    assert_eq!(found, written.to_string());
    assert_eq!(
        dev.db
            .ask("select count(*) from notes where text like 'note %'"),
        "50"
    );
    assert_eq!(dev.db.ask("select to_regclass('widgets') is null"), "t");
    dev.has_no_copy();
}

#[test]
fn a_failure_has_its_place_and_the_servers_error() {
    let dev = Dev::new("trial_fails");
    let before = dump(&dev.db);
    let breaks = "delete from public.notes;\n  select 1/0;\n";
    let answer = dev.attempt(&dev.release().tier("breaks", breaks), &[]);
    answer.fails_saying(
        30,
        &["try, run: ", "tiers/breaks.sql:2:3", "division by zero"],
    );
    let forgets = "create index notes_text on public.notes (text);\n";
    let answer = dev.attempt(&dev.release().tier("forgets", forgets), &[]);
    answer.fails_saying(50, &["index public.notes_text", "forgets"]);
    // A tier without a transaction commits, on the copy alone.
    let alone =
        "create index concurrently notes_alone on public.notes (text);\nvacuum public.missing;\n";
    let answer = dev.attempt(&dev.release().alone("alone", alone), &[]);
    answer.fails_saying(30, &["tiers/alone.sql:2:1", "missing"]);
    assert_same(&before, &dump(&dev.db));
    dev.has_no_copy();
}

#[test]
fn a_copy_is_kept_only_if_asked() {
    let dev = Dev::new("trial_keep");
    let answer = dev.attempt(&dev.release().tier("breaks", "select 1/0;\n"), &["--keep"]);
    let text = answer.fails(30);
    let copies = clones(&dev.db, dev.db.name());
    let [copy] = &copies[..] else {
        panic!("{copies:?}: {text}")
    };
    answer.says(&[&format!("drop database \"{copy}\" with (force)")]);
    let sql = format!("drop database {copy} with (force)");
    dev.db.client().batch_execute(&sql).unwrap();
}

#[test]
fn a_gate_waits_for_the_script_that_opens_it() {
    let dev = Dev::new("trial_gate");
    dev.db
        .client()
        .batch_execute("delete from approvals")
        .unwrap();
    let answer = dev.attempt(&dev.release(), &[]);
    answer.fails_saying(20, &["BLOCKED"]);
    let script = dev.site.path("approve.sql");
    std::fs::write(&script, "insert into approvals values ('lena');\n").unwrap();
    let script = script.to_str().unwrap();
    dev.attempt(&dev.release(), &["--approve-with", script])
        .done()
        .says(&["approval on the clone"]);
    assert_eq!(dev.db.ask("select count(*) from approvals"), "0");
    dev.has_no_copy();
}

#[test]
fn only_a_marked_database_is_copied() {
    let dev = Dev::unmarked("trial_unmarked");
    let before = dump(&dev.db);
    let refused = |words: &[&str]| {
        dev.attempt(&dev.release(), &[]).fails_saying(22, words);
        dev.has_no_copy();
    };
    refused(&["is not marked for trials", "try init"]);
    assert_same(&before, &dump(&dev.db));
    // A schema of that name, and the marker of another database.
    let sql = |sql: &str| dev.db.client().batch_execute(sql).unwrap();
    sql("create schema pgseal_trial");
    refused(&["is not its own"]);
    let other = Dev::new("trial_other");
    let marker = other
        .db
        .ask("select obj_description('pgseal_trial'::regnamespace, 'pg_namespace')");
    sql(&format!("comment on schema pgseal_trial is '{marker}'"));
    refused(&["is not its own", other.db.name()]);
    dev.init().fails_saying(22, &["is not its own"]);
    sql("drop schema pgseal_trial");
    dev.init().done();
    dev.attempt(&dev.release(), &[]).done();
    // The very database, renamed as another one might be.
    let (name, renamed) = (dev.db.name(), format!("{}_renamed", dev.db.name()));
    let server = Cluster::shared().server();
    let rename = |from: &str, to: &str| {
        let sql = format!("alter database {from} rename to {to}");
        other.db.client().batch_execute(&sql).unwrap();
    };
    rename(name, &renamed);
    let dir = dev.write(&dev.release());
    let mut command = dev.site.command();
    command
        .arg("try")
        .arg(dir)
        .args(["--db", &server.url(&renamed)]);
    let answer = Answer::of(command.output().unwrap());
    rename(&renamed, name);
    answer.fails_saying(22, &["is not its own"]);
}

/// A database of releases is no trial database, whether marked before or after.
#[test]
fn a_database_with_a_ledger_is_left_alone() {
    let dev = Dev::new("trial_ledger");
    let site = Site::new();
    let bundle = site.pack(&Release::on(dev.db.name()));
    site.operator(&bundle, &dev.db.url()).run().done();
    let before = dump(&dev.db);
    let words = ["the ledger of releases", "pgseal rehearse"];
    dev.attempt(&dev.release(), &[]).fails_saying(22, &words);
    dev.init().fails_saying(22, &words);
    assert_same(&before, &dump(&dev.db));
    dev.has_no_copy();
}

#[test]
fn a_clone_and_a_database_of_the_server_are_left_alone() {
    let dev = Dev::unmarked("trial_clone");
    dev.db
        .client()
        .batch_execute("create schema pgseal_clone")
        .unwrap();
    dev.init().fails_saying(22, &["the marker of a clone"]);
    let mut command = dev.site.command();
    let url = Cluster::shared().server().url("postgres");
    let answer = command
        .args(["try", "init", "--db", &url])
        .output()
        .unwrap();
    Answer::of(answer).fails_saying(22, &["belongs to the server"]);
}

#[test]
fn the_cluster_of_a_release_is_no_place_for_trials() {
    let dev = Dev::new("trial_target");
    let system = dev
        .db
        .ask("select system_identifier::text from pg_control_system()");
    let release = dev.release();
    let target = format!("system_identifiers = [\"{system}\"]\n");
    dev.attempt(&release.clone().target(&target), &[])
        .fails_saying(22, &["one of the release's targets", &system]);
    let other = "system_identifiers = [\"7301234567890123456\"]\n";
    dev.attempt(&release.target(other), &[]).done();
}

/// Each transaction asks for the marker before anything happens.
#[test]
fn a_script_that_takes_the_marker_away_ends_the_trial() {
    let dev = Dev::new("trial_inside");
    let takes = "drop schema pgseal_trial;\nvacuum public.notes;\n";
    let answer = dev.attempt(&dev.release().alone("takes", takes), &[]);
    answer.fails_saying(30, &["has lost the marker"]);
    let takes = dev
        .release()
        .rollback("takes", "drop schema pgseal_trial;\n");
    let answer = dev.attempt(&takes.tier("takes", "select 1;\n"), &[]);
    answer.fails_saying(30, &["run once more", "has lost the marker"]);
    dev.attempt(&dev.release(), &[]).done();
    dev.has_no_copy();
}

/// Gates are asked as the role of `--gate-user` where there is one, as in a run.
#[test]
fn a_gate_role_may_be_named() {
    let dev = Dev::new("trial_role");
    dev.attempt(&dev.release(), &["--gate-user", GATE_USER])
        .done();
}

/// Neither the bundle of a trial nor its key outlives it, and a run knows no directory.
#[test]
fn nothing_of_a_trial_can_be_run() {
    let dev = Dev::new("trial_run");
    let dir = dev.write(&dev.release());
    let before = dev.site.path(".");
    let names = || -> Vec<_> {
        let entries = std::fs::read_dir(&before).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let were = names();
    dev.attempt(&dev.release(), &[]).done();
    assert_eq!(names(), were);
    let dir = dir.to_str().unwrap();
    let url = dev.db.url();
    let arguments = ["run", dir, "--db", &url, "--trust", "trust.json"];
    dev.site.pgseal(arguments).fails(10);
    let more = ["--trust", "--receipt-key", "--receipts"];
    for option in more {
        let answer = dev.attempt(&dev.release(), &[option, "x"]);
        answer.fails_saying(2, &[option]);
    }
}
