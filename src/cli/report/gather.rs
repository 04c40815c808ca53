//! Collects the facts of a report.

use super::super::approvals;
use super::super::args::{now, open};
use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::lines;
use super::super::output::Output;
use super::{Args, local_evidence, questions};
use crate::bundle::{AuthenticateError, AuthenticatedBundle, BundleToRun};
use crate::readiness::{
    Approver, Blocker, Database, ReadinessFacts, ReleaseFacts, Row, Signer, UsedApprover, left,
};
use crate::record::rehearsal;
use crate::release::run_context;
use crate::runbook::Known;
use crate::trust::attestations::SignedApproval;
use crate::trust::{JudgedAt, TrustRoot, policy};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::approval::APR_VARIABLE;
use pgseal_verify::format::receipt::TrustReference;
use pgseal_verify::format::timestamp::Timestamp;

/// Collects the facts. Fails if there is no subject for a report: no trust root, no file, or an
/// invalid argument. Faults of the bundle and the database are part of the report.
pub fn gather(args: &Args, out: Output) -> Result<ReadinessFacts, CliError> {
    let at = now();
    let root = args.bundle.root()?;
    let file = args
        .bundle
        .file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let bundle = match authenticate(args, &root, at) {
        Ok(bundle) => bundle,
        Err((row, error)) if [Exit::Malformed, Exit::NotAuthentic].contains(&error.exit) => {
            let (blockers, known) = (vec![(row, stop(&error))], Known::default());
            return Ok(ReadinessFacts {
                now: at,
                file,
                known,
                blockers,
                release: None,
            });
        }
        Err((_, error)) => return Err(error.about(&args.bundle.file)),
    };
    let about = (&root, bundle.release_id());
    let with = BundleToRun::with_approval;
    let bundle = args.approvals.add_to(bundle, about, with)?;
    let manifest = bundle.manifest();
    let given = args.database.variables(manifest, out)?;
    let variables = run_context::values(manifest, &given, false)?;
    let apr = variables.get(APR_VARIABLE).map(String::as_str);
    let (answers, mut blockers) = match args.database() {
        None => (Database::NotAsked, Vec::new()),
        Some(database) => questions::ask(args, database, &bundle, out)?,
    };
    let in_effect = matches!(&answers, Database::Answered(answers) if answers.in_effect.is_some());
    blockers.extend(admission(args, &root, &bundle, in_effect, at));
    let papers = local_evidence::read(args, &root, bundle.release_id(), at)?;
    blockers.extend(papers.blockers);
    let judged = JudgedAt::At(at);
    // Without a code (`ratified_apr`) for the run, use the one with the most approvals.
    let tallies = match apr {
        Some(apr) => policy::tally(&root, bundle.approvals(), Some(apr), judged),
        None => {
            let all = approvals::tallies(&root, bundle.approvals(), bundle.takes_apr(), judged);
            all.into_iter()
                .next()
                .map(|(_, tallies)| tallies)
                .unwrap_or_default()
        }
    };
    let release = ReleaseFacts {
        manifest: manifest.clone(),
        release_id: bundle.release_id().digest(),
        files: bundle.file_count(),
        signers: bundle.signatories().iter().map(signer).collect(),
        trust: TrustReference {
            version: root.document().version,
            sha256: root.digest(),
        },
        trust_expires: root.document().expires,
        tallies,
        approvers: bundle
            .approvals()
            .iter()
            .map(|signed| approver(&root, signed, apr, judged))
            .collect(),
        receipts: papers.receipts,
        rehearsals: papers.rehearsals,
        values: run_context::values(manifest, &given, true).ok(),
        requires_rehearsal: manifest.require_rehearsal || root.policy().require_rehearsal,
        rehearsal_max_age_days: rehearsal::max_age_days(manifest, root.policy()),
        used: None,
        left: left(&bundle),
        uncounted: papers.uncounted,
        database: answers,
    };
    let release = ReleaseFacts {
        used: used(&release, &root),
        ..release
    };
    let known = Known {
        source: target(args, &release),
        ..args.known(lines::values(given, &root, &bundle, judged))
    };
    Ok(ReadinessFacts {
        now: at,
        file,
        known,
        blockers,
        release: Some(Box::new(release)),
    })
}

/// The name of the target that answered; `None` for a clone.
fn target(args: &Args, release: &ReleaseFacts) -> Option<String> {
    let Database::Answered(answers) = &release.database else {
        return None;
    };
    let is_target = release.manifest.target.database.matches(&answers.target);
    (is_target && !args.on_clone.clone).then(|| answers.target.database.clone())
}

