//! Authenticates files for an archive, each with its sibling files. A file is first copied into the
//! archive's own directory and the copy is authenticated; only then does it get its name there.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::super::args::{authenticate, open_error};
use super::super::error::CliError;
use super::super::error::authentic::receipt_exit;
use super::super::exit::Exit;
use super::super::kind::Kind;
use super::super::output::display_path;
use super::names::{files_below, kind, text};
use super::trust_versions::{self, Known};
use super::unread;
use crate::bundle::Attestations;
use crate::durable::{DirHandle, Scratch};
use crate::open_file;
use crate::record::receipt::{JournalCheck, ReceiptError, journal_of};
use crate::record::{receipt as receipts, rehearsal};
use crate::tlog::compare::{digest_of, file_digest};
use crate::trust::store::{self, signed_in};
use crate::trust::{JudgedAt, TrustRoot};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::log_entry::{ArchivePath, LogEntry, LogKind};
use pgseal_verify::format::version::Format1;

/// Prefix of the temporary directory. It is inside the archive, so that copies only need a rename.
const ASIDE: &str = ".pgseal-add-";

/// A file that is authentic, or belongs to one that is.
#[derive(Clone)]
pub struct Taken {
    /// Current path: in the temporary directory, or in its place already.
    pub at: PathBuf,
    pub entry: LogEntry,
}

/// Authenticates copies in a temporary directory against a trust root.
pub struct Taker<'a> {
    typed: PathBuf,
    archive: PathBuf,
    below: DirHandle,
    aside: Scratch,
    root: &'a TrustRoot,
    when: JudgedAt,
    known: Known,
}

/// A main file with its name below the archive and its sibling files.
pub struct Found {
    /// Path of the source.
    pub from: PathBuf,
    /// Path below the archive.
    pub name: String,
    /// Kind of the main file.
    pub kind: LogKind,
    /// Sibling files: source, path below the archive and kind.
    pub beside: Vec<(PathBuf, String, LogKind)>,
}

impl<'a> Taker<'a> {
    /// Creates a temporary directory in an archive, which must be locked.
    pub fn new(
        archive: &Path,
        root: &'a TrustRoot,
        when: JudgedAt,
        known: Known,
    ) -> Result<Self, CliError> {
        let io = |error: std::io::Error| CliError::io(archive, &error);
        let archive_path = archive.canonicalize().map_err(io)?;
        let below = DirHandle::open(&archive_path).map_err(io)?;
        let aside = Scratch::new(&archive_path, ASIDE).map_err(io)?;
        // The lock of the archive keeps other processes out.
        aside.sweep(Duration::ZERO);
        Ok(Self {
            typed: archive.to_owned(),
            archive: archive_path,
            below,
            aside,
            root,
            when,
            known,
        })
    }

    /// Lists the files of an argument as pairs of typed and resolved path: the file itself, or all
    /// files of a directory with a known name.
    pub fn list(path: &Path) -> Result<Vec<(PathBuf, PathBuf)>, CliError> {
        let real = path
            .canonicalize()
            .map_err(|error| CliError::io(path, &error))?;
        if !real.is_dir() {
            return Ok(vec![(path.to_owned(), real)]);
        }
        let typed = |file: &PathBuf| {
            file.strip_prefix(&real)
                .map_or_else(|_| file.clone(), |below| path.join(below))
        };
        Ok(files_below(&real)?
            .into_iter()
            .map(|file| (typed(&file), file))
            .collect())
    }

    /// True if the name exists in the archive, also as a link.
    pub fn has(&self, name: &str) -> bool {
        self.below.has(Path::new(name))
    }

    /// Authenticates a file that is already in the archive; `None` if it does not exist.
    pub fn take_there(&self, name: &str) -> Option<Result<Vec<Taken>, CliError>> {
        self.has(name)
            .then(|| self.take(&self.typed.join(name), &self.archive.join(name)))
    }

