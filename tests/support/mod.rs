//! What tests of the format and of the command line share.

// Each test binary uses the part that it needs.
#![allow(dead_code)]

pub mod added_defects;
pub mod agent;
pub mod bundles;
pub mod defects;
pub mod keys;
pub mod people;
pub mod site;
#[cfg(feature = "pkcs11")]
pub mod softhsm;
pub mod tar;
pub mod tsa;
pub mod vectors;
