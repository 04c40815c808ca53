//! Standing clones: made, asked, checked, reset, dropped; and everything that is no clone is left alone.

use std::process::Command;
use std::sync::mpsc;
use std::thread;

use serde_json::Value;

use super::rehearse::{Shop, clones, last_receipt};
use pgseal_testkit::cluster::{Cluster, programs};
use pgseal_testkit::release::{Answer, Release, Running, Site, wait_until};

/// `pgseal clone` on the shared server.
fn command(site: &Site, arguments: &[&str]) -> Command {
    let admin = Cluster::shared().server().url("postgres");
    let mut command = site.command();
    command.env("PGSEAL_POSTGRES_BIN", programs().dir());
    command.arg("clone").args(arguments);
    command.args(["--db", &admin, "--trust", "trust.json"]);
    command
}

fn clone(site: &Site, arguments: &[&str]) -> Answer {
    Answer::of(command(site, arguments).output().unwrap())
}

fn json(site: &Site, arguments: &[&str]) -> Value {
    let answer = Answer::of(command(site, arguments).arg("--json").output().unwrap());
    answer.done().json()
}

/// A shop with a standing clone of its database.
struct Standing {
    shop: Shop,
    name: String,
    made: Value,
}

impl Standing {
    fn new(prefix: &str) -> Self {
        let shop = Shop::new(prefix);
        let name = format!("{}_golden", shop.db.name());
        let made = make(&shop, &name, &[]);
        Self { shop, name, made }
    }

    fn url(&self) -> String {
        Cluster::shared().server().url(&self.name)
    }

    fn client(&self) -> postgres::Client {
        client(&self.name)
    }

    fn clone(&self, arguments: &[&str]) -> Answer {
        clone(&self.shop.site, arguments)
    }

    /// A command of a release on the clone.
    fn ask(&self, command: &str, release: &Release, more: &[&str]) -> Answer {
        let site = &self.shop.site;
        let bundle = site.pack(release);
        let (bundle, url) = (bundle.to_str().unwrap().to_owned(), self.url());
        let arguments = [command, &bundle, "--db", &url, "--trust", "trust.json"];
        site.pgseal(arguments.iter().chain(more))
    }

    fn is_there(&self) -> bool {
        exists(&self.shop, &self.name)
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        drop_database(&self.name);
    }
}

fn make(shop: &Shop, name: &str, more: &[&str]) -> Value {
    let from = ["make", "--from", shop.db.name(), "--name", name];
    let key = ["--receipt-key", "receipt.key"];
    json(&shop.site, &[&from[..], &key, more].concat())
}

fn client(database: &str) -> postgres::Client {
    let connection = Cluster::shared().server().connection(database);
    postgres::Client::connect(&connection, postgres::NoTls).unwrap()
}

fn exists(shop: &Shop, name: &str) -> bool {
    let count = format!("select count(*) from pg_database where datname = '{name}'");
    shop.db.ask(&count) == "1"
}

fn drop_database(name: &str) {
    let sql = format!("drop database if exists {name} with (force)");
    client("postgres").batch_execute(&sql).unwrap();
}

