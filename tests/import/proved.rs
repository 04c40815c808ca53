//! Each tool's shop, imported, packed and rehearsed.

use std::fs;
use std::path::Path;

use crate::{Import, shop};
use pgseal_testkit::cluster::{Cluster, TestDatabase, programs};
use pgseal_testkit::release::{Answer, Site};

/// Imports onto a database, and rehearses the release on a clone of it.
pub fn prove(import: &Import, db: &TestDatabase<'_>, variables: &[&str]) -> Site {
    let site = Site::new();
    let bundle = site.path("shop.pgseal");
    site.pack_dir(&import.release(), &bundle).done();
    let mut command = site.command();
    command.env("PGSEAL_POSTGRES_BIN", programs().dir());
    command.arg("rehearse").arg(&bundle);
    command.args([
        "--trust",
        "trust.json",
        "--db",
        &Cluster::shared().server().url("postgres"),
    ]);
    command
        .args(["--from", db.name()])
        .arg("--receipts")
        .arg(site.path("receipts"));
    for variable in variables {
        command.args(["-v", variable]);
    }
    Answer::of(command.output().unwrap())
        .done()
        .says(&["proved"]);
    site
}

pub fn database(prefix: &str) -> TestDatabase<'static> {
    Cluster::shared().database(prefix)
}

/// A tool with ways back needs nothing from a person.
fn proves_whole(tool: &str, write: impl FnOnce(&Path), tiers: usize) {
    let db = database(&tool.replace('-', "_"));
    let import = Import::of(write);
    let answer = import.done(tool, &["--database", db.name()]);
    assert_eq!(answer["undecided"].as_array().unwrap().len(), 0, "{answer}");
    assert_eq!(import.errors(), Vec::<String>::new());
    let toml = import.text("release.toml");
    assert_eq!(toml.matches("[[tier]]").count(), tiers);
    assert_eq!(toml.matches("transaction = \"none\"").count(), 1);
    prove(&import, &db, &[]);
}

#[test]
fn golang_migrate() {
    proves_whole("golang-migrate", shop::golang_migrate, 20);
}

#[test]
fn dbmate() {
    proves_whole("dbmate", shop::dbmate, 20);
}

#[test]
fn goose() {
    proves_whole("goose", shop::goose, 20);
}

#[test]
fn flyway() {
    proves_whole("flyway", |dir| shop::flyway(dir, true), 20);
}

#[test]
fn liquibase() {
    proves_whole("liquibase", shop::liquibase, 20);
}

/// With verify scripts and a reworked change.
#[test]
fn sqitch() {
    let db = database("sqitch");
    let import = Import::of(shop::sqitch);
    let answer = import.done("sqitch", &["--database", db.name()]);
    assert_eq!(answer["undecided"].as_array().unwrap().len(), 0, "{answer}");
    assert_eq!(answer["changes"], 21);
    assert_eq!(import.errors(), Vec::<String>::new());
    let toml = import.text("release.toml");
    assert_eq!(toml.matches("mode = \"rolled-back\"").count(), 21);
    assert!(toml.contains("about = \"Counts nothing as 0.\""), "{toml}");
    assert!(
        import
            .text("tiers/07_order_total.sql")
            .contains("(select sum(")
    );
    assert!(
        import
            .text("tiers/21_order_total-2.sql")
            .contains("coalesce(sum(")
    );
    prove(&import, &db, &[]);
}

