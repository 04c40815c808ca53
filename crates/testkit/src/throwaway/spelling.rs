//! Quotes names and paths for connection strings, URLs and SQL.

use std::fmt::Write as _;

/// Quotes a value for a libpq connection string.
pub(super) fn quote(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Percent-encodes all but unreserved characters and those in `keep`.
pub(super) fn percent(value: &str, keep: &str) -> String {
    let mut out = String::new();
    for byte in value.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || (c.is_ascii() && keep.contains(c)) {
            out.push(c);
        } else {
            // Writing to a String can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Quotes an SQL identifier.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_quoted() {
        assert_eq!(quote("/tmp/pgseal-x"), "/tmp/pgseal-x");
        assert_eq!(quote("it's a\\b"), "'it\\'s a\\\\b'");
        assert_eq!(quote(""), "''");
        assert_eq!(percent("a b/ü", "/"), "a%20b/%C3%BC");
        assert_eq!(identifier("a\"b"), "\"a\"\"b\"");
    }
}
