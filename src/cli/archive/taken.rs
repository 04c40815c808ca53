//! What an archive takes: authentic files of kinds that it knows, each with what stands beside it. A file is copied into
//! the archive's own directory first, and the copy is what is authenticated; only then has it a name there.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use walkdir::WalkDir;

use super::super::args::{authenticate, unopened};
use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::output::shown;
use super::super::receipt;
use super::trust_versions::{self, Known};
use crate::archive::source;
use crate::bundle::Added;
use crate::digest::Digest;
use crate::format::log_entry::{ArchivePath, LogEntry, LogKind};
use crate::format::version::Format1;
use crate::record::receipt::{Beside, ReceiptError, journal_of};
use crate::record::{receipt as receipts, rehearsal};
use crate::tlog::compare::file_digest;
use crate::tlog::{CHECKPOINT, TILE};
use crate::trust::{TrustRoot, When};

/// What the names of files and directories begin with that are not yet, or never were, what they shall be.
const ASIDE: &str = ".pgseal-";

/// A file that is authentic, or stands beside one that is.
pub struct Taken {
    /// Where it lies: aside, or in its place already.
    pub at: PathBuf,
    /// What the log will say of it.
    pub entry: LogEntry,
}

/// Where files are copied to before they are believed, and by what they are judged.
pub struct Taker<'a> {
    typed: PathBuf,
    archive: PathBuf,
    aside: TempDir,
    root: &'a TrustRoot,
    when: When,
    known: Known,
}

/// A main file, as it will be called below the archive, and what stands beside it.
pub struct Found {
    /// Where it comes from.
    pub from: PathBuf,
    /// Its path below the archive.
    pub name: String,
    /// What it is.
    pub kind: LogKind,
    /// What stands beside it, the same.
    pub beside: Vec<(PathBuf, String, LogKind)>,
}

impl<'a> Taker<'a> {
    /// For an archive, which is locked.
    pub fn new(archive: &Path, root: &'a TrustRoot, when: When, known: Known) -> Result<Self, CliError> {
        let io = |error: std::io::Error| CliError::io(archive, &error);
        let archive_path = archive.canonicalize().map_err(io)?;
        for left in std::fs::read_dir(&archive_path).map_err(io)?.flatten() {
            // Only an add makes directories of this name here, and whoever has the lock is the only one.
            if left.file_name().as_encoded_bytes().starts_with(ASIDE.as_bytes()) && left.path().is_dir() {
                std::fs::remove_dir_all(left.path()).map_err(io)?;
            }
        }
        let aside = tempfile::Builder::new().prefix(ASIDE).tempdir_in(&archive_path).map_err(io)?;
        Ok(Self { typed: archive.to_owned(), archive: archive_path, aside, root, when, known })
    }

    /// Takes a file, or all files of a directory that have the name of one.
    pub fn take(&self, path: &Path) -> Result<Vec<Taken>, CliError> {
        let real = path.canonicalize().map_err(|error| CliError::io(path, &error))?;
        if !real.is_dir() {
            return self.take_file(path, &real);
        }
        let mut taken = Vec::new();
        for file in files_below(&real)? {
            let typed = file.strip_prefix(&real).map_or_else(|_| file.clone(), |below| path.join(below));
            taken.extend(self.take_file(&typed, &file)?);
        }
        Ok(taken)
    }

    /// Takes what lies in the archive already.
    pub fn take_there(&self, name: &str) -> Result<Vec<Taken>, CliError> {
        self.take(&self.typed.join(name))
    }

