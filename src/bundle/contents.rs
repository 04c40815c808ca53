//! The content of an authentic bundle. Each file's digests are checked over the very buffer that is given out, or that it
//! is unpacked from, so that swapping or truncating the file on disk changes nothing but the error.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use super::authenticate::{AuthenticatedBundle, Stored as Member};
use super::unpacking::{Unpacking, WORTH_BYTES};
use crate::archive::gzip::{self, GzipError};
use crate::digest::Digest;
use crate::entry_path::EntryPath;
use crate::format::manifest::{File, Stored, Transaction};
use crate::sql::{FileError, Files, Script, ScriptError, Statement, Step, Variables, explore};

/// Why a file's content can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// No file of the release has this path.
    #[error("the release has no file {0}")]
    NotFound(EntryPath),
    /// Reading failed.
    #[error("{path}: can't read the bundle: {source}")]
    Io {
        /// The file.
        path: EntryPath,
        /// What the system says.
        source: io::Error,
    },
    /// The bundle was changed after it was authenticated.
    #[error("{0}: the bundle was changed while it was in use")]
    Changed(EntryPath),
    /// The stored bytes are signed, but don't hold the signed content.
    #[error("{path}: {source}")]
    Gzip {
        /// The file.
        path: EntryPath,
        /// What is wrong.
        source: GzipError,
    },
    /// The stored bytes are signed, but their content has another digest or size than signed.
    #[error("{0}: its content is not the signed content")]
    Content(EntryPath),
}

impl AuthenticatedBundle<'_> {
    /// A file's content.
    pub fn content(&self, path: &EntryPath) -> Result<Arc<[u8]>, ContentError> {
        let (stored, bytes) = self.stored(path)?;
        let content = match stored.file.stored {
            Stored::Raw => bytes,
            Stored::Gzip => gzip::decompress(&bytes, stored.file.size)
                .map_err(|source| ContentError::Gzip { path: path.clone(), source })?,
        };
        if content.len() as u64 != stored.file.size || Digest::of(&content) != stored.file.sha256 {
            return Err(ContentError::Content(path.clone()));
        }
        Ok(content.into())
    }

    /// A file's stored bytes, in memory, with the signed digest.
    fn stored(&self, path: &EntryPath) -> Result<(&Member, Vec<u8>), ContentError> {
        let stored = self.files().get(path).ok_or_else(|| ContentError::NotFound(path.clone()))?;
        let read = self.archive().read(&stored.member);
        let bytes = read.map_err(|source| ContentError::Io { path: path.clone(), source })?;
        if Digest::of(&bytes) != stored.stored_sha256 {
            return Err(ContentError::Changed(path.clone()));
        }
        Ok((stored, bytes))
    }

    /// A file for whoever reads it from its beginning: a large one while it is unpacked. Whether its content is the signed
    /// one is known at its end, so where a tier commits as it goes, and nothing takes it back, it is known before.
    fn reader(&self, path: &EntryPath) -> Result<Box<dyn io::Read + '_>, ContentError> {
        let is_taken_back = self.manifest().tiers.iter().all(|tier| tier.transaction == Transaction::Release);
        let file = self.files().get(path).map(|stored| &stored.file);
        let is_worth = |file: &&File| is_taken_back && file.stored == Stored::Gzip && file.size >= WORTH_BYTES;
        match file.filter(is_worth) {
            None => Ok(Box::new(io::Cursor::new(self.content(path)?))),
            Some(file) => {
                let unpacking = Unpacking::begin(self.stored(path)?.1, file);
                Ok(Box::new(unpacking.map_err(|source| ContentError::Io { path: path.clone(), source })?))
            }
        }
    }

    /// A script of the release. `None` for a path that the release doesn't have.
    pub fn sql(&self, path: &EntryPath) -> Option<AuthenticatedSql<'_>> {
        let (path, _) = self.files().get_key_value(path)?;
        Some(AuthenticatedSql { bundle: self, path })
    }
}

impl Files for AuthenticatedBundle<'_> {
    fn open(&self, path: &str) -> Result<Box<dyn io::Read + '_>, FileError> {
        let path: EntryPath = path.parse().map_err(|_| FileError::NotFound)?;
        match self.reader(&path) {
            Ok(reader) => Ok(reader),
            Err(ContentError::NotFound(_)) => Err(FileError::NotFound),
            Err(error) => Err(FileError::Other(Box::new(error))),
        }
    }
}

/// A script whose every byte, includes too, comes from an authentic bundle. All SQL of a release that reaches a
/// database comes out of one of these.
///
/// Only [`AuthenticatedBundle::sql`] makes one.
#[derive(Clone, Copy)]
pub struct AuthenticatedSql<'b> {
    bundle: &'b AuthenticatedBundle<'b>,
    path: &'b EntryPath,
}

impl<'b> AuthenticatedSql<'b> {
    /// Its path in the release.
    pub fn path(&self) -> &'b EntryPath {
        self.path
    }

    /// Begins to read it, with the operator's variables and those of the session, which psql sets when it connects and
    /// which win there too.
    pub fn script(
        &self,
        variables: &BTreeMap<String, String>,
        of_the_session: &BTreeMap<String, String>,
    ) -> Result<Script<'b>, ScriptError> {
        Script::open(self.bundle, self.path.as_str(), psql_variables(variables, of_the_session))
    }

    /// Reads it on every way that answers of a run could lead; see [`crate::sql::explore`].
    pub fn explore(
        &self,
        variables: &BTreeMap<String, String>,
        of_the_session: &BTreeMap<String, String>,
        visit: impl FnMut(usize, Result<(&mut Script<'_>, Step), ScriptError>),
    ) {
        explore(self.bundle, self.path.as_str(), &psql_variables(variables, of_the_session), visit);
    }

    /// The only statement of a gate or probe; `None` when there is none or more than one, which packing refuses.
    pub fn single_statement(
        &self,
        variables: &BTreeMap<String, String>,
        of_the_session: &BTreeMap<String, String>,
    ) -> Result<Option<Statement>, ScriptError> {
        let mut script = self.script(variables, of_the_session)?;
        let mut only = None;
        while let Some(step) = script.next_step()? {
            match step {
                Step::Statement(statement) => {
                    if only.replace(statement).is_some() {
                        return Ok(None);
                    }
                }
                Step::Echo { .. } | Step::Await => {}
            }
        }
        Ok(only)
    }
}

fn psql_variables(variables: &BTreeMap<String, String>, of_the_session: &BTreeMap<String, String>) -> Variables {
    let mut psql = Variables::default();
    for (name, value) in variables.iter().chain(of_the_session) {
        // The manifest's grammar of variable names is narrower than psql's.
        let _ = psql.set(name, value);
    }
    psql
}
