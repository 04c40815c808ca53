//! Entries after the checkpoint, which no signature covers: one fault for all of their files.

use std::path::Path;

use super::super::append::pending;
use super::super::checkpoint::Checkpoint;
use super::super::{CHECKPOINT, REMOVE_BEHIND};
use super::Faults;
use super::LogFaultKind::{Broken, Unfinished};
use pgseal_verify::format::json;
use pgseal_verify::format::log_entry::LogEntry;
use pgseal_verify::plural::count;

/// Entries after the checkpoint, and the fault that reports them.
pub struct Pending {
    pub entries: Vec<LogEntry>,
    fault: usize,
}

impl Pending {
    /// Reports the entries, if there are any.
    pub fn report(dir: &Path, head: &Checkpoint, faults: &mut Faults) -> Option<Self> {
        let entries = match pending(dir, head.size()) {
            Ok(entries) if entries.is_empty() => return None,
            Ok(entries) => entries,
            Err(error) => {
                faults.add(
                    Broken,
                    error.path,
                    format!("{}; {REMOVE_BEHIND}", error.reason),
                );
                return None;
            }
        };
        let stand = match entries.len() {
            1 => "1 entry stands".to_owned(),
            many => format!("{} stand", count(many, "entry")),
        };
        let why = "`archive add` was interrupted (the next one finishes it), or an older checkpoint was put back";
        faults.add(Unfinished, CHECKPOINT, format!("{stand} behind it: {why}"));
        let entries = entries
            .iter()
            .filter_map(|entry| json::from_canonical(entry).ok())
            .collect();
        Some(Self {
            entries,
            fault: faults.0.len() - 1,
        })
    }

    /// Adds the number of their files in the archive to the fault; these files get no fault of
    /// their own.
    pub fn report_files(&self, files: usize, faults: &mut Faults) {
        let are = match files {
            0 => return,
            1 => "1 file is".to_owned(),
            many => format!("{} are", count(many, "file")),
        };
        if let Some(fault) = faults.0.get_mut(self.fault) {
            fault.sentence.push_str(&format!(
                "; {are} logged behind this checkpoint only, which no key has signed here"
            ));
        }
    }
}
