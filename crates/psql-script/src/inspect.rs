//! Classifies a statement by its tokens: enough to refuse, to order and to explain, not a parser.

use super::assignments::assignments;
use super::dispatch::{Dispatch, dispatches};
use super::tokens::{Kind, Tokens, first_token};

/// Properties of a text, as its tokens show them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Label like a command tag, upper case, for people; empty for an empty statement.
    pub verb: String,
    /// A command that begins, ends or changes a transaction.
    pub transaction_control: Option<&'static str>,
    /// The direction of a COPY.
    pub copy: Option<Copy>,
    /// A command that cannot run inside a transaction block.
    pub outside_transaction: Option<&'static str>,
    /// Names that could reach out of the database, by character position; see [`Dispatch`].
    pub dispatch: Vec<Dispatch>,
    /// A change of the session that outlives the statement and that a run relies on.
    pub session_change: Option<SessionChange>,
    /// Number of statements: 0 for an empty text, more than 1 if `\;` joined some.
    pub statements: usize,
}

/// Source or target of COPY data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// From the client: the data are in the script.
    FromStdin,
    /// To the client.
    ToStdout,
    /// From a file on the server.
    FromFile,
    /// To a file on the server.
    ToFile,
    /// From or to a program on the server.
    Program,
}

/// A change of the session that a packer refuses or shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionChange {
    /// The changed property.
    pub what: Changed,
    /// The statement form that changes it.
    pub by: Means,
}

/// Properties of the session that a statement can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// `SET` or `RESET SESSION AUTHORIZATION`
    SessionAuthorization,
    /// `SET ROLE`, `RESET ROLE`
    Role,
    /// `standard_conforming_strings` or `backslash_quote`, which move the ends of strings
    Strings,
    /// `client_encoding`, `SET NAMES`: scripts are UTF-8
    Encoding,
    /// `transaction_*`, `default_transaction_*`
    TransactionMode,
    /// `RESET ALL`, `DISCARD ALL`
    Everything,
    /// `session_replication_role`, `row_security`, and other settings that turn checks off
    Checks,
    /// A setting not named by a literal: it could be any of these
    Unread,
}

/// Statement form that changes a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// `SET`, `RESET`, `DISCARD`
    Command,
    /// `set_config()`
    SetConfig,
    /// `UPDATE pg_settings`
    PgSettings,
}

/// Inspects one text, exactly as it would be sent. For several joined statements, each property is
/// that of the first statement that has it.
pub fn inspect(sql: &str) -> Inspection {
    let tokens = Tokens::new(sql);
    let parts = tokens.statements();
    let first = |judge: fn(&Tokens, usize) -> Option<&'static str>| {
        parts.iter().find_map(|(start, _)| judge(&tokens, *start))
    };
    Inspection {
        verb: parts
            .first()
            .map(|(start, _)| verb(&tokens, *start))
            .unwrap_or_default(),
        transaction_control: first(transaction_control),
        copy: parts.iter().find_map(|(start, _)| copy(&tokens, *start)),
        outside_transaction: parts
            .iter()
            .find_map(|(start, end)| outside_transaction(&tokens, *start, *end)),
        session_change: parts
            .iter()
            .find_map(|(start, end)| session_change(&tokens, *start, *end)),
        dispatch: dispatches(&tokens),
        statements: parts.len(),
    }
}

