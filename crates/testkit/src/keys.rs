//! Keys and trust roots for tests. The repository holds no secret key files: test keys are derived
//! from a word, in memory.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use pgseal::trust::draft::{self, NewKey};
use pgseal::trust::root::{ClaimedSignature, TrustError};
use pgseal::trust::{KeyId, SecretKey, TrustRoot};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::json;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::{PAYLOAD_TYPE, Policy, TrustDocument};
use pgseal_verify::format::wire::V1;
use serde_json::Value;

/// The key derived from a word. It is the same in every run, so Ed25519 signatures are too.
pub fn key(word: &str) -> SecretKey {
    let dir = tempfile::tempdir().expect("a temporary directory");
    SecretKey::read(&key_file(dir.path(), word), || {
        unreachable!("the key is not encrypted")
    })
    .expect("a fresh key file")
}

/// Writes that key as `WORD.key` in `dir`, mode 0600.
pub fn key_file(dir: &Path, word: &str) -> PathBuf {
    let pem = SigningKey::from_bytes(&seed(word))
        .to_pkcs8_pem(Default::default())
        .expect("a key has a PEM form");
    let path = dir.join(format!("{word}.key"));
    std::fs::write(&path, pem.as_bytes()).expect("the directory is writable");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("our own file");
    path
}

/// The 32 secret bytes of a word's key.
pub fn seed(word: &str) -> [u8; 32] {
    *Digest::of(format!("pgseal test key {word}").as_bytes()).as_bytes()
}

/// A draft of a trust document: roles with their keys, as JSON for modification.
pub struct Draft<'k> {
    pub document: Value,
    pub root_keys: Vec<&'k SecretKey>,
}

impl<'k> Draft<'k> {
    /// Creates a draft with one root key, and roles as `(name, threshold, keys)`.
    pub fn new(root: &'k SecretKey, roles: &[(&str, u8, &[&SecretKey])]) -> Self {
        let mut thresholds = BTreeMap::from([(name("root"), 1)]);
        let mut keys = vec![new_key("root", root)];
        for (role, threshold, members) in roles {
            thresholds.insert(name(role), *threshold);
            keys.extend(members.iter().map(|key| new_key(role, key)));
        }
        let document: TrustDocument = draft::first(
            keys,
            thresholds,
            Policy::default(),
            None,
            time("9000-01-01T00:00:00Z"),
        );
        Self {
            document: serde_json::to_value(V1(document)).expect("a document is JSON"),
            root_keys: vec![root],
        }
    }

    /// The canonical bytes.
    pub fn bytes(&self) -> Vec<u8> {
        json::to_canonical(&self.document).expect("only integers")
    }

    /// The root keys' signatures over any bytes.
    pub fn signatures(&self, bytes: &[u8]) -> Vec<ClaimedSignature> {
        self.root_keys
            .iter()
            .map(|key| (key.public_key().id(), key.sign(PAYLOAD_TYPE, bytes)))
            .collect()
    }

    /// Signs and loads the document.
    pub fn load(&self) -> Result<TrustRoot, TrustError> {
        let bytes = self.bytes();
        TrustRoot::load(&bytes, &self.signatures(&bytes))
    }

    /// The entry of a key, for modification.
    pub fn entry(&mut self, key: &SecretKey) -> &mut Value {
        let id = key.public_key().id().to_string();
        let keys = self.document["keys"]
            .as_array_mut()
            .expect("keys is a list");
        keys.iter_mut()
            .find(|entry| entry["id"] == id.as_str())
            .expect("the key is in the document")
    }

    /// Writes `trust.json` and its signatures into `dir`, without validation.
    pub fn write(&self, dir: &Path) -> PathBuf {
        let signatures = self.signatures(&self.bytes());
        self.write_with(
            dir,
            signatures
                .into_iter()
                .map(|(id, bytes)| (id, bytes.to_vec())),
        )
    }

    /// Like [`Self::write`], with signatures of any length.
    pub fn write_with(
        &self,
        dir: &Path,
        signatures: impl IntoIterator<Item = (KeyId, Vec<u8>)>,
    ) -> PathBuf {
        let (path, sigs) = (dir.join("trust.json"), dir.join("trust.json.sigs"));
        std::fs::create_dir_all(&sigs).expect("the directory is writable");
        std::fs::write(&path, self.bytes()).expect("the directory is writable");
        for (id, signature) in signatures {
            let name = format!("{}.{id}.sig", self.document["version"]);
            std::fs::write(sigs.join(name), signature).expect("the directory is writable");
        }
        path
    }
}

/// A trust root with one release key.
pub fn trusting(release: &SecretKey) -> TrustRoot {
    Draft::new(&key("root"), &[("release", 1, &[release])])
        .load()
        .expect("a plain trust root")
}

pub fn time(text: &str) -> Timestamp {
    text.parse().expect("a literal time")
}

fn name(text: &str) -> pgseal_verify::format::name::Name {
    text.parse().expect("a literal name")
}

fn new_key(role: &str, key: &SecretKey) -> NewKey {
    NewKey {
        role: name(role),
        key: key.public_key(),
        owner: format!("{role} key"),
        not_before: None,
        not_after: None,
    }
}
