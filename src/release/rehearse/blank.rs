//! The receipt of a rehearsal at its start.

use std::collections::BTreeMap;

use super::{ClonedDatabase, ClonedFrom, Job};
use pgseal_verify::format::receipt::{ObservedTarget, TrustReference};
use pgseal_verify::format::rehearsal::{CloneMethod, Rehearsal, RehearsalOutcome, Source};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::format::version::PGSEAL;

pub(super) fn by(method: CloneMethod) -> &'static str {
    match method {
        CloneMethod::Template => "template",
        CloneMethod::DumpRestore => "pg_dump and pg_restore",
        CloneMethod::Dump => "the dump that was given",
    }
}

pub(super) fn blank(
    job: &Job<'_>,
    clone: &ClonedDatabase,
    method: CloneMethod,
    started: Timestamp,
) -> Rehearsal {
    let source = match job.from {
        ClonedFrom::Database { name, .. } => Source {
            method,
            database: Some(name.to_owned()),
            dump_sha256: None,
            dump_bytes: None,
        },
        ClonedFrom::Dump { sha256, bytes, .. } => Source {
            method,
            database: None,
            dump_sha256: Some(sha256),
            dump_bytes: Some(bytes),
        },
    };
    let order = &job.order.authentic();
    Rehearsal {
        rehearsal_id: job.rehearsal_id.to_owned(),
        outcome: RehearsalOutcome::Failed,
        error: None,
        operator: order.operator.clone(),
        started,
        finished: started,
        pgseal: PGSEAL.to_owned(),
        release: order.manifest().release.clone(),
        signers: order
            .bundle
            .signatories()
            .iter()
            .map(|signatory| signatory.key.digest())
            .collect(),
        trust: TrustReference {
            version: order.root().document().version,
            sha256: order.root().digest(),
        },
        source,
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
        variables: order.variables.clone(),
        gates: Vec::new(),
        steps: Vec::new(),
        fingerprints: BTreeMap::new(),
        tiers: Vec::new(),
        rollback: Vec::new(),
        locks: Vec::new(),
        verify: Vec::new(),
        points: Vec::new(),
        more_points: 0,
        signer: None,
    }
}
