//! The receipt of a rehearsal that has seen nothing yet.

use std::collections::BTreeMap;

use super::{ClonedDatabase, ClonedFrom, Job};
use crate::format::receipt::{ObservedTarget, TrustReference};
use crate::format::rehearsal::{CloneMethod, Rehearsal, RehearsalOutcome, Source};
use crate::format::timestamp::Timestamp;
use crate::format::version::{Format1, PGSEAL};

pub(super) fn by(method: CloneMethod) -> &'static str {
    match method {
        CloneMethod::Template => "template",
        CloneMethod::DumpRestore => "pg_dump and pg_restore",
        CloneMethod::Dump => "the dump that was given",
    }
}

pub(super) fn blank(job: &Job<'_>, clone: &ClonedDatabase, method: CloneMethod, started: Timestamp) -> Rehearsal {
    let (database, dump_sha256) = match job.from {
        ClonedFrom::Database { name, .. } => (Some(name.to_owned()), None),
        ClonedFrom::Dump { sha256, .. } => (None, Some(sha256)),
    };
    Rehearsal {
        format: Format1,
        rehearsal_id: job.rehearsal_id.to_owned(),
        outcome: RehearsalOutcome::Failed,
        error: None,
        operator: job.operator.clone(),
        started,
        finished: started,
        pgseal: PGSEAL.to_owned(),
        release: job.bundle.manifest().release.clone(),
        signers: job.bundle.signatories().iter().map(|signatory| signatory.key.digest()).collect(),
        trust: TrustReference { version: job.root.document().version, sha256: job.root.digest() },
        source: Source { method, database, dump_sha256 },
        clone: ObservedTarget {
            database: clone.name().to_owned(),
            server_version: String::new(),
            server_version_num: 0,
            role: String::new(),
            system_identifier: None,
            timeline: None,
        },
        kept: job.keep,
        approval: None,
        variables: job.variables.clone(),
        gates: Vec::new(),
        steps: Vec::new(),
        fingerprints: BTreeMap::new(),
        tiers: Vec::new(),
        rollback: Vec::new(),
        locks: Vec::new(),
        verify: Vec::new(),
        signer: None,
    }
}