#[test]
fn a_clone_from_its_making_to_its_end() {
    let standing = Standing::new("standing");
    let (shop, name) = (&standing.shop, standing.name.as_str());
    let (release, source) = (shop.release(), shop.db.name());
    let marker = &standing.made["clone"];
    assert_eq!(marker["source"]["database"], source);
    assert_eq!(marker["source"]["method"], "template");
    assert_eq!(marker["database"], name);
    assert_eq!(
        marker["sha256"], marker["source_sha256"],
        "nobody wrote meanwhile"
    );
    let limit = format!("select datconnlimit from pg_database where datname = '{name}'");
    assert_eq!(shop.db.ask(&limit), "-1");
    standing.clone(&["list"]).done().says(&[name, source]);
    let checked = standing.clone(&["check", name]);
    checked.done().says(&["it is as it was made"]);

    // The commands that only ask work there, and only by --clone.
    for command in ["check", "gate", "plan"] {
        let refused = standing.ask(command, &release, &[]);
        assert_eq!(refused.code, 22, "{refused}");
        refused.says(&["wrong target"]);
        // A plan lists obstacles without hints.
        if command != "plan" {
            refused.says(&["ask a standing clone with --clone"]);
        }
        standing.ask(command, &release, &["--clone"]).done();
    }
    let receipts = ["--receipts", "receipts"];
    let report = |more: &[&str]| standing.ask("report", &release, &[&receipts, more].concat());
    assert_eq!(report(&[]).code, 22);
    // BLOCKED, because the release is not rehearsed; the database itself is as it should be.
    let report = report(&["--clone"]);
    assert_eq!(report.code, 20, "{report}");
    report.says(&["Exit code: 20"]);
    let url = standing.url();
    let fingerprint = ["fingerprint", "--db", &url, "--trust", "trust.json"];
    let taken = shop.site.pgseal(fingerprint.iter().chain(&["--clone"]));
    taken.done().says(&[marker["sha256"].as_str().unwrap()]);
    let of_source = shop.db.url();
    let other = [
        "fingerprint",
        "--db",
        &of_source,
        "--trust",
        "trust.json",
        "--clone",
    ];
    shop.site
        .pgseal(other)
        .fails_saying(22, &["has no marker of a standing clone"]);

    // Nothing runs there.
    for command in ["run", "rollback"] {
        standing
            .ask(command, &release, &receipts)
            .fails_saying(22, &["wrong target"]);
        standing
            .ask(command, &release, &["--clone"])
            .fails_saying(2, &["--clone"]);
    }
    standing.clone(&["check", name]).done();

    // A change shows, and a reset removes it.
    let mut client = standing.client();
    client
        .batch_execute("insert into public.approvals values ('changed')")
        .unwrap();
    drop(client);
    let changed = standing.clone(&["check", name]);
    changed.fails_saying(
        50,
        &["not as it was made", marker["sha256"].as_str().unwrap()],
    );
    let reset = json(&shop.site, &["reset", name, "--receipt-key", "receipt.key"]);
    assert_eq!(reset["clone"]["sha256"], marker["sha256"]);
    assert_ne!(reset["clone"]["oid"], marker["oid"]);
    standing.clone(&["check", name]).done();
    standing.clone(&["drop", name]).done().says(&["is gone"]);
    assert!(!standing.is_there());
    standing
        .clone(&["check", name])
        .fails_saying(22, &["there is no database"]);
    assert!(exists(shop, source));
}

