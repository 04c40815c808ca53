//! The proof that nothing is ever half done: the real pgseal and a real server, with a fault at each step of the protocol,
//! one after the other. After each the database is exactly baseline or exactly finalized, exit code, ledger, `status` and receipt
//! say which, and the same command once more does what is still to do.
//!
//! ```sh
//! ./test --test faults                                 # a sample
//! just faults                                          # every point: hours
//! just faults --only 'one-roof run: connection cut'    # those whose name begins so
//! just faults --share 3/12                             # every twelfth point, from the third on: all twelve are all points
//! ```
//!
//! What was tried stands in `target/faults.txt`.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

mod files;
mod line;
mod messages;
mod point;
mod report;
mod scenario;
mod server;
mod worker;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::server::Server;
use pgseal_testkit::release::Site;
use point::{Action, Group, Point};
use report::Report;
use scenario::Scenario;
use worker::{States, Worker};

/// Points of each kind in a sample: about COMMIT, and elsewhere.
const SAMPLE: usize = 1;

/// After this many failures it is clear that something is wrong.
const ENOUGH: usize = 25;

struct Options {
    exhaustive: bool,
    list: bool,
    only: Vec<String>,
    /// Every how many points, and from which on.
    share: (usize, usize),
}

fn main() -> ExitCode {
    let Some(options) = options() else { return ExitCode::SUCCESS };
    assert!(files::can_trace(), "strace can't trace here; ./test installs it");
    let since = Instant::now();
    let report = Mutex::new(Report::default());
    for scenario in Scenario::all() {
        faults(scenario, &options, &report);
    }
    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    let text = report.text(since.elapsed());
    let path = report_path();
    std::fs::write(&path, &text).unwrap();
    println!("{text}\nfaults: {} points, {} failed; {}", report.points(), report.failures.len(), path.display());
    // A fault whose message never came proves nothing; a few messages depend on the moment.
    let reached = report.missed() * 50 <= report.points().max(50);
    if !reached {
        println!("faults: {} points came to nothing", report.missed());
    }
    if report.failures.is_empty() && reached { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn report_path() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("faults.txt")
}

/// `None` when there is nothing to do: names of other tests are given to every test program.
fn options() -> Option<Options> {
    let mut options = Options { exhaustive: false, list: false, only: Vec::new(), share: (1, 1) };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--exhaustive" => options.exhaustive = true,
            "--points" => options.list = true,
            "--only" => options.only.extend(args.next()),
            "--share" => options.share = share(&args.next().unwrap_or_default()),
            "--list" => return None,
            name if !name.starts_with("--") && !"faults".contains(name) => return None,
            _ => {}
        }
    }
    Some(options)
}

/// `3/12`
fn share(text: &str) -> (usize, usize) {
    let parts = text.split_once('/').and_then(|(at, of)| Some((at.parse().ok()?, of.parse().ok()?)));
    let (at, of): (usize, usize) = parts.expect("--share I/N");
    assert!((1..=of).contains(&at), "--share I/N: I is from 1 to N");
    (at, of)
}

fn faults(scenario: Scenario, options: &Options, report: &Mutex<Report>) {
    let site = Site::new();
    let servers: Vec<Server> = (0..if options.exhaustive { 4 } else { 3 }).map(|_| Server::start()).collect();
    let mut first = Worker::new(scenario, &servers[0], &site, "reference", States::default());
    let (points, states) = survey(scenario, &mut first, options, report);
    drop(first);
    if options.list {
        points.iter().for_each(|point| println!("{} {point}", scenario.name()));
        return;
    }
    // Those that wait cost nothing; those that end the server have one for themselves.
    let plan: &[_] = if options.exhaustive {
        &[
            (Group::Quiet, 2, 0),
            (Group::Patient, 14, 0),
            (Group::Patient, 16, 1),
            (Group::Crash, 1, 2),
            (Group::Crash, 1, 3),
        ]
    } else {
        &[(Group::Quiet, 2, 0), (Group::Patient, 6, 0), (Group::Crash, 1, 1), (Group::Crash, 1, 2)]
    };
    let mut queues = std::collections::BTreeMap::new();
    for point in points {
        queues.entry(point.group()).or_insert_with(VecDeque::new).push_back(point);
    }
    let queues: std::collections::BTreeMap<_, _> =
        queues.into_iter().map(|(group, queue)| (group, Mutex::new(queue))).collect();
    std::thread::scope(|scope| {
        for &(group, workers, server) in plan {
            let Some(queue) = queues.get(&group) else { continue };
            for number in 0..workers.min(lock(queue).len()) {
                let name = format!("{group:?}_{server}_{number}").to_lowercase();
                let (states, site, server) = (states.clone(), &site, &servers[server]);
                scope.spawn(move || work(scenario, server, site, &name, &states, queue, report));
            }
        }
    });
}

