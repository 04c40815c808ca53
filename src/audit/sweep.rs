//! Lists places and audits their files, on all cores. The listing streams into a bounded queue;
//! only the findings are kept.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::file;
use super::finding::Finding;
use super::judge::Judge;
use super::kind::Kind;
use super::place::tar_file::TarFile;
use super::place::{Found, Place, Unlisted};
use pgseal_verify::format::timestamp::Timestamp;

const WAITING: usize = 1024;

const TAR_DEPTH: usize = 3;

/// A place, and a file of it to audit.
type Work = (Arc<dyn Place>, Result<Found, Unlisted>);

/// Audits all files in the places that were written since a time or have no known time. Findings
/// are sorted by path. `seen` is called after each file, from any thread.
pub fn sweep(
    places: Vec<Arc<dyn Place>>,
    judge: &Judge<'_>,
    since: Option<Timestamp>,
    seen: &(dyn Fn(&Finding) + Sync),
) -> Vec<Finding> {
    let (send, receive) = sync_channel::<Work>(WAITING);
    let (receive, done) = (Mutex::new(receive), Mutex::new(Vec::new()));
    let readers = places.iter().map(|place| place.readers());
    let threads = readers.fold(
        std::thread::available_parallelism().map_or(1, usize::from),
        usize::max,
    );
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&receive, judge, seen, &done));
        }
        // The lister is dropped with this block, which ends the workers.
        let lister = Lister { since, send };
        for place in places {
            lister.list(&place, 0);
        }
    });
    apart(done.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Sorts by path and makes paths unique. A file listed twice is one finding, and the faults of one
/// container are merged. Of two files with the same path (an object `a.tar/b` and the member `b` of
/// `a.tar`) the second becomes `NAME#2`, so that neither hides the other.
fn apart(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_cached_key(|finding| (finding.path.clone(), format!("{finding:?}")));
    findings.dedup();
    findings.dedup_by(|next, first| {
        let of_one_place =
            next.kind.is_place() && (&next.path, next.kind) == (&first.path, first.kind);
        if of_one_place {
            first.faults.append(&mut next.faults);
            first.notes.append(&mut next.notes);
        }
        of_one_place
    });
    let mut paths: BTreeSet<String> = findings
        .iter()
        .map(|finding| finding.path.clone())
        .collect();
    let mut last = String::new();
    for finding in &mut findings {
        let is_second = finding.path == last;
        last.clone_from(&finding.path);
        if is_second {
            let free = (2..)
                .map(|copy| format!("{last}#{copy}"))
                .find(|path| !paths.contains(path));
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
        let next = receive
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok((place, found)) = next else { break };
        let finding = match found {
            Ok(found) => file::audit(place.as_ref(), &found, judge),
            Err(unlisted) => file::unlisted(unlisted, judge),
        };
        seen(&finding);
        own.push(finding);
    }
    done.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .append(&mut own);
}

struct Lister {
    since: Option<Timestamp>,
    send: SyncSender<Work>,
}

impl Lister {
    fn list(&self, place: &Arc<dyn Place>, depth: usize) {
        place.list(&mut |told| match told {
            Ok(found) if found.kind == Kind::Tar => self.list_tar(place, &found, depth),
            Ok(found)
                if self
                    .since
                    .zip(found.modified)
                    .is_some_and(|(since, modified)| modified < since) => {}
            told => self.send(place, told),
        });
    }

    fn list_tar(&self, place: &Arc<dyn Place>, found: &Found, depth: usize) {
        let unlisted = |error| Err(Unlisted::unreadable(&found.path, Kind::Tar, error));
        if depth == TAR_DEPTH {
            return self.send(
                place,
                unlisted(std::io::Error::other("too many tar files in one another")),
            );
        }
        match place.open(found) {
            Err(error) => self.send(place, unlisted(error)),
            Ok(source) => {
                let tar: Arc<dyn Place> =
                    Arc::new(TarFile::read(&found.path, source.into(), found.modified));
                self.list(&tar, depth + 1);
            }
        }
    }

    fn send(&self, place: &Arc<dyn Place>, work: Result<Found, Unlisted>) {
        // Sending fails only if all workers panicked; their panic is reported instead.
        let _ = self.send.send((place.clone(), work));
    }
}
