use super::super::inspect::inspect;
use super::*;
use proptest::prelude::*;

fn named(name: &str) -> ObjectName {
    match name.split_once('.') {
        Some((schema, name)) => ObjectName {
            schema: Some(schema.into()),
            name: name.into(),
        },
        None => ObjectName {
            schema: None,
            name: name.into(),
        },
    }
}

fn index(name: &str, table: &str, if_not_exists: bool) -> NonTransactional {
    NonTransactional::CreateIndex {
        name: name.into(),
        table: named(table),
        if_not_exists,
    }
}

#[test]
fn indexes() {
    for (sql, found) in [
        (
            "create index concurrently i on t (a)",
            index("i", "t", false),
        ),
        (
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS I ON S.T USING btree (a);",
            index("i", "s.t", true),
        ),
        (
            "create index concurrently \"I\"\"x\" on only \"S\".\"T\" (a)",
            index("I\"x", "S.T", false),
        ),
        (
            "create /* x */ index -- y\n concurrently i on only (d.s.t) (a)",
            index("i", "s.t", false),
        ),
        (
            "create index concurrently if on t * (a)",
            index("if", "t", false),
        ),
        (
            "create index concurrently U&\"d\\0061t\" on t (a)",
            index("dat", "t", false),
        ),
        (
            "create index concurrently \"on\" on t (a)",
            index("on", "t", false),
        ),
    ] {
        assert_eq!(classify(sql), Some(found), "{sql}");
    }
    let long = "ü".repeat(40);
    let Some(NonTransactional::CreateIndex { name, .. }) =
        classify(&format!("create index concurrently {long} on t (a)"))
    else {
        panic!("an index");
    };
    assert_eq!(name, long, "the server cuts it, in its own encoding");
    for (sql, name) in [
        ("drop index concurrently i", "i"),
        ("drop index concurrently if exists s.\"I\" restrict;", "s.I"),
        ("drop index concurrently if", "if"),
    ] {
        assert_eq!(
            classify(sql),
            Some(NonTransactional::DropIndex { index: named(name) }),
            "{sql}"
        );
    }
}

#[test]
fn builds_and_maintenance() {
    let reindex = |of| Some(NonTransactional::Reindex { of });
    for sql in [
        "reindex index concurrently s.i",
        "reindex (concurrently, verbose) index s.i;",
    ] {
        assert_eq!(
            classify(sql),
            reindex(Reindexed::Index(named("s.i"))),
            "{sql}"
        );
    }
    for sql in [
        "REINDEX (VERBOSE) TABLE CONCURRENTLY t",
        "reindex (concurrently true, tablespace x) table t",
    ] {
        assert_eq!(
            classify(sql),
            reindex(Reindexed::Table(named("t"))),
            "{sql}"
        );
    }
    for sql in [
        "reindex schema s",
        "reindex (verbose) database concurrently d",
        "reindex system d",
        "reindex database",
    ] {
        assert_eq!(classify(sql), reindex(Reindexed::Many), "{sql}");
    }
    for sql in [
        "vacuum",
        "vacuum (analyze, full) t",
        "VACUUM FULL t;",
        "cluster",
        "cluster (verbose)",
        "cluster verbose;",
    ] {
        assert_eq!(classify(sql), Some(NonTransactional::Maintenance), "{sql}");
    }
}

#[test]
fn partitions_and_settings() {
    let detach = NonTransactional::Detach {
        parent: named("s.p"),
        partition: named("s.q"),
    };
    for sql in [
        "alter table s.p detach partition s.q concurrently",
        "ALTER TABLE IF EXISTS ONLY s.p DETACH PARTITION \"s\".q CONCURRENTLY;",
    ] {
        assert_eq!(classify(sql), Some(detach.clone()), "{sql}");
    }
    let setting = |name: &str| NonTransactional::AlterSystem(Some(name.into()));
    for (sql, found) in [
        ("alter system set work_mem = '1MB'", setting("work_mem")),
        (
            "alter system set \"Auto_Explain\".Log_Min to 1",
            setting("auto_explain.log_min"),
        ),
        ("alter system reset work_mem;", setting("work_mem")),
        (
            "alter system reset all",
            NonTransactional::AlterSystem(None),
        ),
        ("call p(1)", NonTransactional::Procedure),
        ("do $$ begin commit; end $$", NonTransactional::Procedure),
    ] {
        assert_eq!(classify(sql), Some(found), "{sql}");
    }
}

#[test]
fn what_cannot_be_looked_up() {
    for sql in [
        "create index concurrently on t (a)",
        "create index concurrently U&\"d!0061t\" uescape '!' on t (a)",
        "create index concurrently U&\"\\D83D\\DE00\" on t (a)",
        "create index concurrently i on a.b.c.d (a)",
        "create index i on t (concurrently(a))",
        "drop index concurrently i, j",
        "drop index concurrently i cascade",
        "create subscription s connection '' publication p",
        "alter subscription s refresh publication",
        "drop subscription s",
        "alter database d set tablespace x",
        "discard all",
        "alter system",
        "create database d",
        "drop database if exists d with (force)",
        "create tablespace x location '/x'",
        "drop tablespace x",
        "select 1; vacuum",
        "vacuum; select 1",
        "select 1; call p()",
    ] {
        assert!(
            matches!(classify(sql), Some(NonTransactional::Unknown(_))),
            "{sql}: {:?}",
            classify(sql)
        );
    }
}

#[test]
fn what_runs_in_a_transaction() {
    for sql in [
        "",
        "-- nothing",
        "alter type t add value 'x'",
        "alter table p attach partition q for values in (1)",
        "alter table p detach partition q",
        "alter table p detach partition q finalize",
        "analyze",
        "cluster t",
        "cluster (verbose) t using i",
        "reindex table t",
        "reindex index i",
        "refresh materialized view concurrently v",
        "create index i on t (a)",
        "alter database d set work_mem = 1",
        "select 'vacuum'",
        "select 1; select 2",
    ] {
        assert_eq!(classify(sql), None, "{sql}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8_000))]

    /// A statement that must not be sent in a transaction is never classified as one that may.
    #[test]
    fn knows_all_that_inspect_knows(words in proptest::collection::vec(proptest::sample::select(&[
        "create", "drop", "alter", "reindex", "vacuum", "cluster", "unique", "index", "concurrently", "if", "not", "exists",
        "table", "database", "tablespace", "system", "schema", "subscription", "detach", "partition", "discard", "all",
        "set", "reset", "on", "only", "(", ")", ",", ".", ";", "*", "=", "a", "\"B\"", "U&\"c\"", "uescape", "'d'",
        "verbose", "restrict", "cascade", "call", "do", "/* e */", "-- f\n", "$$ g $$", "\"", "'",
    ][..]), 0..9)) {
        let sql = words.join(" ");
        if inspect(&sql).outside_transaction.is_some() {
            prop_assert!(classify(&sql).is_some(), "{}", sql);
        }
    }
}
