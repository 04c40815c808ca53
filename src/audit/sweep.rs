//! Lists places and audits what they hold, on all cores. The lister streams: what waits to be audited is bounded, and what
//! is kept is the findings.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::file;
use super::finding::{Finding, told};
use super::judge::Judge;
use super::kind::Kind;
use super::place::tar_file::TarFile;
use super::place::{Found, Place, Unlisted};
use super::shard::Shard;
use pgseal_verify::format::timestamp::Timestamp;

/// Files that wait to be audited.
const WAITING: usize = 1024;

/// A tar file in a tar file in a tar file is enough.
const TAR_DEPTH: usize = 3;

/// Which of the files are audited.
#[derive(Default)]
pub struct Selection<'a> {
    /// Only those of one part.
    pub shard: Option<Shard>,
    /// Only those written since, and those whose time nobody knows.
    pub since: Option<Timestamp>,
    /// With `since`: also those that are not as an earlier audit has seen them.
    pub is_known: Option<&'a (dyn Fn(&Found) -> bool + Sync)>,
}

/// What a sweep gave.
pub struct Swept {
    /// What was found, by path.
    pub findings: Vec<Finding>,
    /// The paths of files that were there and not selected by time, ascending.
    pub passed_over: Vec<String>,
    /// The tar files that were looked into.
    pub looked_into: BTreeSet<String>,
}

/// Something to audit: where it is, and what.
type Work = (Arc<dyn Place>, Result<Found, Unlisted>);

/// Audits everything in the places. `seen` is called after each file, from any thread.
pub fn sweep(
    places: Vec<Arc<dyn Place>>,
    judge: &Judge<'_>,
    selection: &Selection<'_>,
    seen: &(dyn Fn(&Finding) + Sync),
) -> Swept {
    let (send, receive) = sync_channel::<Work>(WAITING);
    let (receive, done) = (Mutex::new(receive), Mutex::new(Vec::new()));
    let readers = places.iter().map(|place| place.readers());
    let threads = readers.fold(std::thread::available_parallelism().map_or(1, usize::from), usize::max);
    let (mut passed_over, mut looked_into) = (Vec::new(), BTreeSet::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&receive, judge, seen, &done));
        }
        let (passed_over, looked_into) = (&mut passed_over, &mut looked_into);
        let mut lister = Lister { selection, send: Some(send), passed_over, looked_into };
        for place in places {
            lister.list(&place, 0);
        }
        lister.send = None;
    });
    let findings: Vec<Finding> = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    passed_over.sort();
    Swept { findings: apart(findings, &passed_over), passed_over, looked_into }
}

/// By path, each with a path of its own. A file that was listed twice is one, and so is everything that is wrong with one
/// place; of two files by one name (a member `a.tar/b` beside the member `b` of `a.tar`) the second is `NAME#2`, so that
/// neither hides the other. So it is where the first was not selected, of which an earlier audit has a line.
fn apart(mut findings: Vec<Finding>, passed_over: &[String]) -> Vec<Finding> {
    findings.sort_by_cached_key(|finding| (finding.path.clone(), format!("{finding:?}")));
    findings.dedup();
    findings.dedup_by(|next, first| {
        let of_one_place = next.kind.is_place() && (&next.path, next.kind) == (&first.path, first.kind);
        if of_one_place {
            first.faults.append(&mut next.faults);
            first.notes.append(&mut next.notes);
        }
        of_one_place
    });
    let mut paths: BTreeSet<String> = findings.iter().map(|finding| finding.path.clone()).collect();
    paths.extend(passed_over.iter().cloned());
    let mut last = String::new();
    for finding in &mut findings {
        let is_second = finding.path == last || passed_over.binary_search(&finding.path).is_ok();
        last.clone_from(&finding.path);
        if is_second {
            let free = (2..).map(|copy| format!("{last}#{copy}")).find(|path| !paths.contains(path));
            finding.path = free.unwrap_or_default();
            paths.insert(finding.path.clone());
        }
    }
    findings.sort_by(|a, b| a.path.cmp(&b.path));
    findings
}

fn work(
    receive: &Mutex<Receiver<Work>>,
    judge: &Judge<'_>,
    seen: &(dyn Fn(&Finding) + Sync),
    done: &Mutex<Vec<Finding>>,
) {
    let mut own = Vec::new();
    loop {
        let next = receive.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((place, found)) = next else { break };
        let finding = match found {
            Ok(found) => file::audit(place.as_ref(), &found, judge),
            Err(unlisted) => file::unlisted(&unlisted, judge),
        };
        seen(&finding);
        own.push(finding);
    }
    done.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
}

struct Lister<'a> {
    selection: &'a Selection<'a>,
    send: Option<SyncSender<Work>>,
    passed_over: &'a mut Vec<String>,
    looked_into: &'a mut BTreeSet<String>,
}

impl Lister<'_> {
    fn list(&mut self, place: &Arc<dyn Place>, depth: usize) {
        place.list(&mut |told| match told {
            Ok(found) if found.kind == Kind::Tar => self.list_tar(place, &found, depth),
            Ok(found) => self.found(place, found),
            Err(unlisted) => self.unlisted(place, unlisted),
        });
    }

    fn list_tar(&mut self, place: &Arc<dyn Place>, found: &Found, depth: usize) {
        let path = &found.path;
        let unlisted = |error| Unlisted::unreadable(path, Kind::Tar, error);
        if depth == TAR_DEPTH {
            let error = std::io::Error::other("too many tar files in one another");
            return self.unlisted(place, unlisted(error));
        }
        match place.open(found) {
            Err(error) => self.unlisted(place, unlisted(error)),
            Ok(source) => {
                self.looked_into.insert(told(path));
                let tar: Arc<dyn Place> = Arc::new(TarFile::read(path, source.into(), found.modified));
                self.list(&tar, depth + 1);
            }
        }
    }

    fn found(&mut self, place: &Arc<dyn Place>, found: Found) {
        let Selection { shard, since, is_known } = self.selection;
        if !in_shard(*shard, &found.path) {
            return;
        }
        let is_old = since.zip(found.modified).is_some_and(|(since, modified)| modified < since);
        if is_old && is_known.is_none_or(|is_known| is_known(&found)) {
            self.passed_over.push(told(&found.path));
        } else {
            self.send((place.clone(), Ok(found)));
        }
    }

    fn unlisted(&self, place: &Arc<dyn Place>, unlisted: Unlisted) {
        if in_shard(self.selection.shard, &unlisted.path) {
            self.send((place.clone(), Err(unlisted)));
        }
    }

    fn send(&self, work: Work) {
        if let Some(send) = &self.send {
            // Nobody receives only where all workers have died, and then their panic is what is told.
            let _ = send.send(work);
        }
    }
}

fn in_shard(shard: Option<Shard>, path: &Path) -> bool {
    shard.is_none_or(|shard| shard.has(path))
}
