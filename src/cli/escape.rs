//! Escapes foreign text for terminals and JSON.

pub use pgseal_verify::words::escape::{escape, escape_json, escape_lines, optional};

/// A path, escaped like any foreign text.
pub fn display_path(path: impl AsRef<std::path::Path>) -> String {
    escape(&path.as_ref().display().to_string())
}