/// Databases whose marker is missing, copied, altered or a stranger's: no command takes one for a clone.
#[test]
fn only_a_marker_of_a_receipt_key_counts() {
    let standing = Standing::new("marker");
    let (shop, name) = (&standing.shop, standing.name.as_str());
    let release = shop.release();
    let refused = |site: &Site, name: &str, code: i32, says: &str| {
        let bundle = site.pack(&release);
        let url = Cluster::shared().server().url(name);
        let bundle = bundle.to_str().unwrap();
        let check = [
            "check",
            bundle,
            "--db",
            &url,
            "--trust",
            "trust.json",
            "--clone",
        ];
        site.pgseal(check).fails_saying(code, &[says]);
        clone(site, &["check", name]).fails_saying(code, &[says]);
        clone(site, &["drop", name]).fails_saying(code, &[says]);
        let reset = ["reset", name, "--receipt-key", "receipt.key"];
        clone(site, &reset).fails_saying(code, &[says]);
        assert!(exists(shop, name), "{name} is left alone");
    };
    // None: the source itself.
    refused(&shop.site, shop.db.name(), 22, "has no marker");
    // Copied with the database.
    let copy = format!("{name}_copy");
    client("postgres")
        .batch_execute(&format!("create database {copy} template {name}"))
        .unwrap();
    refused(&shop.site, &copy, 22, "expected name");
    // Copied, and given the clone's name.
    let away = format!("{name}_away");
    client("postgres")
        .batch_execute(&format!(
            "alter database {name} rename to {away}; alter database {copy} rename to {name}"
        ))
        .unwrap();
    refused(&shop.site, name, 22, "expected object identifier");
    refused(&shop.site, &away, 22, "expected name");
    drop_database(name);
    client("postgres")
        .batch_execute(&format!("alter database {away} rename to {name}"))
        .unwrap();
    standing.clone(&["check", name]).done();
    // By a key that this trust root does not know.
    let stranger = Site::new();
    refused(&stranger, name, 11, "does not count");
    // Altered: another source, the same length.
    let mut client = standing.client();
    let text = "select obj_description('pgseal_clone'::regnamespace, 'pg_namespace')";
    let text: String = client.query_one(text, &[]).unwrap().get(0);
    let comment = |text: &str| {
        let text = text.replace('\'', "''");
        format!("comment on schema pgseal_clone is '{text}'")
    };
    let altered = text.replacen("\"template\"", "\"dump\"", 1);
    assert_ne!(altered, text);
    client.batch_execute(&comment(&altered)).unwrap();
    drop(client);
    refused(&shop.site, name, 11, "does not count");
    let mut client = standing.client();
    client.batch_execute(&comment("hello")).unwrap();
    drop(client);
    refused(&shop.site, name, 22, "cannot be read");
    let listed = json(&shop.site, &["list"]);
    let of_it = listed["clones"].as_array().unwrap().iter();
    let of_it = of_it.clone().find(|one| one["database"] == name).unwrap();
    assert!(of_it["marker"].is_null() && of_it["error"].is_string());
    // The marker is text of the clone: a table of its name is not read.
    let mut client = standing.client();
    client.batch_execute(&comment(&text)).unwrap();
    drop(client);
    standing.clone(&["drop", name]).done();
}

/// A clone stands for its source only.
#[test]
fn a_clone_of_another_database_is_no_clone_of_the_target() {
    let standing = Standing::new("othersource");
    let other = Shop::new("othertarget");
    let release = other.release();
    for command in ["check", "gate", "plan"] {
        let refused = standing.ask(command, &release, &["--clone"]);
        assert_eq!(refused.code, 22, "{refused}");
        refused.says(&["wrong target: expected a clone of", other.db.name()]);
    }
    // The other requirements of the target hold there too.
    let own = standing.shop.release();
    let cluster = own.target("system_identifiers = [\"1\"]");
    standing
        .ask("check", &cluster, &["--clone"])
        .fails_saying(22, &["wrong target: expected the system identifier"]);
}

/// A clone under other sessions is neither dropped nor reset; one whose sessions end soon is.
#[test]
fn a_clone_in_use_is_left_alone() {
    let standing = Standing::new("inuse");
    let name = standing.name.as_str();
    let mut client = standing.client();
    client
        .batch_execute("set application_name = 'an engineer'")
        .unwrap();
    let says = ["is in use", "an engineer"];
    standing.clone(&["drop", name]).fails_saying(22, &says);
    let reset = ["reset", name, "--receipt-key", "receipt.key"];
    standing.clone(&reset).fails_saying(22, &says);
    assert_eq!(
        client.query_one("select 1", &[]).unwrap().get::<_, i32>(0),
        1
    );
    let ends = thread::spawn(move || {
        thread::sleep(std::time::Duration::from_secs(1));
        drop(client);
    });
    standing.clone(&["drop", name]).done();
    ends.join().unwrap();
    // Not even a marker makes the maintenance database go.
    let again = Standing::new("maintenance");
    let url = again.url();
    let drop = [
        "clone",
        "drop",
        &again.name,
        "--db",
        &url,
        "--trust",
        "trust.json",
    ];
    again
        .shop
        .site
        .pgseal(drop)
        .fails_saying(22, &["--db names"]);
    assert!(again.is_there());
}

