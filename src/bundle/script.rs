//! Scripts of an authentic bundle, as input of the psql script reader.

use std::collections::BTreeMap;
use std::io;

use super::unpacking::{Unpacking, WORTH_BYTES};
use pgseal_verify::bundle::AuthenticatedBundle;
use pgseal_verify::bundle::contents::ContentError;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::{File, Stored, Transaction};
use psql_script::{FileError, Files, Script, ScriptError, Statement, Step, Variables, explore};

/// A script whose every byte, including included files, comes from an authentic bundle. All SQL of
/// a release that reaches a database comes from one of these.
///
/// Only [`AuthenticatedSql::of`] creates one.
#[derive(Clone, Copy)]
pub struct AuthenticatedSql<'b> {
    files: ReleaseFiles<'b>,
    path: &'b EntryPath,
}

impl<'b> AuthenticatedSql<'b> {
    /// A script of the release. `None` if the release doesn't have this path.
    pub fn of(bundle: &'b AuthenticatedBundle<'b>, path: &EntryPath) -> Option<Self> {
        let (path, _) = bundle.file(path)?;
        Some(Self {
            files: ReleaseFiles::of(bundle),
            path,
        })
    }

    /// Its path in the release.
    pub fn path(&self) -> &'b EntryPath {
        self.path
    }

    /// Starts reading with the operator's variables and those of the session. The latter take
    /// precedence, as in psql, which sets them when it connects.
    pub fn script(
        &self,
        variables: &BTreeMap<String, String>,
        of_the_session: &BTreeMap<String, String>,
    ) -> Result<Script<'_>, ScriptError> {
        Script::open(
            &self.files,
            self.path.as_str(),
            psql_variables(variables, of_the_session),
        )
    }

    /// Reads it on every execution path that the results of a run could lead to; see
    /// [`psql_script::explore`].
    pub fn explore(
        &self,
        variables: &BTreeMap<String, String>,
        of_the_session: &BTreeMap<String, String>,
        visit: impl FnMut(usize, Result<(&mut Script<'_>, Step), ScriptError>),
    ) {
        explore(
            &self.files,
            self.path.as_str(),
            &psql_variables(variables, of_the_session),
            visit,
        );
    }

    /// The only statement of a gate or probe; `None` if there is none or more than one, which
    /// packing refuses.
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

fn psql_variables(
    variables: &BTreeMap<String, String>,
    of_the_session: &BTreeMap<String, String>,
) -> Variables {
    let mut psql = Variables::default();
    for (name, value) in variables.iter().chain(of_the_session) {
        // The manifest allows fewer variable names than psql.
        let _ = psql.set(name, value);
    }
    psql
}

/// The files of an authentic bundle, for includes.
#[derive(Clone, Copy)]
pub struct ReleaseFiles<'b>(&'b AuthenticatedBundle<'b>);

impl<'b> ReleaseFiles<'b> {
    /// The files of `bundle`.
    pub fn of(bundle: &'b AuthenticatedBundle<'b>) -> Self {
        Self(bundle)
    }
}

impl Files for ReleaseFiles<'_> {
    fn open(&self, path: &str) -> Result<Box<dyn io::Read + '_>, FileError> {
        let path: EntryPath = path.parse().map_err(|_| FileError::NotFound)?;
        match self.reader(&path) {
            Ok(reader) => Ok(reader),
            Err(ContentError::NotFound(_)) => Err(FileError::NotFound),
            Err(error) => Err(FileError::Other(Box::new(error))),
        }
    }
}

impl ReleaseFiles<'_> {
    /// Opens a file; a large one is decompressed while it is read. Its digest is then checked only
    /// at its end, so a release with a tier that commits by statement gets files that are checked
    /// before reading.
    fn reader(&self, path: &EntryPath) -> Result<Box<dyn io::Read>, ContentError> {
        let is_undone_on_failure = self
            .0
            .manifest()
            .tiers
            .iter()
            .all(|tier| tier.transaction == Transaction::Release);
        let is_large = |file: &File| file.stored == Stored::Gzip && file.size >= WORTH_BYTES;
        match self.0.file(path) {
            Some((_, file)) if is_undone_on_failure && is_large(file) => {
                let unpacking = Unpacking::begin(self.0.stored_file(path)?.1, file);
                Ok(Box::new(unpacking.map_err(|source| ContentError::Io {
                    path: path.clone(),
                    source,
                })?))
            }
            _ => Ok(Box::new(io::Cursor::new(self.0.content(path)?))),
        }
    }
}
