//! `pgseal archive add DIR FILE...`

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use super::super::args::{TrustArgs, now, time};
use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::output::{Output, escape, shown};
use super::super::signer::SignerArgs;
use super::taken::{Taken, Taker, main_of};
use super::trust_versions::Known;
use crate::durable;
use crate::format::log_entry::{ArchivePath, LogEntry};
use crate::format::timestamp::Timestamp;
use crate::tlog::compare::file_digest;
use crate::tlog::{LockedLog, append};
use crate::trust::When;
use crate::words::count;

/// Beyond so many files the whole file system is told to write, once, instead of being asked for each of them.
const FILES_EACH: usize = 32;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The archive
    dir: PathBuf,
    /// Bundles, approvals, receipts (with what stands beside them) and trust roots, and directories with some; also what
    /// lies in the archive already
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    signer: SignerArgs,
    /// Judge by this time instead of now: keys by their windows, signatures by their proven time where it is older
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<Timestamp>,
}

/// What is to be done with the files.
#[derive(Default)]
struct Work {
    /// What the log will have more, in its order.
    new: Vec<LogEntry>,
    /// Files that get their name.
    named: Vec<(PathBuf, ArchivePath)>,
    /// What is logged and there.
    present: Vec<ArchivePath>,
    /// What is logged, was lost, and is there again.
    restored: Vec<ArchivePath>,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load()?;
    let signer = args.signer.open()?;
    super::check_role(&root, &signer.public_key())?;
    let when = When::AsOf(args.as_of.unwrap_or_else(now));
    let log = LockedLog::lock(&args.dir, &root).map_err(|error| super::unusable(&args.dir, error))?;
    let known = Known::gather(&args.trust.path(), &args.files, &args.dir);
    let taker = Taker::new(&args.dir, &root, when, known)?;
    let taken = taken(args, &taker, &log)?;
    let work = plan(&args.dir, &log, taken)?;
    let named = put(&args.dir, &work)?;
    let first = log.head().size();
    let checkpoint = if work.new.is_empty() {
        None
    } else {
        let appended = log.append(&work.new, &root, signer.as_ref());
        Some(appended.inspect_err(|_| {
            // Once entries are written the next add goes on with them, and needs their files.
            let is_untouched = append::head(&args.dir, &root).is_ok_and(|(now, _)| now.size() == first)
                && append::pending(&args.dir, first).is_ok_and(|entries| entries.is_empty());
            if is_untouched {
                take_back(&named);
            }
        })?)
    };
    let size = checkpoint.as_ref().map_or(first, crate::tlog::Checkpoint::size);
    let added = (first..).zip(&work.new);
    out.document(&serde_json::json!({
        "archive": args.dir.to_string_lossy(), "size": size, "checkpoint": checkpoint.as_ref().map(super::document),
        "added": added.clone().map(|(index, entry)| serde_json::json!({ "index": index, "entry": entry })).collect::<Vec<_>>(),
        "present": work.present, "restored": work.restored,
    }));
    for (index, entry) in added {
        out.line(format!("{index}  {}  {}", entry.kind.as_str(), escape(entry.path.as_str())));
    }
    work.present.iter().for_each(|path| out.line(format!("{}: is there already", escape(path.as_str()))));
    work.restored.iter().for_each(|path| out.line(format!("{}: put back", escape(path.as_str()))));
    out.line(format!("{}: {} more, {}", shown(&args.dir), work.new.len(), count(size, "entry")));
    Ok(Exit::Done)
}

/// All that is authentic, what an interrupted add left first; or every reason why not.
fn taken(args: &Args, taker: &Taker<'_>, log: &LockedLog) -> Result<Vec<Taken>, CliError> {
    let mut all = Vec::new();
    let pending = log.pending()?;
    let mains: BTreeSet<String> = pending.iter().map(main_of).collect();
    let mut there: BTreeMap<ArchivePath, Taken> = BTreeMap::new();
    for main in mains {
        let taken = taker.take_there(&main).map_err(|error| {
            error.hint("the log has entries behind its checkpoint, and they come first: put this file back, or begin a new log")
        })?;
        there.extend(taken.into_iter().map(|taken| (taken.entry.path.clone(), taken)));
    }
    for entry in pending {
        let taken = there.remove(&entry.path).filter(|taken| taken.entry == entry).ok_or_else(|| {
            let text = format!("{}: not the file of the entry behind the checkpoint", escape(entry.path.as_str()));
            CliError::new(Exit::NotAuthentic, text).hint("`pgseal archive verify` tells all that is wrong")
        })?;
        all.push(taken);
    }
    let mut refused: Option<CliError> = None;
    for file in &args.files {
        match (taker.take(file), &mut refused) {
            (Ok(taken), _) => all.extend(taken),
            (Err(error), Some(first)) => first.lines.extend(error.lines),
            (Err(error), None) => refused = Some(error),
        }
    }
    match refused {
        None => Ok(all),
        Some(error) if args.files.len() == 1 => Err(error),
        Some(error) => Err(CliError { hint: Some("nothing was added".to_owned()), ..error }),
    }
}

