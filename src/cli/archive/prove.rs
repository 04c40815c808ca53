//! `pgseal archive prove DIR FILE`

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::super::args::TrustArgs;
use super::super::byte_progress::ByteProgress;
use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::kind::Kind;
use super::super::output::{Output, display_path};
use super::super::progress::Notifier;
use crate::durable;
use crate::tlog::append::{self, LogError};
use crate::tlog::compare::digest_of;
use crate::tlog::proof::inclusion;
use crate::tlog::stored::Stored;
use crate::tlog::tile::WIDTH;
use crate::tlog::{PROOF_ENDING, ProofFile};
use pgseal_verify::digest::Digest;
use pgseal_verify::format::json;
use pgseal_verify::format::log_entry::LogEntry;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The archive
    dir: PathBuf,
    /// The file: in the archive, or a copy of it elsewhere
    file: PathBuf,
    /// Where to write the proof; must not exist. Next to the file as FILE.tlog-proof, `verify` finds it [default: standard output]
    #[arg(short, long, value_name = "PROOF")]
    output: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load()?;
    let (checkpoint, head) =
        append::head(&args.dir, &root).map_err(|error| super::unusable(&args.dir, error))?;
    let (size, sha256) = digest(&args.file, out).map_err(|error| unread(args, &error))?;
    let stored = Stored::new(&args.dir, head.size());
    let found = find(&stored, head.size(), sha256, out)
        .map_err(|error| super::unusable(&args.dir, error))?
        .filter(|(_, entry)| entry.size == size);
    let Some((index, entry)) = found else {
        return Err(CliError::new(
            Exit::Usage,
            format!("{}: no entry of the log has its digest, {sha256}", display_path(&args.file)),
        )
        .hint("`pgseal archive add` logs it, if it is authentic; `pgseal archive verify` tells what was changed"));
    };
    let path = inclusion(&stored, index, head.size()).map_err(LogError::from)?;
    let bytes = json::to_canonical(&entry).map_err(LogError::from)?;
    let proof = ProofFile {
        entry: bytes,
        index,
        path,
        checkpoint,
    };
    // Verify the proof before writing it.
    proof.authenticate(&root).map_err(|error| {
        CliError::new(
            Kind::ProofInvalid,
            format!(
                "{}: the proof would not hold: {error}",
                display_path(&args.dir)
            ),
        )
        .hint("the log is damaged: `pgseal archive verify` tells all that is wrong with it")
    })?;
    let text = proof.to_string();
    let written = args
        .output
        .as_deref()
        .map(|path| write(path, &text))
        .transpose();
    written?;
    out.document(&serde_json::json!({
        "archive": args.dir.to_string_lossy(), "file": args.file.to_string_lossy(), "index": index, "entry": entry,
        "checkpoint": super::document(&proof.checkpoint), "proof": text,
        "written": args.output.as_ref().map(|path| path.to_string_lossy()),
    }));
    match &args.output {
        Some(path) => out.line(format!(
            "wrote {}: entry {index} of {}",
            display_path(path),
            head.size()
        )),
        None if !out.json => out.content(text.as_bytes())?,
        None => {}
    }
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    let written = durable::create_new(path, |file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            CliError::new(Kind::FileExists, format!("{}: it exists already", display_path(path))).hint(format!(
                "a proof for a larger log proves no more; or name another file, ending in {PROOF_ENDING}"
            ))
        }
        _ => CliError::io(path, &error),
    })
}

/// Converts a read error. A path relative to the archive gets a hint.
fn unread(args: &Args, error: &io::Error) -> CliError {
    let (inside, refused) = (args.dir.join(&args.file), CliError::io(&args.file, error));
    if error.kind() == io::ErrorKind::NotFound && inside.is_file() {
        return refused.hint(format!("in the archive it is {}", display_path(&inside)));
    }
    refused
}

fn digest(file: &Path, out: Output) -> io::Result<(u64, Digest)> {
    // Opening a pipe would wait for a writer.
    let metadata = std::fs::metadata(file)?;
    if !metadata.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    let moved = ByteProgress::new("read", file, metadata.len(), out);
    digest_of(File::open(file)?, &|bytes| moved.by(bytes))
}

/// Finds the first entry with this digest.
fn find(
    stored: &Stored,
    size: u64,
    sha256: Digest,
    out: Output,
) -> Result<Option<(u64, LogEntry)>, LogError> {
    let (text, beside) = (sha256.to_string(), Notifier::drawing(out));
    let search = |bundle: u64| -> Result<Option<(u64, LogEntry)>, LogError> {
        beside.moving(|| format!("{} of {size} entries searched", bundle * WIDTH));
        // Only entries that contain the digest as text are parsed; most entries of a large log do
        // not.
        let has = |entry: &[u8]| memchr::memmem::find(entry, text.as_bytes()).is_some();
        for (index, bytes) in (bundle * WIDTH..)
            .zip(stored.entries(bundle)?)
            .filter(|(_, bytes)| has(bytes))
        {
            let entry: LogEntry = json::from_canonical(&bytes)?;
            if entry.sha256 == sha256 {
                return Ok(Some((index, entry)));
            }
        }
        Ok(None)
    };
    let found = (0..size.div_ceil(WIDTH))
        .map(search)
        .find_map(Result::transpose)
        .transpose();
    beside.finish();
    found
}