/// Others write to the source all the while: the clone is one moment of it, and is marked as itself.
#[test]
fn a_clone_of_a_source_that_others_write_to() {
    let shop = Shop::new("writer");
    shop.db
        .client()
        .batch_execute("create table public.one (n integer); create table public.two (n integer)")
        .unwrap();
    let (end, ended) = mpsc::channel::<()>();
    let mut writer = shop.db.client();
    let writer = thread::spawn(move || {
        let mut number = 0;
        while ended.try_recv().is_err() {
            number += 1;
            let sql = format!(
                "begin; insert into public.one values ({number}); insert into public.two values ({number}); commit"
            );
            writer.batch_execute(&sql).unwrap();
        }
        number
    });
    let name = format!("{}_golden", shop.db.name());
    let made = make(&shop, &name, &[]);
    end.send(()).unwrap();
    assert!(writer.join().unwrap() > 10);
    let marker = &made["clone"];
    assert_eq!(marker["source"]["method"], "dump-restore");
    assert_ne!(marker["sha256"], marker["source_sha256"]);
    let remarks = made["remarks"].to_string();
    assert!(
        remarks.contains("written to meanwhile: ") && remarks.contains("public.one"),
        "{remarks}"
    );
    clone(&shop.site, &["check", &name]).done();
    let same = "select count(*) > 0 and array_agg(n order by n) = (select array_agg(n order by n) from public.two) from public.one";
    let same: bool = client(&name).query_one(same, &[]).unwrap().get(0);
    assert!(same, "a transaction is there as a whole, or not at all");
    clone(&shop.site, &["drop", &name]).done();
}

/// A restore that takes some seconds.
const SLOW: &str = "
    create function public.slow(integer) returns boolean language plpgsql immutable as $$
    begin
        if current_database() like '%golden%' then perform pg_sleep(3); end if;
        return true;
    end $$;
    create table public.a_slow (n integer check (public.slow(n)));
    insert into public.a_slow values (1);";

/// Few can connect to an unfinished clone, and none of them unnoticed.
#[test]
fn connections_are_limited_while_a_clone_is_made() {
    let shop = Shop::new("limited");
    shop.db.client().batch_execute(SLOW).unwrap();
    let source = shop.db.name();
    shop.db
        .client()
        .batch_execute(&format!("alter database {source} connection limit 50"))
        .unwrap();
    let name = format!("{source}_golden");
    let arguments = ["make", "--from", source, "--name", &name, "--by-dump"];
    let key = ["--receipt-key", "receipt.key"];
    let making = || Running::of(&mut command(&shop.site, &[&arguments[..], &key].concat()));
    let limit = format!("select datconnlimit from pg_database where datname = '{name}'");
    let sleeps = format!(
        "select count(*) from pg_stat_activity where datname = '{name}' and wait_event = 'PgSleep'"
    );
    let made = making();
    wait_until("it is filled", || shop.db.ask(&sleeps) == "1");
    assert_eq!(shop.db.ask(&limit), "8");
    made.end().done();
    assert_eq!(shop.db.ask(&limit), "50");
    let listed = json(&shop.site, &["list"]);
    let of_it = listed["clones"].as_array().unwrap().iter();
    let of_it = of_it.clone().find(|one| one["database"] == *name).unwrap();
    assert_eq!(of_it["marker"]["connection_limit"], 8);
    clone(&shop.site, &["drop", &name]).done();
    let made = making();
    wait_until("it is filled again", || shop.db.ask(&sleeps) == "1");
    let mut intruder = client(&name);
    intruder
        .batch_execute("set application_name = 'an intruder'")
        .unwrap();
    made.end().fails_saying(22, &["is in use", "an intruder"]);
    assert!(!exists(&shop, &name), "what it wrote is not kept");
}

