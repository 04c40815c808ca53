//! Injection points: where a fault hits, and which points a run tests.

use std::fmt;

use super::line::Step;

/// The sender of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Front = 0,
    Back = 1,
}

/// When the fault hits, relative to the forwarding of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    Before,
    /// Before the peer can receive an answer.
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// SIGKILL to pgseal.
    KillClient,
    Cut,
    /// The connection is cut inside the message.
    CutInside,
    /// The connection is cut, and new connections fail.
    Away,
    /// SIGTERM to the backend, as `pg_terminate_backend` sends it.
    Terminate,
    /// SIGKILL to the backend; the server then ends every session and recovers.
    KillBackend,
    /// SIGKILL to the postmaster, which is restarted.
    KillPostmaster,
    /// Messages of this side are dropped from here on; the connection stays open.
    Swallow,
    /// The message is delayed.
    Delay,
}

/// A fault at one message of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub side: Side,
    pub number: usize,
    pub when: When,
    pub what: What,
    /// Bytes of the message that arrive, for [`What::CutInside`].
    pub byte: usize,
}

/// The command under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Run,
    Rollback,
}

/// A fault in a command or in its files.
#[derive(Clone, Debug)]
pub struct Point {
    pub action: Action,
    pub strike: Strike,
    /// Around COMMIT: a sample always includes such points.
    pub critical: bool,
}

#[derive(Clone, Debug)]
pub enum Strike {
    Protocol(Fault),
    /// An error or a kill at one system call on a file of the run.
    File(FileFault),
}

/// An `inject` expression of strace, for the `nth` call of this name.
#[derive(Clone, Debug)]
pub struct FileFault {
    pub call: String,
    pub nth: usize,
    /// For example `error=ENOSPC` or `signal=SIGKILL`.
    pub inject: &'static str,
}

/// Isolation that a point needs from other workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Affects only its own session.
    Quiet,
    /// Takes long, but mostly waits.
    Patient,
    /// The whole server goes down.
    Crash,
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Rollback => "rollback",
        }
    }
}

impl Point {
    pub fn group(&self) -> Group {
        match &self.strike {
            Strike::Protocol(Fault {
                what: What::Swallow | What::Away,
                ..
            }) => Group::Patient,
            Strike::Protocol(Fault {
                what: What::KillBackend | What::KillPostmaster,
                ..
            }) => Group::Crash,
            _ => Group::Quiet,
        }
    }

    /// The category in the report.
    pub fn kind(&self) -> String {
        let fault = match &self.strike {
            Strike::File(file) => {
                return format!("{} on journal or receipt", file.inject.replace('=', " "));
            }
            Strike::Protocol(fault) => fault,
        };
        let when = if fault.when == When::Before {
            "before"
        } else {
            "after"
        };
        let side = if fault.side == Side::Front {
            "a request"
        } else {
            "an answer"
        };
        match fault.what {
            What::KillClient => format!("pgseal killed {when} {side}"),
            What::Cut => format!("connection cut {when} {side}"),
            What::CutInside => format!("connection cut inside {side}"),
            What::Away => format!("server out of reach {when} {side}"),
            What::Terminate => format!("session terminated {when} {side}"),
            What::KillBackend => format!("backend killed {when} {side}"),
            What::KillPostmaster => format!("postmaster killed {when} {side}"),
            What::Swallow => format!("swallowed from {side} on"),
            What::Delay => format!("delayed: {side}"),
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.action.as_str(), self.kind())?;
        match &self.strike {
            Strike::File(file) => write!(f, " ({} {})", file.call, file.nth),
            Strike::Protocol(fault) if fault.what == What::CutInside => {
                write!(
                    f,
                    " {:?} {} at byte {}",
                    fault.side, fault.number, fault.byte
                )
            }
            Strike::Protocol(fault) => write!(f, " {:?} {}", fault.side, fault.number),
        }
    }
}

