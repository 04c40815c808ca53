//! Builds bundles from releases in memory.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use pgseal::bundle::definition::Definition;
use pgseal::bundle::source::Source;
use pgseal::bundle::untrusted::MalformedError;
use pgseal::bundle::{AuthenticateError, AuthenticatedBundle, UnsignedBundle, UntrustedBundle};
use pgseal::trust::{JudgedAt, SecretKey, TrustRoot};
use pgseal_verify::archive::source::InMemory;
use pgseal_verify::format::json;
use pgseal_verify::format::statement::PAYLOAD_TYPE;
use serde_json::Value;

use crate::keys::time;
use crate::tar::{Member, Tar};

/// Paths and contents.
pub type Files = BTreeMap<String, Vec<u8>>;

const RELEASE_TOML: &str = r#"format = 1

[release]
name = "small"
version = "1.0.0"
sequence = 1
summary = "Adds one table."

[target]
database = "app"

[[gate]]
name = "open"
file = "gate/open.sql"

[states.baseline]
probe = "verify/probe.sql"
expect = { there = false }

[states.finalized]
probe = "verify/probe.sql"
expect = { there = true }

[[tier]]
name = "table"
file = "executor/01_table.sql"
transaction = "release"

[[rollback]]
file = "rollback/01_table.sql"
"#;

/// A small release: a gate, one tier, and a rollback script.
pub fn small() -> Files {
    [
        ("release.toml", RELEASE_TOML),
        (
            "gate/open.sql",
            "select true as ready, 'always' as reason;\n",
        ),
        (
            "verify/probe.sql",
            "select to_regclass('t') is not null as there;\n",
        ),
        ("executor/01_table.sql", "create table t (id integer);\n"),
        ("rollback/01_table.sql", "drop table if exists t;\n"),
    ]
    .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
    .into()
}

/// The small release with one file added or replaced.
pub fn small_with(path: &str, content: &[u8]) -> Files {
    let mut files = small();
    files.insert(path.to_owned(), content.to_vec());
    files
}

/// The directory of the reference release.
pub fn one_roof() -> PathBuf {
    crate::repository().join("bundle/one-roof")
}

/// Writes a release directory.
pub fn write_dir(dir: &Path, files: &Files) {
    for (path, content) in files {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().expect("inside of dir"))
            .expect("the directory is writable");
        let written = std::fs::File::create(path).and_then(|mut file| file.write_all(content));
        written.expect("the directory is writable");
    }
}

/// Packs and signs files in memory.
pub fn pack(files: &Files, keys: &[SecretKey]) -> Vec<u8> {
    let parsed = files
        .iter()
        .map(|(path, content)| (path.parse().expect("a good path"), content.clone().into()));
    seal(
        Definition::from_source(Source::from_files(parsed.collect()))
            .expect("a release that packs"),
        keys,
    )
}

/// Packs and signs a directory.
pub fn pack_dir(dir: &Path, keys: &[SecretKey]) -> Vec<u8> {
    seal(Definition::read(dir).expect("a release that packs"), keys)
}

fn seal(definition: Definition, keys: &[SecretKey]) -> Vec<u8> {
    let unsigned = UnsignedBundle::pack(definition, None).expect("within all limits");
    unsigned.sign(keys).write(Vec::new()).expect("memory")
}

/// Replaces a bundle's statement, signed by `key` alone, so that a defect carries a valid
/// signature.
pub fn resign(bundle: &[u8], statement: &[u8], key: &SecretKey) -> Vec<u8> {
    let mut tar = Tar::of(bundle);
    let first_file = tar.first_file();
    let name = format!("signatures/{}.sig", key.public_key().id());
    let signature = key.sign(PAYLOAD_TYPE, statement);
    tar.members.splice(
        1..first_file,
        [
            Member::new("statement.json", statement),
            Member::new(&name, &signature),
        ],
    );
    tar.bytes()
}

/// Modifies the statement as JSON, serializes it canonically, and signs it.
pub fn bend(bundle: &[u8], key: &SecretKey, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut statement: Value =
        serde_json::from_slice(&statement(bundle)).expect("a statement is JSON");
    change(&mut statement);
    resign(
        bundle,
        &json::to_canonical(&statement).expect("only integers"),
        key,
    )
}

/// The bytes of a bundle's statement.
pub fn statement(bundle: &[u8]) -> Vec<u8> {
    Tar::of(bundle).member("statement.json").content.clone()
}

/// Rejection of a bundle, by the class that sets the exit code.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Exit 10.
    #[error("malformed: {0}")]
    Malformed(MalformedError),
    /// Exit 11.
    #[error("not authentic: {0}")]
    NotAuthentic(AuthenticateError),
}

/// The time by which tests judge keys.
pub fn now() -> JudgedAt {
    JudgedAt::At(time("2026-11-21T12:00:00Z"))
}

/// Parses and authenticates a bundle at [`now`].
pub fn open<'r>(bytes: &[u8], root: &'r TrustRoot) -> Result<AuthenticatedBundle<'r>, Refused> {
    open_at(bytes, root, now())
}

/// Parses and authenticates a bundle at another time.
pub fn open_at<'r>(
    bytes: &[u8],
    root: &'r TrustRoot,
    when: JudgedAt,
) -> Result<AuthenticatedBundle<'r>, Refused> {
    let parsed =
        UntrustedBundle::parse(Box::new(InMemory(bytes.into()))).map_err(Refused::Malformed)?;
    parsed
        .authenticate(root, when)
        .map_err(Refused::NotAuthentic)
}

/// The error of a bundle that must be rejected.
pub fn refusal(bytes: &[u8], root: &TrustRoot) -> Refused {
    match open(bytes, root) {
        Ok(_) => panic!("a bundle that must be refused was accepted"),
        Err(refused) => refused,
    }
}
