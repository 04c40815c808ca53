//! Gates: read-only queries that must all answer READY before a run.

use super::event::{Event, Observer};
use super::failure::Failure;
use super::gate_role::{self, TooMuch};
use super::lock::{self, LockError};
use super::probe::{self, Answer};
use super::question::Within;
use super::run_context::{CloneOf, ContextToRun, RunContext};
use super::settings;
use super::target::{self, TargetError};
use crate::database::{DatabaseError, Purpose, Session};
use pgseal_verify::format::manifest::Gate;
use pgseal_verify::format::name::Name;
use pgseal_verify::format::receipt::{Asked, GateAnswer, ObservedTarget};
use pgseal_verify::format::trust_document::Policy;

/// An authentic release whose gates were all READY, with the locked session for its run.
///
/// Only [`pass`] makes one, of a bundle that may run.
pub struct GatedRelease<'b> {
    order: RunContext<'b>,
    session: Box<dyn Session>,
    target: ObservedTarget,
    answers: Vec<GateAnswer>,
}

impl<'b> GatedRelease<'b> {
    pub fn order(&self) -> &RunContext<'b> {
        &self.order
    }

    /// The answers of the release's gates.
    pub fn answers(&self) -> &[GateAnswer] {
        &self.answers
    }

    /// The locked session, with the order and the target.
    pub(super) fn session(&mut self) -> (&mut dyn Session, &RunContext<'b>, &ObservedTarget) {
        (self.session.as_mut(), &self.order, &self.target)
    }

    /// The parts that a run begins with.
    pub(super) fn into_parts(
        self,
    ) -> (
        RunContext<'b>,
        Box<dyn Session>,
        ObservedTarget,
        Vec<GateAnswer>,
    ) {
        (self.order, self.session, self.target, self.answers)
    }
}

/// Errors that keep the gates closed. Nothing has been written anywhere.
#[derive(Debug)]
pub enum GateError {
    /// No session to the right target.
    Open(OpenError),
    /// Another pgseal process holds the lock.
    Lock(LockError),
    /// At least one gate answered BLOCKED; all answers.
    Blocked(Vec<GateAnswer>),
    /// A gate without an answer, which counts as closed.
    Unanswered(Name, Box<Failure>),
}

/// Errors that prevent a session to the right target.
#[derive(Debug)]
pub enum OpenError {
    Connect(DatabaseError),
    /// The server is not the target.
    Target(TargetError),
    /// Gates and probes would run as a role that can do more than read.
    Role(TooMuch),
}

/// Connects, compares the target, takes the lock and queries every gate.
pub fn pass<'b>(
    order: ContextToRun<'b>,
    observer: &mut dyn Observer,
) -> Result<GatedRelease<'b>, GateError> {
    let order = order.authentic();
    let (session, target) = open_locked(&order, observer)?;
    let answers = ask_all(&order, observer)?;
    if answers.iter().any(|answer| !answer.ready) {
        return Err(GateError::Blocked(answers));
    }
    Ok(GatedRelease {
        order,
        session,
        target,
        answers,
    })
}

/// Like [`pass`], but gives the lock back before it queries the gates; answers may be BLOCKED.
pub(super) fn look(
    order: &RunContext<'_>,
    observer: &mut dyn Observer,
) -> Result<Vec<GateAnswer>, GateError> {
    let (mut session, _) = open_locked(order, observer)?;
    lock::give_back(session.as_mut()).map_err(GateError::Lock)?;
    drop(session);
    ask_all(order, observer)
}

/// Opens a session to the right target, and takes the lock.
fn open_locked(
    order: &RunContext<'_>,
    observer: &mut dyn Observer,
) -> Result<(Box<dyn Session>, ObservedTarget), GateError> {
    let (mut session, target) =
        open(order, order.root().policy(), Purpose::Write).map_err(GateError::Open)?;
    target::check_primary(session.as_ref())
        .map_err(|error| GateError::Open(OpenError::Target(error)))?;
    lock::take(session.as_mut(), order.stop, observer).map_err(GateError::Lock)?;
    Ok((session, target))
}

/// Opens a session to the right target.
pub(super) fn open(
    order: &RunContext<'_>,
    policy: &Policy,
    purpose: Purpose,
) -> Result<(Box<dyn Session>, ObservedTarget), OpenError> {
    let mut session = order.connect.connect(purpose).map_err(OpenError::Connect)?;
    let observed = target::observe(session.as_mut()).map_err(OpenError::Connect)?;
    // The release names the role of its run, not the gate role.
    let runs_as = order
        .runs_as
        .filter(|_| purpose == Purpose::Ask)
        .unwrap_or(&observed.role)
        .to_owned();
    let running = ObservedTarget {
        role: runs_as,
        ..observed.clone()
    };
    let wanted = &order.manifest().target;
    target::check(wanted, policy, order.clone, &running).map_err(OpenError::Target)?;
    let checked = match order.clone {
        Some(CloneOf::Rehearsal(clone)) => clone.check(session.as_mut()),
        Some(CloneOf::Standing(clone)) => clone.check(session.as_mut()),
        None => Ok(()),
    };
    checked.map_err(OpenError::Connect)?;
    settings::reset(session.as_mut(), order.limits).map_err(OpenError::Connect)?;
    Ok((session, observed))
}