/// Builds all points of a command from its trace. A step is the run of messages that one side sends before the other
/// answers; around COMMIT each message is a step, and each byte a cut. Each step has faults for pgseal, its session,
/// the postmaster, and the network in both directions. Where several kinds of fault leave the same state, neighbouring
/// steps alternate between them.
pub fn all(action: Action, trace: &[Step]) -> Vec<Point> {
    let about_commit = about_commit(trace);
    let mut points = Vec::new();
    for (at, step) in steps(trace, &about_commit).into_iter().enumerate() {
        let (first, last, some) = (&step[0], &step[step.len() - 1], &step[at % step.len()]);
        let critical = about_commit.contains(&(first.side, first.number));
        let mut add = |message: &Step, when, what, byte| {
            let fault = Fault {
                side: message.side,
                number: message.number,
                when,
                what,
                byte,
            };
            points.push(Point {
                action,
                strike: Strike::Protocol(fault),
                critical,
            });
        };
        use {What::*, When::*};
        // Steps already alternate between the sides.
        let turn = at / 2;
        let mine = |of: usize, which: usize| critical || turn % of == which;
        let requests = first.side == Side::Front;
        add(first, Before, Swallow, 0);
        // The cut moves from message to message.
        let places = [1, 4, 5, some.length / 2, some.length - 1];
        let bytes = if critical {
            (1..some.length).collect()
        } else {
            vec![places[turn % places.len()]]
        };
        for byte in bytes.into_iter().filter(|_| !requests || mine(3, 0)) {
            add(some, Before, CutInside, byte);
        }
        if requests {
            let kinds = [
                (first, Before, KillClient, mine(2, 0)),
                (last, After, KillClient, mine(2, 1)),
                (first, Before, Cut, mine(3, 1)),
                (last, After, Cut, mine(3, 2)),
                (first, Before, Terminate, mine(4, 0)),
                (last, After, Terminate, mine(4, 2)),
                (last, After, KillBackend, mine(2, 1)),
                (last, After, KillPostmaster, true),
                (first, Before, Delay, mine(8, 0)),
            ];
            for (message, when, what, _) in kinds.into_iter().filter(|(.., mine)| *mine) {
                add(message, when, what, 0);
            }
        } else if critical {
            add(some, Before, Cut, 0);
            add(first, Before, KillClient, 0);
        }
        if critical {
            add(first, Before, Away, 0);
            if requests {
                add(last, After, Away, 0);
            }
        }
    }
    points
}

/// Groups consecutive messages of one side and one connection; messages around COMMIT stay single.
fn steps<'t>(trace: &'t [Step], about_commit: &[(Side, usize)]) -> Vec<&'t [Step]> {
    let alone = |step: &Step| about_commit.contains(&step.number_of(step.side));
    let together = |one: &Step, next: &Step| {
        (one.side, one.connection) == (next.side, next.connection) && !alone(one) && !alone(next)
    };
    trace.chunk_by(together).collect()
}

pub fn count(trace: &[Step]) -> usize {
    steps(trace, &[]).len()
}

impl Step {
    fn number_of(&self, side: Side) -> (Side, usize) {
        (side, self.number)
    }
}

/// The messages from two before COMMIT to its ReadyForQuery.
fn about_commit(steps: &[Step]) -> Vec<(Side, usize)> {
    let commits = steps
        .iter()
        .enumerate()
        .filter(|(_, step)| step.side == Side::Front && step.text == "COMMIT");
    let mut found = Vec::new();
    for (at, commit) in commits {
        let end = steps[at..]
            .iter()
            .position(|step| step.side == Side::Back && step.tag == 'Z');
        let end = end.map_or(steps.len(), |end| at + end + 1);
        let around = &steps[at.saturating_sub(2)..end];
        found.extend(
            around
                .iter()
                .filter(|step| step.connection == commit.connection)
                .map(|s| (s.side, s.number)),
        );
    }
    found
}

/// Selects the same points each time, evenly from each kind: some around COMMIT, some elsewhere.
pub fn sample(points: Vec<Point>, of_each_kind: usize) -> Vec<Point> {
    let mut by_kind = std::collections::BTreeMap::<(Action, String), Vec<Point>>::new();
    for point in points {
        by_kind
            .entry((point.action, point.kind()))
            .or_default()
            .push(point);
    }
    let mut chosen = Vec::new();
    for (at, (_, points)) in by_kind.into_iter().enumerate() {
        let wanted = if points[0].group() == Group::Quiet {
            of_each_kind
        } else {
            1
        };
        let (critical, rest): (Vec<_>, Vec<_>) =
            points.into_iter().partition(|point| point.critical);
        for points in [critical, rest] {
            let stride = points.len().div_ceil(wanted).max(1);
            // Each kind has its own offset, so that together they reach more messages.
            chosen.extend(points.into_iter().skip(at * 7 % stride).step_by(stride));
        }
    }
    chosen
}
