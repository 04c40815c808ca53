//! Bulk audit through the real program: what is found in directories and tar files, per file and across the archive, and how
//! parts of an audit are put together. No database.

#[path = "audit/across.rs"]
mod across;
#[path = "audit/approvals.rs"]
mod approvals;
#[path = "audit/beside.rs"]
mod beside;
#[path = "audit/files.rs"]
mod files;
#[path = "audit/parts.rs"]
mod parts;
mod support;
#[path = "audit/tar_doubts.rs"]
mod tar_doubts;
#[path = "audit/tar_layout.rs"]
mod tar_layout;
#[path = "audit/tar_strict.rs"]
mod tar_strict;
#[path = "audit/ten_thousand.rs"]
mod ten_thousand;
#[path = "audit/trust_roots.rs"]
mod trust_roots;
#[path = "audit/vault.rs"]
mod vault;
#[path = "audit/words.rs"]
mod words;
