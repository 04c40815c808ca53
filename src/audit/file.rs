//! Audits single files: each is opened once and always gives a finding.

mod approval;
mod approvals;
mod bundle;
mod bundle_name;
pub mod log;
mod receipt;
mod signatures;
mod trust_root;

use std::io;
use std::path::Path;

use super::facts::Facts;
use super::fault::{Fault, FaultKind};
use super::finding::{Finding, told};
use super::judge::Judge;
use super::kind::Kind;
use super::place::{Found, Place, Unlisted};
use pgseal_verify::digest::Digest;

/// Result of auditing a file's content.
#[derive(Default)]
struct Audited {
    claimed_id: Option<Digest>,
    facts: Option<Facts>,
    faults: Vec<Fault>,
    notes: Vec<Fault>,
}

/// Audits one file.
pub fn audit(place: &dyn Place, found: &Found, judge: &Judge<'_>) -> Finding {
    let audited = match found.kind {
        Kind::Bundle => bundle::audit(place, found, judge),
        Kind::Approval => approval::audit(place, found, judge),
        Kind::Receipt => receipt::audit(place, found, judge),
        Kind::Rehearsal => receipt::audit_rehearsal(place, found, judge),
        Kind::TrustRoot => trust_root::audit(place, found, judge),
        // The sweep descends into tar files; no place lists the other two as files.
        Kind::Tar | Kind::Directory | Kind::Log => Audited::default(),
    };
    let Audited {
        claimed_id,
        facts,
        faults,
        notes,
    } = audited;
    let (bytes, modified) = (found.bytes, found.modified);
    Finding {
        bytes,
        modified,
        claimed_id,
        facts,
        faults,
        notes,
        ..nothing(found.path.as_path(), found.kind, judge)
    }
}

/// A finding for a path that could not be listed.
pub fn unlisted(unlisted: &Unlisted, judge: &Judge<'_>) -> Finding {
    let Unlisted {
        path,
        kind,
        word,
        error,
        is_note,
    } = unlisted;
    let told = match word {
        FaultKind::Malformed => malformed(error),
        FaultKind::Unreadable => unreadable(error),
        word => Fault::new(*word, error.to_string()),
    };
    let (notes, faults) = [told].into_iter().partition(|_| *is_note);
    Finding {
        faults,
        notes,
        ..nothing(path, *kind, judge)
    }
}

pub(super) fn nothing(path: &Path, kind: Kind, judge: &Judge<'_>) -> Finding {
    Finding {
        path: told(path),
        kind,
        bytes: None,
        modified: None,
        trust_sha256: judge.root.digest(),
        as_of: judge.as_of,
        claimed_id: None,
        facts: None,
        faults: Vec::new(),
        notes: Vec::new(),
    }
}

impl Audited {
    fn fault(fault: Fault) -> Self {
        Self {
            faults: vec![fault],
            ..Self::default()
        }
    }
}

fn unreadable(error: &io::Error) -> Fault {
    Fault::new(FaultKind::Unreadable, format!("can't be read: {error}"))
}

fn malformed(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(FaultKind::Malformed, format!("malformed: {error}"))
}

fn not_authentic(kind: FaultKind, error: &dyn std::fmt::Display) -> Fault {
    Fault::new(kind, format!("not authentic: {error}"))
}
