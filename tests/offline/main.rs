//! Bundle files, the trust root and the command line, through the library and the real program. No database, except in
//! `interchange`.

mod approvals;
mod bundle;
mod cli;
mod differential;
mod help;
mod interchange;
mod journal;
mod settings;
mod signers;
mod timestamp;
mod trust;
#[cfg(feature = "verifier")]
mod verifier;
