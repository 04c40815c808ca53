//! A valid release directory: names are unique, files exist, references resolve, scripts can run. A
//! packed release never fails on the host for a reason that packing could detect.

use std::path::Path;

use super::problem::Problem;
use super::release_toml::{self, FILE, ReleaseToml};
use super::runbooks::runbooks;
use super::source::{Source, SourceError};
use super::stage::Stage;
use super::{checker, lint, undecided};
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::format::manifest::{Manifest, State};
use pgseal_verify::format::release_source::ReleaseSource;
use pgseal_verify::limits;
use pgseal_verify::plural::count;

/// A release directory that packs. Its manifest lacks only the list of files, which packing adds.
pub struct Definition {
    manifest: Manifest,
    source: Source,
    stages: Vec<Stage>,
}

/// Reason why a directory doesn't pack.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("the release has {}", count(.0.len(), "problem"))]
    Problems(Vec<Problem>),
}

/// The release has no stage of this name.
#[derive(Debug, thiserror::Error)]
#[error("the release has no stage {name:?}; it has {known}")]
pub struct StageError {
    name: String,
    known: String,
}

impl Definition {
    /// Reads and checks a directory.
    pub fn read(dir: &Path) -> Result<Self, DefinitionError> {
        let mut problems = Vec::new();
        if dir.is_dir() && !dir.join(FILE).exists() {
            return Err(DefinitionError::Problems(vec![no_release_toml()]));
        }
        let source = Source::read(dir, &mut problems)?;
        Self::check(source, problems)
    }

    /// Checks files in memory.
    pub fn from_source(source: Source) -> Result<Self, DefinitionError> {
        Self::check(source, Vec::new())
    }

    /// The manifest, without its list of files.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// One of its stages, as a separate release with the same files.
    pub fn into_stage(self, name: &str) -> Result<Self, StageError> {
        let Some(stage) = self.stages.iter().find(|stage| stage.name.as_str() == name) else {
            let known: Vec<&str> = self
                .stages
                .iter()
                .map(|stage| stage.name.as_str())
                .collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            return Err(StageError {
                name: name.to_owned(),
                known,
            });
        };
        let manifest = stage
            .of(&self.manifest)
            .expect("checked when the directory was read");
        Ok(Self {
            manifest,
            source: self.source,
            stages: Vec::new(),
        })
    }

    /// The manifests of its stages.
    pub fn stages(&self) -> impl Iterator<Item = Manifest> {
        let stages = self.stages.iter();
        stages.filter_map(|stage| stage.of(&self.manifest).ok())
    }

    /// The states of the release and of its stages.
    pub fn states(&self) -> impl Iterator<Item = &State> {
        let own = self.manifest.states.iter();
        own.chain(self.stages.iter().flat_map(Stage::states))
    }

    /// The files of the directory.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Requires the receipt of a rehearsal for each run, regardless of release.toml.
    pub fn require_rehearsal(&mut self) {
        self.manifest.require_rehearsal = true;
    }

    /// States the source. Its parts precede those of release.toml.
    pub fn state_source(&mut self, source: ReleaseSource) {
        let own = self.manifest.source.take();
        self.manifest.source = Some(match own {
            Some(own) => own.overridden_by(source),
            None => source,
        });
    }

    /// Hidden files that are not packed.
    pub fn skipped(&self) -> &[String] {
        self.source.skipped()
    }

    pub(super) fn into_parts(self) -> (Manifest, Source) {
        (self.manifest, self.source)
    }

    fn check(source: Source, mut problems: Vec<Problem>) -> Result<Self, DefinitionError> {
        let manifest = match read_toml(&source) {
            Ok((text, toml)) => Some(checker::manifest(toml, &text, &source, &mut problems)),
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        problems.extend(undecided::problems(&source));
        if let Some((manifest, stages)) = &manifest {
            lint::scripts(manifest, manifest, &source, &mut problems);
            runbooks(manifest, &source, &mut problems);
            for stage in stages.iter().filter_map(|stage| stage.of(manifest).ok()) {
                lint::scripts(&stage, manifest, &source, &mut problems);
                runbooks(&stage, &source, &mut problems);
            }
        }
        match manifest {
            Some((manifest, stages)) if problems.is_empty() => Ok(Self {
                manifest,
                source,
                stages,
            }),
            _ => {
                problems.sort_by(|a, b| (&a.file, a.at).cmp(&(&b.file, b.at)));
                problems.dedup();
                Err(DefinitionError::Problems(problems))
            }
        }
    }
}

fn no_release_toml() -> Problem {
    Problem::file(FILE, "the release directory has no release.toml")
        .hint("`pgseal init DIR` writes one to start from, `pgseal import TOOL DIR -o NEW` one about the scripts of another tool")
}

fn read_toml(source: &Source) -> Result<(String, ReleaseToml), Problem> {
    let path: EntryPath = FILE.parse().expect("a literal of the grammar");
    let bytes = source
        .get(&path)
        .map_err(|error| Problem::file(FILE, error))?
        .ok_or_else(no_release_toml)?;
    if bytes.len() as u64 > limits::RELEASE_TOML_BYTES {
        return Err(Problem::file(FILE, "the file is larger than 4 MiB"));
    }
    let text = String::from_utf8(bytes.to_vec())
        .map_err(|_| Problem::file(FILE, "the file is not UTF-8"))?;
    let toml = release_toml::parse(&text)?;
    Ok((text, toml))
}