    fn take_file(&self, typed: &Path, real: &Path) -> Result<Vec<Taken>, CliError> {
        let mut taken = Vec::new();
        match real.strip_prefix(&self.archive) {
            Ok(below) => {
                let found = found(typed, real, text(below)?)?;
                // What is logged are the bytes that were authenticated, so they are a copy that nobody else writes to.
                let (copied, _aside) = self.copy(found)?;
                self.authenticate(&copied, typed, &mut taken)?;
                for one in &mut taken {
                    one.at = self.archive.join(one.entry.path.as_str());
                    let (size, sha256) = file_digest(&one.at).map_err(|error| CliError::io(&one.at, &error))?;
                    if (size, sha256) != (one.entry.size, one.entry.sha256) {
                        let text = format!("{}: it changed while it was added", shown(typed));
                        return Err(CliError::new(Exit::NotAuthentic, text).hint("add it again"));
                    }
                }
            }
            Err(_) => {
                let all = match kind(typed)? {
                    LogKind::Trust => trust_versions::of(real)?,
                    _ => vec![found(typed, real, text(Path::new(real.file_name().unwrap_or_default()))?)?],
                };
                for found in all {
                    let (copied, aside) = self.copy(found)?;
                    // It gets its name from there.
                    let _ = aside.keep();
                    self.authenticate(&copied, typed, &mut taken)?;
                }
            }
        }
        Ok(taken)
    }

    /// Copies a file and what stands beside it to a directory of their own.
    fn copy(&self, found: Found) -> Result<(Found, TempDir), CliError> {
        let io = |error: std::io::Error| CliError::io(&found.from, &error);
        let aside = tempfile::tempdir_in(self.aside.path()).map_err(io)?;
        let dir = aside.path();
        let copy = |from: &Path, name: &str| -> std::io::Result<PathBuf> {
            let to = dir.join(name);
            to.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            if !std::fs::metadata(from)?.is_file() {
                return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file"));
            }
            std::io::copy(&mut File::open(from)?, &mut File::create_new(&to)?)?;
            Ok(to)
        };
        let from = copy(&found.from, &found.name).map_err(io)?;
        let beside = found.beside.iter().map(|(from, name, kind)| {
            let to = copy(from, name).map_err(|error| CliError::io(from, &error))?;
            Ok((to, name.clone(), *kind))
        });
        let beside = beside.collect::<Result<_, CliError>>()?;
        Ok((Found { from, beside, ..found }, aside))
    }

    fn authenticate(&self, found: &Found, typed: &Path, taken: &mut Vec<Taken>) -> Result<(), CliError> {
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
                read.statement.subject.first().map(|subject| subject.digest.sha256)
            }
            LogKind::Trust => {
                trust_versions::authenticate(&found.from, typed, self.root, &self.known)?;
                None
            }
            LogKind::Signature | LogKind::Journal => {
                return Err(CliError::new(Exit::Usage, format!("{}: is nothing by itself", shown(typed)))
                    .hint("it is taken with the receipt or trust root that it stands beside: add that"));
            }
        };
        let main = (found.from.clone(), found.name.clone(), found.kind);
        for (at, name, kind) in std::iter::once(main).chain(found.beside.iter().cloned()) {
            let (size, sha256) = file_digest(&at).map_err(|error| CliError::io(&at, &error))?;
            let path: ArchivePath = name.parse().map_err(|error| CliError::new(Exit::Usage, error).about(typed))?;
            taken.push(Taken { at, entry: LogEntry { format: Format1, kind, path, release_id, sha256, size } });
        }
        Ok(())
    }

    fn approval(&self, file: &Path, typed: &Path) -> Result<Digest, CliError> {
        let source = source::open(file).map_err(|error| unopened(typed, &error))?;
        let added = Added::parse(source).map_err(|error| CliError::from(error).about(typed))?;
        let mut about = BTreeSet::new();
        for claimed in &added.statements {
            let read = self.root.added_to_any(claimed).map_err(crate::bundle::AuthenticateError::from);
            about.insert(read.map_err(|error| CliError::from(error).about(typed))?.0);
        }
        match about.into_iter().collect::<Vec<_>>()[..] {
            [one] => Ok(one),
            _ => Err(CliError::new(Exit::NotAuthentic, "its approvals are of different releases")
                .about(typed)
                .hint("give each release an approval file of its own")),
        }
    }

    fn receipt(&self, file: &Path, typed: &Path) -> Result<Digest, CliError> {
        let read = receipts::read(file, self.root, self.when).map_err(|error| not_authentic(&error, typed))?;
        signed(read.signed.is_some(), typed)?;
        if let Beside::Differs(why) = journal_of(file, &read.statement).map_err(|error| CliError::io(typed, &error))? {
            return Err(CliError::new(Exit::NotAuthentic, format!("the journal beside it: {why}")).about(typed)
                .hint("the receipt is authentic, the journal is not its own: find the right one, or add a copy of the receipt without it"));
        }
        let subject = read.statement.subject.first().map(|subject| subject.digest.sha256);
        subject.ok_or_else(|| CliError::new(Exit::NotAuthentic, "it is about no release").about(typed))
    }
}

