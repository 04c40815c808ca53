//! Detects effects that exist only in the session or the transaction. A run that resumes on a new
//! session, or that commits every statement by itself, would lose them.

use super::assignments::assignments;
use super::inspect::Means;
use super::tokens::Tokens;

/// The first such effect of a statement, as a label for people. `SET` and `RESET` of a session's
/// setting do not count: they can be repeated.
pub fn session_only(sql: &str) -> Option<&'static str> {
    let tokens = Tokens::new(sql);
    tokens
        .statements()
        .iter()
        .find_map(|(start, end)| statement(&tokens, *start, *end))
}

fn statement(tokens: &Tokens, start: usize, end: usize) -> Option<&'static str> {
    let names_a_setting =
        |i: usize| tokens.is(i, "to") || tokens.mark(i, b'=') || tokens.mark(i, b'.');
    let head = match tokens.word(start).to_ascii_lowercase().as_str() {
        "set" if tokens.is(start + 1, "local") && !names_a_setting(start + 2) => "SET LOCAL",
        "set" if tokens.is(start + 1, "constraints") => "SET CONSTRAINTS",
        "lock" => "LOCK TABLE",
        "listen" | "unlisten" => "LISTEN",
        "prepare" => "a prepared statement",
        "declare" | "fetch" | "move" | "close" => "a cursor",
        "load" => "LOAD",
        "create" if is_temporary(tokens, start + 1) => "a temporary object",
        _ if assignments(tokens, start, end).any(|found| found.by == Means::PgSettings) => {
            "UPDATE of pg_settings"
        }
        _ => return (start..end).find_map(|i| word(tokens, i)),
    };
    Some(head)
}

/// True for `CREATE [OR REPLACE] [GLOBAL | LOCAL] TEMP`.
fn is_temporary(tokens: &Tokens, mut i: usize) -> bool {
    while tokens.is_any(i, &["or", "replace", "global", "local"]) {
        i += 1;
    }
    tokens.is_any(i, &["temp", "temporary"])
}

fn word(tokens: &Tokens, i: usize) -> Option<&'static str> {
    if tokens.is(i, "into") && is_temporary(tokens, i + 1) {
        return Some("a temporary object");
    }
    let name = tokens.identifier(i)?;
    if tokens.mark(i + 1, b'.') && (name == "pg_temp" || name.starts_with("pg_temp_")) {
        return Some("a temporary object");
    }
    if !tokens.mark(i + 1, b'(') {
        return None;
    }
    match name.as_str() {
        "set_config" => Some("set_config()"),
        "currval" | "lastval" => Some("currval() or lastval()"),
        name if name.starts_with("pg_advisory_") || name.starts_with("pg_try_advisory_") => {
            Some("an advisory lock")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::session_only;

    #[test]
    fn what_a_new_session_would_miss() {
        for sql in [
            "set local work_mem = '1MB'",
            "set constraints all immediate",
            "lock table t",
            "listen a",
            "prepare p as select 1",
            "declare c cursor with hold for select 1",
            "load 'auto_explain'",
            "create or replace local temp view v as select 1",
            "create temporary table t (a int)",
            "create table pg_temp.t (a int)",
            "create table \"pg_temp\" . t (a int)",
            "select 1 into temp t",
            "select pg_catalog.set_config('search_path', '', false)",
            "update pg_settings set setting = '' where name = 'search_path'",
            "insert into t values (currval('s'))",
            "select pg_advisory_lock(1)",
            "select 1; listen a",
        ] {
            assert!(session_only(sql).is_some(), "{sql}");
        }
    }

    #[test]
    fn what_stays_or_can_be_repeated() {
        for sql in [
            "",
            "set work_mem = '1MB'",
            "set local.x = 1",
            "set search_path = pg_temp, app",
            "reset work_mem",
            "create table temp (a int)",
            "select 'set_config('",
            "select set_config from t",
            "select a from t fetch first row only",
            "comment on table t is 'listen'",
            "insert into t values (nextval('s'))",
        ] {
            assert_eq!(session_only(sql), None, "{sql}");
        }
    }
}
