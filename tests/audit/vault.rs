//! An archive under construction: releases of any name and number, with approvals and receipts by real keys.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use pgseal::trust::SecretKey;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::json;
use pgseal_verify::format::statement::PAYLOAD_TYPE;
use serde_json::{Value, json};

use pgseal_testkit::bundles::{Files, pack, small, statement};
use pgseal_testkit::keys::{Draft, key};
use pgseal_testkit::people::{self, approval, beside, say};
use pgseal_testkit::site::{Outcome, Site};

/// Id of the approver that receipts name.
static ANN: LazyLock<String> = LazyLock::new(|| people::id(&key("ann")));

/// Secret keys of the signers.
pub struct Keys {
    pub root: SecretKey,
    pub release: SecretKey,
    /// A release key that is revoked; compromised since 2026-06-01.
    pub stolen: SecretKey,
    pub ann: SecretKey,
    pub bob: SecretKey,
    pub host: SecretKey,
    pub stranger: SecretKey,
}

/// A site with an archive below `archive/`, and a trust root that requires one approval of `l2`.
pub struct Vault {
    pub site: Site,
    pub keys: Keys,
}

impl Vault {
    pub fn new() -> Self {
        let vault = Self {
            site: Site::empty(),
            keys: Keys::new(),
        };
        vault.trust(|_| {});
        std::fs::create_dir(vault.site.path("archive")).expect("our own directory");
        vault
    }

    /// Modifies and rewrites the trust root.
    pub fn trust(&self, bend: impl FnOnce(&mut Draft<'_>)) -> Digest {
        let mut draft = self.draft();
        bend(&mut draft);
        draft.write(self.site.dir());
        Digest::of(&draft.bytes())
    }

    pub fn draft(&self) -> Draft<'_> {
        let keys = &self.keys;
        let release: &[&SecretKey] = &[&keys.release, &keys.stolen];
        let roles = [
            ("release", 1, release),
            ("l2", 1, &[&keys.ann, &keys.bob]),
            ("receipt", 1, &[&keys.host]),
        ];
        let mut draft = Draft::new(&keys.root, &roles);
        draft.document["policy"] = json!({ "approvals": { "l2": 1 } });
        draft.entry(&keys.stolen)["status"] = "revoked".into();
        draft.entry(&keys.stolen)["compromised_since"] = "2026-06-01T00:00:00Z".into();
        draft
    }

    pub fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.site.path("archive").join(name);
        std::fs::create_dir_all(path.parent().expect("below")).expect("our own directory");
        std::fs::write(&path, bytes).expect("our own directory");
        path
    }

    /// Writes a receipt, signed by the host's key.
    pub fn receipt(&self, stem: &str, said: &Value) {
        self.signed_receipt(stem, said, "receipt");
    }

    /// Writes a receipt or a rehearsal receipt, signed by the host's key.
    pub fn signed_receipt(&self, stem: &str, said: &Value, kind: &str) {
        let mut said = said.clone();
        said["predicate"]["signer"] = self.keys.host.public_key().id().to_string().into();
        let bytes = json::to_canonical(&said).expect("only integers");
        self.put(
            &format!("{stem}.{kind}.sig"),
            self.keys.host.sign(PAYLOAD_TYPE, &bytes),
        );
        self.put(&format!("{stem}.{kind}.json"), bytes);
    }

    pub fn audit(&self, args: &[&str]) -> Outcome {
        self.site.run(["audit"].iter().chain(args))
    }

    /// Audits and returns the faults: path below the archive, and kind.
    pub fn faults(&self, args: &[&str]) -> BTreeSet<(String, String)> {
        told(&self.audit(&[args, &["--json"]].concat()).json(), "faults")
    }

    /// Audits and returns the notes: path below the archive, and kind.
    pub fn notes(&self, args: &[&str]) -> BTreeSet<(String, String)> {
        told(&self.audit(&[args, &["--json"]].concat()).json(), "notes")
    }

    pub fn archive(&self) -> PathBuf {
        self.site.path("archive")
    }
}

impl Keys {
    fn new() -> Self {
        Self {
            root: key("root"),
            release: key("release"),
            stolen: key("stolen"),
            ann: key("ann"),
            bob: key("bob"),
            host: key("host"),
            stranger: key("stranger"),
        }
    }
}