/// True if the first word is this one; cheap enough for every statement of a script.
pub(super) fn first_word_is(sql: &str, word: &str) -> bool {
    let rest = &sql.as_bytes()[first_token(sql)..];
    rest.get(..word.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
}

/// The byte of a `COPY ... FROM STDIN` among joined statements.
pub(super) fn joined_copy(sql: &str) -> Option<usize> {
    let tokens = Tokens::new(sql);
    let parts = tokens.statements();
    let found = parts
        .iter()
        .find(|(start, _)| copy(&tokens, *start) == Some(Copy::FromStdin));
    found
        .and_then(|(start, _)| tokens.list.get(*start))
        .map(|token| token.start)
}

/// True if there is no word outside of parentheses before the first `;`. Only at such a word does
/// psql 15.20 forget a COPY FROM STDIN after it has sent the data (measured).
pub(super) fn begins_without_a_word(sql: &str) -> bool {
    let tokens = Tokens::new(sql);
    let mut depth = 0usize;
    for token in &tokens.list {
        match token.kind {
            Kind::Mark(b'(') => depth += 1,
            Kind::Mark(b')') => depth = depth.saturating_sub(1),
            Kind::Mark(b';') if depth == 0 => return true,
            Kind::Word if depth == 0 => return false,
            _ => {}
        }
    }
    true
}

/// Whether the statement turns `standard_conforming_strings` on or off, and whether only for the
/// transaction; `None` for all others.
pub(super) fn sets_standard_strings(sql: &str) -> Option<(bool, bool)> {
    if !first_word_is(sql, "set") && !first_word_is(sql, "reset") {
        return None;
    }
    let tokens = Tokens::new(sql);
    if tokens.is(0, "reset") {
        let named = tokens.is(1, "all") || tokens.is(1, "standard_conforming_strings");
        return named.then_some((true, false));
    }
    let local = tokens.is(1, "local");
    let at = if local || tokens.is(1, "session") {
        2
    } else {
        1
    };
    if tokens.identifier(at)? != "standard_conforming_strings" {
        return None;
    }
    Some((
        !sets_to(&tokens, at, &["off", "false", "no", "0", "f", "n", "of"]),
        local,
    ))
}

fn verb(tokens: &Tokens, start: usize) -> String {
    const MODIFIERS: &str = "\
        or replace global local temp temporary unlogged unique recursive trusted procedural \
        constraint";
    const PAIRED: &str = "materialized foreign event access default text large";
    if tokens.mark(start, b'(') {
        return "SELECT".into();
    }
    let first = tokens.word(start).to_ascii_uppercase();
    let mut i = start + 1;
    match first.as_str() {
        "CREATE" | "ALTER" | "DROP" | "COMMENT" => {
            while tokens.is_listed(i, MODIFIERS) {
                i += 1;
            }
            let mut words = vec![first.clone()];
            let pair = match tokens.word(i).to_ascii_lowercase().as_str() {
                "user" => tokens.is(i + 1, "mapping"),
                "operator" => tokens.is_any(i + 1, &["class", "family"]),
                _ => tokens.is_listed(i, PAIRED),
            };
            let three = tokens.are(i, &["text", "search"]) || tokens.are(i, &["foreign", "data"]);
            let count = if first == "COMMENT" {
                0
            } else {
                1 + usize::from(pair) + usize::from(three)
            };
            words.extend(
                (i..i + count)
                    .map(|n| tokens.word(n).to_ascii_uppercase())
                    .filter(|word| !word.is_empty()),
            );
            words.join(" ")
        }
        "REFRESH" => "REFRESH MATERIALIZED VIEW".into(),
        "START" => "START TRANSACTION".into(),
        "DECLARE" => "DECLARE CURSOR".into(),
        _ => transaction_control(tokens, start).map_or(first, str::to_owned),
    }
}

/// The transaction command of a statement, judged by its first words.
fn transaction_control(tokens: &Tokens, i: usize) -> Option<&'static str> {
    const PAIRS: &[(&str, &str, &str)] = &[
        ("prepare", "transaction", "PREPARE TRANSACTION"),
        ("commit", "prepared", "COMMIT PREPARED"),
        ("rollback", "prepared", "ROLLBACK PREPARED"),
        ("set", "transaction", "SET TRANSACTION"),
        ("start", "", "START TRANSACTION"),
        ("abort", "", "ABORT"),
        ("begin", "", "BEGIN"),
        ("commit", "", "COMMIT"),
        ("end", "", "END"),
        ("rollback", "", "ROLLBACK"),
        ("savepoint", "", "SAVEPOINT"),
        ("release", "", "RELEASE"),
    ];
    if tokens.are(i, &["set", "session", "characteristics"]) {
        return Some("SET SESSION CHARACTERISTICS");
    }
    if tokens.is(i, "set")
        && tokens.is_any(i + 1, &["local", "session"])
        && tokens.is(i + 2, "transaction")
    {
        return Some("SET TRANSACTION");
    }
    let found = PAIRS.iter().find(|(first, second, _)| {
        tokens.is(i, first) && (second.is_empty() || tokens.is(i + 1, second))
    });
    found.map(|(_, _, name)| *name)
}

