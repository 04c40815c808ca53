//! Audits `*.pgseal` bundles: opens each once, hashes its stored bytes once, and decompresses its
//! compressed files.

use super::signatures::{added_kind, not_counted, signature_kind, signer, token_kind};
use super::{Audited, approvals, bundle_name, malformed, not_authentic, unreadable};
use crate::audit::fault::{Fault, FaultKind};
use crate::audit::file_facts::{FileFacts, ReleaseFacts, Seen, Signer, Verdict};
use crate::audit::judge::Judge;
use crate::audit::place::{Found, Place};
use crate::bundle::subjects::{FileFault, SubjectError};
use crate::bundle::{AuthenticateError, AuthenticatedBundle, Signatory, UntrustedBundle};
use crate::parallel::Cores;
use crate::trust::KeyId;
use crate::trust::evidence::Evidence;
use crate::trust::root::name;
use pgseal_verify::archive::section::Section;
use pgseal_verify::archive::{BLOCK, header};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::json;
use pgseal_verify::format::statement::Statement;
use pgseal_verify::limits;

pub fn audit(place: &dyn Place, found: &Found, judge: &Judge<'_>) -> Audited {
    let source = match place.open(found) {
        Ok(source) => source,
        Err(error) => return Audited::fault(unreadable(error)),
    };
    let untrusted = match UntrustedBundle::parse_with(source, &Cores) {
        Ok(untrusted) => untrusted,
        Err(error) => {
            return Audited {
                claimed_id: claimed_id(place, found),
                ..Audited::fault(malformed(error))
            };
        }
    };
    let keys: Vec<KeyId> = untrusted
        .claimed_signatures()
        .iter()
        .map(|(key, _)| *key)
        .collect();
    let statement = untrusted.claimed_statement().to_vec();
    let audited = match untrusted.authenticate(judge.root, judge.then()) {
        Ok(bundle) => authentic(&bundle, &keys, judge),
        Err(error) => refused(error, &statement, judge),
    };
    let release = audited
        .facts
        .as_ref()
        .and_then(|facts| facts.release.as_ref());
    let notes = release
        .and_then(|release| bundle_name::differs(&found.path, release))
        .into_iter()
        .collect();
    Audited { notes, ..audited }
}

fn authentic(bundle: &AuthenticatedBundle, keys: &[KeyId], judge: &Judge<'_>) -> Audited {
    let faults: Vec<Fault> = bundle
        .content_faults()
        .iter()
        .map(|error| Fault::new(FaultKind::BadContent, error.to_string()))
        .collect();
    let id = bundle.release_id().digest();
    let then = match faults.first() {
        None => Verdict::yes(),
        Some(fault) => Verdict::no(&fault.sentence),
    };
    let now = if then.authentic {
        today(bundle.signatories(), judge)
    } else {
        then.clone()
    };
    let facts = FileFacts {
        release: Some(ReleaseFacts::new(&bundle.manifest().release, id)),
        signers: signers(bundle, keys, judge),
        approvals: bundle
            .approvals()
            .iter()
            .map(|signed| approvals::facts(judge, signed))
            .collect(),
        shown: Some(approvals::shown(
            &bundle.manifest().release,
            &bundle.manifest().target,
        )),
        takes_apr: bundle.takes_apr(),
        files: bundle.file_count() as u64,
        require_rehearsal: bundle.manifest().require_rehearsal,
        blocked: judge.root.policy().blocked_releases.contains(&id),
        ..FileFacts::new(then, now)
    };
    Audited {
        facts: Some(facts),
        faults,
        ..Audited::default()
    }
}

