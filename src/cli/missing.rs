//! The conditions that a run still lacks, each as the error that the run would end with.

use std::collections::BTreeMap;
use std::path::Path;

use super::{CliError, Exit, error};
use crate::bundle::{Admission, BundleToRun};
use crate::record::memory;
use crate::record::rehearsal::Proved;
use crate::release::gate::{GateError, OpenError};
use crate::release::preflight::PreflightError;
use crate::release::rehearsal_proof;
use crate::release::survey::Obstacle;
use crate::trust::policy::{PolicyError, Tally};
use pgseal_verify::format::approval::APR_VARIABLE;
use pgseal_verify::format::timestamp::Timestamp;

/// The permission to run that this host's files give.
pub struct Permission<'b> {
    pub admission: Admission<'b>,
    /// The proof of a rehearsal, if one is required or named.
    pub rehearsed: Option<Proved>,
}

/// A permission that this host's files do not give.
pub struct Refused<'b> {
    /// The admission, if only other conditions are missing.
    pub admission: Option<Admission<'b>>,
    pub errors: Vec<CliError>,
}

/// The admission of a permission, given or refused.
pub fn admission<'p, 'b>(
    permission: &'p Result<Permission<'b>, Refused<'b>>,
) -> Option<&'p Admission<'b>> {
    match permission {
        Ok(permission) => Some(&permission.admission),
        Err(refused) => refused.admission.as_ref(),
    }
}

impl<'b> Permission<'b> {
    /// Checks clock, policy, approvals, window and rehearsal at the time `at`. The errors are in the order
    /// of a run.
    pub fn gather(
        bundle: &'b BundleToRun<'_>,
        variables: &BTreeMap<String, String>,
        rehearsal: Option<&Path>,
        receipts: &Path,
        at: Timestamp,
    ) -> Result<Self, Refused<'b>> {
        let clock = memory::check_clock(receipts, at).map_err(CliError::from);
        let code = variables.get(APR_VARIABLE).map(String::as_str);
        let (admission, refused) = match bundle.authorize_run(code) {
            Ok(admission) => (Some(admission), None),
            Err(error) => (None, Some(CliError::from(error))),
        };
        let root = bundle.root();
        let rehearsed = rehearsal_proof::proof(rehearsal, root, bundle, variables, receipts, at)
            .map_err(CliError::from);
        let window = bundle.check_window().map_err(CliError::from);
        match (clock, admission, window, rehearsed) {
            (Ok(()), Some(admission), Ok(()), Ok(rehearsed)) => Ok(Self {
                admission,
                rehearsed,
            }),
            (clock, admission, window, rehearsed) => {
                let errors = [clock.err(), refused, window.err(), rehearsed.err()];
                Err(Refused {
                    admission,
                    errors: errors.into_iter().flatten().collect(),
                })
            }
        }
    }
}

/// The error that a run ends with.
pub fn first(missing: Vec<CliError>) -> CliError {
    let first = missing.into_iter().next();
    first.unwrap_or_else(|| CliError::internal("a run was refused without a reason"))
}

/// The error with which `run` would end.
pub fn obstacle(obstacle: Obstacle) -> CliError {
    match obstacle {
        Obstacle::Gate(error) => CliError::from(error),
        Obstacle::Preflight(error) => CliError::from(error),
        Obstacle::Script(failure) => error::failure(Exit::Failed, "", &failure),
    }
}

/// The approvals that count on this database, if they do not meet the policy, and whether the others
/// are used up.
pub fn too_few_here(obstacles: &[Obstacle]) -> Option<(&[Tally], bool)> {
    obstacles.iter().find_map(|obstacle| match obstacle {
        Obstacle::Preflight(PreflightError::Approvals(error)) => match error {
            PolicyError::Used(tallies) => Some((tallies.as_slice(), true)),
            PolicyError::Approvals(tallies) => Some((tallies.as_slice(), false)),
            _ => None,
        },
        _ => None,
    })
}

/// Like [`obstacle`], for `gate`: without a connection a gate has no answer, which counts as closed
/// (docs/decisions/013).
pub fn for_gate(met: Obstacle) -> CliError {
    let is_connection = matches!(met, Obstacle::Gate(GateError::Open(OpenError::Connect(_))));
    let error = obstacle(met);
    if is_connection {
        error.exit(Exit::Unanswered)
    } else {
        error
    }
}

/// JSON document of a missing condition.
pub fn document(missing: &CliError) -> serde_json::Value {
    let (exit, kind) = (missing.exit.code(), missing.kind.as_str());
    serde_json::json!({ "exit": exit, "kind": kind, "message": missing.lines.join("\n") })
}
