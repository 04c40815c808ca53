//! psql's variables: names, values, and their quoting into SQL.

use super::psql_variables::is_hooked;
use std::collections::BTreeMap;

/// The variables of a script, as `\set`, `\gset` and `-v` set them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    values: BTreeMap<String, Value>,
    /// Prefixes of `\gset` whose names are unknown before the statement runs.
    open: Vec<String>,
}

/// A variable's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A known value. With `outside` it comes from the operator or the database, and must not end a
    /// statement.
    Known { text: String, outside: bool },
    /// A value that only a run knows; the variable may even be unset unless `certain`. When
    /// packing, a placeholder stands for it.
    Unknown { certain: bool },
}

/// A name that psql does not accept for a variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid variable name {0:?}: letters, digits, underscores and non-ASCII characters are allowed"
)]
pub struct BadName(pub String);

impl Variables {
    /// Sets `name` to a value from outside of the script, replacing any other value.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> Result<(), BadName> {
        self.put(
            name,
            Value::Known {
                text: value.into(),
                outside: true,
            },
        )
    }

    /// Marks the value as known only during a run. `certain`: the variable will be set.
    pub fn set_unknown(&mut self, name: &str, certain: bool) -> Result<(), BadName> {
        self.put(name, Value::Unknown { certain })
    }

    /// The value, if the variable is set and its value is known.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(Value::Known { text, .. }) => Some(text),
            _ => None,
        }
    }

    /// Removes the variable, if it exists.
    pub fn unset(&mut self, name: &str) {
        self.values.remove(name);
    }

    /// Sets `name`.
    pub(super) fn put(&mut self, name: &str, value: Value) -> Result<(), BadName> {
        if name.is_empty() || !name.bytes().all(is_name_byte) {
            return Err(BadName(name.to_owned()));
        }
        self.values.insert(name.to_owned(), value);
        Ok(())
    }

    /// Sets `name` if it is unset.
    pub(super) fn put_default(&mut self, name: &str, text: &str) {
        let value = Value::Known {
            text: text.to_owned(),
            outside: false,
        };
        self.values.entry(name.to_owned()).or_insert(value);
    }

    /// Marks all names with this prefix as possibly set or removed from now on.
    pub(super) fn put_open(&mut self, prefix: &str) {
        self.doubt(prefix, None);
        self.open.push(prefix.to_owned());
    }

    /// Marks the values of these names after the prefix as unknown; with `None`, of all names with
    /// the prefix.
    pub(super) fn doubt(&mut self, prefix: &str, names: Option<&[String]>) {
        for (known, value) in &mut self.values {
            let Some(rest) = known.strip_prefix(prefix) else {
                continue;
            };
            if names.is_none_or(|names| names.iter().any(|name| name == rest)) && !is_hooked(known)
            {
                *value = Value::Unknown { certain: false };
            }
        }
    }

    /// The value, known or not.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        const MAYBE: &Value = &Value::Unknown { certain: false };
        let open = || {
            self.open
                .iter()
                .any(|prefix| name.starts_with(prefix.as_str()))
                .then_some(MAYBE)
        };
        self.values.get(name).or_else(open)
    }
}

/// The longest value of a variable, in bytes.
pub(super) const VALUE_BYTES: usize = 1024 * 1024;

/// Placeholder of a value that only a run knows: an identifier, valid almost wherever a value or a
/// part of a name is.
pub const STAND_IN: &str = "pgseal_value";

/// `variable_char` of psqlscan.l.
pub(super) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The value of `:'name'`, as libpq's `PQescapeLiteral` writes it (with the leading blank before an
/// `E`).
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

/// The value of `:"name"`, as libpq's `PQescapeIdentifier` writes it.
pub(super) fn quote_identifier(value: &str) -> String {
    format!("\"{}\"", value.replace('"', "\"\""))
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
        assert!(variables.get("a").is_none() && variables.get("1").is_some());
    }

    #[test]
    fn quoting_follows_libpq() {
        assert_eq!(quote_literal("it's"), "'it''s'");
        assert_eq!(quote_literal("a\\b'"), " E'a\\\\b'''");
        assert_eq!(quote_identifier("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn names_of_results_may_be_open() {
        let mut variables = Variables::default();
        variables.put_open("p_");
        assert_eq!(
            variables.value("p_x"),
            Some(&Value::Unknown { certain: false })
        );
        assert_eq!(variables.value("x"), None);
    }
}
