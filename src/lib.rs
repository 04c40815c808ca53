//! Signed, offline release bundles for PostgreSQL.
//!
//! ```text
//! directory -> UnsignedBundle -> SignedBundle ==bytes==> UntrustedBundle -> AuthenticatedBundle
//!                                              -> GatedRelease -> Run -> Receipt
//! ```
//!
//! Each arrow is one function with one error enum, and each state is a type that only its arrow can make. The library
//! is silent and clockless: it takes readers, writers, the time and an observer; it never prints, exits or reads the
//! environment. Only [`cli`] does.
//!
//! The modules below stand from the top floor to the ground; each imports only from those below it
//! (`tests/project/architecture.rs` holds this).

// Names say enough where a sentence would only repeat them; the published crates document every item.
#![allow(missing_docs)]

pub mod cli;

pub mod postgres;

pub mod audit;

pub mod readiness;

pub mod rollout;

pub mod release;

pub mod import;

pub mod lint;

pub mod archiving;

pub mod bundle;

pub mod runbook;

pub mod tlog;

pub mod record;

pub mod trust;

pub mod fingerprint;

pub mod database;

pub mod rules;

pub mod durable;

pub mod open_file;

pub mod parallel;
