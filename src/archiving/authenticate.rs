//! Authenticates files for an archive, each with its sibling files. A file is first copied into the
//! archive's own directory and the copy is authenticated; only then does it get its name there.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::names::{kind, list, utf8};
use super::trust_versions::{self, KnownVersions};
use super::{AddError, ArchiveDir, AuthenticFile, FileError};
use crate::bundle::{Attestations, AuthenticateError, UntrustedBundle};
use crate::durable::Scratch;
use crate::open_file;
use crate::parallel::Cores;
use crate::record::receipt::{self, JournalCheck, journal_of, journal_path};
use crate::record::{evidence, rehearsal, rollout};
use crate::tlog::compare::{digest_of, file_digest};
use crate::trust::store::{self, signed_in};
use crate::trust::{JudgedAt, TrustRoot};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::evidence::EvidenceStatement;
use pgseal_verify::format::log_entry::{ArchivePath, LogEntry, LogKind};
use pgseal_verify::format::statement::Subject;
use pgseal_verify::format::version::Format1;

/// Prefix of the temporary directory. It is inside the archive, so that copies only need a rename.
pub const TEMPORARY: &str = ".pgseal-add-";

/// Authenticates copies in a temporary directory against a trust root.
pub struct Authenticator<'a> {
    pub(super) archive: &'a ArchiveDir<'a>,
    scratch: Scratch,
    root: &'a TrustRoot,
    when: JudgedAt,
    known: KnownVersions,
}

/// A main file with its sibling files, to be authenticated.
pub(super) struct Candidate {
    pub main: NamedFile,
    pub siblings: Vec<NamedFile>,
}

/// A file with its kind and its path in the archive.
pub(super) struct NamedFile {
    pub source: PathBuf,
    /// Path below the archive.
    pub path: PathBuf,
    pub kind: LogKind,
}

impl<'a> Authenticator<'a> {
    /// Creates a temporary directory in an archive.
    pub fn new(
        archive: &'a ArchiveDir<'a>,
        root: &'a TrustRoot,
        when: JudgedAt,
        known: KnownVersions,
    ) -> Result<Self, AddError> {
        let scratch = Scratch::new(&archive.path, TEMPORARY).map_err(AddError::io(archive.dir))?;
        scratch.sweep();
        Ok(Self {
            archive,
            scratch,
            root,
            when,
            known,
        })
    }

    /// Authenticates files and the files of directories; fails with every reason at once. Receipts
    /// without a signature in directories are `unsigned` and left out. Calls `progress` with the
    /// number of each file, the number of all and the path.
    pub fn authenticate_all(
        &self,
        paths: &[PathBuf],
        unsigned: &mut Vec<PathBuf>,
        progress: &dyn Fn(usize, usize, &Path),
    ) -> Result<Vec<AuthenticFile>, AddError> {
        let (mut all, mut refused) = (Vec::new(), Vec::new());
        let lists: Vec<_> = paths.iter().map(|path| list(path)).collect();
        let total: usize = lists.iter().flatten().map(Vec::len).sum();
        let mut done = 0;
        for (path, list) in paths.iter().zip(lists) {
            let is_directory = path.is_dir();
            let list = list.unwrap_or_else(|error| {
                refused.push(error);
                Vec::new()
            });
            for (given, real) in list {
                done += 1;
                progress(done, total, &given);
                match self.authenticate(&given, &real) {
                    Ok(files) => all.extend(files),
                    Err(error) if is_directory && error.is_unsigned() => unsigned.push(given),
                    Err(error) => refused.push(error),
                }
            }
        }
        let mut refused = refused.into_iter();
        match refused.next() {
            None => Ok(all),
            Some(error) if refused.len() == 0 => Err(error),
            Some(first) => Err(AddError::Several(Box::new(first), refused.collect())),
        }
    }

    /// Authenticates a file that is already in the archive, with its sibling files; none if it does
    /// not exist.
    pub(super) fn authenticate_in_place(&self, path: &str) -> Result<Vec<AuthenticFile>, AddError> {
        if !self.archive.has(path) {
            return Ok(Vec::new());
        }
        self.in_place(&self.archive.dir.join(path), Path::new(path))
    }