/// Tools without ways back: drafts, which a person checks.
#[test]
fn drafts_of_ways_back() {
    for tool in ["atlas", "flyway", "psql"] {
        let db = database(tool);
        let import = Import::of(|dir| match tool {
            "atlas" => shop::atlas(dir),
            "flyway" => shop::flyway(dir, false),
            _ => shop::psql(dir),
        });
        let answer = import.done(tool, &["--database", db.name()]);
        let rollback = import.errors();
        let undecided = answer["undecided"].as_array().unwrap().len();
        let refused = rollback
            .iter()
            .filter(|error| error.starts_with("undecided-import "));
        assert_eq!(refused.count(), undecided, "{tool}: {rollback:?}");
        assert!(undecided > 0);
        import.decide();
        // What no draft can know.
        let replace =
            |file: &str, text: &str| fs::write(import.release().join(file), text).unwrap();
        if tool == "psql" {
            replace("rollback/01_upgrade.sql", "drop schema shop cascade;\n");
        } else {
            replace(
                "rollback/12_first_products.sql",
                "delete from shop.products where id in (1, 2);\n",
            );
            replace(
                "rollback/19_comments.sql",
                "comment on table shop.orders is null;\n",
            );
            replace(
                "rollback/16_sales.sql",
                "drop materialized view if exists shop.sales;\n",
            );
        }
        assert_eq!(import.errors(), Vec::<String>::new(), "{tool}");
        prove(&import, &db, &[]);
    }
}

/// The other tool's rows, written by the run and taken back by the rollback; from an empty database and from a range.
#[test]
fn histories_are_kept() {
    type Write = fn(&Path);
    let cases: [(&str, Write, &str, &str); 4] = [
        (
            "golang-migrate",
            shop::golang_migrate,
            "select version from schema_migrations where not dirty",
            "20",
        ),
        (
            "dbmate",
            shop::dbmate,
            "select max(version) || ' ' || count(*) from schema_migrations",
            "20260105100020 20",
        ),
        (
            "goose",
            shop::goose,
            "select max(version_id) || ' ' || count(*) from goose_db_version",
            "20 21",
        ),
        (
            "flyway",
            |dir| shop::flyway(dir, true),
            "select max(version) || ' ' || count(checksum) from flyway_schema_history",
            "1.9 20",
        ),
    ];
    for (tool, write, query, expected) in cases {
        let db = database("kept");
        let import = Import::of(write);
        import.done(tool, &["--database", db.name(), "--keep-history"]);
        assert_eq!(import.errors(), Vec::<String>::new());
        let site = prove(&import, &db, &[]);
        site.operator(&site.path("shop.pgseal"), &db.url())
            .run()
            .done();
        assert_eq!(db.ask(query), expected, "{tool}");
        // The same source has two more changes: the release begins where the history ends.
        let next = Import::of(|dir| {
            write(dir);
            two_more(tool, dir);
        });
        let last = if tool == "flyway" {
            "1.20"
        } else if tool == "dbmate" {
            "20260105100020"
        } else if tool == "goose" {
            "00020"
        } else {
            "20"
        };
        next.done(
            tool,
            &["--database", db.name(), "--keep-history", "--from", last],
        );
        let toml = next
            .text("release.toml")
            .replace("sequence = 1", "sequence = 2");
        fs::write(next.release().join("release.toml"), toml).unwrap();
        assert_eq!(next.errors(), Vec::<String>::new());
        prove(&next, &db, &[]);
    }
    let import = Import::of(shop::sqitch);
    let output = import.run("sqitch", &["--keep-history"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("can't write the history of sqitch"), "{text}");
}

fn two_more(tool: &str, dir: &Path) {
    for (number, name) in [(21, "wishes"), (22, "gifts")] {
        let (up, down) = (
            format!("create table {name} (id integer);"),
            format!("drop table {name};"),
        );
        let put = |file: String, text: String| fs::write(dir.join(file), text).unwrap();
        match tool {
            "golang-migrate" => {
                put(format!("{number:06}_{name}.up.sql"), up);
                put(format!("{number:06}_{name}.down.sql"), down);
            }
            "dbmate" => put(
                format!("202601051000{number}_{name}.sql"),
                format!("-- migrate:up\n{up}\n-- migrate:down\n{down}\n"),
            ),
            "goose" => put(
                format!("{number:05}_{name}.sql"),
                format!("-- +goose Up\n{up}\n-- +goose Down\n{down}\n"),
            ),
            _ => {
                put(format!("sql/V1.{number}__{name}.sql"), up);
                put(format!("sql/U1.{number}__{name}.sql"), down);
            }
        }
    }
}
