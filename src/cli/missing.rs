//! The conditions that a run still lacks, each as the error that the run would end with.

use std::collections::BTreeMap;
use std::path::Path;

use super::{CliError, Exit, ResultExt as _, error};
use crate::bundle::{Admission, BundleToRun};
use crate::record::memory;
use crate::record::rehearsal::Proved;
use crate::release::gate::{GateError, OpenError};
use crate::release::rehearsal_proof;
use crate::release::staging;
use crate::release::survey::Obstacle;
use crate::trust::policy::PolicyError;
use pgseal_verify::format::approval::APR_VARIABLE;
use pgseal_verify::format::receipt::ObservedTarget;
use pgseal_verify::format::timestamp::Timestamp;

/// The permission to run that this host's files give.
pub struct Permission<'b> {
    pub admission: Admission<'b>,
    /// The proof of a rehearsal, if one is required or named.
    pub rehearsed: Option<Proved>,
}

/// The errors of an authorization: the first one, and the closed window behind it.
fn refusals(bundle: &BundleToRun<'_>, error: PolicyError) -> Vec<CliError> {
    let is_window = |error: &PolicyError| matches!(error, PolicyError::OutsideWindow { .. });
    let window = match is_window(&error) {
        true => None,
        false => bundle.check_window().err(),
    };
    [Some(error), window]
        .into_iter()
        .flatten()
        .map(CliError::from)
        .collect()
}

impl<'b> Permission<'b> {
    /// Checks clock, policy, approvals and rehearsal at the time `at`. The errors are in the order
    /// of a run.
    pub fn gather(
        bundle: &'b BundleToRun<'_>,
        variables: &BTreeMap<String, String>,
        rehearsal: Option<&Path>,
        receipts: &Path,
        at: Timestamp,
    ) -> Result<Self, Vec<CliError>> {
        let clock = memory::check_clock(receipts, at).map_err(CliError::from);
        let code = variables.get(APR_VARIABLE).map(String::as_str);
        let admission = bundle.authorize_run(code);
        let root = bundle.root();
        let rehearsed = rehearsal_proof::proof(rehearsal, root, bundle, variables, receipts, at)
            .map_err(CliError::from);
        match (clock, admission, rehearsed) {
            (Ok(()), Ok(admission), Ok(rehearsed)) => Ok(Self {
                admission,
                rehearsed,
            }),
            (clock, admission, rehearsed) => {
                let mut errors: Vec<CliError> = clock.err().into_iter().collect();
                let refused = admission.err().into_iter();
                errors.extend(refused.flat_map(|error| refusals(bundle, error)));
                errors.extend(rehearsed.err());
                Err(errors)
            }
        }
    }
}

/// The databases on which the release ran, by the receipts of this host.
pub fn ran_on(
    bundle: &BundleToRun<'_>,
    receipts: &Path,
    at: Timestamp,
) -> Result<Vec<ObservedTarget>, CliError> {
    staging::ran_on(receipts, bundle.root(), bundle.release_id(), at).at(receipts)
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