/// What `path`'s own errors say is about the copy; people know the file that they typed.
fn renamed(mut error: CliError, found: &Found, typed: &Path) -> CliError {
    let (copy, typed) = (shown(&found.from), shown(typed));
    error.lines.iter_mut().for_each(|line| *line = line.replace(&copy, &typed));
    error
}

fn not_authentic(error: &ReceiptError, typed: &Path) -> CliError {
    CliError::new(receipt::exit(error), format!("{}: {error}", shown(typed)))
}

fn signed(is_signed: bool, typed: &Path) -> Result<(), CliError> {
    if is_signed {
        return Ok(());
    }
    Err(CliError::new(Exit::NotAuthentic, "nobody signed it, so it proves nothing")
        .about(typed)
        .hint("a host with --receipt-key signs its receipts"))
}

/// A file by its name, with what stands beside it.
fn found(typed: &Path, real: &Path, name: String) -> Result<Found, CliError> {
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
                look(real.with_extension(extension), of.with_extension(extension), LogKind::Signature)?;
            }
            if kind == LogKind::Receipt {
                let journal = |path: &Path| path.with_extension("").with_extension("journal");
                look(journal(real), journal(of), LogKind::Journal)?;
            }
        }
        LogKind::Trust => {
            for (from, name) in trust_versions::signatures(real, real, &name)? {
                look(from, name.into(), LogKind::Signature)?;
            }
        }
        LogKind::Release | LogKind::Approval | LogKind::Signature | LogKind::Journal => {}
    }
    Ok(Found { from: real.to_owned(), name, kind, beside })
}

/// By its name; any other `.json` may be a trust root.
fn kind(path: &Path) -> Result<LogKind, CliError> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let kind = LogKind::of(name).or_else(|| name.ends_with(".json").then_some(LogKind::Trust));
    kind.ok_or_else(|| {
        CliError::new(Exit::Usage, format!("{}: by its name not a file that an archive takes", shown(path)))
            .hint("it takes *.pgseal, *.approval, *.receipt.json, *.rehearsal.json, and a trust root's *.json")
    })
}

/// The main files of a directory, without the log of an archive.
fn files_below(dir: &Path) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    let is_log = dir.join(CHECKPOINT).is_file();
    let log = dir.join(TILE);
    let aside = |entry: &walkdir::DirEntry| entry.file_name().as_encoded_bytes().starts_with(ASIDE.as_bytes());
    let walk = WalkDir::new(dir).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| !(aside(entry) || is_log && entry.path() == log)) {
        let entry = entry.map_err(|error| CliError::new(Exit::Internal, error).about(dir))?;
        let kind = entry.file_name().to_str().and_then(LogKind::of);
        let is_main = kind.is_some_and(|kind| !matches!(kind, LogKind::Signature | LogKind::Journal));
        files.extend((is_main && !entry.file_type().is_dir()).then(|| entry.into_path()));
    }
    Ok(files)
}

/// The file that another one stands beside.
pub fn main_of(entry: &LogEntry) -> String {
    let path = entry.path.as_str();
    match entry.kind {
        LogKind::Signature => match path.rsplit_once(".sigs/") {
            Some((main, _)) => main.to_owned(),
            None => format!("{}.json", path.trim_end_matches(".sig").trim_end_matches(".tsr")),
        },
        LogKind::Journal => format!("{}.receipt.json", path.trim_end_matches(".journal")),
        _ => path.to_owned(),
    }
}

fn text(path: &Path) -> Result<String, CliError> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| CliError::new(Exit::Usage, format!("{}: its name is not UTF-8", shown(path))))
}