/// The direction of a `COPY`, by the server's grammar. `STDIN` and `STDOUT` mean the same in both
/// directions.
pub(super) fn copy(tokens: &Tokens, start: usize) -> Option<Copy> {
    if !tokens.is(start, "copy") {
        return None;
    }
    let mut i = start + 1;
    if tokens.is(i, "binary")
        && !tokens.is_any(i + 1, &["from", "to"])
        && !tokens.mark(i + 1, b'(')
        && !tokens.mark(i + 1, b'.')
    {
        i += 1;
    }
    if tokens.mark(i, b'(') {
        i = tokens.behind_parenthesis(i);
    } else {
        i += 1;
        while tokens.mark(i, b'.') {
            i += 2;
        }
        if tokens.mark(i, b'(') {
            i = tokens.behind_parenthesis(i);
        }
    }
    let from = tokens.is(i, "from");
    if !from && !tokens.is(i, "to") {
        return None;
    }
    let client = tokens.is_any(i + 1, &["stdin", "stdout"]);
    Some(match (tokens.is(i + 1, "program"), client, from) {
        (true, ..) => Copy::Program,
        (_, true, true) => Copy::FromStdin,
        (_, true, false) => Copy::ToStdout,
        (_, false, true) => Copy::FromFile,
        (_, false, false) => Copy::ToFile,
    })
}

/// Commands of the manual's "cannot be executed inside a transaction block"; subscriptions always,
/// to be safe.
pub(super) fn outside_transaction(tokens: &Tokens, i: usize, end: usize) -> Option<&'static str> {
    let has = |word: &str| (i..end).any(|n| tokens.is(n, word));
    let on = |first: &str, object: &str| tokens.are(i, &[first, object]);
    let either = |object: &str| on("create", object) || on("drop", object);
    if tokens.is(i, "vacuum") {
        Some("VACUUM")
    } else if (on("create", "index") || tokens.are(i, &["create", "unique", "index"]))
        && has("concurrently")
    {
        Some("CREATE INDEX CONCURRENTLY")
    } else if tokens.are(i, &["drop", "index", "concurrently"]) {
        Some("DROP INDEX CONCURRENTLY")
    } else if tokens.is(i, "reindex") && has("concurrently") {
        Some("REINDEX CONCURRENTLY")
    } else if tokens.is(i, "reindex") && (has("database") || has("system") || has("schema")) {
        Some("REINDEX of a whole database or schema")
    } else if either("database") {
        Some("CREATE or DROP DATABASE")
    } else if either("tablespace") {
        Some("CREATE or DROP TABLESPACE")
    } else if either("subscription") || on("alter", "subscription") {
        Some("CREATE, ALTER or DROP SUBSCRIPTION")
    } else if on("alter", "system") {
        Some("ALTER SYSTEM")
    } else if on("alter", "database") && has("tablespace") {
        Some("ALTER DATABASE SET TABLESPACE")
    } else if on("alter", "table") && has("detach") && has("concurrently") {
        Some("ALTER TABLE DETACH PARTITION CONCURRENTLY")
    } else if tokens.is(i, "cluster") && (i + 1 >= end || behind_options(tokens, i + 1) >= end) {
        Some("CLUSTER without a table")
    } else if on("discard", "all") {
        Some("DISCARD ALL")
    } else {
        None
    }
}

/// The token after `VERBOSE` or `(VERBOSE ...)`.
fn behind_options(tokens: &Tokens, i: usize) -> usize {
    if tokens.mark(i, b'(') {
        tokens.behind_parenthesis(i)
    } else {
        i + usize::from(tokens.is(i, "verbose"))
    }
}