/// Returns every fault or note of a document; a repeated kind for the same path gets a `+`, so that none is lost.
fn told(document: &Value, what: &str) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for finding in document["files"].as_array().expect("a list") {
        let path = finding["path"].as_str().expect("a path");
        for fault in finding[what].as_array().expect("a list") {
            assert!(
                fault["sentence"]
                    .as_str()
                    .is_some_and(|sentence| !sentence.is_empty())
            );
            let mut told = (
                path.trim_start_matches("archive/").to_owned(),
                fault["kind"].as_str().expect("a word").to_owned(),
            );
            while !all.insert(told.clone()) {
                told.1.push('+');
            }
        }
    }
    all
}

/// Builds the set of expected faults or notes.
pub fn set<const N: usize>(told: [(&str, &str); N]) -> BTreeSet<(String, String)> {
    told.into_iter()
        .map(|(path, word)| (path.to_owned(), word.to_owned()))
        .collect()
}

/// Returns the files of a release with this name, version and sequence.
pub fn files(name: &str, version: &str, sequence: u32) -> Files {
    let mut files = small();
    let toml = String::from_utf8(files["release.toml"].clone()).expect("text");
    let toml = toml
        .replace("name = \"small\"", &format!("name = \"{name}\""))
        .replace("version = \"1.0.0\"", &format!("version = \"{version}\""))
        .replace("sequence = 1", &format!("sequence = {sequence}"));
    files.insert("release.toml".to_owned(), toml.into_bytes());
    files
}

/// Packs and signs a release.
pub fn bundle(name: &str, version: &str, sequence: u32, key: &SecretKey) -> Vec<u8> {
    pack(&files(name, version, sequence), std::slice::from_ref(key))
}

/// Returns the bundle with an approval inside.
pub fn approved(bundle: &[u8], key: &SecretKey) -> Vec<u8> {
    say(bundle, key, &approval(bundle, "l2"))
}

/// Returns an approval as a file of its own.
pub fn yes(bundle: &[u8], key: &SecretKey) -> Vec<u8> {
    beside(key, &approval(bundle, "l2"))
}

/// Returns the id of a packed release.
pub fn id(bundle: &[u8]) -> String {
    Digest::of(&statement(bundle)).to_string()
}

/// Returns a receipt of a successful run, to be modified. The run's id is derived from `unique`, and so is the approval
/// that it used: the release was approved anew for each run.
pub fn ran(bundle: &[u8], trust: Digest, started: &str, unique: &str) -> Value {
    let statement: Value = serde_json::from_slice(&statement(bundle)).expect("a statement is JSON");
    let release = &statement["predicate"]["release"];
    let text = |field: &str| release[field].as_str().expect("text").to_owned();
    let run_id = &Digest::of(unique.as_bytes()).to_string()[..32];
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": format!("{} {}", text("name"), text("version")), "digest": { "sha256": id(bundle) } }],
        "predicateType": "urn:pgseal:receipt:v1",
        "predicate": {
            "format": 1, "run_id": run_id, "action": "run", "outcome": "committed", "started": started,
            "finished": started, "pgseal": "0.1.0", "release": release, "signers": [],
            "approvals": [{
                "key_id": *ANN, "sha256": Digest::of(unique.as_bytes()), "role": "l2", "at": people::AT,
                "evidence": "claimed", "runs": 1,
            }],
            "trust": { "version": 1, "sha256": trust.to_string() },
            "target": {
                "database": "app", "server_version": "15.1", "server_version_num": 150_001, "role": "app",
                "system_identifier": "7000000000000000001", "timeline": 1,
            },
            "variables": {}, "gates": [], "tiers": [], "verify": [], "operator": { "user": "u", "host": "h" },
        },
    })
}

/// Returns a receipt of a successful rollback.
pub fn rolled_back(bundle: &[u8], trust: Digest, started: &str, unique: &str) -> Value {
    let mut said = ran(bundle, trust, started, unique);
    said["predicate"]["action"] = "rollback".into();
    said
}

/// The archive's path as an argument.
pub const ARCHIVE: &str = "archive";

pub fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path)
        .expect("text")
        .lines()
        .map(str::to_owned)
        .collect()
}
