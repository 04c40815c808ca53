//! A release directory, signed by keys that exist only while this process runs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::bundle::definition::Definition;
use crate::bundle::unsigned::PackError;
use crate::bundle::{BundleToRun, Spill, UnsignedBundle, UntrustedBundle};
use crate::open_file;
use crate::parallel::Cores;
use crate::trust::draft::{self, NewKey};
use crate::trust::root::{DraftRoot, TrustRoot, name};
use crate::trust::{SecretKey, signatures};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::trust_document::{GateRole, Policy};

/// Life of the trust root, in seconds: longer than any trial.
const LIFE: i64 = 30 * 24 * 60 * 60;

/// Name of the bundle in its temporary directory.
const FILE: &str = "trial.pgseal";

/// A release directory as a bundle, and a trust root that knows no key but its signer's.
///
/// Both keys are gone when [`Self::pack`] returns, so nothing else is ever signed by them, and no trust
/// root of people lists them.
pub struct OwnRelease {
    root: TrustRoot,
    file: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum OwnReleaseError {
    #[error(transparent)]
    Pack(#[from] PackError),
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Unexpected: the keys and documents are pgseal's own.
    #[error("the directory cannot be signed for the trial: {0}")]
    Own(String),
}

impl OwnRelease {
    /// Packs and signs a definition; the bundle is written to a private directory.
    pub fn pack(
        definition: Definition,
        private: &Path,
        now: Timestamp,
    ) -> Result<Self, OwnReleaseError> {
        let (key, root) = signer(now)?;
        let file = private.join(FILE);
        let spill = Spill::in_dir_of(&file);
        let unsigned = UnsignedBundle::pack_with(definition, None, spill, &|_| ())?;
        unsigned.sign(&[key]).write(File::create_new(&file)?)?;
        Ok(Self { root, file })
    }

    pub fn root(&self) -> &TrustRoot {
        &self.root
    }

    /// The bundle, authenticated as for any run.
    pub fn bundle(&self, now: Timestamp) -> Result<BundleToRun<'_>, OwnReleaseError> {
        let source = open_file::open(&self.file)?;
        let bundle = UntrustedBundle::parse_with(source, &Cores).map_err(own)?;
        bundle.authenticate_to_run(&self.root, now).map_err(own)
    }
}

/// A new key, and a trust root that gives it the role `release`.
fn signer(now: Timestamp) -> Result<(SecretKey, TrustRoot), OwnReleaseError> {
    let (root_key, key) = (generate()?, generate()?);
    let keys = [("root", &root_key), ("release", &key)].map(|(role, key)| NewKey {
        role: name(role),
        key: key.public_key(),
        owner: "trial".to_owned(),
        not_before: None,
        not_after: None,
    });
    let thresholds = BTreeMap::from([(name("root"), 1), (name("release"), 1)]);
    // Developers connect as any role to their own server, and a copy has nothing to protect.
    let policy = Policy {
        gate_role: GateRole::Any,
        ..Policy::default()
    };
    let expires = Timestamp::from_seconds(now.seconds() + LIFE).unwrap_or(now);
    let document = draft::first(keys.into(), thresholds, policy, Some(now), expires);
    let draft = DraftRoot::of(&document).map_err(own)?;
    let signed = signatures::sign(&draft, &[&root_key]).map_err(own)?;
    Ok((key, draft.signed(&signed).map_err(own)?))
}

fn generate() -> Result<SecretKey, OwnReleaseError> {
    SecretKey::generate().map_err(own)
}

fn own(error: impl std::fmt::Display) -> OwnReleaseError {
    OwnReleaseError::Own(error.to_string())
}