fn session_change(tokens: &Tokens, i: usize, end: usize) -> Option<SessionChange> {
    if let Some(what) = commanded(tokens, i) {
        return Some(SessionChange {
            what,
            by: Means::Command,
        });
    }
    assignments(tokens, i, end).find_map(|found| {
        let what = match &found.setting {
            Some(setting) => changed(setting, found.value.as_deref()),
            None => Some(Changed::Unread),
        };
        what.map(|what| SessionChange { what, by: found.by })
    })
}

/// The property that `SET`, `RESET` or `DISCARD` changes.
fn commanded(tokens: &Tokens, i: usize) -> Option<Changed> {
    if tokens.are(i, &["discard", "all"]) || tokens.are(i, &["reset", "all"]) {
        return Some(Changed::Everything);
    }
    if !tokens.is_any(i, &["set", "reset"]) {
        return None;
    }
    let scoped = tokens.is_any(i + 1, &["session", "local"])
        && !tokens.is(i + 2, "to")
        && !tokens.mark(i + 2, b'=');
    let at = if scoped && !tokens.are(i + 1, &["session", "authorization"]) {
        i + 2
    } else {
        i + 1
    };
    if tokens.is(at, "session") && tokens.is(at + 1, "authorization") {
        return Some(Changed::SessionAuthorization);
    }
    if tokens.is(at, "names") {
        return Some(Changed::Encoding);
    }
    changed(
        &tokens.identifier(at)?.to_ascii_lowercase(),
        assigned(tokens, at),
    )
}

/// The property that a new value of a setting changes; the setting is in lower case.
fn changed(setting: &str, value: Option<&str>) -> Option<Changed> {
    let becomes = |values: &[&str]| {
        value.is_some_and(|value| values.iter().any(|v| value.eq_ignore_ascii_case(v)))
    };
    match setting {
        "session_authorization" => Some(Changed::SessionAuthorization),
        "role" => Some(Changed::Role),
        // These values, at the beginning of every dump, change nothing here.
        "standard_conforming_strings" if becomes(&["on", "true"]) => None,
        "client_encoding" if becomes(&["utf8", "utf-8", "unicode"]) => None,
        "standard_conforming_strings" | "backslash_quote" => Some(Changed::Strings),
        "client_encoding" => Some(Changed::Encoding),
        "session_replication_role"
        | "row_security"
        | "check_function_bodies"
        | "ignore_checksum_failure" => Some(Changed::Checks),
        // A time limit; dumps set it since PostgreSQL 17.
        "transaction_timeout" => None,
        name if name.starts_with("transaction_") || name.starts_with("default_transaction_") => {
            Some(Changed::TransactionMode)
        }
        _ => None,
    }
}

/// The value of `SET name = value` or `SET name TO value`, without quotes.
fn assigned<'a>(tokens: &Tokens<'a>, name: usize) -> Option<&'a str> {
    let assigns = tokens.mark(name + 1, b'=') || tokens.is(name + 1, "to");
    assigns.then(|| tokens.text(name + 2).trim_matches('\''))
}

/// True if `SET` assigns one of the values.
fn sets_to(tokens: &Tokens, name: usize, values: &[&str]) -> bool {
    assigned(tokens, name).is_some_and(|value| values.iter().any(|v| value.eq_ignore_ascii_case(v)))
}

impl SessionChange {
    /// True if no script of a release may do it: the run would differ from the packed script in its
    /// statements or their boundaries.
    pub fn is_refused(self) -> bool {
        !matches!(self.what, Changed::Role | Changed::Checks)
    }
}

impl std::fmt::Display for SessionChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.what {
            Changed::SessionAuthorization => "a change of the session's user",
            Changed::Role => "a change of the role",
            Changed::Strings => "a change of where strings end",
            Changed::Encoding => "a change of the client's encoding",
            Changed::TransactionMode => "a change of the transaction's mode",
            Changed::Everything => "a reset of the whole session",
            Changed::Checks => "a change of what the server checks",
            Changed::Unread => "a change of a setting whose name is no literal",
        })?;
        f.write_str(match self.by {
            Means::Command => "",
            Means::SetConfig => " by set_config()",
            Means::PgSettings => " by UPDATE of pg_settings",
        })
    }
}

#[cfg(test)]
mod tests;