    /// Authenticates a file and its sibling files.
    pub fn take(&self, typed: &Path, real: &Path) -> Result<Vec<Taken>, CliError> {
        let mut taken = Vec::new();
        match real.strip_prefix(&self.archive) {
            Ok(below) => {
                let found = self.found(typed, real, text(below)?)?;
                // Authenticate a private copy, so that the logged bytes are exactly the
                // authenticated ones.
                let (copied, _aside) = self.copy(found, typed)?;
                self.authenticate(&copied, typed, &mut taken)
                    .map_err(|error| half_put(error, &copied))?;
                for one in &mut taken {
                    one.at = self.archive.join(one.entry.path.as_str());
                    let there = self.open(&one.at).and_then(|file| digest_of(file, &|_| {}));
                    let (size, sha256) = there.map_err(|error| unread(typed, &error))?;
                    if (size, sha256) != (one.entry.size, one.entry.sha256) {
                        let text =
                            format!("{}: it changed while it was added", display_path(typed));
                        return Err(CliError::new(Exit::NotAuthentic, text).hint("add it again"));
                    }
                }
            }
            Err(_) => {
                let all = match kind(typed)? {
                    LogKind::Trust => trust_versions::of(real)?,
                    _ => vec![self.found(
                        typed,
                        real,
                        text(Path::new(real.file_name().unwrap_or_default()))?,
                    )?],
                };
                for found in all {
                    let (copied, aside) = self.copy(found, typed)?;
                    // The file is renamed into place from there.
                    let _ = aside.keep();
                    self.authenticate(&copied, typed, &mut taken)?;
                }
            }
        }
        Ok(taken)
    }

    /// Opens a file. In the archive, links are not followed.
    fn open(&self, path: &Path) -> std::io::Result<File> {
        match path.strip_prefix(&self.archive) {
            Ok(below) => self.below.file(below),
            Err(_) if !std::fs::metadata(path)?.is_file() => Err(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "not a regular file",
            )),
            Err(_) => File::open(path),
        }
    }

    /// Copies a file and its sibling files to a new temporary directory.
    fn copy(&self, found: Found, typed: &Path) -> Result<(Found, TempDir), CliError> {
        let aside = tempfile::tempdir_in(self.aside.path())
            .map_err(|error| CliError::io(&self.typed, &error))?;
        let copy = |from: &Path, name: &str| -> std::io::Result<PathBuf> {
            let to = aside.path().join(name);
            to.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::io::copy(&mut self.open(from)?, &mut File::create_new(&to)?)?;
            Ok(to)
        };
        let from = copy(&found.from, &found.name).map_err(|error| unread(typed, &error))?;
        let beside = found.beside.iter().map(|(from, name, kind)| {
            // Errors name the sibling in the typed directory.
            let shown = typed.with_file_name(from.file_name().unwrap_or_default());
            Ok((
                copy(from, name).map_err(|error| unread(&shown, &error))?,
                name.clone(),
                *kind,
            ))
        });
        let beside = beside.collect::<Result<_, CliError>>()?;
        Ok((
            Found {
                from,
                beside,
                ..found
            },
            aside,
        ))
    }

    fn authenticate(
        &self,
        found: &Found,
        typed: &Path,
        taken: &mut Vec<Taken>,
    ) -> Result<(), CliError> {
        let release_id = match found.kind {
            LogKind::Release => Some(
                authenticate(&found.from, self.root, self.when)
                    .map_err(|error| renamed(error, found, typed))?
                    .release_id()
                    .digest(),
            ),
            LogKind::Approval => Some(self.approval(&found.from, typed)?),
            LogKind::Receipt => Some(self.receipt(&found.from, typed)?),
            LogKind::Rehearsal => {
                let read = rehearsal::read(&found.from, self.root, self.when);
                let read = read.map_err(|error| not_authentic(&error, typed))?;
                signed(read.signed.is_some(), typed)?;
                read.statement
                    .subject
                    .first()
                    .map(|subject| subject.digest.sha256)
            }
            LogKind::Trust => {
                trust_versions::authenticate(&found.from, typed, self.root, &self.known)?;
                None
            }
            LogKind::Signature | LogKind::Journal => {
                return Err(CliError::new(
                    Exit::Usage,
                    format!("{}: is nothing by itself", display_path(typed)),
                )
                .hint(
                    "it is taken with the receipt or trust root that it stands beside: add that",
                ));
            }
        };
        let main = (found.from.clone(), found.name.clone(), found.kind);
        for (at, name, kind) in std::iter::once(main).chain(found.beside.iter().cloned()) {
            let (size, sha256) = file_digest(&at).map_err(|error| CliError::io(&at, &error))?;
            let path: ArchivePath = name
                .parse()
                .map_err(|error| CliError::new(Exit::Usage, error).about(typed))?;
            taken.push(Taken {
                at,
                entry: LogEntry {
                    format: Format1,
                    kind,
                    path,
                    release_id,
                    sha256,
                    size,
                },
            });
        }
        Ok(())
    }

    /// Finds the sibling files of a file by name.
    fn found(&self, typed: &Path, real: &Path, name: String) -> Result<Found, CliError> {
        let kind = kind(typed)?;
        let mut beside = Vec::new();
        let mut look = |from: PathBuf, name: PathBuf, kind| -> Result<(), CliError> {
            if from.symlink_metadata().is_ok() {
                beside.push((from, text(&name)?, kind));
            }
            Ok(())
        };
        let of = Path::new(&name);
        match kind {
            LogKind::Receipt | LogKind::Rehearsal => {
                for extension in ["sig", "tsr"] {
                    look(
                        real.with_extension(extension),
                        of.with_extension(extension),
                        LogKind::Signature,
                    )?;
                }
                if kind == LogKind::Receipt {
                    let journal = |path: &Path| path.with_extension("").with_extension("journal");
                    look(journal(real), journal(of), LogKind::Journal)?;
                }
            }
            LogKind::Trust => {
                // Signatures in the archive; for other locations see `trust_versions::of`.
                let dir = signed_in(of);
                let signatures =
                    trust_versions::signatures(&self.archive.join(&dir), real, &text(&dir)?)?;
                signatures
                    .into_iter()
                    .try_for_each(|(from, name)| look(from, name.into(), LogKind::Signature))?;
            }
            LogKind::Release | LogKind::Approval | LogKind::Signature | LogKind::Journal => {}
        }
        Ok(Found {
            from: real.to_owned(),
            name,
            kind,
            beside,
        })
    }

    fn approval(&self, file: &Path, typed: &Path) -> Result<Digest, CliError> {
        let source = open_file::open(file).map_err(|error| open_error(typed, &error))?;
        let added =
            Attestations::parse(source).map_err(|error| CliError::from(error).about(typed))?;
        let mut about = BTreeSet::new();
        for claimed in &added.statements {
            let read = self
                .root
                .added_to_any(claimed)
                .map_err(crate::bundle::AuthenticateError::from);
            about.insert(read.map_err(|error| CliError::from(error).about(typed))?.0);
        }
        match about.into_iter().collect::<Vec<_>>()[..] {
            [one] => Ok(one),
            _ => Err(CliError::new(
                Exit::NotAuthentic,
                "its approvals are of different releases",
            )
            .about(typed)
            .hint("give each release an approval file of its own")),
        }
    }

    fn receipt(&self, file: &Path, typed: &Path) -> Result<Digest, CliError> {
        let read = receipts::read(file, self.root, self.when)
            .map_err(|error| not_authentic(&error, typed))?;
        signed(read.signed.is_some(), typed)?;
        if let JournalCheck::Differs(why) =
            journal_of(file, &read.statement).map_err(|error| CliError::io(typed, &error))?
        {
            return Err(CliError::new(Exit::NotAuthentic, format!("the journal beside it: {why}")).about(typed)
                .hint("the receipt is authentic, the journal is not its own: find the right one, or add a copy of the receipt without it"));
        }
        let subject = read
            .statement
            .subject
            .first()
            .map(|subject| subject.digest.sha256);
        subject
            .ok_or_else(|| CliError::new(Exit::NotAuthentic, "it is about no release").about(typed))
    }
}

