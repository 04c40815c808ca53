//! Bulk audit through the real program: faults in directories, tar files and object stores, per file and across the
//! archive, and the logs of archives, without a database.

mod answers;
mod approvals;
mod archive;
mod beside;
mod cross_checks;
mod evidence;
mod files;
mod stores;
mod tar_files;
mod ten_thousand;
mod trust_roots;
mod vault;
mod words;