/// What is new, and what is there. A path has one content for ever.
fn plan(dir: &Path, log: &LockedLog, taken: Vec<Taken>) -> Result<Work, CliError> {
    let logged = log.logged(&taken.iter().map(|taken| taken.entry.path.clone()).collect())?;
    let mut work = Work::default();
    let mut seen: BTreeMap<ArchivePath, LogEntry> = BTreeMap::new();
    let archive = dir.canonicalize().map_err(|error| CliError::io(dir, &error))?;
    for Taken { at, entry } in taken {
        let differs = |what: &str| {
            let text = format!("{}: {what}", escape(entry.path.as_str()));
            CliError::new(Exit::Usage, text)
                .hint("an archive keeps what it has: give the other file another name, or add what came later (approvals) as files of their own")
        };
        if let Some(other) = seen.get(&entry.path) {
            if other.sha256 == entry.sha256 {
                continue;
            }
            return Err(differs("two different files would have this name in the archive"));
        }
        let before = logged.get(&entry.path);
        if before.is_some_and(|before| before.sha256 != entry.sha256) {
            return Err(differs("another file was logged by this name"));
        }
        let place = archive.join(entry.path.as_str());
        let mut is_lost = false;
        if at != place {
            match file_digest(&place) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    is_lost = true;
                    work.named.push((at, entry.path.clone()));
                }
                Err(error) => return Err(CliError::io(&dir.join(entry.path.as_str()), &error)),
                Ok((_, digest)) if digest != entry.sha256 => return Err(differs("another file is there by this name")),
                Ok(_) => {}
            }
        }
        match before {
            Some(_) if is_lost => work.restored.push(entry.path.clone()),
            Some(_) => work.present.push(entry.path.clone()),
            None => work.new.push(entry.clone()),
        }
        seen.insert(entry.path.clone(), entry);
    }
    Ok(work)
}

/// Gives the files their names, and tells which; all are on the medium when this returns, also those that were there.
fn put(dir: &Path, work: &Work) -> Result<Vec<PathBuf>, CliError> {
    let io = |error: std::io::Error| CliError::io(dir, &error);
    let aside: BTreeMap<&ArchivePath, &PathBuf> = work.named.iter().map(|(at, path)| (path, at)).collect();
    if work.new.len() > FILES_EACH {
        rustix::fs::syncfs(File::open(dir).map_err(io)?).map_err(|error| io(error.into()))?;
    } else {
        for path in work.new.iter().map(|entry| &entry.path).chain(aside.keys().copied()) {
            let at = aside.get(path).map_or_else(|| dir.join(path.as_str()), |at| (*at).clone());
            File::open(&at).and_then(|file| file.sync_all()).map_err(|error| CliError::io(&at, &error))?;
        }
    }
    let (mut named, mut dirs) = (Vec::new(), BTreeSet::new());
    for (at, path) in &work.named {
        let place = dir.join(path.as_str());
        let parent = place.parent().unwrap_or(dir).to_owned();
        let renamed = durable::create_dirs(&parent).and_then(|()| durable::rename_new(at, &place));
        if let Err(error) = renamed {
            take_back(&named);
            return Err(CliError::io(&place, &error));
        }
        named.push(place);
        dirs.insert(parent);
    }
    dirs.into_iter().try_for_each(|dir| File::open(dir)?.sync_all()).map_err(io)?;
    Ok(named)
}

/// Files of this command that nobody has logged. Best effort: the error that matters is the first one.
fn take_back(named: &[PathBuf]) {
    for path in named {
        let _ = std::fs::remove_file(path);
    }
}
