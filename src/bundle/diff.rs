//! Differences between two authentic releases.

use std::collections::BTreeMap;

use serde::Serialize;

use super::authenticate::AuthenticatedBundle;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::json::JsonError;

/// Differences, each list by ascending name.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Files only in the second.
    pub added: Vec<String>,
    /// Files only in the first.
    pub removed: Vec<String>,
    /// Files with different content.
    pub changed: Vec<String>,
    /// Parts of the manifest (besides the list of files) that differ.
    pub manifest: Vec<String>,
}

impl Diff {
    /// Whether the releases are identical.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares contents and manifests.
pub fn diff(first: &AuthenticatedBundle, second: &AuthenticatedBundle) -> Result<Diff, JsonError> {
    let (a, b) = (contents(first), contents(second));
    let only_in = |x: &BTreeMap<String, Digest>, y: &BTreeMap<String, Digest>| {
        x.keys()
            .filter(|path| !y.contains_key(*path))
            .cloned()
            .collect()
    };
    let changed = a
        .iter()
        .filter(|(path, digest)| b.get(*path).is_some_and(|other| other != *digest));
    Ok(Diff {
        added: only_in(&b, &a),
        removed: only_in(&a, &b),
        changed: changed.map(|(path, _)| path.clone()).collect(),
        manifest: manifest_parts(first, second)?,
    })
}

fn contents(bundle: &AuthenticatedBundle) -> BTreeMap<String, Digest> {
    bundle
        .manifest()
        .files
        .iter()
        .map(|file| (file.path.to_string(), file.sha256))
        .collect()
}

fn manifest_parts(
    first: &AuthenticatedBundle,
    second: &AuthenticatedBundle,
) -> Result<Vec<String>, JsonError> {
    let value = |bundle: &AuthenticatedBundle| {
        serde_json::to_value(bundle.manifest()).map_err(JsonError::from)
    };
    let (a, b) = (value(first)?, value(second)?);
    let (Some(a), Some(b)) = (a.as_object(), b.as_object()) else {
        return Ok(Vec::new());
    };
    let mut parts: Vec<String> = a
        .keys()
        .chain(b.keys())
        .filter(|key| a.get(*key) != b.get(*key))
        .cloned()
        .collect();
    parts.retain(|key| key != "files");
    parts.sort();
    parts.dedup();
    Ok(parts)
}
