//! Plain statements, which may share one message because all readers agree on their boundaries.
//!
//! A batch is one message, and the server alone decides the ends of its statements. So a text goes
//! into a batch only if psql (which split it), this crate and the server, with any settings, must
//! all read it the same way. scan.l and psqlscan.l, or two versions or settings of the server,
//! could differ on some constructs. A plain text has none of them:
//!
//! - no backslash, so `standard_conforming_strings` and `backslash_quote` change nothing, and there
//!   is no meta-command;
//! - no `$`, so there is no dollar quote and no parameter;
//! - no letter, digit or `&` right before a quote, so there is no `E'`, `U&'`, `U&"`, `B'`, `X'`,
//!   `N'`, nor a prefix that a later version might add. The remaining quotes are `'...'` and
//!   `"..."`, in which only the same quote ends or doubles;
//! - no `/*`. `--` outside of quotes begins a comment for every reader, also inside an operator, up
//!   to `\r` or `\n`;
//! - no letter right after a number, where lexers before and after PostgreSQL 15 differ;
//! - exactly one `;` outside of quotes and comments: the last byte. The grammar knows semicolons
//!   inside of a statement only in the parentheses of a rule's actions and between `BEGIN ATOMIC`
//!   and `END`. Parentheses are balanced here, and neither word occurs, so no text begins such a
//!   construct, and the next text cannot continue it. psql's own count of BEGIN never starts
//!   either;
//! - no other control characters than tab and line breaks, so no NUL cuts the message.
//!
//! Bytes above 0x7F are parts of words for every reader. A function could change `client_encoding`,
//! but in no client encoding does a quote, a parenthesis, a semicolon, a blank or `-` occur as part
//! of another character.
//!
//! [`super::inspect`] also reports nothing for a plain text. Its first word is none of transaction
//! control, settings or COPY. Certain words exclude statements that cannot run inside a
//! transaction, or that set settings by other means. Texts that could read their own message or its
//! time (`current_query()`, `statement_timestamp()`) are sent alone, since a batch would change the
//! result.

/// True if a statement may share a message with others. False proves nothing about it.
pub fn is_plain(sql: &str) -> bool {
    // docs/decisions/003
    plain(sql).is_some()
}

/// The first word of a plain statement, in upper case; `None` if it is not plain.
pub fn plain(sql: &str) -> Option<&'static str> {
    let bytes = sql.as_bytes();
    let mut i = behind_blanks(bytes)?;
    let end = behind_word(bytes, i);
    let verb = verb(&bytes[i..end])?;
    let defines = matches!(verb, "CREATE" | "ALTER" | "DROP");
    let mut depth = 0usize;
    loop {
        let byte = *bytes.get(i)?;
        let next = bytes.get(i + 1).copied();
        i = match CLASS[usize::from(byte)] {
            HARMLESS => i + 1,
            WORD => {
                let end = behind_word(bytes, i);
                if is_quote(bytes.get(end).copied()) || is_telling(&bytes[i..end], defines) {
                    return None;
                }
                end
            }
            DIGIT => {
                let rest = &bytes[i..];
                let end = i + rest
                    .iter()
                    .position(|b| !b.is_ascii_digit() && *b != b'.')
                    .unwrap_or(rest.len());
                let behind = bytes.get(end).copied();
                if is_quote(behind) || behind.is_some_and(|b| CLASS[usize::from(b)] == WORD) {
                    return None;
                }
                end
            }
            _ => match byte {
                b'\'' => behind_quote(bytes, i + 1, byte)?,
                b'"' => {
                    let end = behind_quote(bytes, i + 1, byte)?;
                    if assigns(&bytes[i + 1..end - 1]) {
                        return None;
                    }
                    end
                }
                b'-' if next == Some(b'-') => behind_comment(bytes, i)?,
                b'/' if next == Some(b'*') => return None,
                b'&' if is_quote(next) => return None,
                b'-' | b'/' | b'&' => i + 1,
                b'(' => {
                    depth += 1;
                    i + 1
                }
                b')' => {
                    depth = depth.checked_sub(1)?;
                    i + 1
                }
                b';' => return (depth == 0 && next.is_none()).then_some(verb),
                _ => return None,
            },
        };
    }
}

