//! Names that changed their meaning before the statement was sent, and names that the server truncates.

use pgseal::database::Session;

use super::bench::{Bench, fill, session, shop};
use pgseal_testkit::cluster::{Cluster, TestDatabase};

/// Repeating any of these would change another object than the signed one.
#[test]
fn what_would_be_done_to_something_else() {
    for (sql, moved) in [
        (
            "create index concurrently i on items (kind)",
            "alter table \"The \"\"Shop\"\"\".items rename to gone",
        ),
        (
            "reindex table concurrently items",
            "alter table \"The \"\"Shop\"\"\".items rename to gone",
        ),
        (
            "reindex index concurrently there",
            "alter index \"The \"\"Shop\"\"\".there rename to gone",
        ),
        (
            "drop index concurrently if exists later",
            "create index later on other.items (kind)",
        ),
        (
            "create index concurrently i on later (kind)",
            "create table other.later (kind integer)",
        ),
    ] {
        let db = shop();
        let others = "create table other.items (id integer, kind integer);
                      create index there on other.items (kind); create index there on items (kind)";
        session(&db).batch(others).unwrap();
        let mut bench = Bench::new(&db, sql);
        assert!(
            !bench.not_there().is_empty(),
            "{sql}: nothing of it happened"
        );
        db.client().batch_execute(moved).unwrap();
        let question = bench.undecidable();
        assert!(
            question.contains("means something else now"),
            "{sql}: {question}"
        );
    }
}

#[test]
fn a_partition_that_is_another_one_now() {
    let db = shop();
    let tables = "create table measures (at integer) partition by range (at);
                  create table m1 partition of measures for values from (0) to (10);
                  create table other.m1 (at integer)";
    session(&db).batch(tables).unwrap();
    let mut bench = Bench::new(&db, "alter table measures detach partition m1 concurrently");
    assert!(bench.not_there().contains("still a partition"));
    session(&db).batch("alter table m1 rename to m2").unwrap();
    assert!(bench.undecidable().contains("m1 means something else now"));
}

/// Truncation to 63 bytes: 31 such letters in UTF-8, 63 in LATIN1, and 31 other ones in EUC_JP.
#[test]
fn names_are_cut_by_the_server() {
    for (encoding, letter, kept) in [("LATIN1", "ü", 63), ("UTF8", "ü", 31), ("EUC_JP", "表", 31)]
    {
        let template = format!("names_{encoding}").to_ascii_lowercase();
        let template = Cluster::shared().template(&template, |db| {
            let made = format!(
                "drop database {0}; create database {0} template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'",
                db.name()
            );
            let other = Cluster::shared().database("other");
            made.split("; ").for_each(|sql| other.client().batch_execute(sql).unwrap());
        });
        let db = TestDatabase::from_template(Cluster::shared(), template, "names");
        fill(&db);
        let (table, index) = (letter.repeat(70), format!("x{}", letter.repeat(70)));
        session(&db)
            .batch(&format!("create table {table} (a integer)"))
            .unwrap();
        let length =
            "select char_length(relname) from pg_class where relkind = 'r' and relname like '%";
        assert_eq!(
            db.ask(&format!("{length}{letter}'")),
            kept.to_string(),
            "{encoding}"
        );
        let mut bench = Bench::new(
            &db,
            &format!("create index concurrently {index} on {table} (a)"),
        );
        bench.looker.execute(&bench.sql).unwrap();
        assert_eq!(bench.confirmed(), None, "{encoding}");
        assert!(bench.took().contains("valid"), "{encoding}");
        let mut bench = Bench::new(&db, &format!("drop index concurrently {index}"));
        bench.looker.execute(&bench.sql).unwrap();
        assert!(bench.took().contains("gone"), "{encoding}");
    }
}
