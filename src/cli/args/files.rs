//! Arguments that name trust roots, bundles and approvals.

use crate::bundle::{
    Attestations, AuthenticateError, AuthenticatedBundle, BundleToRun, UntrustedBundle,
};
use crate::cli::byte_progress::{ByteProgress, Counted};
use crate::cli::{CliError, Exit, Kind, Output, ResultExt, display_path, settings};
use crate::open_file;
use crate::parallel::Cores;
use crate::trust::attestations::{AttestationError, ClaimedStatement};
use crate::trust::{JudgedAt, TrustRoot, store};
use clap::Args;
use pgseal_verify::digest::Digest;
use pgseal_verify::format::statement::ReleaseId;
use pgseal_verify::format::timestamp::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which trust root.
#[derive(Args, Debug, Clone)]
pub struct TrustArgs {
    /// The trust root [default: PGSEAL_TRUST, then /etc/pgseal/trust.json]
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

impl TrustArgs {
    /// Reads and validates the trust root named by the flag or a setting, if any.
    pub fn load_if_named(&self) -> Result<Option<TrustRoot>, CliError> {
        self.named().map(|path| Ok(store::read(&path)?)).transpose()
    }

    /// Reads and validates the trust root, if one is named or the default path exists.
    pub fn load_if_there(&self) -> Result<Option<TrustRoot>, CliError> {
        if self.named().is_none() && !self.path().exists() {
            return Ok(None);
        }
        self.load().map(Some)
    }

    /// Reads and validates the trust root.
    pub fn load(&self) -> Result<TrustRoot, CliError> {
        Ok(store::read(&self.path())?)
    }

    /// Path of the trust root: the flag, then the setting, then the default.
    pub fn path(&self) -> PathBuf {
        self.named().unwrap_or_else(settings::trust)
    }

    /// Value of the flag.
    pub fn given(&self) -> Option<&Path> {
        self.trust.as_deref()
    }

    fn named(&self) -> Option<PathBuf> {
        let set = || settings::current().path(settings::Name::Trust);
        self.trust.clone().or_else(set)
    }
}

/// Which bundle.
#[derive(Args, Debug, Clone)]
pub struct BundleArgs {
    /// The bundle
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub trust: TrustArgs,
    #[command(flatten)]
    pub only: OnlyArgs,
}

/// The release of a rollout, for the commands that it starts: the file may be replaced meanwhile.
#[derive(Args, Debug, Clone, Default)]
pub struct OnlyArgs {
    /// Refuse a file with another release
    #[arg(long, value_name = "RELEASE-ID", hide = true)]
    only_release: Option<Digest>,
}

impl OnlyArgs {
    fn check(&self, found: ReleaseId, file: &Path) -> Result<(), CliError> {
        match self.only_release {
            Some(only) if only != found.digest() => {
                let text = format!("expected release {only}, found {found}");
                Err(CliError::new(Kind::ReleaseChanged, text)
                    .about(file)
                    .hint("the file was replaced by another release; nothing was done with it"))
            }
            _ => Ok(()),
        }
    }
}

impl BundleArgs {
    /// Reads the trust root.
    pub fn root(&self) -> Result<TrustRoot, CliError> {
        self.trust.load()
    }

    /// Opens the bundle once and authenticates it.
    pub fn authenticate<'r>(
        &self,
        root: &'r TrustRoot,
        when: JudgedAt,
    ) -> Result<AuthenticatedBundle<'r>, CliError> {
        let bundle = authenticate(&self.file, root, when)?;
        self.only.check(bundle.release_id(), &self.file)?;
        Ok(bundle)
    }

    /// Opens the bundle once and authenticates it for a run.
    pub fn authenticate_to_run<'r>(
        &self,
        root: &'r TrustRoot,
        now: Timestamp,
    ) -> Result<BundleToRun<'r>, CliError> {
        let bundle = open(&self.file)?
            .authenticate_to_run(root, now)
            .about(&self.file)?;
        self.only.check(bundle.release_id(), &self.file)?;
        Ok(bundle)
    }

    /// Like [`Self::authenticate`], with progress for a command that reads the bundle `times`
    /// times. Finishing the returned [`ByteProgress`] removes the progress line.
    pub fn authenticate_shown<'r>(
        &self,
        root: &'r TrustRoot,
        when: JudgedAt,
        times: u64,
        out: Output,
    ) -> Result<(AuthenticatedBundle<'r>, Arc<ByteProgress>), CliError> {
        let source = open_file::open(&self.file).map_err(|error| open_error(&self.file, &error))?;
        let (source, moved) = Counted::counting(source, &self.file, times, out);
        let untrusted = UntrustedBundle::parse_with(source, &Cores).about(&self.file)?;
        let bundle = untrusted.authenticate(root, when).about(&self.file)?;
        Ok((bundle, moved))
    }
}

/// Approvals that came beside the bundle.
#[derive(Args, Debug, Clone)]
pub struct ApprovalArgs {
    /// An approval file beside the bundle, or a directory with *.approval files and nothing else
    #[arg(long = "approval", value_name = "PATH")]
    approvals: Vec<PathBuf>,
}