/// Commands that neither change settings, nor begin or end anything, nor carry data or statements
/// of their own.
fn verb(word: &[u8]) -> Option<&'static str> {
    const VERBS: &[&str] = &[
        "INSERT", "UPDATE", "DELETE", "SELECT", "CREATE", "ALTER", "DROP", "COMMENT", "GRANT",
        "REVOKE", "WITH", "VALUES", "TRUNCATE", "MERGE", "ANALYZE",
    ];
    VERBS
        .iter()
        .copied()
        .find(|verb| word.eq_ignore_ascii_case(verb.as_bytes()))
}

/// True for the names, quoted or not, that set settings ([`super::assignments`]).
fn assigns(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"set_config") || name.eq_ignore_ascii_case(b"pg_settings")
}

/// True for a word that excludes a text in any position. With `defines`, also for words that only
/// matter in definitions.
fn is_telling(word: &[u8], defines: bool) -> bool {
    let among = |words: &[&str]| {
        words
            .iter()
            .any(|telling| word.eq_ignore_ascii_case(telling.as_bytes()))
    };
    match word.len() {
        5 => among(&["begin"]),
        6 => among(&["atomic"]) || defines && among(&["system"]),
        8 => defines && among(&["database", "function"]),
        9 => defines && among(&["procedure"]),
        10 => assigns(word) || defines && among(&["tablespace"]),
        11 => assigns(word),
        12 => defines && among(&["concurrently", "subscription"]),
        13 => among(&["current_query"]),
        19 => among(&["statement_timestamp"]),
        _ => false,
    }
}

fn is_quote(byte: Option<u8>) -> bool {
    matches!(byte, Some(b'\'' | b'"'))
}

/// The byte after white space and comments.
fn behind_blanks(bytes: &[u8]) -> Option<usize> {
    let mut i = 0;
    loop {
        match bytes.get(i)? {
            b' ' | b'\t' | b'\n' | b'\r' => i += 1,
            b'-' if bytes.get(i + 1) == Some(&b'-') => i = behind_comment(bytes, i)?,
            _ => return Some(i),
        }
    }
}

fn behind_word(bytes: &[u8], i: usize) -> usize {
    let rest = &bytes[i..];
    i + rest
        .iter()
        .position(|b| !matches!(CLASS[usize::from(*b)], WORD | DIGIT))
        .unwrap_or(rest.len())
}

/// The byte after the next quote of this kind. A doubled one closes and opens again, with the same
/// result.
fn behind_quote(bytes: &[u8], i: usize, quote: u8) -> Option<usize> {
    let rest = &bytes[i..];
    let at = rest
        .iter()
        .position(|b| *b == quote || *b == b'\\' || *b == 0)?;
    (rest[at] == quote).then_some(i + at + 1)
}

fn behind_comment(bytes: &[u8], i: usize) -> Option<usize> {
    let rest = &bytes[i..];
    let at = rest
        .iter()
        .position(|b| matches!(b, b'\n' | b'\r' | b'\\' | 0))?;
    matches!(rest[at], b'\n' | b'\r').then_some(i + at)
}

const HARMLESS: u8 = 0;
const WORD: u8 = 1;
const DIGIT: u8 = 2;
const ACT: u8 = 3;

