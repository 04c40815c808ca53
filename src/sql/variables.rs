//! psql's variables: names, values, and how a value is quoted into SQL.

use std::collections::BTreeMap;

/// The variables of a script, as `\set` and `-v` make them.
///
/// psql's own variables (`DBNAME`, `ROW_COUNT`, ...) are not there; see `is_special`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    values: BTreeMap<String, String>,
}

/// A name that psql would not take for a variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid variable name {0:?}: letters, digits, underscores and non-ASCII characters are allowed")]
pub struct BadName(pub String);

impl Variables {
    /// Sets `name`, replacing what it was.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> Result<(), BadName> {
        if name.is_empty() || !name.bytes().all(is_name_byte) {
            return Err(BadName(name.to_owned()));
        }
        self.values.insert(name.to_owned(), value.into());
        Ok(())
    }

    /// The value, if the variable is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Removes the variable; no harm if there is none.
    pub fn unset(&mut self, name: &str) {
        self.values.remove(name);
    }

    /// Whether the variable is set.
    pub fn contains(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// All variables, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// `variable_char` of psqlscan.l.
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Variables that psql itself sets; a script that reads them expects an answer we don't have (yet).
pub(super) fn is_special(name: &str) -> bool {
    const NAMES: &str = "\
    AUTOCOMMIT DBNAME ECHO ECHO_HIDDEN ENCODING ERROR FETCH_COUNT HIDE_TABLEAM HIDE_TOAST_COMPRESSION \
    HISTCONTROL HISTFILE HISTSIZE HOST IGNOREEOF LASTOID LAST_ERROR_MESSAGE LAST_ERROR_SQLSTATE \
    ON_ERROR_ROLLBACK ON_ERROR_STOP PORT PROMPT1 PROMPT2 PROMPT3 QUIET ROW_COUNT SERVER_VERSION_NAME \
    SERVER_VERSION_NUM SHELL_ERROR SHELL_EXIT_CODE SHOW_ALL_RESULTS SHOW_CONTEXT SINGLELINE SINGLESTEP SQLSTATE \
    USER VERBOSITY VERSION VERSION_NAME VERSION_NUM";
    NAMES.split(' ').any(|special| special == name)
}

/// `:'name'`: as libpq's `PQescapeLiteral` writes it (with the leading blank before an `E`).
pub(super) fn quote_literal(value: &str) -> String {
    let escaped = value.contains('\\');
    let mut out = String::with_capacity(value.len() + 4);
    out.push_str(if escaped { " E'" } else { "'" });
    for c in value.chars() {
        if c == '\'' || c == '\\' {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
    out
}

/// `:"name"`: as libpq's `PQescapeIdentifier` writes it.
pub(super) fn quote_identifier(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\"\""))
}

/// Why the value can't stand as plain `:name`: psql scans it again, and might cut or quote there.
pub(super) fn plain_problem(value: &str) -> Option<&'static str> {
    let bytes = value.as_bytes();
    let mut i = 0;
    while let Some(&byte) = bytes.get(i) {
        let next = bytes.get(i + 1).copied();
        match byte {
            b';' => return Some("a semicolon"),
            b'\'' | b'"' => return Some("a quote"),
            b'$' => return Some("a dollar sign"),
            b'\\' => return Some("a backslash"),
            b'\n' | b'\r' => return Some("a line break"),
            0 => return Some("a NUL character"),
            b'-' if next == Some(b'-') => return Some("a comment"),
            b'/' if next == Some(b'*') => return Some("a comment"),
            b':' if matches!(next, Some(b':' | b'=')) => i += 1,
            b':' => return Some("a colon"),
            _ => {}
        }
        i += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_psql() {
        let mut variables = Variables::default();
        for good in ["a", "1", "_x9", "größe"] {
            assert_eq!(variables.set(good, "v"), Ok(()), "{good}");
        }
        for bad in ["", "a-b", "a b", "$a"] {
            assert_eq!(variables.set(bad, "v"), Err(BadName(bad.into())));
        }
        variables.unset("a");
        assert!(!variables.contains("a") && variables.contains("1"));
    }

    #[test]
    fn quoting_follows_libpq() {
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\b'"), " E'a\\\\b'''");
        assert_eq!(quote_identifier("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn plain_values_that_psql_would_cut_are_refused() {
        for bad in ["a;b", "'x'", "\"x\"", "$1", "a\\b", "a\nb", "a--b", "/*", "12:30"] {
            assert!(plain_problem(bad).is_some(), "{bad}");
        }
        for good in ["", "a b", "(1, 2)", "1::int", "a - b / c"] {
            assert_eq!(plain_problem(good), None, "{good}");
        }
    }

    #[test]
    fn special_names_are_known() {
        assert!(
            is_special("AUTOCOMMIT")
                && is_special("VERSION_NUM")
                && is_special("ROW_COUNT")
                && is_special("SHOW_ALL_RESULTS")
        );
        assert!(!is_special("ratified_apr"));
    }
}