impl ApprovalArgs {
    /// Paths in the order given.
    pub fn paths(&self) -> &[PathBuf] {
        &self.approvals
    }

    /// Adds the approvals of these files to the bundle `about`, each by calling `with`. In a directory,
    /// those of other releases are left out.
    pub fn add_to<B>(
        &self,
        bundle: B,
        about: (&TrustRoot, ReleaseId),
        with: impl Fn(B, &ClaimedStatement) -> Result<B, AttestationError>,
    ) -> Result<B, CliError> {
        add(self.files(false)?, bundle, (about, &[]), with)
    }

    /// Like [`Self::add_to`], for a command that waits: a directory may still be empty.
    pub fn add_arrived_to<B>(
        &self,
        bundle: B,
        about: (&TrustRoot, ReleaseId),
        with: impl Fn(B, &ClaimedStatement) -> Result<B, AttestationError>,
    ) -> Result<B, CliError> {
        add(self.files(true)?, bundle, (about, &[]), with)
    }

    /// Adds the approvals that are for this one of several releases. A statement about one of the
    /// `others` is left to that release.
    pub fn add_those_for<'r>(
        &self,
        bundle: BundleToRun<'r>,
        others: &[ReleaseId],
        may_be_empty: bool,
    ) -> Result<BundleToRun<'r>, CliError> {
        let about = (bundle.root(), bundle.release_id());
        let files = self.files(may_be_empty)?;
        add(files, bundle, (about, others), BundleToRun::with_approval)
    }

    /// The files, each with whether it was found in a directory.
    fn files(&self, may_be_empty: bool) -> Result<Vec<(PathBuf, bool)>, CliError> {
        let mut files = Vec::new();
        for path in &self.approvals {
            if !path.is_dir() {
                files.push((path.clone(), false));
                continue;
            }
            let entries =
                std::fs::read_dir(path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
            let entries = entries.at(path)?;
            let mut found: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).collect();
            found.sort();
            // Skips subdirectories of the medium and temporary files of a write in progress.
            let is_unfinished = |path: &Path| {
                let name = path.file_name().unwrap_or_default();
                name.as_encoded_bytes().starts_with(b".pgseal-")
            };
            found.retain(|path| !path.is_dir() && !is_unfinished(path));
            // An error, so that a withdrawal under another name is never skipped.
            let is_other = |path: &&PathBuf| path.extension() != Some("approval".as_ref());
            if let Some(other) = found.iter().find(is_other) {
                let text = format!("{} is not named *.approval", display_path(other));
                return Err(CliError::usage(text)
                    .hint("a directory given by --approval holds approval files and nothing else; or name each file"));
            }
            if found.is_empty() && !may_be_empty {
                let text = format!("{} holds no approval", display_path(path));
                return Err(CliError::usage(text));
            }
            files.extend(found.into_iter().map(|path| (path, true)));
        }
        Ok(files)
    }
}

fn add<B>(
    files: Vec<(PathBuf, bool)>,
    mut bundle: B,
    ((root, id), others): ((&TrustRoot, ReleaseId), &[ReleaseId]),
    with: impl Fn(B, &ClaimedStatement) -> Result<B, AttestationError>,
) -> Result<B, CliError> {
    for (file, is_found) in files {
        let source = open_file::open(&file).map_err(|error| open_error(&file, &error))?;
        let added = Attestations::parse(source).about(&file)?;
        let is_of_another = |claimed: &&ClaimedStatement| match root.attestation(claimed, id) {
            Err(AttestationError::OtherRelease { found, .. }) => {
                is_found || others.iter().any(|other| other.digest() == found)
            }
            _ => false,
        };
        for claimed in added.statements.iter().filter(|one| !is_of_another(one)) {
            bundle = with(bundle, claimed)
                .map_err(|error| CliError::from(AuthenticateError::from(error)).about(&file))?;
        }
    }
    Ok(bundle)
}

/// Opens a bundle once and authenticates it.
pub fn authenticate<'r>(
    file: &Path,
    root: &'r TrustRoot,
    when: JudgedAt,
) -> Result<AuthenticatedBundle<'r>, CliError> {
    let bundle = open(file)?.authenticate(root, when);
    bundle.about(file)
}

/// Opens a bundle without authenticating it.
pub fn open(file: &Path) -> Result<UntrustedBundle, CliError> {
    let source = open_file::open(file).map_err(|error| open_error(file, &error))?;
    UntrustedBundle::parse_with(source, &Cores).about(file)
}

/// Error for a bundle that cannot be opened. A path that is not a file counts as malformed.
pub fn open_error(file: &Path, error: &std::io::Error) -> CliError {
    match error.kind() {
        std::io::ErrorKind::InvalidInput => {
            CliError::new(Exit::Malformed, format!("{}: {error}", display_path(file)))
                .hint("a bundle is a file; `pgseal pack DIR -o FILE` makes one of a directory")
        }
        _ => CliError::io(file, error),
    }
}