/// Class of each byte outside of quotes.
const CLASS: [u8; 256] = {
    let mut table = [HARMLESS; 256];
    let mut i = 0;
    while i < 256 {
        let byte = i as u8;
        if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 {
            table[i] = WORD;
        } else if byte.is_ascii_digit() {
            table[i] = DIGIT;
        } else if matches!(
            byte,
            b'\'' | b'"' | b'-' | b'/' | b'&' | b'(' | b')' | b';' | b'$' | b'\\' | 0x7F
        ) || byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')
        {
            table[i] = ACT;
        }
        i += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::boundary_fault;
    use crate::inspect;
    use proptest::prelude::*;

    #[test]
    fn what_releases_are_made_of_is_plain() {
        for sql in [
            "insert into t values (1, 'it''s; --', \"c\"\"d\");",
            "-- a comment; 'with' everything\n  \r\n Update t set a = -1.5 where b[1:2] = '{}' and c::int <> 3;",
            "select a -- 'x;\n from t;",
            "create table größe (a int default 1, b numeric(10, 2));",
            "comment on table t is '$5 for \"x\"';",
            "with a as (values (1)) select 'a'\n'b' from a;",
            "delete from t where a = .5 or b = 1.;",
        ] {
            assert!(is_plain(sql), "{sql}");
        }
    }

    #[test]
    fn what_could_be_read_otherwise_is_not() {
        for sql in [
            "",
            ";",
            "select 1",
            "select 1; ",
            "select 1;\n",
            "select 1;;",
            "select 1; select 2;",
            "select 'a\\';",
            "select \"a\\\";",
            "select 1 -- \\\n;",
            "select 1 -- open;",
            "select E'a';",
            "select e'a';",
            "select U&'a';",
            "select U&\"a\";",
            "select date'2026-01-01';",
            "select b'1';",
            "select 1'a';",
            "select $$a$$;",
            "select $1;",
            "select a$b;",
            "select /* ; */ 1;",
            "select 1 +/* ; */ 1;",
            "select (1;",
            "select 1);",
            "select ')(;",
            "create rule r as on insert to t do (select 1; select 2);",
            "create rule r as on insert to t do (select 1;",
            "create function f() returns int begin atomic select 1; end;",
            "create function f() returns int return 1;",
            "select 1e5;",
            "select 0x1f;",
            "select 1 \u{b} ;",
            "select 1\0;",
            "select '\0';",
            "set a = 1;",
            "reset all;",
            "begin;",
            "commit;",
            "end;",
            "prepare transaction 'a';",
            "copy t from stdin;",
            "do 'begin end';",
            "call p();",
            "execute p;",
            "lock table t;",
            "(select 1);",
            "selec 1;",
            "\u{feff}select 1;",
            "drop index concurrently i;",
            "create unique index concurrently i on t (a);",
            "create database d;",
            "drop tablespace s;",
            "alter subscription s disable;",
            "alter system set a = 1;",
            "alter table t detach partition p concurrently;",
            "select current_query();",
            "select Set_Config('a', 'b', false);",
            "select \"set_config\"('a', 'b', false);",
            "update pg_settings set setting = 'b' where name = 'a';",
            "update pg_catalog.\"pg_settings\" set setting = 'b' where name = 'a';",
            "insert into t values (pg_catalog.Statement_Timestamp());",
        ] {
            assert!(!is_plain(sql), "{sql}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Texts composed of the pieces on which lexers differ.
        #[test]
        fn what_is_plain_is_one_statement_for_everybody(
            verb in "(insert|select|create|alter|with|drop|-- c\n select) ",
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("'"), Just("\""), Just("''"), Just("--"), Just("\n"), Just("\r"), Just("/*"), Just("*/"), Just("("),
                    Just(")"), Just(" "), Just(" "), Just("a"), Just("E"), Just("u&"), Just("&"), Just("1"), Just("."),
                    Just("1e+"), Just("begin"), Just(" atomic "), Just(" end "), Just("case "), Just(" function "),
                    Just("concurrently"), Just("database"), Just("\\"), Just("$"), Just("$a$"), Just(":"), Just("["),
                    Just("]"), Just("é"), Just("+-"), Just(","), Just("'x'"), Just("(1)"), Just("\"y\""), Just("set "),
                    Just("all"), Just(";"), Just("set_config"), Just("\"set_config\""), Just("update "), Just("pg_settings "),
                ],
                0..12,
            ),
        ) {
            let sql = format!("{verb}{};", pieces.concat());
            if is_plain(&sql) {
                let found = inspect(&sql);
                prop_assert_eq!(found.statements, 1, "{}", sql);
                prop_assert_eq!(found.transaction_control, None, "{}", sql);
                prop_assert_eq!(found.session_change, None, "{}", sql);
                prop_assert_eq!(found.outside_transaction, None, "{}", sql);
                prop_assert_eq!(found.copy, None, "{}", sql);
                prop_assert_eq!(boundary_fault(&sql, true, false, false), None, "{}", sql);
                // After another text it is still one of two, in either order.
                let two = format!("{sql}\n{sql}");
                prop_assert_eq!(inspect(&two).statements, 2, "{}", two);
            }
        }
    }
}