/// Authenticates the bundle. An error is returned with the matrix row that it belongs to.
fn authenticate<'r>(
    args: &Args,
    root: &'r TrustRoot,
    at: Timestamp,
) -> Result<BundleToRun<'r>, (Row, CliError)> {
    let file = open(&args.bundle.file).map_err(|error| (Row::Files, error))?;
    file.authenticate_to_run(root, at).map_err(|error| {
        let row = match &error {
            AuthenticateError::Files(_)
            | AuthenticateError::Statement(_)
            | AuthenticateError::NewerProgram { .. } => Row::Files,
            AuthenticateError::Added(_) => Row::Approvals,
            AuthenticateError::Unsigned
            | AuthenticateError::Signature(_)
            | AuthenticateError::Token(_) => Row::Signatures,
        };
        (row, error.into())
    })
}

/// Checks the trust root's policy and this host's clock memory. A release in effect needs no
/// authorization any more, but a blocked one is still reported.
fn admission(
    args: &Args,
    root: &TrustRoot,
    bundle: &AuthenticatedBundle,
    in_effect: bool,
    at: Timestamp,
) -> Vec<(Row, Blocker)> {
    let admitted = policy::check_policy(
        root,
        &bundle.manifest().release,
        bundle.release_id(),
        JudgedAt::At(at),
    )
    .err();
    let source = bundle.manifest().source.as_ref();
    let admitted = admitted.or_else(|| policy::check_source(root, source).err());
    let admitted =
        admitted.filter(|error| !in_effect || matches!(error, policy::PolicyError::Blocked(_)));
    let clock = crate::record::memory::check_clock(&args.receipts, at)
        .err()
        .filter(|_| !in_effect);
    let errors = clock
        .map(CliError::from)
        .into_iter()
        .chain(admitted.map(CliError::from));
    let window = policy::check_window(root, at).err().filter(|_| !in_effect);
    let closed = window.map(|error| {
        let blocker = stop(&error.clone().into());
        match &error {
            policy::PolicyError::OutsideWindow { freeze, next, .. } => {
                blocker.closed(freeze.as_ref(), *next)
            }
            _ => blocker,
        }
    });
    let stops = errors.map(|error| stop(&error));
    stops
        .chain(closed)
        .map(|blocker| (Row::Signatures, blocker))
        .collect()
}

fn signer(signatory: &crate::bundle::Signatory) -> Signer {
    let (at, evidence) = (signatory.evidence.time(), signatory.evidence.level());
    Signer {
        key: signatory.key.digest(),
        owner: signatory.owner.clone(),
        at,
        evidence,
    }
}

fn approver(
    root: &TrustRoot,
    signed: &SignedApproval,
    apr: Option<&str>,
    when: JudgedAt,
) -> Approver {
    let approval = signed.approval();
    Approver {
        key: signed.key().digest(),
        owner: signed.owner().to_owned(),
        role: approval.role.clone(),
        apr: approval.apr.as_ref().map(ToString::to_string),
        at: approval.at,
        expires: approval.expires,
        evidence: signed.evidence().level(),
        why_not: policy::counts(root, signed, apr, when).err(),
    }
}

/// The approvals that the run in effect used.
fn used(release: &ReleaseFacts, root: &TrustRoot) -> Option<Vec<UsedApprover>> {
    let one = |key: Digest, role, at| UsedApprover {
        key,
        owner: owner(root, key),
        role,
        at,
    };
    if let Some(kept) = release.receipt_in_effect() {
        let counted = kept.document.approvals.iter().map(|counted| {
            let apr = counted.apr.as_ref().map(ToString::to_string);
            one(
                counted.key_id,
                Some((counted.role.clone(), apr)),
                counted.at,
            )
        });
        return Some(counted.collect());
    }
    let counted = release.in_effect()?.approvals.as_ref()?.iter();
    let counted = counted.map(|counted| one(counted.key_id, None, counted.at));
    Some(counted.collect())
}

/// The owner of a key; the key itself if the trust root has none of it.
fn owner(root: &TrustRoot, key: Digest) -> String {
    let mut keys = root.document().keys.iter();
    keys.find(|entry| entry.id == key).map_or_else(
        || format!("key {}", key.short()),
        |entry| entry.owner.clone(),
    )
}

/// Converts an error to a trouble with the same text, excerpt, hint and exit code.
pub fn stop(error: &CliError) -> Blocker {
    let (text, excerpt) = error
        .lines
        .split_first()
        .map(|(first, below)| (first.clone(), below.to_vec()))
        .unwrap_or_default();
    Blocker {
        exit: error.exit.code(),
        text,
        excerpt,
        hint: error.hint.clone(),
        waits: false,
        is_denied: false,
        reason: None,
        until: None,
    }
}
