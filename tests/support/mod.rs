//! What tests of the format and of the command line share.

// Each test binary uses the part that it needs.
#![allow(dead_code)]

pub mod keys;
pub mod release;
pub mod tar;