/// Names that a clone can't have, and signers that don't count.
#[test]
fn a_clone_that_is_not_made() {
    let shop = Shop::new("notmade");
    let source = shop.db.name();
    let make = |name: &str, key: &str| {
        let arguments = [
            "make",
            "--from",
            source,
            "--name",
            name,
            "--receipt-key",
            key,
        ];
        clone(&shop.site, &arguments)
    };
    make(source, "receipt.key").fails_saying(22, &["and that is the source"]);
    make("postgres", "receipt.key").fails_saying(22, &["that is the database that --db names"]);
    let there = format!("{source}_there");
    client("postgres")
        .batch_execute(&format!("create database {there}"))
        .unwrap();
    make(&there, "receipt.key").fails_saying(22, &["and that is a database of this server"]);
    assert!(exists(&shop, &there));
    drop_database(&there);
    let name = format!("{source}_golden");
    make(&name, "release.key").fails_saying(2, &["receipts are signed by the role receipt"]);
    assert!(!exists(&shop, &name));
    let missing = [
        "make",
        "--from",
        "nobody_made_it",
        "--receipt-key",
        "receipt.key",
    ];
    clone(&shop.site, &missing).fails_saying(22, &["there is no database"]);
}

/// A reset drops the clone first, so it checks before whether it can be made again.
#[test]
fn a_reset_that_could_not_succeed_drops_nothing() {
    let standing = Standing::new("reset");
    let name = standing.name.as_str();
    let reset = |key: &str| standing.clone(&["reset", name, "--receipt-key", key]);
    reset("release.key").fails_saying(2, &["receipts are signed by the role receipt"]);
    assert!(standing.is_there());
    let source = standing.shop.db.name();
    let away = format!("{source}_away");
    let rename = |from: &str, to: &str| {
        client("postgres")
            .batch_execute(&format!("alter database {from} rename to {to}"))
            .unwrap();
    };
    rename(source, &away);
    reset("receipt.key").fails_saying(22, &["there is no database", source]);
    rename(&away, source);
    assert!(standing.is_there());
    standing.clone(&["check", name]).done();
    reset("receipt.key").done();
}

/// `rehearse --keep` with a receipt key leaves a standing clone, with the release in effect.
#[test]
fn a_rehearsal_keeps_a_standing_clone() {
    let shop = Shop::new("keeps");
    let release = shop.release();
    shop.rehearsal(&release)
        .signed()
        .with(["--keep"])
        .run()
        .done();
    assert_eq!(last_receipt(&shop.site)["outcome"], "proved");
    let name = clones(&shop.db, shop.db.name()).pop().unwrap();
    let listed = json(&shop.site, &["list"]);
    let of_it = listed["clones"].as_array().unwrap().iter();
    let of_it = of_it.clone().find(|one| one["database"] == *name).unwrap();
    assert_eq!(of_it["marker"]["release"]["name"], "small");
    let standing = Standing {
        shop,
        name,
        made: Value::Null,
    };
    standing
        .ask("check", &release, &["--clone"])
        .done()
        .says(&["finalized"]);
    standing.clone(&["check", &standing.name]).done();
    standing.clone(&["drop", &standing.name]).done();
    // Without a key it is kept as a database for looking at.
    let unsigned = standing.shop.rehearsal(&release).with(["--keep"]);
    unsigned.run().done();
    let kept = clones(&standing.shop.db, standing.shop.db.name());
    let kept = kept.last().unwrap();
    standing
        .clone(&["drop", kept])
        .fails_saying(22, &["has no marker"]);
    drop_database(kept);
}

/// A name with a meaning for code that does not quote.
#[test]
fn a_hostile_name() {
    let shop = Shop::new("hostileclone");
    let name = "x\\'; drop database postgres; --\"";
    make(&shop, name, &["--by-dump"]);
    clone(&shop.site, &["check", name]).done();
    clone(&shop.site, &["drop", name]).done();
}
