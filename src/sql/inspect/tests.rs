use super::*;

#[test]
fn verbs_are_for_people() {
    for (sql, verb) in [
        ("create or replace function f() ...", "CREATE FUNCTION"),
        ("create temp table t (a int)", "CREATE TABLE"),
        ("/* x */ create unique index i on t (a)", "CREATE INDEX"),
        ("alter table t add a int", "ALTER TABLE"),
        ("drop materialized view v", "DROP MATERIALIZED VIEW"),
        ("create foreign data wrapper w", "CREATE FOREIGN DATA WRAPPER"),
        ("create user u", "CREATE USER"),
        ("create user mapping for u server s", "CREATE USER MAPPING"),
        ("insert into t values (1)", "INSERT"),
        ("(select 1)", "SELECT"),
        ("start transaction", "START TRANSACTION"),
        ("comment on table t is 'x'", "COMMENT"),
        ("do $$ $$", "DO"),
        (";", ""),
        ("/* only */", ""),
    ] {
        assert_eq!(inspect(sql).verb, verb, "{sql}");
    }
}

#[test]
fn transaction_control_shows_in_the_first_words() {
    for (sql, found) in [
        ("BEGIN;", "BEGIN"),
        ("/* a */ commit work", "COMMIT"),
        ("commit prepared 'x'", "COMMIT PREPARED"),
        ("prepare transaction 'x'", "PREPARE TRANSACTION"),
        ("rollback to savepoint a", "ROLLBACK"),
        ("set local transaction read only", "SET TRANSACTION"),
        ("set session characteristics as transaction read write", "SET SESSION CHARACTERISTICS"),
        ("select 1; end;", "END"),
    ] {
        assert_eq!(inspect(sql).transaction_control, Some(found), "{sql}");
    }
    for sql in [
        "prepare p as select 1",
        "\"begin\"",
        "select 'commit'",
        "set transaction_x = 1",
        "create procedure p() begin atomic select 1; end",
    ] {
        assert_eq!(inspect(sql).transaction_control, None, "{sql}");
    }
}

#[test]
fn copy_has_a_direction() {
    for (sql, found) in [
        ("copy t from stdin", Copy::FromStdin),
        ("COPY \"from\" (a, \"to\") FROM STDIN WITH (FORMAT csv)", Copy::FromStdin),
        ("copy s.t from stdout csv", Copy::FromStdin),
        ("copy binary t from stdin", Copy::FromStdin),
        ("copy binary from stdin", Copy::FromStdin),
        ("copy (select a from stdin) to stdout", Copy::ToStdout),
        ("copy t to '/x'", Copy::ToFile),
        ("copy t from '/x'", Copy::FromFile),
        ("copy t to program 'x'", Copy::Program),
    ] {
        assert_eq!(inspect(sql).copy, Some(found), "{sql}");
    }
    assert_eq!(inspect("select 1 from stdin").copy, None);
}

#[test]
fn what_cannot_run_in_a_transaction() {
    for sql in [
        "vacuum",
        "create index concurrently i on t (a)",
        "create unique index concurrently if not exists i on t (a)",
        "drop index concurrently i",
        "reindex index concurrently i",
        "reindex (verbose) database d",
        "create database d",
        "alter system set a = 1",
        "alter table t detach partition p concurrently",
        "cluster",
        "cluster verbose;",
        "cluster (verbose)",
        "discard all",
        "drop subscription s",
        "alter database d set tablespace x",
    ] {
        assert!(inspect(sql).outside_transaction.is_some(), "{sql}");
    }
    for sql in [
        "cluster t",
        "cluster (verbose) t",
        "create index i on t (a)",
        "reindex table t",
        "alter database d set a = 1",
        "select 'vacuum'",
    ] {
        assert_eq!(inspect(sql).outside_transaction, None, "{sql}");
    }
}

#[test]
fn session_changes() {
    for (sql, found) in [
        ("set session authorization u", SessionChange::SessionAuthorization),
        ("reset session authorization", SessionChange::SessionAuthorization),
        ("set local role r", SessionChange::Role),
        ("SET Standard_Conforming_Strings = off", SessionChange::Strings),
        ("set session \"standard_conforming_strings\" to off", SessionChange::Strings),
        ("set names 'latin1'", SessionChange::Encoding),
        ("set default_transaction_read_only = off", SessionChange::TransactionMode),
        ("set transaction_read_only to off", SessionChange::TransactionMode),
        ("reset all", SessionChange::Everything),
        ("set session_replication_role = replica", SessionChange::Checks),
    ] {
        assert_eq!(inspect(sql).session_change, Some(found), "{sql}");
    }
    assert_eq!(inspect("set search_path = a").session_change, None);
    assert_eq!(inspect("SET transaction_timeout = 0").session_change, None);
    assert_eq!(inspect("update t set role = 1").session_change, None);
}

#[test]
fn statements_are_counted() {
    for (sql, count) in [
        (";", 0),
        ("select 1", 1),
        ("select 1;", 1),
        ("select 1; select 2", 2),
        ("create rule r as on insert to t do (select 1; select 2);", 1),
    ] {
        assert_eq!(inspect(sql).statements, count, "{sql}");
    }
    assert_eq!(inspect("create function f() returns int begin atomic select 1; select 2; end;").statements, 1);
}
