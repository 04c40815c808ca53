//! Proof that pgseal never leaves a change half done: the real program and a real server, with a fault at each step of
//! the protocol in turn. After each fault the database is exactly at baseline or finalized (or at a recorded step,
//! where a release has non-transactional tiers); exit code, ledger, `status` and receipt agree with it, and the same
//! command once more does the remaining work.
//!
//! ```sh
//! ./test --test faults                                 # a sample
//! just faults                                          # every point: hours
//! just faults --only 'one-roof run: connection cut'    # those whose name begins so
//! just faults --share 3/12                             # every twelfth point, from the third on: all twelve are all points
//! ```
//!
//! The results are in `target/faults.txt`.
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

/// Points of each kind in a sample: so many around COMMIT, and so many elsewhere.
const SAMPLE: usize = 1;

/// Failures after which the run stops early.
const ENOUGH: usize = 25;

struct Options {
    exhaustive: bool,
    list: bool,
    only: Vec<String>,
    /// `(i, n)`: every n-th point, starting with the i-th.
    share: (usize, usize),
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        return ExitCode::SUCCESS;
    };
    assert!(
        files::can_trace(),
        "strace can't trace here; ./test installs it"
    );
    let since = Instant::now();
    let report = Mutex::new(Report::default());
    for scenario in Scenario::all() {
        faults(scenario, &options, &report);
    }
    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    let text = report.text(since.elapsed());
    let path = report_path();
    std::fs::write(&path, &text).unwrap();
    println!(
        "{text}\nfaults: {} points, {} failed; {}",
        report.points(),
        report.failures.len(),
        path.display()
    );
    // A fault whose message never passed proves nothing; timing decides whether some messages exist at all.
    let reached = report.missed() * 50 <= report.points().max(50);
    if !reached {
        println!("faults: {} points came to nothing", report.missed());
    }
    if report.failures.is_empty() && reached {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn report_path() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("faults.txt")
}

/// Parses the arguments. `None` if they name other tests: cargo passes them to every test program.
fn options() -> Option<Options> {
    let mut options = Options {
        exhaustive: false,
        list: false,
        only: Vec::new(),
        share: (1, 1),
    };
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

/// Parses `I/N`.
fn share(text: &str) -> (usize, usize) {
    let parts = text
        .split_once('/')
        .and_then(|(at, of)| Some((at.parse().ok()?, of.parse().ok()?)));
    let (at, of): (usize, usize) = parts.expect("--share I/N");
    assert!((1..=of).contains(&at), "--share I/N: I is from 1 to N");
    (at, of)
}

fn faults(scenario: Scenario, options: &Options, report: &Mutex<Report>) {
    let site = Site::new();
    let servers: Vec<Server> = (0..if options.exhaustive { 4 } else { 3 })
        .map(|_| Server::start())
        .collect();
    let mut first = Worker::new(scenario, &servers[0], &site, "reference", States::default());
    let (points, states) = survey(scenario, &mut first, options, report);
    drop(first);
    if options.list {
        points
            .iter()
            .for_each(|point| println!("{} {point}", scenario.name()));
        return;
    }
    // Waiting points cost nothing; crashing points need a server of their own.
    let plan: &[_] = if options.exhaustive {
        &[
            (Group::Quiet, 2, 0),
            (Group::Patient, 14, 0),
            (Group::Patient, 16, 1),
            (Group::Crash, 1, 2),
            (Group::Crash, 1, 3),
        ]
    } else {
        &[
            (Group::Quiet, 2, 0),
            (Group::Patient, 6, 0),
            (Group::Crash, 1, 1),
            (Group::Crash, 1, 2),
        ]
    };
    let mut queues = std::collections::BTreeMap::new();
    for point in points {
        queues
            .entry(point.group())
            .or_insert_with(VecDeque::new)
            .push_back(point);
    }
    let queues: std::collections::BTreeMap<_, _> = queues
        .into_iter()
        .map(|(group, queue)| (group, Mutex::new(queue)))
        .collect();
    std::thread::scope(|scope| {
        for &(group, workers, server) in plan {
            let Some(queue) = queues.get(&group) else {
                continue;
            };
            for number in 0..workers.min(lock(queue).len()) {
                let name = format!("{group:?}_{server}_{number}").to_lowercase();
                let (states, site, server) = (states.clone(), &site, &servers[server]);
                scope.spawn(move || work(scenario, server, site, &name, &states, queue, report));
            }
        }
    });
}

/// Executes the reference run and rollback; returns their points and the states that other sessions saw.
fn survey(
    scenario: Scenario,
    worker: &mut Worker<'_>,
    options: &Options,
    report: &Mutex<Report>,
) -> (Vec<Point>, States) {
    let mut points = Vec::new();
    if !scenario.first_runs() {
        // The first run creates the ledger, later ones find it.
        worker.reference(Action::Run).unwrap();
        worker.reference(Action::Rollback).unwrap();
    }
    let (run, states) = worker.reference(Action::Run).unwrap();
    worker.knows(states.clone());
    let (rollback, back) = worker.reference(Action::Rollback).unwrap();
    // Other sessions see all changes appear at once and disappear at once.
    if scenario != Scenario::Mixed {
        assert_eq!(
            (states.known.len(), back.known.len()),
            (2, 2),
            "others saw something in between"
        );
    }
    let (first, last) = (&states.known[0], &back.known[back.known.len() - 1]);
    assert!(
        first == last,
        "{}",
        pgseal_testkit::fingerprint::difference(first, last)
    );
    for (action, steps) in [(Action::Run, &run), (Action::Rollback, &rollback)] {
        let name = format!("{} {}", scenario.name(), action.as_str());
        lock(report).trace(&name, steps);
        points.extend(point::all(action, steps));
        points.extend(worker.files(action).unwrap());
    }
    if options.exhaustive && scenario == Scenario::Small {
        // Its protocol is the reference release's; its own statements are close to each other.
        let mut at = 0..;
        points.retain(|point| point.critical || at.next().is_some_and(|at| at % 3 == 0));
    }
    if !options.exhaustive {
        points = point::sample(points, SAMPLE);
        // Points that wait for minutes are sampled only in the fastest scenario; `just faults` tests them everywhere.
        points.retain(|point| scenario == Scenario::Small || point.group() != Group::Patient);
    }
    let wanted = |point: &Point| {
        let name = format!("{} {point}", scenario.name());
        options.only.is_empty() || options.only.iter().any(|only| name.starts_with(only))
    };
    points.retain(wanted);
    let (at, of) = options.share;
    (
        points.into_iter().skip(at - 1).step_by(of).collect(),
        states,
    )
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
        Worker::new(
            scenario,
            server,
            site,
            &format!("{name}_{again}"),
            states.clone(),
        )
    };
    let mut worker = fresh();
    worker.warm_up().unwrap();
    let (mut last, begun) = (Action::Rollback, Instant::now());
    loop {
        // Run and rollback alternate, because each leaves the state from which the other starts.
        let wanted = if last == Action::Run {
            Action::Rollback
        } else {
            Action::Run
        };
        let point = {
            let mut queue = lock(queue);
            let at = queue
                .iter()
                .position(|point| point.action == wanted)
                .unwrap_or(0);
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
                // The results survive an interruption of the harness.
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
