//! Re-authenticates archives in bulk, on all cores: bundles, approvals beside them, receipts. Every fault of every file
//! is found; none stops the rest.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use walkdir::WalkDir;

use crate::archive::source;
use crate::bundle::subjects::SubjectError;
use crate::bundle::{Added, AuthenticateError, AuthenticatedBundle, UntrustedBundle};
use crate::format::manifest::Release;
use crate::format::statement::{Subject, title};
use crate::record::receipt::{self, ReceiptError};
use crate::record::rehearsal;
use crate::trust::added::{AddedStatement, SignedApproval};
use crate::trust::evidence::Evidence;
use crate::trust::{KeyId, TrustRoot, When};

/// What was found about one path.
#[derive(Debug)]
pub struct Finding {
    /// The file, or what could not be walked.
    pub path: PathBuf,
    /// What it is, by its name.
    pub kind: Kind,
    /// What it says, if it is authentic.
    pub release: Option<AuditedRelease>,
    /// What is wrong, if anything.
    pub faults: Vec<String>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bundle; also everything that is named by itself and is none of the others.
    Bundle,
    /// `*.approval`: approvals that travel beside a bundle.
    Approval,
    /// `*.receipt.json`
    Receipt,
    /// `*.rehearsal.json`
    Rehearsal,
}

/// What an authentic file says of a release.
#[derive(Debug)]
pub struct AuditedRelease {
    /// `one-roof 1.0.0`.
    pub title: String,
    /// Its id.
    pub release_id: String,
    /// Whose signatures counted, and since when they exist.
    pub signers: Vec<(String, Evidence)>,
    /// What people say of it.
    pub approvals: Vec<SignedApproval>,
    /// Whether a run is ordered with an APR code, so that approvals of different codes don't add up.
    pub takes_apr: bool,
    /// How many files were compared.
    pub files: usize,
}

impl Kind {
    /// By the end of its name.
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let kinds = [
            (".pgseal", Self::Bundle),
            (".approval", Self::Approval),
            (".receipt.json", Self::Receipt),
            (rehearsal::ENDING, Self::Rehearsal),
        ];
        kinds.into_iter().find_map(|(end, kind)| name.ends_with(end).then_some(kind))
    }
}

/// Audits every file below the paths that has the name of a bundle, an approval or a receipt, and every path that is a
/// file itself. Findings come in the order of the paths. `seen` is called after each file, from any thread.
pub fn audit(paths: &[PathBuf], root: &TrustRoot, when: When, seen: &(dyn Fn() + Sync)) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut files = Vec::new();
    for path in paths {
        walk(path, &mut files, &mut findings);
    }
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(files.len())));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(files.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((path, kind)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let finding = audit_file(path, *kind, root, when);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
                    seen();
                }
            });
        }
    });
    findings.extend(done.into_inner().unwrap_or_else(PoisonError::into_inner));
    findings.sort_by(|a, b| a.path.cmp(&b.path));
    findings
}

fn walk(path: &Path, files: &mut Vec<(PathBuf, Kind)>, findings: &mut Vec<Finding>) {
    if path.is_file() {
        files.push((path.to_owned(), Kind::of(path).unwrap_or(Kind::Bundle)));
        return;
    }
    if path.exists() && !path.is_dir() {
        let faults = vec!["can't be read: not a regular file".to_owned()];
        findings.push(Finding { path: path.to_owned(), kind: Kind::Bundle, faults, release: None });
        return;
    }
    for entry in WalkDir::new(path).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) => files.extend(Kind::of(entry.path()).map(|kind| (entry.into_path(), kind))),
            Err(error) => findings.push(Finding {
                path: error.path().unwrap_or(path).to_owned(),
                kind: Kind::Bundle,
                faults: vec![format!(
                    "can't be read: {}",
                    error.io_error().map_or("a loop of links".to_owned(), io::Error::to_string)
                )],
                release: None,
            }),
        }
    }
}