/// Opens a session for gates and probes before a run, as a role that the trust root accepts. Also
/// returns the kind of transaction for them.
pub(super) fn open_to_ask(
    order: &RunContext<'_>,
    policy: &Policy,
) -> Result<(Box<dyn Session>, Within), OpenError> {
    let (mut session, _) = open(order, policy, Purpose::Ask)?;
    let runs_as = order.runs_as.filter(|_| order.rehearsal().is_none());
    let wanted = order.root().policy().gate_role;
    let roles = gate_role::check(session.as_mut(), wanted, runs_as, order.clone);
    let roles = roles.map_err(OpenError::Connect)?;
    let within = if roles.superuser_runs {
        Within::BeforeSuperusersRun
    } else {
        Within::OwnTransaction
    };
    roles.too_much.map_or(Ok((session, within)), |too_much| {
        Err(OpenError::Role(too_much))
    })
}

/// Queries every gate; answers may be BLOCKED.
///
/// Each gate gets its own short connection, with a check of target and role. Its read-only
/// transaction is always rolled back, and closing the connection drops all session state. A standby
/// lags behind the primary, so no gate is queried there.
pub fn answers(
    order: &RunContext<'_>,
    observer: &mut dyn Observer,
) -> Result<Vec<GateAnswer>, GateError> {
    // Opened even without gates, so that a wrong target or role is reported.
    let open = || {
        let (session, within) = open_to_ask(order, order.root().policy())?;
        target::check_primary(session.as_ref()).map_err(OpenError::Target)?;
        Ok((session, within))
    };
    let mut fresh = Some(open().map_err(GateError::Open)?);
    let mut answers = Vec::new();
    for gate in needed(order) {
        let fresh = match fresh.take() {
            Some(fresh) => fresh,
            None => open().map_err(GateError::Open)?,
        };
        let answer = ask_one(order, gate, fresh)?;
        observer.event(Event::Gate(&answer));
        answers.push(answer);
    }
    Ok(answers)
}

/// Queries one file of the release as a gate that no tier requires.
pub fn ask_alone(order: &RunContext<'_>, gate: &Gate) -> Result<GateAnswer, GateError> {
    let opened = open_to_ask(order, order.root().policy()).map_err(GateError::Open)?;
    target::check_primary(opened.0.as_ref())
        .map_err(|error| GateError::Open(OpenError::Target(error)))?;
    ask_one(order, gate, opened)
}

fn ask_one(
    order: &RunContext<'_>,
    gate: &Gate,
    (mut session, within): (Box<dyn Session>, Within),
) -> Result<GateAnswer, GateError> {
    let sql = order.sql(&gate.file).map_err(Failure::from);
    sql.and_then(|sql| probe::ask_read_only(session.as_mut(), sql, order, within))
        .and_then(|observed| answer(gate, Asked::Before, observed))
        .map_err(|failure| GateError::Unanswered(gate.name.clone(), Box::new(failure)))
}

/// Like [`answers`], but opens no session if there are no gates.
pub(super) fn ask_all(
    order: &RunContext<'_>,
    observer: &mut dyn Observer,
) -> Result<Vec<GateAnswer>, GateError> {
    if needed(order).next().is_none() {
        return Ok(Vec::new());
    }
    answers(order, observer)
}

/// Queries each gate again, inside the run's own transaction.
pub(super) fn ask_inside(
    session: &mut dyn Session,
    order: &RunContext<'_>,
    asked: Asked,
) -> Result<Vec<GateAnswer>, GateError> {
    let mut answers = Vec::new();
    for gate in needed(order) {
        let unanswered = |failure| GateError::Unanswered(gate.name.clone(), Box::new(failure));
        let sql = order.sql(&gate.file).map_err(Failure::from);
        let answer = sql
            .and_then(|sql| probe::ask(session, sql, order, probe::within_run(order)))
            .and_then(|observed| answer(gate, asked, observed));
        answers.push(answer.map_err(unanswered)?);
    }
    Ok(answers)
}

/// Gates that at least one tier requires, in the order of the manifest. Each binds the whole run.
fn needed<'b>(order: &RunContext<'b>) -> impl Iterator<Item = &'b Gate> {
    let manifest = order.manifest();
    manifest.gates.iter().filter(|gate| {
        manifest
            .tiers
            .iter()
            .any(|tier| tier.gates.contains(&gate.name))
    })
}

/// Reads a gate's answer: `ready boolean` and `reason text`, neither NULL. The other columns are
/// evidence.
fn answer(
    gate: &Gate,
    asked: Asked,
    Answer {
        row: mut observed,
        booleans,
    }: Answer,
) -> Result<GateAnswer, Failure> {
    let mut take = |column: &str| match observed.remove(column) {
        None => Err(Failure::plain(format!("it returned no column {column:?}"))),
        Some(None) => Err(Failure::plain(format!("its column {column:?} is NULL"))),
        Some(Some(value)) => Ok(value),
    };
    let (ready, reason) = (take("ready")?, take("reason")?);
    if !booleans.iter().any(|column| column == "ready") {
        return Err(Failure::plain(format!(
            "its column \"ready\" is {ready:?}, not a boolean"
        )));
    }
    let ready = ready == "t";
    Ok(GateAnswer {
        name: gate.name.clone(),
        asked,
        ready,
        reason,
        evidence: observed,
    })
}
