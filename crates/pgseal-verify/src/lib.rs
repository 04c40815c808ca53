//! Verification of pgseal's files: bundles, approvals, trust roots, receipts, rehearsals and log proofs.
//!
//! This crate decides whether bytes are believed, and does nothing else. It opens no file, starts no thread, reads no
//! clock and no environment, and also compiles to `wasm32-unknown-unknown` (there, time stamps are refused as
//! unchecked). The caller brings bytes, time and, if it likes, threads ([`workers::Workers`]).
//!
//! "Verify this file by this root at this time":
//!
//! ```
//! use pgseal_verify::archive::source::InMemory;
//! use pgseal_verify::bundle::UntrustedBundle;
//! use pgseal_verify::trust::{KeyId, TrustRoot, JudgedAt};
//!
//! # let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
//! # let key_id = "51a7bd6143faa75659dc6389c82824d0dc2800bf22b60cfaa005eab0341088d8";
//! # let file: Vec<u8> = std::fs::read(format!("{vectors}/good_pass/bundle.pgseal"))?;
//! # let root_document: Vec<u8> = std::fs::read(format!("{vectors}/trust.json"))?;
//! # let signature: [u8; 64] = std::fs::read(format!("{vectors}/trust.json.sigs/1.{key_id}.sig"))?[..].try_into()?;
//! let root = TrustRoot::load(&root_document, &[(KeyId::claimed(key_id.parse()?), signature)])?;
//! let bundle = UntrustedBundle::parse(Box::new(InMemory(file.into())))?;
//! let release = bundle.authenticate(&root, JudgedAt::At("2026-11-21T12:00:00Z".parse()?))?;
//! release.check_contents()?;
//! println!("{} signed by {}", release.release_id(), release.signatories()[0].owner);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | file | begin at |
//! |---|---|
//! | bundle | [`bundle::UntrustedBundle::parse`], then [`authenticate`](bundle::UntrustedBundle::authenticate) |
//! | trust root and its versions | [`trust::TrustRoot::load`], [`trust::rotation::walk`] |
//! | receipt of a run | [`record::receipt::check`] |
//! | receipt of a rehearsal | [`record::rehearsal::check`] |
//! | proof of an archive's log | [`tlog::ProofFile::parse`], then [`authenticate`](tlog::ProofFile::authenticate) |
//!
//! The format is `bundle/FORMAT.md` of pgseal's repository. Errors are enums, one for each step.

pub mod tlog;

pub mod record;

pub mod bundle;

pub mod trust;

pub mod format;

pub mod archive;

pub mod workers;

pub mod plural;

pub mod limits;

pub mod entry_path;

pub mod digest;