    /// Authenticates a file and its sibling files.
    fn authenticate(&self, given: &Path, real: &Path) -> Result<Vec<AuthenticFile>, AddError> {
        if let Ok(path) = real.strip_prefix(&self.archive.path) {
            return self.in_place(given, path);
        }
        let candidates = match kind(given)? {
            LogKind::Trust => trust_versions::candidates(real)?,
            kind => {
                let name = Path::new(real.file_name().unwrap_or_default());
                utf8(name)?;
                vec![self.candidate(real, name, kind)?]
            }
        };
        let mut files = Vec::new();
        for candidate in candidates {
            let (copy, dir) = self.copy(candidate, given)?;
            // The file is renamed into place from there.
            let _ = dir.keep();
            files.extend(self.authenticate_copy(&copy, given)?);
        }
        Ok(files)
    }

    /// Authenticates a file of the archive by a private copy, so that the logged bytes are exactly
    /// the authenticated ones.
    fn in_place(&self, given: &Path, path: &Path) -> Result<Vec<AuthenticFile>, AddError> {
        utf8(path)?;
        let candidate = self.candidate(&self.archive.path.join(path), path, kind(given)?)?;
        let (copy, _dir) = self.copy(candidate, given)?;
        let files = self.authenticate_copy(&copy, given);
        let mut files = files.map_err(|error| match copy.lacks_signatures() {
            true => AddError::SignaturesMissing(Box::new(error)),
            false => error,
        })?;
        for AuthenticFile { at, entry } in &mut files {
            *at = self.archive.path.join(entry.path.as_str());
            let file = self.archive.open_file(at);
            let digest = file.and_then(|file| digest_of(file, &|_| {}));
            if digest.map_err(AddError::io(given))? != (entry.size, entry.sha256) {
                return Err(FileError::Changed.about(given));
            }
        }
        Ok(files)
    }

    /// Finds the sibling files of a file by name.
    fn candidate(&self, source: &Path, path: &Path, kind: LogKind) -> Result<Candidate, AddError> {
        let mut siblings = Vec::new();
        let mut look = |sibling: &dyn Fn(&Path) -> PathBuf, kind| {
            let (source, path) = (sibling(source), sibling(path));
            if source.symlink_metadata().is_ok() {
                siblings.push(NamedFile { source, path, kind });
            }
        };
        match kind {
            LogKind::Receipt | LogKind::Rehearsal | LogKind::Rollout | LogKind::Evidence => {
                look(&|path| path.with_extension("sig"), LogKind::Signature);
                look(&|path| path.with_extension("tsr"), LogKind::Signature);
                if kind == LogKind::Receipt {
                    look(&journal_path, LogKind::Journal);
                }
            }
            LogKind::Trust => {
                // Signatures in the archive; for other locations see `trust_versions::candidates`.
                let dir = signed_in(path);
                siblings = trust_versions::signatures(source, &self.archive.path.join(&dir), &dir)?;
            }
            LogKind::Release | LogKind::Approval | LogKind::Signature | LogKind::Journal => {}
        }
        let (source, path) = (source.to_owned(), path.to_owned());
        let main = NamedFile { source, path, kind };
        Ok(Candidate { main, siblings })
    }

    /// Copies a file and its sibling files to a new temporary directory.
    fn copy(&self, candidate: Candidate, given: &Path) -> Result<(Candidate, TempDir), AddError> {
        let dir =
            tempfile::tempdir_in(self.scratch.path()).map_err(AddError::io(self.archive.dir))?;
        let copy = |file: NamedFile, given: &Path| {
            let source = dir.path().join(&file.path);
            let copy = || {
                source.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                let mut from = self.archive.open_file(&file.source)?;
                io::copy(&mut from, &mut File::create_new(&source)?)
            };
            copy().map_err(AddError::io(given))?;
            Ok(NamedFile { source, ..file })
        };
        let main = copy(candidate.main, given)?;
        let siblings = candidate.siblings.into_iter().map(|file| {
            // Errors name the sibling in the given directory.
            let given = given.with_file_name(file.source.file_name().unwrap_or_default());
            copy(file, &given)
        });
        let siblings = siblings.collect::<Result<_, AddError>>()?;
        Ok((Candidate { main, siblings }, dir))
    }