/// Adds a hint for a file in the archive that lacks signatures: a killed add may have renamed only
/// some of its files into place.
fn half_put(error: CliError, found: &Found) -> CliError {
    let is_signed = match found.kind {
        LogKind::Trust => store::read(&found.from).is_ok(),
        LogKind::Receipt | LogKind::Rehearsal => found
            .beside
            .iter()
            .any(|(.., kind)| *kind == LogKind::Signature),
        LogKind::Release | LogKind::Approval | LogKind::Signature | LogKind::Journal => true,
    };
    if is_signed {
        return error;
    }
    error.hint(
        "where an `archive add` was killed, its signatures are not here yet: repeat the command that named this file where it came \
         from, and they are put beside it; where none was, move the file away",
    )
}

/// Replaces the path of the copy in an error with the path that the operator typed.
fn renamed(mut error: CliError, found: &Found, typed: &Path) -> CliError {
    let (copy, typed) = (display_path(&found.from), display_path(typed));
    error
        .lines
        .iter_mut()
        .for_each(|line| *line = line.replace(&copy, &typed));
    error
}

fn not_authentic(error: &ReceiptError, typed: &Path) -> CliError {
    CliError::new(
        receipt_exit(error),
        format!("{}: {error}", display_path(typed)),
    )
}

fn signed(is_signed: bool, typed: &Path) -> Result<(), CliError> {
    if is_signed {
        return Ok(());
    }
    Err(
        CliError::new(Kind::Unsigned, "it is not signed, so it proves nothing")
            .about(typed)
            .hint("a host with --receipt-key signs its receipts"),
    )
}
