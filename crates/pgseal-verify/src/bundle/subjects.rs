//! Compares a bundle's members with the list that its statement signs.

use std::io;

use crate::archive::read::{Archive, Member};
use crate::archive::section::Section;
use crate::digest::Digest;
use crate::entry_path::EntryPath;
use crate::format::manifest::Stored;
use crate::format::statement::Statement;
use crate::workers::{self, Workers};

/// A member that is not what the statement says. An extra, missing or renamed file is a fault like a changed one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// Listed, not there.
    #[error("{0} is missing")]
    Missing(String),
    /// There, not listed.
    #[error("{0} is not part of the release")]
    Extra(String),
    /// Other bytes.
    #[error("{name} was changed: its digest is {found}, {expected} is signed")]
    Changed {
        /// The member.
        name: String,
        /// The signed digest.
        expected: Digest,
        /// The digest of the stored bytes.
        found: Digest,
    },
}

/// Why members and statement don't belong together.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// Files that are not what they should be; all of them.
    #[error("{} of {total} files are not what was signed: {}", faults.len(), list(faults))]
    Faults {
        /// The faults by name.
        faults: Vec<FileFault>,
        /// How many files the statement lists.
        total: usize,
    },
    /// `subject` and `files` of the statement contradict each other.
    #[error("the statement's subject and files lists differ at {0:?}")]
    Inconsistent(String),
    /// The manifest names a file that it doesn't list.
    #[error("the statement names {0:?} and does not list it among its files")]
    NotListed(EntryPath),
    /// Reading failed.
    #[error("can't read the file: {0}")]
    Io(#[from] io::Error),
}

fn list(faults: &[FileFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Hashes every file's stored bytes and compares names and digests with the statement, both ways.
pub fn check(archive: &Archive, statement: &Statement, workers: &dyn Workers) -> Result<(), SubjectError> {
    check_lists(statement)?;
    let mut listed = statement.subject.iter().peekable();
    let mut compared = Vec::new();
    for member in archive.members().iter().filter(|member| matches!(member.section, Section::File(_))) {
        let name = member.path.as_str();
        while let Some(subject) = listed.next_if(|subject| subject.name.as_str() < name) {
            compared.push(Compared::Fault(FileFault::Missing(subject.name.clone())));
        }
        compared.push(match listed.next_if(|subject| subject.name == name) {
            None => Compared::Fault(FileFault::Extra(name.to_owned())),
            Some(subject) => Compared::There(member, subject.digest.sha256),
        });
    }
    compared.extend(listed.map(|subject| Compared::Fault(FileFault::Missing(subject.name.clone()))));
    let faults = workers::map(workers, &compared, Compared::bytes, |compared| compared.fault(archive));
    let faults: Vec<FileFault> = faults.into_iter().filter_map(Result::transpose).collect::<io::Result<_>>()?;
    if faults.is_empty() { Ok(()) } else { Err(SubjectError::Faults { faults, total: statement.subject.len() }) }
}

/// A name that is listed, or there, or both; they come in ascending order.
enum Compared<'a> {
    Fault(FileFault),
    There(&'a Member, Digest),
}

impl Compared<'_> {
    /// How much of it there is to hash.
    fn bytes(&self) -> u64 {
        match self {
            Self::Fault(_) => 0,
            Self::There(member, _) => member.size,
        }
    }

    fn fault(&self, archive: &Archive) -> io::Result<Option<FileFault>> {
        match self {
            Self::Fault(fault) => Ok(Some(fault.clone())),
            Self::There(member, expected) => {
                let (found, expected, name) = (archive.digest(member)?, *expected, member.path.to_string());
                Ok((found != expected).then_some(FileFault::Changed { name, expected, found }))
            }
        }
    }
}

/// The names of `subject` are those under which `files` are stored, in ascending order. A signer's program made them
/// so; another program that signs must not be able to make two readers see two releases.
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
    let differs = subject.iter().zip(&stored).find(|(subject, stored)| subject.name != **stored);
    match differs {
        Some((subject, _)) => Err(inconsistent(&subject.name)),
        None if subject.len() != stored.len() => Err(inconsistent("the end")),
        None => check_named(statement),
    }
}

/// Every file that the manifest names elsewhere is listed.
fn check_named(statement: &Statement) -> Result<(), SubjectError> {
    let manifest = &statement.predicate;
    let listed = |path: &EntryPath| manifest.files.binary_search_by_key(&path, |file| &file.path).is_ok();
    match manifest.paths().into_iter().find(|path| !listed(path)) {
        Some(path) => Err(SubjectError::NotListed(path.clone())),
        None => Ok(()),
    }
}

/// The member's name of a file.
pub fn stored_name(file: &crate::format::manifest::File) -> String {
    match file.stored {
        Stored::Raw => file.path.to_string(),
        Stored::Gzip => format!("{}.gz", file.path),
    }
}
