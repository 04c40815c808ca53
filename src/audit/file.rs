//! Audits single files: each is opened once and always gives a finding.

mod approvals;
mod bundle;
mod bundle_name;
pub mod log;
mod receipt;
mod signatures;
mod trust_root;

pub(super) use trust_root::root_keys;

use std::fmt::Display;
use std::io;
use std::path::Path;

use super::fault::{Fault, FaultKind};
use super::file_facts::FileFacts;
use super::finding::{Finding, told};
use super::judge::Judge;
use super::kind::Kind;
use super::place::{Found, Place, Unlisted};
use pgseal_verify::digest::Digest;

#[derive(Default)]
struct Audited {
    claimed_id: Option<Digest>,
    facts: Option<FileFacts>,
    faults: Vec<Fault>,
    notes: Vec<Fault>,
}

pub fn audit(place: &dyn Place, found: &Found, judge: &Judge<'_>) -> Finding {
    let audited = match found.kind {
        Kind::Bundle => Ok(bundle::audit(place, found, judge)),
        Kind::Approval => approvals::audit(place, found, judge),
        Kind::Receipt => receipt::audit(place, found, judge),
        Kind::Rehearsal => receipt::audit_rehearsal(place, found, judge),
        Kind::Rollout => receipt::audit_rollout(place, found, judge),
        Kind::Evidence => receipt::audit_evidence(place, found, judge),
        Kind::TrustRoot => trust_root::audit(place, found, judge),
        // The sweep descends into tar files; no place lists the other two as files.
        Kind::Tar | Kind::Directory | Kind::Log => Ok(Audited::default()),
    };
    let Audited {
        claimed_id,
        facts,
        faults,
        notes,
    } = audited.unwrap_or_else(Audited::fault);
    Finding {
        bytes: found.bytes,
        modified: found.modified,
        claimed_id,
        facts,
        faults,
        notes,
        ..nothing(found.path.as_path(), found.kind, judge)
    }
}

/// A finding for a path that could not be listed.
pub fn unlisted(unlisted: Unlisted, judge: &Judge<'_>) -> Finding {
    let fault = match unlisted.fault {
        FaultKind::Malformed => malformed(unlisted.error),
        FaultKind::Unreadable => unreadable(unlisted.error),
        kind => Fault::new(kind, unlisted.error.to_string()),
    };
    let (notes, faults) = [fault].into_iter().partition(|_| unlisted.is_note);
    Finding {
        faults,
        notes,
        ..nothing(&unlisted.path, unlisted.kind, judge)
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

fn unreadable(error: io::Error) -> Fault {
    Fault::new(FaultKind::Unreadable, format!("can't be read: {error}"))
}

fn malformed(error: impl Display) -> Fault {
    Fault::new(FaultKind::Malformed, format!("malformed: {error}"))
}

fn not_authentic(kind: FaultKind, error: impl Display) -> Fault {
    Fault::new(kind, format!("not authentic: {error}"))
}
