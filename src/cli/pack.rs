//! `pgseal pack DIR -o FILE [--key KEY]...`

mod existing;
mod source;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::args::{PassphraseArgs, TrustArgs};
use super::byte_progress::ByteProgress;
use super::lint;
use super::sign::check_role;
use super::stage;
use super::{CliError, Exit, Output, ResultExt, display_path, escape};
use crate::bundle::definition::Definition;
use crate::bundle::unsigned::PackError;
use crate::bundle::{Spill, UnsignedBundle};
use crate::durable;
use crate::lint::points;
use existing::{Kept, Place};
use pgseal_verify::format::statement::title;
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::plural::count;
use source::SourceArgs;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The release directory
    dir: PathBuf,
    /// The bundle to write. If it is there with this very release, its signatures and approvals stay
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Give up the file that is there, with its signatures and approvals
    #[arg(long)]
    replace: bool,
    /// Pack this [[stage]] alone, as the release NAME-STAGE with an id and approvals of its own
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// Sign it at once with this secret key
    #[arg(long, value_name = "KEY")]
    key: Vec<PathBuf>,
    /// A run of it needs the receipt of a rehearsal; release.toml may say so too
    #[arg(long)]
    require_rehearsal: bool,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    if is_inside(&args.output, &args.dir) {
        let text = format!(
            "{} would be inside of the release directory",
            display_path(&args.output)
        );
        return Err(CliError::usage(text)
            .hint("it would be packed into the next bundle; write it elsewhere"));
    }
    if args.output == Path::new("-") {
        return Err(CliError::usage("a bundle is written to a file")
            .hint("-o FILE; a file of the name - is ./-"));
    }
    let definition = Definition::read(&args.dir)?;
    let mut definition = match &args.stage {
        None => definition,
        Some(stage) => definition.into_stage(stage).map_err(CliError::usage)?,
    };
    if args.require_rehearsal {
        definition.require_rehearsal();
    }
    if let Some(source) = args.source.source()? {
        definition.state_source(source);
    }
    let release = definition.manifest().release.clone();
    stage::warn(definition.manifest(), out);
    for skipped in definition.skipped() {
        out.note(format!("not packed: {} (hidden)", escape(skipped)));
    }
    warn(&definition, &args.dir, out);
    let points = points::of_definition(&definition);
    let keys = args.passphrase.keys(&args.key)?;
    let ids: std::collections::BTreeSet<_> = keys.iter().map(|key| key.public_key().id()).collect();
    if ids.len() < keys.len() {
        return Err(CliError::usage(
            "the same key is given twice: it signs once",
        ));
    }
    for id in &ids {
        check_role(&args.trust, *id, out)?;
    }
    let all = definition.source().size();
    let moved = ByteProgress::new("packed", &args.output, all, out);
    let spill = Spill::in_dir_of(&args.output);
    let progress = |bytes| moved.by(bytes);
    let packed = UnsignedBundle::pack_with(definition, source_date_epoch()?, spill, &progress);
    drop(moved);
    let unsigned = packed.map_err(|error| match error {
        PackError::Io(error) => CliError::io(&args.output, &error),
        error => CliError::usage(error),
    })?;
    let (id, files) = (unsigned.release_id(), unsigned.file_count());
    let place = match args.replace {
        true => None,
        false => Some(existing::place(&args.output, id)?),
    };
    if let Some(Place::Same) = place {
        existing::sign(&args.output, &keys, out)?;
    } else {
        let signed = unsigned.sign(&keys);
        let write = |file: &mut File| signed.write(BufWriter::new(file)).map(drop);
        let written = match place {
            // A file that came meanwhile stays.
            Some(_) => durable::create_new(&args.output, write),
            None => {
                existing::tell_namesake(&args.output, &release, id, out);
                durable::replace(&args.output, write)
            }
        };
        written.at(&args.output)?;
    }
    let kept = match place {
        Some(Place::Same) => existing::kept(&args.output, &ids)?,
        _ => Kept::default(),
    };
    let signers: Vec<String> = ids.iter().map(ToString::to_string).collect();
    out.document(&serde_json::json!({
        "file": args.output.to_string_lossy(), "release": release, "release_id": id, "files": files, "signers": signers,
        "points": super::points::document(&points),
    }));
    let (title, of) = (title(&release.name, &release.version), count(files, "file"));
    out.line(format!("{}: {title}, {of}", display_path(&args.output)));
    out.line(format!("release id {id}"));
    for signer in &signers {
        out.line(format!("signed by {signer}"));
    }
    if !out.quiet {
        super::points::show(&points, out);
    }
    if let Some(kept) = kept.sentence() {
        out.note(kept);
    }
    if signers.is_empty() && kept.signatures == 0 {
        out.note("not signed: `pgseal sign FILE --key KEY` signs it");
    }
    Ok(Exit::Done)
}

/// Prints one line about warnings; they do not prevent packing.
fn warn(definition: &Definition, dir: &Path, out: Output) {
    let (open, acknowledged) = lint::count(&lint::found_in(definition));
    if open > 0 {
        let (dir, open) = (display_path(dir), count(open, "warning"));
        let others = match acknowledged {
            0 => String::new(),
            acknowledged => format!(", {acknowledged} acknowledged"),
        };
        out.warning(format!(
            "{open} not acknowledged{others}; `pgseal lint {dir}` shows those that are not"
        ));
    } else if acknowledged > 0 {
        out.note(format!("{} acknowledged", count(acknowledged, "warning")));
    }
}

fn is_inside(file: &Path, dir: &Path) -> bool {
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    let (parent, dir) = (parent.canonicalize(), dir.canonicalize());
    parent.is_ok_and(|parent| dir.is_ok_and(|dir| parent.starts_with(dir)))
}

/// The only timestamp in packing, taken from the environment if set
/// (<https://reproducible-builds.org/specs/source-date-epoch/>).
fn source_date_epoch() -> Result<Option<Timestamp>, CliError> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(None);
    };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    match seconds.and_then(Timestamp::from_seconds) {
        Some(time) => Ok(Some(time)),
        None => Err(CliError::usage(
            "SOURCE_DATE_EPOCH is not a number of seconds since 1970",
        )),
    }
}