    /// Authenticates a copy, and makes its entries.
    fn authenticate_copy(
        &self,
        copy: &Candidate,
        given: &Path,
    ) -> Result<Vec<AuthenticFile>, AddError> {
        let release_id = self.release_id(&copy.main, given)?;
        let mut files = Vec::new();
        for file in std::iter::once(&copy.main).chain(&copy.siblings) {
            let (size, sha256) = file_digest(&file.source).map_err(AddError::io(&file.source))?;
            let path = utf8(&file.path)?.parse::<ArchivePath>();
            files.push(AuthenticFile {
                at: file.source.clone(),
                entry: LogEntry {
                    format: Format1,
                    kind: file.kind,
                    path: path.map_err(|error| FileError::from(error).about(given))?,
                    release_id,
                    sha256,
                    size,
                },
            });
        }
        Ok(files)
    }

    /// Authenticates a main file and returns the release that it is about.
    fn release_id(&self, file: &NamedFile, given: &Path) -> Result<Option<Digest>, AddError> {
        let path = &file.source;
        let release_id = match file.kind {
            LogKind::Release => self.release(path),
            LogKind::Approval => self.approval(path),
            LogKind::Receipt => self.receipt(path),
            LogKind::Rehearsal => self.rehearsal(path),
            LogKind::Rollout => self.rollout(path),
            LogKind::Evidence => return self.evidence(path).map_err(|error| error.about(given)),
            LogKind::Trust => {
                trust_versions::authenticate(path, given, self.root, &self.known)?;
                return Ok(None);
            }
            LogKind::Signature | LogKind::Journal => Err(FileError::Sibling),
        };
        release_id.map(Some).map_err(|error| error.about(given))
    }

    fn release(&self, path: &Path) -> Result<Digest, FileError> {
        let source = open_file::open(path).map_err(FileError::Open)?;
        let bundle = UntrustedBundle::parse_with(source, &Cores)?;
        Ok(bundle
            .authenticate(self.root, self.when)?
            .release_id()
            .digest())
    }

    fn approval(&self, path: &Path) -> Result<Digest, FileError> {
        let source = open_file::open(path).map_err(FileError::Open)?;
        let mut releases = BTreeSet::new();
        for claimed in &Attestations::parse(source)?.statements {
            let (release, _) = self
                .root
                .added_to_any(claimed)
                .map_err(AuthenticateError::from)?;
            releases.insert(release);
        }
        match Vec::from_iter(releases)[..] {
            [one] => Ok(one),
            _ => Err(FileError::SeveralReleases),
        }
    }

    fn receipt(&self, path: &Path) -> Result<Digest, FileError> {
        let read = receipt::read(path, self.root, self.when)?;
        let release = signed_release(read.signed.is_some(), &read.statement.subject)?;
        match journal_of(path, &read.statement).map_err(FileError::Io)? {
            JournalCheck::Differs(why) => Err(FileError::Journal(why)),
            _ => Ok(release),
        }
    }

    fn rehearsal(&self, path: &Path) -> Result<Digest, FileError> {
        let read = rehearsal::read(path, self.root, self.when)?;
        signed_release(read.signed.is_some(), &read.statement.subject)
    }

    /// The receipts of its runs are files of their own; audits compare them.
    fn rollout(&self, path: &Path) -> Result<Digest, FileError> {
        let read = rollout::read(path, self.root, self.when)?;
        signed_release(read.signed.is_some(), &read.statement.subject)
    }

    /// A fingerprint alone is about no release.
    fn evidence(&self, path: &Path) -> Result<Option<Digest>, FileError> {
        let EvidenceStatement { subject, predicate } =
            evidence::read(path, self.root, self.when)?.statement;
        let release = subject.first().map(|subject| subject.digest.sha256);
        Ok(release.filter(|_| predicate.release.is_some()))
    }
}

/// The release that a signed receipt is about.
fn signed_release(is_signed: bool, subject: &[Subject]) -> Result<Digest, FileError> {
    if !is_signed {
        return Err(FileError::Unsigned);
    }
    let first = subject.first().ok_or(FileError::NoRelease)?;
    Ok(first.digest.sha256)
}

impl Candidate {
    /// Whether signatures that it needs are missing.
    fn lacks_signatures(&self) -> bool {
        match self.main.kind {
            LogKind::Trust => store::read(&self.main.source).is_err(),
            LogKind::Receipt | LogKind::Rehearsal | LogKind::Rollout | LogKind::Evidence => self
                .siblings
                .iter()
                .all(|file| file.kind != LogKind::Signature),
            LogKind::Release | LogKind::Approval | LogKind::Signature | LogKind::Journal => false,
        }
    }
}
