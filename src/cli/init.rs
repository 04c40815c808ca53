//! `pgseal init DIR`

use std::path::{Component, Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::args::{TrustArgs, authenticate, now};
use super::new_dir::NewDir;
use super::{CliError, Exit, Output, ResultExt, display_path};
use crate::bundle::next_version;
use crate::bundle::release_toml::FILE;
use crate::trust::JudgedAt;
use pgseal_verify::format::name::Name;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The directory to make; must not exist, or be empty. The release is called like it
    dir: PathBuf,
    /// Begin the version after this bundle: its name, target and gates, its finalized state as baseline
    #[arg(long, value_name = "BUNDLE")]
    next: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

/// A small release that packs and runs.
static TEMPLATE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/cli/template");

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let io = |error: std::io::Error| CliError::io(&args.dir, &error);
    let entries = args.dir.read_dir();
    if entries.is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CliError::not_empty(&args.dir).hint(
            "name a new directory; `pgseal import TOOL DIR -o NEW` takes scripts that are there",
        ));
    }
    if let Some(bundle) = &args.next {
        return next_version(args, bundle, out);
    }
    let name = release_name(&args.dir)?;
    std::fs::create_dir_all(&args.dir).map_err(io)?;
    TEMPLATE.extract(&args.dir).map_err(io)?;
    let renamed = [
        (
            "release.toml",
            "name = \"example\"",
            format!("name = \"{name}\""),
        ),
        (
            "runbooks/operator.md",
            "example-1.0.0",
            format!("{name}-1.0.0"),
        ),
    ];
    for (file, from, to) in renamed {
        let path = args.dir.join(file);
        let text = std::fs::read_to_string(&path).map_err(io)?;
        std::fs::write(&path, text.replace(from, &to)).map_err(io)?;
    }
    out.document(&serde_json::json!({ "directory": args.dir.to_string_lossy() }));
    let dir = display_path(&args.dir);
    out.line(format!("{dir}: a release to start from"));
    out.line(format!(
        "next: edit it, `pgseal lint {dir}`, `pgseal pack {dir} -o FILE --key KEY`"
    ));
    Ok(Exit::Done)
}

/// Writes the beginning of the version after an authentic bundle.
fn next_version(args: &Args, bundle: &Path, out: Output) -> Result<Exit, CliError> {
    let dir = NewDir::begin(&args.dir, out)?;
    let root = args.trust.load()?;
    let authentic = authenticate(bundle, &root, JudgedAt::At(now()))?;
    let manifest = authentic.manifest();
    let mut files = vec![(FILE.to_owned(), next_version::toml(manifest).into_bytes())];
    for (path, targets) in next_version::files(manifest) {
        let content = authentic.content(&path)?;
        files.extend(targets.into_iter().map(|target| (target, content.to_vec())));
    }
    let files = files.iter();
    dir.fill(files.map(|(file, bytes)| (file.as_str(), bytes.as_slice())))?;
    out.document(&serde_json::json!({ "directory": args.dir.to_string_lossy() }));
    let dir = display_path(&args.dir);
    let release = &manifest.release;
    out.line(format!(
        "{dir}: follows {} {}",
        release.name, release.version
    ));
    out.line(format!(
        "next: `pgseal new NAME -C {dir}` adds a change, `pgseal lint {dir}`"
    ));
    Ok(Exit::Done)
}

/// The release's name: the last component of the path as typed. For `.` and `..` the canonical
/// directory name is used, so that the name is always one that the operator chose.
pub fn release_name(dir: &Path) -> Result<Name, CliError> {
    let is_typed = matches!(dir.components().next_back(), Some(Component::Normal(_)));
    let named = match is_typed {
        true => dir.to_owned(),
        false => dir.canonicalize().at(dir)?,
    };
    let name = named.file_name().unwrap_or_default().to_string_lossy();
    name.parse().map_err(|error| {
        CliError::usage(format!(
            "no release can be called like {}: {error}",
            display_path(dir)
        ))
        .hint("the release is called like its directory: name one that fits")
    })
}
