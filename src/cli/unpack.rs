//! `pgseal unpack FILE -C DIR`

use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::args::{BundleArgs, now};
use super::{CliError, Exit, Kind, Output, display_path};
use crate::bundle::AuthenticatedBundle;
use crate::bundle::stream::CopyError;
use crate::durable::Scratch;
use crate::trust::JudgedAt;
use pgseal_verify::entry_path::EntryPath;
use pgseal_verify::plural;

/// Name prefix of the temporary directory in which a release is built.
const ASIDE: &str = ".pgseal-unpack-";

/// Mode bits of the group, including set-group-ID.
const GROUP: u32 = 0o2070;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    bundle: BundleArgs,
    /// The directory to make; must not exist, or be empty
    #[arg(short = 'C', long = "directory", value_name = "DIR")]
    dir: PathBuf,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.bundle.root()?;
    let (bundle, moved) = args
        .bundle
        .authenticate_shown(&root, JudgedAt::At(now()), 2, out)?;
    let io = |error: std::io::Error| CliError::io(&args.dir, &error);
    let entries = args.dir.read_dir();
    if entries.is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CliError::not_empty(&args.dir));
    }
    if args.dir.file_name().is_none() {
        return Err(not_replaced(&args.dir));
    }
    let aside = aside(&args.dir, out).map_err(io)?;
    let inside = aside.path().join("release");
    write_all(&bundle, &inside, &args.dir)?;
    moved.finish();
    take_after(&inside, &args.dir).map_err(io)?;
    std::fs::rename(&inside, &args.dir).map_err(|error| match error.kind() {
        ErrorKind::ResourceBusy => not_replaced(&args.dir),
        _ => io(error),
    })?;
    let count = bundle.file_count();
    out.document(&serde_json::json!({ "release_id": bundle.release_id(), "directory": args.dir.to_string_lossy(), "files": count }));
    let (dir, files) = (display_path(&args.dir), plural::count(count, "file"));
    out.line(format!("{dir}: {files}"));
    Ok(Exit::Done)
}

/// Error for a path that `rename` cannot replace, such as a mount point or `..`.
fn not_replaced(dir: &Path) -> CliError {
    let dir = display_path(dir);
    let message = format!("{dir} can't be replaced by the release's directory");
    CliError::new(Kind::FileExists, message).hint("name a new directory: -C DIR")
}

/// Copies mode, group and owner of the empty directory being replaced, as far as this user may. If
/// the group cannot be set, the group's permissions are dropped.
fn take_after(dir: &Path, place: &Path) -> std::io::Result<()> {
    let Ok(there) = place.symlink_metadata() else {
        return Ok(());
    };
    if !there.is_dir() {
        return Ok(());
    }
    // Best effort: only root may change the owner freely.
    let _ = chown(dir, None, Some(there.gid()));
    let _ = chown(dir, Some(there.uid()), None);
    let has_group = dir.metadata()?.gid() == there.gid();
    let mode = if has_group {
        there.mode()
    } else {
        there.mode() & !GROUP
    };
    std::fs::set_permissions(dir, Permissions::from_mode(mode & 0o7777))
}

/// Creates a temporary sibling directory. The release is built there and renamed into place, so
/// that a partial one is never left behind. Leftovers of killed unpacks are removed.
fn aside(dir: &Path, out: Output) -> std::io::Result<Scratch> {
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(".".as_ref());
    if !parent.is_dir() {
        return Err(std::io::Error::new(
            std::io::ErrorKind::NotFound,
            "its directory does not exist",
        ));
    }
    let aside = Scratch::new(parent, ASIDE)?;
    for left in aside.sweep() {
        let left = display_path(&left);
        out.note(format!(
            "removed {left}, which an unpack left that was killed"
        ));
    }
    Ok(aside)
}

/// Writes all files; on any error the whole directory is discarded. `target` is its final name, for
/// messages.
fn write_all(bundle: &AuthenticatedBundle, dir: &Path, target: &Path) -> Result<(), CliError> {
    // Entry paths cannot leave the directory: their grammar has no "..", no absolute paths and no
    // links.
    let create = |path: &EntryPath| {
        let path = dir.join(path.as_str());
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        File::create_new(&path)
    };
    bundle.copy_all(create).map_err(|error| match error {
        CopyError::Content(error) => error.into(),
        CopyError::Write { path, source } => CliError::io(&target.join(path.as_str()), &source),
    })
}
