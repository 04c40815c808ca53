//! Verification of pgseal's files: bundles, approvals, trust roots, receipts, rehearsals and log proofs.
//!
//! This crate decides whether bytes are believed, and does nothing else. It opens no file, starts
//! no thread, reads no clock and no environment, and also compiles to `wasm32-unknown-unknown`
//! (there, time stamps are refused as unchecked). The caller brings bytes and time, and may
//! lend threads ([`Workers`]).
//!
//! "Verify this file by this root at this time":
//!
//! ```
//! use pgseal_verify::{ClaimedSignature, InMemory, JudgedAt, Timestamp, TrustRoot, UntrustedBundle};
//!
//! /// The signer of a bundle that may be used now.
//! fn verify(
//!     document: &[u8],
//!     signatures: &[ClaimedSignature],
//!     file: Vec<u8>,
//!     now: Timestamp,
//! ) -> Result<String, Box<dyn std::error::Error>> {
//!     let root = TrustRoot::load(document, signatures)?;
//!     let bundle = UntrustedBundle::parse(Box::new(InMemory(file.into())))?;
//!     let release = bundle.authenticate(&root, JudgedAt::At(now))?;
//!     release.check_policy()?;
//!     release.check_contents()?;
//!     Ok(release.signatories()[0].owner.clone())
//! }
//! # use pgseal_verify::{KeyId, PolicyError};
//! # let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
//! # let key_id = "51a7bd6143faa75659dc6389c82824d0dc2800bf22b60cfaa005eab0341088d8";
//! # let file: Vec<u8> = std::fs::read(format!("{vectors}/good_pass/bundle.pgseal"))?;
//! # let document: Vec<u8> = std::fs::read(format!("{vectors}/trust.json"))?;
//! # let signature: [u8; 64] = std::fs::read(format!("{vectors}/trust.json.sigs/1.{key_id}.sig"))?[..].try_into()?;
//! # let signatures = [(KeyId::claimed(key_id.parse()?), signature)];
//! # verify(&document, &signatures, file.clone(), "2026-11-21T12:00:00Z".parse()?)?;
//! # let late = verify(&document, &signatures, file, "9001-01-01T00:00:00Z".parse()?).unwrap_err();
//! # assert!(matches!(late.downcast_ref(), Some(PolicyError::Expired { .. })), "{late}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The signatures of a trust root `trust.json` are the files `trust.json.sigs/VERSION.KEYID.sig`, 64
//! bytes each. Acts of now are judged by [`JudgedAt::At`], those of the past by [`JudgedAt::AsOf`].
//!
//! | file | begin at |
//! |---|---|
//! | bundle | [`UntrustedBundle::parse`], then [`authenticate`](UntrustedBundle::authenticate) |
//! | approval file | [`Attestations::parse`], then [`with_approval`](AuthenticatedBundle::with_approval) |
//! | trust root and its versions | [`TrustRoot::load`], [`walk`] |
//! | receipt of a run | [`check_receipt`] |
//! | receipt of a rehearsal | [`check_rehearsal`] |
//! | signed answer of a command that only reads | [`check_answer`] |
//! | proof of an archive's log | [`ProofFile::parse`], then [`authenticate`](ProofFile::authenticate) |
//!
//! The format is `bundle/FORMAT.md` of pgseal's repository. Errors are enums, one for each step,
//! and `#[non_exhaustive]`.
//!
//! The items on this page are the API. Modules that the documentation does not show are open for
//! the program pgseal alone, which is released together with this crate; they promise nothing.

pub use archive::source::{ByteSource, InMemory};
pub use bundle::authenticate::{AuthenticateError, AuthenticatedBundle, Signatory};
pub use bundle::contents::ContentError;
pub use bundle::to_run::{Admission, BundleToRun};
pub use bundle::untrusted::{Attestations, MalformedError, UntrustedBundle};
pub use digest::Digest;
pub use entry_path::EntryPath;
pub use format::evidence::SignedAnswer;
pub use format::manifest::Manifest;
pub use format::receipt::Receipt;
pub use format::rehearsal::Rehearsal;
pub use format::statement::ReleaseId;
pub use format::timestamp::Timestamp;
pub use format::trust_document::TrustDocument;
pub use record::evidence::{ReadAnswer, check as check_answer};
pub use record::receipt::{ReadReceipt, check as check_receipt};
pub use record::rehearsal::{
    Demand as RehearsalDemand, Proved, ReadRehearsal, UnprovedError, check as check_rehearsal,
};
pub use record::signed::{Parts, ReceiptError};
pub use tlog::checkpoint::TrustedHead;
pub use tlog::proof_file::{Logged, ProofFile, ProofFileError};
pub use trust::attestations::{AttestationError, ClaimedStatement, SignedApproval};
pub use trust::draft_root::{ClaimedSignature, DraftRoot, SignatureError, TrustError};
pub use trust::evidence::Evidence;
pub use trust::judge::JudgedAt;
pub use trust::key_id::KeyId;
pub use trust::policy::PolicyError;
pub use trust::public_key::PublicKey;
pub use trust::root::TrustRoot;
pub use trust::rotation::{Candidate, RotationError, Step, walk};
pub use workers::Workers;

#[doc(hidden)]
pub mod words;

#[doc(hidden)]
pub mod tlog;

#[doc(hidden)]
pub mod record;

#[doc(hidden)]
pub mod bundle;

#[doc(hidden)]
pub mod trust;

#[doc(hidden)]
pub mod format;

#[doc(hidden)]
pub mod archive;

#[doc(hidden)]
pub mod workers;

#[doc(hidden)]
pub mod plural;

#[doc(hidden)]
pub mod limits;

#[doc(hidden)]
pub mod entry_path;

#[doc(hidden)]
pub mod digest;
