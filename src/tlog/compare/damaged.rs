//! Damaged entries, and the files that they may have been about. If the logged hash is known, a
//! file can prove that it is the logged one: the entry rebuilt from it has that hash.

use std::path::Path;

use memchr::memmem;

use crate::tlog::hash::leaf;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::json;
use pgseal_verify::format::log_entry::{LogEntry, LogKind};
use pgseal_verify::format::version::Format1;

/// An entry that differs from the logged one.
pub struct Damaged {
    pub bytes: Vec<u8>,
    /// Hash of the logged entry; `None` if no signed tree contains it.
    pub leaf: Option<Digest>,
}

impl Damaged {
    /// True if the logged entry was about this file, with this length and digest.
    pub fn was_of(&self, path: &Path, size: u64, sha256: Digest) -> bool {
        let (Some(logged), Some(kind)) = (self.leaf, LogKind::of(path)) else {
            return false;
        };
        let Some(Ok(path)) = path.to_str().map(str::parse) else {
            return false;
        };
        let entry = LogEntry {
            format: Format1,
            kind,
            path,
            release_id: self.release_id(),
            sha256,
            size,
        };
        json::to_canonical(&entry).is_ok_and(|entry| leaf(&entry) == logged)
    }

    /// True if the damaged bytes still contain the path or the digest.
    pub fn names(&self, path: &Path, digest: Option<Digest>) -> bool {
        let has = |text: &str| memmem::find(&self.bytes, text.as_bytes()).is_some();
        let quoted = serde_json::to_string(&path.to_string_lossy());
        quoted.is_ok_and(|quoted| has(&quoted))
            || digest.is_some_and(|digest| has(&digest.to_string()))
    }

    /// The release id in the damaged bytes; no file of an archive contains it.
    fn release_id(&self) -> Option<Digest> {
        const FIELD: &[u8] = b"\"release_id\":\"";
        let from = memmem::find(&self.bytes, FIELD)? + FIELD.len();
        std::str::from_utf8(self.bytes.get(from..from + 64)?)
            .ok()?
            .parse()
            .ok()
    }
}
