//! Trust roots: the one that judges, and others.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::files::Files;
use crate::finding::{Finding, Table};
use pgseal_verify::format::file_name::is_kept_version;
use pgseal_verify::format::trust_document::KeyStatus;
use pgseal_verify::words::escape::{escape, optional};
use pgseal_verify::{ClaimedSignature, DraftRoot, KeyId, TrustError, TrustRoot};

/// Reads a trust root and checks it by the signatures beside it; errors as `pgseal verify` has them.
pub fn read(files: &Files<'_>, file: usize) -> Result<TrustRoot, String> {
    let about = |error: String| format!("{}: {error}", files.path(file));
    let bytes = files
        .small(file)
        .map_err(|error| about(error.to_string()))?;
    let draft = DraftRoot::parse(bytes).map_err(|error| about(error.to_string()))?;
    let signatures = signatures(files, file, draft.document().version)
        .map_err(|error| about(error.to_string()))?;
    draft
        .signed(&signatures)
        .map_err(|error| about(TrustError::from(error).to_string()))
}

/// The signatures `FILE.sigs/VERSION.KEYID.sig`; also of files that were dropped without their
/// directory.
fn signatures(files: &Files<'_>, file: usize, version: u32) -> io::Result<Vec<ClaimedSignature>> {
    let path = Path::new(files.path(file));
    let dir = match is_kept_version(path) {
        true => path.parent().unwrap_or(path).to_owned(),
        false => Path::new(&format!("{}.sigs", files.path(file))).to_owned(),
    };
    let is_loose = files
        .named(|path| path.parent() == Some(&dir))
        .next()
        .is_none();
    let mut signatures = Vec::new();
    for (at, path) in files.named(|path| is_loose || path.parent() == Some(&dir)) {
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(key) = name.and_then(|name| key(name, version)) else {
            continue;
        };
        let wrong = |bytes: Vec<u8>| {
            let length = bytes.len();
            let text = format!("the signature by key {key} has {length} bytes, expected 64");
            io::Error::new(io::ErrorKind::InvalidData, text)
        };
        signatures.push((key, <[u8; 64]>::try_from(files.small(at)?).map_err(wrong)?));
    }
    signatures.sort();
    signatures.dedup();
    Ok(signatures)
}

/// The key of `VERSION.KEYID.sig`. Keys of the version before agree to it by `.before.sig`, which
/// counts only where it is installed.
fn key(name: &str, version: u32) -> Option<KeyId> {
    let rest = name.strip_prefix(&format!("{version}."))?;
    Some(KeyId::claimed(rest.strip_suffix(".sig")?.parse().ok()?))
}

/// The facts that a person compares and reads before anything else.
pub fn described(root: &TrustRoot) -> Value {
    let document = root.document();
    json!({
        "version": document.version,
        "sha256": root.digest(),
        "issued": document.issued,
        "expires": document.expires,
        "keys": keys(root),
    })
}

fn keys(root: &TrustRoot) -> Table {
    let row = |(key, entry): (
        &pgseal_verify::PublicKey,
        &pgseal_verify::format::trust_document::KeyEntry,
    )| {
        let status = match entry.status {
            KeyStatus::Active => "active",
            KeyStatus::Retired => "retired",
            KeyStatus::Revoked => "revoked",
        };
        vec![
            escape(&entry.owner),
            entry.role.to_string(),
            status.to_owned(),
            key.id().to_string(),
        ]
    };
    Table {
        caption: "Keys of the trust root",
        head: vec!["owner", "role", "status", "key id"],
        rows: root.draft().keys().map(row).collect(),
    }
}

/// A trust root among the files, by its own signatures.
pub fn judge(files: &Files<'_>, file: usize, judging: &TrustRoot) -> Finding {
    let root = match read(files, file) {
        Ok(root) => root,
        Err(error) => return Finding::fault(format!("not authentic: {}", escape(&error))),
    };
    let document = root.document();
    let mut lines = vec![
        format!("SHA-256 {}", root.digest()),
        format!("expires {}", document.expires),
    ];
    lines.extend(document.issued.map(|issued| format!("issued {issued}")));
    let before = optional("", document.prev_sha256.as_ref());
    if !before.is_empty() {
        lines.push(format!("follows the version with the digest {before}"));
    }
    let mut finding = Finding::authentic(
        format!(
            "version {} of a trust root, by its own signatures",
            document.version
        ),
        lines,
    );
    if root.digest() != judging.digest() {
        let text = "it is not the trust root that judges here; nothing but `pgseal trust install` checks that it follows it";
        finding.notes.push(text.to_owned());
    }
    finding.tables.push(keys(&root));
    finding
}