fn audit_file(path: &Path, kind: Kind, root: &TrustRoot, when: When) -> Finding {
    let (release, faults) = match kind {
        Kind::Bundle => audit_bundle(path, root, when),
        Kind::Approval => audit_approval(path, root),
        Kind::Receipt => {
            let read = receipt::read(path, root, when);
            audit_receipt(
                read.map(|read| (read.statement.predicate.release, read.statement.subject, read.signed)),
                root,
            )
        }
        Kind::Rehearsal => {
            let read = rehearsal::read(path, root, when);
            audit_receipt(
                read.map(|read| (read.statement.predicate.release, read.statement.subject, read.signed)),
                root,
            )
        }
    };
    Finding { path: path.to_owned(), kind, release, faults }
}

type Audited = (Option<AuditedRelease>, Vec<String>);

fn audit_bundle(path: &Path, root: &TrustRoot, when: When) -> Audited {
    let source = match source::open(path) {
        Ok(source) => source,
        Err(error) => return (None, vec![format!("can't be read: {error}")]),
    };
    let untrusted = match UntrustedBundle::parse(source) {
        Ok(untrusted) => untrusted,
        Err(error) => return (None, vec![format!("malformed: {error}")]),
    };
    match untrusted.authenticate(root, when) {
        Ok(bundle) => {
            let content = bundle.check_contents().err();
            (Some(audited(&bundle)), content.into_iter().map(|error| error.to_string()).collect())
        }
        Err(AuthenticateError::Files(SubjectError::Faults { faults, .. })) => {
            (None, faults.iter().map(ToString::to_string).collect())
        }
        Err(error) => (None, vec![format!("not authentic: {error}")]),
    }
}

fn audited(bundle: &AuthenticatedBundle) -> AuditedRelease {
    let release = &bundle.manifest().release;
    AuditedRelease {
        title: title(&release.name, &release.version),
        release_id: bundle.release_id().to_string(),
        signers: bundle.signatories().iter().map(|signed| (signed.owner.clone(), signed.evidence)).collect(),
        approvals: bundle.approvals().to_vec(),
        takes_apr: bundle.takes_apr(),
        files: bundle.file_count(),
    }
}

fn audit_approval(path: &Path, root: &TrustRoot) -> Audited {
    let added = source::open(path).map_err(|error| format!("can't be read: {error}"));
    let added = added.and_then(|source| Added::parse(source).map_err(|error| format!("malformed: {error}")));
    let added = match added {
        Ok(added) => added,
        Err(fault) => return (None, vec![fault]),
    };
    let (mut release, mut faults) = (None::<AuditedRelease>, Vec::new());
    for claimed in &added.statements {
        match root.added_to_any(claimed) {
            Ok((id, AddedStatement::Approval(signed))) => {
                let about = &signed.approval.release;
                let release = release.get_or_insert_with(|| AuditedRelease {
                    title: title(&about.name, &about.version),
                    release_id: id.to_string(),
                    signers: Vec::new(),
                    approvals: Vec::new(),
                    takes_apr: false,
                    files: 0,
                });
                if release.release_id != id.to_string() {
                    faults.push(format!("the approval by key {} is about another release ({id})", claimed.key));
                }
                release.approvals.push(*signed);
            }
            Ok((_, AddedStatement::Notarisation(_))) => {}
            Err(error) => faults.push(format!("not authentic: {error}")),
        }
    }
    (release, faults)
}

/// What a receipt of either kind says: of which release, and who signed it.
type Said = (Release, Vec<Subject>, Option<(KeyId, Evidence)>);

fn audit_receipt(read: Result<Said, ReceiptError>, root: &TrustRoot) -> Audited {
    match read {
        Ok((release, subject, signed)) => {
            let signer = |(key, evidence)| (root.owner(&key).to_owned(), evidence);
            let release = AuditedRelease {
                title: title(&release.name, &release.version),
                release_id: subject.first().map(|subject| subject.digest.sha256.to_string()).unwrap_or_default(),
                signers: signed.map(signer).into_iter().collect(),
                approvals: Vec::new(),
                takes_apr: false,
                files: 0,
            };
            (Some(release), Vec::new())
        }
        Err(error) => (None, vec![format!("not authentic: {error}")]),
    }
}
