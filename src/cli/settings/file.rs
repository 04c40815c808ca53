//! A configuration file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::Name;
use crate::cli::args::small_text;
use crate::cli::{CliError, display_path};

/// The settings of one file.
pub struct File {
    pub options: Vec<(Name, String)>,
    pub variables: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Toml {
    trust: Option<String>,
    db: Option<String>,
    receipts: Option<String>,
    receipt_key: Option<String>,
    gate_user: Option<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

/// Reads a file of at most 64 KiB. An unknown key is an error, because a misspelt setting would
/// silently not hold.
pub fn read(path: &Path) -> Result<File, CliError> {
    let text = small_text(path).map_err(|error| CliError::io(path, &error))?;
    let toml: Toml = toml::from_str(&text).map_err(|error| wrong(path, &text, &error))?;
    let options = [
        (Name::Trust, toml.trust),
        (Name::Db, toml.db),
        (Name::Receipts, toml.receipts),
        (Name::ReceiptKey, toml.receipt_key),
        (Name::GateUser, toml.gate_user),
    ];
    let options = options.into_iter();
    Ok(File {
        options: options
            .filter_map(|(name, value)| Some((name, value?)))
            .collect(),
        variables: toml.variables,
    })
}

fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> CliError {
    let at = error.span().map_or(0, |span| span.start);
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    let (path, why) = (display_path(path), super::super::escape(error.message()));
    CliError::usage(format!("{path}:{line}:{column}: {why}"))
        .hint("nothing is done with a setting that may be misspelt")
}
