//! Re-authenticates archives in bulk, on all cores. Every fault of every file is found; none stops the rest.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use walkdir::WalkDir;

use crate::archive::source;
use crate::bundle::subjects::SubjectError;
use crate::bundle::{AuthenticateError, UntrustedBundle};
use crate::trust::{TrustRoot, When};

/// What was found about one path.
#[derive(Debug)]
pub struct Finding {
    /// The file, or what could not be walked.
    pub path: PathBuf,
    /// The release, if it is authentic.
    pub release: Option<AuditedRelease>,
    /// What is wrong, if anything.
    pub faults: Vec<String>,
}

/// An authentic release.
#[derive(Debug)]
pub struct AuditedRelease {
    /// `one-roof 1.0.0`.
    pub title: String,
    /// Its id.
    pub release_id: String,
    /// Whose signatures counted.
    pub signers: Vec<String>,
    /// How many files were compared.
    pub files: usize,
}

/// Audits every `*.pgseal` file below the paths, and every path that is a file itself. Findings come in the order of
/// the paths. `seen` is called after each file, from any thread.
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
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let finding = audit_file(path, root, when);
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

fn walk(path: &Path, files: &mut Vec<PathBuf>, findings: &mut Vec<Finding>) {
    if path.is_file() {
        files.push(path.to_owned());
        return;
    }
    for entry in WalkDir::new(path).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.path().extension().is_some_and(|e| e == "pgseal") && !entry.file_type().is_dir() => {
                files.push(entry.into_path());
            }
            Ok(_) => {}
            Err(error) => findings.push(Finding {
                path: error.path().unwrap_or(path).to_owned(),
                faults: vec![format!(
                    "can't be read: {}",
                    error.io_error().map_or("a loop of links".to_owned(), io::Error::to_string)
                )],
                release: None,
            }),
        }
    }
}

fn audit_file(path: &Path, root: &TrustRoot, when: When) -> Finding {
    let finding = |release, faults| Finding { path: path.to_owned(), release, faults };
    let source = match source::open(path) {
        Ok(source) => source,
        Err(error) => return finding(None, vec![format!("can't be read: {error}")]),
    };
    let untrusted = match UntrustedBundle::parse(source) {
        Ok(untrusted) => untrusted,
        Err(error) => return finding(None, vec![format!("malformed: {error}")]),
    };
    match untrusted.authenticate(root, when) {
        Ok(bundle) => {
            let release = &bundle.manifest().release;
            let audited = AuditedRelease {
                title: crate::format::statement::title(&release.name, &release.version),
                release_id: bundle.release_id().to_string(),
                signers: bundle.signers().iter().map(|signer| signer.owner.clone()).collect(),
                files: bundle.file_count(),
            };
            let content = bundle.check_contents().err();
            finding(Some(audited), content.into_iter().map(|error| error.to_string()).collect())
        }
        Err(AuthenticateError::Files(SubjectError::Faults { faults, .. })) => {
            finding(None, faults.iter().map(ToString::to_string).collect())
        }
        Err(error) => finding(None, vec![format!("not authentic: {error}")]),
    }
}
