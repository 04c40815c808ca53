//! `pgseal archive add DIR FILE...`

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::super::args::{TrustArgs, now, time};
use super::super::error::CliError;
use super::super::exit::Exit;
use super::super::output::{Output, display_path, escape};
use super::super::progress::Notifier;
use super::super::signer::SignerArgs;
use super::names::mains_of;
use super::place::Place;
use super::taken::{Taken, Taker};
use super::trust_versions::Known;
use crate::tlog::append::{self, LogError};
use crate::tlog::{LockedLog, Lost};
use crate::trust::JudgedAt;
use pgseal_verify::format::log_entry::{ArchivePath, LogEntry};
use pgseal_verify::format::timestamp::Timestamp;
use pgseal_verify::plural::count;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// The archive
    dir: PathBuf,
    /// Bundles, approvals, receipts (with their signatures and journals) and trust roots, or directories of
    /// them; files already in the archive are allowed
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

/// Planned changes to the archive.
#[derive(Default)]
pub struct Work {
    /// New entries, in the order of the log.
    pub new: Vec<LogEntry>,
    /// Files to rename into place.
    pub named: Vec<(PathBuf, ArchivePath)>,
    /// Entries already logged, with their files present.
    present: Vec<ArchivePath>,
    /// Logged files that were lost and are present again.
    restored: Vec<ArchivePath>,
}

pub fn run(args: &Args, out: Output) -> Result<Exit, CliError> {
    let root = args.trust.load()?;
    let signer = args.signer.open()?;
    super::check_role(&root, &signer.public_key())?;
    let when = JudgedAt::AsOf(args.as_of.unwrap_or_else(now));
    let waiting = || out.waits_for(&args.dir);
    let log = LockedLog::lock(&args.dir, &root, &waiting).map_err(|error| match error {
        // There may be no log yet.
        LogError::NoLog(_) if Lost::of(&args.dir).is_none() => error.into(),
        error => super::unusable(&args.dir, error),
    })?;
    let known = Known::gather(&args.trust.path(), &args.files, &args.dir);
    let taker = Taker::new(&args.dir, &root, when, known)?;
    let taken = taken(args, &taker, &log, out)?;
    let place = Place::open(&args.dir)?;
    let work = plan(&place, &log, taken)?;
    let named = place.put(&work)?;
    let first = log.head().size();
    let checkpoint = if work.new.is_empty() {
        None
    } else {
        let appended = log.append(&work.new, &root, signer.as_ref());
        Some(appended.inspect_err(|_| {
            // Once entries are written, the next add continues with them and needs their files.
            let is_untouched = append::head(&args.dir, &root)
                .is_ok_and(|(now, _)| now.size() == first)
                && append::pending(&args.dir, first).is_ok_and(|entries| entries.is_empty());
            if is_untouched {
                place.take_back(&named);
            }
        })?)
    };
    let size = checkpoint
        .as_ref()
        .map_or(first, |checkpoint| checkpoint.size());
    let added = (first..).zip(&work.new);
    out.document(&serde_json::json!({
        "archive": args.dir.to_string_lossy(), "size": size, "checkpoint": checkpoint.as_ref().map(super::document),
        "added": added.clone().map(|(index, entry)| serde_json::json!({ "index": index, "entry": entry })).collect::<Vec<_>>(),
        "present": work.present, "restored": work.restored,
    }));
    for (index, entry) in added {
        out.line(format!(
            "{index}  {}  {}",
            entry.kind.as_str(),
            escape(entry.path.as_str())
        ));
    }
    work.present
        .iter()
        .for_each(|path| out.line(format!("{}: is there already", escape(path.as_str()))));
    work.restored
        .iter()
        .for_each(|path| out.line(format!("{}: put back", escape(path.as_str()))));
    out.line(format!(
        "{}: {} more, {}",
        display_path(&args.dir),
        work.new.len(),
        count(size, "entry")
    ));
    Ok(Exit::Done)
}

/// Authenticates all files, those of an interrupted add first; fails with every reason at once.
fn taken(
    args: &Args,
    taker: &Taker<'_>,
    log: &LockedLog,
    out: Output,
) -> Result<Vec<Taken>, CliError> {
    let given = given(args, taker, out)?;
    let mut all = unfinished(taker, log.pending()?, &given)?;
    all.extend(given);
    Ok(all)
}