/// The reference run and rollback: their points, and the states that anybody saw meanwhile.
fn survey(
    scenario: Scenario,
    worker: &mut Worker<'_>,
    options: &Options,
    report: &Mutex<Report>,
) -> (Vec<Point>, States) {
    let mut points = Vec::new();
    if !scenario.first_runs() {
        // The first run makes the ledger, the others find it.
        worker.reference(Action::Run).unwrap();
        worker.reference(Action::Rollback).unwrap();
    }
    let (run, states) = worker.reference(Action::Run).unwrap();
    worker.knows(states.clone());
    let (rollback, back) = worker.reference(Action::Rollback).unwrap();
    // All of it appears at once, and goes at once.
    if scenario != Scenario::Mixed {
        assert_eq!((states.known.len(), back.known.len()), (2, 2), "others saw something in between");
    }
    let (first, last) = (&states.known[0], &back.known[back.known.len() - 1]);
    assert!(first == last, "{}", pgseal_testkit::fingerprint::difference(first, last));
    for (action, steps) in [(Action::Run, &run), (Action::Rollback, &rollback)] {
        let name = format!("{} {}", scenario.name(), action.as_str());
        lock(report).trace(&name, steps);
        points.extend(point::all(action, steps));
        points.extend(worker.files(action).unwrap());
    }
    if options.exhaustive && scenario == Scenario::Small {
        // Its protocol is the reference release's; what only it has lies close together.
        let mut at = 0..;
        points.retain(|point| point.critical || at.next().is_some_and(|at| at % 3 == 0));
    }
    if !options.exhaustive {
        points = point::sample(points, SAMPLE);
        // What waits for minutes is tried where it is quickest; `just faults` tries it everywhere.
        points.retain(|point| scenario == Scenario::Small || point.group() != Group::Patient);
    }
    let wanted = |point: &Point| {
        let name = format!("{} {point}", scenario.name());
        options.only.is_empty() || options.only.iter().any(|only| name.starts_with(only))
    };
    points.retain(wanted);
    let (at, of) = options.share;
    (points.into_iter().skip(at - 1).step_by(of).collect(), states)
}

fn work(
    scenario: Scenario,
    server: &Server,
    site: &Site,
    name: &str,
    states: &States,
    queue: &Mutex<VecDeque<Point>>,
    report: &Mutex<Report>,
) {
    let mut again = 0;
    let mut fresh = || {
        again += 1;
        Worker::new(scenario, server, site, &format!("{name}_{again}"), states.clone())
    };
    let mut worker = fresh();
    worker.warm_up().unwrap();
    let (mut last, begun) = (Action::Rollback, Instant::now());
    loop {
        // A run, then a rollback, then a run: each leaves what the next one begins with.
        let wanted = if last == Action::Run { Action::Rollback } else { Action::Run };
        let point = {
            let mut queue = lock(queue);
            let at = queue.iter().position(|point| point.action == wanted).unwrap_or(0);
            queue.remove(at)
        };
        let Some(point) = point else { return };
        last = point.action;
        let seen = catch_unwind(AssertUnwindSafe(|| worker.strike(&point)));
        let seen = seen.unwrap_or_else(|_| Err("the harness itself failed; see above".to_owned()));
        let mut report = lock(report);
        match seen {
            Ok(seen) => {
                report.seen(scenario.name(), &point, &seen);
                // What was tried is kept also when somebody stops it.
                if report.points().is_multiple_of(100) {
                    std::fs::write(report_path(), report.text(begun.elapsed())).unwrap();
                }
            }
            Err(why) => {
                report.failed(scenario.name(), &point, &why);
                eprintln!("faults: FAILED {} {point}: {why}", scenario.name());
                let enough = report.failures.len() >= ENOUGH;
                drop(report);
                if enough {
                    lock(queue).clear();
                    return;
                }
                worker = fresh();
                worker.warm_up().unwrap();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
