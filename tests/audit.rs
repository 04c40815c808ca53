//! Bulk audit through the real program: faults in directories and tar files, per file and across the archive, without a
//! database.

#[path = "audit/across.rs"]
mod across;
#[path = "audit/answers.rs"]
mod answers;
#[path = "audit/approvals.rs"]
mod approvals;
#[path = "audit/beside.rs"]
mod beside;
#[path = "audit/files.rs"]
mod files;
mod support;
#[path = "audit/tar_files.rs"]
mod tar_files;
#[path = "audit/ten_thousand.rs"]
mod ten_thousand;
#[path = "audit/trust_roots.rs"]
mod trust_roots;
#[path = "audit/vault.rs"]
mod vault;
#[path = "audit/words.rs"]
mod words;
