use super::*;

#[test]
fn verbs_are_for_people() {
    for (sql, verb) in [
        ("create or replace function f() ...", "CREATE FUNCTION"),
        ("create temp table t (a int)", "CREATE TABLE"),
        ("/* x */ create unique index i on t (a)", "CREATE INDEX"),
        ("alter table t add a int", "ALTER TABLE"),
        ("drop materialized view v", "DROP MATERIALIZED VIEW"),
        (
            "create foreign data wrapper w",
            "CREATE FOREIGN DATA WRAPPER",
        ),
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
        (
            "set session characteristics as transaction read write",
            "SET SESSION CHARACTERISTICS",
        ),
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
        (
            "COPY \"from\" (a, \"to\") FROM STDIN WITH (FORMAT csv)",
            Copy::FromStdin,
        ),
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

fn change(sql: &str) -> Option<Changed> {
    inspect(sql).session_change.map(|change| change.what)
}

#[test]
fn session_changes() {
    for (sql, found) in [
        ("set session authorization u", Changed::SessionAuthorization),
        ("reset session authorization", Changed::SessionAuthorization),
        ("set local role r", Changed::Role),
        ("SET Standard_Conforming_Strings = off", Changed::Strings),
        (
            "set session \"standard_conforming_strings\" to off",
            Changed::Strings,
        ),
        (
            "set U&\"standard!005fconforming_strings\" uescape '!' to off",
            Changed::Strings,
        ),
        ("set names 'latin1'", Changed::Encoding),
        (
            "set default_transaction_read_only = off",
            Changed::TransactionMode,
        ),
        ("set transaction_read_only to off", Changed::TransactionMode),
        ("reset all", Changed::Everything),
        ("set session_replication_role = replica", Changed::Checks),
    ] {
        assert_eq!(change(sql), Some(found), "{sql}");
    }
    assert_eq!(change("set search_path = a"), None);
    assert_eq!(change("SET transaction_timeout = 0"), None);
    assert_eq!(change("update t set role = 1"), None);
}

/// `set_config()` and `UPDATE pg_settings` are judged by the setting's name, like `SET`.
#[test]
fn settings_are_judged_alike_however_they_are_set() {
    for (setting, value, what) in [
        ("standard_conforming_strings", "off", Some(Changed::Strings)),
        ("STANDARD_conforming_strings", "1", Some(Changed::Strings)),
        ("standard_conforming_strings", "ON", None),
        ("backslash_quote", "on", Some(Changed::Strings)),
        ("client_encoding", "LATIN1", Some(Changed::Encoding)),
        ("client_encoding", "utf-8", None),
        (
            "session_authorization",
            "u",
            Some(Changed::SessionAuthorization),
        ),
        ("role", "u", Some(Changed::Role)),
        ("row_security", "off", Some(Changed::Checks)),
        (
            "transaction_read_only",
            "off",
            Some(Changed::TransactionMode),
        ),
        (
            "default_transaction_isolation",
            "serializable",
            Some(Changed::TransactionMode),
        ),
        ("transaction_timeout", "0", None),
        ("search_path", "", None),
        ("work_mem", "1MB", None),
    ] {
        for sql in [
            format!("set {setting} = '{value}'"),
            format!("select set_config('{setting}', '{value}', true)"),
            format!("select 1; select pg_catalog.set_config('{setting}', '{value}', false)"),
            format!("update pg_settings set setting = '{value}' where name = '{setting}'"),
        ] {
            assert_eq!(change(&sql), what, "{sql}");
        }
    }
    for (sql, text) in [
        (
            "select set_config('client_encoding', v, true) from t",
            "a change of the client's encoding by set_config()",
        ),
        (
            "select set_config(n, 'x', true) from t",
            "a change of a setting whose name is no literal by set_config()",
        ),
        (
            "update pg_settings set setting = lower('ON') where name = 'standard_conforming_strings'",
            "a change of where strings end by UPDATE of pg_settings",
        ),
    ] {
        assert_eq!(
            inspect(sql)
                .session_change
                .map(|change| change.to_string())
                .as_deref(),
            Some(text),
            "{sql}"
        );
    }
}

#[test]
fn statements_are_counted() {
    for (sql, count) in [
        (";", 0),
        ("select 1", 1),
        ("select 1;", 1),
        ("select 1; select 2", 2),
        (
            "create rule r as on insert to t do (select 1; select 2);",
            1,
        ),
    ] {
        assert_eq!(inspect(sql).statements, count, "{sql}");
    }
    assert_eq!(
        inspect("create function f() returns int begin atomic select 1; select 2; end;").statements,
        1
    );
}