/// The release id of a damaged bundle. Reads the statement after the format member (FORMAT.md 2.4),
/// if it is there.
fn claimed_id(place: &dyn Place, found: &Found) -> Option<Digest> {
    const AT: usize = 2 * BLOCK;
    let source = place.open(found).ok()?;
    let mut block = [0; BLOCK];
    source.read_exact_at(&mut block, AT as u64).ok()?;
    let (path, size) = header::decode(&block).ok()?;
    if path != Section::Statement.path() || size > limits::STATEMENT_BYTES {
        return None;
    }
    let mut statement = vec![0; size as usize];
    source
        .read_exact_at(&mut statement, (AT + BLOCK) as u64)
        .ok()?;
    Some(Digest::of(&statement))
}

/// All signing keys: those that count, and those with valid signatures that don't.
fn signers(bundle: &AuthenticatedBundle, keys: &[KeyId], judge: &Judge<'_>) -> Vec<Signer> {
    let one = |key: &KeyId| {
        let mut counted = bundle.signatories().iter();
        if let Some(signatory) = counted.find(|signatory| signatory.key == *key) {
            return signer(judge, *key, signatory.evidence, None);
        }
        let counts = judge.root.counts(key, &name("release"), judge.then());
        let why_not = counts.err().unwrap_or_else(|| "does not count".to_owned());
        signer(judge, *key, Evidence::Claimed(None), Some(why_not))
    };
    keys.iter().map(one).collect()
}

/// Whether `verify` would accept the bundle now. The signatures are valid, so only the keys are
/// judged again.
fn today(signatories: &[Signatory], judge: &Judge<'_>) -> Verdict {
    let role = name("release");
    let counts = |signatory: &Signatory| {
        judge.root.counts_since(
            &signatory.key,
            &role,
            judge.now(),
            Seen::from(signatory.evidence).proven(),
        )
    };
    let counted = signatories
        .iter()
        .filter(|signatory| counts(signatory).is_ok())
        .map(|signatory| signatory.key);
    if judge
        .root
        .draft()
        .met(&role, counted.collect(), Vec::new())
        .is_ok()
    {
        return Verdict::yes();
    }
    let why: Vec<String> = signatories
        .iter()
        .filter_map(|signatory| counts(signatory).err())
        .collect();
    Verdict::no(format!("its key {}", why.join("; ")))
}

fn refused(error: AuthenticateError, statement: &[u8], judge: &Judge<'_>) -> Audited {
    // The files are compared after the signatures, so a differing file has an authentic statement.
    let release = match &error {
        AuthenticateError::Files(_) => json::from_canonical::<Statement>(statement).ok(),
        _ => None,
    };
    let release =
        release.map(|said| ReleaseFacts::new(&said.predicate.release, Digest::of(statement)));
    let signers = match &error {
        AuthenticateError::Signature(error) => not_counted(judge, error),
        _ => Vec::new(),
    };
    let claimed_id = release.is_none().then(|| Digest::of(statement));
    let facts = Some(FileFacts {
        release,
        signers,
        ..FileFacts::refused(&error)
    });
    let faults = match error {
        AuthenticateError::Files(SubjectError::Faults { faults, .. }) => {
            faults.iter().map(of_file).collect()
        }
        AuthenticateError::Files(SubjectError::Io(error)) => vec![unreadable(error)],
        error => vec![not_authentic(kind(&error), error)],
    };
    Audited {
        claimed_id,
        facts,
        faults,
        ..Audited::default()
    }
}

fn kind(error: &AuthenticateError) -> FaultKind {
    match error {
        AuthenticateError::Unsigned => FaultKind::Unsigned,
        AuthenticateError::Signature(error) => signature_kind(error),
        AuthenticateError::Added(error) => added_kind(error),
        AuthenticateError::Token(error) => token_kind(error),
        AuthenticateError::Statement(_)
        | AuthenticateError::NewerProgram { .. }
        | AuthenticateError::Files(_) => FaultKind::BadStatement,
    }
}

fn of_file(fault: &FileFault) -> Fault {
    let kind = match fault {
        FileFault::Missing(_) => FaultKind::FileMissing,
        FileFault::Extra(_) => FaultKind::FileExtra,
        FileFault::Changed { .. } => FaultKind::FileChanged,
    };
    Fault::new(kind, fault.to_string())
}
