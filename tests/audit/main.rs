//! Bulk audit through the real program: what is found in directories and tar files, per file and across the archive, and how
//! parts of an audit are put together; archives, their logs and object stores. No database.

mod across;
mod approvals;
mod archive;
mod beside;
mod files;
mod parts;
mod stores;
mod tar_doubts;
mod tar_layout;
mod tar_strict;
mod ten_thousand;
mod trust_roots;
mod vault;
mod words;
