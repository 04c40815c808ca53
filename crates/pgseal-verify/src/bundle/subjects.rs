//! Compares a bundle's members with the signed list in its statement.

use std::io;

use crate::archive::read::{Archive, Member};
use crate::archive::section::Section;
use crate::digest::Digest;
use crate::entry_path::EntryPath;
use crate::format::manifest::Stored;
use crate::format::statement::Statement;
use crate::workers::{self, Workers};

/// A difference between a member and the statement. Extra, missing and renamed files are faults,
/// just as changed ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// Listed but absent.
    #[error("{0} is missing")]
    Missing(String),
    /// Present but not listed.
    #[error("{0} is not part of the release")]
    Extra(String),
    /// Different bytes.
    #[error("{name} was changed: its digest is {found}, {expected} is signed")]
    Changed {
        /// Name of the member.
        name: String,
        /// The signed digest.
        expected: Digest,
        /// The digest of the stored bytes.
        found: Digest,
    },
}

/// Error in comparing members with the statement.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "exhaustive"), non_exhaustive)]
pub enum SubjectError {
    /// All members that differ from the statement.
    #[error("{} of {total} files are not what was signed: {}", faults.len(), list(faults))]
    Faults {
        /// The faults by name.
        faults: Vec<FileFault>,
        /// Number of files that the statement lists.
        total: usize,
    },
    /// `subject` and `files` of the statement contradict each other.
    #[error("the statement's subject and files lists differ at {0:?}")]
    Inconsistent(String),
    /// The manifest refers to a file that it does not list.
    #[error("the statement names {0:?} and does not list it among its files")]
    NotListed(EntryPath),
    /// Reading failed.
    #[error("can't read the file: {0}")]
    Io(#[from] io::Error),
}

fn list(faults: &[FileFault]) -> String {
    faults
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Hashes every file's stored bytes, and compares names and digests with the statement in both
/// directions.
pub fn check(
    archive: &Archive,
    statement: &Statement,
    workers: &dyn Workers,
) -> Result<(), SubjectError> {
    check_lists(statement)?;
    let mut listed = statement.subject.iter().peekable();
    let mut compared = Vec::new();
    for member in archive
        .members()
        .iter()
        .filter(|member| matches!(member.section, Section::File(_)))
    {
        let name = member.path.as_str();
        while let Some(subject) = listed.next_if(|subject| subject.name.as_str() < name) {
            compared.push(Compared::Fault(FileFault::Missing(subject.name.clone())));
        }
        compared.push(match listed.next_if(|subject| subject.name == name) {
            None => Compared::Fault(FileFault::Extra(name.to_owned())),
            Some(subject) => Compared::Present(member, subject.digest.sha256),
        });
    }
    compared
        .extend(listed.map(|subject| Compared::Fault(FileFault::Missing(subject.name.clone()))));
    let faults = workers::map(workers, &compared, Compared::bytes, |compared| {
        compared.fault(archive)
    });
    let faults: Vec<FileFault> = faults
        .into_iter()
        .filter_map(Result::transpose)
        .collect::<io::Result<_>>()?;
    if faults.is_empty() {
        Ok(())
    } else {
        Err(SubjectError::Faults {
            faults,
            total: statement.subject.len(),
        })
    }
}

/// A listed name, a present one, or both; in ascending order.
enum Compared<'a> {
    Fault(FileFault),
    Present(&'a Member, Digest),
}

impl Compared<'_> {
    /// Bytes to hash.
    fn bytes(&self) -> u64 {
        match self {
            Self::Fault(_) => 0,
            Self::Present(member, _) => member.size,
        }
    }

    fn fault(&self, archive: &Archive) -> io::Result<Option<FileFault>> {
        match self {
            Self::Fault(fault) => Ok(Some(fault.clone())),
            Self::Present(member, expected) => {
                let (found, expected, name) =
                    (archive.digest(member)?, *expected, member.path.to_string());
                Ok((found != expected).then_some(FileFault::Changed {
                    name,
                    expected,
                    found,
                }))
            }
        }
    }
}

/// Checks that `subject` has the stored names of `files`, in ascending order. pgseal always signs
/// them so; another signing program must not make two readers see two releases.
fn check_lists(statement: &Statement) -> Result<(), SubjectError> {
    let inconsistent = |name: &str| SubjectError::Inconsistent(name.to_owned());
    let (subject, files) = (&statement.subject, &statement.predicate.files);
    if let Some(pair) = subject.windows(2).find(|pair| pair[0].name >= pair[1].name) {
        return Err(inconsistent(&pair[1].name));
    }
    if let Some(pair) = files.windows(2).find(|pair| pair[0].path >= pair[1].path) {
        return Err(inconsistent(pair[1].path.as_str()));
    }
    let mut stored: Vec<String> = files.iter().map(stored_name).collect();
    stored.sort();
    let differs = subject
        .iter()
        .zip(&stored)
        .find(|(subject, stored)| subject.name != **stored);
    match differs {
        Some((subject, _)) => Err(inconsistent(&subject.name)),
        None if subject.len() != stored.len() => Err(inconsistent("the end")),
        None => check_named(statement),
    }
}

/// Checks that every file named elsewhere in the manifest is listed.
fn check_named(statement: &Statement) -> Result<(), SubjectError> {
    let manifest = &statement.predicate;
    let listed = |path: &EntryPath| {
        manifest
            .files
            .binary_search_by_key(&path, |file| &file.path)
            .is_ok()
    };
    match manifest.paths().into_iter().find(|path| !listed(path)) {
        Some(path) => Err(SubjectError::NotListed(path.clone())),
        None => Ok(()),
    }
}

/// The member name of a file.
pub fn stored_name(file: &crate::format::manifest::File) -> String {
    match file.stored {
        Stored::Raw => file.path.to_string(),
        Stored::Gzip => format!("{}.gz", file.path),
    }
}