/// Authenticates the files given as arguments.
fn given(args: &Args, taker: &Taker<'_>, out: Output) -> Result<Vec<Taken>, CliError> {
    let (mut all, mut refused) = (Vec::new(), Vec::new());
    let lists = args
        .files
        .iter()
        .map(|file| Taker::list(file))
        .collect::<Vec<_>>();
    let of: usize = lists.iter().flatten().map(Vec::len).sum();
    let (beside, mut done) = (Notifier::drawing(out), 0);
    for list in lists {
        let list = list.unwrap_or_else(|error| {
            refused.push(error);
            Vec::new()
        });
        for (typed, real) in list {
            done += 1;
            beside.moving(|| {
                format!(
                    "{done} of {of} files authenticated: {}",
                    display_path(&typed)
                )
            });
            match taker.take(&typed, &real) {
                Ok(taken) => all.extend(taken),
                Err(error) => refused.push(error),
            }
        }
    }
    beside.finish();
    let is_alone = refused.len() == 1;
    let all_of_them = refused.into_iter().reduce(|mut first, error| {
        first.lines.extend(error.lines);
        first
    });
    let Some(error) = all_of_them else {
        return Ok(all);
    };
    let nothing = "nothing was added";
    let hint = match &error.hint {
        _ if is_alone && args.files.len() == 1 => return Err(error),
        Some(hint) if is_alone => format!("{nothing}; {hint}"),
        _ => nothing.to_owned(),
    };
    Err(CliError {
        hint: Some(hint),
        ..error
    })
}

/// Files of the entries that an interrupted add left after the checkpoint, in log order. Each is
/// either in its place or among the given files.
fn unfinished(
    taker: &Taker<'_>,
    pending: Vec<LogEntry>,
    given: &[Taken],
) -> Result<Vec<Taken>, CliError> {
    let mains: BTreeSet<String> = pending.iter().flat_map(mains_of).collect();
    let mut there: BTreeMap<&ArchivePath, Taken> = BTreeMap::new();
    let (mut lying, mut refused) = (Vec::new(), BTreeMap::new());
    for main in &mains {
        match taker.take_there(main) {
            None => {}
            Some(Ok(taken)) => lying.extend(taken),
            Some(Err(error)) => drop(refused.insert(main.as_str(), error)),
        }
    }
    let wanted: BTreeMap<&ArchivePath, &LogEntry> =
        pending.iter().map(|entry| (&entry.path, entry)).collect();
    let is_wanted = |taken: &&Taken| {
        wanted
            .get(&taken.entry.path)
            .is_some_and(|entry| **entry == taken.entry)
    };
    for taken in lying.iter().chain(given).filter(is_wanted) {
        there
            .entry(&taken.entry.path)
            .or_insert_with(|| taken.clone());
    }
    let mut all = Vec::new();
    for entry in &pending {
        let mut refused = || {
            mains_of(entry)
                .iter()
                .find_map(|main| refused.remove(main.as_str()))
        };
        all.push(
            there
                .remove(&entry.path)
                .ok_or_else(|| missing(taker, entry, refused()))?,
        );
    }
    Ok(all)
}

/// Error for an entry after the checkpoint without its file.
fn missing(taker: &Taker<'_>, entry: &LogEntry, refused: Option<CliError>) -> CliError {
    let path = escape(entry.path.as_str());
    if let Some(error) = refused {
        return error.hint("its entry stands behind the log's checkpoint, and comes first: put the file back as it was, or begin a new log");
    }
    if taker.has(entry.path.as_str()) {
        let text = format!("{path}: not the file of the entry behind the checkpoint");
        return CliError::new(Exit::NotAuthentic, text)
            .hint("`pgseal archive verify` tells all that is wrong");
    }
    let text = format!(
        "{path}: gone, and its entry stands behind the checkpoint: {} {}",
        entry.kind.as_str(),
        entry.sha256
    );
    CliError::new(Exit::NotAuthentic, text)
        .hint("entries behind the checkpoint come first: name this file too, and it is put back; or begin a new log")
}

/// Compares the files with the log and the archive. The content of a logged path never changes.
fn plan(place: &Place<'_>, log: &LockedLog, taken: Vec<Taken>) -> Result<Work, CliError> {
    let logged = log.logged(&taken.iter().map(|taken| taken.entry.path.clone()).collect())?;
    let mut work = Work::default();
    let mut seen: BTreeMap<ArchivePath, LogEntry> = BTreeMap::new();
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
            return Err(differs(
                "two different files would have this name in the archive",
            ));
        }
        let before = logged.get(&entry.path);
        if before.is_some_and(|before| before.sha256 != entry.sha256) {
            return Err(differs("another file was logged by this name"));
        }
        let mut is_lost = false;
        if at != place.archive.join(entry.path.as_str()) {
            match place.digest(&entry.path)? {
                None => {
                    is_lost = true;
                    work.named.push((at, entry.path.clone()));
                }
                Some(digest) if digest != entry.sha256 => {
                    return Err(differs("another file is there by this name"));
                }
                Some(_) => {}
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
